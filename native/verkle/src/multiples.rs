//! Multiples of the fixed bases, many at a time: the work behind every change of a commitment.
//!
//! **Theory.** With all small multiples of all `2^(10 i) L_slot` in a table, `delta * L_slot` is a sum of 13 table points and the image
//! of such a sum under the endomorphism ([`crate::endomorphism`]), and no point is doubled. All multiples have the same shape, so
//! they are summed in step, column by column: a vector unit takes eight at a time, a lane each.
//!
//! **Invariant.** Every kernel gives the same points, in the same form, as the multiplication by blst.

use crate::addition::{Adder, Affine, Field, Single};
use crate::endomorphism::{beta, split, DIGITS, MULTIPLES, WINDOW};
use crate::ffi::{self, P1Affine, P1};
use crate::lanes::{self, Mask, LANES};
use crate::memory;
use crate::scalar::Scalar;

/// Table points of a multiple.
const COLUMNS: usize = 2 * DIGITS;
/// Multiples that are summed together: as many points as the cache next to the core holds.
const CHUNK: usize = 64;
/// Multiples ahead of which the table's points are fetched.
const AHEAD: usize = 8;

/// With which instructions multiples are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// blst's arithmetic, a point at a time.
    Scalar,
    /// Eight lanes of AVX-512, products by fused multiply-adds of doubles.
    Fused,
    /// Eight lanes of AVX-512 with IFMA.
    Ifma,
}

impl Kernel {
    /// Those that this processor has, the fastest last.
    pub fn available() -> Vec<Kernel> {
        let mut out = vec![Kernel::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            out.extend(lanes::kernel::Fused::detect().map(|_| Kernel::Fused));
            out.extend(lanes::kernel::Ifma::detect().map(|_| Kernel::Ifma));
        }
        out
    }

    /// The fastest that this processor has.
    pub fn detect() -> Kernel {
        Self::available().pop().unwrap_or(Kernel::Scalar)
    }
}

/// Where the table has the multiple `size` (1 to [`MULTIPLES`]) of a digit of a slot.
pub(crate) fn place(slot: usize, digit: usize, size: usize) -> usize {
    (slot * DIGITS + digit) * MULTIPLES + size - 1
}

/// The table points of one multiple; bits of the masks are columns.
struct Term {
    places: [u32; COLUMNS],
    negative: u32,
    absent: u32,
}

impl Term {
    const NOTHING: Term = Term {
        places: [0; COLUMNS],
        negative: 0,
        absent: u32::MAX,
    };

    fn of(slot: usize, factor: Scalar) -> Term {
        let mut out = Term {
            absent: 0,
            ..Term::NOTHING
        };
        for (half, columns) in split(&factor.to_raw())
            .iter()
            .zip(out.places.chunks_exact_mut(DIGITS).enumerate())
        {
            for (digit, value) in half.digits::<DIGITS>(WINDOW).into_iter().enumerate() {
                let bit = 1 << (columns.0 * DIGITS + digit);
                if value == 0 {
                    out.absent |= bit;
                    continue;
                }
                if value < 0 {
                    out.negative |= bit;
                }
                columns.1[digit] = place(slot, digit, value.unsigned_abs() as usize) as u32;
            }
        }
        out
    }

    fn prefetch(&self, table: &[P1Affine]) {
        for place in self.places {
            memory::prefetch(&table[place as usize]);
        }
    }
}

/// Appends `factor * L_slot` for each of `factors`: slots (below 64) and scalars.
pub(crate) fn multiples(
    kernel: Kernel,
    table: &[P1Affine],
    factors: &mut dyn Iterator<Item = (usize, Scalar)>,
    out: &mut Vec<P1Affine>,
) {
    let before = out.len();
    let count = run(kernel, table, factors, false, out);
    out.truncate(before + count);
}

/// The sum of `factor * L_slot` over all `factors`.
pub(crate) fn total(
    kernel: Kernel,
    table: &[P1Affine],
    factors: &mut dyn Iterator<Item = (usize, Scalar)>,
) -> P1Affine {
    let mut parts = Vec::new();
    run(kernel, table, factors, true, &mut parts);
    let sum = parts.iter().fold(P1::default(), |sum, part| {
        // What has no point is infinity in affine form.
        ffi::p1_add_affine(&sum, part)
    });
    ffi::p1_to_affine(&sum)
}

