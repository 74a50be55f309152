//! Commands on hashes: a Redis hash is a hyperedge whose members are its fields, in hash order.
//!
//! **Theory.** A field lies under `hash64(field) field` in the collection's space, in a record with its number
//! (see [`hyperdb_graph::field`]): replies show a small hash in order of addition, as Redis's listpacks do.
//! The header counts fields and bytes, so HLEN reads one record, and its version tells watchers of a change.
//!
//! **Invariant.** A hash with no fields does not exist: who removes the last field removes the element.

mod fields;
mod increments;
mod order;
mod random;
mod whole;

use super::edge;
use crate::command::{Abort, Context, Handler};
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::{field, AppId, Header, Kind, Step, Turn, Value};

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

/// The value of a field, if there is one.
#[inline]
pub fn value<'t>(
    turn: &'t Turn<'_>,
    app: AppId,
    hash: &Header,
    field: &[u8],
) -> Step<Option<Value<'t>>> {
    let place = field_key(turn, field);
    turn.member(app, hash.cid, &place)?
        .map(field::value)
        .transpose()
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
    let old = match cx.turn.member(cx.app, header.cid, &key)? {
        Some(record) => Some((field::split(&record)?.0, record.len() as u64)),
        None => None,
    };
    match old {
        Some((number, old)) => {
            let record = field::encode(number, value);
            cx.turn.put_member(cx.app, header.cid, &key, &record)?;
            header.bytes = (header.bytes + record.len() as u64).saturating_sub(old);
        }
        None => {
            let record = field::encode(field::next_number(header), value);
            cx.turn.insert_member(cx.app, header.cid, &key, &record)?;
            header.count += 1;
            header.bytes += (key.len() + record.len()) as u64;
        }
    }
    let limits = cx.forms.limits;
    let longest = field.len().max(value.len()) as u64;
    if longest > limits.hash_value || header.count > limits.hash_entries {
        header.head = LARGE;
    }
    Ok(old.is_none())
}

/// All fields with their values: of a small hash in the order of addition.
pub fn all(turn: &Turn<'_>, app: AppId, hash: &Header) -> Step<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut fields = Vec::new();
    order::each(turn, app, hash, |field, value| {
        fields.push((field.to_vec(), value.to_vec()));
    })?;
    Ok(fields)
}

/// Makes `key` the hash of some fields and their values, replacing what was there.
pub fn store(
    cx: &mut Context<'_, '_>,
    key: &[u8],
    fields: &[(Vec<u8>, Vec<u8>)],
) -> Result<(), Abort> {
    let mut hash = cx.turn.draft_edge(Kind::Hash);
    for (field, value) in fields {
        put_field(cx, &mut hash, field, value)?;
    }
    cx.turn.put_header(cx.app, key, &hash)?;
    Ok(())
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
        for i in 0..511 {
            client.run(&["hset", "h", &format!("f{i}"), "v"]);
        }
        assert_eq!(client.line("object encoding h"), "$8 listpack");
        client.run(&["hset", "h", "last", "v"]);
        assert_eq!(client.line("object encoding h"), "$9 hashtable");
        client.line("hdel h f f1 f2");
        assert_eq!(client.line("object encoding h"), "$9 hashtable");
        client.run(&["hset", "long", "f", &"x".repeat(65)]);
        assert_eq!(client.line("object encoding long"), "$9 hashtable");
    }

    #[test]
    fn a_small_hash_shows_its_fields_in_order_of_addition() {
        let mut client = Client::new();
        client.script(
            "hset h zeta 1 alpha 2 mid 3 => :3
             hkeys h => *3 $4 zeta $5 alpha $3 mid
             hset h alpha 9 beta 4 => :1
             hgetall h => *8 $4 zeta $1 1 $5 alpha $1 9 $3 mid $1 3 $4 beta $1 4
             hdel h zeta => :1
             hincrby h zeta 5 => :5
             hincrbyfloat h mid 1 => $1 4
             hsetnx h last v => :1
             hvals h => *5 $1 9 $1 4 $1 4 $1 5 $1 v
             hscan h 0 match *t* => *2 $1 0 *6 $4 beta $1 4 $4 zeta $1 5 $4 last $1 v
             hrandfield h 5 => *5 $5 alpha $3 mid $4 beta $4 zeta $4 last
             hget h zeta => $1 5
             hmget h mid zeta => *2 $1 4 $1 5
             hstrlen h last => :1
             copy h other => :1
             hset other new 1 => :1
             hkeys other => *6 $5 alpha $3 mid $4 beta $4 zeta $4 last $3 new
             rename other h => +OK
             hvals h => *6 $1 9 $1 4 $1 4 $1 5 $1 v $1 1",
        );
        for count in 1..6 {
            let drawn = client.run(&["hrandfield", "h", &count.to_string(), "withvalues"]);
            let words: Vec<&str> = drawn.split(' ').skip(2).step_by(4).collect();
            let all = ["alpha", "mid", "beta", "zeta", "last", "new"];
            let mut left = all.iter();
            assert!(
                words.iter().all(|word| left.any(|field| field == word)),
                "{drawn}"
            );
        }
    }

    #[test]
    fn a_hash_that_grows_keeps_every_value() {
        let mut client = Client::new();
        for i in 0..300 {
            let (field, value) = (format!("f{i}"), format!("v{i}"));
            client.run(&["hset", "h", &field, &value]);
            client.run(&["hset", "h", &format!("f{}", i / 2), &format!("v{}", i / 2)]);
        }
        let all = client.run(&["hgetall", "h"]);
        let words: Vec<&str> = all.split(' ').collect();
        assert_eq!(words.len(), 1 + 300 * 4);
        for pair in words[1..].chunks(4) {
            assert_eq!(pair[1][1..], pair[3][1..], "{all}");
        }
    }
}
