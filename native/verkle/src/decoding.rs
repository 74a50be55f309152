//! Points from their compressed forms, many at a time.
//!
//! **Theory.** A compressed point is x and which of two roots y is, and finding a root is a power: p = 3 mod 4, so of a square s one is
//! `s^((p + 1) / 4)`. It is the same power for all points, so they are taken a lane each, by windows of four bits.
//!
//! **Invariant.** What comes out is what decoding one after the other gives: whatever root was found, the point must lie on the
//! curve, and its own compressed form must be the bytes that came. Points outside of the subgroup come out, too.

use crate::addition::{Affine, Field};
use crate::ffi::{self, Fp, P1Affine};
use crate::field::{self, P};
use crate::lanes::{self, LANES};
use crate::multiples::Kernel;
use crate::point::Point;

/// From so many points on lanes are faster than a point after the other.
const WORTH: usize = 2;
/// Of the first byte: compressed, and finite.
const FLAGS: u8 = 0xc0;
const FINITE: u8 = 0x80;
/// What of the first byte belongs to x.
const OF_X: u8 = 0x1f;
/// (p + 1) / 4.
const EXPONENT: [u64; 6] = {
    let mut out = P;
    // The lowest word is not the largest, so nothing is carried.
    out[0] += 1;
    let mut at = 0;
    while at < 6 {
        let above = if at < 5 { out[at + 1] } else { 0 };
        out[at] = out[at] >> 2 | above << 62;
        at += 1;
    }
    out
};
const WINDOW: usize = 4;
const WINDOWS: usize = 64 / WINDOW * 6;

/// The points, perhaps outside of the subgroup; `None` if one is not the encoding of a point of the curve.
pub(crate) fn decode(kernel: Kernel, encoded: &[[u8; 48]]) -> Option<Vec<Point>> {
    let (finite, others): (Vec<usize>, Vec<usize>) =
        (0..encoded.len()).partition(|at| encoded[*at][0] & FLAGS == FINITE);
    let wide = (finite.len() >= WORTH)
        .then(|| {
            let points = finite.iter().map(|at| with_x(&encoded[*at])).collect();
            in_lanes(kernel, points)
        })
        .flatten();
    let Some(wide) = wide else {
        return encoded
            .iter()
            .map(Point::from_compressed_unchecked)
            .collect();
    };
    let mut out = vec![Point::infinity(); encoded.len()];
    for (at, point) in finite.into_iter().zip(wide) {
        out[at] = signed(point?, &encoded[at])?;
    }
    for at in others {
        out[at] = Point::from_compressed_unchecked(&encoded[at])?;
    }
    Some(out)
}

/// A point of this x, without its y.
fn with_x(encoded: &[u8; 48]) -> P1Affine {
    let mut bytes = *encoded;
    bytes[0] &= OF_X;
    P1Affine {
        x: ffi::fp_from_bytes(&bytes),
        y: Fp::default(),
    }
}

/// The point or its opposite, whichever has this encoding.
fn signed(point: P1Affine, encoded: &[u8; 48]) -> Option<Point> {
    let point = Point(point);
    let both = [point, point.negate()];
    both.into_iter()
        .find(|point| point.to_compressed() == *encoded)
}

/// Points with one of their roots each, none where there is no root; nothing at all where there are no lanes.
fn in_lanes(kernel: Kernel, points: Vec<P1Affine>) -> Option<Vec<Option<P1Affine>>> {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Fused => enter(lanes::kernel::Fused::detect(), points),
        #[cfg(target_arch = "x86_64")]
        Kernel::Ifma => enter(lanes::kernel::Ifma::detect(), points),
        _ => None,
    }
}

#[cfg(target_arch = "x86_64")]
fn enter<L: lanes::Lanes>(
    lanes: Option<L>,
    points: Vec<P1Affine>,
) -> Option<Vec<Option<P1Affine>>> {
    lanes.map(|lanes| lanes.enter(Roots(points)))
}

struct Roots(Vec<P1Affine>);

impl<L: lanes::Lanes> lanes::Task<L> for Roots {
    type Output = Vec<Option<P1Affine>>;

    #[inline(always)]
    fn run(self, lanes: L) -> Self::Output {
        roots(lanes::wide::Wide(lanes), &self.0)
    }
}