/// Sums in the order of the factors, or some whose sum is that of all; how many factors there were.
fn run(
    kernel: Kernel,
    table: &[P1Affine],
    factors: &mut dyn Iterator<Item = (usize, Scalar)>,
    together: bool,
    out: &mut Vec<P1Affine>,
) -> usize {
    let mut terms: Vec<Term> = factors
        .map(|(slot, factor)| Term::of(slot, factor))
        .collect();
    let count = terms.len();
    let sums = Sums {
        table,
        terms: &mut terms,
        together,
        out,
    };
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Fused => with(lanes::kernel::Fused::detect(), sums),
        #[cfg(target_arch = "x86_64")]
        Kernel::Ifma => with(lanes::kernel::Ifma::detect(), sums),
        _ => sums.run(Single),
    }
    count
}

/// In lanes; whoever names a kernel that is not there gets the scalar one.
#[cfg(target_arch = "x86_64")]
fn with<L: lanes::Lanes>(lanes: Option<L>, sums: Sums<'_>) {
    match lanes {
        Some(lanes) => lanes.enter(sums),
        None => sums.run(Single),
    }
}

struct Sums<'a> {
    table: &'a [P1Affine],
    terms: &'a mut Vec<Term>,
    /// Whether all that is summed at a time comes to one sum in each lane.
    together: bool,
    out: &'a mut Vec<P1Affine>,
}

impl<L: lanes::Lanes> lanes::Task<L> for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self, lanes: L) {
        Sums::run(self, lanes::wide::Wide(lanes));
    }
}

impl Sums<'_> {
    #[inline(always)]
    fn run<F: Field>(self, field: F) {
        while !self.terms.len().is_multiple_of(F::LANES) {
            self.terms.push(Term::NOTHING);
        }
        let mut adder = Adder::new(field);
        let mut points = Vec::with_capacity(CHUNK / F::LANES * COLUMNS);
        let beta = field.splat(&beta());
        for start in (0..self.terms.len()).step_by(CHUNK) {
            let end = self.terms.len().min(start + CHUNK);
            points.clear();
            for at in (start..end).step_by(F::LANES) {
                let ahead = (at + AHEAD)..(at + AHEAD + F::LANES);
                let ahead = self.terms.get(ahead).unwrap_or_default();
                ahead.iter().for_each(|term| term.prefetch(self.table));
                let block = &self.terms[at..at + F::LANES];
                push_columns(field, self.table, block, &mut points);
            }
            sum(&mut adder, &mut points, &beta);
            if self.together {
                sum_rows(&mut adder, &mut points);
                field.append(&points[0], self.out);
                continue;
            }
            for point in points.iter().step_by(COLUMNS) {
                field.append(point, self.out);
            }
        }
    }
}

/// Appends the columns of a multiple, or of one in each lane.
#[inline(always)]
fn push_columns<F: Field>(
    field: F,
    table: &[P1Affine],
    terms: &[Term],
    points: &mut Vec<Affine<F::Element>>,
) {
    for column in 0..COLUMNS {
        let (mut places, mut negative, mut absent) = ([0; LANES], 0, 0);
        for (lane, term) in terms.iter().enumerate() {
            places[lane % LANES] = term.places[column];
            negative |= ((term.negative >> column & 1) as Mask) << lane;
            absent |= ((term.absent >> column & 1) as Mask) << lane;
        }
        points.push(field.fetch(table, &places, negative, absent));
    }
}

/// Sums each row of columns; the sum lies in the first of them.
#[inline(always)]
fn sum<F: Field>(adder: &mut Adder<F>, points: &mut [Affine<F::Element>], beta: &F::Element) {
    let field = adder.field;
    let mut stride = 1;
    while stride < DIGITS {
        adder.pairs.clear();
        for half in (0..points.len()).step_by(DIGITS) {
            for digit in (0..DIGITS - stride).step_by(2 * stride) {
                let at = (half + digit) as u32;
                adder.pairs.push((at, at + stride as u32));
            }
        }
        adder.round(points);
        stride *= 2;
    }
    adder.pairs.clear();
    for row in (0..points.len()).step_by(COLUMNS) {
        let image = &mut points[row + DIGITS];
        image.x = field.canonical(&field.multiply(&image.x, beta));
        image.y = field.opposite(&image.y);
        adder.pairs.push((row as u32, (row + DIGITS) as u32));
    }
    adder.round(points);
}

