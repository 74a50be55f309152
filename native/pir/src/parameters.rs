//! The numbers that secrecy and correctness rest on. They are constants: no server can talk a client into weaker ones.
//!
//! **Theory.** `docs/pir-parameters.md` tells how the dimension follows from the cost of known attacks (`bench/lattice.py`
//! computes it) and derives [`failure_bits`].

/// n: numbers of a secret, and of a row of the public matrix and of a hint.
pub const DIMENSION: usize = 1280;

/// Bits of q; arithmetic is that of `u32`, wrapping.
pub const MODULUS_BITS: u32 = 32;

/// Bits of an entry: a byte.
pub const ENTRY_BITS: u32 = 8;

/// Bits of a number of a query that are sent.
pub const QUERY_BITS: u32 = 28;

/// What stands for one in a query, 2^24.
pub const STEP: u32 = 1 << (MODULUS_BITS - ENTRY_BITS);

/// Standard deviation of errors, which are a discrete Gaussian.
pub const DEVIATION: f64 = 6.4;

/// Variance of what rounding to [`QUERY_BITS`] adds to an error.
pub const ROUNDING_VARIANCE: f64 = 21.5;

/// What entries are centred by, so that noise grows with at most half a byte's range.
pub const CENTRE: u32 = 1 << (ENTRY_BITS - 1);

/// Columns that a matrix may have: up to here a byte is wrong less than once in 2^46.
pub const MOST_COLUMNS: usize = 1 << 20;

/// Rows that a matrix may have: a bound on what a stranger's sizes can ask of memory.
pub const MOST_ROWS: usize = 1 << 16;

/// A bound on how rarely a recovered byte is wrong, whatever the matrix holds: the probability is below 2 to the minus this.
///
/// The noise of a byte is a sum of `columns` errors, each times an entry less [`CENTRE`], at most 128 in size. A discrete Gaussian
/// is subgaussian with its own parameter (Micciancio, Peikert, "Trapdoors for Lattices", 2012, lemma 2.8), and so is what rounding
/// adds ([`crate::rounding`]), so such a sum passes half a step with a probability of at most
/// 2 exp(-(STEP / 2)^2 / (2 columns 128^2 (DEVIATION^2 + ROUNDING_VARIANCE))).
pub fn failure_bits(columns: usize) -> f64 {
    let half_step = f64::from(STEP / 2);
    let variance = DEVIATION * DEVIATION + ROUNDING_VARIANCE;
    let widest = f64::from(CENTRE * CENTRE) * variance;
    let exponent = half_step * half_step / (2.0 * columns.max(1) as f64 * widest);
    exponent * std::f64::consts::LOG2_E - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_fail_rarely_at_the_widest() {
        assert!(failure_bits(MOST_COLUMNS) > 46.0);
        assert!(failure_bits(1 << 16) > 700.0);
        assert!(
            failure_bits(2 * MOST_COLUMNS) < 24.0,
            "a wider matrix would need another bound"
        );
    }
}
