//! HRANDFIELD: random fields.
//!
//! **Theory.** Fields lie in the order of a keyed hash, so a random place in that order is a random field but
//! for the unevenness of the gaps. Up to [`LISTED`] fields are listed and drawn exactly; beyond, the field is
//! drawn evenly among the [`WINDOW`] that follow a random place, which smooths the gaps.

use super::open;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::integer;
use hyperdb_graph::{Direction, Header};
use std::collections::HashSet;
use std::ops::Bound;

/// Collections up to this size are listed for an exact draw.
const LISTED: u64 = 1024;
/// Neighbours among which one is drawn in a larger collection.
const WINDOW: u64 = 16;
/// The most that one command may draw with repetition: bounds the reply and the time of everybody else.
const MOST: u64 = 1 << 24;

type Pair = (Box<[u8]>, Box<[u8]>);

/// HRANDFIELD key [count [WITHVALUES]]
pub fn hrandfield(cx: &mut Context<'_, '_>) -> Outcome {
    if cx.args.len() == 2 {
        let Some(header) = open(cx, cx.args.at(1))? else {
            cx.reply.null();
            return Ok(());
        };
        let drawn = draw_some(cx, &header, 1)?;
        cx.reply
            .bulk_or_null(drawn.first().map(|(field, _)| &**field));
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
    let drawn = if count >= 0 {
        draw_distinct(cx, &header, count as u64)?
    } else if count.unsigned_abs() > MOST {
        return Err(Abort::error("ERR value is out of range"));
    } else {
        draw_some(cx, &header, count.unsigned_abs())?
    };
    let flat = with_values && !cx.reply.resp3;
    cx.reply.array(drawn.len() * (1 + usize::from(flat)));
    for (field, value) in &drawn {
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

/// `count` fields, any of them more than once.
fn draw_some(cx: &mut Context<'_, '_>, header: &Header, count: u64) -> Result<Vec<Pair>, Abort> {
    let mut drawn = Vec::new();
    if header.count <= LISTED {
        let all = take(cx, header.cid, 0, usize::MAX)?;
        for _ in 0..count {
            let index = (cx.random)() % all.len().max(1) as u64;
            drawn.extend(all.get(index as usize).cloned());
        }
        return Ok(drawn);
    }
    for _ in 0..count {
        drawn.extend(draw_near(cx, header.cid)?);
    }
    Ok(drawn)
}

/// `count` different fields, or all if there are not more.
fn draw_distinct(
    cx: &mut Context<'_, '_>,
    header: &Header,
    count: u64,
) -> Result<Vec<Pair>, Abort> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if header.count <= LISTED || count >= header.count / 3 {
        let mut all = take(cx, header.cid, 0, usize::MAX)?;
        let wanted = all.len().min(usize::try_from(count).unwrap_or(usize::MAX));
        for at in 0..wanted {
            // Fisher and Yates: only the part that is asked for.
            let other = at + ((cx.random)() % (all.len() - at) as u64) as usize;
            all.swap(at, other);
        }
        all.truncate(wanted);
        return Ok(all);
    }
    // At most a third is taken, so a draw is new with probability about two thirds.
    let mut drawn = Vec::new();
    let mut seen = HashSet::new();
    while (drawn.len() as u64) < count {
        // Every member was just counted, so there is always one near; its absence would be corruption.
        let Some(pair) = draw_near(cx, header.cid)? else {
            return Ok(drawn);
        };
        if seen.insert(pair.0.clone()) {
            drawn.push(pair);
        }
    }
    Ok(drawn)
}

/// One field near a random place.
fn draw_near(cx: &mut Context<'_, '_>, cid: u64) -> Result<Option<Pair>, Abort> {
    let from = (cx.random)();
    let mut near = take(cx, cid, from, WINDOW as usize)?;
    if near.len() < WINDOW as usize {
        let missing = WINDOW as usize - near.len();
        near.extend(take(cx, cid, 0, missing)?);
    }
    let index = (cx.random)() % near.len().max(1) as u64;
    Ok(near.into_iter().nth(index as usize))
}

/// Up to `limit` fields from place `from` on.
fn take(cx: &Context<'_, '_>, cid: u64, from: u64, limit: usize) -> Result<Vec<Pair>, Abort> {
    let start = from.to_be_bytes();
    let mut members = cx.turn.members(
        cx.app,
        cid,
        Bound::Included(&start),
        Bound::Unbounded,
        Direction::Forward,
    );
    let mut taken = Vec::new();
    while taken.len() < limit {
        let Some((place, value)) = members.next()? else {
            break;
        };
        taken.push((place.get(8..).unwrap_or_default().into(), (*value).into()));
    }
    Ok(taken)
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

    #[test]
    fn every_field_of_a_large_hash_is_drawn_sooner_or_later() {
        let mut client = Client::new();
        for i in 0..1100 {
            client.run(&["hset", "h", &format!("f{i}"), "v"]);
        }
        let drawn = words(&client.line("hrandfield h -20000"));
        let distinct: BTreeSet<_> = drawn.iter().collect();
        assert!(distinct.len() > 1090, "{} of 1100", distinct.len());
    }
}
