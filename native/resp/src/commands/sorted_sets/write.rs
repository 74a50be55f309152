//! Giving scores and removing members.

use super::{remove, reply_score, score, set_score};
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::{arguments, edge};
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::Kind;

/// The options of ZADD.
#[derive(Default)]
pub struct Options {
    /// Only members that are not there.
    pub nx: bool,
    /// Only members that are there.
    pub xx: bool,
    gt: bool,
    lt: bool,
    /// Reply how many changed, not how many are new.
    pub ch: bool,
    incr: bool,
}

impl Options {
    /// Sets the option named by a word; whether it is one.
    fn set(&mut self, word: &[u8]) -> bool {
        let flags: [(&[u8], &mut bool); 6] = [
            (b"NX", &mut self.nx),
            (b"XX", &mut self.xx),
            (b"GT", &mut self.gt),
            (b"LT", &mut self.lt),
            (b"CH", &mut self.ch),
            (b"INCR", &mut self.incr),
        ];
        for (name, flag) in flags {
            if word.eq_ignore_ascii_case(name) {
                *flag = true;
                return true;
            }
        }
        false
    }

    /// What is to be done for a member with score `old` that is given `given`.
    fn decide(&self, old: Option<f64>, given: f64) -> Result<Change, Abort> {
        let Some(old) = old else {
            return Ok(if self.xx {
                Change::Refused
            } else {
                Change::To(given)
            });
        };
        if self.nx {
            return Ok(Change::Refused);
        }
        let new = if self.incr { old + given } else { given };
        if new.is_nan() {
            return Err(Abort::error("ERR resulting score is not a number (NaN)"));
        }
        if (self.lt && new >= old) || (self.gt && new <= old) {
            return Ok(Change::Refused);
        }
        Ok(if new == old {
            Change::Same
        } else {
            Change::To(new)
        })
    }
}

enum Change {
    Refused,
    Same,
    To(f64),
}

/// ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]
pub(super) fn zadd(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let mut options = Options::default();
    let mut first = 2;
    while args.get(first).is_some_and(|word| options.set(word)) {
        first += 1;
    }
    let rest = args.len() - first;
    if rest == 0 || !rest.is_multiple_of(2) {
        return Err(errors::syntax());
    }
    if options.nx && options.xx {
        return Err(Abort::error(
            "ERR XX and NX options at the same time are not compatible",
        ));
    }
    if (options.nx && (options.gt || options.lt)) || (options.gt && options.lt) {
        return Err(Abort::error(
            "ERR GT, LT, and/or NX options at the same time are not compatible",
        ));
    }
    if options.incr && rest > 2 {
        return Err(Abort::error(
            "ERR INCR option supports a single increment-element pair",
        ));
    }
    add(cx, &options, first)
}

/// ZINCRBY key increment member
pub(super) fn zincrby(cx: &mut Context<'_, '_>) -> Outcome {
    let options = Options {
        incr: true,
        ..Options::default()
    };
    add(cx, &options, 2)
}

/// Adds the (score, member) pairs from argument `first` on.
fn add(cx: &mut Context<'_, '_>, options: &Options, first: usize) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    // All scores are read before anything is changed; those behind the first once more below.
    let first_score = arguments::float(args.at(first))?;
    for i in (first + 2..args.len()).step_by(2) {
        arguments::float(args.at(i))?;
    }
    let pairs = (first..args.len()).step_by(2).map(|i| {
        let score = match i == first {
            true => first_score,
            false => arguments::float(args.at(i))?,
        };
        Ok((score, args.at(i + 1)))
    });
    put(cx, key, options, pairs)
}

/// Gives members scores, and replies as ZADD does.
pub(super) fn put<'a>(
    cx: &mut Context<'_, '_>,
    key: &[u8],
    options: &Options,
    pairs: impl Iterator<Item = Result<(f64, &'a [u8]), Abort>>,
) -> Outcome {
    let mut set = match edge::open(cx, key, Kind::SortedSet)? {
        Some(set) => set,
        None if options.xx => {
            if options.incr {
                cx.reply.null();
            } else {
                cx.reply.integer(0);
            }
            return Ok(());
        }
        None => cx.turn.draft_edge(Kind::SortedSet),
    };
    let before = set.count;
    let mut updated = 0;
    let mut result = None;
    let mut place = KeyBuf::new();
    for pair in pairs {
        let (given, member) = pair?;
        let old = score(cx.turn, cx.app, &set, member, &mut place)?;
        match options.decide(old, given)? {
            Change::Refused => {}
            Change::Same => result = old,
            Change::To(new) => {
                set_score(cx, &mut set, member, (old, new), &mut place)?;
                result = Some(new);
                updated += u64::from(old.is_some());
            }
        }
    }
    let added = set.count - before;
    if added + updated > 0 {
        cx.turn.put_header(cx.app, key, &set)?;
    }
    if options.incr {
        match result {
            Some(score) => reply_score(cx.reply, score),
            None => cx.reply.null(),
        }
    } else {
        let changed = if options.ch { added + updated } else { added };
        cx.reply.integer(changed as i64);
    }
    Ok(())
}

/// ZREM key member [member ...]
pub(super) fn zrem(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let Some(mut set) = edge::open(cx, key, Kind::SortedSet)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let before = set.count;
    let mut place = KeyBuf::new();
    for member in args.from(2).iter() {
        if let Some(old) = score(cx.turn, cx.app, &set, member, &mut place)? {
            remove(cx.turn, cx.app, &mut set, member, old, &mut place)?;
        }
    }
    if set.count != before {
        edge::close(cx, key, &set)?;
    }
    cx.reply.integer((before - set.count) as i64);
    Ok(())
}
