//! Whether points of the curve lie in the subgroup of order r, many at a time.
//!
//! **Theory.** The endomorphism `(x, y) -> (beta x, y)` multiplies exactly the points of the subgroup by -z^2 (Scott, "A note on group
//! membership tests for G1, G2 and GT on BLS pairing-friendly curves", ePrint 2021/1130). So `z^2 P = (beta x, -y)` is checked, by
//! doublings and additions in Jacobian coordinates, a point in each lane. Of many points some dozens of sums are checked in their
//! place ([`crate::combinations`]): one alone would not do, for the cofactor has the factors 3 and 11, and a point of order 3 would
//! pass in it once in three times.
//!
//! **Invariant.** Additions are not complete. Of equal or opposite points they give z = 0, which no later step leaves, and which is
//! outside. A point of the subgroup never comes there: k P + P is asked for with 1 < k < z^2 < r - 1 alone.

use crate::addition::{Affine, Field};
use crate::combinations;
use crate::endomorphism::{beta, SQUARE};
use crate::ffi::{self, P1Affine};
use crate::lanes::{self, LANES};
use crate::multiples::Kernel;
use crate::point::Point;

/// From so many points on lanes are faster than a point after the other: where products are put together from doubles, and where not.
const WORTH: (usize, usize) = (7, 2);

/// From so many points on sums of them take less time than they do.
const MANY: usize = 128;

/// Whether all of these, points of the curve, lie in the subgroup; infinity does. Many are wrongly said to once in 2^139 times.
pub(crate) fn all_in_subgroup(kernel: Kernel, points: &[Point]) -> bool {
    let points = finite(points.iter().map(|point| point.0));
    match points.len() < MANY {
        true => each_in_subgroup(kernel, &points),
        false => each_in_subgroup(kernel, &finite(combinations::sums(kernel, &points))),
    }
}

fn finite(points: impl IntoIterator<Item = P1Affine>) -> Vec<P1Affine> {
    let points = points.into_iter();
    points.filter(|point| !ffi::p1_is_infinity(point)).collect()
}

/// None is infinity.
fn each_in_subgroup(kernel: Kernel, finite: &[P1Affine]) -> bool {
    let alone = |points: &[P1Affine]| points.iter().all(ffi::p1_in_subgroup);
    // What is left over of the last lanes goes alone if it is little.
    let rest = finite.len() % LANES;
    let worth = match kernel {
        Kernel::Ifma => WORTH.1,
        _ => WORTH.0,
    };
    let together = finite.len() - if rest < worth { rest } else { 0 };
    let (together, rest) = finite.split_at(together);
    let within = match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Fused => enter(lanes::kernel::Fused::detect(), together),
        #[cfg(target_arch = "x86_64")]
        Kernel::Ifma => enter(lanes::kernel::Ifma::detect(), together),
        _ => None,
    };
    within.unwrap_or_else(|| alone(together)) && alone(rest)
}

#[cfg(target_arch = "x86_64")]
fn enter<L: lanes::Lanes>(lanes: Option<L>, points: &[P1Affine]) -> Option<bool> {
    lanes.map(|lanes| lanes.enter(Check(points)))
}

struct Check<'a>(&'a [P1Affine]);

impl<L: lanes::Lanes> lanes::Task<L> for Check<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self, lanes: L) -> bool {
        check(lanes::wide::Wide(lanes), self.0)
    }
}

/// In Jacobian coordinates: (x / z^2, y / z^3). All canonical.
struct Jacobian<E> {
    x: E,
    y: E,
    z: E,
}

