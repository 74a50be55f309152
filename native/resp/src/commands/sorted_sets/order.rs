//! Ranges of the order: read from arguments, and walked.

use super::edge;
use crate::command::Abort;
use crate::commands::{arguments, numbers};
use hyperdb_graph::keys::{order_f64, unorder_f64};
use hyperdb_graph::{AppId, Direction, Header, MemberScan, Step, Turn};
use std::ops::{Bound, ControlFlow};

/// Sets up to this size do without the index of ranks.
const WALKED: u64 = 1024;

/// Up to so many members from where a walk begins, it is as fast as the index.
const NEAR: u64 = 24;

/// How far to walk in a set before its index of ranks is asked.
fn reach(turn: &Turn<'_>, app: AppId, set: &Header) -> u64 {
    if set.count <= WALKED {
        u64::MAX
    } else if turn.knows_ranks(app, set.cid + 1, set.count) {
        0
    } else {
        NEAR
    }
}

const FEWER: &str = "fewer members in order than counted";

/// By what a range is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    Rank,
    Score,
    Lex,
}

/// A range as given; of ranks with the direction's meaning: 0 is the first in the direction of the walk.
pub(super) enum Range<'a> {
    Rank(i64, i64),
    Score(Bound<f64>, Bound<f64>),
    Lex(Edge<'a>, Edge<'a>),
}

/// An end of a lexicographic range.
#[derive(Clone, Copy)]
pub(super) enum Edge<'a> {
    Lowest,
    Highest,
    At(&'a [u8]),
    Beyond(&'a [u8]),
}

impl Edge<'_> {
    /// Whether a member is on the inner side of this lower end.
    fn admits_from_below(&self, member: &[u8]) -> bool {
        match self {
            Edge::Lowest => true,
            Edge::Highest => false,
            Edge::At(at) => member >= *at,
            Edge::Beyond(at) => member > *at,
        }
    }

    /// Whether a member is on the inner side of this upper end.
    fn admits_from_above(&self, member: &[u8]) -> bool {
        match self {
            Edge::Lowest => false,
            Edge::Highest => true,
            Edge::At(at) => member <= *at,
            Edge::Beyond(at) => member < *at,
        }
    }
}

impl<'a> Range<'a> {
    /// Reads the two ends of a range.
    pub(super) fn parse(basis: Basis, min: &'a [u8], max: &'a [u8]) -> Result<Self, Abort> {
        Ok(match basis {
            Basis::Rank => Range::Rank(arguments::integer(min)?, arguments::integer(max)?),
            Basis::Score => Range::Score(score_bound(min)?, score_bound(max)?),
            Basis::Lex => Range::Lex(lex_edge(min)?, lex_edge(max)?),
        })
    }
}

fn score_bound(text: &[u8]) -> Result<Bound<f64>, Abort> {
    let (text, exclusive) = match text {
        [b'(', rest @ ..] => (rest, true),
        _ => (text, false),
    };
    let score = c_double(text).ok_or_else(|| Abort::error("ERR min or max is not a float"))?;
    Ok(if exclusive {
        Bound::Excluded(score)
    } else {
        Bound::Included(score)
    })
}

/// A double as plain `strtod` takes it: unlike in other arguments leading spaces, nothing at all, overflow and
/// underflow are accepted.
fn c_double(text: &[u8]) -> Option<f64> {
    // C's text ends at its first zero byte.
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let text = text.trim_ascii_start();
    numbers::parse_f64(text).or_else(|| {
        let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        (!value.is_nan()).then_some(value)
    })
}

fn lex_edge(text: &[u8]) -> Result<Edge<'_>, Abort> {
    match text {
        b"-" => Ok(Edge::Lowest),
        b"+" => Ok(Edge::Highest),
        [b'[', at @ ..] => Ok(Edge::At(at)),
        [b'(', at @ ..] => Ok(Edge::Beyond(at)),
        _ => Err(Abort::error("ERR min or max not valid string range item")),
    }
}

