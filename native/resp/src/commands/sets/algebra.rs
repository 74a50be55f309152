//! Intersection, union and difference.

use super::hash_order::{self, Picks};
use super::{add, contains};
use crate::args::Args;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::{arguments, edge};
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::{AppId, Header, Kind, Step, Turn};

/// What to do with several sets.
#[derive(Clone, Copy)]
pub(super) enum Operation {
    Intersection,
    Union,
    Difference,
}

/// SINTER, SUNION, SDIFF key [key ...]
pub(super) fn reply(cx: &mut Context<'_, '_>, operation: Operation) -> Outcome {
    let sets = open_all(cx, cx.args.from(1))?;
    let result = evaluate(cx.turn, cx.app, operation, &sets)?;
    cx.reply.set(result.len());
    for (member, _) in result.iter() {
        cx.reply.bulk(member);
    }
    Ok(())
}

/// SINTERSTORE, SUNIONSTORE, SDIFFSTORE destination key [key ...]
pub(super) fn store(cx: &mut Context<'_, '_>, operation: Operation) -> Outcome {
    let sets = open_all(cx, cx.args.from(2))?;
    let destination = cx.args.at(1);
    let result = evaluate(cx.turn, cx.app, operation, &sets)?;
    if result.is_empty() {
        cx.turn.remove_element(cx.app, destination)?;
        cx.reply.integer(0);
        return Ok(());
    }
    let mut set = cx.turn.draft_edge(Kind::Set);
    let mut place = KeyBuf::new();
    for (member, _) in result.iter() {
        add(cx, &mut set, member, &mut place)?;
    }
    cx.turn.put_header(cx.app, destination, &set)?;
    cx.reply.integer(set.count as i64);
    Ok(())
}

/// SINTERCARD numkeys key [key ...] [LIMIT limit]
pub(super) fn sintercard(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let range = 1..=i64::MAX;
    let keys = arguments::within(args.at(1), range, "ERR numkeys should be greater than 0")?;
    let end = usize::try_from(keys)
        .ok()
        .filter(|keys| *keys <= args.len() - 2)
        .map(|keys| keys + 2)
        .ok_or_else(|| Abort::error("ERR Number of keys can't be greater than number of args"))?;
    let mut limit = 0;
    let mut i = end;
    while i < args.len() {
        arguments::option(&args, i, &["LIMIT"])?;
        let text = arguments::option_value(&args, i)?;
        limit = arguments::within(text, 0..=i64::MAX, "ERR LIMIT can't be negative")?;
        i += 2;
    }
    let mut sets = Vec::with_capacity(end - 2);
    for key in args.iter().take(end).skip(2) {
        sets.push(edge::open(cx, key, Kind::Set)?);
    }
    let limit = if limit == 0 { u64::MAX } else { limit as u64 };
    let mut count = 0;
    intersection(cx.turn, cx.app, &sets, |_| {
        count += 1;
        count < limit
    })?;
    cx.reply.integer(count as i64);
    Ok(())
}

fn open_all(cx: &Context<'_, '_>, keys: Args<'_>) -> Result<Vec<Option<Header>>, Abort> {
    if keys.is_empty() {
        return Err(errors::syntax());
    }
    keys.iter()
        .map(|key| edge::open(cx, key, Kind::Set))
        .collect()
}

fn evaluate(
    turn: &Turn<'_>,
    app: AppId,
    operation: Operation,
    sets: &[Option<Header>],
) -> Step<Picks> {
    let mut result = Picks::default();
    let mut take = |member: &[u8]| {
        result.push(member, &[]);
        true
    };
    match operation {
        Operation::Intersection => intersection(turn, app, sets, take)?,
        Operation::Difference => difference(turn, app, sets, take)?,
        Operation::Union => union(turn, app, sets, &mut take)?,
    }
    Ok(result)
}

/// Visits what is in all sets, while `visit` says so: a walk over the smallest, the others looked up.
fn intersection(
    turn: &Turn<'_>,
    app: AppId,
    sets: &[Option<Header>],
    mut visit: impl FnMut(&[u8]) -> bool,
) -> Step<()> {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<Header>>>() else {
        return Ok(());
    };
    sets.sort_by_key(|set| set.count);
    let Some((smallest, others)) = sets.split_first() else {
        return Ok(());
    };
    let mut place = KeyBuf::new();
    let mut walk = hash_order::Walk::new(turn, app, smallest.cid);
    while let Some(member) = walk.next()? {
        let mut everywhere = true;
        for other in others {
            if !contains(turn, app, other, member, &mut place)? {
                everywhere = false;
                break;
            }
        }
        if everywhere && !visit(member) {
            break;
        }
    }
    Ok(())
}

/// Visits what is in the first set and in none of the others.
fn difference(
    turn: &Turn<'_>,
    app: AppId,
    sets: &[Option<Header>],
    mut visit: impl FnMut(&[u8]) -> bool,
) -> Step<()> {
    let Some((Some(first), others)) = sets.split_first() else {
        return Ok(());
    };
    let mut place = KeyBuf::new();
    let mut walk = hash_order::Walk::new(turn, app, first.cid);
    while let Some(member) = walk.next()? {
        let mut elsewhere = false;
        for other in others.iter().flatten() {
            if contains(turn, app, other, member, &mut place)? {
                elsewhere = true;
                break;
            }
        }
        if !elsewhere && !visit(member) {
            break;
        }
    }
    Ok(())
}

/// Visits what is in any set once.
fn union(
    turn: &Turn<'_>,
    app: AppId,
    sets: &[Option<Header>],
    visit: &mut impl FnMut(&[u8]) -> bool,
) -> Step<()> {
    let mut sets: Vec<Header> = sets.iter().copied().flatten().collect();
    sets.sort_by_key(|set| std::cmp::Reverse(set.count));
    let mut place = KeyBuf::new();
    for (i, set) in sets.iter().enumerate() {
        let mut walk = hash_order::Walk::new(turn, app, set.cid);
        while let Some(member) = walk.next()? {
            let mut before = false;
            for earlier in &sets[..i] {
                if contains(turn, app, earlier, member, &mut place)? {
                    before = true;
                    break;
                }
            }
            if !before {
                visit(member);
            }
        }
    }
    Ok(())
}
