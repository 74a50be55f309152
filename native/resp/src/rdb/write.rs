//! Writing a value.

use super::stream::Version;
use super::{crc64, lzf, pack, stream, Edition, Size, Text, Value, FUNCTION};
use crate::commands::numbers::parse_i64;

/// Longest string of which Redis does not try whether it gets shorter.
const INCOMPRESSIBLE: usize = 20;

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

    /// A string; a small integer as such, a long text as the LZF block of it if that is shorter.
    pub(super) fn text(&mut self, text: &[u8]) {
        const LONGEST_INTEGER: usize = 11;
        let small = (text.len() <= LONGEST_INTEGER)
            .then(|| parse_i64(text).and_then(|value| i32::try_from(value).ok()))
            .flatten();
        let Some(value) = small else {
            let block = (text.len() > INCOMPRESSIBLE)
                .then(|| lzf::shorten(text))
                .flatten();
            if let Some(block) = &block {
                self.0.push(0xc3);
                self.number(block.len() as u64);
            }
            self.number(text.len() as u64);
            self.raw(block.as_deref().unwrap_or(text));
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
}

/// In which form a value is written: the type, and what is packed in one piece already.
enum Form {
    Text,
    Nodes(Vec<Vec<u8>>),
    Packed(u8, Vec<u8>),
    Set,
    Hash,
    SortedSet,
    Stream(Version),
}

impl Form {
    /// The form that Redis gives a value: packed as long as it never outgrew that.
    fn of(value: &Value, size: Size, edition: Edition) -> Form {
        let is_small = size == Size::Small;
        match value {
            Value::Text(_) => Form::Text,
            Value::List(items) => Form::Nodes(pack::nodes(items)),
            Value::Set(members) => {
                let integers = is_small.then(|| pack::integers(members)).flatten();
                let is_packed = match size {
                    Size::Packed => true,
                    Size::Large => false,
                    Size::Small | Size::Unknown => fit_listpack(members),
                };
                match integers {
                    Some(packed) => Form::Packed(11, packed),
                    None if edition == Edition::Redis72 && is_packed => {
                        Form::Packed(20, pack::words(members.iter()))
                    }
                    None => Form::Set,
                }
            }
            Value::Hash(fields) if is_small => {
                let words = fields.iter().flat_map(|(field, value)| [field, value]);
                Form::Packed(16, pack::words(words))
            }
            Value::Hash(_) => Form::Hash,
            Value::SortedSet(members) if is_small => Form::Packed(17, pack::scored(members)),
            Value::SortedSet(_) => Form::SortedSet,
            Value::Stream(_) => Form::Stream(match edition {
                Edition::Redis70 => Version::Two,
                Edition::Redis72 => Version::Three,
            }),
        }
    }

    /// The number of the type.
    fn kind(&self) -> u8 {
        match self {
            Form::Text => 0,
            Form::Nodes(_) => 18,
            Form::Packed(kind, _) => *kind,
            Form::Set => 2,
            Form::Hash => 4,
            Form::SortedSet => 5,
            Form::Stream(Version::Three) => 21,
            Form::Stream(_) => 19,
        }
    }
}

/// Whether Redis 7.2 keeps a set that is none of integers in one piece (`set-max-listpack-entries`, `set-max-listpack-value`).
fn fit_listpack(members: &[Text]) -> bool {
    const MEMBERS: usize = 128;
    const BYTES: usize = 64;
    members.len() <= MEMBERS && members.iter().all(|member| member.len() <= BYTES)
}

/// Writes a value's type, a key if there is one, and the value.
pub(super) fn put(
    out: &mut Output,
    key: Option<&[u8]>,
    (value, size): (&Value, Size),
    edition: Edition,
) {
    let form = Form::of(value, size, edition);
    out.0.push(form.kind());
    if let Some(key) = key {
        out.text(key);
    }
    match (form, value) {
        (Form::Packed(_, packed), _) => out.text(&packed),
        (Form::Nodes(nodes), _) => {
            const PACKED: u64 = 2;
            out.number(nodes.len() as u64);
            for node in nodes {
                out.number(PACKED);
                out.text(&node);
            }
        }
        (Form::Stream(version), Value::Stream(value)) => stream::write(out, value, version),
        (_, value) => plainly(out, value),
    }
}

/// Writes the value word by word.
fn plainly(out: &mut Output, value: &Value) {
    match value {
        Value::Text(text) => out.text(text),
        Value::List(words) | Value::Set(words) => {
            out.number(words.len() as u64);
            words.iter().for_each(|word| out.text(word));
        }
        Value::Hash(fields) => {
            out.number(fields.len() as u64);
            for (field, value) in fields {
                out.text(field);
                out.text(value);
            }
        }
        Value::SortedSet(members) => {
            out.number(members.len() as u64);
            // From the greatest, so that who reads it adds each in front.
            for (member, score) in members.iter().rev() {
                out.text(member);
                out.raw(&score.to_le_bytes());
            }
        }
        Value::Stream(value) => stream::write(out, value, Version::Three),
    }
}

/// The payload of a value, with version and checksum.
pub fn dump(value: &Value, size: Size) -> Vec<u8> {
    let mut out = Output::default();
    let edition = Edition::default();
    put(&mut out, None, (value, size), edition);
    with_footer(out, edition)
}

/// The payload of FUNCTION DUMP: the codes of all libraries.
pub fn dump_functions<'c>(codes: impl Iterator<Item = &'c [u8]>) -> Vec<u8> {
    let mut out = Output::default();
    for code in codes {
        out.0.push(FUNCTION);
        out.text(code);
    }
    with_footer(out, Edition::default())
}

fn with_footer(mut out: Output, edition: Edition) -> Vec<u8> {
    out.raw(&edition.version().to_le_bytes());
    let sum = crc64::of(&out.0);
    out.raw(&sum.to_le_bytes());
    out.0
}
