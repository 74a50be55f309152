//! Popping at the ends, of one sorted set or the first of several that is there.

use super::order::{walk, Range};
use super::{decode_score, remove, reply_members, reply_score, Picks};
use crate::command::{errors, Abort, Context, OnTimeout, Outcome};
use crate::commands::multi_pop::MultiPop;
use crate::commands::{arguments, blocking, edge};
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::{Direction, Header, Kind};
use std::ops::ControlFlow;

/// An end of the order.
#[derive(Clone, Copy)]
pub(super) enum End {
    Min,
    Max,
}

/// ZPOPMIN, ZPOPMAX key [count]
pub(super) fn pop(cx: &mut Context<'_, '_>, end: End) -> Outcome {
    let args = cx.args;
    if args.len() > 3 {
        return Err(errors::syntax());
    }
    let count = match args.get(2) {
        Some(text) => Some(arguments::positive(text)?),
        None => None,
    };
    let picks = match edge::open(cx, args.at(1), Kind::SortedSet)? {
        Some(mut set) => take(cx, args.at(1), &mut set, end, count.unwrap_or(1))?,
        None => Picks::default(),
    };
    if count.is_some() {
        reply_members(cx.reply, &picks, true);
        return Ok(());
    }
    // Without a count even RESP3 gets one member and its score side by side.
    cx.reply.array(2 * picks.len());
    for (member, value) in picks.iter() {
        cx.reply.bulk(member);
        reply_score(cx.reply, decode_score(value));
    }
    Ok(())
}

/// Removes up to `count` members at an end of an opened set and closes it.
fn take(
    cx: &mut Context<'_, '_>,
    key: &[u8],
    set: &mut Header,
    end: End,
    count: u64,
) -> Result<Picks, Abort> {
    let mut picks = Picks::default();
    if count == 0 {
        return Ok(picks);
    }
    let direction = match end {
        End::Min => Direction::Forward,
        End::Max => Direction::Reverse,
    };
    let last = i64::try_from(count - 1).unwrap_or(i64::MAX);
    walk(
        cx.turn,
        cx.app,
        set,
        &Range::Rank(0, last),
        direction,
        |member, score| {
            picks.push(member, &score.to_le_bytes());
            ControlFlow::Continue(())
        },
    )?;
    if picks.len() as u64 >= set.count {
        cx.turn.remove_element(cx.app, key)?;
        return Ok(picks);
    }
    let mut place = KeyBuf::new();
    for (member, value) in picks.iter() {
        remove(
            cx.turn,
            cx.app,
            set,
            member,
            decode_score(value),
            &mut place,
        )?;
    }
    cx.turn.put_header(cx.app, key, set)?;
    Ok(picks)
}

/// BZPOPMIN, BZPOPMAX key [key ...] timeout
pub(super) fn blocking_pop(cx: &mut Context<'_, '_>, end: End) -> Outcome {
    let args = cx.args;
    let last = args.len() - 1;
    let timeout = blocking::timeout(args.at(last))?;
    let keys = || args.iter().take(last).skip(1);
    for key in blocking::candidates(cx, keys()) {
        if let Some(mut set) = edge::open(cx, key, Kind::SortedSet)? {
            let picks = take(cx, key, &mut set, end, 1)?;
            cx.reply.array(3);
            cx.reply.bulk(key);
            for (member, value) in picks.iter() {
                cx.reply.bulk(member);
                reply_score(cx.reply, decode_score(value));
            }
            return Ok(());
        }
    }
    blocking::wait(cx, keys(), timeout, OnTimeout::NullArray)
}

/// ZMPOP numkeys key [key ...] MIN|MAX [COUNT count]
pub(super) fn zmpop(cx: &mut Context<'_, '_>) -> Outcome {
    POP.at_once(cx)
}

/// BZMPOP timeout numkeys key [key ...] MIN|MAX [COUNT count]
pub(super) fn bzmpop(cx: &mut Context<'_, '_>) -> Outcome {
    POP.or_wait(cx)
}

const POP: MultiPop<End> = MultiPop {
    places: [("MIN", End::Min), ("MAX", End::Max)],
    pop: pop_from,
};

/// Pops from the sorted set at `key` and replies the key and what it was; whether there is a sorted set.
fn pop_from(cx: &mut Context<'_, '_>, key: &[u8], end: End, count: u64) -> Result<bool, Abort> {
    let Some(mut set) = edge::open(cx, key, Kind::SortedSet)? else {
        return Ok(false);
    };
    let picks = take(cx, key, &mut set, end, count)?;
    cx.reply.array(2);
    cx.reply.bulk(key);
    cx.reply.array(picks.len());
    for (member, value) in picks.iter() {
        cx.reply.array(2);
        cx.reply.bulk(member);
        reply_score(cx.reply, decode_score(value));
    }
    Ok(true)
}
