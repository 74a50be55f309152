//! SipHash-1-3, the order of unordered spaces.
//!
//! Keyed by 16 bytes that each store draws at creation and shows to verifiers: strangers cannot aim their keys
//! at one place of the tree, and anyone can recompute where a key must lie. Aumasson and Bernstein, 2012.

/// The key of a store's hash order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKey {
    /// First half, little endian.
    pub k0: u64,
    /// Second half, little endian.
    pub k1: u64,
}

impl HashKey {
    /// From the 16 bytes kept in the store.
    pub fn from_bytes(bytes: &[u8; 16]) -> Self {
        let whole = u128::from_le_bytes(*bytes);
        Self {
            k0: whole as u64,
            k1: (whole >> 64) as u64,
        }
    }

    /// The 16 bytes kept in the store.
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.k0) | (u128::from(self.k1) << 64)).to_le_bytes()
    }

    /// The place of `bytes` in an unordered space.
    pub fn hash64(&self, bytes: &[u8]) -> u64 {
        let mut v = [
            self.k0 ^ 0x736f_6d65_7073_6575,
            self.k1 ^ 0x646f_7261_6e64_6f6d,
            self.k0 ^ 0x6c79_6765_6e65_7261,
            self.k1 ^ 0x7465_6462_7974_6573,
        ];
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0u8; 8];
            word.copy_from_slice(chunk);
            let m = u64::from_le_bytes(word);
            v[3] ^= m;
            round(&mut v);
            v[0] ^= m;
        }
        let mut last = (bytes.len() as u64) << 56;
        for (i, byte) in chunks.remainder().iter().enumerate() {
            last |= u64::from(*byte) << (8 * i);
        }
        v[3] ^= last;
        round(&mut v);
        v[0] ^= last;
        v[2] ^= 0xff;
        round(&mut v);
        round(&mut v);
        round(&mut v);
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }
}

#[inline(always)]
fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::HashKey;
    use std::hash::Hasher;

    #[test]
    #[allow(deprecated)]
    fn agrees_with_the_standard_library() {
        // `DefaultHasher` is SipHash-1-3 with a zero key; the old `SipHasher` is 2-4 and would differ.
        let key = HashKey { k0: 0, k1: 0 };
        for len in 0..64 {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7 + 3) as u8).collect();
            let mut theirs = std::collections::hash_map::DefaultHasher::new();
            theirs.write(&bytes);
            assert_eq!(key.hash64(&bytes), theirs.finish(), "length {len}");
        }
    }
}
