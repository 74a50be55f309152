//! Pushing and popping at the ends, of one list or the first of several that has values.

use super::{close, pop_to_reply, push as push_value, Side};
use crate::command::{Abort, Context, OnTimeout, Outcome};
use crate::commands::multi_pop::MultiPop;
use crate::commands::{arguments, blocking, edge};
use hyperdb_graph::{Header, Kind};

/// LPUSH, RPUSH key value [value ...]; LPUSHX, RPUSHX only to a list that is there.
pub(super) fn push(cx: &mut Context<'_, '_>, side: Side, create: bool) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let mut list = match edge::open(cx, key, Kind::List)? {
        Some(list) => list,
        None if create => cx.turn.draft_edge(Kind::List),
        None => {
            cx.reply.integer(0);
            return Ok(());
        }
    };
    for value in args.from(2).iter() {
        push_value(cx.turn, cx.app, &mut list, side, value)?;
    }
    cx.turn.put_header(cx.app, key, &list)?;
    cx.reply.integer(list.count as i64);
    Ok(())
}

/// LPOP, RPOP key [count]
pub(super) fn pop(cx: &mut Context<'_, '_>, side: Side) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    if args.len() > 3 {
        return Err(arguments::wrong_arity(match side {
            Side::Left => "lpop",
            Side::Right => "rpop",
        }));
    }
    let count = match args.get(2) {
        Some(text) => Some(arguments::positive(text)?),
        None => None,
    };
    let Some(mut list) = edge::open(cx, key, Kind::List)? else {
        match count {
            Some(_) => cx.reply.null_array(),
            None => cx.reply.null(),
        }
        return Ok(());
    };
    let before = list;
    match count {
        None => pop_to_reply(cx, &mut list, side)?,
        Some(0) => {
            cx.reply.array(0);
            return Ok(());
        }
        Some(count) => pop_array(cx, &mut list, side, count)?,
    }
    close(cx, key, &before, &list)
}

/// Pops up to `count` values into an array.
fn pop_array(cx: &mut Context<'_, '_>, list: &mut Header, side: Side, count: u64) -> Outcome {
    let count = count.min(list.count);
    cx.reply.array(count as usize);
    for _ in 0..count {
        pop_to_reply(cx, list, side)?;
    }
    Ok(())
}

/// BLPOP, BRPOP key [key ...] timeout
pub(super) fn blocking_pop(cx: &mut Context<'_, '_>, side: Side) -> Outcome {
    let args = cx.args;
    let last = args.len() - 1;
    let timeout = blocking::timeout(args.at(last))?;
    let keys = || args.iter().take(last).skip(1);
    for key in blocking::candidates(cx, keys()) {
        if let Some(mut list) = edge::open(cx, key, Kind::List)? {
            let before = list;
            cx.reply.array(2);
            cx.reply.bulk(key);
            pop_to_reply(cx, &mut list, side)?;
            return close(cx, key, &before, &list);
        }
    }
    blocking::wait(cx, keys(), timeout, OnTimeout::NullArray)
}

/// LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]
pub(super) fn lmpop(cx: &mut Context<'_, '_>) -> Outcome {
    POP.at_once(cx)
}

/// BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]
pub(super) fn blmpop(cx: &mut Context<'_, '_>) -> Outcome {
    POP.or_wait(cx)
}

const POP: MultiPop<Side> = MultiPop {
    places: [("LEFT", Side::Left), ("RIGHT", Side::Right)],
    pop: pop_from,
};

/// Pops from the list at `key` and replies the key and what it was; whether there is a list.
fn pop_from(cx: &mut Context<'_, '_>, key: &[u8], side: Side, count: u64) -> Result<bool, Abort> {
    let Some(mut list) = edge::open(cx, key, Kind::List)? else {
        return Ok(false);
    };
    let before = list;
    cx.reply.array(2);
    cx.reply.bulk(key);
    pop_array(cx, &mut list, side, count)?;
    close(cx, key, &before, &list)?;
    Ok(true)
}
