//! Verifying Ed448 signatures: RFC 8032, section 5.2, pure and with a context.
//!
//! **Theory.** edwards448, x^2 + y^2 = 1 - 39081 x^2 y^2, in the RFC's projective coordinates, whose addition has no exceptions. What is
//! checked is s B - k A = R, without the cofactor, as the verifier in Python does. Both multiples share their doublings
//! (Straus, 1964), by digits in non-adjacent form (Solinas, 2000). Every bundle has a signature, and the library that signs takes
//! ten times as long to verify one, in constant time, though nothing here is secret.
//!
//! **Invariant.** The same verdict as that library's and the pure verifier's, for every key, signature and message: tested beside both.
//! One encoding of a point, of a scalar.

use crate::curve::Point;
use crate::scalar::Scalar;
use crate::sum::sum_with_base;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::Shake256;

/// Whether `signature` is that of `message` under the key `public` and `context`, of 255 bytes at most.
pub fn verify(context: &[u8], public: &[u8; 57], message: &[u8], signature: &[u8; 114]) -> bool {
    let (nonce, s) = signature.split_at(57);
    let (Ok(nonce), Ok(s)) = (<&[u8; 57]>::try_from(nonce), <&[u8; 57]>::try_from(s)) else {
        return false;
    };
    let Ok(length) = u8::try_from(context.len()) else {
        return false;
    };
    let (Some(key), Some(r), Some(s)) = (
        Point::decode(public),
        Point::decode(nonce),
        Scalar::from_signature(s),
    ) else {
        return false;
    };
    if key.times_four().is_neutral() {
        // Under a key of so few multiples anybody signs anything, or every fourth message.
        return false;
    }
    let mut hasher = Shake256::default();
    hasher.update(b"SigEd448");
    hasher.update(&[0, length]);
    for part in [context, nonce, public, message] {
        hasher.update(part);
    }
    let mut wide = [0; 114];
    hasher.finalize_xof().read(&mut wide);
    sum_with_base(&s, &Scalar::reduce(&wide), &key.negate()) == r
}
