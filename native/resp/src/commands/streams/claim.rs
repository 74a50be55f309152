//! Passing pending entries on to a consumer: XCLAIM, XAUTOCLAIM.

use super::entries::Stream;
use super::groups::{self, Greeted, Open};
use super::ids::{self, reply_id};
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::within;
use crate::commands::numbers::parse_i64;
use hyperdb_graph::stream::{Id, Pending};
use hyperdb_graph::Step;
use std::ops::ControlFlow;

/// Entries that XAUTOCLAIM claims at most unless told otherwise.
const DEFAULT_COUNT: i64 = 100;
/// XAUTOCLAIM looks at so many entries for each that it may claim.
const ATTEMPTS: i64 = 10;
/// Largest count: Redis keeps 16 bytes for each.
const MAX_COUNT: i64 = i64::MAX / 16;

/// What claiming does to an entry.
struct Claim<'a> {
    consumer_name: &'a [u8],
    greeted: Greeted,
    min_idle: i64,
    delivered: i64,
    retry_count: Option<u64>,
    just_id: bool,
}

fn number(text: &[u8], otherwise: &'static str) -> Result<i64, Abort> {
    parse_i64(text).ok_or_else(|| Abort::error(otherwise))
}

impl Claim<'_> {
    /// Whether an entry has been left alone for long enough.
    fn may_take(&self, now: i64, pending: &Pending) -> bool {
        self.min_idle == 0 || now.saturating_sub(pending.delivered) >= self.min_idle
    }

    /// Takes an entry; `is_new` if it was not pending.
    fn take(
        &mut self,
        cx: &mut Context<'_, '_>,
        stream: &Stream,
        open: &mut Open<'_>,
        id: Id,
        old: Option<&Pending>,
    ) -> Step<()> {
        let before = old.map_or(1, |old| old.deliveries);
        let deliveries = match self.retry_count {
            Some(count) => count,
            None if self.just_id => before,
            None => before.saturating_add(1),
        };
        let pending = Pending {
            delivered: self.delivered,
            deliveries,
            consumer: self.consumer_name.to_vec(),
        };
        let consumer = &mut self.greeted.consumer;
        open.assign(cx.turn, stream, (id, old), &pending, consumer)?;
        consumer.active = cx.turn.now_ms();
        if self.just_id {
            reply_id(cx.reply, id);
        } else {
            stream.reply_one(cx.turn, cx.reply, id)?;
        }
        Ok(())
    }

    /// Writes consumer, group and stream back.
    fn end(
        &self,
        cx: &mut Context<'_, '_>,
        stream: &Stream,
        open: &mut Open<'_>,
        key: &[u8],
    ) -> Step<()> {
        open.put_consumer(cx.turn, stream, self.consumer_name, &self.greeted)?;
        if self.greeted.is_new {
            cx.effects.made_consumers.push(key.into());
        }
        open.save(cx.turn, stream)?;
        cx.turn.put_header(cx.app, key, &stream.header)
    }
}

/// XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-ms] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]
pub(super) fn xclaim(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let (stream, mut open) = groups::require(cx, key, args.at(2))?;
    let text = "ERR Invalid min-idle-time argument for XCLAIM";
    let min_idle = number(args.at(4), text)?.max(0);
    let ids: Vec<Id> = args
        .from(5)
        .iter()
        .take_while(|text| ids::is_id(text))
        .map(ids::strict)
        .collect::<Result<_, _>>()?;
    let now = cx.turn.now_ms();
    let (mut delivered, mut retry_count) = (None, None);
    let (mut force, mut just_id, mut last) = (false, false, Id::MIN);
    let mut i = 5 + ids.len();
    while i < args.len() {
        let value = args.get(i + 1);
        if args.is(i, "FORCE") {
            force = true;
        } else if args.is(i, "JUSTID") {
            just_id = true;
        } else if let (true, Some(value)) = (args.is(i, "IDLE"), value) {
            let idle = number(value, "ERR Invalid IDLE option argument for XCLAIM")?;
            delivered = Some(now.wrapping_sub(idle));
            i += 1;
        } else if let (true, Some(value)) = (args.is(i, "TIME"), value) {
            delivered = Some(number(
                value,
                "ERR Invalid TIME option argument for XCLAIM",
            )?);
            i += 1;
        } else if let (true, Some(value)) = (args.is(i, "RETRYCOUNT"), value) {
            let count = number(value, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
            retry_count = u64::try_from(count).ok();
            i += 1;
        } else if let (true, Some(value)) = (args.is(i, "LASTID"), value) {
            last = ids::strict(value)?;
            i += 1;
        } else {
            return Err(Abort::error(format!(
                "ERR Unrecognized XCLAIM option '{}'",
                groups::shown(args.at(i))
            )));
        }
        i += 1;
    }
    open.group.last = open.group.last.max(last);
    let mut claim = Claim {
        consumer_name: args.at(3),
        greeted: open.greet(cx.turn, &stream, args.at(3))?,
        min_idle,
        // A time that cannot be is taken for now: clients compute it with clocks of their own.
        delivered: delivered.filter(|at| (0..=now).contains(at)).unwrap_or(now),
        retry_count,
        just_id,
    };
    let at = cx.reply.buffer.len();
    let mut claimed = 0;
    for id in ids {
        let old = open.pending(cx.turn, &stream, id)?;
        if !stream.has(cx.turn, id)? {
            if let Some(old) = old {
                drop_pending(cx, &stream, &mut open, &mut claim, id, &old)?;
            }
            continue;
        }
        let may_take = match &old {
            Some(old) => claim.may_take(now, old),
            None => force,
        };
        if may_take {
            claim.take(cx, &stream, &mut open, id, old.as_ref())?;
            claimed += 1;
        }
    }
    cx.reply.insert_array(at, claimed);
    Ok(claim.end(cx, &stream, &mut open, key)?)
}

/// Ends the pending of an entry that is no more, maybe one of the claiming consumer itself.
fn drop_pending(
    cx: &mut Context<'_, '_>,
    stream: &Stream,
    open: &mut Open<'_>,
    claim: &mut Claim<'_>,
    id: Id,
    old: &Pending,
) -> Step<()> {
    open.settle(cx.turn, stream, id, old)?;
    if old.consumer == claim.consumer_name {
        claim.greeted.consumer.pending = claim.greeted.consumer.pending.saturating_sub(1);
    }
    Ok(())
}

/// XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
pub(super) fn xautoclaim(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let text = "ERR Invalid min-idle-time argument for XAUTOCLAIM";
    let min_idle = number(args.at(4), text)?.max(0);
    let start = ids::start(args.at(5))?;
    let (mut count, mut just_id) = (DEFAULT_COUNT, false);
    let mut i = 6;
    while i < args.len() {
        if let (true, Some(value)) = (args.is(i, "COUNT"), args.get(i + 1)) {
            count = within(value, 1..=MAX_COUNT, "ERR COUNT must be > 0")?;
            i += 1;
        } else if args.is(i, "JUSTID") {
            just_id = true;
        } else {
            return Err(errors::syntax());
        }
        i += 1;
    }
    let (stream, mut open) = groups::require(cx, key, args.at(2))?;
    let now = cx.turn.now_ms();
    let mut claim = Claim {
        consumer_name: args.at(3),
        greeted: open.greet(cx.turn, &stream, args.at(3))?,
        min_idle,
        delivered: now,
        retry_count: None,
        just_id,
    };
    let (looked, next) = candidates(cx, &stream, &open, start, (count, &claim))?;
    cx.reply.array(3);
    reply_id(cx.reply, next.unwrap_or(Id::MIN));
    let at = cx.reply.buffer.len();
    let mut claimed = 0;
    let mut deleted = Vec::new();
    for (id, old, exists) in looked {
        if exists {
            claim.take(cx, &stream, &mut open, id, Some(&old))?;
            claimed += 1;
        } else {
            drop_pending(cx, &stream, &mut open, &mut claim, id, &old)?;
            deleted.push(id);
        }
    }
    cx.reply.insert_array(at, claimed);
    cx.reply.array(deleted.len());
    deleted.into_iter().for_each(|id| reply_id(cx.reply, id));
    Ok(claim.end(cx, &stream, &mut open, key)?)
}

/// Pending entries that XAUTOCLAIM is to take (or to drop, as their entry is gone), and where the next call begins.
type Candidates = (Vec<(Id, Pending, bool)>, Option<Id>);

fn candidates(
    cx: &Context<'_, '_>,
    stream: &Stream,
    open: &Open<'_>,
    start: Id,
    (count, claim): (i64, &Claim<'_>),
) -> Step<Candidates> {
    let now = cx.turn.now_ms();
    let mut attempts = count.saturating_mul(ATTEMPTS);
    let mut left = count;
    let (mut found, mut next) = (Vec::new(), None);
    let mut failure = None;
    open.walk_pending(cx.turn, stream, None, (start, Id::MAX), |id, pending| {
        if left == 0 || attempts == 0 {
            next = Some(id);
            return ControlFlow::Break(());
        }
        attempts -= 1;
        match stream.has(cx.turn, id) {
            Ok(true) if !claim.may_take(now, &pending) => {}
            Ok(exists) => {
                left -= 1;
                found.push((id, pending, exists));
            }
            Err(stop) => {
                failure = Some(stop);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    match failure {
        Some(stop) => Err(stop),
        None => Ok((found, next)),
    }
}