/// Visits the (member, score) of a range in a direction until told to stop.
pub(super) fn walk(
    turn: &Turn<'_>,
    app: AppId,
    set: &Header,
    range: &Range<'_>,
    direction: Direction,
    mut visit: impl FnMut(&[u8], f64) -> ControlFlow<()>,
) -> Step<()> {
    match range {
        Range::Rank(start, stop) => {
            let Some((first, len)) = ranks(set.count, *start, *stop) else {
                return Ok(());
            };
            let from = key_at(turn, app, set, first, direction)?;
            let mut left = len;
            span(
                turn,
                app,
                set,
                from_key(&from, direction),
                direction,
                |member, score| {
                    visit(member, score)?;
                    left -= 1;
                    if left == 0 {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                },
            )
        }
        Range::Score(min, max) => match score_span(*min, *max) {
            Some((start, end)) => span(
                turn,
                app,
                set,
                (Bound::Included(&start[..]), Bound::Excluded(&end[..])),
                direction,
                visit,
            ),
            None => Ok(()),
        },
        Range::Lex(min, max) => walk_lex(turn, app, set, (*min, *max), direction, visit),
    }
}

/// Redis's inclusive rank range, negative ranks from the end: the first rank and how many.
fn ranks(count: u64, start: i64, stop: i64) -> Option<(u64, u64)> {
    let len = i64::try_from(count).unwrap_or(i64::MAX);
    let range = arguments::index_range(len, start, stop)?;
    Some((range.start as u64, (range.end - range.start) as u64))
}

/// Keys from `first` inclusive to `last` exclusive of a range of scores, `None` if it is empty.
fn score_span(min: Bound<f64>, max: Bound<f64>) -> Option<([u8; 8], [u8; 8])> {
    let after = |score: f64| (u64::from_be_bytes(order_f64(score)) + 1).to_be_bytes();
    let start = match min {
        Bound::Included(score) => order_f64(score),
        Bound::Excluded(score) => after(score),
        Bound::Unbounded => [0; 8],
    };
    let end = match max {
        Bound::Included(score) => after(score),
        Bound::Excluded(score) => order_f64(score),
        Bound::Unbounded => [0xff; 8],
    };
    (start < end).then_some((start, end))
}

type Span<'k> = (Bound<&'k [u8]>, Bound<&'k [u8]>);

/// From a key on in a direction, or everything.
fn from_key(key: &Option<Vec<u8>>, direction: Direction) -> Span<'_> {
    match (key, direction) {
        (None, _) => (Bound::Unbounded, Bound::Unbounded),
        (Some(key), Direction::Forward) => (Bound::Included(key), Bound::Unbounded),
        (Some(key), Direction::Reverse) => (Bound::Unbounded, Bound::Included(key)),
    }
}

fn scan<'t>(
    turn: &'t Turn<'_>,
    app: AppId,
    set: &Header,
    (start, end): Span<'_>,
    direction: Direction,
) -> MemberScan<'t> {
    turn.members(app, set.cid + 1, start, end, direction)
}

fn span(
    turn: &Turn<'_>,
    app: AppId,
    set: &Header,
    keys: Span<'_>,
    direction: Direction,
    mut visit: impl FnMut(&[u8], f64) -> ControlFlow<()>,
) -> Step<()> {
    let order = (app, set.cid + 1, set.count);
    let mut read = Ok(());
    turn.walk_order(order, keys, direction, |key| match split(key) {
        Ok((member, score)) => visit(member, score),
        Err(stop) => {
            read = Err(stop);
            ControlFlow::Break(())
        }
    })?;
    read
}

#[inline]
fn split(key: &[u8]) -> Step<(&[u8], f64)> {
    let (score, member) = key
        .split_first_chunk()
        .ok_or_else(|| edge::malformed("an order key"))?;
    Ok((member, unorder_f64(*score)))
}

/// The order key of a rank counted in a direction, walked to from the nearer end or by the index of ranks;
/// `None` for rank 0.
fn key_at(
    turn: &Turn<'_>,
    app: AppId,
    set: &Header,
    rank: u64,
    direction: Direction,
) -> Step<Option<Vec<u8>>> {
    if rank == 0 {
        return Ok(None);
    }
    let (steps, direction) = if rank <= set.count / 2 {
        (rank, direction)
    } else {
        (set.count - 1 - rank, opposite(direction))
    };
    if steps > reach(turn, app, set) {
        let rank = match direction {
            Direction::Forward => steps,
            Direction::Reverse => set.count - 1 - steps,
        };
        let found = turn.key_at(app, set.cid + 1, set.count, rank)?;
        return found.map(Some).ok_or_else(|| edge::malformed(FEWER));
    }
    let mut scan = scan(
        turn,
        app,
        set,
        (Bound::Unbounded, Bound::Unbounded),
        direction,
    );
    for _ in 0..steps {
        scan.next()?;
    }
    match scan.next()? {
        Some((key, _)) => Ok(Some(key.to_vec())),
        None => Err(edge::malformed(FEWER)),
    }
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Forward => Direction::Reverse,
        Direction::Reverse => Direction::Forward,
    }
}

/// How many members come before an order key: from both ends at once while one of them is near, else by the
/// index of ranks.
pub(super) fn rank_of(turn: &Turn<'_>, app: AppId, set: &Header, key: &[u8]) -> Step<u64> {
    let below = (Bound::Unbounded, Bound::Excluded(key));
    let above = (Bound::Excluded(key), Bound::Unbounded);
    let mut before = scan(turn, app, set, below, Direction::Forward);
    let mut after = scan(turn, app, set, above, Direction::Forward);
    for steps in 0..reach(turn, app, set) {
        if before.next()?.is_none() {
            return Ok(steps);
        }
        if after.next()?.is_none() {
            return Ok(set.count.saturating_sub(1 + steps));
        }
    }
    drop((before, after));
    turn.rank(app, set.cid + 1, set.count, key)
}

