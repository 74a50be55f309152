//! The project's framed hash, `docs/commitment.md`, Hashing: keys of streams are made by it.

use sha2::{Digest as _, Sha512};

/// SHA-512 over parts that come one by one, each behind its length.
pub(crate) struct Framed(Sha512);

impl Framed {
    /// Begins with a tag.
    pub(crate) fn new(tag: &str) -> Self {
        let mut framed = Framed(Sha512::new());
        framed.add(tag.as_bytes());
        framed
    }

    pub(crate) fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u32).to_le_bytes());
        self.0.update(part);
    }

    /// The hash's first `N` bytes, at most 64.
    pub(crate) fn head<const N: usize>(self) -> [u8; N] {
        let hash = self.0.finalize();
        let mut out = [0; N];
        out.copy_from_slice(&hash[..N]);
        out
    }
}

/// The first `N` bytes (at most 64) of SHA-512 over the framed tag and parts.
pub(crate) fn head<const N: usize>(tag: &str, parts: &[&[u8]]) -> [u8; N] {
    let mut framed = Framed::new(tag);
    parts.iter().for_each(|part| framed.add(part));
    framed.head()
}
