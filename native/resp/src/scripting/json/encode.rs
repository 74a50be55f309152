//! Writing JSON.

use super::{called, Invalid, Settings};
use crate::scripting::native::Raise;
use mlua::{Table, Value};
use std::io::Write;

fn cannot(value: &Value, reason: &str) -> Raise {
    Raise::text(format!("Cannot serialise {}: {reason}", called(value)))
}

/// A value as JSON.
pub(super) fn encode(value: &Value, settings: &Settings) -> Result<Vec<u8>, Raise> {
    let mut out = Vec::new();
    Writer { settings }.value(&mut out, value, 0)?;
    Ok(out)
}

struct Writer<'s> {
    settings: &'s Settings,
}

impl Writer<'_> {
    fn value(&self, out: &mut Vec<u8>, value: &Value, depth: i64) -> Result<(), Raise> {
        match value {
            Value::String(text) => put_text(out, &text.as_bytes()),
            Value::Integer(number) => self.number(out, value, *number as f64)?,
            Value::Number(number) => self.number(out, value, *number)?,
            Value::Boolean(true) => out.extend_from_slice(b"true"),
            Value::Boolean(false) => out.extend_from_slice(b"false"),
            Value::Nil => out.extend_from_slice(b"null"),
            Value::LightUserData(pointer) if pointer.0.is_null() => {
                out.extend_from_slice(b"null");
            }
            Value::Table(table) => self.table(out, table, depth + 1)?,
            other => return Err(cannot(other, "type not supported")),
        }
        Ok(())
    }

    fn number(&self, out: &mut Vec<u8>, value: &Value, number: f64) -> Result<(), Raise> {
        if !number.is_finite() {
            match self.settings.encode_invalid {
                Invalid::Refused => return Err(cannot(value, "must not be NaN or Inf")),
                Invalid::Null => {
                    out.extend_from_slice(b"null");
                    return Ok(());
                }
                Invalid::Written => {}
            }
        }
        put_number(out, number, self.settings.precision as usize);
        Ok(())
    }

    fn table(&self, out: &mut Vec<u8>, table: &Table, depth: i64) -> Result<(), Raise> {
        if depth > self.settings.encode_depth {
            return Err(Raise::text(format!(
                "Cannot serialise, excessive nesting ({depth})"
            )));
        }
        match self.array_length(table)? {
            Some(len) if len > 0 => {
                out.push(b'[');
                for at in 1..=len {
                    if at > 1 {
                        out.push(b',');
                    }
                    self.value(out, &table.raw_get::<Value>(at)?, depth)?;
                }
                out.push(b']');
            }
            _ => self.object(out, table, depth)?,
        }
        Ok(())
    }

    /// The largest index, if all keys are whole numbers from 1 on; none if an array of it would be mostly holes and objects are allowed.
    fn array_length(&self, table: &Table) -> Result<Option<i64>, Raise> {
        let (mut most, mut items) = (0i64, 0i64);
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = pair?;
            match key {
                Value::Integer(index) if index > 0 => most = most.max(index),
                _ => return Ok(None),
            }
            items += 1;
        }
        let settings = self.settings;
        let sparse = settings.sparse_ratio > 0
            && most > items.saturating_mul(settings.sparse_ratio)
            && most > settings.sparse_safe;
        if !sparse {
            return Ok(Some(most));
        }
        if settings.sparse_convert {
            return Ok(None);
        }
        let table = Value::Table(table.clone());
        Err(cannot(&table, "excessively sparse array"))
    }

    fn object(&self, out: &mut Vec<u8>, table: &Table, depth: i64) -> Result<(), Raise> {
        out.push(b'{');
        let mut first = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            match &key {
                Value::Integer(number) => self.number_key(out, &key, *number as f64)?,
                Value::Number(number) => self.number_key(out, &key, *number)?,
                Value::String(text) => put_text(out, &text.as_bytes()),
                other => return Err(cannot(other, "table key must be a number or string")),
            }
            out.push(b':');
            self.value(out, &value, depth)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn number_key(&self, out: &mut Vec<u8>, key: &Value, number: f64) -> Result<(), Raise> {
        out.push(b'"');
        self.number(out, key, number)?;
        out.push(b'"');
        Ok(())
    }
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'/' => out.extend_from_slice(b"\\/"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0..=0x1f | 0x7f => {
                // Writing to memory does not fail.
                let _written = write!(out, "\\u{byte:04x}");
            }
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

/// A double as C's `%.*g`.
fn put_number(out: &mut Vec<u8>, number: f64, precision: usize) {
    if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"inf" } else { b"-inf" });
        return;
    }
    if number.is_nan() {
        out.extend_from_slice(b"nan");
        return;
    }
    let scientific = format!("{:.*e}", precision - 1, number);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= precision as i32 {
        out.extend_from_slice(without_zeros(mantissa).as_bytes());
        let sign = if exponent < 0 { '-' } else { '+' };
        // Writing to memory does not fail.
        let _written = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
    } else {
        let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
        out.extend_from_slice(without_zeros(&format!("{number:.decimals$}")).as_bytes());
    }
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_c_does() {
        for (number, precision, expected) in [
            (0.1, 14, "0.1"),
            (1e15, 14, "1e+15"),
            (123_456_789_012_345.0, 14, "1.2345678901234e+14"),
            (99_999_999_999_999.0, 14, "99999999999999"),
            (1e-5, 14, "1e-05"),
            (0.0001, 14, "0.0001"),
            (-0.0, 14, "-0"),
            (1.0 / 3.0, 3, "0.333"),
            (1234.5, 2, "1.2e+03"),
            (9.99, 1, "1e+01"),
        ] {
            let mut out = Vec::new();
            put_number(&mut out, number, precision);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