/// How many members a range by score or name holds.
pub(super) fn count(turn: &Turn<'_>, app: AppId, set: &Header, range: &Range<'_>) -> Step<u64> {
    match range {
        Range::Rank(start, stop) => Ok(ranks(set.count, *start, *stop).map_or(0, |(_, len)| len)),
        Range::Score(min, max) => match score_span(*min, *max) {
            Some((start, end)) => count_span(turn, app, set, (&start, Some(&end))),
            None => Ok(0),
        },
        Range::Lex(min, max) => {
            let Some((low, high)) = extremes(turn, app, set)? else {
                return Ok(0);
            };
            if low.1 == high.1 {
                return match lex_span(low.1, *min, *max) {
                    Some((start, end)) => count_span(turn, app, set, (&start, end.as_deref())),
                    None => Ok(0),
                };
            }
            let mut count = 0;
            walk(turn, app, set, range, Direction::Forward, |_, _| {
                count += 1;
                ControlFlow::Continue(())
            })?;
            Ok(count)
        }
    }
}

/// How many order keys lie from one on to another, which is not counted.
fn count_span(
    turn: &Turn<'_>,
    app: AppId,
    set: &Header,
    (start, end): (&[u8], Option<&[u8]>),
) -> Step<u64> {
    let keys = (
        Bound::Included(start),
        end.map_or(Bound::Unbounded, Bound::Excluded),
    );
    let mut scan = scan(turn, app, set, keys, Direction::Forward);
    for seen in 0..reach(turn, app, set) {
        if scan.next()?.is_none() {
            return Ok(seen);
        }
    }
    drop(scan);
    let order = set.cid + 1;
    let until = match end {
        Some(end) => turn.rank(app, order, set.count, end)?,
        None => set.count,
    };
    Ok(until.saturating_sub(turn.rank(app, order, set.count, start)?))
}

/// Member and score at both ends of the order.
type Extremes = ((Vec<u8>, f64), (Vec<u8>, f64));

fn extremes(turn: &Turn<'_>, app: AppId, set: &Header) -> Step<Option<Extremes>> {
    let everything = (Bound::Unbounded, Bound::Unbounded);
    let end = |direction| -> Step<Option<(Vec<u8>, f64)>> {
        match scan(turn, app, set, everything, direction).next()? {
            Some((key, _)) => split(key).map(|(member, score)| Some((member.to_vec(), score))),
            None => Ok(None),
        }
    };
    Ok(end(Direction::Forward)?.zip(end(Direction::Reverse)?))
}

/// Order keys from the first inclusive to the last exclusive of a lexicographic range among members of one score;
/// `None` if it is empty.
fn lex_span(score: f64, min: Edge<'_>, max: Edge<'_>) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let key = |member: &[u8], end: &[u8]| [&order_f64(score)[..], member, end].concat();
    // A zero byte more makes the next key after one.
    let start = match min {
        Edge::Lowest => key(&[], &[]),
        Edge::At(at) => key(at, &[]),
        Edge::Beyond(at) => key(at, &[0]),
        Edge::Highest => return None,
    };
    let end = match max {
        Edge::Highest => None,
        Edge::At(at) => Some(key(at, &[0])),
        Edge::Beyond(at) => Some(key(at, &[])),
        Edge::Lowest => return None,
    };
    let is_empty = end.as_ref().is_some_and(|end| *end <= start);
    (!is_empty).then_some((start, end))
}

/// A lexicographic range. Meant for members of one score, where it is a span of keys; with several scores Redis
/// promises nothing, and this does what its small form does: the first that is not below, up to one above.
fn walk_lex(
    turn: &Turn<'_>,
    app: AppId,
    set: &Header,
    (min, max): (Edge<'_>, Edge<'_>),
    direction: Direction,
    mut visit: impl FnMut(&[u8], f64) -> ControlFlow<()>,
) -> Step<()> {
    let Some((first, last)) = extremes(turn, app, set)? else {
        return Ok(());
    };
    if first.1 == last.1 {
        let Some((start, end)) = lex_span(first.1, min, max) else {
            return Ok(());
        };
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let keys = (Bound::Included(&start[..]), end);
        return span(turn, app, set, keys, direction, visit);
    }
    if !min.admits_from_below(&last.0) || !max.admits_from_above(&first.0) {
        return Ok(());
    }
    let (near, far) = match direction {
        Direction::Forward => (min, max),
        Direction::Reverse => (max, min),
    };
    let inside = |edge: &Edge<'_>, lower: bool, member: &[u8]| {
        if lower {
            edge.admits_from_below(member)
        } else {
            edge.admits_from_above(member)
        }
    };
    let forward = direction == Direction::Forward;
    let everything = (Bound::Unbounded, Bound::Unbounded);
    let mut begun = false;
    span(turn, app, set, everything, direction, |member, score| {
        begun = begun || inside(&near, forward, member);
        if !begun {
            return ControlFlow::Continue(());
        }
        if !inside(&far, !forward, member) {
            return ControlFlow::Break(());
        }
        visit(member, score)
    })
}
