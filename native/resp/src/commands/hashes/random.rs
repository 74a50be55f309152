//! HRANDFIELD: random fields, picked as `hash_order` does for every collection in hash order.

use super::{open, order};
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::negatable;
use crate::commands::hash_order::{bounded, pick, pick_distinct, pick_repeatedly, Picks};

/// HRANDFIELD key [count [WITHVALUES]]
pub fn hrandfield(cx: &mut Context<'_, '_>) -> Outcome {
    if cx.args.len() == 2 {
        let Some(header) = open(cx, cx.args.at(1))? else {
            cx.reply.null();
            return Ok(());
        };
        let reply = &mut *cx.reply;
        pick(cx.turn, cx.app, &header, cx.random, |field, _| {
            reply.bulk(field);
        })?;
        return Ok(());
    }
    let count = negatable(cx.args.at(2))?;
    let with_values = cx.args.len() > 3;
    if cx.args.len() > 4 || (with_values && !cx.args.is(3, "WITHVALUES")) {
        return Err(errors::syntax());
    }
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Abort::error("ERR value is out of range"));
    }
    let Some(header) = open(cx, cx.args.at(1))? else {
        cx.reply.array(0);
        return Ok(());
    };
    let size = count.unsigned_abs();
    let mut records = Picks::default();
    if count >= 0 {
        records = pick_distinct(cx.turn, cx.app, &header, size, cx.random)?;
    } else {
        let size = bounded(size)?;
        pick_repeatedly(
            cx.turn,
            cx.app,
            &header,
            size,
            cx.random,
            |field, record| {
                records.push(field, record);
            },
        )?;
    }
    let reply = &mut *cx.reply;
    let flat = with_values && !reply.resp3;
    reply.array(records.len() * (1 + usize::from(flat)));
    let show = |field: &[u8], value: &[u8]| {
        if with_values && !flat {
            reply.array(2);
        }
        reply.bulk(field);
        if with_values {
            reply.bulk(value);
        }
    };
    Ok(order::show(&records, count >= 0 && header.head == 0, show)?)
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;
    use std::collections::BTreeSet;

    fn words(reply: &str) -> Vec<String> {
        let bulk = |word: &&str| !word.starts_with(['*', '$']);
        reply.split(' ').filter(bulk).map(str::to_owned).collect()
    }

    #[test]
    fn shapes() {
        let mut client = Client::new();
        client.script(
            "hrandfield no => $-1
             hrandfield no 3 => *0
             hset h f v => :1
             hrandfield h => $1 f
             hrandfield h 0 => *0
             hrandfield h 5 => *1 $1 f
             hrandfield h -2 => *2 $1 f $1 f
             hrandfield h -2 withvalues => *4 $1 f $1 v $1 f $1 v
             hrandfield h 1 values => -ERR syntax error
             hrandfield h -99999999 => -ERR value is out of range
             hrandfield h x => -ERR value is not an integer or out of range",
        );
        client.resp3 = true;
        client.script("hrandfield h 1 withvalues => *1 *2 $1 f $1 v");
    }

    #[test]
    fn distinct_draws_are_distinct_whatever_the_size() {
        for size in [10, 2000] {
            let mut client = Client::new();
            for i in 0..size {
                client.run(&["hset", "h", &format!("f{i}"), "v"]);
            }
            for count in [1, 7, 400, 5000] {
                let drawn = words(&client.run(&["hrandfield", "h", &count.to_string()]));
                let distinct: BTreeSet<_> = drawn.iter().collect();
                assert_eq!(drawn.len(), count.min(size));
                assert_eq!(distinct.len(), drawn.len());
            }
        }
    }
}
