//! Commands on ranges: reading, storing, counting and removing them.

use super::order::{self, walk, Basis, Range};
use super::{decode_score, insert_members, remove as remove_member, reply_member, Picks};
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::{arguments, edge};
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::{AppId, Direction, Header, Kind, Step, Turn};
use std::ops::ControlFlow;

/// What a command of the ZRANGE family asks for.
struct Request<'a> {
    range: Range<'a>,
    direction: Direction,
    with_scores: bool,
    offset: i64,
    limit: i64,
}

impl<'a> Request<'a> {
    /// Reads `min max [options]` from argument `first` on; `basis` and `reverse` where the name fixes them.
    fn parse(
        cx: &Context<'a, '_>,
        first: usize,
        basis: Option<Basis>,
        reverse: Option<bool>,
        store: bool,
    ) -> Result<Self, Abort> {
        let args = cx.args;
        let (mut given_basis, mut given_reverse) = (basis, reverse);
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut i = first + 2;
        while i < args.len() {
            if !store && args.is(i, "WITHSCORES") {
                with_scores = true;
            } else if args.is(i, "LIMIT") && i + 2 < args.len() {
                offset = arguments::integer(args.at(i + 1))?;
                limit = arguments::integer(args.at(i + 2))?;
                i += 2;
            } else if given_reverse.is_none() && args.is(i, "REV") {
                given_reverse = Some(true);
            } else if given_basis.is_none() && args.is(i, "BYLEX") {
                given_basis = Some(Basis::Lex);
            } else if given_basis.is_none() && args.is(i, "BYSCORE") {
                given_basis = Some(Basis::Score);
            } else {
                return Err(errors::syntax());
            }
            i += 1;
        }
        let basis = given_basis.unwrap_or(Basis::Rank);
        let reverse = given_reverse.unwrap_or(false);
        if limit != -1 && basis == Basis::Rank {
            return Err(Abort::error(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if with_scores && basis == Basis::Lex {
            return Err(Abort::error(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (mut min, mut max) = (args.at(first), args.at(first + 1));
        if reverse && basis != Basis::Rank {
            std::mem::swap(&mut min, &mut max);
        }
        Ok(Self {
            range: Range::parse(basis, min, max)?,
            direction: if reverse {
                Direction::Reverse
            } else {
                Direction::Forward
            },
            with_scores,
            offset,
            limit,
        })
    }

    /// The members asked for, with scores.
    fn select(&self, turn: &Turn<'_>, app: AppId, set: &Header) -> Step<Picks> {
        let mut picks = Picks::default();
        self.each(turn, app, set, |member, score| {
            picks.push(member, &score.to_le_bytes());
        })?;
        Ok(picks)
    }

    /// Visits the members asked for, with scores.
    fn each(
        &self,
        turn: &Turn<'_>,
        app: AppId,
        set: &Header,
        mut visit: impl FnMut(&[u8], f64),
    ) -> Step<()> {
        // A negative offset skips everything, a negative limit is none.
        if self.offset < 0 || self.limit == 0 {
            return Ok(());
        }
        let mut skip = self.offset;
        let mut left = if self.limit < 0 { i64::MAX } else { self.limit };
        walk(
            turn,
            app,
            set,
            &self.range,
            self.direction,
            |member, score| {
                if skip > 0 {
                    skip -= 1;
                    return ControlFlow::Continue(());
                }
                visit(member, score);
                left -= 1;
                if left == 0 {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            },
        )
    }
}

/// ZRANGE key min max [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES] and its older forms, whose names
/// fix the basis and the direction.
pub(super) fn reply(
    cx: &mut Context<'_, '_>,
    basis: Option<Basis>,
    reverse: Option<bool>,
) -> Outcome {
    let request = Request::parse(cx, 2, basis, reverse, false)?;
    let Some(set) = edge::open(cx, cx.args.at(1), Kind::SortedSet)? else {
        cx.reply.array(0);
        return Ok(());
    };
    let reply = &mut *cx.reply;
    let (start, mut count) = (reply.buffer.len(), 0);
    request.each(cx.turn, cx.app, &set, |member, score| {
        reply_member(reply, member, score, request.with_scores);
        count += 1;
    })?;
    insert_members(reply, start, count, request.with_scores);
    Ok(())
}

/// ZRANGESTORE dst src min max [BYSCORE|BYLEX] [REV] [LIMIT offset count]
pub(super) fn zrangestore(cx: &mut Context<'_, '_>) -> Outcome {
    let request = Request::parse(cx, 3, None, None, true)?;
    let picks = match edge::open(cx, cx.args.at(2), Kind::SortedSet)? {
        Some(set) => request.select(cx.turn, cx.app, &set)?,
        None => Picks::default(),
    };
    store(cx, cx.args.at(1), &picks)
}

/// Makes `key` the sorted set of different members `picks`, or nothing if there are none; replies their number.
pub(super) fn store(cx: &mut Context<'_, '_>, key: &[u8], picks: &Picks) -> Outcome {
    let members = picks
        .iter()
        .map(|(member, value)| (member, decode_score(value)));
    super::store(cx, key, members)?;
    cx.reply.integer(picks.len() as i64);
    Ok(())
}

/// ZCOUNT, ZLEXCOUNT key min max
pub(super) fn count(cx: &mut Context<'_, '_>, basis: Basis) -> Outcome {
    let range = Range::parse(basis, cx.args.at(2), cx.args.at(3))?;
    let count = match edge::open(cx, cx.args.at(1), Kind::SortedSet)? {
        Some(set) => order::count(cx.turn, cx.app, &set, &range)?,
        None => 0,
    };
    cx.reply.integer(count as i64);
    Ok(())
}

/// ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX key min max
pub(super) fn remove(cx: &mut Context<'_, '_>, basis: Basis) -> Outcome {
    let range = Range::parse(basis, cx.args.at(2), cx.args.at(3))?;
    let key = cx.args.at(1);
    let Some(mut set) = edge::open(cx, key, Kind::SortedSet)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let mut picks = Picks::default();
    walk(
        cx.turn,
        cx.app,
        &set,
        &range,
        Direction::Forward,
        |member, score| {
            picks.push(member, &score.to_le_bytes());
            ControlFlow::Continue(())
        },
    )?;
    if picks.len() as u64 == set.count {
        cx.turn.remove_element(cx.app, key)?;
    } else if !picks.is_empty() {
        let mut place = KeyBuf::new();
        for (member, value) in picks.iter() {
            let score = decode_score(value);
            remove_member(cx.turn, cx.app, &mut set, member, score, &mut place)?;
        }
        cx.turn.put_header(cx.app, key, &set)?;
    }
    cx.reply.integer(picks.len() as i64);
    Ok(())
}
