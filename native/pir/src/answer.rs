//! The server's part: what a matrix answers to queries.
//!
//! **Theory.** An answer is the matrix times the query. Every byte of the matrix is read whatever is asked: that is what hides the
//! column, and why several queries are best answered in one pass. Threads share a pass by runs of columns, each the next one that
//! nobody took: what a run's queries are turned into stays in the cache of the core that made it, and a thread that is held up by
//! other work holds up nobody. They give way to all other work of the machine ([`crate::background`]).

use crate::background;
use crate::error::{check_length, Result};
use crate::kernel::{Kernel, Multiply, Sums};
use crate::matrix::{groups, Matrix, GROUP, TILE_ROWS};
use crate::rounding::{query_bytes, unpack_part};
use std::sync::atomic::{AtomicUsize, Ordering};

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
    let part = |query: &&[u32], first: usize, out: &mut [u32]| {
        out.copy_from_slice(&query[first..first + out.len()]);
    };
    Ok(answer_all(matrix, queries, &part, engine, threads))
}

/// Answers queries in wire form ([`crate::rounding`]); answers are numbers u32 LE.
///
/// # Errors
/// As [`answer`].
pub fn answer_bytes(matrix: &Matrix, queries: &[&[u8]], threads: usize) -> Result<Vec<Vec<u8>>> {
    let engine = Kernel::fastest(queries.len()).engine()?;
    for query in queries {
        check_length("a query", query.len(), query_bytes(matrix.columns()))?;
    }
    let part = |query: &&[u8], first: usize, out: &mut [u32]| unpack_part(query, first, out);
    let answers = answer_all(matrix, queries, &part, engine, threads);
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

/// Writes a query's numbers from a column on, an even one; there are as many as the slice is long.
type Part<Q> = dyn Fn(&Q, usize, &mut [u32]) + Sync;

fn answer_all<Q: Sync>(
    matrix: &Matrix,
    queries: &[Q],
    part: &Part<Q>,
    engine: &dyn Multiply,
    threads: usize,
) -> Vec<Vec<u32>> {
    let batches = queries.chunks(BATCH);
    batches
        .flat_map(|batch| answer_batch(matrix, batch, part, engine, threads))
        .collect()
}

fn answer_batch<Q: Sync>(
    matrix: &Matrix,
    queries: &[Q],
    part: &Part<Q>,
    engine: &dyn Multiply,
    threads: usize,
) -> Vec<Vec<u32>> {
    let tiles = matrix.tiles().len();
    let all = groups(matrix.columns());
    let run = engine.run_groups(queries.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut sums: Vec<Sums> = vec![[0; TILE_ROWS]; queries.len() * tiles];
        let mut numbers = vec![0; queries.len() * run * GROUP];
        loop {
            let first = next.fetch_add(run, Ordering::Relaxed);
            if first >= all {
                return sums;
            }
            let groups = run.min(all - first);
            let from = (first * GROUP).min(matrix.columns());
            let count = (groups * GROUP).min(matrix.columns() - from);
            for (query, numbers) in queries.iter().zip(numbers.chunks_exact_mut(run * GROUP)) {
                part(query, from, &mut numbers[..count]);
            }
            let parts: Vec<&[u32]> = numbers
                .chunks_exact(run * GROUP)
                .map(|numbers| &numbers[..count])
                .collect();
            let words = engine.prepare(&parts, groups);
            let shares = sums.chunks_exact_mut(queries.len().max(1));
            for (tile, sums) in matrix.tiles().iter().zip(shares) {
                engine.accumulate(&tile[first..first + groups], &words, sums);
            }
        }
    };
    let threads = threads.clamp(1, all.div_ceil(run).max(1));
    let mut shares = background::run(threads, work).into_iter();
    let mut sums = shares.next().unwrap_or_default();
    for share in shares {
        for (sum, part) in sums.iter_mut().flatten().zip(share.iter().flatten()) {
            *sum = sum.wrapping_add(*part);
        }
    }
    let of_query = |query: usize| {
        let tiles = sums.iter().skip(query).step_by(queries.len());
        tiles.flatten().copied().take(matrix.rows()).collect()
    };
    (0..queries.len()).map(of_query).collect()
}
