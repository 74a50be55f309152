//! Changing commitments: `C += delta * L_slot` for many commitments at once.
//!
//! **Theory.** A table holds the small multiples of all powers of 2^10 of all bases, up to the size that the endomorphism leaves of a
//! scalar, so `delta * L_slot` is a sum of table points alone ([`crate::multiples`]). The multiples of many updates are summed
//! in affine form, and so are those that meet in one commitment: one inversion serves a whole round ([`crate::addition`]).
//! Multiples of a slot's base are public, so nothing here needs constant time.

use crate::addition::{Adder, Affine, Single};
use crate::domain::{Values, WIDTH};
use crate::endomorphism::{DIGITS, MULTIPLES};
use crate::ffi::{Fp, P1Affine};
use crate::memory;
pub use crate::multiples::Kernel;
use crate::multiples::{multiples, place, total};
use crate::point::Point;
use crate::scalar::Scalar;
use crate::setup::{Setup, SetupError};
use std::ops::Range;
use std::sync::OnceLock;

/// Updates that are applied together: their points stay in the cache.
const CHUNK: usize = 512;
/// Fewer updates are not worth a thread.
const SHARE: usize = 64;

/// A change of one slot of one commitment.
#[derive(Clone, Copy, Debug)]
pub struct Update {
    /// Which commitment: an index.
    pub target: u32,
    /// Which slot, below 64.
    pub slot: u8,
    /// New value less old value.
    pub delta: Scalar,
}

/// The table of multiples, 41 MB. One per process: [`Comb::ceremony`].
pub struct Comb {
    points: Vec<P1Affine>,
    kernel: Kernel,
}

impl Comb {
    /// Over the ceremony's setup, by the fastest kernel of this processor; made at first use (about 0.2 s).
    ///
    /// # Errors
    /// [`SetupError`] if this build's setup is not what it should be.
    pub fn ceremony() -> Result<&'static Comb, SetupError> {
        static COMB: OnceLock<Result<Comb, SetupError>> = OnceLock::new();
        COMB.get_or_init(|| Setup::ceremony().map(|setup| Comb::new(setup, Kernel::detect())))
            .as_ref()
            .map_err(|error| *error)
    }

    /// Over a setup. A kernel that this processor does not have is the scalar one.
    pub fn new(setup: &Setup, kernel: Kernel) -> Self {
        let mut base: Vec<Affine<Fp>> = setup
            .lagrange()
            .iter()
            .map(|point| Affine::from(&point.0))
            .collect();
        let mut points = memory::table(WIDTH * DIGITS * MULTIPLES);
        let mut adder = Adder::new(Single);
        for digit in 0..DIGITS {
            // All 64 bases together, multiple after multiple: 1, then 2, then 3..4, 5..8, ... by adding the largest so far.
            let mut row = base.clone();
            while row.len() < MULTIPLES * WIDTH {
                let top = row.len() - WIDTH;
                let sums = add_to_each(&mut adder, &row, &row[top..]);
                row.extend(sums);
            }
            for (at, point) in row.iter().enumerate() {
                points[place(at % WIDTH, digit, at / WIDTH + 1)] = P1Affine::from(point);
            }
            // Twice the largest multiple is the next digit's base.
            let top = &row[(MULTIPLES - 1) * WIDTH..];
            base = add_to_each(&mut adder, top, top);
        }
        Self { points, kernel }
    }

    /// All multiples, by [`place`].
    #[cfg(test)]
    pub(crate) fn table(&self) -> &[P1Affine] {
        &self.points
    }

    /// By which instructions it works.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Applies all updates. Several may meet in one commitment, also in one slot.
    ///
    /// `workers`: threads to use, at least one.
    ///
    /// # Panics
    /// If `updates` are not sorted by target, or name a target beyond `commitments`: a mistake of the code that calls, and
    /// otherwise a silently wrong root.
    pub fn update_many(&self, commitments: &mut [Point], updates: &[Update], workers: usize) {
        assert!(
            updates.is_sorted_by_key(|update| update.target),
            "updates are not sorted by target"
        );
        assert!(
            updates
                .last()
                .is_none_or(|last| (last.target as usize) < commitments.len()),
            "an update of a commitment that is not there"
        );
        let workers = workers.clamp(1, updates.len().div_ceil(SHARE).max(1));
        if workers == 1 {
            return self.update_part(commitments, 0, updates);
        }
        let share = updates.len().div_ceil(workers);
        std::thread::scope(|scope| {
            let (mut rest, mut commitments, mut offset) = (updates, commitments, 0usize);
            while !rest.is_empty() {
                let cut = cut_after(rest, share);
                let (part, after) = rest.split_at(cut);
                let end = part.last().map_or(offset, |last| last.target as usize + 1);
                let (mine, others) =
                    std::mem::take(&mut commitments).split_at_mut(end.saturating_sub(offset));
                let start = offset;
                scope.spawn(move || self.update_part(mine, start, part));
                (rest, commitments, offset) = (after, others, end);
            }
        });
    }

    /// `updates` whose targets, less `offset`, are places of `commitments`.
    fn update_part(&self, commitments: &mut [Point], offset: usize, updates: &[Update]) {
        let mut adder = Adder::new(Single);
        let (mut changes, mut points, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = updates;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(cut_after(rest, CHUNK));
            rest = after;
            changes.clear();
            points.clear();
            groups.clear();
            let mut factors = part
                .iter()
                .map(|update| (usize::from(update.slot) % WIDTH, update.delta));
            multiples(self.kernel, &self.points, &mut factors, &mut changes);
            let mut change = changes.iter().map(Affine::from);
            for same in part.chunk_by(|a, b| a.target == b.target) {
                let target = same[0].target as usize - offset;
                let start = points.len();
                points.push(Affine::from(&commitments[target].0));
                points.extend(change.by_ref().take(same.len()));
                groups.push((target, start..points.len()));
            }
            sum_groups(&mut adder, &mut points, &groups);
            for (target, group) in &groups {
                commitments[*target] = Point(P1Affine::from(&points[group.start]));
            }
        }
    }

    /// The commitment to 64 values.
    pub fn commit(&self, values: &Values) -> Point {
        let slots = values.iter().copied().enumerate();
        let mut there = slots.filter(|(_, value)| !value.is_zero());
        Point(total(self.kernel, &self.points, &mut there))
    }
}

