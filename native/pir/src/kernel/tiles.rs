//! Sums by tiles, for many queries at once.
//!
//! **Theory.** A left tile holds four queries' four digits (16 rows) for 64 columns; a right tile is sixteen blocks' 16 rows, as they
//! lie in memory. One instruction makes 16 x 16 sums over 64 columns. Two left and two right tiles give four such sums for four loads,
//! which is what keeps the unit busy.
//!
//! **Invariant.** No tile register is in use outside of one call of [`Tiles::multiply`]. What it computes is in `model.rs`.

use super::digits::{self, Words};
use super::{portable, Multiply, Sums, WORDS};
use crate::matrix::{Block, GROUP, STEP_GROUPS, TILE_ROWS};

/// Words of a left tile: 16 rows of 64 bytes.
pub(crate) const TILE_WORDS: usize = 256;
/// Rows of the matrix in a right tile.
pub(crate) const RIGHT_ROWS: usize = 16;
/// Queries of a left tile.
const LEFT_QUERIES: usize = 4;
/// Queries of one multiplication.
const QUERIES: usize = 2 * LEFT_QUERIES;

/// 16 x 16 sums: digit k of query q in row 4 q + k, a row of the matrix a column.
pub(crate) type Product = [u32; TILE_WORDS];

/// The one operation. A value of the type shows that the processor has it.
pub(crate) trait Tiles: Copy + Send + Sync {
    /// Products of two runs of left tiles with the rows from `row` and from `row + 16` on of the blocks, sixteen of them to a
    /// left tile: left 0 with both, then left 1 with both. `row` is 0 or 32.
    fn multiply(self, left: [&[u32]; 2], blocks: &[Block], row: usize, products: &mut [Product; 4]);
}

/// A kernel over tiles.
pub(crate) struct OverTiles<T>(pub(crate) T);

impl<T: Tiles> Multiply for OverTiles<T> {
    fn run_groups(&self, _queries: usize) -> usize {
        // Sixteen steps: 32 KB of right tiles stay in the nearest cache while all queries pass.
        256
    }

    fn prepare(&self, queries: &[&[u32]], groups: usize) -> Vec<u32> {
        let mut words = vec![0; queries.len().next_multiple_of(QUERIES) * groups * WORDS];
        for (place, query) in queries.iter().enumerate() {
            let left = &mut words[place / LEFT_QUERIES * LEFT_QUERIES * groups * WORDS..];
            for (group, numbers) in query.chunks(GROUP).enumerate().take(groups) {
                let mut four = [0; GROUP];
                four[..numbers.len()].copy_from_slice(numbers);
                let digits: Words = digits::bytes(four);
                let tile = group / STEP_GROUPS * TILE_WORDS;
                for (digit, word) in digits.into_iter().enumerate() {
                    let row = place % LEFT_QUERIES * WORDS + digit;
                    left[tile + row * STEP_GROUPS + group % STEP_GROUPS] = word;
                }
            }
        }
        words
    }

    fn accumulate(&self, blocks: &[Block], words: &[u32], sums: &mut [Sums]) {
        if blocks.is_empty() {
            return;
        }
        let left_words = LEFT_QUERIES * blocks.len() * WORDS;
        let mut products = [[0; TILE_WORDS]; 4];
        for (words, sums) in words
            .chunks_exact(2 * left_words)
            .zip(sums.chunks_mut(QUERIES))
        {
            let (first, second) = words.split_at(left_words);
            for row in (0..TILE_ROWS).step_by(2 * RIGHT_ROWS) {
                self.0.multiply([first, second], blocks, row, &mut products);
                for (place, product) in products.iter().enumerate() {
                    let queries = sums
                        .iter_mut()
                        .skip(place / 2 * LEFT_QUERIES)
                        .take(LEFT_QUERIES);
                    for (sums, digits) in queries.zip(product.chunks_exact(WORDS * RIGHT_ROWS)) {
                        add_digits(
                            digits,
                            &mut sums[row + place % 2 * RIGHT_ROWS..][..RIGHT_ROWS],
                        );
                    }
                }
            }
        }
    }

    fn dot(&self, left: &[u32], right: &[u32]) -> u32 {
        portable::dot(left, right)
    }
}

/// Puts the sums of four digits together.
fn add_digits(digits: &[u32], sums: &mut [u32]) {
    for (digit, row) in digits.chunks_exact(RIGHT_ROWS).enumerate() {
        for (sum, part) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(part << (8 * digit));
        }
    }
}
