//! Replies as Lua values, and Lua values as replies.
//!
//! **Theory.** A command inside a script replies as to any client, in the protocol that the script chose; its bytes are read back here.
//! What a script returns is written in the protocol of its client. Tables stand for what Lua has no type for: `{ok=}`, `{err=}`,
//! `{double=}`, `{map=}`, `{set=}`, `{big_number=}`, `{verbatim_string=}`; any other table is an array up to its first nil.

use super::native::as_c_integer;
use crate::commands::numbers;
use crate::reply::Reply;
use mlua::{Lua, Table, Value};

/// Deepest that a returned table is followed.
const DEEPEST: usize = 2_000;
/// Longest reply that a script may make, bytes: tables that hold one another have no end.
const LONGEST: usize = 512 << 20;

/// Why bytes are no reply: they were written here, so it is a fault of ours.
fn malformed() -> mlua::Error {
    mlua::Error::runtime("malformed reply")
}

/// One reply read from `bytes`, which begin with it.
pub(super) fn to_lua(lua: &Lua, bytes: &[u8]) -> mlua::Result<Value> {
    Read { lua, bytes, at: 0 }.value()
}

struct Read<'b> {
    lua: &'b Lua,
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Read<'b> {
    fn line(&mut self) -> mlua::Result<&'b [u8]> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\r');
        let end = end.ok_or_else(malformed)?;
        self.at += end + 2;
        Ok(&rest[..end])
    }

    fn number(&mut self) -> mlua::Result<i64> {
        numbers::parse_i64(self.line()?).ok_or_else(malformed)
    }

    fn text(&mut self, len: i64) -> mlua::Result<&'b [u8]> {
        let len = usize::try_from(len).map_err(|_| malformed())?;
        let text = self.bytes.get(self.at..self.at + len);
        self.at += len + 2;
        text.ok_or_else(malformed)
    }

    fn field(&self, name: &str, value: Value) -> mlua::Result<Value> {
        let table = self.lua.create_table_with_capacity(0, 1)?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    }

    fn string(&self, text: &[u8]) -> mlua::Result<Value> {
        Ok(Value::String(self.lua.create_string(text)?))
    }

    fn value(&mut self) -> mlua::Result<Value> {
        let tag = *self.bytes.get(self.at).ok_or_else(malformed)?;
        self.at += 1;
        match tag {
            b':' => Ok(Value::Integer(self.number()?)),
            b'$' => match self.number()? {
                -1 => Ok(Value::Boolean(false)),
                len => {
                    let text = self.text(len)?;
                    self.string(text)
                }
            },
            b'+' => {
                let text = self.line()?;
                self.field("ok", self.string(text)?)
            }
            b'-' => {
                let text = self.line()?;
                Ok(Value::Table(failed(self.lua, text)?))
            }
            b'*' | b'>' => match self.number()? {
                -1 => Ok(Value::Boolean(false)),
                len => self.array(len),
            },
            b'_' => {
                self.line()?;
                Ok(Value::Nil)
            }
            b'#' => Ok(Value::Boolean(self.line()? == b"t")),
            b',' => {
                let text = self.line()?;
                let number = numbers::parse_f64(text).unwrap_or(f64::NAN);
                self.field("double", Value::Number(number))
            }
            b'(' => {
                let text = self.line()?;
                self.field("big_number", self.string(text)?)
            }
            b'%' => self.map(),
            b'~' => self.set(),
            b'=' => self.verbatim(),
            _ => Err(malformed()),
        }
    }

    fn array(&mut self, len: i64) -> mlua::Result<Value> {
        let len = usize::try_from(len).map_err(|_| malformed())?;
        let table = self.lua.create_table_with_capacity(len, 0)?;
        for at in 1..=len {
            table.raw_set(at, self.value()?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self) -> mlua::Result<Value> {
        let pairs = self.number()?;
        let table = self.lua.create_table()?;
        for _ in 0..pairs {
            let (key, value) = (self.value()?, self.value()?);
            table.raw_set(key, value)?;
        }
        self.field("map", Value::Table(table))
    }

    fn set(&mut self) -> mlua::Result<Value> {
        let members = self.number()?;
        let table = self.lua.create_table()?;
        for _ in 0..members {
            table.raw_set(self.value()?, true)?;
        }
        self.field("set", Value::Table(table))
    }

    fn verbatim(&mut self) -> mlua::Result<Value> {
        let len = self.number()?;
        let text = self.text(len)?;
        let (format, text) = text.split_at_checked(4).ok_or_else(malformed)?;
        let table = self.lua.create_table_with_capacity(0, 2)?;
        table.raw_set("format", self.string(&format[..3])?)?;
        table.raw_set("string", self.string(text)?)?;
        self.field("verbatim_string", Value::Table(table))
    }
}

/// The table of a command's error.
pub(super) fn failed(lua: &Lua, text: &[u8]) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, 2)?;
    table.raw_set("err", lua.create_string(text)?)?;
    table.raw_set("ignore_error_stats_update", true)?;
    Ok(table)
}

