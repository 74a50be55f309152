//! SORT: the members of a list, set or sorted set, ordered by themselves or by other keys' values.
//!
//! **Theory.** Every member gets its weight once, then one sort, then only the members within LIMIT are looked
//! up for GET. A pattern names a key by putting the member in place of its first `*`, and with `->field` a
//! field of the hash there. Equal numbers are ordered by bytes, so the result is the same on every server.

use crate::args::Args;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::{integer, option_value};
use crate::commands::numbers::parse_f64;
use crate::commands::{edge, hashes, lists};
use hyperdb_graph::{Direction, Header, Kind, Record};
use std::cmp::Ordering;
use std::ops::Bound;

type Bytes = Box<[u8]>;

/// What was asked for.
#[derive(Default)]
struct Request<'a> {
    by: Option<&'a [u8]>,
    gets: Vec<&'a [u8]>,
    limit: Option<(i64, i64)>,
    descending: bool,
    alphabetic: bool,
    store: Option<&'a [u8]>,
}

/// By what a member is ordered.
enum Weight {
    Number(f64),
    /// `None` sorts first: the pattern's key is not there.
    Text(Option<Bytes>),
}

/// SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination]
pub fn sort(cx: &mut Context<'_, '_>) -> Outcome {
    run(cx, true)
}

/// SORT_RO: SORT without STORE
pub fn sort_ro(cx: &mut Context<'_, '_>) -> Outcome {
    run(cx, false)
}

fn run(cx: &mut Context<'_, '_>, may_store: bool) -> Outcome {
    let mut request = parse(&cx.args, may_store)?;
    let source = source(cx)?;
    let mut keep_order = request.by.is_some_and(|pattern| !pattern.contains(&b'*'));
    let is_set = matches!(&source, Some(header) if header.kind == Kind::Set);
    if keep_order && is_set && (request.store.is_some() || cx.must_not_block) {
        // What is stored, or what a script goes on with, must not depend on the order of a hash.
        keep_order = false;
        request.alphabetic = true;
        request.by = None;
    }
    let mut members = match &source {
        Some(header) => load(cx, header)?,
        None => Vec::new(),
    };
    let (start, end) = window(request.limit, members.len());
    if keep_order {
        // What has an order of its own is read from its end, as Redis 7.2 does it; sets have none.
        let in_order = matches!(&source, Some(header) if header.kind != Kind::Set);
        if request.descending && in_order {
            members.reverse();
        }
    } else {
        members = ordered(cx, &request, members)?;
    }
    let results = fetch(cx, &request.gets, &members[start..end])?;
    match request.store {
        Some(target) => {
            let values: Vec<Bytes> = results.into_iter().map(Option::unwrap_or_default).collect();
            lists::store(cx, target, &values)?;
            cx.reply.integer(values.len() as i64);
        }
        None => {
            cx.reply.array(results.len());
            for result in &results {
                cx.reply.bulk_or_null(result.as_deref());
            }
        }
    }
    Ok(())
}

fn parse<'a>(args: &Args<'a>, may_store: bool) -> Result<Request<'a>, Abort> {
    let mut request = Request::default();
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "ASC") {
            request.descending = false;
        } else if args.is(at, "DESC") {
            request.descending = true;
        } else if args.is(at, "ALPHA") {
            request.alphabetic = true;
        } else if args.is(at, "LIMIT") && at + 2 < args.len() {
            request.limit = Some((integer(args.at(at + 1))?, integer(args.at(at + 2))?));
            at += 2;
        } else if args.is(at, "STORE") && may_store {
            request.store = Some(option_value(args, at)?);
            at += 1;
        } else if args.is(at, "BY") {
            request.by = Some(option_value(args, at)?);
            at += 1;
        } else if args.is(at, "GET") {
            request.gets.push(option_value(args, at)?);
            at += 1;
        } else {
            return Err(errors::syntax());
        }
        at += 1;
    }
    Ok(request)
}

/// The collection to sort; `None` counts as an empty one.
fn source(cx: &Context<'_, '_>) -> Result<Option<Header>, Abort> {
    let Some(element) = cx.turn.element(cx.app, cx.args.at(1))? else {
        return Ok(None);
    };
    match element.record()? {
        Record::Edge(header) if matches!(header.kind, Kind::List | Kind::Set | Kind::SortedSet) => {
            Ok(Some(header))
        }
        _ => Err(errors::wrong_type()),
    }
}

/// The members: a list's by position, a sorted set's by score, a set's in its own order.
fn load(cx: &Context<'_, '_>, header: &Header) -> Result<Vec<Bytes>, Abort> {
    // A sorted set's companion index holds (score, member) in order.
    let cid = header.cid + u64::from(header.kind == Kind::SortedSet);
    let mut walk = cx.turn.members(
        cx.app,
        cid,
        Bound::Unbounded,
        Bound::Unbounded,
        Direction::Forward,
    );
    let mut members = Vec::new();
    while let Some((place, value)) = walk.next()? {
        members.push(match header.kind {
            Kind::List => (*value).into(),
            // Eight bytes of hash or score stand before the member.
            _ => place.get(8..).unwrap_or_default().into(),
        });
    }
    Ok(members)
}

/// LIMIT as positions: the first, and one past the last.
fn window(limit: Option<(i64, i64)>, len: usize) -> (usize, usize) {
    let Some((offset, count)) = limit else {
        return (0, len);
    };
    let start = usize::try_from(offset.max(0)).unwrap_or(len).min(len);
    let count = usize::try_from(count).unwrap_or(len);
    (start, start.saturating_add(count).min(len))
}

