//! Hashes and keyed hashes of the commitment: `D`, HMAC-SHA-512 and the address of an app.
//!
//! **Theory.** `raw(tag, parts)` is SHA-512 over the tag and the parts, each with its length (u32 LE) before it, so no
//! two lists of parts give the same bytes; `D` is its first half. HMAC is RFC 2104 over SHA-512.

use sha2::{Digest as _, Sha256, Sha512};

/// A digest of 32 bytes.
pub type Digest = [u8; 32];

const BLOCK: usize = 128;

fn framed(hash: &mut Sha512, part: &[u8]) {
    hash.update((part.len() as u32).to_le_bytes());
    hash.update(part);
}

/// `D(tag, parts)`: the first 32 bytes of the framed SHA-512.
pub fn digest(tag: &str, parts: &[&[u8]]) -> Digest {
    let mut hash = Sha512::new();
    framed(&mut hash, tag.as_bytes());
    for part in parts {
        framed(&mut hash, part);
    }
    head(&hash.finalize())
}

/// The first `N` bytes of a hash of at least so many.
pub(crate) fn head<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

/// Where an app lies among all apps: `SHA-256(frame("hyperdb/app") || frame(name))`.
pub fn address(name: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    for part in [b"hyperdb/app", name] {
        hash.update((part.len() as u32).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
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
        assert_ne!(digest("t", &[b"ab", b"c"]), digest("t", &[b"a", b"bc"]));
        assert_ne!(digest("t", &[b"", b"a"]), digest("t", &[b"a"]));
        assert_ne!(address(b""), address(b"\0"));
    }
}
