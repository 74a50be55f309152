//! Which keys a database has: KEYS, SCAN, RANDOMKEY.
//!
//! **Who may not use all keys** is told of those alone with which he may do something, and of others neither by a cursor nor by how many
//! calls it takes: his SCAN goes by equal parts of the hash space, whose number follows from how many keys there are (as DBSIZE tells
//! everybody) and from nothing else. Who may use none is answered without a look.

use super::kind_name;
use super::scan::{options, reply_page, split_place, Page};
use crate::command::{Abort, Context, Names, Outcome};
use crate::commands::{arguments::cursor, glob};
use crate::reply::Reply;
use hyperdb_graph::{Record, Stop};

/// Neighbours among which RANDOMKEY draws evenly: smooths the gaps between hashes.
const WINDOW: usize = 16;

/// KEYS pattern
pub fn keys(cx: &mut Context<'_, '_>) -> Outcome {
    if matches!(cx.names, Names::None) {
        cx.reply.array(0);
        return Ok(());
    }
    let pattern = cx.args.at(1);
    let everything = glob::is_everything(pattern);
    let mut items = Reply::new(cx.reply.resp3);
    let mut len = 0;
    let mut walk = cx.turn.elements(cx.app, 0);
    while let Some((place, record)) = walk.next()? {
        let (_, id) = split_place(place);
        // A pattern is not held against names that are not told: how long that takes would tell of them.
        let wanted = cx.may_name(id) && (everything || glob::matches(pattern, id));
        if wanted && is_live(&decode(&record)?, cx.turn.now_ms()) {
            items.bulk(id);
            len += 1;
        }
    }
    cx.reply.array(len);
    cx.reply.buffer.extend_from_slice(&items.buffer);
    Ok(())
}

/// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
pub fn scan(cx: &mut Context<'_, '_>) -> Outcome {
    let from = cursor(cx.args.at(1))?;
    let options = options(&cx.args, 2)?;
    let part = match cx.names {
        Names::All => None,
        Names::None => {
            reply_page(cx.reply, 0, 0, &[]);
            return Ok(());
        }
        Names::Some(_) => {
            let keys = cx.turn.app_stats(cx.app)?.elements();
            Some(part_end(from, keys, options.count))
        }
    };
    let mut page = Page::new(options.count);
    let mut items = Reply::new(cx.reply.resp3);
    let mut len = 0;
    let mut next = part.flatten().unwrap_or(0);
    let mut walk = cx.turn.elements(cx.app, from);
    while let Some((place, record)) = walk.next()? {
        let (hash, id) = split_place(place);
        match part {
            Some(end) if end.is_some_and(|end| hash >= end) => break,
            None if page.is_full(hash) => {
                next = hash;
                break;
            }
            _ => {}
        }
        // In this order, so that no pattern takes its time over names that are not told.
        if !cx.may_name(id) || !options.admits(id) {
            continue;
        }
        let record = decode(&record)?;
        let of_kind = options
            .kind
            .is_none_or(|name| name.eq_ignore_ascii_case(kind_name(record.kind()).as_bytes()));
        if of_kind && is_live(&record, cx.turn.now_ms()) {
            items.bulk(id);
            len += 1;
        }
    }
    reply_page(cx.reply, next, len, &items.buffer);
    Ok(())
}

/// Where the part of the hash space ends in which `from` lies, when `keys` are scanned some `count` at a time; `None`: with the space.
fn part_end(from: u64, keys: u64, count: u64) -> Option<u64> {
    let parts = keys.div_ceil(count.max(1)).checked_next_power_of_two();
    let bits = parts.map_or(63, |parts| parts.trailing_zeros());
    let width = 1u64.checked_shl(64 - bits)?;
    (from / width + 1).checked_mul(width)
}

/// RANDOMKEY
pub fn randomkey(cx: &mut Context<'_, '_>) -> Outcome {
    if matches!(cx.names, Names::None) {
        cx.reply.null();
        return Ok(());
    }
    let from = (cx.random)();
    let mut near = live_from(cx, from)?;
    if near.len() < WINDOW {
        // The random place lies near the end: the order is a ring.
        near.extend(live_from(cx, 0)?);
        near.truncate(WINDOW);
    }
    let index = (cx.random)() % near.len().max(1) as u64;
    cx.reply
        .bulk_or_null(near.get(index as usize).map(|id| &**id));
    Ok(())
}

