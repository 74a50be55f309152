//! Checking everything that a bundle opens: each point is decoded and checked once, and one equation of pairings holds for all slots.
//!
//! **Theory.** The challenges follow from bytes alone, so all that is left are points: their roots, whether they lie in the subgroup, two
//! sums and two pairings, of which one takes the final power for both. Roots are found for all points together ([`crate::decoding`]); with
//! two threads the second one takes what the first one does not wait for.
//!
//! **Invariant.** No answer is given before every point was found to be in the subgroup; what was computed meanwhile is thrown away if
//! one is not. So the order in which the two are looked at does not matter: sums by the endomorphism and pairings are wrong outside of
//! the subgroup, and both outcomes are asked for in the end.

use super::error::{fail, Check, VerificationError};
use super::pruned::Opened;
use crate::comb::Kernel;
use crate::decoding::decode;
use crate::ffi::{is_same_pairing, Miller};
use crate::hash::Digest;
use crate::opening::{Claim, Equation, Opening};
use crate::point::{Point, Sum};
use crate::setup::Setup;
use crate::subgroup::all_in_subgroup;
use std::collections::HashMap;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::OnceLock;

/// So many commitments are summed and checked one after the other, by two threads that share all other work as well.
const FEW: usize = 48;
/// From so many points on a share of them is worth a thread where there are lanes, and where there are none.
const SHARES: (usize, usize) = (64, 4);

/// All points of a bundle: commitments, each once, then those of the opening.
struct Encoded {
    commitments: Vec<[u8; 48]>,
    opening: [[u8; 48]; 2],
}

/// Checks that all slots are what the commitments hold.
pub(super) fn check_opening(
    context: &Digest,
    opened: &[Opened],
    opening: &[[u8; 48]; 2],
    threads: usize,
) -> Result<(), VerificationError> {
    let mut commitments: Vec<[u8; 48]> = Vec::new();
    let mut places: HashMap<[u8; 48], usize> = HashMap::new();
    let mut claims = Vec::with_capacity(opened.len());
    let mut place = 0;
    for one in opened {
        // Neighbours are mostly slots of one branch.
        if commitments.get(place) != Some(&one.commitment) {
            let next = commitments.len();
            place = *places.entry(one.commitment).or_insert(next);
            if place == next {
                commitments.push(one.commitment);
            }
        }
        claims.push(Claim {
            commitment: place,
            slot: one.slot,
            value: one.value,
        });
    }
    let Ok(setup) = Setup::ceremony() else {
        return fail(Check::Opening, "this build's trusted setup is damaged");
    };
    let encoded = Encoded {
        commitments,
        opening: *opening,
    };
    let decoded = Decoded::of(&encoded, threads)?;
    let equation = || Equation::new(context, &encoded.commitments, &claims, &opening[0]);
    let holds = match threads > 1 && (2..=FEW).contains(&encoded.commitments.len()) {
        true => by_two(setup, &decoded, equation)?,
        false => by_parts(setup, &decoded, equation().as_ref(), threads)?,
    };
    match holds {
        true => Ok(()),
        false => fail(
            Check::Opening,
            "the slots shown are not those that the commitments hold",
        ),
    }
}

type Points = Result<Vec<Point>, VerificationError>;

fn no_point<T>() -> Result<T, VerificationError> {
    fail(
        Check::Point,
        "a point that is not canonical, not on the curve or not in the subgroup",
    )
}

/// Points of the curve, perhaps outside of the subgroup: the commitments, which are never infinity, and the opening.
struct Decoded {
    commitments: Vec<Point>,
    opening: Opening,
}

impl Decoded {
    fn of(encoded: &Encoded, threads: usize) -> Result<Decoded, VerificationError> {
        let all = [&encoded.commitments[..], &encoded.opening].concat();
        let mut commitments = decode_all(&all, threads)?;
        let (Some(evaluation), Some(quotients)) = (commitments.pop(), commitments.pop()) else {
            return no_point();
        };
        if commitments.iter().any(Point::is_infinity) {
            return fail(
                Check::Point,
                "the point at infinity, where no branch can have it",
            );
        }
        Ok(Decoded {
            commitments,
            opening: Opening {
                quotients,
                evaluation,
            },
        })
    }

    fn all(&self) -> Vec<Point> {
        let opening = [self.opening.quotients, self.opening.evaluation];
        [&self.commitments[..], &opening].concat()
    }
}

