//! HRANDFIELD: random fields, picked as `hash_order` does for every collection in hash order.

use super::open;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::integer;
use crate::commands::hash_order::{pick, pick_distinct, pick_repeatedly, Picks};

/// The most that one command may draw with repetition: bounds the reply and the time of everybody else.
const MOST: u64 = 1 << 24;

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
    let count = integer(cx.args.at(2))?;
    if count == i64::MIN {
        return Err(Abort::error(format!(
            "ERR value is out of range, value must between {} and {}",
            -i64::MAX,
            i64::MAX
        )));
    }
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
    let picks = if count >= 0 {
        pick_distinct(cx.turn, cx.app, &header, size, cx.random)?
    } else if size > MOST {
        return Err(Abort::error("ERR value is out of range"));
    } else {
        let mut picks = Picks::default();
        pick_repeatedly(cx.turn, cx.app, &header, size, cx.random, |field, value| {
            picks.push(field, value);
        })?;
        picks
    };
    let flat = with_values && !cx.reply.resp3;
    cx.reply.array(picks.len() * (1 + usize::from(flat)));
    for (field, value) in picks.iter() {
        if with_values && !flat {
            cx.reply.array(2);
        }
        cx.reply.bulk(field);
        if with_values {
            cx.reply.bulk(value);
        }
    }
    Ok(())
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
