//! Commands on sets.
//!
//! **Theory.** A member lies under its hash and bytes, with an empty value. Intersection
//! and difference walk one set and look its members up in the others; union walks each and looks in the ones before.
//!
//! **Invariant.** `head` is 0 while the set would be an intset in Redis (only integers, at most 512), then 1.

mod algebra;
mod basic;
mod random;

use super::hash_order::{self, member_key};
use super::numbers;
use crate::command::{Context, Handler};
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::{AppId, Header, Kind, Step, Turn};

/// Handlers of this folder by command name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("sadd", basic::sadd),
    ("srem", basic::srem),
    ("smembers", basic::smembers),
    ("sismember", basic::sismember),
    ("smismember", basic::smismember),
    ("scard", basic::scard),
    ("smove", basic::smove),
    ("sscan", basic::sscan),
    ("spop", random::spop),
    ("srandmember", random::srandmember),
    ("sinter", |cx| {
        algebra::reply(cx, algebra::Operation::Intersection)
    }),
    ("sunion", |cx| algebra::reply(cx, algebra::Operation::Union)),
    ("sdiff", |cx| {
        algebra::reply(cx, algebra::Operation::Difference)
    }),
    ("sinterstore", |cx| {
        algebra::store(cx, algebra::Operation::Intersection)
    }),
    ("sunionstore", |cx| {
        algebra::store(cx, algebra::Operation::Union)
    }),
    ("sdiffstore", |cx| {
        algebra::store(cx, algebra::Operation::Difference)
    }),
    ("sintercard", algebra::sintercard),
];

/// The most members of a set in small form (`set-max-intset-entries`).
const SMALL: u64 = 512;

/// Bytes that the hash adds to a member in the header's `bytes`.
const HASH: u64 = 8;

/// Whether `member` is in the set; `key` is room to be used again.
#[inline]
fn contains(
    turn: &Turn<'_>,
    app: AppId,
    set: &Header,
    member: &[u8],
    key: &mut KeyBuf,
) -> Step<bool> {
    member_key(turn, member, key);
    Ok(turn.member(app, set.cid, key)?.is_some())
}

/// Adds a member; whether it is new.
#[inline]
fn add(
    turn: &mut Turn<'_>,
    app: AppId,
    set: &mut Header,
    member: &[u8],
    key: &mut KeyBuf,
) -> Step<bool> {
    if contains(turn, app, set, member, key)? {
        return Ok(false);
    }
    turn.insert_member(app, set.cid, key, &[])?;
    set.count += 1;
    set.bytes += HASH + member.len() as u64;
    if set.head == 0 && (set.count > SMALL || numbers::parse_i64(member).is_none()) {
        set.head = 1;
    }
    Ok(true)
}

/// All members, in hash order.
pub fn all(turn: &Turn<'_>, app: AppId, set: &Header) -> Step<Vec<Vec<u8>>> {
    let mut members = Vec::new();
    hash_order::each(turn, app, set.cid, |member, _| {
        members.push(member.to_vec())
    })?;
    Ok(members)
}

/// Makes `key` the set of some members, replacing what was there.
pub fn store(cx: &mut Context<'_, '_>, key: &[u8], members: &[Vec<u8>]) -> Step<()> {
    let mut set = cx.turn.draft_edge(Kind::Set);
    let mut place = KeyBuf::new();
    for member in members {
        add(cx.turn, cx.app, &mut set, member, &mut place)?;
    }
    cx.turn.put_header(cx.app, key, &set)
}

/// Removes a member; whether it was there.
#[inline]
fn remove(
    turn: &mut Turn<'_>,
    app: AppId,
    set: &mut Header,
    member: &[u8],
    key: &mut KeyBuf,
) -> Step<bool> {
    if !contains(turn, app, set, member, key)? {
        return Ok(false);
    }
    turn.remove_member(app, set.cid, key)?;
    set.count -= 1;
    set.bytes = set.bytes.saturating_sub(HASH + member.len() as u64);
    Ok(true)
}

#[cfg(test)]
mod tests;
