//! Sums by vectors: one algorithm for every width and every kind of digit.
//!
//! **Theory.** A lane is a row; its four bytes are the row's entries in a group of columns. The four words that stand for a group of a
//! query are the same for all rows. So a pass keeps the sums of V vectors of rows for Q queries in registers, and runs through the
//! blocks once: V loads and 4 Q broadcast words a block.
//!
//! **Invariant.** What a step computes is written down in `model.rs`, through which this file is tested on every processor.

use super::digits::{Group, Words};
use super::{portable, Multiply, Sums, WORDS};
use crate::matrix::{Block, GROUP, TILE_ROWS};

/// Operations on one vector. A value of the type shows that the processor has them.
pub(crate) trait Dots: Copy + Send + Sync {
    /// Rows of a vector; divides the rows of a tile.
    const ROWS: usize;
    /// Bytes of the rows of a vector, ready to be multiplied.
    type Bytes: Copy;
    /// A sum a row, in parts that belong to digits.
    type Sum: Copy;

    /// Runs a task that is compiled for these instructions, behind a call.
    fn enter<T: Task<Self>>(self, task: T) -> T::Output;

    /// What stands for the numbers of a group.
    fn words(numbers: Group) -> Words;
    /// No sum.
    fn zero(self) -> Self::Sum;
    /// Rows of a block from `row` on.
    fn load(self, block: &Block, row: usize) -> Self::Bytes;
    /// The sum and, in each row, the four bytes times the four numbers.
    fn add(self, sum: Self::Sum, bytes: Self::Bytes, words: Words) -> Self::Sum;
    /// Adds to the sums of the rows from `row` on.
    fn finish(self, sum: Self::Sum, sums: &mut Sums, row: usize);
}

/// Work over vectors. `run` must be inlined, so that it is compiled for the instructions of whoever enters it.
pub(crate) trait Task<D> {
    type Output;
    fn run(self, dots: D) -> Self::Output;
}

/// A kernel: passes of `ALONE` vectors for a single query, of `V` vectors for `Q` queries at once.
pub(crate) struct Vectors<D, const ALONE: usize, const V: usize, const Q: usize>(pub(crate) D);

/// Queries whose words lie side by side.
fn width<const Q: usize>(queries: usize) -> usize {
    if queries < Q {
        1
    } else {
        Q
    }
}

impl<D: Dots, const ALONE: usize, const V: usize, const Q: usize> Multiply
    for Vectors<D, ALONE, V, Q>
{
    fn run_groups(&self, queries: usize) -> usize {
        // Words of a run stay in the nearest caches: 16 KB of one query, 256 KB of many.
        (16_384 / queries.max(1))
            .clamp(64, 1024)
            .next_multiple_of(16)
    }

    fn prepare(&self, queries: &[&[u32]], groups: usize) -> Vec<u32> {
        let width = width::<Q>(queries.len());
        let mut words = vec![0; queries.len().next_multiple_of(width) * groups * WORDS];
        for (place, query) in queries.iter().enumerate() {
            let bundle = &mut words[place / width * width * groups * WORDS..];
            let places = bundle
                .chunks_exact_mut(WORDS)
                .skip(place % width)
                .step_by(width);
            for (place, numbers) in places.zip(query.chunks(GROUP)) {
                let mut group = [0; GROUP];
                group[..numbers.len()].copy_from_slice(numbers);
                place.copy_from_slice(&D::words(group));
            }
        }
        words
    }

    fn accumulate(&self, blocks: &[Block], words: &[u32], sums: &mut [Sums]) {
        self.0.enter(Accumulate::<ALONE, V, Q> {
            blocks,
            words,
            sums,
        });
    }

    fn dot(&self, left: &[u32], right: &[u32]) -> u32 {
        self.0.enter(Dot { left, right })
    }
}

struct Dot<'a> {
    left: &'a [u32],
    right: &'a [u32],
}

impl<D: Dots> Task<D> for Dot<'_> {
    type Output = u32;

    #[inline(always)]
    fn run(self, _dots: D) -> u32 {
        portable::dot(self.left, self.right)
    }
}

struct Accumulate<'a, const ALONE: usize, const V: usize, const Q: usize> {
    blocks: &'a [Block],
    words: &'a [u32],
    sums: &'a mut [Sums],
}

impl<D: Dots, const ALONE: usize, const V: usize, const Q: usize> Task<D>
    for Accumulate<'_, ALONE, V, Q>
{
    type Output = ();

    #[inline(always)]
    fn run(self, dots: D) {
        if self.blocks.is_empty() {
            return;
        }
        let width = width::<Q>(self.sums.len());
        let bundles = self.words.chunks_exact(self.blocks.len() * width * WORDS);
        for (words, sums) in bundles.zip(self.sums.chunks_mut(width)) {
            if width == 1 {
                for row in (0..TILE_ROWS).step_by(ALONE * D::ROWS) {
                    pass::<D, ALONE, 1>(dots, self.blocks, row, words, sums);
                }
            } else {
                for row in (0..TILE_ROWS).step_by(V * D::ROWS) {
                    pass::<D, V, Q>(dots, self.blocks, row, words, sums);
                }
            }
        }
    }
}

/// Once through the blocks, for V vectors of rows from `row` on. There are at most Q sums; words are for Q queries.
#[inline(always)]
fn pass<D: Dots, const V: usize, const Q: usize>(
    dots: D,
    blocks: &[Block],
    row: usize,
    words: &[u32],
    sums: &mut [Sums],
) {
    let mut parts = [[dots.zero(); V]; Q];
    for (block, words) in blocks.iter().zip(words.chunks_exact(Q * WORDS)) {
        let mut bytes = [dots.load(block, row); V];
        for (vector, bytes) in bytes.iter_mut().enumerate() {
            *bytes = dots.load(block, row + vector * D::ROWS);
        }
        for (query, parts) in parts.iter_mut().enumerate() {
            let at = query * WORDS;
            let words = [words[at], words[at + 1], words[at + 2], words[at + 3]];
            for (part, bytes) in parts.iter_mut().zip(bytes) {
                *part = dots.add(*part, bytes, words);
            }
        }
    }
    for (parts, sums) in parts.into_iter().zip(sums) {
        for (vector, part) in parts.into_iter().enumerate() {
            dots.finish(part, sums, row + vector * D::ROWS);
        }
    }
}
