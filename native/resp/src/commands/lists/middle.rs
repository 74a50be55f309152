//! Changes inside a list.

use super::{close, position, positions, push, value, walk, Side, POSITION};
use crate::command::{Abort, Context, Outcome};
use crate::commands::{arguments, edge};
use hyperdb_graph::keys::order_i64;
use hyperdb_graph::{AppId, Direction, Header, Kind, Step, Turn};
use std::ops::ControlFlow;

/// A remainder that is a smaller part of the list than one in so many is moved to a new collection: that is cheaper
/// than to remove the rest value by value.
const SMALL_PART: i64 = 3;

/// LSET key index element
pub(super) fn lset(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let Some(mut list) = edge::open(cx, key, Kind::List)? else {
        return Err(Abort::error("ERR no such key"));
    };
    let index = arguments::integer(args.at(2))?;
    let at = position(&list, index).ok_or_else(|| Abort::error("ERR index out of range"))?;
    // Redis makes room for the new value before it takes the old one away.
    let before = Header {
        count: list.count + 1,
        bytes: list.bytes + POSITION + args.at(3).len() as u64,
        ..list
    };
    let old = value(cx.turn, cx.app, &list, at)?.len() as u64;
    list.bytes = list.bytes.saturating_sub(old) + args.at(3).len() as u64;
    cx.turn
        .put_member(cx.app, list.cid, &order_i64(at), args.at(3))?;
    close(cx, key, &before, &list)?;
    cx.reply.ok();
    Ok(())
}

/// LTRIM key start stop
pub(super) fn ltrim(cx: &mut Context<'_, '_>) -> Outcome {
    let start = arguments::integer(cx.args.at(2))?;
    let stop = arguments::integer(cx.args.at(3))?;
    let key = cx.args.at(1);
    let Some(mut list) = edge::open(cx, key, Kind::List)? else {
        cx.reply.ok();
        return Ok(());
    };
    let before = list;
    let (head, tail) = positions(&list, start, stop);
    if head == tail {
        cx.turn.remove_element(cx.app, key)?;
        cx.reply.ok();
        return Ok(());
    }
    if (tail - head) * SMALL_PART < list.tail - list.head {
        keep(cx.turn, cx.app, &mut list, (head, tail))?;
        close(cx, key, &before, &list)?;
        cx.reply.ok();
        return Ok(());
    }
    for at in (list.head..head).chain(tail..list.tail) {
        let len = value(cx.turn, cx.app, &list, at)?.len() as u64;
        list.bytes = list.bytes.saturating_sub(POSITION + len);
        cx.turn.remove_member(cx.app, list.cid, &order_i64(at))?;
    }
    list.head = head;
    list.tail = tail;
    list.count = (tail - head) as u64;
    close(cx, key, &before, &list)?;
    cx.reply.ok();
    Ok(())
}

/// Makes `list` a new collection of the values at `head..tail`; the old one is dropped whole by the header's write.
fn keep(turn: &mut Turn<'_>, app: AppId, list: &mut Header, (head, tail): (i64, i64)) -> Step<()> {
    let mut kept = Header {
        expiry: list.expiry,
        head,
        tail: head,
        ..turn.draft_edge(Kind::List)
    };
    let mut moved = Vec::new();
    for at in head..tail {
        moved.clear();
        moved.extend_from_slice(&value(turn, app, list, at)?);
        push(turn, app, &mut kept, Side::Right, &moved)?;
    }
    *list = kept;
    Ok(())
}

