//! Opening many slots of many commitments with two points.
//!
//! **Theory.** Dankrad Feist, "PCS multiproofs using random evaluation" (2021). Openings `(C_i, z_i, y_i)` are combined by powers of a
//! challenge `r` into `g = sum r^i (f_i - y_i) / (X - z_i)`, committed to by `D`; at a second challenge `t` the combination
//! `h = sum r^i f_i / (t - z_i)` is opened together with `g`. The rules that fix the transcript are in `docs/commitment.md`.
//!
//! **Invariant.** One opening goes the same way as a thousand (threat: verification skipped on short paths). Every commitment, slot
//! and value, their number, and what the proof is about are in the transcript before the first challenge, `D` before the second
//! (threat: weak Fiat-Shamir). The value is an input of the verification, computed by the verifier from what it is told.

use crate::comb::Comb;
use crate::domain::{Domain, Values, WIDTH};
use crate::hash;
use crate::point::{msm_shared, Point, Sum};
use crate::scalar::{words, Canonical, PlainSum, Scalar};
use crate::straus;
use hashbrown::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, OnceLock};

/// Length of an [`Opening`] in bytes.
pub const OPENING_BYTES: usize = 96;

/// The proof that slots have the values said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Commitment to the combined quotients.
    pub quotients: Point,
    /// Proof of the evaluation at the second challenge.
    pub evaluation: Point,
}

/// The values of all slots of a commitment.
pub trait Committed: Sync {
    /// Hands over every slot whose value is not zero, and the value, canonical.
    fn each(&self, take: &mut dyn FnMut(u8, &[u8; 32]));
}

impl Committed for Values {
    fn each(&self, take: &mut dyn FnMut(u8, &[u8; 32])) {
        for (slot, value) in self.iter().enumerate().filter(|(_, v)| !v.is_zero()) {
            take(slot as u8, &value.to_bytes());
        }
    }
}

/// One slot to be opened, by the one who knows all values.
#[derive(Clone, Copy)]
pub struct Witness<'a> {
    /// The commitment, compressed.
    pub commitment: [u8; 48],
    /// Values of all its slots.
    pub values: &'a dyn Committed,
    /// The slot.
    pub slot: u8,
    /// Its value.
    pub value: Canonical,
}

/// One slot said to have a value.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Which commitment: an index.
    pub commitment: usize,
    /// The slot, below 64.
    pub slot: u8,
    /// Its value.
    pub value: Scalar,
}

impl Opening {
    /// 96 bytes: both points compressed.
    pub fn to_bytes(&self) -> [u8; OPENING_BYTES] {
        let mut out = [0; OPENING_BYTES];
        out[..48].copy_from_slice(&self.quotients.to_compressed());
        out[48..].copy_from_slice(&self.evaluation.to_compressed());
        out
    }

    /// From 96 bytes that somebody sent; `None` unless both are canonical points of the subgroup.
    pub fn from_bytes(bytes: &[u8; OPENING_BYTES]) -> Option<Self> {
        let (first, second) = bytes.split_at(48);
        Some(Self {
            quotients: Point::from_compressed(first.try_into().ok()?)?,
            evaluation: Point::from_compressed(second.try_into().ok()?)?,
        })
    }
}

