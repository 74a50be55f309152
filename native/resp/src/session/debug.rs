//! DEBUG: those subcommands that clients' suites use and that mean something here. They must be allowed when the server is started.

use super::{data_set, debug_values};
use crate::args::Args;
use crate::command::{errors, Abort, Context, Effects, Names};
use crate::commands::arguments::integer;
use crate::forms::Forms;
use crate::reply::Reply;
use crate::server::client::{Question, State};
use crate::server::commands::Run;
use crate::server::core::KEEP_BUFFERS_MS;
use crate::server::execute::{After, Call, Ran};
use crate::server::Debugging;
use std::time::Duration;

type Debug = fn(&mut Call<'_, '_>) -> Ran;

/// Longest that DEBUG SLEEP stops the server.
const LONGEST_SLEEP: f64 = 3600.0;
/// Bytes of a payload of DUMP that are not the value's: type, version, checksum.
const DUMP_AROUND: usize = 11;
/// Most bytes of QUICKLIST-PACKED-THRESHOLD.
const LARGEST_THRESHOLD: u64 = (1 << 32) - (1 << 20);

/// Name, how many arguments with DEBUG itself (negative: at least), how to call it, what it does.
const SUBCOMMANDS: &[(&str, i32, &str, &str, Debug)] = &[
    (
        "DIGEST",
        2,
        "DIGEST",
        "The digest of all data.",
        debug_values::whole,
    ),
    (
        "DIGEST-VALUE",
        -3,
        "DIGEST-VALUE <key> [<key> ...]",
        "The digests of values.",
        debug_values::values,
    ),
    ("ERROR", 3, "ERROR <string>", "Replies this error.", error),
    ("HELP", 2, "HELP", "This text.", help),
    (
        "LOADAOF",
        2,
        "LOADAOF",
        "As RELOAD: the log is the store.",
        reload,
    ),
    (
        "LOG",
        3,
        "LOG <message>",
        "Writes the message to standard error.",
        log,
    ),
    (
        "OBJECT",
        -3,
        "OBJECT <key>",
        "What Redis would say of a value's insides.",
        about,
    ),
    (
        "PAUSE-CRON",
        3,
        "PAUSE-CRON <0|1>",
        "Stops what the server does ten times a second, or goes on with it.",
        pause_cron,
    ),
    (
        "POPULATE",
        -3,
        "POPULATE <count> [<prefix>] [<size>]",
        "Makes so many strings prefix:N, of value:N or of so many bytes.",
        data_set::populate,
    ),
    (
        "PROTOCOL",
        3,
        "PROTOCOL <type>",
        "Replies a value of a type of the protocol.",
        protocol,
    ),
    (
        "QUICKLIST-PACKED-THRESHOLD",
        3,
        "QUICKLIST-PACKED-THRESHOLD <size>",
        "From what size on a list's value would have a node of its own; 0: when it fits into no other.",
        packed_threshold,
    ),
    (
        "RELOAD",
        -2,
        "RELOAD",
        "Waits until all is on the disk, and writes the memtables out.",
        reload,
    ),
    (
        "REPLYBUFFER",
        4,
        "REPLYBUFFER PEAK-RESET-TIME <NEVER|RESET|milliseconds> | RESIZING <0|1>",
        "When idle clients give their buffers back.",
        reply_buffer,
    ),
    (
        "SET-ACTIVE-EXPIRE",
        3,
        "SET-ACTIVE-EXPIRE <0|1>",
        "Whether expired keys are removed without being asked for.",
        active,
    ),
    (
        "SET-DISABLE-DENY-SCRIPTS",
        3,
        "SET-DISABLE-DENY-SCRIPTS <0|1>",
        "Whether scripts may call commands that they must not.",
        scripts_may_all,
    ),
    (
        "SET-SKIP-CHECKSUM-VALIDATION",
        3,
        "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
        "Whether RESTORE takes payloads with a wrong checksum.",
        skip_checksums,
    ),
    (
        "SLEEP",
        3,
        "SLEEP <seconds>",
        "Stops the server for so long; decimals allowed.",
        sleep,
    ),
];

