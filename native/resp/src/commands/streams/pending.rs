//! What was delivered and not acknowledged: XACK, XPENDING.

use super::entries;
use super::groups::{self, Open};
use super::ids::{self, reply_id};
use crate::command::{errors, Context, Outcome};
use crate::commands::arguments::integer;
use hyperdb_graph::stream::Id;
use hyperdb_graph::Direction;
use std::ops::ControlFlow;

/// XACK key group id [id ...]
pub(super) fn xack(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let stream = entries::open(cx, args.at(1))?;
    let group = match &stream {
        Some(stream) => groups::find(cx.turn, stream, args.at(2))?,
        None => None,
    };
    let (Some(stream), Some(mut open)) = (stream, group) else {
        cx.reply.integer(0);
        return Ok(());
    };
    let ids: Vec<Id> = args
        .from(3)
        .iter()
        .map(ids::strict)
        .collect::<Result<_, _>>()?;
    let mut acknowledged = 0;
    for id in ids {
        if let Some(pending) = open.pending(cx.turn, &stream, id)? {
            open.settle(cx.turn, &stream, id, &pending)?;
            acknowledged += 1;
        }
    }
    if acknowledged > 0 {
        open.save(cx.turn, &stream)?;
        cx.turn.put_header(cx.app, args.at(1), &stream.header)?;
    }
    cx.reply.integer(acknowledged);
    Ok(())
}

/// `[IDLE min-idle-time] start end count [consumer]`
struct Wanted<'a> {
    idle: i64,
    start: Id,
    end: Id,
    count: u64,
    consumer: Option<&'a [u8]>,
}

/// XPENDING key group [[IDLE min-idle-time] start end count [consumer]]
pub(super) fn xpending(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let wanted = match args.len() {
        3 => None,
        6..=9 => {
            let (mut at, mut idle) = (3, 0);
            if args.is(3, "IDLE") {
                idle = integer(args.at(4))?;
                if args.len() < 8 {
                    return Err(errors::syntax());
                }
                at = 5;
            }
            let count = u64::try_from(integer(args.at(at + 2))?).unwrap_or(0);
            Some(Wanted {
                idle,
                start: ids::start(args.at(at))?,
                end: ids::end(args.at(at + 1))?,
                count,
                consumer: args.get(at + 3),
            })
        }
        _ => return Err(errors::syntax()),
    };
    let (stream, open) = groups::require(cx, args.at(1), args.at(2))?;
    match wanted {
        None => summary(cx, &stream, &open),
        Some(wanted) => list(cx, &stream, &open, &wanted),
    }
}

fn summary(cx: &mut Context<'_, '_>, stream: &entries::Stream, open: &Open<'_>) -> Outcome {
    cx.reply.array(4);
    cx.reply.integer(open.group.pending as i64);
    if open.group.pending == 0 {
        cx.reply.null();
        cx.reply.null();
        cx.reply.null_array();
        return Ok(());
    }
    for direction in [Direction::Forward, Direction::Reverse] {
        let id = open.pending_edge(cx.turn, stream, direction)?;
        reply_id(cx.reply, id.unwrap_or_default());
    }
    let mut consumers = open.consumers(cx.turn, stream)?;
    consumers.retain(|(_, consumer)| consumer.pending > 0);
    cx.reply.array(consumers.len());
    for (name, consumer) in consumers {
        cx.reply.array(2);
        cx.reply.bulk(&name);
        cx.reply.bulk(consumer.pending.to_string().as_bytes());
    }
    Ok(())
}

fn list(
    cx: &mut Context<'_, '_>,
    stream: &entries::Stream,
    open: &Open<'_>,
    wanted: &Wanted<'_>,
) -> Outcome {
    if let Some(name) = wanted.consumer {
        if open.consumer(cx.turn, stream, name)?.is_none() {
            cx.reply.array(0);
            return Ok(());
        }
    }
    let now = cx.turn.now_ms();
    let at = cx.reply.buffer.len();
    let mut found = 0;
    if wanted.count > 0 {
        let (turn, reply) = (&*cx.turn, &mut *cx.reply);
        let range = (wanted.start, wanted.end);
        open.walk_pending(turn, stream, wanted.consumer, range, |id, pending| {
            let idle = now.saturating_sub(pending.delivered);
            if wanted.idle != 0 && idle < wanted.idle {
                return ControlFlow::Continue(());
            }
            found += 1;
            reply.array(4);
            reply_id(reply, id);
            reply.bulk(&pending.consumer);
            reply.integer(idle.max(0));
            reply.integer(pending.deliveries as i64);
            if found as u64 >= wanted.count {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
    }
    cx.reply.insert_array(at, found);
    Ok(())
}