/// Sums the sums of all rows; it lies in the first.
#[inline(always)]
fn sum_rows<F: Field>(adder: &mut Adder<F>, points: &mut [Affine<F::Element>]) {
    let mut stride = COLUMNS;
    while stride < points.len() {
        adder.pairs.clear();
        for at in (0..points.len() - stride).step_by(2 * stride) {
            adder.pairs.push((at as u32, (at + stride) as u32));
        }
        adder.round(points);
        stride *= 2;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::comb::Comb;
    use crate::lanes::model::Model;
    use crate::lanes::Task;
    use crate::setup::Setup;
    use hyperdb_fuzz::Dice;

    /// Scalars with digits that are zero, extreme or carry, and random ones.
    fn factors(dice: &mut Dice, count: usize) -> Vec<(usize, Scalar)> {
        let mut edges = vec![Scalar::ZERO];
        for power in [0, 1, 9, 10, 11, 126, 127, 128, 254] {
            let power = Scalar::from(2).pow(power);
            edges.extend([power, -power, power + Scalar::one(), power - Scalar::one()]);
        }
        edges.extend((0..count).map(|_| {
            let seed = (dice.roll(usize::MAX) as u64).to_le_bytes();
            crate::hash::to_scalar("test", &[&seed])
        }));
        let slots = edges.into_iter().map(|scalar| (dice.roll(64), scalar));
        slots.collect()
    }

    fn by_blst(factors: &[(usize, Scalar)]) -> Vec<P1Affine> {
        let bases = Setup::ceremony().unwrap().lagrange();
        let each = |(slot, factor): &(usize, Scalar)| bases[*slot].times(*factor).to_point().0;
        factors.iter().map(each).collect()
    }

    #[test]
    fn every_kernel_gives_blsts_points() {
        let comb = Comb::ceremony().unwrap();
        for (seed, count) in [(1, 0), (2, 1), (3, 7), (4, 200)] {
            let factors = factors(&mut Dice::new(seed), count);
            let expected = by_blst(&factors);
            for kernel in Kernel::available() {
                let mut out = vec![P1Affine::default()];
                multiples(kernel, comb.table(), &mut factors.iter().copied(), &mut out);
                assert_eq!(out[1..], expected, "{kernel:?}");
                let all = total(kernel, comb.table(), &mut factors.iter().copied());
                let sum = expected
                    .iter()
                    .fold(P1::default(), |sum, one| ffi::p1_add_affine(&sum, one));
                assert_eq!(all, ffi::p1_to_affine(&sum), "{kernel:?}");
            }
            for biased in [false, true] {
                let mut terms = factors
                    .iter()
                    .map(|(slot, k)| Term::of(*slot, *k))
                    .collect();
                let mut out = Vec::new();
                let sums = Sums {
                    table: comb.table(),
                    terms: &mut terms,
                    together: false,
                    out: &mut out,
                };
                match biased {
                    false => Task::run(sums, Model::<false>),
                    true => Task::run(sums, Model::<true>),
                }
                out.truncate(expected.len());
                assert_eq!(out, expected, "the model, biased: {biased}");
            }
        }
    }

    /// Threat 10: a table in which points meet their equals, opposites and infinity at every addition.
    #[test]
    fn equal_opposite_and_infinite_terms() {
        let generator = Scalar::one();
        let base = Setup::ceremony().unwrap().lagrange()[0];
        let small: Vec<P1Affine> = [generator, -generator, generator + generator, Scalar::ZERO]
            .iter()
            .map(|factor| base.times(*factor).to_point().0)
            .collect();
        let mut dice = Dice::new(5);
        let mut terms: Vec<Term> = (0..40)
            .map(|_| {
                let mut places = [0; COLUMNS];
                places.fill_with(|| dice.roll(small.len()) as u32);
                Term {
                    places,
                    negative: dice.roll(1 << COLUMNS) as u32,
                    absent: (dice.roll(1 << COLUMNS) & dice.roll(1 << COLUMNS)) as u32,
                }
            })
            .collect();
        let expected: Vec<P1Affine> = terms
            .iter()
            .map(|term| {
                let mut halves = [crate::point::Sum::zero(); 2];
                for column in (0..COLUMNS).filter(|column| term.absent >> column & 1 == 0) {
                    let point = crate::point::Point(small[term.places[column] as usize]);
                    let point = match term.negative >> column & 1 {
                        0 => point,
                        _ => point.negate(),
                    };
                    let half = &mut halves[column / DIGITS];
                    *half = half.plus(&point);
                }
                let mut image = halves[1].to_point();
                image.0.x = crate::ffi::fp_mul(&image.0.x, &beta());
                halves[0].plus(&image.negate()).to_point().0
            })
            .collect();
        for wide in [false, true] {
            let mut out = Vec::new();
            let sums = Sums {
                table: &small,
                terms: &mut terms,
                together: false,
                out: &mut out,
            };
            match wide {
                false => sums.run(Single),
                true => Task::run(sums, Model::<true>),
            }
            assert_eq!(out, expected, "in lanes: {wide}");
        }
    }
}
