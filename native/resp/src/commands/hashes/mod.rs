//! Commands on hashes: a Redis hash is a hyperedge whose members are its fields, in hash order.
//!
//! **Theory.** A field lies under `hash64(field) field` in the collection's space, its value is the member's.
//! The header counts fields and bytes, so HLEN reads one record, and its version tells watchers of a change.
//!
//! **Invariant.** A hash with no fields does not exist: who removes the last field removes the element.

mod fields;
mod increments;
mod random;
mod whole;

use super::edge;
use crate::command::{Abort, Context, Handler};
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::{Header, Kind, Turn};

/// Handlers of this folder by command name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("hdel", fields::hdel),
    ("hexists", fields::hexists),
    ("hget", fields::hget),
    ("hgetall", whole::hgetall),
    ("hincrby", increments::hincrby),
    ("hincrbyfloat", increments::hincrbyfloat),
    ("hkeys", whole::hkeys),
    ("hlen", whole::hlen),
    ("hmget", fields::hmget),
    ("hmset", fields::hmset),
    ("hrandfield", random::hrandfield),
    ("hscan", whole::hscan),
    ("hset", fields::hset),
    ("hsetnx", fields::hsetnx),
    ("hstrlen", fields::hstrlen),
    ("hvals", whole::hvals),
];

/// Fields up to which Redis keeps a hash as a listpack (`hash-max-listpack-entries`).
const SMALL_COUNT: u64 = 128;
/// Longest field or value in a listpack (`hash-max-listpack-value`).
const SMALL_LENGTH: usize = 64;
/// In [`Header::head`]: the hash was once larger than a listpack may be; as in Redis there is no way back.
const LARGE: i64 = 1;

/// The hash at `key`; WRONGTYPE if it is something else.
#[inline]
fn open(cx: &Context<'_, '_>, key: &[u8]) -> Result<Option<Header>, Abort> {
    edge::open(cx, key, Kind::Hash)
}

/// The hash at `key`, made if it is not there.
#[inline]
fn open_or_create(cx: &mut Context<'_, '_>, key: &[u8]) -> Result<Header, Abort> {
    edge::open_or_create(cx, key, Kind::Hash)
}

/// Where a field lies within its collection.
#[inline]
fn field_key(turn: &Turn<'_>, field: &[u8]) -> KeyBuf {
    let mut key = KeyBuf::new();
    key.push(&turn.hash64(field).to_be_bytes()).push(field);
    key
}

/// Sets one field and keeps the header's figures; whether the field is new. The caller writes the header.
#[inline]
fn put_field(
    cx: &mut Context<'_, '_>,
    header: &mut Header,
    field: &[u8],
    value: &[u8],
) -> Result<bool, Abort> {
    let key = field_key(cx.turn, field);
    let old = cx
        .turn
        .member(cx.app, header.cid, &key)?
        .map(|old| old.len() as u64);
    match old {
        Some(old) => {
            cx.turn.put_member(cx.app, header.cid, &key, value)?;
            header.bytes = header.bytes + value.len() as u64 - old;
        }
        None => {
            cx.turn.insert_member(cx.app, header.cid, &key, value)?;
            header.count += 1;
            header.bytes += (key.len() + value.len()) as u64;
        }
    }
    if field.len() > SMALL_LENGTH || value.len() > SMALL_LENGTH || header.count > SMALL_COUNT {
        header.head = LARGE;
    }
    Ok(old.is_none())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn a_hash_command_on_a_string_is_refused() {
        let mut client = Client::new();
        client.line("set s v");
        for command in [
            "hset s f v",
            "hmset s f v",
            "hsetnx s f v",
            "hget s f",
            "hmget s f",
            "hgetall s",
            "hdel s f",
            "hlen s",
            "hstrlen s f",
            "hexists s f",
            "hkeys s",
            "hvals s",
            "hincrby s f 1",
            "hincrbyfloat s f 1",
            "hrandfield s",
            "hscan s 0",
        ] {
            assert!(client.line(command).starts_with("-WRONGTYPE "), "{command}");
        }
    }

    #[test]
    fn encoding_follows_the_thresholds_and_stays() {
        let mut client = Client::new();
        client.script(
            "hset h f v => :1
             object encoding h => $8 listpack",
        );
        for i in 0..128 {
            client.run(&["hset", "h", &format!("f{i}"), "v"]);
        }
        assert_eq!(client.line("object encoding h"), "$9 hashtable");
        client.line("hdel h f f1 f2");
        assert_eq!(client.line("object encoding h"), "$9 hashtable");
        client.run(&["hset", "long", "f", &"x".repeat(65)]);
        assert_eq!(client.line("object encoding long"), "$9 hashtable");
    }
}
