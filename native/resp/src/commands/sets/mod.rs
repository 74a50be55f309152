//! Commands on sets.
//!
//! **Theory.** A member lies under its hash and bytes, with an empty value. Intersection
//! and difference walk one set and look its members up in the others; union walks each and looks in the ones before.
//!
//! **Invariant.** `head` is 0 while the set would be an intset in Redis, then what it would be; no form is left for a smaller one.

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

/// In [`Header::head`]: the set is an intset, or what it was once made to: a listpack, then a hash table.
const INTEGERS: i64 = 0;
/// Not only integers; of stores that kept no more, either.
pub const OTHERS: i64 = 1;
/// See [`INTEGERS`].
pub const PACKED: i64 = 2;
const LARGE: i64 = 3;

/// The longest integer, bytes.
const LONGEST_INTEGER: u64 = 20;

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
fn add(cx: &mut Context<'_, '_>, set: &mut Header, member: &[u8], key: &mut KeyBuf) -> Step<bool> {
    if contains(cx.turn, cx.app, set, member, key)? {
        return Ok(false);
    }
    cx.turn.insert_member(cx.app, set.cid, key, &[])?;
    set.count += 1;
    set.bytes += HASH + member.len() as u64;
    let limits = cx.forms.limits;
    let fits = set.count <= limits.set_entries && member.len() as u64 <= limits.set_value;
    set.head = match set.head {
        INTEGERS if numbers::parse_i64(member).is_none() => {
            // What was there is integers, none longer than these.
            let longest = if set.count == 1 { 0 } else { LONGEST_INTEGER };
            if fits && longest <= limits.set_value {
                PACKED
            } else {
                LARGE
            }
        }
        INTEGERS if set.count > limits.set_integers => {
            // A new set of which is not known how many there will be begins packed if it may hold no integers.
            if set.count == 1 && fits {
                PACKED
            } else {
                LARGE
            }
        }
        PACKED if !fits => LARGE,
        form => form,
    };
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
        add(cx, &mut set, member, &mut place)?;
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
