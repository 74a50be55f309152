//! EVAL, EVALSHA, their read-only forms, and SCRIPT.

use super::cache::Script;
use super::run::{self, Job, Kind, Target};
use crate::command::{errors, Abort};
use crate::commands::numbers;
use crate::server::execute::{After, Call, Ran};
use std::rc::Rc;

/// EVAL script numkeys [key ...] [arg ...]
pub(super) fn eval(call: &mut Call<'_, '_>) -> Ran {
    let script = by_body(call);
    run(call, script, false)
}

/// EVAL_RO script numkeys [key ...] [arg ...]
pub(super) fn eval_ro(call: &mut Call<'_, '_>) -> Ran {
    let script = by_body(call);
    run(call, script, true)
}

/// EVALSHA sha1 numkeys [key ...] [arg ...]
pub(super) fn evalsha(call: &mut Call<'_, '_>) -> Ran {
    let script = by_digest(call);
    run(call, script, false)
}

/// EVALSHA_RO sha1 numkeys [key ...] [arg ...]
pub(super) fn evalsha_ro(call: &mut Call<'_, '_>) -> Ran {
    let script = by_digest(call);
    run(call, script, true)
}

type Found = Result<(Rc<Script>, usize), Abort>;

fn by_body(call: &mut Call<'_, '_>) -> Found {
    let keys = key_count(call)?;
    let script = call.core.scripting.scripts.of_body(call.args.at(1))?;
    Ok((script, keys))
}

fn by_digest(call: &mut Call<'_, '_>) -> Found {
    // Redis looks at the digest's length first, and at the digest itself last.
    let digest = call.args.at(1);
    let unknown = || Abort::error("NOSCRIPT No matching script. Please use EVAL.");
    if digest.len() != 40 {
        return Err(unknown());
    }
    let keys = key_count(call)?;
    let script = call.core.scripting.scripts.of_digest(digest);
    Ok((script.ok_or_else(unknown)?, keys))
}

fn key_count(call: &Call<'_, '_>) -> Result<usize, Abort> {
    key_count_or(call, errors::not_an_integer)
}

/// How many keys follow, checked against the arguments that there are.
pub(super) fn key_count_or(
    call: &Call<'_, '_>,
    no_number: impl FnOnce() -> Abort,
) -> Result<usize, Abort> {
    let said = numbers::parse_i64(call.args.at(2)).ok_or_else(no_number)?;
    let most = call.args.len() - 3;
    if said > most as i64 {
        return Err(Abort::error(
            "ERR Number of keys can't be greater than number of args",
        ));
    }
    usize::try_from(said).map_err(|_| Abort::error("ERR Number of keys can't be negative"))
}

fn run(call: &mut Call<'_, '_>, found: Found, read_only: bool) -> Ran {
    let (script, keys) = found?;
    if read_only && !script.promises.no_writes && !script.promises.unsaid {
        return Err(Abort::error(
            "ERR Can not execute a script with write flag using *_ro command.",
        ));
    }
    let engine = call.core.scripting.scripts.engine()?;
    let digest = script.digest;
    run::run(
        call,
        &Job {
            engine: &engine,
            target: Target::Script(&script.function),
            kind: Kind::Script,
            name: std::str::from_utf8(&digest).unwrap_or_default(),
            keys,
            read_only: read_only || script.promises.no_writes,
            promises: script.promises,
        },
    )
}

/// SCRIPT LOAD script
pub(super) fn load(call: &mut Call<'_, '_>) -> Ran {
    let script = call.core.scripting.scripts.load(call.args.at(2))?;
    call.client().output.reply.bulk(&script.digest);
    Ok(After::Done)
}

/// SCRIPT EXISTS sha1 [sha1 ...]
pub(super) fn exists(call: &mut Call<'_, '_>) -> Ran {
    let digests = call.args.from(2);
    let scripts = &call.core.scripting.scripts;
    let known: Vec<bool> = digests
        .iter()
        .map(|digest| scripts.of_digest(digest).is_some())
        .collect();
    let reply = &mut call.client().output.reply;
    reply.array(known.len());
    known
        .iter()
        .for_each(|known| reply.integer(i64::from(*known)));
    Ok(After::Done)
}

/// SCRIPT FLUSH [ASYNC | SYNC]
pub(super) fn flush(call: &mut Call<'_, '_>) -> Ran {
    let known = call.args.is(2, "ASYNC") || call.args.is(2, "SYNC");
    if call.args.len() > 3 || (call.args.len() == 3 && !known) {
        return Err(Abort::error(
            "ERR SCRIPT FLUSH only support SYNC|ASYNC option",
        ));
    }
    call.core.scripting.scripts.flush();
    call.client().output.reply.ok();
    Ok(After::Done)
}

/// SCRIPT DEBUG YES | SYNC | NO: there is no debugger.
pub(super) fn debug(call: &mut Call<'_, '_>) -> Ran {
    if call.args.is(2, "NO") {
        call.client().output.reply.ok();
        return Ok(After::Done);
    }
    if call.args.is(2, "YES") || call.args.is(2, "SYNC") {
        return Err(Abort::error("ERR there is no debugger of scripts here"));
    }
    Err(Abort::error("ERR Use SCRIPT DEBUG YES/SYNC/NO"))
}