/// Each of `points`, of which there are several times as many as `others`, with its one of `others` added.
fn add_to_each(
    adder: &mut Adder<Single>,
    points: &[Affine<Fp>],
    others: &[Affine<Fp>],
) -> Vec<Affine<Fp>> {
    let mut all = [points, others].concat();
    let other = |at: usize| (points.len() + at % others.len()) as u32;
    adder.pairs.clear();
    adder
        .pairs
        .extend((0..points.len()).map(|at| (at as u32, other(at))));
    adder.round(&mut all);
    all.truncate(points.len());
    all
}

/// Sums groups of neighbours; the sum lies in the first of each.
fn sum_groups(
    adder: &mut Adder<Single>,
    points: &mut [Affine<Fp>],
    groups: &[(usize, Range<usize>)],
) {
    let longest = groups.iter().map(|(_, group)| group.len()).max();
    let mut stride = 1;
    while stride < longest.unwrap_or(0) {
        adder.pairs.clear();
        for (_, group) in groups {
            let firsts = group.clone().step_by(2 * stride);
            let pairs = firsts.take_while(|at| at + stride < group.end);
            adder
                .pairs
                .extend(pairs.map(|at| (at as u32, (at + stride) as u32)));
        }
        adder.round(points);
        stride *= 2;
    }
}

