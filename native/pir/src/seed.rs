//! Secret randomness: a stream from 32 bytes that the caller takes from the system's generator.
//!
//! **Theory.** AES-256 in counter mode under a key hashed from the seed. Randomness is passed in, so that tests are repeatable and
//! no generator hides in this crate.
//!
//! **Invariant.** One seed makes one query. Two queries for different columns under one seed give both columns away.

use crate::hash;
use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes256, Block};

/// 32 bytes of the system's generator, used for one query.
#[derive(Clone)]
pub struct Seed(pub [u8; 32]);

const BLOCKS: usize = 64;

/// Numbers from a seed.
pub(crate) struct Stream {
    cipher: Aes256,
    counter: u128,
    blocks: [Block; BLOCKS],
    used: usize,
}

impl Stream {
    pub(crate) fn new(seed: &Seed) -> Stream {
        let key: [u8; 32] = hash::head("hyperdb/pir-query", &[&seed.0]);
        Stream {
            cipher: Aes256::new(&key.into()),
            counter: 0,
            blocks: [Block::default(); BLOCKS],
            used: 2 * BLOCKS,
        }
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        if self.used == 2 * BLOCKS {
            for block in &mut self.blocks {
                *block = self.counter.to_le_bytes().into();
                self.counter += 1;
            }
            self.cipher.encrypt_blocks(&mut self.blocks);
            self.used = 0;
        }
        let block = u128::from_le_bytes(self.blocks[self.used / 2].into());
        let half = (block >> (64 * (self.used % 2))) as u64;
        self.used += 1;
        half
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let take = |seed: u8| {
            let mut stream = Stream::new(&Seed([seed; 32]));
            (0..1000).map(|_| stream.next()).collect::<Vec<_>>()
        };
        assert_eq!(take(1), take(1));
        assert_ne!(take(1), take(2));
        let mut distinct = take(1);
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 1000, "no block comes twice");
    }
}
