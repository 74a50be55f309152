//! Sums of a few multiples: what verifying one key is made of.
//!
//! **Theory.** Straus (1964): all terms share their doublings. The endomorphism cuts each scalar into two halves of 127 bits
//! ([`crate::endomorphism`]), which halves the doublings, and one table of odd multiples serves both, since the image of a multiple is
//! the multiple of the image. Halves are written in non-adjacent form (Solinas, "Efficient arithmetic on Koblitz curves", 2000): of
//! width 5, a sixth of the digits is not zero. From some dozens of terms on buckets are faster ([`crate::point::msm`]).
//!
//! **Invariant.** Additions are complete: points come from strangers, who choose an opening's last one when all others are known.

use crate::endomorphism::{beta, split, Half};
use crate::ffi::{self, P1Affine, P1};
use crate::field;
use crate::point::{Point, Sum};
use crate::scalar::Scalar;
use std::sync::OnceLock;

/// From so many points on buckets are faster.
pub(crate) const MANY: usize = 40;
/// Width of the digits for points that come once.
const WIDTH: u32 = 5;
/// For the generator, whose table is kept.
const KEPT_WIDTH: u32 = 9;
/// Digits of a half, which is below 2^127, in non-adjacent form.
const DIGITS: usize = 128;

/// Odd multiples of a point, 1, 3, 5, ..., and their images under the endomorphism, which multiplies by z^2 but for the sign.
struct Multiples {
    own: Vec<P1Affine>,
    image: Vec<P1Affine>,
}

/// Signed digits, odd or zero, below 2^(width - 1) in size, the lowest first; of `width` neighbours one at most is not zero.
fn digits(half: &Half, width: u32) -> [i16; DIGITS] {
    let mut out = [0; DIGITS];
    let mut rest = half.size;
    for digit in &mut out {
        if rest & 1 == 1 {
            let low = (rest & ((1 << width) - 1)) as i16;
            let signed = if low >> (width - 1) == 1 {
                low - (1 << width)
            } else {
                low
            };
            rest = rest.wrapping_sub(i128::from(signed) as u128);
            *digit = if half.negative { -signed } else { signed };
        }
        rest >>= 1;
    }
    out
}

/// The first `count` odd multiples of each point, all brought to affine form by one inversion.
fn multiples(points: &[P1Affine], count: usize) -> Vec<Multiples> {
    let mut sums: Vec<P1> = Vec::with_capacity(points.len() * count);
    for point in points {
        let mut multiple = ffi::p1_from_affine(point);
        let twice = ffi::p1_double(&multiple);
        for _ in 0..count {
            sums.push(multiple);
            multiple = ffi::p1_add(&multiple, &twice);
        }
    }
    let beta = beta();
    let image = |point: &P1Affine| P1Affine {
        x: ffi::fp_mul(&point.x, &beta),
        y: field::negate(&point.y),
    };
    ffi::p1s_to_affine(&sums)
        .chunks_exact(count)
        .map(|own| Multiples {
            own: own.to_vec(),
            image: own.iter().map(image).collect(),
        })
        .collect()
}

fn of_generator() -> &'static [Multiples] {
    static MULTIPLES: OnceLock<Vec<Multiples>> = OnceLock::new();
    MULTIPLES.get_or_init(|| multiples(&[ffi::p1_generator()], 1 << (KEPT_WIDTH - 2)))
}

/// Sum of scalars times points of the subgroup, slices of one length, and of `generator` times the generator.
pub(crate) fn sum(points: &[Point], scalars: &[Scalar], generator: Scalar) -> Sum {
    let kept = || {
        let pairs = points.iter().zip(scalars);
        pairs.filter(|(point, _)| !point.is_infinity())
    };
    let finite: Vec<P1Affine> = kept().map(|(point, _)| point.0).collect();
    let tables = multiples(&finite, 1 << (WIDTH - 2));
    let mut terms: Vec<(&[P1Affine], [i16; DIGITS])> = Vec::with_capacity(2 * finite.len() + 2);
    for (table, (_, scalar)) in tables.iter().zip(kept()) {
        push_terms(&mut terms, table, *scalar, WIDTH);
    }
    for table in of_generator() {
        push_terms(&mut terms, table, generator, KEPT_WIDTH);
    }
    let mut total = P1::default();
    for at in (0..DIGITS).rev() {
        total = ffi::p1_double(&total);
        for (table, digits) in &terms {
            let digit = digits[at];
            let multiple = table.get(usize::from(digit.unsigned_abs()) / 2);
            total = match multiple {
                Some(multiple) if digit > 0 => ffi::p1_add_affine(&total, multiple),
                Some(multiple) if digit < 0 => {
                    ffi::p1_add_affine(&total, &ffi::p1_negate(multiple))
                }
                _ => total,
            };
        }
    }
    Sum(total)
}

