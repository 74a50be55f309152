//! Reading entries by id: XLEN, XRANGE, XREVRANGE.

use super::entries;
use super::ids;
use crate::command::{errors, Context, Outcome};
use crate::commands::arguments::integer;
use crate::commands::edge;
use hyperdb_graph::{Direction, Kind};

/// XLEN key
pub(super) fn xlen(cx: &mut Context<'_, '_>) -> Outcome {
    let header = edge::open(cx, cx.args.at(1), Kind::Stream)?;
    cx.reply
        .integer(header.map_or(0, |header| header.count as i64));
    Ok(())
}

/// XRANGE key start end [COUNT count]
pub(super) fn xrange(cx: &mut Context<'_, '_>) -> Outcome {
    range(cx, 2, 3, Direction::Forward)
}

/// XREVRANGE key end start [COUNT count]
pub(super) fn xrevrange(cx: &mut Context<'_, '_>) -> Outcome {
    range(cx, 3, 2, Direction::Reverse)
}

fn range(cx: &mut Context<'_, '_>, start: usize, end: usize, direction: Direction) -> Outcome {
    let args = cx.args;
    let start = ids::start(args.at(start))?;
    let end = ids::end(args.at(end))?;
    let mut limit = None;
    for i in (4..args.len()).step_by(2) {
        let Some(count) = args.get(i + 1).filter(|_| args.is(i, "COUNT")) else {
            return Err(errors::syntax());
        };
        limit = Some(u64::try_from(integer(count)?).unwrap_or(0));
    }
    let Some(stream) = entries::open(cx, args.at(1))? else {
        cx.reply.array(0);
        return Ok(());
    };
    if limit == Some(0) {
        cx.reply.null_array();
        return Ok(());
    }
    stream.reply_range(cx.turn, cx.reply, (start, end), limit, direction)?;
    Ok(())
}
