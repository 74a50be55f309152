//! Sums of multiples of points, when nothing is secret.
//!
//! **Theory.** All multiples share their doublings (Straus, 1964), by digits in non-adjacent form (Solinas, 2000).
//!
//! **Invariant.** Variable in time: for verifiers alone.

use crate::curve::Point;
use crate::scalar::{Scalar, DIGITS};
use std::sync::OnceLock;

/// Width of the digits for a point that comes once.
const WIDTH: u32 = 5;
/// For the base, whose table is kept.
const BASE_WIDTH: u32 = 9;

/// 1, 3, 5, ... times a point.
fn odd_multiples(point: &Point, width: u32) -> Vec<Point> {
    let twice = point.double();
    let count = 1 << (width - 2);
    std::iter::successors(Some(*point), |point| Some(point.add(&twice)))
        .take(count)
        .collect()
}

/// Odd multiples of the base.
fn of_base() -> &'static [Point] {
    static MULTIPLES: OnceLock<Vec<Point>> = OnceLock::new();
    MULTIPLES.get_or_init(|| odd_multiples(&Point::base(), BASE_WIDTH))
}

/// Odd multiples of a point, and the digits of how often it is wanted.
type Term<'a> = (&'a [Point], [i16; DIGITS]);

fn sum_of(terms: &[Term<'_>]) -> Point {
    let mut sum = Point::NEUTRAL;
    for at in (0..DIGITS).rev() {
        sum = sum.double();
        for (table, digits) in terms {
            let digit = digits[at];
            if digit != 0 {
                let multiple = table[usize::from(digit.unsigned_abs()) / 2];
                sum = sum.add(&match digit > 0 {
                    true => multiple,
                    false => multiple.negate(),
                });
            }
        }
    }
    sum
}

/// The sum of the multiples of all points.
pub fn sum(terms: &[(Scalar, Point)]) -> Point {
    let tables: Vec<Vec<Point>> = terms
        .iter()
        .map(|(_, point)| odd_multiples(point, WIDTH))
        .collect();
    let terms: Vec<Term<'_>> = tables
        .iter()
        .zip(terms)
        .map(|(table, (scalar, _))| (&table[..], scalar.odd_digits(WIDTH)))
        .collect();
    sum_of(&terms)
}

/// m times the base plus n times a point.
pub(crate) fn sum_with_base(m: &Scalar, n: &Scalar, point: &Point) -> Point {
    let table = odd_multiples(point, WIDTH);
    sum_of(&[
        (of_base(), m.odd_digits(BASE_WIDTH)),
        (&table, n.odd_digits(WIDTH)),
    ])
}
