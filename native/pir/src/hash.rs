//! The project's framed hash, `docs/commitment.md`, Hashing: keys of streams are made by it.

use sha2::{Digest as _, Sha512};

/// The first `N` bytes (at most 64) of SHA-512 over the framed tag and parts.
pub(crate) fn head<const N: usize>(tag: &str, parts: &[&[u8]]) -> [u8; N] {
    let mut hasher = Sha512::new();
    let mut frame = |part: &[u8]| {
        hasher.update((part.len() as u32).to_le_bytes());
        hasher.update(part);
    };
    frame(tag.as_bytes());
    parts.iter().copied().for_each(&mut frame);
    let hash = hasher.finalize();
    let mut out = [0; N];
    out.copy_from_slice(&hash[..N]);
    out
}
