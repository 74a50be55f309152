//! The library `cmsgpack`: MessagePack (github.com/msgpack/msgpack, spec.md).
//!
//! **Theory.** A table is an array if its keys are 1 to their number, else a map. A number is an integer if it is one, else the shorter of
//! two floats that loses nothing. Arrays, maps and text are read; bytes and
//! extensions, which the library that scripts know is too old for, are not.
//!
//! **Invariant.** What a header promises is never taken room for: items come one by one, and each must be there.

use super::native::{as_c_integer, register, Arguments, Raise, Returned};
use mlua::{Lua, MultiValue, String as LuaString, Table, Value};

/// Tables within tables beyond this are written as nil.
const MAX_WRITTEN: usize = 16;
/// Deepest that is read; Lua's own stack ends near it.
const MAX_READ: usize = 2_600;
/// Most values that one call gives: as many as Lua's stack takes.
const MAX_RESULTS: usize = 7_900;

fn put(out: &mut Vec<u8>, tag: u8, number: &[u8]) {
    out.push(tag);
    out.extend_from_slice(number);
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    match text.len() {
        len @ 0..=31 => out.push(0xa0 | len as u8),
        len @ 32..=0xff => put(out, 0xd9, &[len as u8]),
        len @ 0x100..=0xffff => put(out, 0xda, &(len as u16).to_be_bytes()),
        len => put(out, 0xdb, &(len as u32).to_be_bytes()),
    }
    out.extend_from_slice(text);
}

