//! The library `redis`, and what else of Lua's is Redis's own: `math.random`.

use super::bridge::{self, Bridge};
use super::engine::{Flags, Flavour};
use super::native::{as_c_integer, as_number, function, one, register, Arguments, Raise, Returned};
use super::sha1;
use crate::args::Args;
use mlua::{Function, Lua, MultiValue, Table, Value};
use std::rc::Rc;

/// Levels of `redis.log`, from Redis's configuration.
const LEVELS: [(&str, i64); 4] = [
    ("LOG_DEBUG", 0),
    ("LOG_VERBOSE", 1),
    ("LOG_NOTICE", 2),
    ("LOG_WARNING", 3),
];
const NOTICE: i64 = 2;
/// What `redis.set_repl` takes.
const REPLICATION: [(&str, i64); 5] = [
    ("REPL_NONE", 0),
    ("REPL_AOF", 1),
    ("REPL_SLAVE", 2),
    ("REPL_REPLICA", 2),
    ("REPL_ALL", 3),
];
/// What `redis.REDIS_VERSION` says.
const VERSION: (&str, i64) = ("7.2.7", 0x0007_0207);

/// A table `{err = "CODE text"}`, as functions of Redis make it of an error: one without a code gets `ERR`.
pub(super) fn error_table(lua: &Lua, text: &[u8]) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("err", lua.create_string(text)?)?;
    Ok(table)
}

/// Raises `{err = "ERR text"}`.
pub(super) fn refuse(lua: &Lua, text: &str) -> Raise {
    match error_table(lua, format!("ERR {text}").as_bytes()) {
        Ok(table) => Raise::Value(Value::Table(table)),
        Err(error) => error.into(),
    }
}

/// The table `redis`.
pub(super) fn library(
    lua: &Lua,
    bridge: &Rc<Bridge>,
    flags: &Rc<Flags>,
    flavour: Flavour,
) -> mlua::Result<Table> {
    let redis = lua.create_table()?;
    redis.raw_set("call", bridge::caller(lua, bridge, true)?)?;
    redis.raw_set("pcall", bridge::caller(lua, bridge, false)?)?;
    tell_facts(lua, &redis)?;
    let asked = bridge.clone();
    register(lua, &redis, "acl_check_cmd", move |lua, arguments| {
        check_command(lua, arguments, &asked)
    })?;
    register(lua, &redis, "sha1hex", sha1hex)?;
    register(lua, &redis, "error_reply", error_reply)?;
    register(lua, &redis, "status_reply", status_reply)?;
    let set = flags.clone();
    register(lua, &redis, "setresp", move |lua, arguments| {
        set_resp(lua, arguments, &set)
    })?;
    for (name, value) in REPLICATION {
        redis.raw_set(name, value)?;
    }
    register(lua, &redis, "set_repl", set_repl)?;
    if flavour == Flavour::Scripts {
        register(lua, &redis, "replicate_commands", |_, _| {
            one(Value::Boolean(true))
        })?;
        // There is no debugger, which is what `false` says, and nobody for `debug` to tell.
        register(lua, &redis, "breakpoint", |_, _| one(Value::Boolean(false)))?;
        register(lua, &redis, "debug", |_, _| Ok(MultiValue::new()))?;
    }
    Ok(redis)
}

/// What `redis` has wherever it is: versions, and the log with its levels.
fn tell_facts(lua: &Lua, redis: &Table) -> mlua::Result<()> {
    for (name, value) in LEVELS {
        redis.raw_set(name, value)?;
    }
    redis.raw_set("REDIS_VERSION", VERSION.0)?;
    redis.raw_set("REDIS_VERSION_NUM", VERSION.1)?;
    register(lua, redis, "log", log)
}

/// The table `redis` that a library finds while it loads, and what `register_function` is when none does: a function that ran on may
/// have kept the table.
pub(super) fn loading(lua: &Lua) -> mlua::Result<(Table, Function)> {
    let redis = lua.create_table()?;
    tell_facts(lua, &redis)?;
    let late = function(lua, |lua, _| {
        let text = "redis.register_function can only be called on FUNCTION LOAD command";
        Err(refuse(lua, text))
    })?;
    redis.raw_set("register_function", &late)?;
    Ok((redis, late))
}

/// `redis.acl_check_cmd`: whether the client could run a command.
fn check_command(lua: &Lua, arguments: &Arguments, bridge: &Bridge) -> Returned {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    if let Err(text) = arguments.collect(&mut bytes, &mut spans) {
        return Err(refuse(lua, text));
    }
    match bridge.may_call(Args::new(&bytes, &spans)) {
        Some(Ok(allowed)) => one(Value::Boolean(allowed)),
        Some(Err(text)) => Err(refuse(lua, text)),
        None => {
            let text = "redis.acl_check_cmd() can only be called inside a script invocation";
            Err(refuse(lua, text))
        }
    }
}

fn sha1hex(lua: &Lua, arguments: &Arguments) -> Returned {
    if arguments.len() != 1 {
        return Err(refuse(lua, "wrong number of arguments"));
    }
    let digest = match arguments.bytes(lua, 1) {
        Ok(text) => sha1::hex(&text.as_bytes()),
        // What is no text has none.
        Err(_) => sha1::hex(b""),
    };
    super::native::bytes(lua, &digest)
}

/// The one argument of `error_reply` and `status_reply`; Redis counts only strings.
fn reply_text(arguments: &Arguments) -> Option<&mlua::String> {
    match (arguments.len(), arguments.get(1)) {
        (1, Some(Value::String(text))) => Some(text),
        _ => None,
    }
}

fn wrong_reply(lua: &Lua) -> Returned {
    let table = error_table(lua, b"ERR wrong number or type of arguments")?;
    one(Value::Table(table))
}

