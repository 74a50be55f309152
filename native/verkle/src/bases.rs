//! Multiples of the setup's 64 bases, for those who verify: the root over one slot is such a multiple.
//!
//! **Theory.** With all multiples 1 to 16 of all `2^(5 i) L_slot` in a table, and the endomorphism's two halves
//! ([`crate::endomorphism`]), a multiple is a sum of 52 points and nothing is doubled. A table takes 40 kB and, made at the first
//! multiple of its base, no longer than one general multiplication. Committing has a table of its own, a thousand times as
//! large ([`crate::comb`]), which no verifier should have to wait for.
//!
//! **Invariant.** The same point as the multiplication by blst. Additions are complete, though no stranger chooses a base.

use crate::domain::WIDTH;
use crate::endomorphism::{beta, split, Half};
use crate::ffi::{self, P1Affine, P1};
use crate::point::Sum;
use crate::scalar::Scalar;
use crate::setup::Setup;
use std::sync::OnceLock;

/// Bits of a digit.
const WINDOW: u32 = 5;
/// Digits of a half, which is below 2^127, and its sign.
const DIGITS: usize = 26;
/// The largest size of a digit.
const MULTIPLES: usize = 1 << (WINDOW - 1);

/// Multiples of a base, digit by digit.
struct Table(Vec<P1Affine>);

impl Table {
    fn new(base: &P1Affine) -> Table {
        let mut sums = Vec::with_capacity(DIGITS * MULTIPLES);
        let mut power = ffi::p1_from_affine(base);
        for _ in 0..DIGITS {
            let mut multiple = power;
            for _ in 1..MULTIPLES {
                sums.push(multiple);
                multiple = ffi::p1_add(&multiple, &power);
            }
            sums.push(multiple);
            power = ffi::p1_double(&multiple);
        }
        Table(ffi::p1s_to_affine(&sums))
    }

    fn times(&self, half: &Half) -> P1 {
        let digits = half.digits::<DIGITS>(WINDOW);
        let rows = self.0.chunks_exact(MULTIPLES);
        let terms = rows.zip(digits).filter(|(_, digit)| *digit != 0);
        terms.fold(P1::default(), |sum, (row, digit)| {
            let term = &row[digit.unsigned_abs() as usize - 1];
            match digit > 0 {
                true => ffi::p1_add_affine(&sum, term),
                false => ffi::p1_add_affine(&sum, &ffi::p1_negate(term)),
            }
        })
    }
}

/// `scalar` times the ceremony's base of a slot below 64.
pub(crate) fn multiple(setup: &'static Setup, slot: u8, scalar: Scalar) -> Sum {
    static TABLES: [OnceLock<Table>; WIDTH] = [const { OnceLock::new() }; WIDTH];
    let slot = usize::from(slot) % WIDTH;
    let table = TABLES[slot].get_or_init(|| Table::new(&setup.lagrange()[slot].0));
    let [low, high] = split(&scalar.to_raw()).map(|half| table.times(&half));
    Sum(ffi::p1_add(&low, &ffi::p1_image(&high, &beta())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_same_as_by_blst() {
        let setup = Setup::ceremony().unwrap();
        let random = |n: u8| crate::hash::to_scalar("test", &[&[n]]);
        let edges = [0u64, 1, 15, 16, 17, 31, 32, 33, 1 << 40].map(Scalar::from);
        let edges = edges.into_iter().flat_map(|edge| [edge, -edge]);
        for (at, scalar) in edges.chain((0..40).map(random)).enumerate() {
            let slot = (at * 7 % WIDTH) as u8;
            let expected = setup.lagrange()[usize::from(slot)].times(scalar);
            assert_eq!(
                multiple(setup, slot, scalar).to_point(),
                expected.to_point()
            );
        }
    }
}
