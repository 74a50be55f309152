//! Checking everything that a bundle opens: each point is decoded and checked once, and one equation of pairings holds for all slots.
//!
//! **Theory.** The challenges follow from bytes alone, so all that is left are points: their roots, whether they lie in the subgroup, two
//! sums and two pairings, of which one takes the final power for both. With two threads the second one takes what the first one does not
//! wait for.
//!
//! **Invariant.** No answer is given before every point was found to be in the subgroup; what was computed meanwhile is thrown away if
//! one is not. So the order in which the two are looked at does not matter: sums by the endomorphism and pairings are wrong outside of
//! the subgroup, and both outcomes are asked for in the end.

use super::error::{fail, Check, VerificationError};
use super::pruned::Opened;
use crate::comb::Kernel;
use crate::ffi::{is_same_pairing, Miller};
use crate::hash::Digest;
use crate::opening::{Claim, Equation, Opening};
use crate::point::{Point, Sum};
use crate::setup::Setup;
use crate::subgroup::all_in_subgroup;
use std::collections::HashMap;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::OnceLock;

/// So many points are decoded by one thread, or by two that share all other work as well.
const FEW: usize = 16;

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
    let equation = || Equation::new(context, &encoded.commitments, &claims, &opening[0]);
    let holds = match threads > 1 && (2..=FEW).contains(&encoded.commitments.len()) {
        true => by_two(setup, &encoded, equation)?,
        false => by_parts(setup, &encoded, equation().as_ref(), threads)?,
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

/// Points of the curve, perhaps outside of the subgroup.
fn decode(encoded: &[[u8; 48]]) -> Points {
    let points: Option<Vec<Point>> = encoded
        .iter()
        .map(Point::from_compressed_unchecked)
        .collect();
    points.map_or_else(no_point, Ok)
}

/// As [`decode`]; commitments are never infinity.
fn decode_commitments(encoded: &[[u8; 48]]) -> Points {
    let points = decode(encoded)?;
    if points.iter().any(Point::is_infinity) {
        return fail(
            Check::Point,
            "the point at infinity, where no branch can have it",
        );
    }
    Ok(points)
}

fn decode_opening(encoded: &[[u8; 48]; 2]) -> Result<Opening, VerificationError> {
    let points = decode(encoded)?;
    Ok(Opening {
        quotients: points[0],
        evaluation: points[1],
    })
}

/// One after the other; decoding many points, checking and summing them are shared by threads.
fn by_parts(
    setup: &Setup,
    encoded: &Encoded,
    equation: Option<&Equation>,
    threads: usize,
) -> Result<bool, VerificationError> {
    let opening = decode_opening(&encoded.opening)?;
    let mut unchecked = vec![opening.quotients, opening.evaluation];
    let commitments = if encoded.commitments.len() <= FEW {
        decode_commitments(&encoded.commitments)?
    } else {
        decode_many(&encoded.commitments, threads)?
    };
    if commitments.len() <= FEW {
        unchecked.extend(&commitments);
    }
    if !all_in_subgroup(Kernel::detect(), &unchecked) {
        return no_point();
    }
    let Some(equation) = equation else {
        return Ok(false);
    };
    let left = equation.left(&commitments, &opening, threads);
    Ok(setup.pairs(&left, &opening.evaluation))
}

/// Commitments in the subgroup; the work is shared by threads.
fn decode_many(encoded: &[[u8; 48]], threads: usize) -> Points {
    let run = |part: &[[u8; 48]]| {
        let points = decode_commitments(part)?;
        match all_in_subgroup(Kernel::detect(), &points) {
            true => Ok(points),
            false => no_point(),
        }
    };
    if threads < 2 {
        return run(encoded);
    }
    std::thread::scope(|scope| {
        let size = encoded.len().div_ceil(threads);
        let workers: Vec<_> = encoded
            .chunks(size)
            .map(|part| scope.spawn(move || run(part)))
            .collect();
        let mut points = Vec::with_capacity(encoded.len());
        for worker in workers {
            match worker.join() {
                Ok(part) => points.extend(part?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(points)
    })
}

/// Few points. Both threads decode a share of the commitments and sum it, when the first one knows by which equation. The first one pairs the
/// whole sum and takes the final power, on which all waits; the second one also has the opening, pairs that, and checks all points
/// for the subgroup meanwhile.
fn by_two(
    setup: &Setup,
    encoded: &Encoded,
    equation: impl FnOnce() -> Option<Equation>,
) -> Result<bool, VerificationError> {
    // The opening is as much work as a commitment or two.
    let share = encoded.commitments.len() / 2 + 1;
    let (mine, others) = encoded.commitments.split_at(share);
    let known = OnceLock::new();
    let (give_mine, take_mine) = channel();
    let (give_equation, take_equation) = channel();
    let (give_sum, take_sum) = channel();
    let (give_right, take_right) = channel();
    let second = Second {
        setup,
        commitments: (others, share),
        opening: &encoded.opening,
        equation: take_equation,
        sum: give_sum,
        right: give_right,
        first_points: take_mine,
    };
    std::thread::scope(|scope| {
        let second = scope.spawn(move || second.run());
        let equation = known.get_or_init(equation).as_ref();
        // If the other one failed, it says so below.
        let _ = give_equation.send(equation);
        drop(give_equation);
        let holds = match equation {
            Some(equation) => {
                first_part((setup, equation), mine, give_mine, (take_sum, take_right))
            }
            None => decode_commitments(mine).map(|points| {
                let _ = give_mine.send(points);
                Some(false)
            }),
        };
        match second.join() {
            Ok(checked) => {
                let holds = holds?;
                checked?;
                // Whoever found nothing to go on with was left by one who failed.
                Ok(holds == Some(true))
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Whether the pairings are the same; `None` if the second thread failed.
fn first_part(
    (setup, equation): (&Setup, &Equation),
    encoded: &[[u8; 48]],
    give: Sender<Vec<Point>>,
    (sum, right): (Receiver<Sum>, Receiver<Miller>),
) -> Result<Option<bool>, VerificationError> {
    let commitments = decode_commitments(encoded)?;
    let own = equation.of_commitments(0, &commitments);
    if give.send(commitments).is_err() {
        return Ok(None);
    }
    let Ok(others) = sum.recv() else {
        return Ok(None);
    };
    let left = setup.left(&own.plus_sum(&others).to_point());
    let right = right.recv();
    Ok(right.ok().map(|right| is_same_pairing(&left, &right)))
}

/// The second thread's part, and what it gives to the first one.
struct Second<'a> {
    setup: &'a Setup,
    /// The last commitments, and the place of the first of them.
    commitments: (&'a [[u8; 48]], usize),
    opening: &'a [[u8; 48]; 2],
    /// None: there is none that could hold.
    equation: Receiver<Option<&'a Equation>>,
    sum: Sender<Sum>,
    right: Sender<Miller>,
    first_points: Receiver<Vec<Point>>,
}

impl Second<'_> {
    /// Fails if any point is outside of the subgroup; without a word if the first thread failed.
    fn run(self) -> Result<(), VerificationError> {
        let (encoded, first) = self.commitments;
        let mut points = decode_commitments(encoded)?;
        let opening = decode_opening(self.opening)?;
        if let Some(equation) = self.equation.recv().ok().flatten() {
            // Sent even if nobody takes it: the points are looked at in any case.
            let sum = equation.of_opening(first, &points, &opening);
            let _ = self.sum.send(sum);
            let _ = self.right.send(self.setup.right(&opening.evaluation));
        }
        let Ok(others) = self.first_points.recv() else {
            return Ok(());
        };
        points.extend(others);
        points.extend([opening.quotients, opening.evaluation]);
        match all_in_subgroup(Kernel::detect(), &points) {
            true => Ok(()),
            false => no_point(),
        }
    }
}