/// The work is shared by threads if it is worth it.
fn decode_all(encoded: &[[u8; 48]], threads: usize) -> Points {
    let kernel = Kernel::detect();
    let run = |part: &[[u8; 48]]| decode(kernel, part).map_or_else(no_point, Ok);
    let worth = match kernel {
        Kernel::Scalar => SHARES.1,
        _ => SHARES.0,
    };
    if threads < 2 || encoded.len() < worth {
        return run(encoded);
    }
    std::thread::scope(|scope| {
        let size = encoded.len().div_ceil(threads);
        let (own, others) = encoded.split_at(size);
        let workers: Vec<_> = others
            .chunks(size)
            .map(|part| scope.spawn(move || run(part)))
            .collect();
        let mut points = run(own);
        for worker in workers {
            match worker.join() {
                Ok(part) => points = points.and_then(|points| Ok([points, part?].concat())),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        points
    })
}

/// Whether all lie in the subgroup; the work is shared by threads if it is worth it.
fn all_within(points: &[Point], threads: usize) -> bool {
    if threads < 2 || points.len() < SHARES.0 {
        return all_in_subgroup(Kernel::detect(), points);
    }
    std::thread::scope(|scope| {
        let (own, others) = points.split_at(points.len() / 2);
        let others = scope.spawn(|| all_in_subgroup(Kernel::detect(), others));
        let own = all_in_subgroup(Kernel::detect(), own);
        match others.join() {
            Ok(others) => own && others,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// One after the other; checking and summing many points are shared by threads.
fn by_parts(
    setup: &Setup,
    decoded: &Decoded,
    equation: Option<&Equation>,
    threads: usize,
) -> Result<bool, VerificationError> {
    if !all_within(&decoded.all(), threads) {
        return no_point();
    }
    let Some(equation) = equation else {
        return Ok(false);
    };
    let left = equation.left(&decoded.commitments, &decoded.opening, threads);
    Ok(setup.pairs(&left, &decoded.opening.evaluation))
}

/// Few points. Both threads sum a share of the commitments, when the first one knows by which equation. The first one pairs the
/// whole sum and takes the final power, on which all waits; the second one pairs the opening, before its sum if the equation is still
/// in the making, and checks all points for the subgroup.
fn by_two(
    setup: &Setup,
    decoded: &Decoded,
    equation: impl FnOnce() -> Option<Equation>,
) -> Result<bool, VerificationError> {
    // The opening is as much work as a commitment or two.
    let share = decoded.commitments.len() / 2 + 1;
    let (mine, _) = decoded.commitments.split_at(share);
    let known = OnceLock::new();
    let (give_equation, take_equation) = channel();
    let (give_sum, take_sum) = channel();
    let (give_right, take_right) = channel();
    let second = Second {
        setup,
        decoded,
        share,
        equation: take_equation,
        sum: give_sum,
        right: give_right,
    };
    std::thread::scope(|scope| {
        let second = scope.spawn(move || second.run());
        let equation = known.get_or_init(equation).as_ref();
        // If the other one failed, it says so below.
        let _ = give_equation.send(equation);
        let holds = equation.is_some_and(|equation| {
            let own = equation.of_commitments(0, mine);
            let Ok(others) = take_sum.recv() else {
                return false;
            };
            let left = setup.left(&own.plus_sum(&others).to_point());
            let right = take_right.recv();
            right.is_ok_and(|right| is_same_pairing(&left, &right))
        });
        match second.join() {
            Ok(true) => Ok(holds),
            Ok(false) => no_point(),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// The second thread's part, and what it gives to the first one, whether or not that takes it.
struct Second<'a> {
    setup: &'a Setup,
    decoded: &'a Decoded,
    /// How many commitments the first thread sums.
    share: usize,
    /// None: there is none that could hold.
    equation: Receiver<Option<&'a Equation>>,
    sum: Sender<Sum>,
    right: Sender<Miller>,
}

impl Second<'_> {
    /// Whether all points lie in the subgroup.
    fn run(self) -> bool {
        let opening = &self.decoded.opening;
        let pair = || {
            let _ = self.right.send(self.setup.right(&opening.evaluation));
        };
        let early = self.equation.try_recv().ok();
        if early.is_none() {
            pair();
        }
        let equation = early.or_else(|| self.equation.recv().ok()).flatten();
        if let Some(equation) = equation {
            let others = &self.decoded.commitments[self.share..];
            let _ = self
                .sum
                .send(equation.of_opening(self.share, others, opening));
        }
        if early.is_some() {
            pair();
        }
        all_in_subgroup(Kernel::detect(), &self.decoded.all())
    }
}