fn put_integer(out: &mut Vec<u8>, number: i64) {
    match number {
        0..=0x7f => out.push(number as u8),
        0x80..=0xff => put(out, 0xcc, &[number as u8]),
        0x100..=0xffff => put(out, 0xcd, &(number as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => put(out, 0xce, &(number as u32).to_be_bytes()),
        0x1_0000_0000.. => put(out, 0xcf, &number.to_be_bytes()),
        -32..=-1 => out.push(number as u8),
        -0x80..=-33 => put(out, 0xd0, &[number as u8]),
        -0x8000..=-0x81 => put(out, 0xd1, &(number as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => put(out, 0xd2, &(number as i32).to_be_bytes()),
        _ => put(out, 0xd3, &number.to_be_bytes()),
    }
}

fn put_number(out: &mut Vec<u8>, number: f64) {
    let integer = as_c_integer(number);
    if integer as f64 == number {
        put_integer(out, integer);
    } else if f64::from(number as f32) == number {
        put(out, 0xca, &(number as f32).to_be_bytes());
    } else {
        put(out, 0xcb, &number.to_be_bytes());
    }
}

/// The number of a table's items, if its keys are exactly 1 to it.
fn array_length(table: &Table) -> mlua::Result<Option<usize>> {
    let (mut count, mut most) = (0usize, 0usize);
    let mut whole = true;
    table
        .for_each(|key: Value, _: Value| {
            let index = match key {
                Value::Integer(index) if index > 0 => index as usize,
                _ => {
                    whole = false;
                    return Err(mlua::Error::external(Enough));
                }
            };
            most = most.max(index);
            count += 1;
            Ok(())
        })
        .or_else(|error| if whole { Err(error) } else { Ok(()) })?;
    Ok((whole && most == count).then_some(count))
}

/// A walk that need not go on.
#[derive(Debug)]
struct Enough;

impl std::fmt::Display for Enough {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("enough was seen")
    }
}

impl std::error::Error for Enough {}

fn put_value(out: &mut Vec<u8>, value: &Value, level: usize) -> mlua::Result<()> {
    match value {
        Value::String(text) => put_text(out, &text.as_bytes()),
        Value::Integer(number) => put_integer(out, *number),
        Value::Number(number) => put_number(out, *number),
        Value::Boolean(truth) => out.push(if *truth { 0xc3 } else { 0xc2 }),
        Value::Table(table) if level < MAX_WRITTEN => put_table(out, table, level)?,
        _ => out.push(0xc0),
    }
    Ok(())
}

fn put_table(out: &mut Vec<u8>, table: &Table, level: usize) -> mlua::Result<()> {
    if let Some(count) = array_length(table)? {
        match count {
            0..=15 => out.push(0x90 | count as u8),
            16..=0xffff => put(out, 0xdc, &(count as u16).to_be_bytes()),
            _ => put(out, 0xdd, &(count as u32).to_be_bytes()),
        }
        for at in 1..=count {
            put_value(out, &table.get::<Value>(at)?, level + 1)?;
        }
        return Ok(());
    }
    let (mut body, mut count) = (Vec::new(), 0usize);
    table.for_each(|key: Value, value: Value| {
        count += 1;
        put_value(&mut body, &key, level + 1)?;
        put_value(&mut body, &value, level + 1)
    })?;
    match count {
        0..=15 => out.push(0x80 | count as u8),
        16..=0xffff => put(out, 0xde, &(count as u16).to_be_bytes()),
        _ => put(out, 0xdf, &(count as u32).to_be_bytes()),
    }
    out.extend_from_slice(&body);
    Ok(())
}

fn pack(lua: &Lua, arguments: &Arguments) -> Returned {
    if arguments.len() == 0 {
        return Err(Raise::Argument(0, "MessagePack pack needs input.".into()));
    }
    let mut out = Vec::new();
    for value in &arguments.0 {
        put_value(&mut out, value, 0)?;
    }
    super::native::bytes(lua, &out)
}

/// Bytes on their way into values.
struct Reader<'b> {
    rest: &'b [u8],
}

/// A value, or why there is none.
type Read<T> = Result<T, Raise>;

impl<'b> Reader<'b> {
    fn take(&mut self, len: usize) -> Read<&'b [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| Raise::text("Missing bytes in input."))?;
        self.rest = rest;
        Ok(taken)
    }

    fn unsigned(&mut self, width: usize) -> Read<u64> {
        let bytes = self.take(width)?.iter();
        Ok(bytes.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn signed(&mut self, width: usize) -> Read<i64> {
        let unused = 64 - 8 * width as u32;
        Ok((self.unsigned(width)? as i64) << unused >> unused)
    }

    fn text(&mut self, lua: &Lua, len: usize) -> Read<Value> {
        Ok(Value::String(lua.create_string(self.take(len)?)?))
    }

    /// One value; `depth` are the tables around it.
    fn value(&mut self, lua: &Lua, depth: usize) -> Read<Value> {
        let tag = self.take(1)?[0];
        Ok(match tag {
            0x00..=0x7f => Value::Integer(i64::from(tag)),
            0xe0..=0xff => Value::Integer(i64::from(tag as i8)),
            0x80..=0x8f => self.map(lua, usize::from(tag & 15), depth)?,
            0x90..=0x9f => self.array(lua, usize::from(tag & 15), depth)?,
            0xa0..=0xbf => self.text(lua, usize::from(tag & 31))?,
            0xc0 => Value::Nil,
            0xc2 => Value::Boolean(false),
            0xc3 => Value::Boolean(true),
            0xd9..=0xdb => {
                let len = self.unsigned(1 << (tag - 0xd9))? as usize;
                self.text(lua, len)?
            }
            0xca => {
                let bits = self.unsigned(4)? as u32;
                Value::Number(f64::from(f32::from_bits(bits)))
            }
            0xcb => Value::Number(f64::from_bits(self.unsigned(8)?)),
            0xcc..=0xce => Value::Number(self.unsigned(1 << (tag - 0xcc))? as f64),
            // The library that scripts know reads it as signed.
            0xcf => Value::Number(self.signed(8)? as f64),
            0xd0..=0xd3 => Value::Number(self.signed(1 << (tag - 0xd0))? as f64),
            0xdc | 0xdd => {
                let len = self.unsigned(if tag == 0xdc { 2 } else { 4 })? as usize;
                self.array(lua, len, depth)?
            }
            0xde | 0xdf => {
                let len = self.unsigned(if tag == 0xde { 2 } else { 4 })? as usize;
                self.map(lua, len, depth)?
            }
            _ => return Err(Raise::text("Bad data format in input.")),
        })
    }

    fn array(&mut self, lua: &Lua, len: usize, depth: usize) -> Read<Value> {
        check_depth(depth, "mp_decode_to_lua_array")?;
        let table = lua.create_table()?;
        for at in 1..=len {
            table.raw_set(at, self.value(lua, depth + 1)?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, lua: &Lua, len: usize, depth: usize) -> Read<Value> {
        check_depth(depth, "mp_decode_to_lua_hash")?;
        let table = lua.create_table()?;
        for _ in 0..len {
            let key = self.value(lua, depth + 1)?;
            let value = self.value(lua, depth + 1)?;
            match key {
                Value::Nil => return Err(no_key(lua, "table index is nil")),
                Value::Number(number) if number.is_nan() => {
                    return Err(no_key(lua, "table index is NaN"));
                }
                key => table.raw_set(key, value)?,
            }
        }
        Ok(Value::Table(table))
    }
}

/// What Lua raises of a key that none can be: without a place.
fn no_key(lua: &Lua, text: &str) -> Raise {
    match lua.create_string(text) {
        Ok(text) => Raise::Value(Value::String(text)),
        Err(error) => error.into(),
    }
}

fn check_depth(depth: usize, place: &str) -> Read<()> {
    if depth < MAX_READ {
        return Ok(());
    }
    Err(Raise::text(format!("stack overflow (in function {place})")))
}

/// Values from `offset` on, at most `limit`; where it stopped, -1 at the end.
fn read_some(lua: &Lua, text: &LuaString, limit: i64, offset: i64) -> Read<(Vec<Value>, i64)> {
    let bytes = text.as_bytes();
    let len = bytes.len();
    if offset < 0 || limit < 0 {
        return Err(Raise::text(format!(
            "Invalid request to unpack with offset of {offset} and limit of {len}."
        )));
    }
    let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
    let Some(rest) = rest else {
        return Err(Raise::text(format!(
            "Start offset {offset} greater than input length {len}."
        )));
    };
    let mut reader = Reader { rest };
    let mut values = Vec::new();
    while !reader.rest.is_empty() && (values.len() as i64) < limit {
        if values.len() >= MAX_RESULTS {
            return Err(Raise::text("stack overflow (in function mp_unpack_full)"));
        }
        values.push(reader.value(lua, 0)?);
    }
    let stopped = if reader.rest.is_empty() {
        -1
    } else {
        (len - reader.rest.len()) as i64
    };
    Ok((values, stopped))
}

fn unpack(lua: &Lua, arguments: &Arguments) -> Returned {
    let text = arguments.bytes(lua, 1)?;
    let (values, _) = read_some(lua, &text, ALL, 0)?;
    Ok(MultiValue::from_vec(values))
}

/// No limit.
const ALL: i64 = i64::MAX;

fn with_place(read: (Vec<Value>, i64)) -> Returned {
    let (mut values, stopped) = read;
    values.insert(0, Value::Integer(stopped));
    Ok(MultiValue::from_vec(values))
}

fn unpack_one(lua: &Lua, arguments: &Arguments) -> Returned {
    let offset = i64::from(arguments.integer_or(2, 0)? as i32);
    let text = arguments.bytes(lua, 1)?;
    with_place(read_some(lua, &text, 1, offset)?)
}

fn unpack_limit(lua: &Lua, arguments: &Arguments) -> Returned {
    arguments.number(2)?;
    let limit = i64::from(arguments.integer_or(2, 0)? as i32);
    let offset = i64::from(arguments.integer_or(3, 0)? as i32);
    let text = arguments.bytes(lua, 1)?;
    if (limit, offset) == (0, 0) {
        // The library that scripts know takes this for its other function.
        return unpack(lua, arguments);
    }
    with_place(read_some(lua, &text, limit, offset)?)
}

/// The table `cmsgpack`.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    register(lua, &table, "pack", pack)?;
    register(lua, &table, "unpack", unpack)?;
    register(lua, &table, "unpack_one", unpack_one)?;
    register(lua, &table, "unpack_limit", unpack_limit)?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_COPYRIGHT", "HyperDB")?;
    table.raw_set("_DESCRIPTION", "MessagePack of Lua values")?;
    Ok(table)
}
