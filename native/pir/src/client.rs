//! The client's part: queries, and the bytes of the column from their answers.
//!
//! **Theory.** Making a query is nearly all in A s + e, which does not depend on the column: it is prepared beforehand, for several
//! queries in one expansion of A ([`prepare`]). Entries are centred without the server's help: an answer's noise is the sum of d e
//! over the columns, that is (d - 128) e, at most half as large, and 128 times the sum of all errors, which the client knows.
//!
//! **Invariant.** A prepared query becomes one query: [`Prepared::query`] consumes it. Two queries from the same secret and errors
//! would differ by the columns asked for, in the clear.

use crate::answer::from_bytes;
use crate::error::{check_length, Error, Result};
use crate::gaussian;
use crate::hint::Hint;
use crate::kernel::{Kernel, Multiply};
use crate::parameters::{CENTRE, DIMENSION, ENTRY_BITS, MODULUS_BITS, MOST_COLUMNS, STEP};
use crate::public::PublicMatrix;
use crate::rounding::{pack, rounding};
use crate::seed::{Seed, Stream};

/// Coins of a word.
const COINS: usize = u64::BITS as usize;

/// A query without its column.
pub struct Prepared {
    numbers: Vec<u32>,
    /// A bit a number, for rounding it.
    coins: Vec<u64>,
    secret: Secret,
}

/// What is needed to read the answer of one query.
pub struct Secret {
    numbers: Vec<u32>,
    /// Sum of all errors, of rounding too.
    error: u32,
    columns: usize,
}

/// What an answer differs by from the bytes of the column: a number a row. Made from a secret and a hint, it needs neither again.
pub struct Mask(Vec<u32>);

/// Prepares a query for each seed, over so many columns.
///
/// # Errors
/// There are more columns than [`MOST_COLUMNS`], or the kernel is not available.
pub fn prepare(
    public: &PublicMatrix,
    columns: usize,
    seeds: &[Seed],
    kernel: Kernel,
    threads: usize,
) -> Result<Vec<Prepared>> {
    if columns > MOST_COLUMNS {
        return Err(Error::TooManyColumns { columns });
    }
    let engine = kernel.engine()?;
    let mut prepared: Vec<Prepared> = seeds.iter().map(|seed| draw(seed, columns)).collect();
    let secrets: Vec<Vec<u32>> = prepared
        .iter()
        .map(|query| query.secret.numbers.clone())
        .collect();
    let share = columns.div_ceil(threads.max(1)).max(1);
    // By thread: a part of each query.
    let mut parts: Vec<Vec<&mut [u32]>> =
        (0..columns.div_ceil(share)).map(|_| Vec::new()).collect();
    for query in &mut prepared {
        for (parts, part) in parts.iter_mut().zip(query.numbers.chunks_mut(share)) {
            parts.push(part);
        }
    }
    std::thread::scope(|scope| {
        for (place, part) in parts.into_iter().enumerate() {
            let secrets = &secrets;
            scope.spawn(move || add_products(public, place * share, part, secrets, engine));
        }
    });
    prepared.iter_mut().for_each(Prepared::round);
    Ok(prepared)
}

/// Adds A s to the part of each query that begins at column `first`.
fn add_products(
    public: &PublicMatrix,
    first: usize,
    mut queries: Vec<&mut [u32]>,
    secrets: &[Vec<u32>],
    engine: &dyn Multiply,
) {
    let mut row = [0; DIMENSION];
    let columns = queries.first().map_or(0, |query| query.len());
    for place in 0..columns {
        public.expand(first + place, &mut row);
        for (query, secret) in queries.iter_mut().zip(secrets) {
            query[place] = query[place].wrapping_add(engine.dot(&row, secret));
        }
    }
}

/// A secret and errors; the numbers are the errors alone.
fn draw(seed: &Seed, columns: usize) -> Prepared {
    let mut stream = Stream::new(seed);
    let secret = (0..DIMENSION).map(|_| stream.next() as u32).collect();
    let numbers: Vec<u32> = (0..columns)
        .map(|_| gaussian::sample(&mut stream))
        .collect();
    let coins = (0..columns.div_ceil(COINS))
        .map(|_| stream.next())
        .collect();
    let error = numbers.iter().copied().fold(0, u32::wrapping_add);
    Prepared {
        numbers,
        coins,
        secret: Secret {
            numbers: secret,
            error,
            columns,
        },
    }
}

impl Prepared {
    /// Rounds all numbers to what is sent of them; the column's step leaves that as it is.
    fn round(&mut self) {
        for (numbers, coins) in self.numbers.chunks_mut(COINS).zip(&self.coins) {
            for (place, number) in numbers.iter_mut().enumerate() {
                let added = rounding(*number, coins >> place & 1 == 1);
                *number = number.wrapping_add(added);
                self.secret.error = self.secret.error.wrapping_add(added);
            }
        }
    }

    /// Makes it a query for a column, in wire form ([`crate::rounding`]).
    ///
    /// # Errors
    /// There is no such column. The prepared query is gone all the same.
    pub fn query(mut self, column: usize) -> Result<(Vec<u8>, Secret)> {
        let columns = self.numbers.len();
        let number = self
            .numbers
            .get_mut(column)
            .ok_or(Error::NoSuchColumn { column, columns })?;
        *number = number.wrapping_add(STEP);
        Ok((pack(&self.numbers), self.secret))
    }

    /// What its answer will differ by from the bytes, under a hint.
    ///
    /// # Errors
    /// The kernel is not available.
    pub fn mask(&self, hint: &Hint, kernel: Kernel) -> Result<Mask> {
        self.secret.mask(hint, kernel)
    }
}

impl Secret {
    /// Columns of the matrix that its query was for.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// What the answer differs by from the bytes, under a hint.
    ///
    /// # Errors
    /// The kernel is not available.
    pub fn mask(&self, hint: &Hint, kernel: Kernel) -> Result<Mask> {
        let mut mask = hint.times(&self.numbers, kernel.engine()?);
        let centre = CENTRE.wrapping_mul(self.error);
        mask.iter_mut()
            .for_each(|number| *number = number.wrapping_add(centre));
        Ok(Mask(mask))
    }
}

impl Mask {
    /// The column's bytes from the answer: numbers u32 LE, one a row. Any answer of the right length gives some bytes; whether they
    /// are those of the page is for the page's proof to show.
    ///
    /// # Errors
    /// The answer has another length.
    pub fn recover(&self, answer: &[u8]) -> Result<Vec<u8>> {
        check_length("an answer", answer.len(), 4 * self.0.len())?;
        let byte = |(number, mask): (u32, &u32)| {
            let noisy = number.wrapping_sub(*mask).wrapping_add(STEP / 2);
            (noisy >> (MODULUS_BITS - ENTRY_BITS)) as u8
        };
        Ok(from_bytes(answer)
            .into_iter()
            .zip(&self.0)
            .map(byte)
            .collect())
    }

    /// How far the answer lies from where these bytes stand: what `docs/pir-parameters.md` computes, measured.
    pub fn noise(&self, answer: &[u8], column: &[u8]) -> Vec<i32> {
        let numbers = from_bytes(answer).into_iter().zip(&self.0).zip(column);
        let noise = numbers.map(|((number, mask), &byte)| {
            number
                .wrapping_sub(*mask)
                .wrapping_sub(STEP.wrapping_mul(u32::from(byte))) as i32
        });
        noise.collect()
    }
}
