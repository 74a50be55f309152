//! Listpacks: strings and integers, one after the other.
//!
//! ```text
//! bytes of all u32 LE, elements u16 LE (65535: not known), elements, FF
//! element: its form and bytes, then how long these are, to be read backwards
//! 0xxxxxxx integer | 10xxxxxx string | 110xxxxx y integer of 13 bits | 1110xxxx y string | F0 u32 LE string | F1..F4 integer of 2, 3, 4, 8 bytes
//! ```

const HEADER: usize = 6;
const END: u8 = 0xff;
const UNKNOWN: u16 = u16::MAX;

/// An element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element<'a> {
    Integer(i64),
    Text(&'a [u8]),
}

impl Element<'_> {
    /// As a string.
    pub(super) fn text(self) -> Vec<u8> {
        match self {
            Element::Integer(value) => value.to_string().into_bytes(),
            Element::Text(text) => text.to_vec(),
        }
    }

    /// As an integer, if it is one or looks like one.
    pub(super) fn integer(self) -> Option<i64> {
        match self {
            Element::Integer(value) => Some(value),
            Element::Text(text) => crate::commands::numbers::parse_i64(text),
        }
    }
}

/// The first `N` bytes of an integer of `N` bytes, LE, sign extended.
fn integer<const N: usize>(bytes: &[u8]) -> Option<i64> {
    let raw = bytes.get(..N)?;
    let mut wide = [0; 8];
    wide[8 - N..].copy_from_slice(raw);
    Some(i64::from_le_bytes(wide) >> (64 - 8 * N))
}

/// One element at the start of `bytes`, and how many it takes without its length.
fn element(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let first = *bytes.first()?;
    let rest = &bytes[1..];
    let text = |from: usize, len: usize| {
        let end = from.checked_add(len)?;
        Some((Element::Text(bytes.get(from..end)?), end))
    };
    let number = |value: Option<i64>, len: usize| Some((Element::Integer(value?), len));
    match first {
        0..=0x7f => number(Some(i64::from(first)), 1),
        0x80..=0xbf => text(1, usize::from(first & 0x3f)),
        0xc0..=0xdf => {
            let raw = (i64::from(first & 0x1f) << 8) | i64::from(*rest.first()?);
            number(Some(raw << 51 >> 51), 2)
        }
        0xe0..=0xef => text(
            2,
            (usize::from(first & 0xf) << 8) | usize::from(*rest.first()?),
        ),
        0xf0 => {
            let len = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?);
            text(5, usize::try_from(len).ok()?)
        }
        0xf1 => number(integer::<2>(rest), 3),
        0xf2 => number(integer::<3>(rest), 4),
        0xf3 => number(integer::<4>(rest), 5),
        0xf4 => number(integer::<8>(rest), 9),
        _ => None,
    }
}

/// How an element of `len` bytes says its length, to be read backwards. As Redis writes it, the greatest number of two, three or four
/// digits has one more.
fn back_length(len: usize) -> Vec<u8> {
    let mut digits = vec![(len & 0x7f) as u8];
    let mut rest = len >> 7;
    while rest > 0 || (digits.len() > 1 && len == (1 << (7 * digits.len())) - 1) {
        digits.push((rest & 0x7f) as u8);
        rest >>= 7;
    }
    let last = digits.len() - 1;
    digits
        .iter_mut()
        .take(last)
        .for_each(|digit| *digit |= 0x80);
    digits.reverse();
    digits
}

/// All elements; `None` if it is malformed.
pub(super) fn elements(bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let total = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    let count = u16::from_le_bytes(bytes.get(4..HEADER)?.try_into().ok()?);
    if usize::try_from(total).ok()? != bytes.len() || *bytes.last()? != END {
        return None;
    }
    let (mut at, end) = (HEADER, bytes.len() - 1);
    let mut found = Vec::new();
    while at < end {
        let (element, len) = element(&bytes[at..end])?;
        found.push(element);
        at += len;
        let back = back_length(len);
        if bytes.get(at..at + back.len())? != back {
            return None;
        }
        at += back.len();
    }
    let is_counted = count == UNKNOWN || usize::from(count) == found.len();
    (at == end && is_counted).then_some(found)
}