fn push_terms<'m>(
    terms: &mut Vec<(&'m [P1Affine], [i16; DIGITS])>,
    table: &'m Multiples,
    scalar: Scalar,
    width: u32,
) {
    let [own, image] = split(&scalar.to_raw());
    terms.push((&table.own, digits(&own, width)));
    terms.push((&table.image, digits(&image, width)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::msm;

    fn scalar(n: u64) -> Scalar {
        crate::hash::to_scalar("test", &[&n.to_le_bytes()])
    }

    #[test]
    fn digits_make_the_half() {
        let sizes = [
            0,
            1,
            15,
            16,
            17,
            31,
            32,
            (1 << 127) - 1,
            1 << 126,
            0x5555 << 100,
        ];
        for size in sizes {
            for (negative, width) in [(false, WIDTH), (true, WIDTH), (false, KEPT_WIDTH)] {
                let digits = digits(&Half { negative, size }, width);
                let mut sum = Scalar::ZERO;
                for digit in digits.iter().rev() {
                    let value = Scalar::from(u64::from(digit.unsigned_abs()));
                    assert!(*digit == 0 || digit % 2 != 0);
                    assert!(digit.unsigned_abs() < 1 << (width - 1));
                    sum = sum + sum;
                    sum = if *digit < 0 { sum - value } else { sum + value };
                }
                let expected = Scalar::reduce(&size.to_be_bytes());
                assert_eq!(sum, if negative { -expected } else { expected });
            }
        }
    }

    #[test]
    fn the_same_as_by_buckets() {
        let edges = [Scalar::ZERO, Scalar::one(), -Scalar::one()];
        for count in [0usize, 1, 2, 7, 50] {
            let points: Vec<Point> = (0..count as u64)
                .map(|n| Point::generator().times(scalar(n)).to_point())
                .collect();
            for shift in 0..4 {
                let scalars: Vec<Scalar> = (0..count)
                    .map(|n| *edges.get(n + shift).unwrap_or(&scalar(n as u64)))
                    .collect();
                let expected = msm(&points, &scalars);
                assert_eq!(
                    sum(&points, &scalars, Scalar::ZERO).to_point(),
                    expected.to_point()
                );
                let more = expected.plus_sum(&Point::generator().times(scalar(99)));
                assert_eq!(
                    sum(&points, &scalars, scalar(99)).to_point(),
                    more.to_point()
                );
            }
        }
    }

    /// Threat 10: terms that are equal, opposite, infinity, or meet the sum on its way.
    #[test]
    fn exceptional_cases() {
        let point = Point::generator().times(scalar(1)).to_point();
        let opposite = point.negate();
        let infinity = Point::infinity();
        for (points, small) in [
            (vec![point, point], [1, 1]),
            (vec![point, opposite], [1, 1]),
            (vec![point, opposite], [31, 31]),
            (vec![point, infinity], [5, 5]),
            (vec![infinity, infinity], [1, 2]),
            (
                vec![Point::generator(), Point::generator().negate()],
                [3, 4],
            ),
        ] {
            let scalars = small.map(Scalar::from);
            for generator in [Scalar::ZERO, Scalar::one(), -scalar(1)] {
                let expected = msm(&points, &scalars)
                    .plus_sum(&Point::generator().times(generator))
                    .to_point();
                assert_eq!(sum(&points, &scalars, generator).to_point(), expected);
            }
        }
    }
}
