//! The server's part: what a matrix answers to queries.
//!
//! **Theory.** An answer is the matrix times the query. Every byte of the matrix is read whatever is asked: that is what hides the
//! column, and why several queries are best answered in one pass.

use crate::error::{check_length, Result};
use crate::kernel::{Kernel, Multiply, Sums};
use crate::matrix::{groups, Block, Matrix, GROUP, TILE_ROWS};
use crate::rounding::{query_bytes, unpack};

/// Queries that pass at a time: their words and sums stay in caches.
pub(crate) const BATCH: usize = 256;

/// Answers queries of one number a column with one number a row each, on so many threads.
///
/// # Errors
/// A query has not a number for each column, or the kernel is not available.
pub fn answer(
    matrix: &Matrix,
    queries: &[&[u32]],
    kernel: Kernel,
    threads: usize,
) -> Result<Vec<Vec<u32>>> {
    let engine = kernel.engine()?;
    for query in queries {
        check_length("a query", query.len(), matrix.columns())?;
    }
    let batches = queries.chunks(BATCH);
    Ok(batches
        .flat_map(|batch| answer_batch(matrix, batch, engine, threads))
        .collect())
}

/// Answers queries in wire form ([`crate::rounding`]); answers are numbers u32 LE.
///
/// # Errors
/// As [`answer`].
pub fn answer_bytes(matrix: &Matrix, queries: &[&[u8]], threads: usize) -> Result<Vec<Vec<u8>>> {
    let numbers: Vec<Vec<u32>> = queries
        .iter()
        .map(|query| {
            check_length("a query", query.len(), query_bytes(matrix.columns()))?;
            Ok(unpack(query, matrix.columns()))
        })
        .collect::<Result<_>>()?;
    let numbers: Vec<&[u32]> = numbers.iter().map(Vec::as_slice).collect();
    let answers = answer(matrix, &numbers, Kernel::fastest(queries.len()), threads)?;
    Ok(answers.iter().map(|answer| to_bytes(answer)).collect())
}

/// Numbers u32 LE; what is left behind the last whole one is not looked at.
pub(crate) fn from_bytes(bytes: &[u8]) -> Vec<u32> {
    let numbers = bytes
        .chunks_exact(4)
        .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    numbers.collect()
}

/// Numbers as u32 LE.
pub(crate) fn to_bytes(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

fn answer_batch(
    matrix: &Matrix,
    queries: &[&[u32]],
    engine: &dyn Multiply,
    threads: usize,
) -> Vec<Vec<u32>> {
    let run = engine.run_groups(queries.len());
    let runs: Vec<Vec<u32>> = (0..groups(matrix.columns()))
        .step_by(run)
        .map(|first| {
            let parts: Vec<&[u32]> = queries
                .iter()
                .map(|query| columns(query, first, run))
                .collect();
            engine.prepare(&parts, run.min(groups(matrix.columns()) - first))
        })
        .collect();
    let tiles = matrix.tiles();
    let mut sums: Vec<Vec<Sums>> = vec![vec![[0; TILE_ROWS]; queries.len()]; tiles.len()];
    let share = tiles.len().div_ceil(threads.max(1)).max(1);
    let work = |tiles: &[Vec<Block>], sums: &mut [Vec<Sums>]| {
        for (place, words) in runs.iter().enumerate() {
            for (tile, sums) in tiles.iter().zip(sums.iter_mut()) {
                let first = place * run;
                engine.accumulate(&tile[first..tile.len().min(first + run)], words, sums);
            }
        }
    };
    std::thread::scope(|scope| {
        let mut shares = tiles.chunks(share).zip(sums.chunks_mut(share));
        // The first share is for this thread.
        let own = shares.next();
        for (tiles, sums) in shares {
            scope.spawn(move || work(tiles, sums));
        }
        if let Some((tiles, sums)) = own {
            work(tiles, sums);
        }
    });
    let of_query = |query: usize| {
        sums.iter()
            .flat_map(move |tile| tile[query])
            .take(matrix.rows())
            .collect()
    };
    (0..queries.len()).map(of_query).collect()
}

/// What a query holds for `count` groups from `first` on.
fn columns(query: &[u32], first: usize, count: usize) -> &[u32] {
    let at = |group: usize| (group * GROUP).min(query.len());
    &query[at(first)..at(first + count)]
}
