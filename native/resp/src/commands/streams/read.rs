//! Reading what is new, alone or for a consumer group, and waiting for it: XREAD, XREADGROUP.
//!
//! **Theory.** A client that waits has its request run again when one of its keys is touched. `$` means the end as it was at the
//! first run, so the ids that it stood for go with the wait and are used instead in later runs. A consumer is made, and seen, at the
//! first run, whether or not there is anything for it; a run that only finds nothing again writes nothing, so it wakes nobody.

use super::entries::{self, Stream};
use super::groups::{self, Open, Progress};
use super::ids::{self, reply_id};
use crate::command::{errors, Abort, Block, Context, OnTimeout, Outcome};
use crate::commands::arguments::integer;
use crate::commands::blocking;
use hyperdb_graph::stream::{Consumer, Id, Pending};
use hyperdb_graph::{Direction, Step};
use std::ops::{ControlFlow, Range};

/// From where a stream is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// Behind this id; for a group: what this consumer has pending behind it.
    Behind(Id),
    /// `>`: what was not delivered to the group.
    New,
}

/// A stream as it was found, with the group of the reader if there is one.
struct Found<'a> {
    from: From,
    stream: Option<Stream>,
    open: Option<Open<'a>>,
}

/// A reader in a group.
#[derive(Clone, Copy)]
struct Reader<'a> {
    group: &'a [u8],
    consumer: &'a [u8],
}

/// The arguments of both commands.
struct Request<'a> {
    reader: Option<Reader<'a>>,
    /// At most so many entries of each stream.
    limit: Option<u64>,
    /// To wait, and how long, milliseconds.
    block: Option<Option<u64>>,
    no_ack: bool,
    keys: Range<usize>,
}

/// XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]
pub(super) fn xread(cx: &mut Context<'_, '_>) -> Outcome {
    let request = Request::parse(cx, false)?;
    let found = request.resolve(cx)?;
    request.run(cx, found)
}

/// XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]
pub(super) fn xreadgroup(cx: &mut Context<'_, '_>) -> Outcome {
    let request = Request::parse(cx, true)?;
    let found = request.resolve(cx)?;
    request.run(cx, found)
}

fn only_for_groups(option: &str) -> Abort {
    Abort::error(format!(
        "ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
    ))
}

impl<'a> Request<'a> {
    fn parse(cx: &Context<'a, '_>, in_group: bool) -> Result<Request<'a>, Abort> {
        let args = cx.args;
        let mut request = Request {
            reader: None,
            limit: None,
            block: None,
            no_ack: false,
            keys: 0..0,
        };
        let mut i = 1;
        while i < args.len() {
            let more = args.len() - i - 1;
            if args.is(i, "BLOCK") && more > 0 {
                i += 1;
                request.block = Some(blocking::milliseconds(args.at(i), cx.turn.now_ms())?);
            } else if args.is(i, "COUNT") && more > 0 {
                i += 1;
                let count = u64::try_from(integer(args.at(i))?).unwrap_or(0);
                request.limit = (count > 0).then_some(count);
            } else if args.is(i, "STREAMS") && more > 0 {
                if !more.is_multiple_of(2) {
                    let (name, symbol) = match in_group {
                        true => ("xreadgroup", '>'),
                        false => ("xread", '$'),
                    };
                    return Err(Abort::error(format!(
                        "ERR Unbalanced '{name}' list of streams: for each stream key an ID or '{symbol}' must be specified."
                    )));
                }
                request.keys = i + 1..i + 1 + more / 2;
                break;
            } else if args.is(i, "GROUP") && more >= 2 {
                if !in_group {
                    return Err(only_for_groups("GROUP"));
                }
                request.reader = Some(Reader {
                    group: args.at(i + 1),
                    consumer: args.at(i + 2),
                });
                i += 2;
            } else if args.is(i, "NOACK") {
                if !in_group {
                    return Err(only_for_groups("NOACK"));
                }
                request.no_ack = true;
            } else {
                return Err(errors::syntax());
            }
            i += 1;
        }
        if request.keys.is_empty() {
            return Err(errors::syntax());
        }
        if in_group && request.reader.is_none() {
            return Err(Abort::error("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(request)
    }

    /// From where each stream is read; of a client that waited, from where it was at first.
    fn resolve(&self, cx: &Context<'a, '_>) -> Result<Vec<Found<'a>>, Abort> {
        let seen = cx.resume.unwrap_or_default();
        let mut seen = seen.chunks_exact(16).map(Id::from_bytes);
        let places = self.keys.clone().zip(self.keys.end..);
        places
            .map(|(key, id)| {
                let mut found = self.find(cx, cx.args.at(key), cx.args.at(id))?;
                let before = seen.next().flatten();
                if let (None, Some(id)) = (self.reader, before) {
                    found.from = From::Behind(id);
                }
                Ok(found)
            })
            .collect()
    }

    fn find(&self, cx: &Context<'a, '_>, key: &[u8], text: &[u8]) -> Result<Found<'a>, Abort> {
        let stream = entries::open(cx, key)?;
        let mut open = None;
        if let Some(reader) = self.reader {
            if let Some(stream) = &stream {
                open = groups::find(cx.turn, stream, reader.group)?;
            }
            if open.is_none() {
                return Err(Abort::error(format!(
                    "NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option",
                    groups::shown(key),
                    groups::shown(reader.group)
                )));
            }
        }
        let last = stream.as_ref().map_or(Id::MIN, Stream::last);
        Ok(Found {
            from: self.place(text, last)?,
            stream,
            open,
        })
    }

