//! FUNCTION and FCALL.

use super::eval::key_count_or;
use super::libraries::Libraries;
use super::run::{self, Job, Kind, Target};
use super::shebang;
use crate::command::Abort;
use crate::commands::arguments::misused;
use crate::commands::glob;
use crate::rdb;
use crate::reply::Reply;
use crate::server::execute::{After, Call, Ran};

/// FCALL function numkeys [key ...] [arg ...]
pub(super) fn fcall(call: &mut Call<'_, '_>) -> Ran {
    call_function(call, false)
}

/// FCALL_RO function numkeys [key ...] [arg ...]
pub(super) fn fcall_ro(call: &mut Call<'_, '_>) -> Ran {
    call_function(call, true)
}

fn libraries<'c>(call: &'c mut Call<'_, '_>) -> Result<&'c mut Libraries, Abort> {
    call.core.scripting.libraries.follow(call.turn)?;
    Ok(&mut call.core.scripting.libraries)
}

fn call_function(call: &mut Call<'_, '_>, read_only: bool) -> Ran {
    let wanted = call.args.at(1);
    let found = libraries(call)?.function(wanted);
    let found = found.ok_or_else(|| Abort::error("ERR Function not found"))?;
    let keys = key_count_or(call, || Abort::error("ERR Bad number of keys provided"))?;
    if read_only && !found.writes_nothing() {
        return Err(Abort::error(
            "ERR Can not execute a script with write flag using *_ro command.",
        ));
    }
    let engine = libraries(call)?.engine()?;
    let name = String::from_utf8_lossy(&found.name);
    run::run(
        call,
        &Job {
            engine: &engine,
            target: Target::Function(&found.function),
            kind: Kind::Function,
            name: &name,
            keys,
            read_only: found.writes_nothing(),
            promises: found.promises(),
        },
    )
}

/// Runs a change of libraries; if it fails nothing of it stays.
fn change(
    call: &mut Call<'_, '_>,
    run: impl FnOnce(&mut Call<'_, '_>) -> Result<(), Abort>,
) -> Ran {
    let before = call.turn.mark();
    let start = call.client().output.reply.buffer.len();
    let done = libraries(call).map(|_| ()).and_then(|()| run(call));
    if let Err(abort) = done {
        call.turn.rollback_to(&before);
        call.client().output.reply.buffer.truncate(start);
        call.core.scripting.libraries.forget();
        return Err(abort);
    }
    Ok(After::Done)
}

fn load_one(call: &mut Call<'_, '_>, code: &[u8], replace: bool) -> Result<Vec<u8>, Abort> {
    let number = call.core.random.next();
    let core = &mut *call.core;
    core.scripting
        .libraries
        .load(call.turn, code, replace, number)
}

/// FUNCTION LOAD [REPLACE] function-code
pub(super) fn load(call: &mut Call<'_, '_>) -> Ran {
    let last = call.args.len() - 1;
    let mut replace = false;
    for at in 2..last {
        if !call.args.is(at, "REPLACE") {
            let shown = String::from_utf8_lossy(call.args.at(at)).into_owned();
            return Err(Abort::error(format!("ERR Unknown option given: {shown}")));
        }
        replace = true;
    }
    let code = call.args.at(last);
    change(call, |call| {
        let name = load_one(call, code, replace)?;
        call.client().output.reply.bulk(&name);
        Ok(())
    })
}

/// FUNCTION DELETE library-name
pub(super) fn delete(call: &mut Call<'_, '_>) -> Ran {
    let name = call.args.at(2);
    change(call, |call| {
        let number = call.core.random.next();
        let core = &mut *call.core;
        if !core.scripting.libraries.delete(call.turn, name, number)? {
            return Err(Abort::error("ERR Library not found"));
        }
        call.client().output.reply.ok();
        Ok(())
    })
}

fn delete_all(call: &mut Call<'_, '_>) -> Result<(), Abort> {
    let names: Vec<Vec<u8>> = call
        .core
        .scripting
        .libraries
        .all()
        .keys()
        .cloned()
        .collect();
    for name in names {
        let number = call.core.random.next();
        let core = &mut *call.core;
        core.scripting.libraries.delete(call.turn, &name, number)?;
    }
    Ok(())
}

/// FUNCTION FLUSH [ASYNC | SYNC]
pub(super) fn flush(call: &mut Call<'_, '_>) -> Ran {
    let known = call.args.is(2, "ASYNC") || call.args.is(2, "SYNC");
    if call.args.len() > 3 {
        return Err(misused(&call.args));
    }
    if call.args.len() == 3 && !known {
        return Err(Abort::error(
            "ERR FUNCTION FLUSH only supports SYNC|ASYNC option",
        ));
    }
    change(call, |call| {
        delete_all(call)?;
        call.client().output.reply.ok();
        Ok(())
    })
}

/// FUNCTION DUMP
pub(super) fn dump(call: &mut Call<'_, '_>) -> Ran {
    let codes = libraries(call)?.all().values();
    let payload = rdb::dump_functions(codes.map(|library| &library.code[..]));
    call.client().output.reply.bulk(&payload);
    Ok(After::Done)
}

/// FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]
pub(super) fn restore(call: &mut Call<'_, '_>) -> Ran {
    if call.args.len() > 4 {
        return Err(misused(&call.args));
    }
    let (flush, replace) = match call.args.get(3) {
        None => (false, false),
        Some(_) if call.args.is(3, "APPEND") => (false, false),
        Some(_) if call.args.is(3, "FLUSH") => (true, false),
        Some(_) if call.args.is(3, "REPLACE") => (false, true),
        Some(_) => {
            return Err(Abort::error(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
    };
    let codes = rdb::parse_functions(call.args.at(2)).map_err(|refusal| {
        Abort::error(match refusal {
            rdb::Refusal::Footer => "ERR DUMP payload version or checksum are wrong",
            rdb::Refusal::Body => "ERR failed loading functions, corrupted dump payload",
        })
    })?;
    change(call, |call| {
        if flush {
            delete_all(call)?;
        }
        for code in codes {
            let name = shebang::of_library(&code)?.name.unwrap_or_default();
            if !replace && call.core.scripting.libraries.all().contains_key(&name) {
                let shown = String::from_utf8_lossy(&name).into_owned();
                return Err(Abort::error(format!("ERR Library {shown} already exists")));
            }
            load_one(call, &code, replace)?;
        }
        call.client().output.reply.ok();
        Ok(())
    })
}

/// FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]
pub(super) fn list(call: &mut Call<'_, '_>) -> Ran {
    let (mut pattern, mut with_code) = (None, false);
    let mut at = 2;
    while at < call.args.len() {
        if !with_code && call.args.is(at, "WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && call.args.is(at, "LIBRARYNAME") {
            at += 1;
            let given = call.args.get(at);
            pattern =
                Some(given.ok_or_else(|| Abort::error("ERR library name argument was not given"))?);
        } else {
            let shown = String::from_utf8_lossy(call.args.at(at)).into_owned();
            return Err(Abort::error(format!("ERR Unknown argument {shown}")));
        }
        at += 1;
    }
    let resp3 = call.client().output.reply.resp3;
    let mut listed = Reply::new(resp3);
    let mut count = 0;
    for (name, library) in libraries(call)?.all() {
        if pattern.is_some_and(|pattern| !glob::matches(pattern, name)) {
            continue;
        }
        count += 1;
        listed.map(3 + usize::from(with_code));
        listed.bulk(b"library_name");
        listed.bulk(name);
        listed.bulk(b"engine");
        listed.bulk(b"LUA");
        listed.bulk(b"functions");
        listed.array(library.functions.len());
        for function in &library.functions {
            listed.map(3);
            listed.bulk(b"name");
            listed.bulk(&function.name);
            listed.bulk(b"description");
            listed.bulk_or_null(function.description.as_deref());
            listed.bulk(b"flags");
            listed.set(function.flags.len());
            for flag in &function.flags {
                listed.simple(flag);
            }
        }
        if with_code {
            listed.bulk(b"library_code");
            listed.bulk(&library.code);
        }
    }
    let reply = &mut call.client().output.reply;
    reply.array(count);
    reply.buffer.extend_from_slice(&listed.buffer);
    Ok(After::Done)
}

/// FUNCTION STATS
pub(super) fn stats(call: &mut Call<'_, '_>) -> Ran {
    if call.core.scripting.running().is_none() {
        libraries(call)?;
    }
    let scripting = &call.core.scripting;
    let counts = [
        scripting.libraries.all().len(),
        scripting.libraries.function_count(),
    ];
    let running = scripting.running().filter(|run| run.kind == Kind::Function);
    let running = running.map(|run| (run.name.clone(), run.command.clone(), run.milliseconds()));
    let reply = &mut call.client().output.reply;
    reply.map(2);
    reply.bulk(b"running_script");
    match running {
        None => reply.null(),
        Some((name, command, milliseconds)) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(name.as_bytes());
            reply.bulk(b"command");
            reply.array(command.len());
            command.iter().for_each(|word| reply.bulk(word));
            reply.bulk(b"duration_ms");
            reply.integer(milliseconds);
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.integer(counts[0] as i64);
    reply.bulk(b"functions_count");
    reply.integer(counts[1] as i64);
    Ok(After::Done)
}

/// SCRIPT KILL
pub(super) fn kill_script(call: &mut Call<'_, '_>) -> Ran {
    kill(call, Kind::Script)
}

/// FUNCTION KILL
pub(super) fn kill_function(call: &mut Call<'_, '_>) -> Ran {
    kill(call, Kind::Function)
}

/// Ends what runs, if it is of that kind and has not written.
fn kill(call: &mut Call<'_, '_>, kind: Kind) -> Ran {
    let Some(running) = call.core.scripting.running_mut() else {
        return Err(Abort::error("NOTBUSY No scripts in execution right now."));
    };
    if running.wrote {
        return Err(Abort::error("UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."));
    }
    if running.kind != kind {
        return Err(Abort::error(running.busy_text()));
    }
    running.killed = true;
    call.client().output.reply.ok();
    Ok(After::Done)
}
