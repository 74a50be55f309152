//! Moving a value from an end of one list to an end of another, or of the same.

use super::{close, drop_end, end_position, push, value, Side};
use crate::command::{Abort, Context, OnTimeout, Outcome};
use crate::commands::{arguments, blocking, edge};
use hyperdb_graph::Kind;

/// LMOVE source destination LEFT|RIGHT LEFT|RIGHT
pub(super) fn lmove(cx: &mut Context<'_, '_>) -> Outcome {
    let from = side(cx, 3)?;
    let to = side(cx, 4)?;
    move_or_null(cx, from, to)
}

/// RPOPLPUSH source destination
pub(super) fn rpoplpush(cx: &mut Context<'_, '_>) -> Outcome {
    move_or_null(cx, Side::Right, Side::Left)
}

/// BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout
pub(super) fn blmove(cx: &mut Context<'_, '_>) -> Outcome {
    let from = side(cx, 3)?;
    let to = side(cx, 4)?;
    move_or_wait(cx, from, to, 5)
}

/// BRPOPLPUSH source destination timeout
pub(super) fn brpoplpush(cx: &mut Context<'_, '_>) -> Outcome {
    move_or_wait(cx, Side::Right, Side::Left, 3)
}

fn side(cx: &Context<'_, '_>, i: usize) -> Result<Side, Abort> {
    let which = arguments::option(&cx.args, i, &["LEFT", "RIGHT"])?;
    Ok(if which == 0 { Side::Left } else { Side::Right })
}

fn move_or_null(cx: &mut Context<'_, '_>, from: Side, to: Side) -> Outcome {
    if !try_move(cx, from, to)? {
        cx.reply.null();
    }
    Ok(())
}

fn move_or_wait(cx: &mut Context<'_, '_>, from: Side, to: Side, timeout: usize) -> Outcome {
    let timeout = blocking::timeout(cx.args.at(timeout))?;
    if try_move(cx, from, to)? {
        return Ok(());
    }
    let source = std::iter::once(cx.args.at(1));
    blocking::wait(cx, source, timeout, OnTimeout::NullBulk)
}

/// Moves one value and replies it; `false` without a source list.
fn try_move(cx: &mut Context<'_, '_>, from: Side, to: Side) -> Result<bool, Abort> {
    let args = cx.args;
    let (source, destination) = (args.at(1), args.at(2));
    let Some(mut list) = edge::open(cx, source, Kind::List)? else {
        return Ok(false);
    };
    if source == destination {
        let moved = value(cx.turn, cx.app, &list, end_position(&list, from))?.to_vec();
        drop_end(cx.turn, cx.app, &mut list, from, moved.len())?;
        push(cx.turn, cx.app, &mut list, to, &moved)?;
        cx.turn.put_header(cx.app, source, &list)?;
        cx.reply.bulk(&moved);
        return Ok(true);
    }
    let before = list;
    let mut target = edge::open_or_create(cx, destination, Kind::List)?;
    let moved = value(cx.turn, cx.app, &list, end_position(&list, from))?.to_vec();
    drop_end(cx.turn, cx.app, &mut list, from, moved.len())?;
    push(cx.turn, cx.app, &mut target, to, &moved)?;
    edge::close(cx, destination, &target)?;
    close(cx, source, &before, &list)?;
    cx.reply.bulk(&moved);
    Ok(true)
}
