//! Adding entries and taking them away: XADD, XTRIM, XDEL, XSETID.

use super::entries::{self, Stream, ID};
use super::ids::{self, reply_id, Wish};
use crate::args::Args;
use crate::command::{errors, Abort, Context, Outcome};
use crate::commands::arguments::{integer, wrong_arity};
use crate::commands::edge;
use hyperdb_graph::stream::{encode_fields, last_id, set_last_id, Id};
use hyperdb_graph::{Direction, Header, Kind, Step, Turn};
use std::ops::ControlFlow;

/// Nodes that approximate trimming removes at most unless told otherwise.
const APPROXIMATE_NODES: u64 = 100;
/// As entries, when nodes hold any number of them, and at most.
const APPROXIMATE_ENTRIES: u64 = 10_000;
const MOST_APPROXIMATE_ENTRIES: u64 = 1_000_000;

/// Which entries stay.
#[derive(Clone, Copy)]
enum Keep {
    /// The newest so many.
    Newest(u64),
    /// Those from this id on.
    From(Id),
}

/// How to trim.
#[derive(Clone, Copy)]
struct Trim {
    keep: Keep,
    /// `~`: only whole nodes of Redis's tree, and at most so many entries.
    approximately: Option<Option<u64>>,
    /// Most entries of a node; 0: any number.
    node: u64,
}

/// Options of XADD and XTRIM as they are read.
#[derive(Default)]
struct Options {
    keep: Option<Keep>,
    approximate: bool,
    limit: Option<u64>,
    no_mkstream: bool,
}

impl Options {
    /// Reads options from argument 2 on, of XADD up to the id; where it stopped.
    fn parse(args: &Args<'_>, adding: bool) -> Result<(Options, usize), Abort> {
        let mut options = Options::default();
        let mut i = 2;
        while i < args.len() {
            let more = args.len() - 1 - i;
            if adding && args.at(i) == b"*" {
                break;
            } else if (args.is(i, "MAXLEN") || args.is(i, "MINID")) && more > 0 {
                i = options.threshold(args, i)?;
            } else if args.is(i, "LIMIT") && more > 0 {
                let limit = u64::try_from(integer(args.at(i + 1))?)
                    .map_err(|_| Abort::error("ERR The LIMIT argument must be >= 0."))?;
                options.limit = Some(limit);
                i += 1;
            } else if adding && args.is(i, "NOMKSTREAM") {
                options.no_mkstream = true;
            } else if adding {
                break;
            } else {
                return Err(errors::syntax());
            }
            i += 1;
        }
        Ok((options, i))
    }