/// DEBUG subcommand [argument ...]
pub(super) fn debug(call: &mut Call<'_, '_>) -> Ran {
    let allowed = match call.core.settings.debug {
        Debugging::Always => true,
        Debugging::Local => call.client().peer.is_local,
        Debugging::Never => false,
    };
    if !allowed {
        return Err(Abort::error(
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
             local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
        ));
    }
    let args = call.args;
    let found = SUBCOMMANDS.iter().find(|(name, arity, ..)| {
        let least = arity.unsigned_abs() as usize;
        args.is(1, name) && (args.len() == least || (*arity < 0 && args.len() > least))
    });
    match found {
        Some((.., run)) => run(call),
        None => {
            let shown = String::from_utf8_lossy(args.at(1));
            Err(Abort::error(format!(
                "ERR unknown subcommand or wrong number of arguments for '{shown}'. Try DEBUG HELP."
            )))
        }
    }
}

fn ok(call: &mut Call<'_, '_>) -> Ran {
    call.client().output.reply.ok();
    Ok(After::Done)
}

fn help(call: &mut Call<'_, '_>) -> Ran {
    let reply = &mut call.client().output.reply;
    reply.array(1 + 2 * SUBCOMMANDS.len());
    reply.simple("DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    for (_, _, syntax, what, _) in SUBCOMMANDS {
        reply.simple(syntax);
        reply.simple(&format!("    {what}"));
    }
    Ok(After::Done)
}

fn error(call: &mut Call<'_, '_>) -> Ran {
    let text = call.args.at(2);
    call.client().output.reply.error_bytes(text);
    Ok(After::Done)
}

fn log(call: &mut Call<'_, '_>) -> Ran {
    eprintln!("DEBUG LOG: {}", String::from_utf8_lossy(call.args.at(2)));
    ok(call)
}

fn sleep(call: &mut Call<'_, '_>) -> Ran {
    let seconds = std::str::from_utf8(call.args.at(2)).ok();
    let seconds = seconds.and_then(|text| text.parse::<f64>().ok());
    let seconds = seconds.filter(|seconds| seconds.is_finite());
    let seconds = seconds.ok_or_else(errors::not_a_float)?;
    let time = Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_SLEEP));
    std::thread::sleep(time);
    // Clients that are woken by what this turn did are woken then.
    call.core.now_ms += i64::try_from(time.as_millis()).unwrap_or(0);
    ok(call)
}

fn active(call: &mut Call<'_, '_>) -> Ran {
    let actively = integer(call.args.at(2))? != 0;
    call.core.active_expiry = actively;
    call.turn.expire_actively(actively);
    ok(call)
}

fn pause_cron(call: &mut Call<'_, '_>) -> Ran {
    call.core.debug.cron_paused = integer(call.args.at(2))? != 0;
    ok(call)
}

fn scripts_may_all(call: &mut Call<'_, '_>) -> Ran {
    call.core.debug.scripts_may_all = integer(call.args.at(2))? != 0;
    ok(call)
}

fn skip_checksums(call: &mut Call<'_, '_>) -> Ran {
    call.core.debug.skips_checksums = integer(call.args.at(2))? != 0;
    ok(call)
}

fn reply_buffer(call: &mut Call<'_, '_>) -> Ran {
    let args = call.args;
    let keep = if args.is(2, "PEAK-RESET-TIME") {
        if args.is(3, "NEVER") {
            None
        } else if args.is(3, "RESET") {
            Some(KEEP_BUFFERS_MS)
        } else {
            Some(integer(args.at(3))?)
        }
    } else if args.is(2, "RESIZING") {
        (integer(args.at(3))? != 0).then_some(KEEP_BUFFERS_MS)
    } else {
        return Err(errors::syntax());
    };
    call.core.debug.keep_buffers_ms = keep;
    ok(call)
}

fn packed_threshold(call: &mut Call<'_, '_>) -> Ran {
    let size = memory_size(call.args.at(2)).filter(|size| *size <= LARGEST_THRESHOLD);
    call.core.settings.forms.list_plain = size.ok_or_else(|| {
        Abort::error("ERR argument must be a memory value bigger than 1 and smaller than 4gb")
    })?;
    ok(call)
}

