//! Commands on lists.
//!
//! **Theory.** A list's values lie under dense positions `head..tail` of its header, so both ends and every
//! index are one point operation. What changes the middle (LINSERT, LREM) moves the shorter side.
//!
//! **Invariant.** Exactly the positions `head..tail` hold a value; `count` is `tail - head`, `bytes` their
//! lengths with 8 for each position.

mod access;
mod ends;
mod middle;
mod moves;

use super::{arguments, edge};
use crate::command::{Abort, Context, Handler};
use hyperdb_graph::keys::{order_i64, unorder_i64};
use hyperdb_graph::{AppId, Direction, Header, Kind, Step, Turn, Value};
use std::ops::Bound;
use std::ops::ControlFlow;

/// Handlers of this folder by command name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("lpush", |cx| ends::push(cx, Side::Left, true)),
    ("rpush", |cx| ends::push(cx, Side::Right, true)),
    ("lpushx", |cx| ends::push(cx, Side::Left, false)),
    ("rpushx", |cx| ends::push(cx, Side::Right, false)),
    ("lpop", |cx| ends::pop(cx, Side::Left)),
    ("rpop", |cx| ends::pop(cx, Side::Right)),
    ("blpop", |cx| ends::blocking_pop(cx, Side::Left)),
    ("brpop", |cx| ends::blocking_pop(cx, Side::Right)),
    ("lmpop", ends::lmpop),
    ("blmpop", ends::blmpop),
    ("llen", access::llen),
    ("lindex", access::lindex),
    ("lrange", access::lrange),
    ("lpos", access::lpos),
    ("lset", middle::lset),
    ("ltrim", middle::ltrim),
    ("linsert", middle::linsert),
    ("lrem", middle::lrem),
    ("lmove", moves::lmove),
    ("rpoplpush", moves::rpoplpush),
    ("blmove", moves::blmove),
    ("brpoplpush", moves::brpoplpush),
];

/// An end of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Bytes that a position adds to a value in the header's `bytes`.
const POSITION: u64 = 8;

/// Below this many values point reads are cheaper than starting a walk.
const FEW: i64 = 16;

/// The value at a position in use.
#[inline]
fn value<'t>(turn: &'t Turn<'_>, app: AppId, list: &Header, position: i64) -> Step<Value<'t>> {
    turn.member(app, list.cid, &order_i64(position))?
        .ok_or_else(|| edge::malformed("a list's position holds nothing"))
}

/// Adds a value at an end.
#[inline]
fn push(turn: &mut Turn<'_>, app: AppId, list: &mut Header, side: Side, value: &[u8]) -> Step<()> {
    let position = match side {
        Side::Left => {
            list.head -= 1;
            list.head
        }
        Side::Right => {
            list.tail += 1;
            list.tail - 1
        }
    };
    list.count += 1;
    list.bytes += POSITION + value.len() as u64;
    turn.insert_member(app, list.cid, &order_i64(position), value)
}

/// Makes the list at `key` anew from `values`, replacing whatever was there; none leave no key.
pub fn store(cx: &mut Context<'_, '_>, key: &[u8], values: &[impl AsRef<[u8]>]) -> Step<()> {
    if values.is_empty() {
        cx.turn.remove_element(cx.app, key)?;
        return Ok(());
    }
    let mut list = cx.turn.draft_edge(Kind::List);
    for value in values {
        push(cx.turn, cx.app, &mut list, Side::Right, value.as_ref())?;
    }
    cx.turn.put_header(cx.app, key, &list)
}

/// Ends a change that may have made a list smaller: as [`edge::close`], and its form is noted.
fn close(
    cx: &mut Context<'_, '_>,
    key: &[u8],
    before: &Header,
    after: &Header,
) -> Result<(), Abort> {
    cx.forms.note_list(before, after);
    edge::close(cx, key, after)
}

/// Takes the value at an end away, and writes it to the reply.
#[inline]
fn pop_to_reply(cx: &mut Context<'_, '_>, list: &mut Header, side: Side) -> Step<()> {
    let position = end_position(list, side);
    let found = value(cx.turn, cx.app, list, position)?;
    let len = found.len();
    cx.reply.bulk(&found);
    drop(found);
    drop_end(cx.turn, cx.app, list, side, len)
}

/// The position of the value at an end of a list that is not empty.
fn end_position(list: &Header, side: Side) -> i64 {
    match side {
        Side::Left => list.head,
        Side::Right => list.tail - 1,
    }
}

/// Removes the value at an end, which is `len` bytes long.
fn drop_end(
    turn: &mut Turn<'_>,
    app: AppId,
    list: &mut Header,
    side: Side,
    len: usize,
) -> Step<()> {
    let position = end_position(list, side);
    match side {
        Side::Left => list.head += 1,
        Side::Right => list.tail -= 1,
    }
    list.count -= 1;
    list.bytes = list.bytes.saturating_sub(POSITION + len as u64);
    turn.remove_member(app, list.cid, &order_i64(position))
}

/// Visits the values at `from..to` in a direction until told to stop.
fn walk(
    turn: &Turn<'_>,
    app: AppId,
    list: &Header,
    (from, to): (i64, i64),
    direction: Direction,
    mut visit: impl FnMut(i64, &[u8]) -> ControlFlow<()>,
) -> Step<()> {
    if to - from <= FEW {
        for i in 0..to - from {
            let position = match direction {
                Direction::Forward => from + i,
                Direction::Reverse => to - 1 - i,
            };
            if visit(position, &value(turn, app, list, position)?).is_break() {
                break;
            }
        }
        return Ok(());
    }
    let (start, end) = (order_i64(from), order_i64(to));
    let mut scan = turn.members(
        app,
        list.cid,
        Bound::Included(&start),
        Bound::Excluded(&end),
        direction,
    );
    while let Some((key, value)) = scan.next()? {
        let position = key
            .try_into()
            .map(unorder_i64)
            .map_err(|_| edge::malformed("a list's position"))?;
        if visit(position, &value).is_break() {
            break;
        }
    }
    Ok(())
}

/// The positions of Redis's inclusive index range, negative ones from the end; empty as (x, x).
fn positions(list: &Header, start: i64, stop: i64) -> (i64, i64) {
    match arguments::index_range(list.tail - list.head, start, stop) {
        Some(range) => (list.head + range.start, list.head + range.end),
        None => (list.head, list.head),
    }
}

/// The position of Redis's index, if it is in the list.
fn position(list: &Header, index: i64) -> Option<i64> {
    let len = list.tail - list.head;
    let index = if index < 0 {
        index.saturating_add(len)
    } else {
        index
    };
    (0..len).contains(&index).then(|| list.head + index)
}

#[cfg(test)]
mod tests;
