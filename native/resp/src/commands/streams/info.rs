//! Looking into streams: XINFO.

use super::entries::{self, Stream};
use super::groups::{self, Open, Progress};
use super::ids::reply_id;
use super::manage::no_group;
use crate::command::{Abort, Context, Outcome};
use crate::commands::arguments::integer;
use crate::commands::arguments::misused;
use crate::reply::Reply;
use hyperdb_graph::stream::{Consumer, Group, Id, Pending};
use hyperdb_graph::{Direction, Step};
use std::ops::ControlFlow;

/// Entries, and pending entries of each group and consumer, that FULL shows unless told otherwise.
const DEFAULT_COUNT: u64 = 10;

fn require(cx: &Context<'_, '_>) -> Result<Stream, Abort> {
    entries::open(cx, cx.args.at(2))?.ok_or_else(|| Abort::error("ERR no such key"))
}

fn named(reply: &mut Reply, name: &str, value: u64) {
    reply.bulk(name.as_bytes());
    reply.integer(value as i64);
}

fn number_or_null(reply: &mut Reply, name: &str, value: Option<i64>) {
    reply.bulk(name.as_bytes());
    match value {
        Some(value) => reply.integer(value),
        None => reply.null(),
    }
}

/// XINFO GROUPS key
pub(super) fn groups(cx: &mut Context<'_, '_>) -> Outcome {
    let stream = require(cx)?;
    let all = groups::all(cx.turn, &stream)?;
    let progress = Progress::of(cx.turn, &stream)?;
    let reply = &mut *cx.reply;
    reply.array(all.len());
    for (name, group) in all {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(&name);
        named(reply, "consumers", group.consumers);
        named(reply, "pending", group.pending);
        reply.bulk(b"last-delivered-id");
        reply_id(reply, group.last);
        read_and_lag(reply, &group, &progress);
    }
    Ok(())
}

fn read_and_lag(reply: &mut Reply, group: &Group, progress: &Progress) {
    number_or_null(reply, "entries-read", group.read.map(|read| read as i64));
    number_or_null(reply, "lag", progress.lag(group));
}

/// XINFO CONSUMERS key group
pub(super) fn consumers(cx: &mut Context<'_, '_>) -> Outcome {
    let (key, name) = (cx.args.at(2), cx.args.at(3));
    let stream = require(cx)?;
    let Some(open) = groups::find(cx.turn, &stream, name)? else {
        return Err(no_group(key, name));
    };
    let now = cx.turn.now_ms();
    let all = open.consumers(cx.turn, &stream)?;
    let reply = &mut *cx.reply;
    reply.array(all.len());
    for (name, consumer) in all {
        let inactive = match consumer.active {
            -1 => -1,
            active => now.saturating_sub(active),
        };
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(&name);
        named(reply, "pending", consumer.pending);
        reply.bulk(b"idle");
        reply.integer(now.saturating_sub(consumer.seen).max(0));
        reply.bulk(b"inactive");
        reply.integer(inactive);
    }
    Ok(())
}

/// XINFO STREAM key [FULL [COUNT count]]
pub(super) fn stream(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let stream = require(cx)?;
    let full = match args.len() {
        3 => None,
        4 | 6 if !args.is(3, "FULL") => return Err(misused(&args)),
        4 => Some(DEFAULT_COUNT),
        6 if args.is(4, "COUNT") => {
            Some(u64::try_from(integer(args.at(5))?).unwrap_or(DEFAULT_COUNT))
        }
        _ => return Err(misused(&args)),
    };
    cx.reply.map(if full.is_some() { 9 } else { 10 });
    facts(cx, &stream)?;
    match full {
        None => ends(cx, &stream)?,
        Some(count) => {
            // A count of 0 shows everything.
            let limit = Some(count).filter(|count| *count > 0);
            cx.reply.bulk(b"entries");
            let all = (Id::MIN, Id::MAX);
            stream.reply_range(cx.turn, cx.reply, all, limit, Direction::Forward)?;
            whole_groups(cx, &stream, limit)?;
        }
    }
    Ok(())
}

