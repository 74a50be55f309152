//! Ed448 signatures (RFC 8032, pure, with a context): the store's key and owners' keys.
//!
//! **Theory.** The context keeps a signature of one purpose from being taken for one of another: frames are signed in
//! `hyperdb/frame`, attestations of owners in `hyperdb/attest`.
//!
//! **Invariant.** A secret key is its 57-byte seed and never leaves this type but by [`SecretKey::seed`].

use ed448_goldilocks_plus::SigningKey;

/// Bytes of a secret key's seed.
pub const SEED: usize = 57;
/// Bytes of a public key.
pub const PUBLIC_KEY: usize = 57;
/// Bytes of a signature.
pub const SIGNATURE: usize = 114;

/// What a signature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A frame header, by the store.
    Frame,
    /// An app's root at a frame, by its owner.
    Attest,
}

impl Purpose {
    fn context(self) -> &'static [u8] {
        match self {
            Purpose::Frame => b"hyperdb/frame",
            Purpose::Attest => b"hyperdb/attest",
        }
    }
}

/// A key that signs.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of a seed of 57 random bytes.
    pub fn from_seed(seed: &[u8; SEED]) -> SecretKey {
        SecretKey(SigningKey::from(ed448_goldilocks_plus::SecretKey::from(
            *seed,
        )))
    }

    /// The seed, to be kept secret.
    pub fn seed(&self) -> [u8; SEED] {
        self.0.to_bytes().into()
    }

    /// The key that verifies.
    pub fn public(&self) -> [u8; PUBLIC_KEY] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs `message`.
    ///
    /// # Errors
    /// [`hyperdb_lsm::Error::Invalid`] if the arithmetic failed its own check.
    pub fn sign(&self, purpose: Purpose, message: &[u8]) -> hyperdb_lsm::Result<[u8; SIGNATURE]> {
        self.0
            .sign_ctx(purpose.context(), message)
            .map(|signature| signature.to_bytes())
            .map_err(|error| hyperdb_lsm::Error::Invalid(format!("cannot sign: {error}")))
    }
}

/// Whether `signature` over `message` is by the owner of `public`.
pub fn verify(purpose: Purpose, public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    verify_in(purpose.context(), public, message, signature)
}