/// The first live ids from hash `from` on.
fn live_from(cx: &Context<'_, '_>, from: u64) -> Result<Vec<Box<[u8]>>, Abort> {
    let mut found = Vec::new();
    let mut walk = cx.turn.elements(cx.app, from);
    while found.len() < WINDOW {
        let Some((place, record)) = walk.next()? else {
            break;
        };
        let id = split_place(place).1;
        if cx.may_name(id) && is_live(&decode(&record)?, cx.turn.now_ms()) {
            found.push(id.into());
        }
    }
    Ok(found)
}

pub(super) fn decode(record: &[u8]) -> Result<Record<'_>, Stop> {
    let malformed = || hyperdb_graph::Error::Invalid("malformed element record".to_owned());
    Record::decode(record).ok_or_else(|| Stop::Failed(malformed()))
}

pub(super) fn is_live(record: &Record<'_>, now_ms: i64) -> bool {
    record.expiry().is_none_or(|at| at > now_ms)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::part_end;
    use crate::commands::testing::Client;
    use std::collections::BTreeSet;

    #[test]
    fn listing_by_pattern() {
        let mut client = Client::new();
        client.script(
            "keys * => *0
             randomkey => $-1
             scan 0 => *2 $1 0 *0
             mset one 1 two 2 => +OK
             keys o* => *1 $3 one
             set gone x px 1 => +OK",
        );
        client.now_ms += 1;
        let drawn = client.line("randomkey");
        assert!(["$3 one", "$3 two"].contains(&drawn.as_str()), "{drawn}");
        client.script(
            "keys g* => *0
             scan 0 match g* count 100 => *2 $1 0 *0
             scan 0 type hash => *2 $1 0 *0
             scan 0 match one type STRING => *2 $1 0 *1 $3 one
             scan 0 count 0 => -ERR syntax error
             scan 0 count => -ERR syntax error
             scan 0 what 1 => -ERR syntax error
             scan x => -ERR invalid cursor",
        );
    }

    /// Cursors and names of a whole scan.
    fn whole_scan(client: &mut Client, count: &str) -> (Vec<String>, BTreeSet<String>) {
        let (mut cursors, mut names) = (vec!["0".to_owned()], BTreeSet::new());
        loop {
            let cursor = cursors.last().unwrap().clone();
            let reply = client.run(&["scan", &cursor, "count", count]);
            let words: Vec<&str> = reply.split(' ').collect();
            names.extend(words[4..].chunks(2).map(|pair| pair[1].to_owned()));
            if words[2] == "0" {
                return (cursors, names);
            }
            cursors.push(words[2].to_owned());
        }
    }

    #[test]
    fn a_scan_of_some_keys_tells_nothing_of_the_others() {
        let mut told = Vec::new();
        for hidden in ["one", "two"] {
            let mut client = Client::new();
            for i in 0..100 {
                client.run(&["set", &format!("mine{i}"), "v"]);
                client.run(&["set", &format!("{hidden}{i}"), "v"]);
            }
            client.only = Some(|key| key.starts_with(b"mine"));
            let (cursors, names) = whole_scan(&mut client, "10");
            assert_eq!(names.len(), 100);
            assert!(names.iter().all(|name| name.starts_with("mine")));
            told.push(cursors);
            let (cursors, names) = whole_scan(&mut client, "1000");
            assert_eq!((cursors.len(), names.len()), (1, 100));
        }
        assert_eq!(told[0], told[1]);
        assert_eq!(told[0].len(), 32);
    }

    #[test]
    fn parts_cover_the_space() {
        assert_eq!(part_end(0, 0, 10), None);
        assert_eq!(part_end(u64::MAX, 10, 10), None);
        assert_eq!(part_end(0, 11, 10), Some(1 << 63));
        assert_eq!(part_end((1 << 63) - 1, 11, 10), Some(1 << 63));
        assert_eq!(part_end(1 << 63, 11, 10), None);
        assert_eq!(part_end(0, u64::MAX / 2 + 1, 1), Some(2));
    }

    #[test]
    fn scan_returns_what_stays_exactly_once_while_others_come_and_go() {
        let mut client = Client::new();
        for i in 0..500 {
            client.run(&["set", &format!("stays{i}"), "v"]);
        }
        let mut seen = BTreeSet::new();
        let mut cursor = "0".to_owned();
        let mut round = 0;
        loop {
            let reply = client.run(&["scan", &cursor, "count", "13"]);
            let words: Vec<&str> = reply.split(' ').collect();
            cursor = words[2].to_owned();
            for id in words[4..].chunks(2).map(|pair| pair[1]) {
                if id.starts_with("stays") {
                    assert!(seen.insert(id.to_owned()), "{id} twice");
                }
            }
            client.run(&["set", &format!("comes{round}"), "v"]);
            client.run(&["del", &format!("comes{}", round / 2)]);
            round += 1;
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 500);
    }
}
