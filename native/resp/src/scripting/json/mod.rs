//! The library `cjson`: JSON (RFC 8259) as scripts of Redis know it, with its settings.
//!
//! **Theory.** Settings belong to a copy of the library; `cjson.new()` makes another. They outlive the script that changed them,
//! as in Redis. `cjson.null` is a light userdata, the null pointer: it is what `null` is read as.

mod decode;
mod encode;

use super::native::{as_c_integer, register, type_name, Arguments, Raise, Returned};
use mlua::{LightUserData, Lua, MultiValue, Table, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// What numbers that JSON does not know are written as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

/// See the module's head.
struct Settings {
    sparse_convert: bool,
    sparse_ratio: i64,
    sparse_safe: i64,
    encode_depth: i64,
    decode_depth: i64,
    precision: i64,
    keep_buffer: bool,
    encode_invalid: Invalid,
    decode_invalid: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth: 1000,
            decode_depth: 1000,
            precision: 14,
            keep_buffer: true,
            encode_invalid: Invalid::Refused,
            decode_invalid: true,
        }
    }
}

fn at_most(arguments: &Arguments, most: usize) -> Result<(), Raise> {
    if arguments.len() > most {
        let text = "found too many arguments".into();
        return Err(Raise::Argument(most + 1, text));
    }
    Ok(())
}

/// Sets a number if one is given; what it is now.
fn integer(
    arguments: &Arguments,
    at: usize,
    setting: &mut i64,
    least: i64,
    most: i64,
) -> Result<Value, Raise> {
    if !arguments.is_absent(at) {
        let value = as_c_integer(arguments.number(at)?);
        if !(least..=most).contains(&value) {
            let text = format!("expected integer between {least} and {most}");
            return Err(Raise::Argument(1, text));
        }
        *setting = value;
    }
    Ok(Value::Integer(*setting))
}

/// A choice by name or by truth value: its place among `options`.
fn option(
    lua: &Lua,
    arguments: &Arguments,
    at: usize,
    options: &[&str],
) -> Result<Option<usize>, Raise> {
    match arguments.get(at) {
        None | Some(Value::Nil) => Ok(None),
        Some(Value::Boolean(truth)) => Ok(Some(usize::from(*truth))),
        Some(_) => {
            let name = arguments.bytes(lua, at)?;
            let name = name.as_bytes();
            let found = options
                .iter()
                .position(|option| option.as_bytes() == &name[..]);
            let shown = || format!("invalid option '{}'", String::from_utf8_lossy(&name));
            found.map(Some).ok_or_else(|| Raise::Argument(at, shown()))
        }
    }
}

const MOST: i64 = i32::MAX as i64;

fn sparse_array(lua: &Lua, arguments: &Arguments, settings: &mut Settings) -> Returned {
    at_most(arguments, 3)?;
    if let Some(choice) = option(lua, arguments, 1, &["off", "on"])? {
        settings.sparse_convert = choice == 1;
    }
    let ratio = integer(arguments, 2, &mut settings.sparse_ratio, 0, MOST)?;
    let safe = integer(arguments, 3, &mut settings.sparse_safe, 0, MOST)?;
    let convert = Value::Boolean(settings.sparse_convert);
    Ok(MultiValue::from_iter([convert, ratio, safe]))
}

fn invalid_written(lua: &Lua, arguments: &Arguments, settings: &mut Settings) -> Returned {
    at_most(arguments, 1)?;
    match option(lua, arguments, 1, &["off", "on", "null"])? {
        None => {}
        Some(0) => settings.encode_invalid = Invalid::Refused,
        Some(1) => settings.encode_invalid = Invalid::Written,
        Some(_) => settings.encode_invalid = Invalid::Null,
    }
    super::native::one(match settings.encode_invalid {
        Invalid::Refused => Value::Boolean(false),
        Invalid::Written => Value::Boolean(true),
        Invalid::Null => Value::String(lua.create_string("null")?),
    })
}

fn truth(lua: &Lua, arguments: &Arguments, setting: impl FnOnce(Option<bool>) -> bool) -> Returned {
    at_most(arguments, 1)?;
    let choice = option(lua, arguments, 1, &["off", "on"])?;
    super::native::one(Value::Boolean(setting(choice.map(|choice| choice == 1))))
}

type Shared = Rc<RefCell<Settings>>;

fn setter(
    lua: &Lua,
    table: &Table,
    name: &str,
    settings: &Shared,
    run: fn(&Lua, &Arguments, &mut Settings) -> Returned,
) -> mlua::Result<()> {
    let settings = settings.clone();
    register(lua, table, name, move |lua, arguments| {
        run(lua, arguments, &mut settings.borrow_mut())
    })
}

fn single(value: Result<Value, Raise>) -> Returned {
    super::native::one(value?)
}

/// The table `cjson`.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let settings = Shared::default();
    setter(lua, &table, "encode_sparse_array", &settings, sparse_array)?;
    setter(lua, &table, "encode_max_depth", &settings, |_, a, s| {
        at_most(a, 1)?;
        single(integer(a, 1, &mut s.encode_depth, 1, MOST))
    })?;
    setter(lua, &table, "decode_max_depth", &settings, |_, a, s| {
        at_most(a, 1)?;
        single(integer(a, 1, &mut s.decode_depth, 1, MOST))
    })?;
    setter(
        lua,
        &table,
        "encode_number_precision",
        &settings,
        |_, a, s| {
            at_most(a, 1)?;
            single(integer(a, 1, &mut s.precision, 1, 14))
        },
    )?;
    setter(lua, &table, "encode_keep_buffer", &settings, |l, a, s| {
        truth(l, a, |choice| {
            s.keep_buffer = choice.unwrap_or(s.keep_buffer);
            s.keep_buffer
        })
    })?;
    setter(
        lua,
        &table,
        "decode_invalid_numbers",
        &settings,
        |l, a, s| {
            truth(l, a, |choice| {
                s.decode_invalid = choice.unwrap_or(s.decode_invalid);
                s.decode_invalid
            })
        },
    )?;
    setter(
        lua,
        &table,
        "encode_invalid_numbers",
        &settings,
        invalid_written,
    )?;
    let used = settings.clone();
    register(lua, &table, "encode", move |lua, arguments| {
        one_argument(arguments)?;
        let text = encode::encode(&arguments.0[0], &used.borrow())?;
        super::native::bytes(lua, &text)
    })?;
    register(lua, &table, "decode", move |lua, arguments| {
        one_argument(arguments)?;
        let text = arguments.bytes(lua, 1)?;
        let value = decode::decode(lua, &text.as_bytes(), &settings.borrow())?;
        super::native::one(value)
    })?;
    register(lua, &table, "new", |lua, _| {
        super::native::one(Value::Table(library(lua)?))
    })?;
    table.raw_set("null", null())?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    Ok(table)
}

fn one_argument(arguments: &Arguments) -> Result<(), Raise> {
    if arguments.len() == 1 {
        return Ok(());
    }
    Err(Raise::Argument(1, "expected 1 argument".into()))
}

/// `cjson.null`.
fn null() -> Value {
    Value::LightUserData(LightUserData(std::ptr::null_mut()))
}

/// What a value is called in errors.
fn called(value: &Value) -> &'static str {
    type_name(value)
}