/// `5b`, `10kb`, `1m`: a number of bytes.
fn memory_size(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let unit = match &text[digits.len()..] {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// What is written out and read from there again is what SAVE writes.
fn reload(call: &mut Call<'_, '_>) -> Ran {
    if call.core.in_transaction {
        return Err(Abort::error(
            "ERR DEBUG RELOAD is not part of a transaction",
        ));
    }
    call.core.forms.borrow_mut().clear();
    call.core.ask(call.slot, vec![vec![b"save".to_vec()]]);
    call.client().state = State::Asking(Question::Command);
    Ok(After::Done)
}

/// What a command on keys replies, in RESP2.
pub(super) fn ask(call: &mut Call<'_, '_>, name: &[u8], args: Args<'_>) -> Result<Vec<u8>, Abort> {
    let commands = &call.core.commands;
    let Some(Run::Data(handler)) = commands.table.find(name).map(|row| commands.run(row)) else {
        return Err(Abort::error("ERR no such key"));
    };
    let db = call.client().db;
    let app = call.core.app(call.turn, db)?;
    let mut reply = Reply::new(false);
    handler(&mut Context {
        turn: call.turn,
        app,
        db,
        reply: &mut reply,
        args,
        must_not_block: true,
        woken_by: None,
        resume: None,
        random: &mut || 0,
        forms: Forms::new(&call.core.settings.forms, &call.core.forms),
        names: Names::All,
        effects: Effects::default(),
    })?;
    Ok(reply.buffer)
}

/// The text of a bulk string.
pub(super) fn bulk(reply: &[u8]) -> Option<&[u8]> {
    let end = reply.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let text = reply.get(end..)?;
    text.strip_suffix(b"\r\n")
}

fn about(call: &mut Call<'_, '_>) -> Ran {
    let missing = || Abort::error("ERR no such key");
    let encoding = ask(call, b"object|encoding", call.args)?;
    let encoding = bulk(&encoding).ok_or_else(missing)?;
    // Of the payload of DUMP: without the type before it, version and checksum behind it.
    let dumped = ask(call, b"dump", call.args.from(1))?;
    let len = bulk(&dumped).ok_or_else(missing)?.len();
    let len = len.saturating_sub(DUMP_AROUND);
    let encoding = String::from_utf8_lossy(encoding);
    // Redis tells an address and a clock of its eviction, of which there is none.
    let text = format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{len} lru:0 lru_seconds_idle:0"
    );
    call.client().output.reply.simple(&text);
    Ok(After::Done)
}

fn protocol(call: &mut Call<'_, '_>) -> Ran {
    let wanted = call.args.at(2).to_ascii_lowercase();
    let reply = &mut call.client().output.reply;
    match wanted.as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(b"3.141"),
        b"null" => reply.null(),
        b"array" => numbers(reply, Reply::array),
        b"set" => numbers(reply, Reply::set),
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => attributes(reply),
        b"push" if !reply.resp3 => {
            let text = "ERR RESP2 is not supported by this command";
            return Err(Abort::error(text));
        }
        b"push" => {
            reply.bulk(b"Some real reply following the push reply");
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
        }
        b"verbatim" => reply.verbatim(b"This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"bignum" => reply.big_number(b"1234567999999999999999999999999999999"),
        _ => {
            return Err(Abort::error(
                "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(After::Done)
}

fn numbers(reply: &mut Reply, announce: fn(&mut Reply, usize)) {
    announce(reply, 3);
    (0..3).for_each(|number| reply.integer(number));
}

/// Attributes are of RESP3 alone; the value that they are of follows.
fn attributes(reply: &mut Reply) {
    if reply.resp3 {
        reply.buffer.extend_from_slice(b"|1\r\n");
        reply.bulk(b"key-popularity");
        reply.array(2);
        reply.bulk(b"key:123");
        reply.integer(90);
    }
    reply.bulk(b"Some real reply following the attribute");
}
