//! Messages of the common forms, read in place and written ready.
//!
//! **Theory.** Drivers send Bind, (Describe,) Execute and Sync of a prepared statement in one piece, and simple queries as one
//! message. Just these are recognised, whole; everything else is for `hyperdb/frontends/sql/protocol`.

use crate::kind::Kind;
use crate::plan::{patch, Formats};

/// Execute of the unnamed portal without a limit, and Sync.
const EXECUTE_SYNC: &[u8] = b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04";
/// Describe of the unnamed portal before it.
const DESCRIBE: &[u8] = b"D\0\0\0\x06P\0";
/// Parameters and result columns of a statement that is answered here.
const MOST: usize = 64;

/// Bytes being read from the front.
struct Cut<'m>(&'m [u8]);

impl<'m> Cut<'m> {
    fn take(&mut self, count: usize) -> Option<&'m [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn short(&mut self) -> Option<usize> {
        let bytes: [u8; 2] = self.take(2)?.try_into().ok()?;
        Some(usize::from(u16::from_be_bytes(bytes)))
    }

    fn long(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn name(&mut self) -> Option<&'m [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let name = self.take(end)?;
        self.take(1)?;
        Some(name)
    }

    fn formats(&mut self) -> Option<Vec<bool>> {
        let count = self.short()?;
        if count > MOST {
            return None;
        }
        (0..count)
            .map(|_| match self.short()? {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            })
            .collect()
    }
}

/// The message at the front: its kind, its body, and its length on the wire.
pub(crate) fn message(data: &[u8]) -> Option<(u8, &[u8], usize)> {
    let kind = *data.first()?;
    let length: [u8; 4] = data.get(1..5)?.try_into().ok()?;
    let end = usize::try_from(u32::from_be_bytes(length))
        .ok()?
        .checked_add(1)?;
    Some((kind, data.get(5..end)?, end))
}

/// Bind, perhaps Describe, Execute, Sync: one execution of a prepared statement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Execution<'m> {
    pub(crate) name: &'m [u8],
    pub(crate) formats: Vec<bool>,
    pub(crate) values: Vec<Option<&'m [u8]>>,
    pub(crate) results: Vec<bool>,
    pub(crate) is_described: bool,
    /// Bytes of it all.
    pub(crate) length: usize,
}

impl<'m> Execution<'m> {
    /// From the front of `data`, which begins with Bind.
    pub(crate) fn read(data: &'m [u8]) -> Option<Execution<'m>> {
        let (b'B', body, bound) = message(data)? else {
            return None;
        };
        let behind = data.get(bound..)?;
        let (is_described, execution) = match behind.strip_prefix(DESCRIBE) {
            Some(rest) => (true, rest),
            None => (false, behind),
        };
        execution.strip_prefix(EXECUTE_SYNC)?;
        let mut cut = Cut(body);
        if !cut.name()?.is_empty() {
            return None;
        }
        let name = cut.name()?;
        let formats = cut.formats()?;
        let count = cut.short()?;
        if count > MOST || (formats.len() > 1 && formats.len() != count) {
            return None;
        }
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(match cut.long()? {
                -1 => None,
                length => Some(cut.take(usize::try_from(length).ok()?)?),
            });
        }
        let results = cut.formats()?;
        if !cut.0.is_empty() {
            return None;
        }
        let described = if is_described { DESCRIBE.len() } else { 0 };
        Some(Execution {
            name,
            formats,
            values,
            results,
            is_described,
            length: bound + described + EXECUTE_SYNC.len(),
        })
    }

    /// The stored forms of the values; `None` if there are not as many as kinds, or one is not read here.
    pub(crate) fn stored(&self, kinds: &[Kind]) -> Option<Vec<Option<Vec<u8>>>> {
        if kinds.len() != self.values.len() {
            return None;
        }
        let pairs = kinds.iter().zip(&self.values).enumerate();
        pairs
            .map(|(at, (kind, value))| match value {
                None => Some(None),
                Some(raw) => {
                    let is_binary = match self.formats[..] {
                        [] => false,
                        [all] => all,
                        _ => self.formats[at],
                    };
                    kind.read(raw, is_binary).map(Some)
                }
            })
            .collect()
    }
}

/// RowDescription of a statement, made once with all columns as text.
#[derive(Clone, Debug, Default)]
pub struct Description {
    bytes: Vec<u8>,
    /// Where the format codes stand.
    codes: Vec<usize>,
}

const NO_DATA: &[u8] = b"n\0\0\0\x04";
pub(crate) const BIND_COMPLETE: &[u8] = b"2\0\0\0\x04";
/// Bytes of a column behind its name: table, number, type, length, modifier, format.
const BEHIND_NAME: usize = 18;

impl Description {
    /// Of a RowDescription message; `None` if it is none.
    pub fn of(bytes: Vec<u8>) -> Option<Description> {
        let (b'T', body, _) = message(&bytes)? else {
            return None;
        };
        let mut cut = Cut(body);
        let count = cut.short()?;
        let mut codes = Vec::with_capacity(count);
        for _ in 0..count {
            cut.name()?;
            cut.take(BEHIND_NAME)?;
            codes.push(bytes.len() - cut.0.len() - 2);
        }
        Some(Description { bytes, codes })
    }

