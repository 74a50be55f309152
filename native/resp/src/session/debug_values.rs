//! DEBUG DIGEST and DEBUG DIGEST-VALUE: what is stored, in 20 bytes.
//!
//! **Theory.** Where order counts the digest so far is mixed in, `d = SHA1(d xor SHA1(part))`; where it does not, parts are added
//! as `d = d xor SHA1(part)`. These are Redis's digests, so a copy in either server can be compared with the other's data.
//!
//! **Invariant.** Equal data have equal digests whatever their history; consumer groups are not part of them, as in Redis.

use super::debug::ask;
use crate::args::{Args, Span};
use crate::command::Abort;
use crate::commands::numbers::{format_double, G17_TEXT};
use crate::rdb::{self, Value};
use crate::scripting::sha1;
use crate::server::execute::{After, Call, Ran};

/// Numbers of the types, as Redis mixes them in.
const TEXT: u32 = 0;
const LIST: u32 = 1;
const SET: u32 = 2;
const SORTED_SET: u32 = 3;
const HASH: u32 = 4;
const STREAM: u32 = 6;

/// Mixed into the digest of a key that expires.
const EXPIRES: &[u8] = b"!!expire!!";

/// A digest as it grows.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Digest([u8; 20]);

impl Digest {
    /// Adds a part whose place does not count.
    fn add(&mut self, part: &[u8]) {
        let hashed = sha1::digest(part);
        self.0.iter_mut().zip(hashed).for_each(|(a, b)| *a ^= b);
    }

    /// Adds the next part.
    fn mix(&mut self, part: &[u8]) {
        self.add(part);
        self.0 = sha1::digest(&self.0);
    }

    /// Adds two parts that belong together, whose place does not count.
    fn add_pair(&mut self, first: &[u8], second: &[u8]) {
        let mut pair = Digest::default();
        pair.mix(first);
        pair.mix(second);
        self.add(&pair.0);
    }

    /// Adds a value.
    fn value(&mut self, value: &Value) {
        let mut kind = |number: u32| self.mix(&number.to_be_bytes());
        match value {
            Value::Text(text) => {
                kind(TEXT);
                self.mix(text);
            }
            Value::List(values) => {
                kind(LIST);
                values.iter().for_each(|value| self.mix(value));
            }
            Value::Set(members) => {
                kind(SET);
                members.iter().for_each(|member| self.add(member));
            }
            Value::SortedSet(members) => {
                kind(SORTED_SET);
                for (member, score) in members {
                    self.add_pair(member, format_double(*score, &mut [0; G17_TEXT]));
                }
            }
            Value::Hash(fields) => {
                kind(HASH);
                fields
                    .iter()
                    .for_each(|(field, value)| self.add_pair(field, value));
            }
            Value::Stream(stream) => {
                kind(STREAM);
                for (id, words) in &stream.entries {
                    self.mix(format!("{}.{}", id.ms, id.seq).as_bytes());
                    words.iter().for_each(|word| self.mix(word));
                }
            }
        }
    }

