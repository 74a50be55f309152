//! All fields of a hash: its size, its contents, and walks over it.

use super::{open, order};
use crate::command::{Abort, Context, Outcome};
use crate::commands::arguments::cursor;
use crate::commands::hash_order::{self, Picks, ScanOptions};

/// HLEN key
pub fn hlen(cx: &mut Context<'_, '_>) -> Outcome {
    let count = open(cx, cx.args.at(1))?.map_or(0, |header| header.count);
    cx.reply.integer(count as i64);
    Ok(())
}

/// HGETALL key
pub fn hgetall(cx: &mut Context<'_, '_>) -> Outcome {
    let count = open(cx, cx.args.at(1))?.map_or(0, |header| header.count);
    cx.reply.map(count as usize);
    reply_all(cx, true, true)
}

/// HKEYS key
pub fn hkeys(cx: &mut Context<'_, '_>) -> Outcome {
    let count = open(cx, cx.args.at(1))?.map_or(0, |header| header.count);
    cx.reply.array(count as usize);
    reply_all(cx, true, false)
}

/// HVALS key
pub fn hvals(cx: &mut Context<'_, '_>) -> Outcome {
    let count = open(cx, cx.args.at(1))?.map_or(0, |header| header.count);
    cx.reply.array(count as usize);
    reply_all(cx, false, true)
}

fn reply_all(cx: &mut Context<'_, '_>, fields: bool, values: bool) -> Result<(), Abort> {
    let Some(header) = open(cx, cx.args.at(1))? else {
        return Ok(());
    };
    let reply = &mut *cx.reply;
    order::each(cx.turn, cx.app, &header, |field, value| {
        if fields {
            reply.bulk(field);
        }
        if values {
            reply.bulk(value);
        }
    })?;
    Ok(())
}

/// HSCAN key cursor [MATCH pattern] [COUNT count]
pub fn hscan(cx: &mut Context<'_, '_>) -> Outcome {
    let from = cursor(cx.args.at(2))?;
    let Some(header) = open(cx, cx.args.at(1))? else {
        hash_order::reply_page(cx.reply, 0, &[]);
        return Ok(());
    };
    let options = ScanOptions::parse(&cx.args)?;
    let mut page = Picks::default();
    let mut next = 0;
    if header.head == 0 {
        order::each(cx.turn, cx.app, &header, |field, value| {
            if options.takes(field) {
                page.push(field, value);
            }
        })?;
    } else {
        let mut records = Picks::default();
        let visit = |field: &[u8], record: &[u8]| records.push(field, record);
        next = hash_order::scan(cx.turn, cx.app, &header, from, &options, visit)?;
        order::show(&records, false, |field, value| page.push(field, value))?;
    }
    let elements: Vec<&[u8]> = page
        .iter()
        .flat_map(|(field, value)| [field, value])
        .collect();
    hash_order::reply_page(cx.reply, next, &elements);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;
    use std::collections::BTreeSet;

    #[test]
    fn contents_are_a_map_in_resp3() {
        let mut client = Client::new();
        client.script(
            "hgetall h => *0
             hset h f v => :1
             hgetall h => *2 $1 f $1 v
             hkeys h => *1 $1 f
             hvals h => *1 $1 v
             hkeys no => *0",
        );
        client.resp3 = true;
        client.script(
            "hgetall h => %1 $1 f $1 v
             hgetall no => %0
             hkeys h => *1 $1 f",
        );
    }

    #[test]
    fn scanning_a_large_hash_meets_every_field_once() {
        let mut client = Client::new();
        for i in 0..600 {
            client.run(&["hset", "h", &format!("f{i}"), "v"]);
        }
        let mut seen = BTreeSet::new();
        let mut cursor = "0".to_owned();
        let mut calls = 0;
        loop {
            let reply = client.run(&["hscan", "h", &cursor, "count", "7"]);
            let words: Vec<&str> = reply.split(' ').collect();
            cursor = words[2].to_owned();
            for field in words[4..].chunks(4).map(|pair| pair[1]) {
                assert!(seen.insert(field.to_owned()), "{field} twice");
            }
            calls += 1;
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 600);
        assert!(calls > 80, "COUNT bounds a call, so it took {calls}");
    }

    #[test]
    fn a_small_hash_comes_whole() {
        let mut client = Client::new();
        client.script(
            "hscan no 0 => *2 $1 0 *0
             hset h f v => :1
             hscan h 0 count 1 => *2 $1 0 *2 $1 f $1 v
             hscan h 0 match x* => *2 $1 0 *0
             hscan h x => -ERR invalid cursor
             hscan h 0 count 0 => -ERR syntax error
             hscan h 0 count x => -ERR value is not an integer or out of range
             hscan h 0 type hash => -ERR syntax error",
        );
    }
}
