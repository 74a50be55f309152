//! Hints: the matrix times the public matrix, which a client needs once an epoch.
//!
//! **Theory.** A hint has a row of [`DIMENSION`] numbers for each row of the matrix. It is made like answers, with the columns of A as
//! queries. It is linear: when a column changes, the hint changes by the difference of the column times that column's row of
//! A, which server and client compute alike from the old and the new bytes.
//!
//! **Invariant.** A hint that was kept up with changes equals one that is built anew.

use crate::answer::{from_bytes, to_bytes, BATCH};
use crate::error::{check_length, Error, Result};
use crate::kernel::{Kernel, Multiply, Sums};
use crate::matrix::{groups, Matrix, GROUP, TILE_ROWS};
use crate::parameters::{DIMENSION, MOST_ROWS};
use crate::public::PublicMatrix;
use std::ops::Range;

/// A row of [`DIMENSION`] numbers for each row of a matrix.
#[derive(Clone, PartialEq, Eq)]
pub struct Hint {
    rows: usize,
    numbers: Vec<u32>,
}

/// A column that was replaced.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Which.
    pub column: usize,
    /// Its bytes before; zeros of a column that was appended.
    pub old: &'a [u8],
    /// Its bytes now.
    pub new: &'a [u8],
}

impl Hint {
    /// The hint of a matrix, on so many threads; each takes a copy's worth of memory.
    ///
    /// # Errors
    /// The kernel is not available.
    pub fn build(
        matrix: &Matrix,
        public: &PublicMatrix,
        kernel: Kernel,
        threads: usize,
    ) -> Result<Hint> {
        let engine = kernel.engine()?;
        let columns: Vec<usize> = (0..matrix.columns()).collect();
        Ok(Hint::product(matrix, &columns, public, engine, threads))
    }

    /// A hint from its bytes: rows of numbers u32 LE.
    ///
    /// # Errors
    /// They are not as many as `rows` rows have.
    pub fn from_bytes(rows: usize, bytes: &[u8]) -> Result<Hint> {
        if rows > MOST_ROWS {
            return Err(Error::TooManyRows { rows });
        }
        check_length("a hint", bytes.len(), rows * DIMENSION * 4)?;
        Ok(Hint {
            rows,
            numbers: from_bytes(bytes),
        })
    }

    /// Rows of numbers u32 LE.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&self.numbers)
    }

    /// Rows of the matrix that it belongs to.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Brings the hint up to date with columns that changed.
    ///
    /// # Errors
    /// A change's bytes are not as many as there are rows, or the kernel is not available; the hint is then unchanged.
    pub fn apply(
        &mut self,
        changes: &[Change<'_>],
        public: &PublicMatrix,
        kernel: Kernel,
        threads: usize,
    ) -> Result<()> {
        let engine = kernel.engine()?;
        let columns: Vec<usize> = changes.iter().map(|change| change.column).collect();
        let (mut old, mut new) = (
            Matrix::new(self.rows, columns.len())?,
            Matrix::new(self.rows, columns.len())?,
        );
        for (place, change) in changes.iter().enumerate() {
            old.set(place, change.old)?;
            new.set(place, change.new)?;
        }
        let lost = Hint::product(&old, &columns, public, engine, threads);
        let won = Hint::product(&new, &columns, public, engine, threads);
        for ((number, lost), won) in self.numbers.iter_mut().zip(lost.numbers).zip(won.numbers) {
            *number = number.wrapping_add(won).wrapping_sub(lost);
        }
        Ok(())
    }

    /// A matrix, whose columns are numbered as in `columns`, times A.
    fn product(
        matrix: &Matrix,
        columns: &[usize],
        public: &PublicMatrix,
        engine: &dyn Multiply,
        threads: usize,
    ) -> Hint {
        let all = groups(columns.len());
        // Shares of columns, so that every row of A is expanded once.
        let share = all.div_ceil(threads.max(1)).next_multiple_of(16).max(16);
        let shares: Vec<Range<usize>> = (0..all)
            .step_by(share)
            .map(|first| first..all.min(first + share))
            .collect();
        let work = |share: Range<usize>| multiply_share(matrix, columns, share, public, engine);
        let sums: Vec<Vec<Sums>> = std::thread::scope(|scope| {
            let threads: Vec<_> = shares
                .into_iter()
                .map(|share| scope.spawn(move || work(share)))
                .collect();
            threads
                .into_iter()
                .flat_map(std::thread::ScopedJoinHandle::join)
                .collect()
        });
        let mut numbers = vec![0u32; matrix.rows() * DIMENSION];
        for sums in &sums {
            for (row, numbers) in numbers.chunks_exact_mut(DIMENSION).enumerate() {
                let tile = &sums[row / TILE_ROWS * DIMENSION..][..DIMENSION];
                for (number, sums) in numbers.iter_mut().zip(tile) {
                    *number = number.wrapping_add(sums[row % TILE_ROWS]);
                }
            }
        }
        Hint {
            rows: matrix.rows(),
            numbers,
        }
    }

    /// What an answer is without its query's error and column: the hint times a secret.
    pub(crate) fn times(&self, secret: &[u32], engine: &dyn Multiply) -> Vec<u32> {
        let rows = self.numbers.chunks_exact(DIMENSION);
        rows.map(|row| engine.dot(row, secret)).collect()
    }
}

/// Sums by tile and column of A, over a share of the groups.
fn multiply_share(
    matrix: &Matrix,
    columns: &[usize],
    share: Range<usize>,
    public: &PublicMatrix,
    engine: &dyn Multiply,
) -> Vec<Sums> {
    let mut sums: Vec<Sums> = vec![[0; TILE_ROWS]; matrix.tiles().len() * DIMENSION];
    let run = engine.run_groups(BATCH);
    let mut row = [0; DIMENSION];
    // Columns of A over a run: what is a query elsewhere.
    let mut turned = vec![0u32; DIMENSION * run * GROUP];
    for first in share.clone().step_by(run) {
        let groups = run.min(share.end - first);
        let ids = columns.iter().skip(first * GROUP).take(groups * GROUP);
        let used = ids.len();
        for (place, &column) in ids.enumerate() {
            public.expand(column, &mut row);
            for (turned, number) in turned.iter_mut().skip(place).step_by(run * GROUP).zip(row) {
                *turned = number;
            }
        }
        let queries: Vec<&[u32]> = turned
            .chunks_exact(run * GROUP)
            .map(|query| &query[..used])
            .collect();
        for (batch, queries) in queries.chunks(BATCH).enumerate() {
            let words = engine.prepare(queries, groups);
            for (tile, sums) in matrix.tiles().iter().zip(sums.chunks_exact_mut(DIMENSION)) {
                let sums = &mut sums[batch * BATCH..][..queries.len()];
                engine.accumulate(&tile[first..first + groups], &words, sums);
            }
        }
    }
    sums
}
