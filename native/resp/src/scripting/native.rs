//! Functions written here, for scripts: what they get, what they give, how they fail.

use super::kernel;
use crate::args::Span;
use crate::commands::numbers;
use mlua::{Function, IntoLua, Lua, MultiValue, Table, Value};

/// What a function raises.
#[derive(Debug)]
pub(super) enum Raise {
    /// This very value: a table with `err`.
    Value(Value),
    /// Text, behind the place of the call.
    Text(String),
    /// What is wrong with an argument, counted from 1.
    Argument(usize, String),
}

impl Raise {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Raise::Text(text.into())
    }
}

impl From<mlua::Error> for Raise {
    /// What the binding itself cannot do, mostly for want of memory.
    fn from(error: mlua::Error) -> Self {
        Raise::Text(match error {
            mlua::Error::MemoryError(_) => "not enough memory".into(),
            other => other.to_string(),
        })
    }
}

/// What a function gives back.
pub(super) type Returned = Result<MultiValue, Raise>;

/// A function's results, or its error, in the form that [`kernel`] reads.
pub(super) fn flagged(lua: &Lua, returned: Returned) -> mlua::Result<MultiValue> {
    let (flag, value) = match returned {
        Ok(mut values) => {
            values.push_front(Value::Boolean(true));
            return Ok(values);
        }
        Err(Raise::Value(value)) => (Value::Boolean(false), value),
        Err(Raise::Text(text)) => (Value::Nil, text.into_lua(lua)?),
        Err(Raise::Argument(number, text)) => (Value::Integer(number as i64), text.into_lua(lua)?),
    };
    Ok(MultiValue::from_iter([flag, value]))
}

/// A function for scripts.
pub(super) fn function(
    lua: &Lua,
    run: impl Fn(&Lua, &Arguments) -> Returned + 'static,
) -> mlua::Result<Function> {
    let inner = lua.create_function(move |lua, values: MultiValue| {
        let returned = run(lua, &Arguments(values));
        flagged(lua, returned)
    })?;
    let holder = lua.create_table()?;
    holder.raw_set(1, inner)?;
    kernel::calling(lua, &holder, true)
}

/// Puts a function into a table.
pub(super) fn register(
    lua: &Lua,
    table: &Table,
    name: &str,
    run: impl Fn(&Lua, &Arguments) -> Returned + 'static,
) -> mlua::Result<()> {
    table.raw_set(name, function(lua, run)?)
}

/// One value as a result.
pub(super) fn one(value: Value) -> Returned {
    Ok(MultiValue::from_iter([value]))
}

/// Text or bytes as a result.
pub(super) fn bytes(lua: &Lua, bytes: &[u8]) -> Returned {
    one(Value::String(lua.create_string(bytes)?))
}

/// The arguments of a call, with Lua's own checks and words.
pub(super) struct Arguments(pub MultiValue);

impl Arguments {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Argument `at`, from 1.
    pub(super) fn get(&self, at: usize) -> Option<&Value> {
        self.0.get(at - 1)
    }

    fn type_error(&self, at: usize, expected: &str) -> Raise {
        let found = self.get(at).map_or("no value", type_name);
        Raise::Argument(at, format!("{expected} expected, got {found}"))
    }

    /// A number, or text that is one.
    pub(super) fn number(&self, at: usize) -> Result<f64, Raise> {
        self.get(at)
            .and_then(as_number)
            .ok_or_else(|| self.type_error(at, "number"))
    }

    /// Text, or a number as text.
    pub(super) fn bytes(&self, lua: &Lua, at: usize) -> Result<mlua::String, Raise> {
        match self.get(at) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(value @ (Value::Integer(_) | Value::Number(_))) => lua
                .coerce_string(value.clone())?
                .ok_or_else(|| self.type_error(at, "string")),
            _ => Err(self.type_error(at, "string")),
        }
    }

    /// An integer as C casts a double, `default` where nothing or nil was given.
    pub(super) fn integer_or(&self, at: usize, default: i64) -> Result<i64, Raise> {
        match self.get(at) {
            None | Some(Value::Nil) => Ok(default),
            Some(_) => Ok(as_c_integer(self.number(at)?)),
        }
    }

    /// All of them as the words of a command: text as it is, numbers as text.
    pub(super) fn collect(
        &self,
        bytes: &mut Vec<u8>,
        spans: &mut Vec<Span>,
    ) -> Result<(), &'static str> {
        if self.0.is_empty() {
            return Err("Please specify at least one argument for this redis lib call");
        }
        for value in &self.0 {
            let start = bytes.len();
            match value {
                Value::String(text) => bytes.extend_from_slice(&text.as_bytes()),
                Value::Integer(number) => {
                    let mut room = [0; numbers::I64_TEXT];
                    bytes.extend_from_slice(numbers::format_i64(*number, &mut room));
                }
                // Redis casts whole numbers, which takes the sign of zero away.
                Value::Number(number) if *number == 0.0 => bytes.push(b'0'),
                Value::Number(number) => {
                    let mut room = [0; numbers::G17_TEXT];
                    bytes.extend_from_slice(numbers::format_double(*number, &mut room));
                }
                _ => return Err("Lua redis lib command arguments must be strings or integers"),
            }
            spans.push((start, bytes.len()));
        }
        Ok(())
    }

    pub(super) fn is_absent(&self, at: usize) -> bool {
        matches!(self.get(at), None | Some(Value::Nil))
    }
}

/// What Lua calls a value's type; a null pointer of cjson's is its `userdata`.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) | Value::Number(_) => "number",
        Value::LightUserData(_) => "userdata",
        other => other.type_name(),
    }
}

/// A value as `lua_tonumber` reads it.
pub(super) fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        Value::String(text) => text_number(&text.as_bytes()),
        _ => None,
    }
}

/// Text as `lua_tonumber` reads it: `strtod` and blanks around.
fn text_number(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        let value = u64::from_str_radix(hex, 16).ok()? as f64;
        return Some(if negative { -value } else { value });
    }
    text.parse().ok()
}

/// A double as C's cast to a 64-bit integer on common processors: what does not fit becomes the smallest.
pub(super) fn as_c_integer(number: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_are_those_of_the_processor() {
        assert_eq!(as_c_integer(3.99), 3);
        assert_eq!(as_c_integer(-3.99), -3);
        assert_eq!(as_c_integer(f64::NAN), i64::MIN);
        assert_eq!(as_c_integer(f64::INFINITY), i64::MIN);
        assert_eq!(as_c_integer(-9_223_372_036_854_775_808.0), i64::MIN);
        assert_eq!(as_c_integer(9_223_372_036_854_775_808.0), i64::MIN);
    }

    #[test]
    fn text_is_a_number_as_lua_reads_it() {
        assert_eq!(text_number(b" 10 "), Some(10.0));
        assert_eq!(text_number(b"0x10"), Some(16.0));
        assert_eq!(text_number(b"-1e2"), Some(-100.0));
        assert_eq!(text_number(b""), None);
        assert_eq!(text_number(b"1 2"), None);
    }
}
