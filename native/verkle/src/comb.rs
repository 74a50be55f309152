//! Changing commitments: `C += delta * L_slot` for many commitments at once.
//!
//! **Theory.** A scalar is cut into 32 signed digits of 8 bits; a table holds for every slot and digit position the 128 multiples
//! (25 MB), so an update is the sum of 32 table points and no doubling. The sums of many updates are made pairwise, level by level,
//! in affine form: one inversion serves a whole level ([`crate::addition`]). Multiples of a slot's base are public, so nothing
//! here needs constant time.

use crate::addition::{Adder, Group};
use crate::domain::{Values, WIDTH};
use crate::ffi::P1Affine;
use crate::field;
use crate::point::Point;
use crate::scalar::Scalar;
use crate::setup::{Setup, SetupError};
use std::sync::OnceLock;

const DIGITS: usize = 32;
const MULTIPLES: usize = 128;
/// Updates whose points are summed together: about a megabyte of points, so that they stay in the cache.
const CHUNK: usize = 64;

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

/// The table of multiples. One per process: [`Comb::ceremony`].
pub struct Comb {
    points: Vec<P1Affine>,
}

impl Comb {
    /// Over the ceremony's setup; made at first use (about 0.1 s).
    ///
    /// # Errors
    /// [`SetupError`] if this build's setup is not what it should be.
    pub fn ceremony() -> Result<&'static Comb, SetupError> {
        static COMB: OnceLock<Result<Comb, SetupError>> = OnceLock::new();
        COMB.get_or_init(|| Setup::ceremony().map(Comb::new))
            .as_ref()
            .map_err(|error| *error)
    }

    /// Over a setup.
    pub fn new(setup: &Setup) -> Self {
        let mut base: Vec<P1Affine> = setup.lagrange().iter().map(|point| point.0).collect();
        let mut points = vec![P1Affine::default(); WIDTH * DIGITS * MULTIPLES];
        let mut adder = Adder::default();
        let mut row = Vec::new();
        for digit in 0..DIGITS {
            // Multiples 1..=128 of all 64 bases together: 1, then 2, then 3..4, 5..8, ... by adding the largest so far.
            row.clear();
            row.push(base.clone());
            while row.len() < MULTIPLES {
                let have = row.len();
                let top = row[have - 1].clone();
                let mut pairs: Vec<P1Affine> = Vec::with_capacity(have * WIDTH * 2);
                for multiple in &row {
                    for (a, b) in multiple.iter().zip(&top) {
                        pairs.extend([*a, *b]);
                    }
                }
                let sums = adder.add_pairs(&pairs);
                row.extend(sums.chunks(WIDTH).map(<[P1Affine]>::to_vec));
            }
            for slot in 0..WIDTH {
                let start = (slot * DIGITS + digit) * MULTIPLES;
                for (multiple, all) in row.iter().enumerate() {
                    points[start + multiple] = all[slot];
                }
            }
            // 256 times the base for the next digit.
            let top = &row[MULTIPLES - 1];
            let pairs: Vec<P1Affine> = top.iter().flat_map(|point| [*point, *point]).collect();
            base = adder.add_pairs(&pairs);
        }
        Self { points }
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
        let workers = workers.clamp(1, updates.len().div_ceil(CHUNK).max(1));
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
        let mut adder = Adder::default();
        let mut points = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut rest = updates;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(cut_after(rest, CHUNK));
            rest = after;
            points.clear();
            groups.clear();
            for same in part.chunk_by(|a, b| a.target == b.target) {
                let start = points.len();
                let Some(commitment) = commitments.get(same[0].target as usize - offset) else {
                    continue;
                };
                points.push(commitment.0);
                for update in same {
                    self.push_multiple(update, &mut points);
                }
                groups.push(Group {
                    start,
                    len: points.len() - start,
                    target: same[0].target as usize - offset,
                });
            }
            adder.sum(&mut points, &mut groups);
            for group in &groups {
                commitments[group.target] = Point(points[group.start]);
            }
        }
    }

    /// The commitment to 64 values.
    pub fn commit(&self, values: &Values) -> Point {
        let updates: Vec<Update> = (0..WIDTH)
            .filter(|slot| !values[*slot].is_zero())
            .map(|slot| Update {
                target: 0,
                slot: slot as u8,
                delta: values[slot],
            })
            .collect();
        let mut out = [Point::infinity()];
        self.update_part(&mut out, 0, &updates);
        out[0]
    }

    /// Appends the table points whose sum is `delta * L_slot`.
    fn push_multiple(&self, update: &Update, points: &mut Vec<P1Affine>) {
        let row = usize::from(update.slot) % WIDTH * DIGITS * MULTIPLES;
        let mut carry = 0i32;
        for (digit, byte) in update.delta.to_raw().b.iter().enumerate() {
            let mut value = i32::from(*byte) + carry;
            carry = i32::from(value > MULTIPLES as i32);
            value -= carry << 8;
            if value != 0 {
                let at = row + digit * MULTIPLES + value.unsigned_abs() as usize - 1;
                let mut point = self.points[at];
                if value < 0 {
                    point.y = field::negate(&point.y);
                }
                points.push(point);
            }
        }
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
