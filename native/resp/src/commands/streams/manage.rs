//! Making and removing consumer groups and their consumers: XGROUP.

use super::entries::{self, Stream};
use super::groups::{self, Open};
use super::ids;
use crate::args::Args;
use crate::command::{Abort, Context, Outcome};
use crate::commands::arguments::{integer, misused};
use hyperdb_graph::stream::Id;
use hyperdb_graph::Kind;

/// The options of CREATE and SETID.
#[derive(Default)]
struct Options {
    make: bool,
    read: Option<u64>,
}

impl Options {
    fn parse(args: &Args<'_>, creating: bool) -> Result<Options, Abort> {
        let mut options = Options::default();
        let mut i = 5;
        while i < args.len() {
            if creating && args.is(i, "MKSTREAM") {
                options.make = true;
                i += 1;
            } else if let (true, Some(value)) = (args.is(i, "ENTRIESREAD"), args.get(i + 1)) {
                options.read = match integer(value)? {
                    -1 => None,
                    read => Some(u64::try_from(read).map_err(|_| {
                        Abort::error("ERR value for ENTRIESREAD must be positive or -1")
                    })?),
                };
                i += 2;
            } else {
                return Err(misused(args));
            }
        }
        Ok(options)
    }
}

fn no_stream() -> Abort {
    Abort::error(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
    )
}

/// The stream and the group that a subcommand is about.
fn require<'n>(cx: &Context<'n, '_>) -> Result<(Stream, Open<'n>), Abort> {
    let (key, name) = (cx.args.at(2), cx.args.at(3));
    let stream = entries::open(cx, key)?.ok_or_else(no_stream)?;
    match groups::find(cx.turn, &stream, name)? {
        Some(open) => Ok((stream, open)),
        None => Err(no_group(key, name)),
    }
}

/// The error of a stream that has no such group.
pub(super) fn no_group(key: &[u8], name: &[u8]) -> Abort {
    Abort::error(format!(
        "NOGROUP No such consumer group '{}' for key name '{}'",
        groups::shown(name),
        groups::shown(key)
    ))
}

/// XGROUP CREATE key group id | $ [MKSTREAM] [ENTRIESREAD entries-read]
pub(super) fn create(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let (key, name) = (args.at(2), args.at(3));
    let options = Options::parse(&args, true)?;
    let found = entries::open(cx, key)?;
    if found.is_none() && !options.make {
        return Err(no_stream());
    }
    // One option too many is refused behind what it would be refused for without.
    if args.len() > 8 {
        return Err(misused(&args));
    }
    let last = match args.at(4) {
        b"$" => found.as_ref().map_or(Id::MIN, Stream::last),
        text => ids::strict(text)?,
    };
    let stream = match found {
        Some(stream) => stream,
        None => {
            let header = cx.turn.draft_edge(Kind::Stream);
            Stream::load(cx.turn, cx.app, header)?
        }
    };
    if groups::find(cx.turn, &stream, name)?.is_some() {
        return Err(Abort::error("BUSYGROUP Consumer Group name already exists"));
    }
    groups::create(cx.turn, &stream, name, last, options.read)?;
    cx.turn.put_header(cx.app, key, &stream.header)?;
    cx.reply.ok();
    Ok(())
}

/// XGROUP SETID key group id | $ [ENTRIESREAD entries-read]
pub(super) fn setid(cx: &mut Context<'_, '_>) -> Outcome {
    let args = cx.args;
    let options = Options::parse(&args, false)?;
    let (stream, mut open) = require(cx)?;
    open.group.last = match args.at(4) {
        b"$" => stream.last(),
        text => ids::open(text, 0)?,
    };
    open.group.read = options.read;
    open.save(cx.turn, &stream)?;
    cx.turn.put_header(cx.app, args.at(2), &stream.header)?;
    cx.reply.ok();
    Ok(())
}

/// XGROUP DESTROY key group
pub(super) fn destroy(cx: &mut Context<'_, '_>) -> Outcome {
    let (key, name) = (cx.args.at(2), cx.args.at(3));
    let stream = entries::open(cx, key)?.ok_or_else(no_stream)?;
    let found = groups::find(cx.turn, &stream, name)?;
    cx.reply.integer(i64::from(found.is_some()));
    if let Some(open) = found {
        open.destroy(cx.turn, &stream)?;
        cx.turn.put_header(cx.app, key, &stream.header)?;
    }
    Ok(())
}

/// XGROUP CREATECONSUMER key group consumer
pub(super) fn createconsumer(cx: &mut Context<'_, '_>) -> Outcome {
    let name = cx.args.at(4);
    let (stream, mut open) = require(cx)?;
    let is_new = open.consumer(cx.turn, &stream, name)?.is_none();
    if is_new {
        let greeted = open.greet(cx.turn, &stream, name)?;
        open.put_consumer(cx.turn, &stream, name, &greeted)?;
        open.save(cx.turn, &stream)?;
        cx.turn.put_header(cx.app, cx.args.at(2), &stream.header)?;
    }
    cx.reply.integer(i64::from(is_new));
    Ok(())
}

/// XGROUP DELCONSUMER key group consumer
pub(super) fn delconsumer(cx: &mut Context<'_, '_>) -> Outcome {
    let (stream, mut open) = require(cx)?;
    let removed = open.remove_consumer(cx.turn, &stream, cx.args.at(4))?;
    if removed.is_some() {
        open.save(cx.turn, &stream)?;
        cx.turn.put_header(cx.app, cx.args.at(2), &stream.header)?;
    }
    cx.reply.integer(removed.unwrap_or(0) as i64);
    Ok(())
}

/// XGROUP HELP
pub(super) fn help(cx: &mut Context<'_, '_>) -> Outcome {
    const LINES: [&str; 17] = [
        "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CREATE <key> <groupname> <id|$> [option]",
        "    Makes a consumer group that reads on from <id>, or from the end ($). Options are:",
        "    * MKSTREAM",
        "      Makes the stream, empty, if there is none.",
        "    * ENTRIESREAD entries_read",
        "      Says how many entries the group has read, for its lag.",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Makes a consumer in a group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Removes a consumer with its pending entries; replies how many these were.",
        "DESTROY <key> <groupname>",
        "    Removes a group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Says from where a group reads on.",
        "HELP",
        "    This text.",
    ];
    cx.reply.array(LINES.len());
    LINES.iter().for_each(|line| cx.reply.simple(line));
    Ok(())
}
