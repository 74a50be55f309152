//! The operations of vectors and tiles in plain integers, and the test of all kernels.
//!
//! **Purpose.** What each instruction is to compute, and a stand-in where the processor has none: the algorithms of `vector.rs` and
//! `tiles.rs` are tested through it everywhere.

use super::digits::{self, Group, Words};
use super::portable::Portable;
use super::tiles::{OverTiles, Product, Tiles, RIGHT_ROWS, TILE_WORDS};
use super::vector::{Dots, Task, Vectors};
use super::{detected, trial, Kernel, Multiply, Sums};
use crate::matrix::{Block, GROUP, STEP_GROUPS, TILE_ROWS};
use proptest::prelude::*;
use std::array::from_fn;

/// Vectors of ROWS rows with two digits of 16 bits, as `vpmaddwd` multiplies them.
#[derive(Clone, Copy)]
struct Pairs<const ROWS: usize>;

/// Vectors of ROWS rows with four digits of 8 bits, as `vpdpbusd` multiplies them.
#[derive(Clone, Copy)]
struct Bytes<const ROWS: usize>;

/// Tiles, as `tdpbsud` multiplies them.
#[derive(Clone, Copy)]
struct ModelTiles;

fn rows<const ROWS: usize>(block: &Block, row: usize) -> [[u8; GROUP]; ROWS] {
    from_fn(|lane| from_fn(|column| block.0[(row + lane) * GROUP + column]))
}

/// Two products of signed numbers of 16 bits.
fn madd(bytes: [u8; 2], word: u32) -> u32 {
    let digits = [word as i16, (word >> 16) as i16];
    let products = bytes
        .into_iter()
        .zip(digits)
        .map(|(byte, digit)| i32::from(byte) * i32::from(digit));
    products.sum::<i32>() as u32
}

/// Four products of a byte and a signed byte.
fn dot4(bytes: [u8; 4], word: u32) -> u32 {
    let digits = word.to_le_bytes().map(|digit| digit as i8);
    let products = bytes
        .into_iter()
        .zip(digits)
        .map(|(byte, digit)| i32::from(byte) * i32::from(digit));
    products.sum::<i32>() as u32
}

impl<const ROWS: usize> Dots for Pairs<ROWS> {
    const ROWS: usize = ROWS;
    type Bytes = [[u8; GROUP]; ROWS];
    type Sum = [[u32; 2]; ROWS];

    fn enter<T: Task<Self>>(self, task: T) -> T::Output {
        task.run(self)
    }

    fn words(numbers: Group) -> Words {
        digits::pairs(numbers)
    }

    fn zero(self) -> Self::Sum {
        [[0; 2]; ROWS]
    }

    fn load(self, block: &Block, row: usize) -> Self::Bytes {
        rows(block, row)
    }

    fn add(self, sum: Self::Sum, bytes: Self::Bytes, words: Words) -> Self::Sum {
        from_fn(|lane| {
            let [a, b, c, d] = bytes[lane];
            let digit = |sum: u32, even: u32, odd: u32| {
                sum.wrapping_add(madd([a, c], even))
                    .wrapping_add(madd([b, d], odd))
            };
            [
                digit(sum[lane][0], words[0], words[1]),
                digit(sum[lane][1], words[2], words[3]),
            ]
        })
    }

    fn finish(self, sum: Self::Sum, sums: &mut Sums, row: usize) {
        for (to, [low, high]) in sums[row..].iter_mut().zip(sum) {
            *to = to.wrapping_add(low).wrapping_add(high << 16);
        }
    }
}

impl<const ROWS: usize> Dots for Bytes<ROWS> {
    const ROWS: usize = ROWS;
    type Bytes = [[u8; GROUP]; ROWS];
    type Sum = [[u32; 4]; ROWS];

    fn enter<T: Task<Self>>(self, task: T) -> T::Output {
        task.run(self)
    }

    fn words(numbers: Group) -> Words {
        digits::bytes(numbers)
    }

    fn zero(self) -> Self::Sum {
        [[0; 4]; ROWS]
    }

    fn load(self, block: &Block, row: usize) -> Self::Bytes {
        rows(block, row)
    }

    fn add(self, sum: Self::Sum, bytes: Self::Bytes, words: Words) -> Self::Sum {
        from_fn(|lane| {
            from_fn(|digit| sum[lane][digit].wrapping_add(dot4(bytes[lane], words[digit])))
        })
    }

    fn finish(self, sum: Self::Sum, sums: &mut Sums, row: usize) {
        for (to, digits) in sums[row..].iter_mut().zip(sum) {
            *to = digits
                .iter()
                .rev()
                .fold(0u32, |sum, &digit| (sum << 8).wrapping_add(digit))
                .wrapping_add(*to);
        }
    }
}

