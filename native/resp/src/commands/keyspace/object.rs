//! OBJECT: what Redis tells of a value's insides.
//!
//! Encodings are those that Redis 7.2 would have chosen, by the sizes that CONFIG tells ([`crate::forms`]), since clients and their
//! suites look at them; nothing here is stored differently for it.

use crate::command::{Abort, Context, Outcome};
use crate::commands::numbers::parse_i64;
use crate::commands::sets;
use crate::forms::Text;
use hyperdb_graph::{Header, Kind, Record, Step};

/// Longest string that Redis stores beside its header.
const EMBEDDED: usize = 44;
/// Longest string that Redis tries as an integer.
const INTEGER: usize = 20;
/// Integers up to here are shared by all keys in Redis, and what it tells of how often.
const SHARED: std::ops::Range<i64> = 0..10_000;
const COUNTLESS: i64 = i32::MAX as i64;

/// OBJECT ENCODING key
pub fn encoding(cx: &mut Context<'_, '_>) -> Outcome {
    let Some(element) = cx.turn.element(cx.app, cx.args.at(2))? else {
        cx.reply.null();
        return Ok(());
    };
    let name = match element.record()? {
        Record::Vertex { value, .. } => match cx.forms.text(cx.app, cx.args.at(2), value) {
            Some(Text::Raw) => "raw",
            Some(Text::Embedded) => "embstr",
            None => match value.len() {
                0..=INTEGER if parse_i64(value).is_some() => "int",
                0..=EMBEDDED => "embstr",
                _ => "raw",
            },
        },
        Record::Edge(header) => match (header.kind, header.head) {
            (Kind::Hash | Kind::SortedSet, 0) => "listpack",
            (Kind::Set, 0) => "intset",
            (Kind::Set, sets::PACKED) => "listpack",
            (Kind::Set, sets::OTHERS) if is_packed(cx, &header)? => "listpack",
            (Kind::Hash | Kind::Set, _) => "hashtable",
            (Kind::SortedSet, _) => "skiplist",
            (Kind::List, _) if cx.forms.is_large_list(&header) => "quicklist",
            (Kind::List, _) => "listpack",
            (Kind::Stream, _) => "stream",
            _ => "hyperedge",
        },
    };
    cx.reply.bulk(name.as_bytes());
    Ok(())
}

/// Whether a set of which no form was kept is so small that Redis packs its members one after another.
fn is_packed(cx: &Context<'_, '_>, set: &Header) -> Step<bool> {
    let limits = cx.forms.limits;
    if set.count > limits.set_entries {
        return Ok(false);
    }
    let members = sets::all(cx.turn, cx.app, set)?;
    let longest = members.iter().map(Vec::len).max().unwrap_or(0);
    Ok(longest as u64 <= limits.set_value)
}

/// OBJECT REFCOUNT key: values are never shared, but small integers, which Redis says of them
pub fn refcount(cx: &mut Context<'_, '_>) -> Outcome {
    let key = cx.args.at(2);
    let is_shared = match cx.turn.element(cx.app, key)? {
        None => false,
        Some(element) => match element.record()? {
            Record::Vertex { value, .. } => {
                cx.forms.text(cx.app, key, value).is_none()
                    && parse_i64(value).is_some_and(|number| SHARED.contains(&number))
            }
            Record::Edge(_) => false,
        },
    };
    reply_number(cx, if is_shared { COUNTLESS } else { 1 })
}

/// OBJECT IDLETIME key: accesses are not tracked, so every key counts as just used
pub fn idletime(cx: &mut Context<'_, '_>) -> Outcome {
    reply_number(cx, 0)
}

fn reply_number(cx: &mut Context<'_, '_>, number: i64) -> Outcome {
    if cx.turn.element(cx.app, cx.args.at(2))?.is_some() {
        cx.reply.integer(number);
    } else {
        cx.reply.null();
    }
    Ok(())
}

/// OBJECT FREQ key
pub fn freq(cx: &mut Context<'_, '_>) -> Outcome {
    if cx.turn.element(cx.app, cx.args.at(2))?.is_none() {
        cx.reply.null();
        return Ok(());
    }
    Err(Abort::error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
         switching between policies at runtime LRU and LFU data will take some time to adjust.",
    ))
}

/// OBJECT HELP
pub fn help(cx: &mut Context<'_, '_>) -> Outcome {
    const LINES: [&str; 11] = [
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    The encoding that Redis would give the value.",
        "FREQ <key>",
        "    An error: access frequencies are not tracked.",
        "IDLETIME <key>",
        "    0: accesses are not tracked.",
        "REFCOUNT <key>",
        "    1, and for integers that Redis would share a number that means many.",
        "HELP",
        "    This text.",
    ];
    cx.reply.array(LINES.len());
    for line in LINES {
        cx.reply.simple(line);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn encodings_follow_redis() {
        let mut client = Client::new();
        client.script(
            "object encoding no => $-1
             set k 12345 => +OK
             object encoding k => $3 int
             set k 012345 => +OK
             object encoding k => $6 embstr
             object refcount k => :1
             object idletime k => :0
             object idletime no => $-1
             object freq no => $-1",
        );
        assert!(client.line("object freq k").starts_with("-ERR An LFU"));
        client.run(&["set", "k", &"x".repeat(44)]);
        assert_eq!(client.line("object encoding k"), "$6 embstr");
        client.run(&["set", "k", &"x".repeat(45)]);
        assert_eq!(client.line("object encoding k"), "$3 raw");
        let long = "x".repeat(65);
        client.script(
            "rpush l a b => :2
             object encoding l => $8 listpack
             sadd s 1 2 => :2
             object encoding s => $6 intset
             sadd s a => :1
             object encoding s => $8 listpack",
        );
        client.run(&["sadd", "s", &long]);
        assert_eq!(client.line("object encoding s"), "$9 hashtable");
        client.run(&["rpush", "l", &"x".repeat(8190)]);
        assert_eq!(client.line("object encoding l"), "$9 quicklist");
    }
}