/// A listpack under construction.
pub(super) struct Builder {
    bytes: Vec<u8>,
    count: usize,
}

impl Builder {
    pub(super) fn new() -> Builder {
        Builder {
            bytes: vec![0; HEADER],
            count: 0,
        }
    }

    pub(super) fn push_integer(&mut self, value: i64) {
        let mut form = Vec::with_capacity(9);
        let wide = value.to_le_bytes();
        match value {
            0..=0x7f => form.push(value as u8),
            -0x1000..=0xfff => {
                form.extend_from_slice(&[0xc0 | ((value >> 8) & 0x1f) as u8, value as u8]);
            }
            -0x8000..=0x7fff => form.extend([&[0xf1], &wide[..2]].concat()),
            -0x80_0000..=0x7f_ffff => form.extend([&[0xf2], &wide[..3]].concat()),
            -0x8000_0000..=0x7fff_ffff => form.extend([&[0xf3], &wide[..4]].concat()),
            _ => form.extend([&[0xf4], &wide[..]].concat()),
        }
        self.push(&form);
    }

    /// Bytes that it has, with its end.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() + 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A string, as the integer that it looks like.
    pub(super) fn push_word(&mut self, word: &[u8]) {
        match crate::commands::numbers::parse_i64(word) {
            Some(value) => self.push_integer(value),
            None => self.push_text(word),
        }
    }

    pub(super) fn push_text(&mut self, text: &[u8]) {
        let len = text.len();
        let mut form = match len {
            0..=0x3f => vec![0x80 | len as u8],
            0x40..=0xfff => vec![0xe0 | (len >> 8) as u8, len as u8],
            _ => [&[0xf0], &(len as u32).to_le_bytes()[..]].concat(),
        };
        form.extend_from_slice(text);
        self.push(&form);
    }

    fn push(&mut self, form: &[u8]) {
        self.bytes.extend_from_slice(form);
        self.bytes.extend(back_length(form.len()));
        self.count += 1;
    }

    /// Replaces the integer that was pushed first, if both take one byte.
    pub(super) fn replace_first(&mut self, value: u8) {
        if let Some(first) = self
            .bytes
            .get_mut(HEADER)
            .filter(|first| (**first | value) < 0x80)
        {
            *first = value;
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let total = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        let count = u16::try_from(self.count).unwrap_or(UNKNOWN);
        self.bytes[4..HEADER].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_are_those_of_redis() {
        for (len, back) in [
            (0x7f, &[0x7f][..]),
            (0x80, &[1, 0x80]),
            (0x3ffe, &[0x7f, 0xfe]),
            (0x3fff, &[0, 0xff, 0xff]),
            (0x4000, &[1, 0x80, 0x80]),
            (0x1f_ffff, &[0, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(back_length(len), back, "{len}");
        }
    }

    proptest! {
        #[test]
        fn elements_come_back(integers in prop::collection::vec(any::<i64>(), 0..20), shift in 0u32..64, texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5000), 0..4)) {
            let mut builder = Builder::new();
            integers.iter().for_each(|value| builder.push_integer(value >> shift));
            texts.iter().for_each(|text| builder.push_text(text));
            let bytes = builder.finish();
            let expected: Vec<Element<'_>> = integers
                .iter()
                .map(|value| Element::Integer(value >> shift))
                .chain(texts.iter().map(|text| Element::Text(text)))
                .collect();
            prop_assert_eq!(elements(&bytes), Some(expected));
        }

        #[test]
        fn anything_is_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let total = (bytes.len() + HEADER + 1) as u32;
            let whole = [&total.to_le_bytes()[..], &[0xff; 2], &bytes, &[END]].concat();
            let _ = (elements(&bytes), elements(&whole));
        }
    }
}
