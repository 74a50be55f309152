//! What scripts return, as replies.
//!
//! **Theory.** A command inside a script replies as to any client, in the protocol that the script chose; [`super::bridge`] reads that back.
//! What a script returns is written in the protocol of its client. Tables stand for what Lua has no type for: `{ok=}`, `{err=}`,
//! `{double=}`, `{map=}`, `{set=}`, `{big_number=}`, `{verbatim_string=}`; any other table is an array up to its first nil.

use super::native::as_c_integer;
use crate::commands::numbers;
use crate::reply::Reply;
use mlua::{Table, Value};

/// Deepest that a returned table is followed.
const DEEPEST: usize = 2_000;
/// Longest reply that a script may make, bytes: tables that hold one another have no end.
const LONGEST: usize = 512 << 20;

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
            // It is a line of the protocol.
            let is_end = |byte: u8| matches!(byte, b'\r' | b'\n');
            let digits = digits.as_bytes();
            let line: Vec<u8> = digits
                .iter()
                .map(|byte| if is_end(*byte) { b' ' } else { *byte })
                .collect();
            self.reply.big_number(&line);
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