/// How many of the updates make a part of about `size` that ends with a target.
fn cut_after(updates: &[Update], size: usize) -> usize {
    let Some(last) = updates.get(size.saturating_sub(1)) else {
        return updates.len();
    };
    updates.partition_point(|update| update.target <= last.target)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::point::{msm, Sum};
    use hyperdb_fuzz::Dice;

    fn random_scalar(dice: &mut Dice) -> Scalar {
        crate::hash::to_scalar("test", &[&(dice.roll(usize::MAX) as u64).to_le_bytes()])
    }

    /// The same by blst's general multiplication.
    fn slowly(commitments: &[Point], updates: &[Update]) -> Vec<Point> {
        let setup = Setup::ceremony().unwrap();
        let mut out: Vec<Sum> = commitments.iter().map(|point| Sum::from(*point)).collect();
        for update in updates {
            let change = setup.lagrange()[usize::from(update.slot)].times(update.delta);
            let sum = &mut out[update.target as usize];
            *sum = sum.plus_sum(&change);
        }
        out.iter().map(Sum::to_point).collect()
    }

    #[test]
    fn random_updates_are_those_of_the_general_multiplication() {
        let comb = Comb::ceremony().unwrap();
        let mut dice = Dice::new(1);
        for (targets, count, workers) in [
            (1, 1, 1),
            (1, 40, 1),
            (7, 300, 1),
            (400, 700, 1),
            (50, 900, 2),
        ] {
            let mut fast = vec![Point::infinity(); targets];
            let mut updates: Vec<Update> = (0..count)
                .map(|_| Update {
                    target: dice.roll(targets) as u32,
                    slot: dice.roll(WIDTH) as u8,
                    delta: random_scalar(&mut dice),
                })
                .collect();
            updates.sort_by_key(|update| update.target);
            let slow = slowly(&fast, &updates);
            comb.update_many(&mut fast, &updates, workers);
            assert_eq!(fast, slow, "{targets} targets, {count} updates");
        }
    }

    /// Threat 10: equal and opposite points in an affine addition give silently wrong roots.
    #[test]
    fn equal_opposite_and_vanishing_terms() {
        let comb = Comb::ceremony().unwrap();
        let mut dice = Dice::new(2);
        let a = random_scalar(&mut dice);
        let small: Vec<Scalar> = [0u64, 1, 2, 127, 128, 129, 255, 256, 257, 32_768]
            .map(Scalar::from)
            .to_vec();
        let edges: Vec<Scalar> = small
            .iter()
            .flat_map(|x| [*x, -*x, *x + a, -*x - a])
            .collect();
        for first in &edges {
            for second in [edges[0], *first, -*first, a] {
                let update = |delta| Update {
                    target: 0,
                    slot: 5,
                    delta,
                };
                let updates = [
                    update(*first),
                    update(second),
                    update(*first),
                    update(-second),
                ];
                let setup = Setup::ceremony().unwrap();
                for start in [
                    Point::infinity(),
                    setup.lagrange()[5],
                    setup.lagrange()[5].times(*first).to_point(),
                    setup.lagrange()[5].times(-*first).to_point(),
                ] {
                    let mut fast = [start];
                    let slow = slowly(&fast, &updates);
                    comb.update_many(&mut fast, &updates, 1);
                    assert_eq!(fast.to_vec(), slow);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "not sorted")]
    fn unsorted_updates_are_refused() {
        let update = |target| Update {
            target,
            slot: 0,
            delta: Scalar::one(),
        };
        let updates = [update(0), update(1), update(0)];
        let comb = Comb::ceremony().unwrap();
        comb.update_many(&mut [Point::infinity(); 2], &updates, 1);
    }

    #[test]
    #[should_panic(expected = "not there")]
    fn updates_of_nothing_are_refused() {
        let update = Update {
            target: 1,
            slot: 0,
            delta: Scalar::one(),
        };
        let comb = Comb::ceremony().unwrap();
        comb.update_many(&mut [Point::infinity()], &[update], 1);
    }

    #[test]
    fn commitments_are_sums_over_the_bases() {
        let comb = Comb::ceremony().unwrap();
        let mut dice = Dice::new(3);
        let mut values = [Scalar::ZERO; WIDTH];
        assert!(comb.commit(&values).is_infinity());
        for slot in [0, 3, 63] {
            values[slot] = random_scalar(&mut dice);
        }
        let bases = Setup::ceremony().unwrap().lagrange();
        assert_eq!(comb.commit(&values), msm(bases, &values).to_point());
        values = std::array::from_fn(|_| random_scalar(&mut dice));
        assert_eq!(comb.commit(&values), msm(bases, &values).to_point());
    }
}