    /// From where a text says to read a stream that ends with `last`.
    fn place(&self, text: &[u8], last: Id) -> Result<From, Abort> {
        match (text, self.reader) {
            (b"$", None) => Ok(From::Behind(last)),
            (b"$", Some(_)) => Err(Abort::error(
                "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
            )),
            (b">", Some(_)) => Ok(From::New),
            (b">", None) => Err(Abort::error(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
            )),
            (text, Some(_)) => Ok(match ids::strict(text)? {
                Id::MAX => From::New,
                id => From::Behind(id),
            }),
            (text, None) => ids::strict(text).map(From::Behind),
        }
    }

    fn run(&self, cx: &mut Context<'_, '_>, mut found: Vec<Found<'a>>) -> Outcome {
        let args = cx.args;
        let start = cx.reply.buffer.len();
        let mut served = 0;
        // A key that is named twice must be read again, since the first of them changes the group.
        let is_one = found.len() == 1;
        for (key, found) in self.keys.clone().map(|i| args.at(i)).zip(&mut found) {
            let from = found.from;
            let at = cx.reply.buffer.len();
            if !cx.reply.resp3 {
                cx.reply.array(2);
            }
            cx.reply.bulk(key);
            let has_some = match self.reader {
                None => match &found.stream {
                    Some(stream) => read(cx, stream, from, self.limit)?,
                    None => false,
                },
                Some(reader) => {
                    if !is_one {
                        found.stream = entries::open(cx, key)?;
                        found.open = match &found.stream {
                            Some(stream) => groups::find(cx.turn, stream, reader.group)?,
                            None => None,
                        };
                    }
                    match (&found.stream, &mut found.open) {
                        (Some(stream), Some(open)) => {
                            self.read_for_group(cx, key, from, (stream, open), reader)?
                        }
                        _ => false,
                    }
                }
            };
            if has_some {
                served += 1;
            } else {
                cx.reply.buffer.truncate(at);
            }
        }
        if served > 0 {
            if cx.reply.resp3 {
                cx.reply.insert_map(start, served);
            } else {
                cx.reply.insert_array(start, served);
            }
            return Ok(());
        }
        match self.block {
            Some(timeout_ms) if !cx.must_not_block => Err(Abort::Block(Block {
                keys: self.keys.clone().map(|i| args.at(i).into()).collect(),
                timeout_ms,
                on_timeout: OnTimeout::NullArray,
                keeps_changes: true,
                if_gone: self.reader.is_some(),
                resume: found
                    .iter()
                    .flat_map(|found| found.from.to_bytes())
                    .collect(),
            })),
            _ => {
                cx.reply.null_array();
                Ok(())
            }
        }
    }

