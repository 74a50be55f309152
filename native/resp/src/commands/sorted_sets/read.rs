//! Reading scores, ranks and members.

use super::hash_order::{self, Picks};
use super::numbers::{self, G17_TEXT};
use super::order::{self, Range};
use super::{decode_score, order_key, reply_members, reply_score, score};
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::{arguments, edge};
use crate::reply::Reply;
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::{Direction, Kind};
use std::ops::ControlFlow;

/// ZSCORE key member
pub(super) fn zscore(cx: &mut Context<'_, '_>) -> Outcome {
    let found = match edge::open(cx, cx.args.at(1), Kind::SortedSet)? {
        Some(set) => score(cx.turn, cx.app, &set, cx.args.at(2), &mut KeyBuf::new())?,
        None => None,
    };
    match found {
        Some(score) => reply_score(cx.reply, score),
        None => cx.reply.null(),
    }
    Ok(())
}

/// ZMSCORE key member [member ...]
pub(super) fn zmscore(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let set = edge::open(cx, args.at(1), Kind::SortedSet)?;
    cx.reply.array(args.len() - 2);
    let mut place = KeyBuf::new();
    for member in args.from(2).iter() {
        let found = match &set {
            Some(set) => score(cx.turn, cx.app, set, member, &mut place)?,
            None => None,
        };
        match found {
            Some(score) => reply_score(cx.reply, score),
            None => cx.reply.null(),
        }
    }
    Ok(())
}

/// ZCARD key
pub(super) fn zcard(cx: &mut Context<'_, '_>) -> Outcome {
    let set = edge::open(cx, cx.args.at(1), Kind::SortedSet)?;
    cx.reply.integer(set.map_or(0, |set| set.count as i64));
    Ok(())
}

/// ZRANK, ZREVRANK key member [WITHSCORE]
pub(super) fn rank(cx: &mut Context<'_, '_>, from_end: bool) -> Outcome {
    let with_score = cx.args.len() > 3;
    if cx.args.len() > 4 {
        let name = if from_end { "zrevrank" } else { "zrank" };
        return Err(arguments::wrong_arity(name));
    }
    if with_score && !cx.args.is(3, "WITHSCORE") {
        return Err(errors::syntax());
    }
    let nothing = |reply: &mut Reply| match with_score {
        true => reply.null_array(),
        false => reply.null(),
    };
    let Some(set) = edge::open(cx, cx.args.at(1), Kind::SortedSet)? else {
        nothing(cx.reply);
        return Ok(());
    };
    let member = cx.args.at(2);
    let mut place = KeyBuf::new();
    let Some(score) = score(cx.turn, cx.app, &set, member, &mut place)? else {
        nothing(cx.reply);
        return Ok(());
    };
    order_key(score, member, &mut place);
    let rank = order::rank_of(cx.turn, cx.app, &set, &place)?;
    let rank = if from_end {
        set.count.saturating_sub(1 + rank)
    } else {
        rank
    };
    if with_score {
        cx.reply.array(2);
    }
    cx.reply.integer(rank as i64);
    if with_score {
        reply_score(cx.reply, score);
    }
    Ok(())
}

/// ZRANDMEMBER key [count [WITHSCORES]]
pub(super) fn zrandmember(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let Some(text) = args.get(2) else {
        let Some(set) = edge::open(cx, args.at(1), Kind::SortedSet)? else {
            cx.reply.null();
            return Ok(());
        };
        let reply = &mut *cx.reply;
        hash_order::pick(cx.turn, cx.app, &set, cx.random, |member, _| {
            reply.bulk(member);
        })?;
        return Ok(());
    };
    let count = arguments::negatable(text)?;
    let with_scores = args.len() > 3;
    if args.len() > 4 || (with_scores && !args.is(3, "WITHSCORES")) {
        return Err(errors::syntax());
    }
    // Redis's bound: twice the count must be a length.
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Abort::error("ERR value is out of range"));
    }
    let Some(set) = edge::open(cx, args.at(1), Kind::SortedSet)? else {
        cx.reply.array(0);
        return Ok(());
    };
    let picks = if count >= 0 {
        hash_order::pick_distinct(cx.turn, cx.app, &set, count as u64, cx.random)?
    } else {
        let mut picks = Picks::default();
        let count = hash_order::bounded(count.unsigned_abs())?;
        hash_order::pick_repeatedly(cx.turn, cx.app, &set, count, cx.random, |member, value| {
            picks.push(member, value);
        })?;
        picks
    };
    reply_members(cx.reply, &picks, with_scores);
    Ok(())
}

/// ZSCAN key cursor [MATCH pattern] [COUNT count]
pub(super) fn zscan(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let cursor = arguments::cursor(args.at(2))?;
    let Some(set) = edge::open(cx, args.at(1), Kind::SortedSet)? else {
        hash_order::reply_page(cx.reply, 0, &[]);
        return Ok(());
    };
    let options = hash_order::ScanOptions::parse(&args)?;
    let mut page = Picks::default();
    let mut show = |member: &[u8], score: f64| {
        let mut text = [0; G17_TEXT];
        page.push(member, numbers::format_double(score, &mut text));
    };
    let mut next = 0;
    if set.head == 0 {
        // Redis shows a small set in the order of its listpack: by score.
        let whole = Range::Rank(0, -1);
        let (turn, direction) = (&*cx.turn, Direction::Forward);
        order::walk(turn, cx.app, &set, &whole, direction, |member, score| {
            if options.takes(member) {
                show(member, score);
            }
            ControlFlow::Continue(())
        })?;
    } else {
        next = hash_order::scan(cx.turn, cx.app, &set, cursor, &options, |member, value| {
            show(member, decode_score(value));
        })?;
    }
    let elements: Vec<&[u8]> = page
        .iter()
        .flat_map(|(member, score)| [member, score])
        .collect();
    hash_order::reply_page(cx.reply, next, &elements);
    Ok(())
}