/// Opens all slots of `witnesses`, in this order; `context` is what the proof is about. `None` only if the second challenge is
/// a point of the domain, which happens to nobody (chance 2^-249).
pub fn open(comb: &Comb, context: &hash::Digest, witnesses: &[Witness<'_>]) -> Option<Opening> {
    sum_all(context, witnesses.to_vec(), |_| {}).open(comb)
}

/// The first half of [`open`], after which nobody looks at a commitment's values. `call` gets the sums that are about to be made, so that
/// others may help with them ([`Helper::help`]).
pub(crate) fn sum_all<'w>(
    context: &hash::Digest,
    witnesses: Vec<Witness<'w>>,
    call: impl FnOnce(Helper<'w>),
) -> Summed {
    let opened = witnesses.iter().map(|w| (w.commitment, w.slot, w.value));
    let r = challenge(context, witnesses.len(), opened);
    let sums = Arc::new(Sums::new(&witnesses, r));
    let (give, taken) = channel();
    let own = Helper {
        sums: sums.clone(),
        give,
    };
    call(own.clone());
    own.help();
    // Whoever took one hands it over, or has panicked.
    let parts = taken.iter().take(sums.slots.len()).collect();
    Summed { r, parts }
}

/// The sums of all slots that are opened.
pub(crate) struct Summed {
    r: Scalar,
    parts: Vec<Part>,
}

impl Summed {
    pub(crate) fn open(&self, comb: &Comb) -> Option<Opening> {
        let domain = Domain::get();
        let sums: Vec<_> = self
            .parts
            .iter()
            .map(|part| (part.slot, &part.sum[..]))
            .collect();
        let quotients = domain.quotients(&sums);
        let committed = comb.commit(&quotients);
        let t = second_challenge(self.r, &committed.to_compressed());
        let distances = domain.distances(t)?;
        let mut plain = [PlainSum::ZERO; WIDTH];
        for part in &self.parts {
            let distance = distances[part.slot] * domain.root(part.slot);
            let distance = words(&distance.to_bytes());
            for (slot, value) in &part.sum {
                plain[*slot].add_product(value, &distance);
            }
        }
        let mut rest = plain.map(PlainSum::to_scalar);
        for (rest, quotient) in rest.iter_mut().zip(&quotients) {
            *rest = *rest - *quotient;
        }
        let at_t = domain.evaluate(&rest, t, &distances);
        // (rest(X) - rest(t)) / (X - t), by values: the distances are those of t - X.
        for (rest, distance) in rest.iter_mut().zip(&distances) {
            *rest = (at_t - *rest) * *distance;
        }
        Some(Opening {
            quotients: committed,
            evaluation: comb.commit(&rest),
        })
    }
}

/// The slots of a commitment that hold something, and the words of what they hold.
type Held = Vec<(usize, [u64; 4])>;

/// What an opening sums: the polynomials of each slot that is opened, which share a division.
struct Sums<'w> {
    /// The values of each commitment, and what they hold once somebody asked.
    commitments: Vec<(&'w dyn Committed, OnceLock<Held>)>,
    /// By witness: its commitment, and a power of the challenge over the point of its slot.
    weights: Vec<(usize, Scalar)>,
    /// Slots, and the witnesses of each.
    slots: Vec<(usize, Vec<usize>)>,
    /// How many of the slots were taken by somebody.
    taken: AtomicUsize,
}

/// The sum of one slot, over w^i: its values that are not zero.
struct Part {
    slot: usize,
    sum: Vec<(usize, Scalar)>,
}

impl<'w> Sums<'w> {
    fn new(witnesses: &[Witness<'w>], r: Scalar) -> Self {
        let domain = Domain::get();
        let mut weight = Scalar::one();
        let mut weights = Vec::with_capacity(witnesses.len());
        let mut slots: Vec<(usize, Vec<usize>)> =
            (0..WIDTH).map(|slot| (slot, Vec::new())).collect();
        let mut commitments = Vec::new();
        // All slots of one commitment are of one owner of values.
        let mut places: HashMap<*const (), usize> = HashMap::new();
        for (at, witness) in witnesses.iter().enumerate() {
            let slot = usize::from(witness.slot) % WIDTH;
            let owner = std::ptr::from_ref(witness.values).cast();
            let place = *places.entry(owner).or_insert_with(|| {
                commitments.push((witness.values, OnceLock::new()));
                commitments.len() - 1
            });
            weights.push((place, weight * domain.inverse_root(slot)));
            slots[slot].1.push(at);
            weight = weight * r;
        }
        slots.retain(|(_, of)| !of.is_empty());
        Self {
            commitments,
            weights,
            slots,
            taken: AtomicUsize::new(0),
        }
    }

    /// What a commitment holds, read when it is first asked for.
    fn held(&self, commitment: usize) -> &Held {
        let (values, held) = &self.commitments[commitment];
        held.get_or_init(|| {
            let mut held = Vec::with_capacity(WIDTH);
            values.each(&mut |slot, value| held.push((usize::from(slot) % WIDTH, words(value))));
            held
        })
    }

    /// The next slot that nobody took.
    fn take(&self) -> Option<Part> {
        let (slot, of) = self.slots.get(self.taken.fetch_add(1, Ordering::Relaxed))?;
        let mut plain = [PlainSum::ZERO; WIDTH];
        let mut there = 0u64;
        for at in of {
            let (commitment, weight) = &self.weights[*at];
            for (slot, value) in self.held(*commitment) {
                plain[*slot].add_product(weight, value);
                there |= 1 << slot;
            }
        }
        let slots = (0..WIDTH).filter(|slot| there >> slot & 1 == 1);
        Some(Part {
            slot: *slot,
            sum: slots.map(|slot| (slot, plain[slot].to_scalar())).collect(),
        })
    }
}

/// A share in the sums of an opening.
pub(crate) struct Helper<'w> {
    sums: Arc<Sums<'w>>,
    give: Sender<Part>,
}

impl Clone for Helper<'_> {
    fn clone(&self) -> Self {
        Self {
            sums: self.sums.clone(),
            give: self.give.clone(),
        }
    }
}

