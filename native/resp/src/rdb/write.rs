//! Writing a value.

use super::{crc64, stream, Value, FUNCTION, VERSION};
use crate::commands::numbers::parse_i64;

/// Bytes that are written at their end.
#[derive(Default)]
pub(super) struct Output(pub Vec<u8>);

impl Output {
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A number as a length.
    pub(super) fn number(&mut self, number: u64) {
        match number {
            0..=0x3f => self.0.push(number as u8),
            0x40..=0x3fff => self.raw(&[0x40 | (number >> 8) as u8, number as u8]),
            _ => match u32::try_from(number) {
                Ok(number) => {
                    self.0.push(0x80);
                    self.raw(&number.to_be_bytes());
                }
                Err(_) => {
                    self.0.push(0x81);
                    self.raw(&number.to_be_bytes());
                }
            },
        }
    }

    /// A string; a small integer as such.
    pub(super) fn text(&mut self, text: &[u8]) {
        const LONGEST_INTEGER: usize = 11;
        let small = (text.len() <= LONGEST_INTEGER)
            .then(|| parse_i64(text).and_then(|value| i32::try_from(value).ok()))
            .flatten();
        let Some(value) = small else {
            self.number(text.len() as u64);
            self.raw(text);
            return;
        };
        if let Ok(value) = i8::try_from(value) {
            self.raw(&[0xc0, value as u8]);
        } else if let Ok(value) = i16::try_from(value) {
            self.0.push(0xc1);
            self.raw(&value.to_le_bytes());
        } else {
            self.0.push(0xc2);
            self.raw(&value.to_le_bytes());
        }
    }

    fn texts<'a>(&mut self, count: usize, texts: impl Iterator<Item = &'a Vec<u8>>) {
        self.number(count as u64);
        texts.for_each(|text| self.text(text));
    }
}

/// The type of a value as it is written.
pub(super) fn kind(value: &Value) -> u8 {
    match value {
        Value::Text(_) => 0,
        Value::List(_) => 1,
        Value::Set(_) => 2,
        Value::Hash(_) => 4,
        Value::SortedSet(_) => 5,
        Value::Stream(_) => 19,
    }
}

/// Writes a value without its type.
pub(super) fn body(out: &mut Output, value: &Value) {
    match value {
        Value::Text(text) => out.text(text),
        Value::List(items) | Value::Set(items) => out.texts(items.len(), items.iter()),
        Value::Hash(fields) => {
            let words = fields.iter().flat_map(|(field, value)| [field, value]);
            out.texts(fields.len(), words);
        }
        Value::SortedSet(members) => {
            out.number(members.len() as u64);
            for (member, score) in members {
                out.text(member);
                out.raw(&score.to_le_bytes());
            }
        }
        Value::Stream(value) => stream::write(out, value),
    }
}

/// The payload of a value, with version and checksum.
pub fn dump(value: &Value) -> Vec<u8> {
    let mut out = Output::default();
    out.0.push(kind(value));
    body(&mut out, value);
    with_footer(out)
}

/// The payload of FUNCTION DUMP: the codes of all libraries.
pub fn dump_functions<'c>(codes: impl Iterator<Item = &'c [u8]>) -> Vec<u8> {
    let mut out = Output::default();
    for code in codes {
        out.0.push(FUNCTION);
        out.text(code);
    }
    with_footer(out)
}

fn with_footer(mut out: Output) -> Vec<u8> {
    out.raw(&VERSION.to_le_bytes());
    let sum = crc64::of(&out.0);
    out.raw(&sum.to_le_bytes());
    out.0
}