/// What both forms of XINFO STREAM begin with. The tree is as large as Redis's would be if all its nodes were full.
fn facts(cx: &mut Context<'_, '_>, stream: &Stream) -> Step<()> {
    let first = stream.first(cx.turn)?.unwrap_or(Id::MIN);
    let nodes = match cx.forms.limits.stream_entries {
        0 => u64::from(stream.header.count > 0),
        each => stream.header.count.div_ceil(each),
    };
    let reply = &mut *cx.reply;
    named(reply, "length", stream.header.count);
    named(reply, "radix-tree-keys", nodes);
    named(reply, "radix-tree-nodes", nodes + 1);
    reply.bulk(b"last-generated-id");
    reply_id(reply, stream.last());
    reply.bulk(b"max-deleted-entry-id");
    reply_id(reply, stream.state.max_removed);
    named(reply, "entries-added", stream.added());
    reply.bulk(b"recorded-first-entry-id");
    reply_id(reply, first);
    Ok(())
}

fn ends(cx: &mut Context<'_, '_>, stream: &Stream) -> Step<()> {
    let count = groups::all(cx.turn, stream)?.len();
    named(cx.reply, "groups", count as u64);
    for (name, direction) in [
        ("first-entry", Direction::Forward),
        ("last-entry", Direction::Reverse),
    ] {
        cx.reply.bulk(name.as_bytes());
        match stream.edge(cx.turn, direction)? {
            None => cx.reply.null(),
            Some(id) => {
                stream.reply_one(cx.turn, cx.reply, id)?;
            }
        }
    }
    Ok(())
}

fn whole_groups(cx: &mut Context<'_, '_>, stream: &Stream, limit: Option<u64>) -> Step<()> {
    let all = groups::all(cx.turn, stream)?;
    let progress = Progress::of(cx.turn, stream)?;
    cx.reply.bulk(b"groups");
    cx.reply.array(all.len());
    for (name, group) in &all {
        let open = Open {
            name,
            group: *group,
        };
        let reply = &mut *cx.reply;
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(name);
        reply.bulk(b"last-delivered-id");
        reply_id(reply, group.last);
        read_and_lag(reply, group, &progress);
        named(reply, "pel-count", group.pending);
        reply.bulk(b"pending");
        pending(cx, stream, &open, None, limit)?;
        let consumers = open.consumers(cx.turn, stream)?;
        cx.reply.bulk(b"consumers");
        cx.reply.array(consumers.len());
        for (name, consumer) in &consumers {
            whole_consumer(cx.reply, name, consumer);
            pending(cx, stream, &open, Some(name), limit)?;
        }
    }
    Ok(())
}

fn whole_consumer(reply: &mut Reply, name: &[u8], consumer: &Consumer) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(name);
    reply.bulk(b"seen-time");
    reply.integer(consumer.seen);
    reply.bulk(b"active-time");
    reply.integer(consumer.active);
    named(reply, "pel-count", consumer.pending);
    reply.bulk(b"pending");
}

/// Pending entries of a group, or of one consumer, who then is not named.
fn pending(
    cx: &mut Context<'_, '_>,
    stream: &Stream,
    open: &Open<'_>,
    consumer: Option<&[u8]>,
    limit: Option<u64>,
) -> Step<()> {
    let at = cx.reply.buffer.len();
    let mut found = 0;
    let (turn, reply) = (&*cx.turn, &mut *cx.reply);
    let mut show = |id: Id, pending: Pending| {
        found += 1;
        reply.array(if consumer.is_none() { 4 } else { 3 });
        reply_id(reply, id);
        if consumer.is_none() {
            reply.bulk(&pending.consumer);
        }
        reply.integer(pending.delivered);
        reply.integer(pending.deliveries as i64);
        if limit.is_some_and(|limit| found as u64 >= limit) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    open.walk_pending(turn, stream, consumer, (Id::MIN, Id::MAX), &mut show)?;
    cx.reply.insert_array(at, found);
    Ok(())
}

/// XINFO HELP
pub(super) fn help(cx: &mut Context<'_, '_>) -> Outcome {
    const LINES: [&str; 9] = [
        "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CONSUMERS <key> <groupname>",
        "    The consumers of a group.",
        "GROUPS <key>",
        "    The consumer groups of a stream.",
        "STREAM <key> [FULL [COUNT <count>]]",
        "    What is known of a stream; FULL shows entries and pending entries too.",
        "HELP",
        "    This text.",
    ];
    cx.reply.array(LINES.len());
    LINES.iter().for_each(|line| cx.reply.simple(line));
    Ok(())
}
