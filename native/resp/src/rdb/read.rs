//! Reading a value.

use super::packed::{checked, is_empty, pairs, scored, texts, Form};
use super::{lzf, stream, ziplist, Text, Value, FUNCTION};
use crate::commands::numbers::parse_f64;
use crate::commands::strings::MAX_STRING;

/// What a reading that failed was short of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lack {
    /// Nothing: what is there is malformed.
    #[default]
    Nothing,
    /// So many bytes from where it stood; they lie behind those that were read in.
    Bytes(usize),
    /// Bytes that are not there.
    End,
    /// Room: it would become too large.
    Room,
}

/// Bytes that are read from their front.
pub(super) struct Input<'a> {
    rest: &'a [u8],
    /// Bytes that lie behind `rest` and were not read in yet.
    beyond: u64,
    lack: Lack,
    /// Bytes that compressed or shared strings may yet become: a short payload must not fill the memory.
    budget: usize,
    /// What each string takes of that besides, wherever it comes from.
    each: usize,
}

/// A length, or how a string is written that has none.
enum Length {
    Plain(u64),
    Special(u8),
}

impl<'a> Input<'a> {
    /// All of a payload.
    fn whole(bytes: &'a [u8]) -> Input<'a> {
        Input {
            rest: bytes,
            beyond: 0,
            lack: Lack::Nothing,
            budget: MAX_STRING,
            each: 0,
        }
    }

    /// Some bytes of more, `beyond` of which follow; a value may take `budget` bytes beside them, `each` of them for each string.
    pub(super) fn window(
        bytes: &'a [u8],
        beyond: u64,
        (budget, each): (usize, usize),
    ) -> Input<'a> {
        Input {
            rest: bytes,
            beyond,
            lack: Lack::Nothing,
            budget,
            each,
        }
    }

    /// How many bytes are left of those that were read in.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// What was missing where reading ended without a value.
    pub(super) fn lack(&self) -> Lack {
        self.lack
    }

    /// Takes note of bytes that are not in the payload as they are; `None` if there are too many.
    pub(super) fn expand(&mut self, len: usize) -> Option<()> {
        match self.budget.checked_sub(len) {
            Some(budget) => self.budget = budget,
            None => {
                self.lack = Lack::Room;
                return None;
            }
        }
        Some(())
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            let behind = (len - self.rest.len()) as u64;
            self.lack = if behind <= self.beyond {
                Lack::Bytes(len)
            } else {
                Lack::End
            };
            return None;
        };
        self.rest = rest;
        Some(taken)
    }

    /// Whether so many bytes may follow.
    fn may_hold(&mut self, len: u64) -> Option<()> {
        if len > self.rest.len() as u64 + self.beyond {
            self.lack = Lack::End;
            return None;
        }
        Some(())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    fn any_length(&mut self) -> Option<Length> {
        let first = self.byte()?;
        Some(match first {
            0x00..=0x3f => Length::Plain(u64::from(first)),
            0x40..=0x7f => Length::Plain((u64::from(first & 0x3f) << 8) | u64::from(self.byte()?)),
            0x80 => Length::Plain(u64::from(u32::from_be_bytes(self.array()?))),
            0x81 => Length::Plain(u64::from_be_bytes(self.array()?)),
            0xc0..=0xff => Length::Special(first & 0x3f),
            _ => return None,
        })
    }

    /// A number written as a length.
    pub(super) fn number(&mut self) -> Option<u64> {
        match self.any_length()? {
            Length::Plain(number) => Some(number),
            Length::Special(_) => None,
        }
    }

    /// How many things follow, each of which takes a byte at least.
    pub(super) fn count(&mut self) -> Option<usize> {
        let count = self.number()?;
        self.may_hold(count)?;
        usize::try_from(count).ok()
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?)
            .ok()
            .filter(|len| *len <= MAX_STRING)
    }

    /// A string.
    pub(super) fn text(&mut self) -> Option<Text> {
        let integer = |value: i64| Some(value.to_string().into_bytes());
        self.expand(self.each)?;
        match self.any_length()? {
            Length::Plain(len) => {
                self.may_hold(len)?;
                Some(self.take(usize::try_from(len).ok()?)?.to_vec())
            }
            Length::Special(0) => integer(i64::from(i8::from_le_bytes(self.array()?))),
            Length::Special(1) => integer(i64::from(i16::from_le_bytes(self.array()?))),
            Length::Special(2) => integer(i64::from(i32::from_le_bytes(self.array()?))),
            Length::Special(3) => {
                let (block, len) = (self.length()?, self.length()?);
                self.expand(len)?;
                lzf::expand(self.take(block)?, len)
            }
            Length::Special(_) => None,
        }
    }

    /// A string in which others are packed, two bytes for each at least.
    pub(super) fn pack(&mut self) -> Option<Text> {
        let pack = self.text()?;
        self.expand((pack.len() / 2).saturating_mul(self.each))?;
        Some(pack)
    }

    /// So many strings as the number in front of them says, times `each`.
    fn many(&mut self, each: usize) -> Option<Vec<Text>> {
        let count = self.count()?.checked_mul(each)?;
        self.may_hold(count as u64)?;
        (0..count).map(|_| self.text()).collect()
    }

    /// A score as text: a length byte, or one that says which number it is.
    fn old_score(&mut self) -> Option<f64> {
        match self.byte()? {
            253 => None,
            254 => Some(f64::INFINITY),
            255 => Some(f64::NEG_INFINITY),
            len => parse_f64(self.take(usize::from(len))?),
        }
    }

    /// Members, each with its score behind it.
    fn scored(
        &mut self,
        mut score: impl FnMut(&mut Self) -> Option<f64>,
    ) -> Option<Vec<(Text, f64)>> {
        let count = self.count()?;
        (0..count)
            .map(|_| Some((self.text()?, score(self)?)))
            .collect()
    }

    /// The nodes of a list: strings by themselves, or packed.
    fn nodes(&mut self, form: Form) -> Option<Vec<Text>> {
        const PLAIN: u64 = 1;
        const PACKED: u64 = 2;
        let mut items = Vec::new();
        for _ in 0..self.count()? {
            let container = match form {
                Form::Listpack => self.number()?,
                Form::Ziplist => PACKED,
            };
            let node = match container {
                PACKED => self.pack()?,
                _ => self.text()?,
            };
            match container {
                // Redis has no empty one.
                PLAIN if node.is_empty() => return None,
                PLAIN => items.push(node),
                PACKED => items.extend(texts(form, &node)?),
                _ => return None,
            }
        }
        Some(items)
    }
}

