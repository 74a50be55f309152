//! Values as text.

use super::{calendar, number, Kind};
use hyperdb_graph::codec::decimal::Decimal;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Text that a column may hold: UTF-8 without NUL.
fn is_text(raw: &[u8]) -> bool {
    !raw.contains(&0) && std::str::from_utf8(raw).is_ok()
}

/// Whether the text has at most so many characters.
fn fits(raw: &[u8], most: u32) -> bool {
    let continued = |byte: &&u8| **byte & 0xc0 != 0x80;
    raw.len() <= most as usize || raw.iter().filter(continued).count() <= most as usize
}

fn integer(raw: &[u8]) -> Option<i64> {
    let (negative, digits) = match raw.split_first()? {
        (b'-', digits) => (true, digits),
        (b'+', _) => return None,
        _ => (false, raw),
    };
    // Nineteen digits may leave the range, which is looked at below; twenty may wrap.
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut value: i128 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i128::from(digit - b'0');
    }
    i64::try_from(if negative { -value } else { value }).ok()
}

fn unhex(raw: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    if !raw.len().is_multiple_of(2) {
        return None;
    }
    raw.chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

fn uuid(raw: &[u8]) -> Option<Vec<u8>> {
    let dashes = [8, 13, 18, 23];
    let is_whole = raw.len() == 36 && dashes.iter().all(|at| raw[*at] == b'-');
    if !is_whole {
        return None;
    }
    let digits: Vec<u8> = raw.iter().copied().filter(|byte| *byte != b'-').collect();
    unhex(&digits).filter(|bytes| bytes.len() == 16)
}

/// Appends a whole number in decimal digits.
pub(crate) fn push_integer(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

impl Kind {
    pub(super) fn read_text(self, raw: &[u8]) -> Option<Vec<u8>> {
        match self {
            Kind::Bool => match raw {
                b"t" | b"true" => Some(vec![1]),
                b"f" | b"false" => Some(vec![0]),
                _ => None,
            },
            Kind::Int2 | Kind::Int4 | Kind::Int8 => self.store_integer(integer(raw)?),
            Kind::Float8 => Some(number::read_float(raw)?.to_le_bytes().to_vec()),
            Kind::Text => is_text(raw).then(|| raw.to_vec()),
            Kind::Varchar(most) => (is_text(raw) && fits(raw, most)).then(|| raw.to_vec()),
            Kind::Char(most) => {
                (is_text(raw) && fits(raw, most)).then(|| raw.trim_suffix_spaces().to_vec())
            }
            Kind::Bytes => unhex(raw.strip_prefix(b"\\x")?),
            Kind::Uuid => uuid(raw),
            Kind::Date => Some(calendar::read_date(raw)?.to_le_bytes().to_vec()),
            Kind::Timestamp => Some(calendar::read_moment(raw)?.to_le_bytes().to_vec()),
            Kind::TimestampTz => {
                let local = raw.strip_suffix(b"+00").unwrap_or(raw);
                Some(calendar::read_moment(local)?.to_le_bytes().to_vec())
            }
            Kind::Numeric(precision, scale) => {
                let mut out = Vec::new();
                number::read_decimal(raw, precision, scale)?.encode(&mut out);
                Some(out)
            }
        }
    }

    pub(super) fn write_text(self, stored: &[u8], out: &mut Vec<u8>) -> Option<()> {
        match self {
            Kind::Bool => out.push(match stored {
                [0] => b'f',
                [1] => b't',
                _ => return None,
            }),
            Kind::Int2 | Kind::Int4 | Kind::Int8 => push_integer(self.integer(stored)?, out),
            Kind::Float8 => number::push_float(f64::from_le_bytes(stored.try_into().ok()?), out),
            Kind::Text | Kind::Varchar(_) => out.extend_from_slice(stored),
            Kind::Char(width) => {
                out.extend_from_slice(stored);
                let characters = std::str::from_utf8(stored).ok()?.chars().count();
                let missing = (width as usize).saturating_sub(characters);
                out.resize(out.len() + missing, b' ');
            }
            Kind::Bytes => {
                out.extend_from_slice(b"\\x");
                push_hex(stored, out);
            }
            Kind::Uuid => {
                let bytes: &[u8; 16] = stored.try_into().ok()?;
                for (place, part) in [
                    &bytes[..4],
                    &bytes[4..6],
                    &bytes[6..8],
                    &bytes[8..10],
                    &bytes[10..],
                ]
                .into_iter()
                .enumerate()
                {
                    if place > 0 {
                        out.push(b'-');
                    }
                    push_hex(part, out);
                }
            }
            Kind::Date => calendar::push_date(i32::from_le_bytes(stored.try_into().ok()?), out)?,
            Kind::Timestamp => {
                calendar::push_moment(i64::from_le_bytes(stored.try_into().ok()?), out)?;
            }
            Kind::TimestampTz => {
                calendar::push_moment(i64::from_le_bytes(stored.try_into().ok()?), out)?;
                out.extend_from_slice(b"+00");
            }
            Kind::Numeric(..) => number::push_decimal(&Decimal::decode(stored)?, out)?,
        }
        Some(())
    }
}

trait TrimSpaces {
    fn trim_suffix_spaces(&self) -> &[u8];
}

impl TrimSpaces for [u8] {
    /// char(n) is stored without the blanks that fill it up.
    fn trim_suffix_spaces(&self) -> &[u8] {
        let end = self.iter().rposition(|byte| *byte != b' ');
        &self[..end.map_or(0, |last| last + 1)]
    }
}