impl Helper<'_> {
    /// Makes sums until all are taken.
    pub(crate) fn help(self) {
        while let Some(part) = self.sums.take() {
            if self.give.send(part).is_err() {
                break;
            }
        }
    }
}

/// What the commitments, the claims about them and the opening's first point come to, before any point is looked at: e(E - D - y G1 +
/// t pi, G2) = e(pi, tau G2) is to hold for E, the sum of `scalars` times the commitments.
pub(crate) struct Equation {
    scalars: Vec<Scalar>,
    value: Scalar,
    t: Scalar,
}

impl Equation {
    /// Each commitment is given once; `None` if a claim names none of them, or the second challenge is a point of the domain.
    pub(crate) fn new(
        context: &hash::Digest,
        commitments: &[[u8; 48]],
        claims: &[Claim],
        quotients: &[u8; 48],
    ) -> Option<Self> {
        if claims.iter().any(|one| one.commitment >= commitments.len()) {
            return None;
        }
        let opened = claims.iter().map(|claim| {
            (
                commitments[claim.commitment],
                claim.slot,
                claim.value.into(),
            )
        });
        let r = challenge(context, claims.len(), opened);
        let t = second_challenge(r, quotients);
        let distances = Domain::get().distances(t)?;
        let mut weight = Scalar::one();
        let mut value = Scalar::ZERO;
        let mut scalars = vec![Scalar::ZERO; commitments.len()];
        for claim in claims {
            let factor = weight * distances[usize::from(claim.slot) % WIDTH];
            value += factor * claim.value;
            scalars[claim.commitment] += factor;
            weight = weight * r;
        }
        Some(Self { scalars, value, t })
    }

    /// What some of few commitments, the first of which has the place `first`, add to E.
    pub(crate) fn of_commitments(&self, first: usize, commitments: &[Point]) -> Sum {
        straus::sum(commitments, &self.scalars[first..], Scalar::ZERO)
    }

    /// t pi - y G1 - D, and what some commitments add to E: one sum shares its doublings.
    pub(crate) fn of_opening(&self, first: usize, others: &[Point], opening: &Opening) -> Sum {
        let points = [others, &[opening.evaluation]].concat();
        let last = (first + others.len()).min(self.scalars.len());
        let scalars = [&self.scalars[first..last], &[self.t]].concat();
        let sum = straus::sum(&points, &scalars, -self.value);
        sum.plus(&opening.quotients.negate())
    }

    /// The sum of both, by at most so many threads.
    pub(crate) fn left(&self, commitments: &[Point], opening: &Opening, threads: usize) -> Point {
        if commitments.len() < straus::MANY {
            return self.of_opening(0, commitments, opening).to_point();
        }
        let sum = msm_shared(commitments, &self.scalars, threads);
        let none = self.scalars.len();
        let sum = sum.plus_sum(&self.of_opening(none, &[], opening));
        sum.to_point()
    }
}

fn challenge(
    context: &hash::Digest,
    count: usize,
    openings: impl Iterator<Item = ([u8; 48], u8, Canonical)>,
) -> Scalar {
    let encoded: Vec<([u8; 48], [u8; 1], Canonical)> = openings
        .map(|(commitment, slot, value)| (commitment, [slot], value))
        .collect();
    let count = (count as u64).to_le_bytes();
    let mut parts: Vec<&[u8]> = Vec::with_capacity(2 + 3 * encoded.len());
    parts.extend([context.as_slice(), &count]);
    for (commitment, slot, value) in &encoded {
        parts.extend([commitment.as_slice(), slot, value.bytes()]);
    }
    hash::to_scalar("hyperdb/opening", &parts)
}