/// The codes of libraries of a payload without its version and checksum.
pub(super) fn functions(body: &[u8]) -> Option<Vec<Text>> {
    let mut input = Input::whole(body);
    let mut codes = Vec::new();
    while !input.rest.is_empty() {
        if input.byte()? != FUNCTION {
            return None;
        }
        codes.push(input.text()?);
    }
    Some(codes)
}

/// The value of a payload without its version and checksum.
pub(super) fn value(body: &[u8]) -> Option<Value> {
    let (kind, rest) = body.split_first()?;
    let mut input = Input::whole(rest);
    let value = value_of(*kind, &mut input)?;
    (input.rest.is_empty() && !is_empty(&value)).then_some(value)
}

/// The value of a type, from its front, empty ones too; `None` if it is malformed, or of a type that has no form here.
pub(super) fn value_of(kind: u8, input: &mut Input<'_>) -> Option<Value> {
    let value = match kind {
        0 => Value::Text(input.text()?),
        1 => Value::List(input.many(1)?),
        2 => Value::Set(input.many(1)?),
        3 => Value::SortedSet(input.scored(Input::old_score)?),
        4 => Value::Hash(pairs(input.many(2)?)?),
        5 => Value::SortedSet(input.scored(|input| Some(f64::from_le_bytes(input.array()?)))?),
        9 => Value::Hash(pairs(ziplist::zipmap(&input.pack()?)?)?),
        10 => Value::List(texts(Form::Ziplist, &input.pack()?)?),
        11 => Value::Set(ziplist::intset(&input.pack()?)?),
        12 => Value::SortedSet(scored(Form::Ziplist, &input.pack()?)?),
        13 => Value::Hash(pairs(texts(Form::Ziplist, &input.pack()?)?)?),
        14 => Value::List(input.nodes(Form::Ziplist)?),
        15 => Value::Stream(stream::read(input, stream::Version::One)?),
        16 => Value::Hash(pairs(texts(Form::Listpack, &input.pack()?)?)?),
        17 => Value::SortedSet(scored(Form::Listpack, &input.pack()?)?),
        18 => Value::List(input.nodes(Form::Listpack)?),
        19 => Value::Stream(stream::read(input, stream::Version::Two)?),
        20 => Value::Set(texts(Form::Listpack, &input.pack()?)?),
        21 => Value::Stream(stream::read(input, stream::Version::Three)?),
        // Modules' own values, and what is newer.
        _ => return None,
    };
    checked(value)
}
