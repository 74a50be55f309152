//! OBJECT: what Redis tells of a value's insides.
//!
//! Encodings are those that Redis 7.2 would have chosen by its default thresholds, since clients and their
//! suites look at them; nothing here is stored differently for it. Whether a collection was ever beyond the
//! thresholds is kept in its header's `head`, as Redis does not convert back either; but not of lists, nor of sets that hold
//! something else than integers: those are measured as they are.

use crate::command::{Abort, Context, Outcome};
use crate::commands::numbers::parse_i64;
use crate::commands::sets;
use hyperdb_graph::{Header, Kind, Record, Step};

/// Longest string that Redis stores beside its header.
const EMBEDDED: usize = 44;
/// Longest string that Redis tries as an integer.
const INTEGER: usize = 20;
/// Most members of a packed set, and how long they may be (`set-max-listpack-entries`, `set-max-listpack-value`).
const PACKED_MEMBERS: u64 = 128;
const PACKED_BYTES: usize = 64;
/// Bytes of a list's node (`list-max-listpack-size -2`), and what a short value takes there beside itself.
const NODE_BYTES: u64 = 8192;
const PACKED_ENTRY: u64 = 2;
/// What the header of a list counts for the place of each value.
const POSITION: u64 = 8;

/// OBJECT ENCODING key
pub fn encoding(cx: &mut Context<'_, '_>) -> Outcome {
    let Some(element) = cx.turn.element(cx.app, cx.args.at(2))? else {
        cx.reply.null();
        return Ok(());
    };
    let name = match element.record()? {
        Record::Vertex { value, .. } => match value.len() {
            0..=INTEGER if parse_i64(value).is_some() => "int",
            0..=EMBEDDED => "embstr",
            _ => "raw",
        },
        Record::Edge(header) => match (header.kind, header.head == 0) {
            (Kind::Hash | Kind::SortedSet, true) => "listpack",
            (Kind::Set, true) => "intset",
            (Kind::Set, false) if is_packed(cx, &header)? => "listpack",
            (Kind::Hash | Kind::Set, false) => "hashtable",
            (Kind::SortedSet, false) => "skiplist",
            (Kind::List, _) if fits_one_node(&header) => "listpack",
            (Kind::List, _) => "quicklist",
            (Kind::Stream, _) => "stream",
            _ => "hyperedge",
        },
    };
    cx.reply.bulk(name.as_bytes());
    Ok(())
}

/// Whether a set is so small that Redis packs its members one after another.
fn is_packed(cx: &Context<'_, '_>, set: &Header) -> Step<bool> {
    if set.count > PACKED_MEMBERS {
        return Ok(false);
    }
    let members = sets::all(cx.turn, cx.app, set)?;
    Ok(members.iter().all(|member| member.len() <= PACKED_BYTES))
}

/// Whether Redis would keep a list in one node: about, since what it adds to a value depends on that.
fn fits_one_node(list: &Header) -> bool {
    let values = list.bytes.saturating_sub(list.count * POSITION);
    values + list.count * PACKED_ENTRY <= NODE_BYTES
}

/// OBJECT REFCOUNT key: values are never shared
pub fn refcount(cx: &mut Context<'_, '_>) -> Outcome {
    reply_number(cx, 1)
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
        "    1: values are never shared.",
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