impl Tiles for ModelTiles {
    fn multiply(
        self,
        left: [&[u32]; 2],
        blocks: &[Block],
        row: usize,
        products: &mut [Product; 4],
    ) {
        *products = [[0; TILE_WORDS]; 4];
        for (place, product) in products.iter_mut().enumerate() {
            let first = row + place % 2 * RIGHT_ROWS;
            for (tile, blocks) in left[place / 2]
                .chunks_exact(TILE_WORDS)
                .zip(blocks.chunks_exact(STEP_GROUPS))
            {
                for (sum, at) in product.iter_mut().zip(0..) {
                    let (digit, lane) = (at / RIGHT_ROWS, at % RIGHT_ROWS);
                    for (block, word) in blocks.iter().zip(&tile[digit * STEP_GROUPS..]) {
                        let [bytes] = rows(block, first + lane);
                        *sum = sum.wrapping_add(dot4(bytes, *word));
                    }
                }
            }
        }
    }
}

/// Every algorithm over the model, in the shapes that real kernels have, and every kernel of this processor.
fn engines() -> Vec<(&'static str, Box<dyn Multiply>)> {
    let mut engines: Vec<(&'static str, Box<dyn Multiply>)> = vec![
        ("model of avx2", Box::new(Vectors::<_, 8, 2, 3>(Pairs::<8>))),
        (
            "model of avx512",
            Box::new(Vectors::<_, 4, 2, 4>(Pairs::<16>)),
        ),
        (
            "model of vnni",
            Box::new(Vectors::<_, 4, 2, 2>(Bytes::<16>)),
        ),
        ("model of amx", Box::new(OverTiles(ModelTiles))),
    ];
    engines.extend(
        detected()
            .into_iter()
            .map(|(kernel, engine)| (kernel.name(), engine)),
    );
    engines
}

#[test]
fn all_pass_the_trial_of_first_use() {
    for (name, engine) in engines() {
        assert!(trial::passes(engine.as_ref()), "{name}");
    }
    let available: Vec<Kernel> = Kernel::available().collect();
    let detected: Vec<Kernel> = detected().into_iter().map(|(kernel, _)| kernel).collect();
    assert_eq!(available, detected, "nothing that the processor has fails");
    for kernel in Kernel::ALL
        .iter()
        .filter(|kernel| !available.contains(kernel))
    {
        println!(
            "not on this processor: {}; its algorithm ran on the model",
            kernel.name()
        );
    }
}

/// A kernel with one wrong number in it.
struct Wrong<M>(M, fn(usize) -> bool);

impl<M: Multiply> Multiply for Wrong<M> {
    fn run_groups(&self, queries: usize) -> usize {
        self.0.run_groups(queries)
    }

    fn prepare(&self, queries: &[&[u32]], groups: usize) -> Vec<u32> {
        self.0.prepare(queries, groups)
    }

    fn accumulate(&self, blocks: &[Block], words: &[u32], sums: &mut [Sums]) {
        self.0.accumulate(blocks, words, sums);
        if self.1(sums.len()) {
            if let Some(sum) = sums.last_mut().and_then(|sums| sums.last_mut()) {
                *sum ^= 1 << 31;
            }
        }
    }

    fn dot(&self, left: &[u32], right: &[u32]) -> u32 {
        self.0.dot(left, right)
    }
}

#[test]
fn a_wrong_kernel_does_not_pass() {
    assert!(trial::passes(&Wrong(Portable, |_| false)));
    assert!(!trial::passes(&Wrong(Portable, |queries| queries == 1)));
    assert!(!trial::passes(&Wrong(Portable, |queries| queries == 13)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn all_give_the_same_sums(
        queries in 1usize..20,
        steps in 1usize..4,
        seed: u64,
        short in 0usize..64,
    ) {
        let groups = steps * STEP_GROUPS;
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        let blocks: Vec<Block> = (0..groups).map(|_| Block(from_fn(|_| next() as u8))).collect();
        let lists: Vec<Vec<u32>> = (0..queries).map(|_| (0..groups * GROUP - short).map(|_| next()).collect()).collect();
        let lists: Vec<&[u32]> = lists.iter().map(Vec::as_slice).collect();
        let sums = |engine: &dyn Multiply| {
            let mut sums: Vec<Sums> = vec![[0; TILE_ROWS]; queries];
            engine.accumulate(&blocks, &engine.prepare(&lists, groups), &mut sums);
            sums
        };
        let expected = sums(&Portable);
        for (name, engine) in engines() {
            prop_assert_eq!(&sums(engine.as_ref()), &expected, "{}", name);
        }
    }
}