    /// Of a statement that gives no rows.
    pub fn none() -> Description {
        Description::default()
    }

    /// Appends the message with these formats; NoData where no rows come back.
    pub(crate) fn write(&self, formats: Formats<'_>, out: &mut Vec<u8>) {
        if self.bytes.is_empty() {
            return out.extend_from_slice(NO_DATA);
        }
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for (at, place) in self.codes.iter().enumerate() {
            let is_binary = match formats {
                [] => false,
                [all] => *all,
                each => each.get(at).copied().unwrap_or(false),
            };
            out[start + place + 1] = u8::from(is_binary);
        }
    }

    pub(crate) fn has_rows(&self) -> bool {
        !self.bytes.is_empty()
    }
}

/// Appends CommandComplete.
pub(crate) fn complete(tag: &[u8], count: Option<u64>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(b"C\0\0\0\0");
    out.extend_from_slice(tag);
    if let Some(count) = count {
        out.extend_from_slice(count.to_string().as_bytes());
    }
    out.push(0);
    patch(out, start + 1, start + 1);
}

/// Appends ReadyForQuery.
pub(crate) fn ready(is_in_block: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Z\0\0\0\x05");
    out.push(if is_in_block { b'T' } else { b'I' });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn bind(values: &[Option<&[u8]>], formats: &[u16], results: &[u16]) -> Vec<u8> {
        let mut body = b"\0name\0".to_vec();
        let codes = |body: &mut Vec<u8>, codes: &[u16]| {
            body.extend_from_slice(&u16::try_from(codes.len()).unwrap().to_be_bytes());
            codes
                .iter()
                .for_each(|code| body.extend_from_slice(&code.to_be_bytes()));
        };
        codes(&mut body, formats);
        body.extend_from_slice(&u16::try_from(values.len()).unwrap().to_be_bytes());
        for value in values {
            match value {
                None => body.extend_from_slice(&(-1i32).to_be_bytes()),
                Some(raw) => {
                    body.extend_from_slice(&u32::try_from(raw.len()).unwrap().to_be_bytes());
                    body.extend_from_slice(raw);
                }
            }
        }
        codes(&mut body, results);
        let mut message = b"B".to_vec();
        message.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        [message, body].concat()
    }

    #[test]
    fn one_execution_is_read_whole_or_not_at_all() {
        let bound = bind(&[Some(b"42"), None], &[], &[1]);
        for described in [&b""[..], DESCRIBE] {
            let whole = [&bound, described, EXECUTE_SYNC, b"Q"].concat();
            let read = Execution::read(&whole).unwrap();
            assert_eq!(
                (read.name, read.values.clone()),
                (&b"name"[..], vec![Some(&b"42"[..]), None])
            );
            assert_eq!(
                (read.length, read.results.clone()),
                (whole.len() - 1, vec![true])
            );
            for end in 0..whole.len() - 1 {
                assert_eq!(Execution::read(&whole[..end]), None, "cut at {end}");
            }
        }
        let limited = [&bound[..], b"E\0\0\0\x09\0\0\0\0\x05S\0\0\0\x04"].concat();
        assert_eq!(Execution::read(&limited), None, "a limit of rows");
    }

    #[test]
    fn wrong_counts_and_codes_are_left() {
        for (formats, results) in [
            (&[0u16, 0, 0][..], &[][..]),
            (&[2][..], &[][..]),
            (&[][..], &[7][..]),
        ] {
            let whole = [
                &bind(&[Some(b"1"), None], formats, results)[..],
                EXECUTE_SYNC,
            ]
            .concat();
            assert_eq!(Execution::read(&whole), None, "{formats:?} {results:?}");
        }
    }

    #[test]
    fn values_are_stored_by_their_formats() {
        let values: [Option<&[u8]>; 2] = [Some(b"42"), Some(&[0, 0, 0, 7])];
        let whole = [&bind(&values, &[0, 1], &[])[..], EXECUTE_SYNC].concat();
        let read = Execution::read(&whole).unwrap();
        let stored = read.stored(&[Kind::Int8, Kind::Int4]).unwrap();
        assert_eq!(
            stored,
            [
                Some(42i64.to_le_bytes().to_vec()),
                Some(7i32.to_le_bytes().to_vec())
            ]
        );
        assert_eq!(read.stored(&[Kind::Int8]), None);
    }

    #[test]
    fn a_description_gets_the_formats_of_the_day() {
        let column = |name: &[u8]| [name, b"\0", &[0; 18]].concat();
        let columns = [column(b"a"), column(b"bb")].concat();
        let length = u32::try_from(columns.len() + 6).unwrap().to_be_bytes();
        let text = [&b"T"[..], &length, &[0, 2], &columns].concat();
        let description = Description::of(text.clone()).unwrap();
        let mut out = Vec::new();
        description.write(&[], &mut out);
        assert_eq!(out, text);
        out.clear();
        description.write(&[false, true], &mut out);
        assert_eq!(
            out.iter().rposition(|byte| *byte == 1),
            Some(text.len() - 1)
        );
        assert_eq!(out.iter().filter(|byte| **byte == 1).count(), 1);
    }
}
