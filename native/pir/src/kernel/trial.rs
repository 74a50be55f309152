//! A kernel's check before its first use: the numbers of the portable kernel, or it is not there.
//!
//! **Purpose.** A wrong kernel would answer, and nobody could tell a wrong answer from a server that cheats. Processors with
//! instructions that tests never met are checked here, in every process, in about a millisecond.

use super::portable::Portable;
use super::{Multiply, Sums};
use crate::matrix::{Block, TILE_ROWS};

/// Runs of blocks, and numbers of queries: one and several steps; alone, fewer than, exactly and more than any kernel takes at once.
const GROUPS: [usize; 2] = [16, 80];
const QUERIES: [usize; 5] = [1, 2, 4, 8, 13];

/// Whether a kernel gives the numbers of the portable one.
pub(crate) fn passes(engine: &dyn Multiply) -> bool {
    GROUPS.iter().all(|&groups| {
        QUERIES
            .iter()
            .all(|&queries| agrees(engine, groups, queries))
    })
}

fn agrees(engine: &dyn Multiply, groups: usize, queries: usize) -> bool {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15 ^ (groups * 31 + queries) as u64);
    let mut blocks = vec![Block([255; TILE_ROWS * 4]); groups];
    // The largest bytes meet digits of both signs first; the rest is of all kinds.
    for byte in blocks.iter_mut().skip(2).flat_map(|block| &mut block.0) {
        *byte = numbers.next() as u8;
    }
    let edges = [
        0,
        u32::MAX,
        0x8080_8080,
        0x7f7f_7f7f,
        0x8000_8000,
        0x7fff_7fff,
        0x8000_0000,
        1,
    ];
    // A query that ends within a group: what lies behind it counts as zero.
    let lists: Vec<Vec<u32>> = (0..queries)
        .map(|query| {
            let edge = |place: usize| edges[(place + query) % edges.len()];
            let number = |place: usize| {
                if place < edges.len() {
                    edge(place)
                } else {
                    numbers.next() as u32
                }
            };
            (0..groups * 4 - query % 4).map(number).collect()
        })
        .collect();
    let lists: Vec<&[u32]> = lists.iter().map(Vec::as_slice).collect();
    let sums = |engine: &dyn Multiply| {
        let mut sums: Vec<Sums> = vec![[7; TILE_ROWS]; queries];
        engine.accumulate(&blocks, &engine.prepare(&lists, groups), &mut sums);
        sums
    };
    sums(engine) == sums(&Portable)
        && engine.dot(lists[0], lists[queries - 1]) == Portable.dot(lists[0], lists[queries - 1])
}

/// Numbers without pattern: splitmix64 (Steele, Lea, Flood, 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}
