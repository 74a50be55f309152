//! The two hashes of `docs/commitment.md`: to a scalar, and to a digest, both from SHA-512 over framed parts.
//!
//! **Invariant.** Every part is framed by its length, and every use has a tag of its own, so no two meanings share an input
//! (threats: leaf and branch confusion, unframed concatenation).

use crate::scalar::Scalar;
use sha2::{Digest as _, Sha512};

/// 32 bytes that stand for something hashed.
pub type Digest = [u8; 32];

/// SHA-512 over the framed tag and parts, each below 4 GiB (the longest value that the store takes is far shorter).
pub fn raw(tag: &str, parts: &[&[u8]]) -> [u8; 64] {
    let mut hasher = Sha512::new();
    let mut frame = |part: &[u8]| {
        hasher.update((part.len() as u32).to_le_bytes());
        hasher.update(part);
    };
    frame(tag.as_bytes());
    parts.iter().copied().for_each(&mut frame);
    hasher.finalize().into()
}

/// `S(tag, parts)`: [`raw`] as a big-endian number mod r; never zero, which means an empty slot.
pub fn to_scalar(tag: &str, parts: &[&[u8]]) -> Scalar {
    let scalar = Scalar::reduce(&raw(tag, parts));
    if scalar.is_zero() {
        return Scalar::one();
    }
    scalar
}

/// `D(tag, parts)`: the first 32 bytes of [`raw`].
pub fn to_digest(tag: &str, parts: &[&[u8]]) -> Digest {
    let raw = raw(tag, parts);
    let mut out = [0; 32];
    out.copy_from_slice(&raw[..32]);
    out
}