pub(crate) fn verify_in(context: &[u8], public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(public), Ok(signature)) = (public.try_into(), signature.try_into()) else {
        return false;
    };
    hyperdb_ed448::verify(context, public, message, signature)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use ed448_goldilocks_plus::{Signature, VerifyingKey};

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        digits.chunks(2).map(|d| (d[0] * 16 + d[1]) as u8).collect()
    }

    /// RFC 8032, section 7.4: secret key, public key, message, context, signature.
    const VECTORS: [[&str; 5]; 4] = [
        [
            "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b",
            "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180",
            "",
            "",
            "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600",
        ],
        [
            "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
            "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480",
            "03",
            "",
            "26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0ff3348ab21aa4adafd1d234441cf807c03a00",
        ],
        [
            "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
            "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480",
            "03",
            "666f6f",
            "d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea000c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d5428407e85dcbc98a49155c13764e66c3c00",
        ],
        [
            "cd23d24f714274e744343237b93290f511f6425f98e64459ff203e8985083ffdf60500553abc0e05cd02184bdb89c4ccd67e187951267eb328",
            "dcea9e78f35a1bf3499a831b10b86c90aac01cd84b67a0109b55a36e9328b1e365fce161d71ce7131a543ea4cb5f7e9f1d8b00696447001400",
            "0c3e544074ec63b0265e0c",
            "",
            "1f0a8888ce25e8d458a21130879b840a9089d999aaba039eaf3e3afa090a09d389dba82c4ff2ae8ac5cdfb7c55e94d5d961a29fe0109941e00b8dbdeea6d3b051068df7254c0cdc129cbe62db2dc957dbb47b51fd3f213fb8698f064774250a5028961c9bf8ffd973fe5d5c206492b140e00",
        ],
    ];

    #[test]
    fn the_vectors_of_the_standard_hold() {
        for [secret, public, message, context, signature] in VECTORS.map(|row| row.map(bytes)) {
            let key = SecretKey::from_seed(&secret.try_into().unwrap());
            assert_eq!(key.public()[..], public);
            let signed = key.0.sign_ctx(&context, &message).unwrap();
            assert_eq!(signed.to_bytes()[..], signature);
            assert!(verify_in(&context, &public, &message, &signature));
            assert!(!verify_in(b"other", &public, &message, &signature));
        }
    }

    #[test]
    fn nothing_but_the_signed_message_passes() {
        let key = SecretKey::from_seed(&[7; SEED]);
        let (public, message) = (key.public(), b"a header");
        let signature = key.sign(Purpose::Frame, message).unwrap();
        let check = |public: &[u8], message: &[u8], signature: &[u8]| {
            verify(Purpose::Frame, public, message, signature)
        };
        assert!(check(&public, message, &signature));
        assert!(!verify(Purpose::Attest, &public, message, &signature));
        assert!(!check(&public, b"another", &signature));
        for i in (0..SIGNATURE).step_by(9) {
            let mut bad = signature;
            bad[i] ^= 1;
            assert!(!check(&public, message, &bad), "byte {i}");
        }
        let mut other = public;
        other[3] ^= 1;
        assert!(!check(&other, message, &signature));
        assert!(!check(&public[1..], message, &signature));
        assert!(!check(&public, message, &signature[1..]));
        assert!(!check(&public, message, b""));
    }

    /// The library that signs, as a verifier.
    fn by_the_library(public: &[u8; 57], message: &[u8], signature: &[u8; 114]) -> bool {
        let (Ok(key), Ok(signature)) = (
            VerifyingKey::from_bytes(public),
            Signature::from_bytes(signature),
        ) else {
            return false;
        };
        key.verify_ctx(&signature, b"hyperdb/frame", message)
            .is_ok()
    }

    #[test]
    fn the_verdict_is_the_librarys() {
        let mut passed = 0;
        for n in 0..24u8 {
            let key = SecretKey::from_seed(&[n; SEED]);
            let message = vec![n; usize::from(n) * 11];
            let signature = key.sign(Purpose::Frame, &message).unwrap();
            let mut cases = vec![(key.public(), signature)];
            for at in [0, 20, 55, 56, 57, 80, 112, 113] {
                let mut forged = signature;
                forged[at] ^= 1 << (n % 8);
                cases.push((key.public(), forged));
            }
            let mut forged = key.public();
            forged[usize::from(n) * 5 % 57] ^= 1;
            cases.push((forged, signature));
            for (public, signature) in &cases {
                let found = verify(Purpose::Frame, public, &message, signature);
                assert_eq!(found, by_the_library(public, &message, signature));
                passed += u32::from(found);
            }
        }
        assert_eq!(passed, 24);
    }

    /// Under the neutral point as a key every signature would hold whose nonce is s times the base; other encodings of points and scalars
    /// would be second forms of a signature.
    #[test]
    fn what_is_no_key_no_nonce_and_no_scalar_is_refused() {
        let key = SecretKey::from_seed(&[7; SEED]);
        let signature = key.sign(Purpose::Frame, b"a header").unwrap();
        let passes = |public: &[u8; 57], signature: &[u8; 114]| {
            let found = verify(Purpose::Frame, public, b"a header", signature);
            assert_eq!(found, by_the_library(public, b"a header", signature));
            found
        };
        let mut neutral = [0; 57];
        neutral[0] = 1;
        let mut nothing = [0; 114];
        nothing[0] = 1;
        assert!(passes(&key.public(), &signature));
        assert!(!passes(&neutral, &nothing));
        assert!(!passes(&key.public(), &nothing));
        // p, p + 1, the parity of x = 0, a spare bit.
        let p: [u8; 57] = std::array::from_fn(|at| match at {
            28 => 0xfe,
            56 => 0,
            _ => 0xff,
        });
        let mut more = [0; 57];
        more[28..56].fill(0xff);
        let mut odd = neutral;
        odd[56] = 0x80;
        let mut spare = key.public();
        spare[56] |= 1;
        for public in [p, more, odd, spare, [0xff; 57]] {
            assert!(!passes(&public, &signature));
            let mut forged = signature;
            forged[..57].copy_from_slice(&public);
            assert!(!passes(&key.public(), &forged));
        }
        // s + L, where it fits.
        let order = bytes("f34458ab92c27823558fc58d72c26c219036d6ae49db4ec4e923ca7cffffffffffffffffffffffffffffffffffffffffffffffffffffff3f00");
        let mut forged = signature;
        let mut carry = 0;
        for (byte, more) in forged[57..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert!(!passes(&key.public(), &forged));
    }
}