#[inline(always)]
fn roots<F: Field>(field: F, points: &[P1Affine]) -> Vec<Option<P1Affine>> {
    let one = ffi::fp_one();
    let two = field::sub(&one, &field::negate(&one));
    let minus_four = field.splat(&field::sub(&field::negate(&two), &two));
    let mut found = Vec::with_capacity(points.len() + F::LANES);
    let mut out = Vec::with_capacity(points.len());
    for start in (0..points.len()).step_by(F::LANES) {
        // The last lanes repeat the last point.
        let mut places = [0; LANES];
        for (lane, place) in places.iter_mut().enumerate() {
            *place = (start + lane).min(points.len() - 1) as u32;
        }
        let x = field.fetch(points, &places, 0, 0).x;
        let square = field.multiply(&x, &x);
        let cube = field.multiply(&square, &x);
        let square = field.canonical(&field.subtract(&cube, &minus_four));
        let y = field.canonical(&power(field, &square));
        let there = field.equal(&field.canonical(&field.square(&y)), &square);
        found.clear();
        field.append(&Affine { x, y }, &mut found);
        let some = found.iter().take(points.len() - start).enumerate();
        out.extend(some.map(|(lane, point)| (there >> lane & 1 == 1).then_some(*point)));
    }
    out
}

/// To the power of [`EXPONENT`].
#[inline(always)]
fn power<F: Field>(field: F, base: &F::Element) -> F::Element {
    let mut table = [field.one(); 1 << WINDOW];
    for at in 1..table.len() {
        table[at] = field.multiply(&table[at - 1], base);
    }
    let mut out = field.one();
    let mut begun = false;
    for at in (0..WINDOWS).rev() {
        let per_word = 64 / WINDOW;
        let digit = (EXPONENT[at / per_word] >> (at % per_word * WINDOW)) as usize % table.len();
        if begun {
            for _ in 0..WINDOW {
                out = field.square(&out);
            }
        }
        if digit > 0 {
            out = field.multiply(&out, &table[digit]);
            begun = true;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::model::Model;
    use crate::lanes::Task;
    use crate::scalar::Scalar;
    use hyperdb_fuzz::Dice;

    fn some(count: usize) -> Vec<[u8; 48]> {
        let multiple = |n: usize| Point::generator().times(Scalar::from((n * n + 1) as u64));
        let point = |n: usize| match n % 2 {
            0 => multiple(n).to_point(),
            _ => multiple(n).to_point().negate(),
        };
        (0..count).map(|n| point(n).to_compressed()).collect()
    }

    fn slowly(encoded: &[[u8; 48]]) -> Option<Vec<Point>> {
        encoded
            .iter()
            .map(Point::from_compressed_unchecked)
            .collect()
    }

    fn check(encoded: &[[u8; 48]]) -> bool {
        let expected = slowly(encoded);
        for kernel in Kernel::available() {
            assert!(decode(kernel, encoded) == expected, "{kernel:?}");
        }
        expected.is_some()
    }

    #[test]
    fn the_same_as_one_after_the_other() {
        for count in [0, 1, 2, 3, 8, 9, 17] {
            assert!(check(&some(count)));
        }
        let mut infinity = some(5);
        infinity[2] = Point::infinity().to_compressed();
        assert!(check(&infinity));
    }

    #[test]
    fn what_is_no_point_is_refused_wherever_it_is() {
        let largest: [u8; 48] = {
            let mut bytes = [0; 48];
            for (bytes, word) in bytes.chunks_exact_mut(8).zip(P.iter().rev()) {
                bytes.copy_from_slice(&word.to_be_bytes());
            }
            bytes
        };
        let mut dice = Dice::new(3);
        let mut refused = 0;
        for turn in 0..60 {
            let mut encoded = some(9);
            let at = dice.roll(9);
            match turn % 6 {
                // The other root, another x, p itself and above, flags.
                0 => encoded[at][0] ^= 0x20,
                1 => encoded[at][47] ^= 1 << dice.roll(8),
                2 => {
                    encoded[at] = largest;
                    encoded[at][0] |= 0x80;
                    encoded[at][47] = encoded[at][47].wrapping_add(dice.roll(3) as u8);
                }
                3 => encoded[at][0] ^= 0x80,
                4 => encoded[at][0] |= 0x40,
                _ => encoded[at] = [255; 48],
            }
            refused += usize::from(!check(&encoded));
        }
        assert!(refused > 30, "{refused}");
    }

    #[test]
    fn the_model_finds_roots() {
        let points = || some(5).iter().map(with_x).collect::<Vec<_>>();
        let plain = Task::run(Roots(points()), Model::<false>);
        let biased = Task::run(Roots(points()), Model::<true>);
        assert!(plain == biased);
        for (found, encoded) in plain.into_iter().zip(some(5)) {
            let point = found.and_then(|point| signed(point, &encoded));
            assert!(point == Point::from_compressed_unchecked(&encoded));
        }
    }
}
