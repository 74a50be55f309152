//! Commands on sorted sets.
//!
//! **Theory.** A member's score lies under its hash and bytes in `cid`; the order lies in `cid + 1`, under
//! (score so that byte order is number order, member), so ties are in byte order as in Redis. Every range is a
//! walk over a span of that order.
//!
//! **Invariant.** Both hold the same members with the same scores. A score is never NaN, and -0 is stored as 0.
//! `head` is 0 while the set would be a listpack in Redis ([`crate::forms::Limits`]), then 1.

mod algebra;
mod order;
mod pop;
mod range;
mod read;
mod write;

use super::edge;
use super::hash_order::{self, member_key, Picks};
use super::numbers::{self, G17_TEXT};
use crate::command::{Context, Handler, Outcome};
use crate::reply::Reply;
use algebra::Operation;
use hyperdb_graph::keys::{order_f64, KeyBuf};
use hyperdb_graph::{AppId, Direction, Header, Kind, Step, Turn};
use order::Basis;
use pop::End;
use std::ops::{Bound, ControlFlow};

pub use write::Options as AddOptions;

/// Handlers of this folder by command name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("zadd", write::zadd),
    ("zincrby", write::zincrby),
    ("zrem", write::zrem),
    ("zremrangebyrank", |cx| range::remove(cx, Basis::Rank)),
    ("zremrangebyscore", |cx| range::remove(cx, Basis::Score)),
    ("zremrangebylex", |cx| range::remove(cx, Basis::Lex)),
    ("zscore", read::zscore),
    ("zmscore", read::zmscore),
    ("zcard", read::zcard),
    ("zrank", |cx| read::rank(cx, false)),
    ("zrevrank", |cx| read::rank(cx, true)),
    ("zcount", |cx| range::count(cx, Basis::Score)),
    ("zlexcount", |cx| range::count(cx, Basis::Lex)),
    ("zrandmember", read::zrandmember),
    ("zscan", read::zscan),
    ("zrange", |cx| range::reply(cx, None, None)),
    ("zrevrange", |cx| {
        range::reply(cx, Some(Basis::Rank), Some(true))
    }),
    ("zrangebyscore", |cx| {
        range::reply(cx, Some(Basis::Score), Some(false))
    }),
    ("zrevrangebyscore", |cx| {
        range::reply(cx, Some(Basis::Score), Some(true))
    }),
    ("zrangebylex", |cx| {
        range::reply(cx, Some(Basis::Lex), Some(false))
    }),
    ("zrevrangebylex", |cx| {
        range::reply(cx, Some(Basis::Lex), Some(true))
    }),
    ("zrangestore", range::zrangestore),
    ("zpopmin", |cx| pop::pop(cx, End::Min)),
    ("zpopmax", |cx| pop::pop(cx, End::Max)),
    ("bzpopmin", |cx| pop::blocking_pop(cx, End::Min)),
    ("bzpopmax", |cx| pop::blocking_pop(cx, End::Max)),
    ("zmpop", pop::zmpop),
    ("bzmpop", pop::bzmpop),
    ("zunion", |cx| algebra::reply(cx, Operation::Union)),
    ("zinter", |cx| algebra::reply(cx, Operation::Intersection)),
    ("zdiff", |cx| algebra::reply(cx, Operation::Difference)),
    ("zunionstore", |cx| algebra::store(cx, Operation::Union)),
    ("zinterstore", |cx| {
        algebra::store(cx, Operation::Intersection)
    }),
    ("zdiffstore", |cx| algebra::store(cx, Operation::Difference)),
    ("zintercard", algebra::zintercard),
];

/// What a member adds to the header's `bytes`: itself in both places, its hash, its score twice.
fn footprint(member: &[u8]) -> u64 {
    2 * member.len() as u64 + 24
}

/// The score in a value as stored; NaN, which never is stored, for other bytes.
fn decode_score(value: &[u8]) -> f64 {
    value.try_into().map_or(f64::NAN, f64::from_le_bytes)
}

/// The key in the order of (score, member).
#[inline]
fn order_key(score: f64, member: &[u8], out: &mut KeyBuf) {
    out.clear();
    out.push(&order_f64(score)).push(member);
}

/// The score of a member; leaves its key in `place`.
#[inline]
fn score(
    turn: &Turn<'_>,
    app: AppId,
    set: &Header,
    member: &[u8],
    place: &mut KeyBuf,
) -> Step<Option<f64>> {
    member_key(turn, member, place);
    match turn.member(app, set.cid, place)? {
        None => Ok(None),
        Some(value) => match decode_score(&value) {
            score if score.is_nan() => Err(edge::malformed("a score")),
            score => Ok(Some(score)),
        },
    }
}

