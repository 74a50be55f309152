//! Sums without any particular instructions: what all other kernels are checked against.

use super::digits::Group;
use super::{Multiply, Sums, WORDS};
use crate::matrix::{Block, GROUP};

/// Products of 32 bits, written so that a compiler makes vectors of them where it can.
pub(crate) struct Portable;

impl Multiply for Portable {
    fn run_groups(&self, _queries: usize) -> usize {
        1024
    }

    fn prepare(&self, queries: &[&[u32]], groups: usize) -> Vec<u32> {
        let mut words = vec![0; queries.len() * groups * WORDS];
        for (words, query) in words.chunks_exact_mut((groups * WORDS).max(1)).zip(queries) {
            for (word, number) in words.iter_mut().zip(*query) {
                *word = *number;
            }
        }
        words
    }

    fn accumulate(&self, blocks: &[Block], words: &[u32], sums: &mut [Sums]) {
        for (words, sums) in words.chunks_exact((blocks.len() * WORDS).max(1)).zip(sums) {
            for (block, numbers) in blocks.iter().zip(words.chunks_exact(WORDS)) {
                add_block(
                    block,
                    [numbers[0], numbers[1], numbers[2], numbers[3]],
                    sums,
                );
            }
        }
    }

    fn dot(&self, left: &[u32], right: &[u32]) -> u32 {
        dot(left, right)
    }
}

fn add_block(block: &Block, numbers: Group, sums: &mut Sums) {
    for (sum, bytes) in sums.iter_mut().zip(block.0.chunks_exact(GROUP)) {
        for (byte, number) in bytes.iter().zip(numbers) {
            *sum = sum.wrapping_add(u32::from(*byte).wrapping_mul(number));
        }
    }
}

/// The sum of products; inlined, so that it is compiled for the instructions of whoever calls it.
#[inline(always)]
pub(crate) fn dot(left: &[u32], right: &[u32]) -> u32 {
    let products = left.iter().zip(right).map(|(a, b)| a.wrapping_mul(*b));
    products.fold(0, u32::wrapping_add)
}