fn ordered(
    cx: &Context<'_, '_>,
    request: &Request<'_>,
    members: Vec<Bytes>,
) -> Result<Vec<Bytes>, Abort> {
    let mut weighted = Vec::with_capacity(members.len());
    for member in members {
        let text = match request.by {
            Some(pattern) => lookup(cx, pattern, &member)?,
            None => Some(member.clone()),
        };
        let weight = if request.alphabetic {
            Weight::Text(text)
        } else {
            Weight::Number(number(text.as_deref())?)
        };
        weighted.push((weight, member));
    }
    weighted.sort_by(|(a, x), (b, y)| {
        let order = match (a, b) {
            (Weight::Number(a), Weight::Number(b)) => a
                .partial_cmp(b)
                .unwrap_or(Ordering::Equal)
                .then_with(|| x.cmp(y)),
            (Weight::Text(a), Weight::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        };
        if request.descending {
            order.reverse()
        } else {
            order
        }
    });
    Ok(weighted.into_iter().map(|(_, member)| member).collect())
}

/// A weight as `strtod` reads it: spaces before it are skipped, no text at all is 0.
fn number(text: Option<&[u8]>) -> Result<f64, Abort> {
    match text {
        None | Some([]) => Ok(0.0),
        Some(text) => parse_f64(text.trim_ascii_start())
            .ok_or_else(|| Abort::error("ERR One or more scores can't be converted into double")),
    }
}

fn fetch(
    cx: &Context<'_, '_>,
    gets: &[&[u8]],
    members: &[Bytes],
) -> Result<Vec<Option<Bytes>>, Abort> {
    if gets.is_empty() {
        return Ok(members.iter().cloned().map(Some).collect());
    }
    let mut results = Vec::with_capacity(members.len() * gets.len());
    for member in members {
        for pattern in gets {
            results.push(if *pattern == b"#" {
                Some(member.clone())
            } else {
                lookup(cx, pattern, member)?
            });
        }
    }
    Ok(results)
}

/// The value that `pattern` names for `member`; `None` if there is none of the right type.
fn lookup(cx: &Context<'_, '_>, pattern: &[u8], member: &[u8]) -> Result<Option<Bytes>, Abort> {
    let Some(star) = pattern.iter().position(|b| *b == b'*') else {
        return Ok(None);
    };
    let after = &pattern[star + 1..];
    let arrow = after.windows(2).position(|pair| pair == b"->");
    let (suffix, field) = match arrow {
        Some(at) if at + 2 < after.len() => (&after[..at], Some(&after[at + 2..])),
        _ => (after, None),
    };
    let key = [&pattern[..star], member, suffix].concat();
    let Some(field) = field else {
        let Some(element) = cx.turn.element(cx.app, &key)? else {
            return Ok(None);
        };
        return Ok(match element.record()? {
            Record::Vertex { value, .. } => Some(value.into()),
            Record::Edge(_) => None,
        });
    };
    let header = match edge::open(cx, &key, Kind::Hash) {
        Ok(Some(header)) => header,
        Ok(None) | Err(Abort::Error(_)) => return Ok(None),
        Err(other) => return Err(other),
    };
    let value = hashes::value(cx.turn, cx.app, &header, field)?;
    Ok(value.map(|value| (*value).into()))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Client;

    #[test]
    fn by_itself() {
        Client::new().script(
            "sort no => *0
             rpush l 3 1 2 10 => :4
             sort l => *4 $1 1 $1 2 $1 3 $2 10
             sort l desc limit 0 2 => *2 $2 10 $1 3
             sort l alpha => *4 $1 1 $2 10 $1 2 $1 3
             sort l limit 10 2 => *0
             sort l limit 1 -1 => *3 $1 2 $1 3 $2 10
             sort l by nosort => *4 $1 3 $1 1 $1 2 $2 10
             sort l by nosort desc => *4 $2 10 $1 2 $1 1 $1 3
             sort l by nosort desc limit 1 2 => *2 $1 2 $1 1
             sort l store d => :4
             lrange d 0 -1 => *4 $1 1 $1 2 $1 3 $2 10
             sort no store d => :0
             exists d => :0
             sort_ro l store d => -ERR syntax error
             sort l limit x 1 => -ERR value is not an integer or out of range
             sort l by => -ERR syntax error
             rpush l x => :5
             sort l => -ERR One or more scores can't be converted into double
             set s v => +OK
             sort s => -WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }

    #[test]
    fn by_other_keys() {
        Client::new().script(
            "sadd s a b c => :3
             mset w_a 3 w_b 1 w_c 2 => +OK
             hset h_a f x n 1 => :2
             sort s by w_* => *3 $1 b $1 c $1 a
             sort s by w_* get # get w_* get h_*->f => *9 $1 b $1 1 $-1 $1 c $1 2 $-1 $1 a $1 3 $1 x
             sort s by no_* => *3 $1 a $1 b $1 c
             sort s by h_*->n desc => *3 $1 a $1 c $1 b
             sort s by nosort store d => :3
             lrange d 0 -1 => *3 $1 a $1 b $1 c
             sort s by w_* get h_*->f store d => :3
             lrange d 0 -1 => *3 $0  $0  $1 x",
        );
    }

    #[test]
    fn a_sorted_set_keeps_the_order_of_its_scores() {
        Client::new().script(
            "zadd z 3 a 1 b 2 c => :3
             sort z by nosort => *3 $1 b $1 c $1 a
             sort z by nosort desc limit 0 2 => *2 $1 a $1 c
             sort z alpha => *3 $1 a $1 b $1 c",
        );
    }
}