fn second_challenge(r: Scalar, quotients: &[u8; 48]) -> Scalar {
    hash::to_scalar("hyperdb/opening-point", &[&r.to_bytes(), quotients])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::setup::Setup;

    const CONTEXT: hash::Digest = [7; 32];

    fn some_values(seed: u64, filled: usize) -> Values {
        std::array::from_fn(|i| {
            if i >= filled {
                return Scalar::ZERO;
            }
            hash::to_scalar("test", &[&seed.to_le_bytes(), &(i as u64).to_le_bytes()])
        })
    }

    struct Case {
        values: Vec<Values>,
        slots: Vec<(usize, u8)>,
    }

    impl Case {
        fn new(commitments: usize, slots: &[(usize, u8)]) -> Self {
            let values = (0..commitments)
                .map(|n| some_values(n as u64, 1 + n * 13 % 64))
                .collect();
            Self {
                values,
                slots: slots.to_vec(),
            }
        }

        fn points(&self) -> Vec<Point> {
            let comb = Comb::ceremony().unwrap();
            let commit = |values: &Values| comb.commit(values);
            self.values.iter().map(commit).collect()
        }

        fn claims(&self) -> Vec<Claim> {
            let claim = |(which, slot): &(usize, u8)| Claim {
                commitment: *which,
                slot: *slot,
                value: self.values[*which][usize::from(*slot)],
            };
            self.slots.iter().map(claim).collect()
        }

        fn open(&self) -> Opening {
            let points = self.points();
            let witness = |(which, slot): &(usize, u8)| Witness {
                commitment: points[*which].to_compressed(),
                values: &self.values[*which],
                slot: *slot,
                value: self.values[*which][usize::from(*slot)].into(),
            };
            let witnesses: Vec<Witness<'_>> = self.slots.iter().map(witness).collect();
            open(Comb::ceremony().unwrap(), &CONTEXT, &witnesses).unwrap()
        }
    }

    fn holds(
        context: &hash::Digest,
        points: &[Point],
        claims: &[Claim],
        opening: &Opening,
    ) -> bool {
        let encoded: Vec<[u8; 48]> = points.iter().map(Point::to_compressed).collect();
        let quotients = opening.quotients.to_compressed();
        let Some(equation) = Equation::new(context, &encoded, claims, &quotients) else {
            return false;
        };
        let left = equation.left(points, opening, 1);
        for share in 0..=points.len() {
            let (first, others) = points.split_at(share);
            let apart = equation.of_commitments(0, first);
            let apart = apart.plus_sum(&equation.of_opening(share, others, opening));
            assert_eq!(left, apart.to_point());
        }
        let setup = Setup::ceremony().unwrap();
        setup.pairs(&left, &opening.evaluation)
    }

    fn cases() -> Vec<Case> {
        vec![
            Case::new(1, &[(0, 0)]),
            Case::new(1, &[(0, 63)]),
            Case::new(2, &[(0, 5), (1, 5)]),
            Case::new(3, &[(0, 0), (0, 1), (1, 63), (2, 17), (2, 18)]),
        ]
    }

    #[test]
    fn true_openings_hold_also_of_constant_and_empty_slots() {
        for case in cases() {
            let opening = case.open();
            assert!(holds(&CONTEXT, &case.points(), &case.claims(), &opening));
            assert_eq!(Opening::from_bytes(&opening.to_bytes()), Some(opening));
        }
    }

    #[test]
    fn another_value_slot_commitment_order_or_context_does_not() {
        for case in cases() {
            let opening = case.open();
            let (points, claims) = (case.points(), case.claims());
            let stands = |claims: &[Claim]| holds(&CONTEXT, &points, claims, &opening);
            assert!(!holds(&[8; 32], &points, &claims, &opening));
            assert!(!stands(&claims[1..]));
            for at in 0..claims.len() {
                let mut forged = claims.clone();
                forged[at].value += Scalar::one();
                assert!(!stands(&forged), "value");
                forged = claims.clone();
                forged[at].slot = (forged[at].slot + 1) % 64;
                assert!(!stands(&forged), "slot");
                forged = claims.clone();
                forged[at].commitment = points.len();
                assert!(!stands(&forged), "no commitment");
                let mut others = points.clone();
                others[claims[at].commitment] = Point::generator();
                assert!(!holds(&CONTEXT, &others, &claims, &opening), "commitment");
                forged = claims.clone();
                forged.push(claims[at]);
                assert!(!stands(&forged), "one more");
            }
            if claims.len() > 1 {
                let mut swapped = claims.clone();
                swapped.swap(0, 1);
                assert!(!stands(&swapped), "order");
            }
            let swapped = Opening {
                quotients: opening.evaluation,
                evaluation: opening.quotients,
            };
            assert!(opening == swapped || !holds(&CONTEXT, &points, &claims, &swapped));
        }
    }

    #[test]
    fn points_outside_the_subgroup_are_refused() {
        // x = 4 gives a point of the curve that is not in the subgroup of order r.
        let mut bytes = [0u8; 48];
        bytes[0] = 0x80;
        bytes[47] = 4;
        assert!(Point::from_compressed_unchecked(&bytes).is_some());
        assert!(Point::from_compressed(&bytes).is_none());
        let mut opening = cases()[0].open().to_bytes();
        opening[..48].copy_from_slice(&bytes);
        assert!(Opening::from_bytes(&opening).is_none());
    }
}
