//! Keys of Ed448 as multiples of the base: for those who encrypt to the holder of a signing key.
//!
//! **Theory.** RFC 8032, section 5.2.5: of SHAKE256 over the seed, 57 bytes, of which the first 56, with some bits set and cleared, are the
//! secret scalar s, a multiple of four; the public key is s times the base.
//!
//! **Invariant.** Both parts of a key, the seed here and [`Point`]s of others, are checked where they come in.

use crate::curve::POINT;
use crate::multiples::base;
use crate::scalar::{Scalar, WIDE};
use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::Shake256;
use zeroize::Zeroize;

/// Bytes of a secret key's seed.
pub const SEED: usize = 57;

/// The secret scalar of a seed.
pub fn secret_scalar(seed: &[u8; SEED]) -> Scalar {
    let mut hasher = Shake256::default();
    hasher.update(seed);
    let mut wide = [0; WIDE];
    hasher.finalize_xof().read(&mut wide[..SEED]);
    wide[0] &= 0xfc;
    wide[55] |= 0x80;
    wide[56] = 0;
    let scalar = Scalar::reduce(&wide);
    wide.zeroize();
    scalar
}

/// The public key of a seed.
pub fn public_of(seed: &[u8; SEED]) -> [u8; POINT] {
    let mut scalar = secret_scalar(seed);
    let public = base().times(&scalar).encode();
    scalar.zeroize();
    public
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed448_goldilocks_plus::{SecretKey, SigningKey};

    #[test]
    fn public_keys_are_the_librarys() {
        for n in 0..20u8 {
            let seed = std::array::from_fn(|at| n.wrapping_mul(31) ^ at as u8);
            let key = SigningKey::from(SecretKey::from(seed));
            assert_eq!(public_of(&seed), key.verifying_key().to_bytes());
        }
    }
}