/// LINSERT key BEFORE|AFTER pivot element
pub(super) fn linsert(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let after = arguments::option(&args, 2, &["BEFORE", "AFTER"])? as i64;
    let Some(mut list) = edge::open(cx, key, Kind::List)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let mut pivot = None;
    let whole = (list.head, list.tail);
    walk(
        cx.turn,
        cx.app,
        &list,
        whole,
        Direction::Forward,
        |at, value| {
            if value == args.at(3) {
                pivot = Some(at);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        },
    )?;
    let Some(pivot) = pivot else {
        cx.reply.integer(-1);
        return Ok(());
    };
    // The new value goes between `gap - 1` and `gap`.
    let gap = pivot + after;
    let mut moved = Vec::new();
    let free = if gap - list.head <= list.tail - gap {
        for at in list.head..gap {
            shift(cx.turn, cx.app, &list, (at, at - 1), &mut moved)?;
        }
        list.head -= 1;
        gap - 1
    } else {
        for at in (gap..list.tail).rev() {
            shift(cx.turn, cx.app, &list, (at, at + 1), &mut moved)?;
        }
        list.tail += 1;
        gap
    };
    cx.turn
        .put_member(cx.app, list.cid, &order_i64(free), args.at(4))?;
    list.count += 1;
    list.bytes += POSITION + args.at(4).len() as u64;
    cx.turn.put_header(cx.app, key, &list)?;
    cx.reply.integer(list.count as i64);
    Ok(())
}

/// LREM key count element
pub(super) fn lrem(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let count = arguments::negatable(args.at(2))?;
    let Some(mut list) = edge::open(cx, key, Kind::List)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let (direction, limit) = match count {
        0 => (Direction::Forward, usize::MAX),
        1.. => (Direction::Forward, count as usize),
        _ => (Direction::Reverse, count.unsigned_abs() as usize),
    };
    let mut gaps = Vec::new();
    let whole = (list.head, list.tail);
    walk(cx.turn, cx.app, &list, whole, direction, |at, value| {
        if value == args.at(3) {
            gaps.push(at);
            if gaps.len() >= limit {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    if direction == Direction::Reverse {
        gaps.reverse();
    }
    let (Some(first), Some(last)) = (gaps.first(), gaps.last()) else {
        cx.reply.integer(0);
        return Ok(());
    };
    let removed = gaps.len();
    if removed as u64 == list.count {
        cx.turn.remove_element(cx.app, key)?;
        cx.reply.integer(removed as i64);
        return Ok(());
    }
    let before = list;
    if list.tail - first <= last - list.head {
        close_leftwards(cx.turn, cx.app, &mut list, &gaps)?;
    } else {
        close_rightwards(cx.turn, cx.app, &mut list, &gaps)?;
    }
    list.count -= removed as u64;
    let each = POSITION + args.at(3).len() as u64;
    list.bytes = list.bytes.saturating_sub(each * removed as u64);
    close(cx, key, &before, &list)?;
    cx.reply.integer(removed as i64);
    Ok(())
}

/// Fills the gaps (ascending) from their right; the list's tail comes nearer.
fn close_leftwards(turn: &mut Turn<'_>, app: AppId, list: &mut Header, gaps: &[i64]) -> Step<()> {
    let mut moved = Vec::new();
    let mut passed = 0;
    for at in gaps[0]..list.tail {
        if gaps.get(passed) == Some(&at) {
            passed += 1;
        } else {
            shift(turn, app, list, (at, at - passed as i64), &mut moved)?;
        }
    }
    for _ in gaps {
        list.tail -= 1;
        turn.remove_member(app, list.cid, &order_i64(list.tail))?;
    }
    Ok(())
}

/// Fills the gaps (ascending) from their left; the list's head comes nearer.
fn close_rightwards(turn: &mut Turn<'_>, app: AppId, list: &mut Header, gaps: &[i64]) -> Step<()> {
    let mut moved = Vec::new();
    let mut left = gaps.len();
    for at in (list.head..=gaps[left - 1]).rev() {
        if left > 0 && gaps[left - 1] == at {
            left -= 1;
        } else {
            let passed = (gaps.len() - left) as i64;
            shift(turn, app, list, (at, at + passed), &mut moved)?;
        }
    }
    for _ in gaps {
        turn.remove_member(app, list.cid, &order_i64(list.head))?;
        list.head += 1;
    }
    Ok(())
}

/// Copies the value at one position to another; `moved` is room to be used again.
fn shift(
    turn: &mut Turn<'_>,
    app: AppId,
    list: &Header,
    (from, to): (i64, i64),
    moved: &mut Vec<u8>,
) -> Step<()> {
    moved.clear();
    moved.extend_from_slice(&value(turn, app, list, from)?);
    turn.put_member(app, list.cid, &order_i64(to), moved)
}
