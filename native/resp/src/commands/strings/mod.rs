//! Commands on strings: a Redis string is a vertex.
//!
//! **Theory.** A vertex record holds expiry and value together, so a read is one lookup and a write is one
//! put. Reading before writing happens through [`with`], which lends the value where it lies: nothing is
//! copied that is only looked at.

mod bitfield;
mod bits;
mod expiring;
mod increments;
mod lcs;
mod plain;
mod ranges;

pub use expiring::invalid_expire;

use crate::command::{errors, Abort, Context, Handler};
use hyperdb_graph::{AppId, Record, Turn};

/// Handlers of this folder by command name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("append", ranges::append),
    ("bitcount", bits::bitcount),
    ("bitfield", bitfield::bitfield),
    ("bitfield_ro", bitfield::bitfield_ro),
    ("bitop", bits::bitop),
    ("bitpos", bits::bitpos),
    ("decr", increments::decr),
    ("decrby", increments::decrby),
    ("get", plain::get),
    ("getbit", bits::getbit),
    ("getdel", plain::getdel),
    ("getex", expiring::getex),
    ("getrange", ranges::getrange),
    ("getset", plain::getset),
    ("incr", increments::incr),
    ("incrby", increments::incrby),
    ("incrbyfloat", increments::incrbyfloat),
    ("lcs", lcs::lcs),
    ("mget", plain::mget),
    ("mset", plain::mset),
    ("msetnx", plain::msetnx),
    ("psetex", expiring::psetex),
    ("set", expiring::set),
    ("setbit", bits::setbit),
    ("setex", expiring::setex),
    ("setnx", plain::setnx),
    ("setrange", ranges::setrange),
    ("strlen", ranges::strlen),
    ("substr", ranges::getrange),
];

/// The longest string, in bytes: Redis's default `proto-max-bulk-len`.
pub const MAX_STRING: usize = 512 << 20;

/// A string as read: where it lies and when it expires.
#[derive(Clone, Copy)]
pub struct Text<'v> {
    /// Its bytes.
    pub value: &'v [u8],
    /// When it expires, Unix milliseconds.
    pub expiry: Option<i64>,
}

/// Lends the string at `key` (or `None`) to `look`; WRONGTYPE if the key holds a collection.
#[inline]
pub fn with<R>(
    turn: &Turn<'_>,
    app: AppId,
    key: &[u8],
    look: impl FnOnce(Option<Text<'_>>) -> R,
) -> Result<R, Abort> {
    let Some(element) = turn.element(app, key)? else {
        return Ok(look(None));
    };
    match element.record()? {
        Record::Vertex { value, expiry } => Ok(look(Some(Text { value, expiry }))),
        Record::Edge(_) => Err(errors::wrong_type()),
    }
}

/// A copy of a string, and its expiry.
type Copied = (Vec<u8>, Option<i64>);

/// A copy of the string at `key`, for commands that change part of it.
fn copied(cx: &Context<'_, '_>, key: &[u8]) -> Result<Option<Copied>, Abort> {
    with(cx.turn, cx.app, key, |text| {
        text.map(|text| (text.value.to_vec(), text.expiry))
    })
}

/// Refuses a string that would grow beyond the limit.
fn check_length(length: usize, more: usize) -> Result<(), Abort> {
    match length.checked_add(more) {
        Some(total) if total <= MAX_STRING => Ok(()),
        _ => Err(Abort::error(
            "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        )),
    }
}

/// A Redis range, `start` and `end` inclusive and negative from the end, as positions below `length`;
/// `None` if nothing lies in it.
fn clamp_range(start: i64, end: i64, length: usize) -> Option<(usize, usize)> {
    if start < 0 && end < 0 && start > end {
        return None;
    }
    let length = length as i64;
    let from_end = |at: i64| {
        if at < 0 {
            at.saturating_add(length).max(0)
        } else {
            at
        }
    };
    let (start, end) = (from_end(start), from_end(end).min(length - 1));
    (start <= end && length > 0).then_some((start as usize, end as usize))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn a_string_command_on_a_collection_is_refused() {
        let mut client = Client::new();
        client.line("hset h f v");
        for command in [
            "get h",
            "append h x",
            "strlen h",
            "setrange h 0 x",
            "getrange h 0 1",
            "incr h",
            "incrbyfloat h 1",
            "getset h x",
            "getdel h",
            "getex h",
            "set h x get",
            "setbit h 1 1",
            "getbit h 1",
            "bitcount h",
            "bitpos h 1",
            "bitfield h get u8 0",
            "bitop not d h",
        ] {
            assert!(client.line(command).starts_with("-WRONGTYPE "), "{command}");
        }
        client.script(
            "mget h => *1 $-1
             lcs h h => -ERR The specified keys must contain string values
             set h x => +OK
             get h => $1 x",
        );
    }
}