fn error_reply(lua: &Lua, arguments: &Arguments) -> Returned {
    let Some(text) = reply_text(arguments) else {
        return wrong_reply(lua);
    };
    let text = text.as_bytes();
    let text = text.strip_prefix(b"-").unwrap_or(&text);
    let trimmed = text.trim_ascii_end();
    let mut coded = Vec::new();
    match text.iter().position(|byte| *byte == b' ') {
        Some(at) => {
            coded.extend_from_slice(&text[..=at]);
            coded.extend_from_slice(trim_line(&text[at + 1..]));
        }
        None => {
            coded.extend_from_slice(b"ERR ");
            coded.extend_from_slice(trim_line(trimmed));
        }
    }
    one(Value::Table(error_table(lua, &coded)?))
}

fn trim_line(text: &[u8]) -> &[u8] {
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = text.iter().position(|b| !is_break(b)).unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|b| !is_break(b))
        .map_or(start, |at| at + 1);
    &text[start..end]
}

fn status_reply(lua: &Lua, arguments: &Arguments) -> Returned {
    let Some(text) = reply_text(arguments) else {
        return wrong_reply(lua);
    };
    let table = lua.create_table()?;
    table.raw_set("ok", text)?;
    one(Value::Table(table))
}

fn log(lua: &Lua, arguments: &Arguments) -> Returned {
    if arguments.len() < 2 {
        return Err(refuse(lua, "redis.log() requires two arguments or more."));
    }
    let level = match arguments.get(1) {
        Some(Value::Integer(level)) => *level,
        Some(Value::Number(level)) => as_c_integer(*level),
        _ => {
            let text = "First argument must be a number (log level).";
            return Err(refuse(lua, text));
        }
    };
    if !(0..=3).contains(&level) {
        return Err(refuse(lua, "Invalid debug level."));
    }
    let mut line = String::new();
    for at in 2..=arguments.len() {
        if let Ok(text) = arguments.bytes(lua, at) {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&text.to_string_lossy());
        }
    }
    if level >= NOTICE {
        eprintln!("script: {line}");
    }
    Ok(MultiValue::new())
}

fn set_resp(lua: &Lua, arguments: &Arguments, flags: &Flags) -> Returned {
    if arguments.len() != 1 {
        return Err(refuse(lua, "redis.setresp() requires one argument."));
    }
    match arguments.get(1).and_then(as_number).map(as_c_integer) {
        Some(2) => flags.resp3.set(false),
        Some(3) => flags.resp3.set(true),
        _ => return Err(refuse(lua, "RESP version must be 2 or 3.")),
    }
    Ok(MultiValue::new())
}

/// There is nobody to replicate to, so every choice is kept.
fn set_repl(lua: &Lua, arguments: &Arguments) -> Returned {
    if arguments.len() != 1 {
        return Err(refuse(lua, "redis.set_repl() requires two arguments."));
    }
    let flags = arguments.get(1).and_then(as_number).map(as_c_integer);
    if !flags.is_some_and(|flags| (0..=3).contains(&flags)) {
        let text = "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
        return Err(refuse(lua, text));
    }
    Ok(MultiValue::new())
}

/// Lowest bits of the state of `drand48` that a seed makes (POSIX, srand48).
const SEED: u64 = 0x330e;
/// The state before anybody gave a seed.
const UNSEEDED: u64 = 0x1234_abcd_330e;

/// The next number of 31 bits (POSIX, lrand48).
fn next_random(flags: &Flags) -> u32 {
    let next = flags
        .random
        .get()
        .wrapping_mul(0x5_deec_e66d)
        .wrapping_add(0xb)
        & ((1 << 48) - 1);
    flags.random.set(next);
    (next >> 17) as u32
}

/// Puts `random` and `randomseed` into `given`.
pub(super) fn give_random(lua: &Lua, given: &Table, flags: &Rc<Flags>) -> mlua::Result<()> {
    flags.random.set(UNSEEDED);
    let drawn = flags.clone();
    let random = function(lua, move |_, arguments| random(arguments, &drawn))?;
    given.raw_set("random", random)?;
    let seeded = flags.clone();
    let randomseed = function(lua, move |_, arguments| {
        let seed = as_c_integer(arguments.number(1)?) as u32;
        seeded.random.set(u64::from(seed) << 16 | SEED);
        Ok(MultiValue::new())
    })?;
    given.raw_set("randomseed", randomseed)
}

fn random(arguments: &Arguments, flags: &Flags) -> Returned {
    const MOST: u32 = i32::MAX as u32;
    let drawn = f64::from(next_random(flags) % MOST) / f64::from(MOST);
    let bound = |at| Ok::<f64, Raise>(f64::from(as_c_integer(arguments.number(at)?) as i32));
    let value = match arguments.len() {
        0 => drawn,
        1 => {
            let upper = bound(1)?;
            if upper < 1.0 {
                return Err(Raise::Argument(1, "interval is empty".into()));
            }
            (drawn * upper).floor() + 1.0
        }
        2 => {
            let (lower, upper) = (bound(1)?, bound(2)?);
            if lower > upper {
                return Err(Raise::Argument(2, "interval is empty".into()));
            }
            (drawn * (upper - lower + 1.0)).floor() + lower
        }
        _ => return Err(Raise::text("wrong number of arguments")),
    };
    one(Value::Number(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_are_those_of_lrand48() {
        let flags = Flags::default();
        flags.random.set(SEED);
        let drawn: Vec<u32> = (0..3).map(|_| next_random(&flags)).collect();
        assert_eq!(drawn, [366_850_414, 1_610_402_240, 206_956_554]);
    }
}