/// No point is infinity.
#[inline(always)]
fn check<F: Field>(field: F, points: &[P1Affine]) -> bool {
    let beta = field.splat(&beta());
    for start in (0..points.len()).step_by(F::LANES) {
        // The last lanes repeat the last point.
        let place = |lane: usize| (start + lane).min(points.len() - 1) as u32;
        let mut places = [0; LANES];
        for (lane, at) in places.iter_mut().enumerate() {
            *at = place(lane);
        }
        let point = field.fetch(points, &places, 0, 0);
        let multiple = times_square(field, &point);
        let zz = product(field, &multiple.z, &multiple.z);
        let zzz = product(field, &zz, &multiple.z);
        let image = product(field, &product(field, &point.x, &beta), &zz);
        let opposite = product(field, &field.opposite(&point.y), &zzz);
        let within = field.equal(&multiple.x, &image)
            & field.equal(&multiple.y, &opposite)
            & !field.is_zero(&multiple.z);
        let all = ((1u16 << F::LANES) - 1) as lanes::Mask;
        if within & all != all {
            return false;
        }
    }
    true
}

/// z^2 times a point.
#[inline(always)]
fn times_square<F: Field>(field: F, point: &Affine<F::Element>) -> Jacobian<F::Element> {
    let mut sum = Jacobian {
        x: point.x,
        y: point.y,
        z: field.one(),
    };
    for bit in (0..SQUARE.ilog2()).rev() {
        sum = double(field, &sum);
        if SQUARE >> bit & 1 == 1 {
            sum = add(field, &sum, point);
        }
    }
    sum
}

#[inline(always)]
fn product<F: Field>(field: F, a: &F::Element, b: &F::Element) -> F::Element {
    field.canonical(&field.multiply(a, b))
}

/// a - b, both canonical.
#[inline(always)]
fn less<F: Field>(field: F, a: &F::Element, b: &F::Element) -> F::Element {
    field.canonical(&field.subtract(a, b))
}

/// 2 a, a canonical.
#[inline(always)]
fn twice<F: Field>(field: F, a: &F::Element) -> F::Element {
    less(field, a, &field.opposite(a))
}

/// Formulas dbl-2009-l of the Explicit-Formulas Database, with a product for its last square.
#[inline(always)]
fn double<F: Field>(field: F, p: &Jacobian<F::Element>) -> Jacobian<F::Element> {
    let a = product(field, &p.x, &p.x);
    let b = product(field, &p.y, &p.y);
    let c = product(field, &b, &b);
    let d = twice(field, &twice(field, &product(field, &p.x, &b)));
    let e = less(field, &twice(field, &a), &field.opposite(&a));
    let f = product(field, &e, &e);
    let x = less(field, &less(field, &f, &d), &d);
    let rise = product(field, &e, &less(field, &d, &x));
    let y = less(
        field,
        &rise,
        &twice(field, &twice(field, &twice(field, &c))),
    );
    let z = twice(field, &product(field, &p.y, &p.z));
    Jacobian { x, y, z }
}