/// Writes what a script returned; `resp3` is what the script chose.
pub(super) fn to_reply(value: &Value, reply: &mut Reply, resp3: bool) -> mlua::Result<()> {
    let start = reply.buffer.len();
    let mut write = Write {
        reply,
        resp3,
        start,
        too_long: false,
    };
    write.value(value, 0)?;
    if write.too_long {
        write.reply.buffer.truncate(start);
        write.reply.error("ERR the script's reply is too long");
    }
    Ok(())
}

struct Write<'r> {
    reply: &'r mut Reply,
    resp3: bool,
    start: usize,
    too_long: bool,
}

impl Write<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> mlua::Result<()> {
        if self.reply.buffer.len() - self.start > LONGEST {
            self.too_long = true;
        }
        if self.too_long {
            return Ok(());
        }
        if depth > DEEPEST {
            self.reply.error("ERR reached lua stack limit");
            return Ok(());
        }
        match value {
            Value::String(text) => self.reply.bulk(&text.as_bytes()),
            Value::Integer(number) => self.reply.integer(*number),
            Value::Number(number) => self.reply.integer(as_c_integer(*number)),
            Value::Boolean(truth) if self.resp3 => self.reply.boolean(*truth),
            Value::Boolean(true) => self.reply.integer(1),
            Value::Table(table) => self.table(table, depth)?,
            _ => self.reply.null(),
        }
        Ok(())
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        if let Value::String(text) = table.raw_get::<Value>("err")? {
            self.reply.error_bytes(&text.as_bytes());
            return Ok(());
        }
        if let Value::String(text) = table.raw_get::<Value>("ok")? {
            self.reply.status(&text.as_bytes());
            return Ok(());
        }
        if let Some(number) = number(&table.raw_get::<Value>("double")?) {
            let mut room = [0; numbers::G17_TEXT];
            self.reply.double(numbers::format_double(number, &mut room));
            return Ok(());
        }
        if let Value::Table(map) = table.raw_get::<Value>("map")? {
            return self.map(&map, depth);
        }
        if let Value::Table(set) = table.raw_get::<Value>("set")? {
            return self.set(&set, depth);
        }
        if let Value::String(digits) = table.raw_get::<Value>("big_number")? {
            self.reply.big_number(&digits.as_bytes());
            return Ok(());
        }
        if let Value::Table(verbatim) = table.raw_get::<Value>("verbatim_string")? {
            let text = verbatim.raw_get::<Value>("string")?;
            let format = verbatim.raw_get::<Value>("format")?;
            if let (Value::String(text), Value::String(format)) = (text, format) {
                self.reply.verbatim_as(&format.as_bytes(), &text.as_bytes());
                return Ok(());
            }
        }
        self.array(table, depth)
    }

    fn map(&mut self, map: &Table, depth: usize) -> mlua::Result<()> {
        let (at, mut len) = (self.reply.buffer.len(), 0);
        for pair in map.pairs::<Value, Value>() {
            let (key, value) = pair?;
            self.value(&key, depth + 1)?;
            self.value(&value, depth + 1)?;
            len += 1;
        }
        self.reply.insert_map(at, len);
        Ok(())
    }

    fn set(&mut self, set: &Table, depth: usize) -> mlua::Result<()> {
        let (at, mut len) = (self.reply.buffer.len(), 0);
        for pair in set.pairs::<Value, Value>() {
            self.value(&pair?.0, depth + 1)?;
            len += 1;
        }
        self.reply.insert_set(at, len);
        Ok(())
    }

    fn array(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        // Its border is its length, unless there are holes: then the walk ends before.
        let mut len = 0;
        let guess = table.raw_len();
        let head = self.reply.buffer.len();
        self.reply.array(guess);
        let body = self.reply.buffer.len();
        loop {
            let item = table.raw_get::<Value>(len + 1)?;
            if item.is_nil() {
                break;
            }
            self.value(&item, depth + 1)?;
            len += 1;
            if self.too_long {
                return Ok(());
            }
        }
        if len != guess {
            self.reply.buffer.drain(head..body);
            self.reply.insert_array(head, len);
        }
        Ok(())
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}