    /// `MAXLEN|MINID [=|~] threshold` at argument `i`; where the threshold is.
    fn threshold(&mut self, args: &Args<'_>, i: usize) -> Result<usize, Abort> {
        if self.keep.is_some() {
            return Err(Abort::error(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let sign = (args.len() - 1 - i >= 2).then(|| args.at(i + 1));
        self.approximate = sign == Some(b"~");
        let at = if matches!(sign, Some(b"~" | b"=")) {
            i + 2
        } else {
            i + 1
        };
        self.keep = Some(if args.is(i, "MAXLEN") {
            let length = u64::try_from(integer(args.at(at))?)
                .map_err(|_| Abort::error("ERR The MAXLEN argument must be >= 0."))?;
            Keep::Newest(length)
        } else {
            Keep::From(ids::strict(args.at(at))?)
        });
        Ok(at)
    }

    /// What is asked for; `node` is the most entries of a node.
    fn trim(&self, adding: bool, node: u64) -> Result<Option<Trim>, Abort> {
        let Some(keep) = self.keep else {
            return match self.limit {
                Some(limit) if limit > 0 => Err(Abort::error(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                )),
                _ if !adding => Err(Abort::error(
                    "ERR syntax error, XTRIM must be called with a trimming strategy",
                )),
                Some(_) => Err(limit_needs_approximation()),
                None => Ok(None),
            };
        };
        if self.limit.is_some() && !self.approximate {
            return Err(limit_needs_approximation());
        }
        let limit = match self.limit {
            None if node == 0 => Some(APPROXIMATE_ENTRIES),
            None => {
                let entries = node.saturating_mul(APPROXIMATE_NODES);
                Some(entries.min(MOST_APPROXIMATE_ENTRIES))
            }
            Some(0) => None,
            given => given,
        };
        Ok(Some(Trim {
            keep,
            approximately: self.approximate.then_some(limit),
            node,
        }))
    }
}

fn limit_needs_approximation() -> Abort {
    Abort::error("ERR syntax error, LIMIT cannot be used without the special ~ option")
}

/// XADD key [NOMKSTREAM] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id field value [field value ...]
pub(super) fn xadd(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let (options, at) = Options::parse(&args, true)?;
    let wish = args.get(at).map(ids::wish).transpose()?;
    let trim = options.trim(true, cx.forms.limits.stream_entries)?;
    let words = args.len().saturating_sub(at + 1);
    let Some(wish) = wish.filter(|_| words >= 2 && words.is_multiple_of(2)) else {
        return Err(wrong_arity("xadd"));
    };
    if wish == Wish::Exactly(Id::MIN) {
        return Err(Abort::error(
            "ERR The ID specified in XADD must be greater than 0-0",
        ));
    }
    let mut header = match edge::open(cx, key, Kind::Stream)? {
        Some(header) => header,
        None if options.no_mkstream => {
            cx.reply.null();
            return Ok(());
        }
        None => cx.turn.draft_edge(Kind::Stream),
    };
    let id = choose(wish, last_id(&header), cx.turn.now_ms())?;
    let record = encode_fields(words / 2, args.from(at + 1).iter());
    cx.turn
        .insert_member(cx.app, header.cid, &id.to_bytes(), &record)?;
    header.count += 1;
    header.bytes += ID + record.len() as u64;
    set_last_id(&mut header, id);
    cx.turn.put_header(cx.app, key, &header)?;
    if let Some(trim) = trim.filter(|trim| trim.may_apply(&header)) {
        let mut stream = Stream::load(cx.turn, cx.app, header)?;
        if trim.apply(cx.turn, &mut stream)? > 0 {
            cx.effects.trimmed = true;
            stream.removed(cx.turn, key)?;
        }
    }
    reply_id(cx.reply, id);
    Ok(())
}

/// The id of a new entry.
fn choose(wish: Wish, last: Id, now_ms: i64) -> Result<Id, Abort> {
    if last == Id::MAX {
        return Err(Abort::error(
            "ERR The stream has exhausted the last possible ID, unable to add more items",
        ));
    }
    let too_small = || {
        Abort::error(
            "ERR The ID specified in XADD is equal or smaller than the target stream top item",
        )
    };
    let id = match wish {
        Wish::Exactly(id) => id,
        Wish::Within(ms) if ms == last.ms => Id {
            ms,
            seq: last.seq.checked_add(1).ok_or_else(too_small)?,
        },
        Wish::Within(ms) => Id { ms, seq: 0 },
        Wish::Automatic => {
            let now = u64::try_from(now_ms).unwrap_or(0);
            match last.next() {
                Some(next) if now <= last.ms => next,
                _ => Id { ms: now, seq: 0 },
            }
        }
    };
    if id <= last {
        return Err(too_small());
    }
    Ok(id)
}

impl Trim {
    /// Whether there can be anything to remove, as far as the header tells.
    fn may_apply(&self, header: &Header) -> bool {
        match self.keep {
            Keep::Newest(length) => header.count > length,
            Keep::From(_) => header.count > 0,
        }
    }

    /// How many of the first `count` entries fill their nodes, but for the last node: a new one begins after every so many
    /// entries that were added. As many as were removed lie before the first, unless some were taken from the middle.
    fn whole_nodes(&self, stream: &Stream, count: u64) -> u64 {
        if self.node == 0 {
            return 0;
        }
        let begun = stream.state.removed % self.node;
        ((begun + count) / self.node * self.node).saturating_sub(begun)
    }

    /// Removes what is not to stay; how many.
    fn apply(&self, turn: &mut Turn<'_>, stream: &mut Stream) -> Step<u64> {
        let most = match self.keep {
            Keep::Newest(length) => stream.header.count.saturating_sub(length),
            Keep::From(_) => stream.header.count,
        };
        let most = match self.approximately {
            Some(Some(limit)) => most.min(limit),
            _ => most,
        };
        let mut doomed: Vec<(Id, u64)> = Vec::new();
        if most > 0 {
            stream.walk(turn, Id::MIN, Id::MAX, Direction::Forward, |id, record| {
                if matches!(self.keep, Keep::From(first) if id >= first) {
                    return ControlFlow::Break(());
                }
                doomed.push((id, record.len() as u64));
                if doomed.len() as u64 >= most {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })?;
        }
        if self.approximately.is_some() && (doomed.len() as u64) < stream.header.count {
            let whole = self.whole_nodes(stream, doomed.len() as u64);
            doomed.truncate(usize::try_from(whole).unwrap_or(usize::MAX));
        }
        for (id, len) in &doomed {
            stream.drop_known(turn, *id, *len)?;
        }
        Ok(doomed.len() as u64)
    }
}

/// XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT count]
pub(super) fn xtrim(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let (options, _) = Options::parse(&args, false)?;
    let trim = options.trim(false, cx.forms.limits.stream_entries)?;
    let mut removed = 0;
    if let (Some(mut stream), Some(trim)) = (entries::open(cx, key)?, trim) {
        removed = trim.apply(cx.turn, &mut stream)?;
        if removed > 0 {
            stream.removed(cx.turn, key)?;
        }
    }
    cx.reply.integer(removed as i64);
    Ok(())
}

/// XDEL key id [id ...]
pub(super) fn xdel(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let Some(mut stream) = entries::open(cx, key)? else {
        cx.reply.integer(0);
        return Ok(());
    };
    let ids: Vec<Id> = args
        .from(2)
        .iter()
        .map(ids::strict)
        .collect::<Result<_, _>>()?;
    let mut removed = 0;
    for id in ids {
        if stream.remove(cx.turn, id)? {
            stream.state.max_removed = stream.state.max_removed.max(id);
            removed += 1;
        }
    }
    if removed > 0 {
        stream.removed(cx.turn, key)?;
    }
    cx.reply.integer(removed);
    Ok(())
}

/// XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]
pub(super) fn xsetid(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let key = args.at(1);
    let id = ids::strict(args.at(2))?;
    let (mut added, mut max_removed) = (None, None);
    let mut i = 3;
    while i < args.len() {
        let Some(value) = args.get(i + 1) else {
            return Err(errors::syntax());
        };
        if args.is(i, "ENTRIESADDED") {
            let number = u64::try_from(integer(value)?);
            added = Some(number.map_err(|_| Abort::error("ERR entries_added must be positive"))?);
        } else if args.is(i, "MAXDELETEDID") {
            let removed = ids::strict(value)?;
            if id < removed {
                return Err(Abort::error(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
            max_removed = Some(removed).filter(|removed| *removed != Id::MIN);
        } else {
            return Err(errors::syntax());
        }
        i += 2;
    }
    let Some(mut stream) = entries::open(cx, key)? else {
        return Err(Abort::error("ERR no such key"));
    };
    if id < stream.state.max_removed {
        return Err(Abort::error(
            "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ));
    }
    if let Some(top) = stream.edge(cx.turn, Direction::Reverse)? {
        if id < top {
            return Err(Abort::error(
                "ERR The ID specified in XSETID is smaller than the target stream top item",
            ));
        }
        if added.is_some_and(|added| added < stream.header.count) {
            return Err(Abort::error(
                "ERR The entries_added specified in XSETID is smaller than the target stream length",
            ));
        }
    }
    if let Some(added) = added {
        stream.state.removed = added - stream.header.count;
    }
    if let Some(removed) = max_removed {
        stream.state.max_removed = removed;
    }
    // A last id that is lower than before lets entries come below the floor.
    if stream.header.count == 0 {
        stream.state.floor = Id::MIN;
    }
    set_last_id(&mut stream.header, id);
    stream.save(cx.turn, key)?;
    cx.reply.ok();
    Ok(())
}