    /// As clients see it.
    fn text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a command of these words replies in the client's database.
fn asked(call: &mut Call<'_, '_>, name: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Abort> {
    let mut bytes = Vec::new();
    let mut spans: Vec<Span> = Vec::new();
    for word in words {
        spans.push((bytes.len(), bytes.len() + word.len()));
        bytes.extend_from_slice(word);
    }
    ask(call, name, Args::new(&bytes, &spans))
}

/// The bulk strings of a reply: one, or an array of them.
fn bulks(mut reply: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some(end) = reply.windows(2).position(|pair| pair == b"\r\n") {
        let (line, rest) = (&reply[..end], &reply[end + 2..]);
        let len = std::str::from_utf8(line.get(1..).unwrap_or_default());
        let len = len.ok().and_then(|text| text.parse::<usize>().ok());
        reply = rest;
        if let (Some(b'$'), Some(len)) = (line.first(), len) {
            found.push(rest.get(..len).unwrap_or_default());
            reply = rest.get(len + 2..).unwrap_or_default();
        }
    }
    found
}

/// Adds what lies under a key of the client's database; nothing if there is none.
fn add_key(call: &mut Call<'_, '_>, key: &[u8], digest: &mut Digest) -> Result<(), Abort> {
    let dumped = asked(call, b"dump", &[b"dump", key])?;
    let Some(payload) = bulks(&dumped).first().copied() else {
        return Ok(());
    };
    let unread = |_| Abort::error("ERR a value was not read as it was written");
    digest.value(&rdb::parse(payload).map_err(unread)?);
    let expiry = asked(call, b"pexpiretime", &[b"pexpiretime", key])?;
    if expiry != b":-1\r\n" {
        digest.add(EXPIRES);
    }
    Ok(())
}

/// DEBUG DIGEST: of all numbered databases
pub(super) fn whole(call: &mut Call<'_, '_>) -> Ran {
    let selected = call.client().db;
    let mut all = Digest::default();
    let mut outcome = Ok(());
    for db in 0..call.core.settings.databases {
        call.client().db = db;
        outcome = database(call, db, &mut all);
        if outcome.is_err() {
            break;
        }
    }
    call.client().db = selected;
    outcome?;
    let text = all.text();
    call.client().output.reply.simple(&text);
    Ok(After::Done)
}

fn database(call: &mut Call<'_, '_>, db: u32, all: &mut Digest) -> Result<(), Abort> {
    let listed = asked(call, b"keys", &[b"keys", b"*"])?;
    let keys = bulks(&listed);
    if !keys.is_empty() {
        all.mix(&db.to_be_bytes());
    }
    for key in keys {
        let mut digest = Digest::default();
        digest.mix(key);
        add_key(call, key, &mut digest)?;
        all.add(&digest.0);
    }
    Ok(())
}

/// DEBUG DIGEST-VALUE key [key ...]
pub(super) fn values(call: &mut Call<'_, '_>) -> Ran {
    let keys = call.args.from(2);
    let mut texts = Vec::with_capacity(keys.len());
    for key in keys.iter() {
        let mut digest = Digest::default();
        add_key(call, key, &mut digest)?;
        texts.push(digest.text());
    }
    let reply = &mut call.client().output.reply;
    reply.array(texts.len());
    texts.iter().for_each(|text| reply.simple(text));
    Ok(After::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_redis() {
        // Of Redis 7.2.6, by DEBUG DIGEST-VALUE.
        let text = |text: &str| text.as_bytes().to_vec();
        let known = [
            (
                Value::Text(text("v")),
                "d79ee9fe5d5ad902d7f6620efc3b07b75ddd742f",
            ),
            (
                Value::List(vec![text("a"), text("b")]),
                "62f55a532623cf6c3d81081db480b6fd8461eb3f",
            ),
            (
                Value::Set(vec![text("b"), text("a")]),
                "dd99329063ca0f1f28df2ac68d94b82fd95501c6",
            ),
            (
                Value::Hash(vec![(text("f"), text("v"))]),
                "90c76e9e9f4c62d642a34fc97c7dad503b51f906",
            ),
            (
                Value::SortedSet(vec![(text("a"), 1.5), (text("b"), 2.0)]),
                "445b877af3c3ec83af30529ddbbdda3185172254",
            ),
        ];
        for (value, wanted) in known {
            let mut digest = Digest::default();
            digest.value(&value);
            assert_eq!(digest.text(), wanted, "{value:?}");
        }
    }

    #[test]
    fn bulk_strings_of_replies() {
        assert_eq!(
            bulks(b"*2\r\n$1\r\na\r\n$2\r\n\r\n\r\n"),
            [&b"a"[..], b"\r\n"]
        );
        assert!(bulks(b"$-1\r\n").is_empty());
    }
}
