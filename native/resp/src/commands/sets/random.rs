//! Random members; see `hash_order` for how fair they are.

use super::{hash_order, remove};
use crate::command::{errors, Context, Outcome};
use crate::commands::{arguments, edge};
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::Kind;

/// SPOP key [count]
pub(super) fn spop(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    if args.len() > 3 {
        return Err(errors::syntax());
    }
    let count = match args.get(2) {
        Some(text) => Some(arguments::positive(text)?),
        None => None,
    };
    let Some(mut set) = edge::open(cx, key, Kind::Set)? else {
        match count {
            Some(_) => cx.reply.set(0),
            None => cx.reply.null(),
        }
        return Ok(());
    };
    if count == Some(0) {
        cx.reply.set(0);
        return Ok(());
    }
    let wanted = count.unwrap_or(1);
    let picks = if wanted == 1 {
        let mut picks = hash_order::Picks::default();
        hash_order::pick(cx.turn, cx.app, &set, cx.random, |member, _| {
            picks.push(member, &[]);
        })?;
        picks
    } else {
        hash_order::pick_distinct(cx.turn, cx.app, &set, wanted, cx.random)?
    };
    if count.is_some() {
        cx.reply.set(picks.len());
    }
    for (member, _) in picks.iter() {
        cx.reply.bulk(member);
    }
    if picks.len() as u64 >= set.count {
        cx.turn.remove_element(cx.app, key)?;
        return Ok(());
    }
    let mut place = KeyBuf::new();
    for (member, _) in picks.iter() {
        remove(cx.turn, cx.app, &mut set, member, &mut place)?;
    }
    edge::close(cx, key, &set)
}

/// SRANDMEMBER key [count]
pub(super) fn srandmember(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    if args.len() > 3 {
        return Err(errors::syntax());
    }
    let count = match args.get(2) {
        Some(text) => Some(arguments::negatable(text)?),
        None => None,
    };
    let Some(set) = edge::open(cx, args.at(1), Kind::Set)? else {
        match count {
            Some(_) => cx.reply.array(0),
            None => cx.reply.null(),
        }
        return Ok(());
    };
    let reply = &mut *cx.reply;
    match count {
        None => hash_order::pick(cx.turn, cx.app, &set, cx.random, |member, _| {
            reply.bulk(member);
        })?,
        Some(count) if count < 0 => {
            let count = hash_order::bounded(count.unsigned_abs())?;
            reply.array(count as usize);
            hash_order::pick_repeatedly(cx.turn, cx.app, &set, count, cx.random, |member, _| {
                reply.bulk(member);
            })?;
        }
        Some(count) => {
            let count = count as u64;
            let picks = hash_order::pick_distinct(cx.turn, cx.app, &set, count, cx.random)?;
            reply.array(picks.len());
            for (member, _) in picks.iter() {
                reply.bulk(member);
            }
        }
    }
    Ok(())
}