/// Formulas madd of the same, with z^2 and z^3 computed once.
#[inline(always)]
fn add<F: Field>(
    field: F,
    p: &Jacobian<F::Element>,
    q: &Affine<F::Element>,
) -> Jacobian<F::Element> {
    let zz = product(field, &p.z, &p.z);
    let zzz = product(field, &zz, &p.z);
    let h = less(field, &product(field, &q.x, &zz), &p.x);
    let r = less(field, &product(field, &q.y, &zzz), &p.y);
    let hh = product(field, &h, &h);
    let hhh = product(field, &hh, &h);
    let v = product(field, &p.x, &hh);
    let x = less(field, &product(field, &r, &r), &hhh);
    let x = less(field, &less(field, &x, &v), &v);
    let rise = product(field, &r, &less(field, &v, &x));
    let y = less(field, &rise, &product(field, &p.y, &hhh));
    let z = product(field, &p.z, &h);
    Jacobian { x, y, z }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::addition::Single;
    use crate::lanes::model::Model;
    use crate::lanes::Task;
    use crate::scalar::Scalar;

    fn inside(count: u64) -> Vec<Point> {
        let multiple = |n: u64| Point::generator().times(Scalar::from(n) * Scalar::from(n));
        (1..=count).map(|n| multiple(n).to_point()).collect()
    }

    /// Points of the curve with small x, outside the subgroup; the first, (0, 2), which no decoder lets through, has order 3.
    fn outside() -> Vec<Point> {
        let one = ffi::fp_one();
        let two = crate::field::sub(&one, &crate::field::negate(&one));
        let third = Point(P1Affine {
            x: Default::default(),
            y: two,
        });
        let of = |x: u8| {
            let mut bytes = [0; 48];
            (bytes[0], bytes[47]) = (0x80, x);
            Point::from_compressed_unchecked(&bytes)
        };
        let points = std::iter::once(third).chain((1..=u8::MAX).filter_map(of));
        points.filter(|point| !point.in_subgroup()).collect()
    }

    fn by_all(points: &[Point]) -> Vec<bool> {
        let raw: Vec<P1Affine> = points.iter().map(|point| point.0).collect();
        let mut out = vec![
            check(Single, &raw),
            Task::run(Check(&raw), Model::<false>),
            Task::run(Check(&raw), Model::<true>),
        ];
        let kernels = Kernel::available();
        out.extend(
            kernels
                .iter()
                .map(|kernel| all_in_subgroup(*kernel, points)),
        );
        out
    }

    #[test]
    fn points_of_the_subgroup_are_in_it() {
        for count in [1, 7, 8, 9, 15, 16, 31] {
            assert!(
                by_all(&inside(count)).iter().all(|within| *within),
                "{count}"
            );
        }
        for kernel in Kernel::available() {
            assert!(all_in_subgroup(kernel, &[]));
            assert!(all_in_subgroup(kernel, &[Point::infinity(); 9]));
        }
    }

    /// Threat 3: also where sums are checked in the place of points.
    #[test]
    fn one_point_outside_is_found_among_many() {
        let strangers = outside();
        let inside = inside(MANY as u64 + 37);
        for kernel in Kernel::available() {
            assert!(all_in_subgroup(kernel, &inside));
            for (at, stranger) in strangers.iter().enumerate().take(24) {
                let mut points = inside.clone();
                let place = at * 7 % points.len();
                points[place] = *stranger;
                assert!(!all_in_subgroup(kernel, &points), "{at}");
                // Beside its opposite, so that the sum of all would be inside.
                points[place + 1] = stranger.negate();
                assert!(!all_in_subgroup(kernel, &points), "{at} and its opposite");
            }
            assert!(all_in_subgroup(kernel, &[Point::generator(); 3 * MANY]));
            assert!(!all_in_subgroup(kernel, &[strangers[0]; 3 * MANY]));
        }
    }

    #[test]
    fn one_point_outside_is_found_wherever_it_stands() {
        let strangers = outside();
        assert!(strangers.len() > 60 && strangers[0].0.x.l == [0; 6]);
        for (at, stranger) in strangers.iter().enumerate() {
            let mut points = inside(8 + at as u64 % 9);
            let place = at % points.len();
            points[place] = *stranger;
            let found = by_all(&points);
            assert!(!found.iter().any(|within| *within), "{at}: {found:?}");
        }
    }

    /// Threats 3 and 10: points of small order meet their equals and opposites on the way.
    #[test]
    fn points_of_small_order_are_outside() {
        let order = -Scalar::one();
        for stranger in outside().iter().take(24) {
            // r P = (r - 1) P + P: what lies outside of it. Times parts of the cofactor for smaller orders.
            let cofactor = stranger.times(order).plus(stranger).to_point();
            for factor in [1u64, 11, 10_177, 859_267, 52_437_899, 11 * 10_177] {
                let mut small = cofactor.times(Scalar::from(factor)).to_point();
                for more in [859_267u64, 52_437_899, 10_177, 11, 859_267, 52_437_899] {
                    let points = vec![small; 8];
                    let expected = small.is_infinity();
                    let raw: Vec<P1Affine> = points.iter().map(|point| point.0).collect();
                    assert!(expected || !check(Single, &raw));
                    for kernel in Kernel::available() {
                        assert_eq!(all_in_subgroup(kernel, &points), expected);
                    }
                    small = small.times(Scalar::from(more)).to_point();
                }
            }
        }
    }
}