    /// Replies what a group has for a consumer; whether that is anything.
    fn read_for_group(
        &self,
        cx: &mut Context<'_, '_>,
        key: &[u8],
        from: From,
        (stream, open): (&Stream, &mut Open<'_>),
        reader: Reader<'_>,
    ) -> Result<bool, Abort> {
        let mut greeted = open.greet(cx.turn, stream, reader.consumer)?;
        let has_some = match from {
            From::Behind(id) => {
                self.reply_history(cx, stream, open, reader.consumer, id)?;
                true
            }
            From::New => {
                self.deliver(cx, stream, open, (reader.consumer, &mut greeted.consumer))?
            }
        };
        if has_some || cx.woken_by.is_none() {
            open.put_consumer(cx.turn, stream, reader.consumer, &greeted)?;
            if greeted.is_new {
                cx.effects.made_consumers.push(key.into());
            }
            open.save(cx.turn, stream)?;
            cx.turn.put_header(cx.app, key, &stream.header)?;
        }
        Ok(has_some)
    }

    /// Replies entries that were not delivered to the group yet, which become pending; whether there are any.
    fn deliver(
        &self,
        cx: &mut Context<'_, '_>,
        stream: &Stream,
        open: &mut Open<'_>,
        (name, consumer): (&[u8], &mut Consumer),
    ) -> Step<bool> {
        let Some(start) = open.group.last.next() else {
            return Ok(false);
        };
        let forward = Direction::Forward;
        let ids = stream.reply_range(cx.turn, cx.reply, (start, Id::MAX), self.limit, forward)?;
        if ids.is_empty() {
            return Ok(false);
        }
        let progress = Progress::for_reader(cx.turn, stream, &open.group)?;
        let pending = Pending {
            delivered: cx.turn.now_ms(),
            deliveries: 1,
            consumer: name.to_vec(),
        };
        let mut delivery = open.delivery(&pending);
        for id in ids {
            open.group.read = progress.after(open.group.read, id);
            open.group.last = id;
            if self.no_ack {
                continue;
            }
            if !open.deliver(cx.turn, stream, id, &mut delivery, consumer)? {
                // An administrator set the group back: the entry is somebody's already.
                let old = open.pending(cx.turn, stream, id)?;
                open.assign(cx.turn, stream, (id, old.as_ref()), &pending, consumer)?;
            }
            consumer.active = pending.delivered;
        }
        Ok(true)
    }

    /// Replies what a consumer has pending; null for the fields of entries that are no more.
    fn reply_history(
        &self,
        cx: &mut Context<'_, '_>,
        stream: &Stream,
        open: &Open<'_>,
        name: &[u8],
        behind: Id,
    ) -> Step<()> {
        let mut held = Vec::new();
        if let Some(start) = behind.next() {
            open.walk_pending(
                cx.turn,
                stream,
                Some(name),
                (start, Id::MAX),
                |id, pending| {
                    held.push((id, pending));
                    if self.limit.is_some_and(|limit| held.len() as u64 >= limit) {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                },
            )?;
        }
        cx.reply.array(held.len());
        for (id, mut pending) in held {
            if stream.reply_one(cx.turn, cx.reply, id)? {
                pending.delivered = cx.turn.now_ms();
                pending.deliveries = pending.deliveries.saturating_add(1);
                open.put_pending(cx.turn, stream, id, &pending)?;
            } else {
                cx.reply.array(2);
                reply_id(cx.reply, id);
                cx.reply.null_array();
            }
        }
        Ok(())
    }
}

impl From {
    fn to_bytes(self) -> [u8; 16] {
        match self {
            From::Behind(id) => id.to_bytes(),
            From::New => Id::MAX.to_bytes(),
        }
    }
}

/// Replies the entries behind an id; whether there are any.
fn read(
    cx: &mut Context<'_, '_>,
    stream: &Stream,
    from: From,
    limit: Option<u64>,
) -> Result<bool, Abort> {
    let From::Behind(id) = from else {
        return Ok(false);
    };
    let Some(start) = id.next() else {
        return Ok(false);
    };
    let range = (start, Id::MAX);
    let ids = stream.reply_range(cx.turn, cx.reply, range, limit, Direction::Forward)?;
    Ok(!ids.is_empty())
}
