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

    #[test]
    fn sets_take_the_form_of_what_was_added_and_keep_it() {
        let mut client = Client::new();
        client.limits.set_integers = 3;
        client.limits.set_entries = 4;
        client.limits.set_value = 20;
        client.script(
            "sadd s 1 2 3 => :3
             object encoding s => $6 intset
             sadd s x => :1
             object encoding s => $8 listpack
             sadd s y => :1
             object encoding s => $9 hashtable
             srem s 1 2 x y => :4
             object encoding s => $9 hashtable
             sadd t 1 2 3 4 => :4
             object encoding t => $9 hashtable
             sinterstore u s t => :1
             object encoding u => $6 intset",
        );
        client.limits.set_integers = 0;
        client.script(
            "sadd v 1 => :1
             object encoding v => $8 listpack",
        );
        client.limits.set_value = 19;
        client.limits.set_integers = 3;
        client.script(
            "sadd w 1 a => :2
             object encoding w => $9 hashtable",
        );
    }

    #[test]
    fn hashes_and_sorted_sets_follow_the_sizes_in_force() {
        let mut client = Client::new();
        client.limits.hash_entries = 1;
        client.limits.sorted_value = 2;
        client.script(
            "hset h a 1 => :1
             object encoding h => $8 listpack
             hset h b 1 => :1
             object encoding h => $9 hashtable
             zadd z 1 aa => :1
             object encoding z => $8 listpack
             zadd z 1 aaa => :1
             object encoding z => $8 skiplist",
        );
    }

    #[test]
    fn a_string_that_was_changed_in_place_is_raw() {
        Client::new().script(
            "set k 1 => +OK
             object encoding k => $3 int
             object refcount k => :2147483647
             append k 2 => :2
             object encoding k => $3 raw
             object refcount k => :1
             incr k => :13
             object encoding k => $3 int
             setrange k 0 2 => :2
             object encoding k => $3 raw
             append new 5 => :1
             object encoding new => $3 int
             setbit bit 7 1 => :0
             object encoding bit => $3 raw
             incrbyfloat f 3 => $1 3
             object encoding f => $6 embstr",
        );
    }

    #[test]
    fn a_list_becomes_packed_again_at_half_a_node() {
        let mut client = Client::new();
        client.limits.list_size = 4;
        client.script(
            "rpush l a b c d => :4
             object encoding l => $8 listpack
             lset l 0 x => +OK
             object encoding l => $9 quicklist
             lpop l => $1 x
             object encoding l => $9 quicklist
             ltrim l 0 1 => +OK
             object encoding l => $8 listpack
             rpush l c d e => :5
             object encoding l => $9 quicklist
             lmove l m left left => $1 b
             object encoding l => $9 quicklist
             object encoding m => $8 listpack
             lrem l 0 c => :2
             rpop l 1 => *1 $1 e
             object encoding l => $8 listpack",
        );
    }
}
