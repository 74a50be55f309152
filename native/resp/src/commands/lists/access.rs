//! Reading lists.

use super::{position, positions, value, walk};
use crate::command::{Abort, Context, Outcome};
use crate::commands::{arguments, edge};
use hyperdb_graph::{Direction, Kind};
use std::ops::ControlFlow;

/// LLEN key
pub(super) fn llen(cx: &mut Context<'_, '_>) -> Outcome {
    let list = edge::open(cx, cx.args.at(1), Kind::List)?;
    cx.reply.integer(list.map_or(0, |list| list.count as i64));
    Ok(())
}

/// LINDEX key index
pub(super) fn lindex(cx: &mut Context<'_, '_>) -> Outcome {
    let Some(list) = edge::open(cx, cx.args.at(1), Kind::List)? else {
        cx.reply.null();
        return Ok(());
    };
    match position(&list, arguments::integer(cx.args.at(2))?) {
        Some(position) => cx.reply.bulk(&value(cx.turn, cx.app, &list, position)?),
        None => cx.reply.null(),
    }
    Ok(())
}

/// LRANGE key start stop
pub(super) fn lrange(cx: &mut Context<'_, '_>) -> Outcome {
    let start = arguments::integer(cx.args.at(2))?;
    let stop = arguments::integer(cx.args.at(3))?;
    let Some(list) = edge::open(cx, cx.args.at(1), Kind::List)? else {
        cx.reply.array(0);
        return Ok(());
    };
    let range = positions(&list, start, stop);
    let reply = &mut *cx.reply;
    reply.array((range.1 - range.0) as usize);
    walk(
        cx.turn,
        cx.app,
        &list,
        range,
        Direction::Forward,
        |_, value| {
            reply.bulk(value);
            ControlFlow::Continue(())
        },
    )?;
    Ok(())
}

/// LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]
pub(super) fn lpos(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let mut rank = 1;
    let mut count = None;
    let mut maxlen = 0;
    let mut i = 3;
    while i < args.len() {
        let which = arguments::option(&args, i, &["RANK", "COUNT", "MAXLEN"])?;
        let text = arguments::option_value(&args, i)?;
        match which {
            0 => rank = read_rank(text)?,
            1 => {
                let range = 0..=i64::MAX;
                count = Some(arguments::within(
                    text,
                    range,
                    "ERR COUNT can't be negative",
                )?);
            }
            _ => maxlen = arguments::within(text, 0..=i64::MAX, "ERR MAXLEN can't be negative")?,
        }
        i += 2;
    }
    let Some(list) = edge::open(cx, args.at(1), Kind::List)? else {
        match count {
            Some(_) => cx.reply.array(0),
            None => cx.reply.null(),
        }
        return Ok(());
    };
    let len = list.tail - list.head;
    let compared = if maxlen == 0 { len } else { maxlen.min(len) };
    let (direction, range) = if rank > 0 {
        (Direction::Forward, (list.head, list.head + compared))
    } else {
        (Direction::Reverse, (list.tail - compared, list.tail))
    };
    let wanted = match count {
        None => 1,
        Some(0) => usize::MAX,
        Some(count) => count as usize,
    };
    let mut skip = rank.abs() - 1;
    let mut found = Vec::new();
    walk(
        cx.turn,
        cx.app,
        &list,
        range,
        direction,
        |position, value| {
            if value != args.at(2) {
                return ControlFlow::Continue(());
            }
            if skip > 0 {
                skip -= 1;
                return ControlFlow::Continue(());
            }
            found.push(position - list.head);
            if found.len() >= wanted {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        },
    )?;
    if count.is_some() {
        cx.reply.array(found.len());
        found.iter().for_each(|index| cx.reply.integer(*index));
    } else {
        match found.first() {
            Some(index) => cx.reply.integer(*index),
            None => cx.reply.null(),
        }
    }
    Ok(())
}

fn read_rank(text: &[u8]) -> Result<i64, Abort> {
    match arguments::negatable(text)? {
        0 => Err(Abort::error(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
             or use negative to start from the end of the list",
        )),
        rank => Ok(rank),
    }
}