/// Gives a member a score; `old` is the one it has, `place` holds its key.
#[inline]
fn set_score(
    cx: &mut Context<'_, '_>,
    set: &mut Header,
    member: &[u8],
    (old, new): (Option<f64>, f64),
    place: &mut KeyBuf,
) -> Step<()> {
    let new = new + 0.0; // -0 becomes 0.
    let value = new.to_le_bytes();
    match old {
        None => {
            cx.turn.insert_member(cx.app, set.cid, place, &value)?;
            set.count += 1;
            set.bytes += footprint(member);
            let limits = cx.forms.limits;
            if set.count > limits.sorted_entries || member.len() as u64 > limits.sorted_value {
                set.head = 1;
            }
        }
        Some(old) => {
            cx.turn.put_member(cx.app, set.cid, place, &value)?;
            order_key(old, member, place);
            cx.turn.remove_member(cx.app, set.cid + 1, place)?;
        }
    }
    order_key(new, member, place);
    cx.turn.insert_member(cx.app, set.cid + 1, place, &[])
}

/// Removes a member that has this score.
fn remove(
    turn: &mut Turn<'_>,
    app: AppId,
    set: &mut Header,
    member: &[u8],
    score: f64,
    place: &mut KeyBuf,
) -> Step<()> {
    member_key(turn, member, place);
    turn.remove_member(app, set.cid, place)?;
    order_key(score, member, place);
    turn.remove_member(app, set.cid + 1, place)?;
    set.count -= 1;
    set.bytes = set.bytes.saturating_sub(footprint(member));
    Ok(())
}

/// The score of a member, if it is there.
pub fn score_of(turn: &Turn<'_>, app: AppId, set: &Header, member: &[u8]) -> Step<Option<f64>> {
    score(turn, app, set, member, &mut KeyBuf::new())
}

/// Gives members scores, and replies as ZADD does.
pub fn add(
    cx: &mut Context<'_, '_>,
    key: &[u8],
    options: &AddOptions,
    members: &[(f64, &[u8])],
) -> Outcome {
    write::put(cx, key, options, members.iter().copied().map(Ok))
}

/// Visits the members whose scores are from the first to below the second, in order, until told to stop.
pub fn walk_scores(
    turn: &Turn<'_>,
    app: AppId,
    set: &Header,
    (low, high): (f64, f64),
    visit: impl FnMut(&[u8], f64) -> ControlFlow<()>,
) -> Step<()> {
    let range = order::Range::Score(Bound::Included(low), Bound::Excluded(high));
    order::walk(turn, app, set, &range, Direction::Forward, visit)
}

/// All members with their scores, in order.
pub fn all(turn: &Turn<'_>, app: AppId, set: &Header) -> Step<Vec<(Vec<u8>, f64)>> {
    let mut members = Vec::new();
    let ends = [f64::NEG_INFINITY, f64::INFINITY].map(Bound::Included);
    let range = order::Range::Score(ends[0], ends[1]);
    order::walk(
        turn,
        app,
        set,
        &range,
        Direction::Forward,
        |member, score| {
            members.push((member.to_vec(), score));
            ControlFlow::Continue(())
        },
    )?;
    Ok(members)
}

/// Makes `key` the sorted set of different members with their scores, replacing what was there; nothing if there are none.
pub fn store<'a>(
    cx: &mut Context<'_, '_>,
    key: &[u8],
    members: impl Iterator<Item = (&'a [u8], f64)>,
) -> Step<()> {
    let mut set = cx.turn.draft_edge(Kind::SortedSet);
    let mut place = KeyBuf::new();
    for (member, score) in members {
        member_key(cx.turn, member, &mut place);
        set_score(cx, &mut set, member, (None, score), &mut place)?;
    }
    if set.count == 0 {
        cx.turn.remove_element(cx.app, key)?;
        return Ok(());
    }
    cx.turn.put_header(cx.app, key, &set)
}

/// Writes a score.
fn reply_score(reply: &mut Reply, score: f64) {
    let mut text = [0; G17_TEXT];
    reply.double(numbers::format_double(score, &mut text));
}

/// Writes members, with scores in pairs (RESP3) or one after the other (RESP2) if asked for.
fn reply_members(reply: &mut Reply, picks: &Picks, with_scores: bool) {
    let start = reply.buffer.len();
    for (member, value) in picks.iter() {
        reply_member(reply, member, decode_score(value), with_scores);
    }
    insert_members(reply, start, picks.len(), with_scores);
}

/// Writes one of the members of a reply that [`insert_members`] will announce.
#[inline]
fn reply_member(reply: &mut Reply, member: &[u8], score: f64, with_score: bool) {
    if with_score && reply.resp3 {
        reply.array(2);
    }
    reply.bulk(member);
    if with_score {
        reply_score(reply, score);
    }
}

/// Announces the `count` members that were written from `start` on.
fn insert_members(reply: &mut Reply, start: usize, count: usize, with_scores: bool) {
    let flat = if with_scores && !reply.resp3 { 2 } else { 1 };
    reply.insert_array(start, count * flat);
}

#[cfg(test)]
mod tests;
