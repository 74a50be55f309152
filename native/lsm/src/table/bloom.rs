//! A split-block bloom filter: one cache line of memory answers "surely not here".
//!
//! **Theory.** The filter is an array of 256-bit blocks. One half of the key's hash chooses the block, the
//! other half sets one bit in each of its eight 32-bit words. Source: the split block bloom filter of the
//! Apache Parquet format specification (BloomFilter.md), whose salts are used here. At ten bits a key about
//! one absent key in a hundred passes, at sixteen one in a thousand.
//!
//! **Invariant.** A key that was added always passes.

use crate::near;

/// Filter bits spent per key of a table on level 1 or deeper: a reader asks one filter a level.
pub(crate) const DEEP_BITS: usize = 10;

/// Filter bits spent per key of a flushed memtable: a reader asks the filters of all tables on level 0.
pub(crate) const FLUSHED_BITS: usize = 16;

const SALTS: [u32; 8] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

#[derive(Clone, Copy, Default)]
#[repr(align(32))]
struct Block([u32; 8]);

/// A filter over key hashes.
pub(crate) struct Bloom {
    blocks: Vec<Block>,
}

impl Bloom {
    /// A filter holding exactly `hashes`, with room for so many bits each.
    pub(crate) fn build(hashes: &[u64], bits_per_key: usize) -> Self {
        let blocks = (hashes.len() * bits_per_key).div_ceil(256).max(1);
        let mut bloom = Self {
            blocks: vec![Block::default(); blocks],
        };
        for &hash in hashes {
            let block = bloom.block_of(hash);
            for (word, bit) in bloom.blocks[block].0.iter_mut().zip(bits(hash)) {
                *word |= bit;
            }
        }
        bloom
    }

    #[inline]
    fn block_of(&self, hash: u64) -> usize {
        (((hash >> 32) * self.blocks.len() as u64) >> 32) as usize
    }

    /// Asks for what [`Bloom::may_hold`] will read.
    #[inline]
    pub(crate) fn ask(&self, hash: u64) {
        near::ask(&self.blocks[self.block_of(hash)]);
    }

    /// False if no key with this hash was added.
    #[inline]
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        let block = &self.blocks[self.block_of(hash)].0;
        let mut missing = 0;
        for (word, bit) in block.iter().zip(bits(hash)) {
            missing |= !word & bit;
        }
        missing == 0
    }

    /// The filter as stored: its words, little endian.
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.blocks
            .iter()
            .flat_map(|block| block.0)
            .flat_map(u32::to_le_bytes)
            .collect()
    }

    /// Reads [`Bloom::encode`]'s bytes; `None` if they are not whole blocks.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(32) {
            return None;
        }
        let blocks = bytes
            .chunks_exact(32)
            .map(|chunk| {
                let mut block = Block::default();
                for (word, four) in block.0.iter_mut().zip(chunk.chunks_exact(4)) {
                    *word = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
                }
                block
            })
            .collect();
        Some(Self { blocks })
    }
}

#[inline]
fn bits(hash: u64) -> impl Iterator<Item = u32> {
    SALTS
        .iter()
        .map(move |salt| 1 << ((hash as u32).wrapping_mul(*salt) >> 27))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hash::key_hash;

    fn hashes(range: std::ops::Range<u64>) -> Vec<u64> {
        range.map(|n| key_hash(&n.to_be_bytes())).collect()
    }

    #[test]
    fn every_added_key_passes_also_after_storing() {
        let added = hashes(0..10_000);
        let bloom = Bloom::decode(&Bloom::build(&added, DEEP_BITS).encode()).unwrap();
        assert!(added.iter().all(|&hash| bloom.may_hold(hash)));
    }

    #[test]
    fn few_absent_keys_pass() {
        for (bits, expected) in [(DEEP_BITS, 200..2_000), (FLUSHED_BITS, 20..200)] {
            let bloom = Bloom::build(&hashes(0..20_000), bits);
            let passed = hashes(1_000_000..1_100_000)
                .into_iter()
                .filter(|&hash| bloom.may_hold(hash))
                .count();
            assert!(
                expected.contains(&passed),
                "{passed} of 100000 passed at {bits} bits"
            );
        }
    }

    #[test]
    fn an_empty_filter_holds_nothing_and_torn_bytes_are_refused() {
        let bloom = Bloom::build(&[], DEEP_BITS);
        assert!(hashes(0..100).into_iter().all(|hash| !bloom.may_hold(hash)));
        assert!(Bloom::decode(&[]).is_none());
        assert!(Bloom::decode(&[0; 33]).is_none());
    }
}
