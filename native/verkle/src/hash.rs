//! The two hashes of `docs/commitment.md`: to a scalar, and to a digest, both from SHA-512 over framed parts. HMAC over it (RFC 2104)
//! gives salts.
//!
//! **Invariant.** Every part is framed by its length, and every use has a tag of its own, so no two meanings share an input
//! (threats: leaf and branch confusion, unframed concatenation).

use crate::scalar::Scalar;
use sha2::{Digest as _, Sha512};

/// 32 bytes that stand for something hashed.
pub type Digest = [u8; 32];

const BLOCK: usize = 128;

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
    let scalar = Scalar::reduce_wide(&raw(tag, parts));
    if scalar.is_zero() {
        return Scalar::one();
    }
    scalar
}

/// `D(tag, parts)`: the first 32 bytes of [`raw`].
pub fn to_digest(tag: &str, parts: &[&[u8]]) -> Digest {
    head(&raw(tag, parts))
}

/// The first `N` bytes of a hash of at least so many.
pub fn head<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

/// HMAC-SHA-512 under one key, for many messages: the key's two blocks are hashed once.
#[derive(Clone)]
pub struct Mac {
    inner: Sha512,
    outer: Sha512,
}

impl Mac {
    /// Under `key`, of at most 128 bytes (all keys here have at most 64).
    pub fn new(key: &[u8]) -> Mac {
        let padded = |pad: u8| {
            let mut block = [pad; BLOCK];
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
            Sha512::new_with_prefix(block)
        };
        Mac {
            inner: padded(0x36),
            outer: padded(0x5c),
        }
    }

    /// The code of the message that `parts` make together.
    pub fn code(&self, parts: &[&[u8]]) -> [u8; 64] {
        let mut inner = self.inner.clone();
        for part in parts {
            inner.update(part);
        }
        let mut outer = self.outer.clone();
        outer.update(inner.finalize());
        outer.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_vectors_of_rfc_4231_hold() {
        let code = |key: &[u8], message: &[u8]| hex(&Mac::new(key).code(&[message]));
        assert_eq!(
            code(&[0x0b; 20], b"Hi There"),
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
        );
        assert_eq!(
            code(b"Jefe", b"what do ya want for nothing?"),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(
            to_digest("t", &[b"ab", b"c"]),
            to_digest("t", &[b"a", b"bc"])
        );
        assert_ne!(to_digest("t", &[b"", b"a"]), to_digest("t", &[b"a"]));
    }
}
