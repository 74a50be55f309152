//! Queries on the wire: the upper 28 bits of each number.
//!
//! **Theory.** What is sent may be any function of A s + e + 2^24 u and of coins: that gives nobody more than the numbers themselves
//! would. So their lower bits stay at home. Rounding to a multiple of 16, halves to either side by a coin, adds an error between -8
//! and 8 that is the sum of 4, 2, 1, 1/2 and 1/2, each with a sign of its own: of mean zero and variance 21.5, and subgaussian
//! with that. It does not depend on the column asked for, since 2^24 is a multiple of 16, so the client takes it off the sum of
//! errors like the others (`docs/pir-parameters.md`, Correctness).
//!
//! **Invariant.** What is unpacked is what was packed; any bytes of the right length are some query.

use crate::parameters::{MODULUS_BITS, QUERY_BITS};

const DROPPED: u32 = MODULUS_BITS - QUERY_BITS;
const UNIT: u32 = 1 << DROPPED;
/// Bytes of two numbers.
const PAIR: usize = 2 * QUERY_BITS as usize / 8;
const MASK: u32 = (1 << QUERY_BITS) - 1;

/// Bytes of a query over so many columns.
pub fn query_bytes(columns: usize) -> usize {
    (columns * QUERY_BITS as usize).div_ceil(8)
}

/// What a number changes by when it is rounded; `coin` decides halves.
pub(crate) fn rounding(number: u32, coin: bool) -> u32 {
    let lower = number % UNIT;
    let up = lower > UNIT / 2 || (lower == UNIT / 2 && coin);
    (if up { UNIT } else { 0 }).wrapping_sub(lower)
}

/// Numbers that are rounded, as bytes: two in seven, the first in the lower bits.
pub(crate) fn pack(numbers: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(query_bytes(numbers.len()) + PAIR);
    for pair in numbers.chunks(2) {
        let upper = |place: usize| u64::from(pair.get(place).copied().unwrap_or(0) >> DROPPED);
        let both = upper(0) | upper(1) << QUERY_BITS;
        bytes.extend_from_slice(&both.to_le_bytes()[..PAIR]);
    }
    bytes.truncate(query_bytes(numbers.len()));
    bytes
}

/// Numbers from their bytes, from a column on, an even one; bits left over are not looked at, bytes that are not there are zeros.
pub(crate) fn unpack_part(bytes: &[u8], first: usize, numbers: &mut [u32]) {
    let from = first / 2 * PAIR;
    let bytes = bytes.get(from..).unwrap_or_default();
    // Eight bytes hold a pair and the first of the next one's: where there are as many, they are read at once.
    let whole = (bytes.len().saturating_sub(1) / PAIR).min(numbers.len() / 2);
    let (fast, rest) = numbers.split_at_mut(2 * whole);
    for (pair, at) in fast.chunks_exact_mut(2).zip((0..).step_by(PAIR)) {
        let mut eight = [0; 8];
        eight.copy_from_slice(&bytes[at..at + 8]);
        pair.copy_from_slice(&both(eight));
    }
    let mut left = bytes.get(whole * PAIR..).unwrap_or_default().chunks(PAIR);
    for pair in rest.chunks_mut(2) {
        let seven = left.next().unwrap_or_default();
        let mut eight = [0; 8];
        eight[..seven.len()].copy_from_slice(seven);
        pair.copy_from_slice(&both(eight)[..pair.len()]);
    }
}

/// The numbers of a pair, from its seven bytes and any eighth.
fn both(eight: [u8; 8]) -> [u32; 2] {
    let both = u64::from_le_bytes(eight);
    [both as u32 & MASK, (both >> QUERY_BITS) as u32 & MASK].map(|number| number << DROPPED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_was_packed() {
        for columns in 0..9usize {
            let numbers: Vec<u32> = (0..columns)
                .map(|place| 0x9e37_79b9u32.wrapping_mul(place as u32 + 1) & !15)
                .collect();
            let bytes = pack(&numbers);
            assert_eq!(bytes.len(), query_bytes(columns));
            for first in (0..=columns).step_by(2) {
                let mut part = vec![1; columns - first];
                unpack_part(&bytes, first, &mut part);
                assert_eq!(part, numbers[first..]);
            }
        }
        assert_eq!(query_bytes(92_600), 324_100);
        let mut one = [0];
        unpack_part(&[255; 4], 0, &mut one);
        assert_eq!(one, [!15]);
        let mut missing = [1; 3];
        unpack_part(&[255; 4], 2, &mut missing);
        assert_eq!(missing, [0; 3]);
    }

    #[test]
    fn rounding_has_no_mean_and_the_variance_that_is_told() {
        let errors: Vec<i32> = (0..32u32)
            .map(|number| rounding(number % 16, number >= 16) as i32)
            .collect();
        assert_eq!(errors.iter().sum::<i32>(), 0);
        assert_eq!(errors.iter().map(|error| error * error).sum::<i32>(), 688);
        assert_eq!(f64::from(688) / 32.0, crate::parameters::ROUNDING_VARIANCE);
        for number in [0, 7, 8, 9, 15, u32::MAX, u32::MAX - 7] {
            for coin in [false, true] {
                assert_eq!(number.wrapping_add(rounding(number, coin)) % 16, 0);
            }
        }
    }
}
