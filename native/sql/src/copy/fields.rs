//! Records to fields, without their quotes and escapes.

use super::Format;

/// What is at the front of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// A record of so many bytes.
    Record(usize),
    /// Perhaps the beginning of one.
    Short,
    /// One for the ordinary way.
    Left,
}

/// The fields of one record; its room is used again for the next.
#[derive(Default)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    /// Where each ends, and whether it is null.
    ends: Vec<(usize, bool)>,
}

impl Fields {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Field `at`; inside `None` for null.
    #[allow(clippy::option_option)]
    pub(super) fn get(&self, at: usize) -> Option<Option<&[u8]>> {
        let (end, is_null) = *self.ends.get(at)?;
        let start = match at.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before)?.0,
        };
        Some(if is_null {
            None
        } else {
            Some(self.bytes.get(start..end)?)
        })
    }

    fn end_field(&mut self, is_null: bool) {
        self.ends.push((self.bytes.len(), is_null));
    }

    /// Takes the record at the front of `data` apart.
    pub(super) fn cut(&mut self, data: &[u8], format: &Format) -> Cut {
        self.bytes.clear();
        self.ends.clear();
        match format {
            Format::Text { delimiter, null } => self.text(data, *delimiter, null),
            Format::Csv {
                delimiter,
                null,
                quote,
                escape,
            } => self.csv(data, [*delimiter, *quote, *escape], null),
            Format::Binary => self.binary(data),
        }
    }

    fn text(&mut self, data: &[u8], delimiter: u8, null: &[u8]) -> Cut {
        let mut start = 0;
        let mut is_plain = true;
        let mut at = 0;
        while let Some(&byte) = data.get(at) {
            if byte == delimiter || byte == b'\n' {
                let raw = data.get(start..at).unwrap_or_default();
                let is_null = raw == null;
                if is_null {
                } else if is_plain {
                    self.bytes.extend_from_slice(raw);
                } else if unescaped(raw, &mut self.bytes).is_none() {
                    return Cut::Left;
                }
                self.end_field(is_null);
                if byte == b'\n' {
                    return Cut::Record(at + 1);
                }
                (start, is_plain) = (at + 1, true);
            } else if byte == b'\\' {
                is_plain = false;
                at += 1;
                match data.get(at) {
                    // The end of the data, or a record of several lines.
                    Some(b'.' | b'\n' | b'\r') => return Cut::Left,
                    Some(_) => {}
                    None => return Cut::Short,
                }
            } else if byte == b'\r' {
                return Cut::Left;
            }
            at += 1;
        }
        Cut::Short
    }

    fn csv(&mut self, data: &[u8], [delimiter, quote, escape]: [u8; 3], null: &[u8]) -> Cut {
        let (mut is_open, mut was_quoted) = (false, false);
        let mut start = 0;
        let mut at = 0;
        while let Some(&byte) = data.get(at) {
            at += 1;
            if is_open {
                if byte == escape {
                    match data.get(at) {
                        None => return Cut::Short,
                        Some(&next) if next == quote || next == escape => {
                            self.bytes.push(next);
                            at += 1;
                            continue;
                        }
                        Some(_) => {}
                    }
                }
                match byte == quote {
                    true => is_open = false,
                    false => self.bytes.push(byte),
                }
            } else if byte == quote {
                (is_open, was_quoted) = (true, true);
            } else if byte == delimiter || byte == b'\n' {
                let field = self.bytes.get(start..).unwrap_or_default();
                if byte == b'\n' && !was_quoted && self.ends.is_empty() && field == b"\\." {
                    return Cut::Left;
                }
                let is_null = !was_quoted && field == null;
                self.end_field(is_null);
                if byte == b'\n' {
                    return Cut::Record(at);
                }
                (start, was_quoted) = (self.bytes.len(), false);
            } else if byte == b'\r' {
                return Cut::Left;
            } else {
                self.bytes.push(byte);
            }
        }
        Cut::Short
    }

    fn binary(&mut self, data: &[u8]) -> Cut {
        let Some((count, mut rest)) = data.split_first_chunk::<2>() else {
            return Cut::Short;
        };
        let Ok(count) = u16::try_from(i16::from_be_bytes(*count)) else {
            return Cut::Left;
        };
        for _ in 0..count {
            let Some((length, behind)) = rest.split_first_chunk::<4>() else {
                return Cut::Short;
            };
            rest = behind;
            match i32::from_be_bytes(*length) {
                -1 => self.end_field(true),
                length => {
                    let Ok(length) = usize::try_from(length) else {
                        return Cut::Left;
                    };
                    let Some((field, behind)) = rest.split_at_checked(length) else {
                        return Cut::Short;
                    };
                    self.bytes.extend_from_slice(field);
                    self.end_field(false);
                    rest = behind;
                }
            }
        }
        Cut::Record(data.len() - rest.len())
    }
}

/// Appends a field without its backslashes.
fn unescaped(raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = raw;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&spelled, behind) = rest.split_first()?;
        rest = behind;
        out.push(match spelled {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'0'..=b'7' => {
                let mut value = u32::from(spelled - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = rest.first() else {
                        break;
                    };
                    value = value * 8 + u32::from(digit - b'0');
                    rest = &rest[1..];
                }
                (value & 0xff) as u8
            }
            b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => {
                let digits = rest
                    .iter()
                    .take(2)
                    .take_while(|digit| digit.is_ascii_hexdigit())
                    .count();
                let (hex, behind) = rest.split_at(digits);
                rest = behind;
                u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    Some(())
}
