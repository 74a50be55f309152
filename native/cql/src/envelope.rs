//! Envelopes: the requests that are known here, and their answers.
//!
//! Source: CQL binary protocol v4 and v5, sections 2 (header), 4.1.4 (QUERY), 4.1.6 (EXECUTE), 4.1.7 (BATCH), 4.2.5 (RESULT).

use crate::Stray;

/// Bytes of a header.
pub const HEADER: usize = 9;
/// The opcode of QUERY.
pub const QUERY: u8 = 0x07;
/// The opcode of EXECUTE.
pub const EXECUTE: u8 = 0x0a;
/// The opcode of BATCH.
pub const BATCH: u8 = 0x0d;
const RESULT: u8 = 0x08;
const VOID: i32 = 1;
const ROWS: i32 = 2;
const RESPONSE: u8 = 0x80;

/// Flags of QUERY's parameters.
mod flag {
    pub const VALUES: u32 = 0x01;
    pub const SKIP_METADATA: u32 = 0x02;
    pub const PAGE_SIZE: u32 = 0x04;
    pub const SERIAL: u32 = 0x10;
    pub const TIMESTAMP: u32 = 0x20;
    /// All that requests which are answered here have.
    pub const KNOWN: u32 = VALUES | SKIP_METADATA | PAGE_SIZE | SERIAL | TIMESTAMP;
    /// All that batches which are answered here have.
    pub const OF_BATCH: u32 = SERIAL | TIMESTAMP;
}

/// Flags of a result's metadata.
mod shown {
    pub const GLOBAL_TABLE: i32 = 0x01;
    pub const NO_METADATA: i32 = 0x04;
}

/// Consistency levels that one node can give, for reads and writes alike: ONE, QUORUM, ALL, LOCAL_QUORUM, EACH_QUORUM, LOCAL_ONE.
/// Others are refused, or mean something: the ordinary way's.
const PLAIN_LEVELS: [u16; 6] = [1, 4, 5, 6, 7, 10];
/// SERIAL and LOCAL_SERIAL, which alone may be a request's serial level.
const SERIAL_LEVELS: [u16; 2] = [8, 9];

/// The header of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the protocol, with the top bit for answers.
    pub version: u8,
    /// Compressed, traced, with a payload, and so on.
    pub flags: u8,
    /// The client's name for the request.
    pub stream: [u8; 2],
    /// What it is.
    pub opcode: u8,
    /// Bytes of the body.
    pub length: i32,
}

impl Header {
    /// From the front of `data`, which has enough bytes.
    pub fn read(data: &[u8]) -> Option<Header> {
        let ([version, flags, a, b, opcode, l0, l1, l2, l3], _) =
            data.split_first_chunk::<HEADER>()?;
        Some(Header {
            version: *version,
            flags: *flags,
            stream: [*a, *b],
            opcode: *opcode,
            length: i32::from_be_bytes([*l0, *l1, *l2, *l3]),
        })
    }
}

/// A bound value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given<'d> {
    /// Null.
    Null,
    /// As if it were not there.
    Unset,
    /// Bytes of its type.
    Wire(&'d [u8]),
}

/// What a statement is executed with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Execution<'d> {
    /// Of the prepared statement; empty where there is none.
    pub id: &'d [u8],
    /// Of the metadata that the client has: of an EXECUTE in version 5.
    pub metadata_id: Option<&'d [u8]>,
    /// Values of the markers.
    pub values: Vec<Given<'d>>,
    /// The client wants no metadata.
    pub skips_metadata: bool,
    /// Rows of a page.
    pub page_size: Option<i32>,
    /// The client's time for what is written.
    pub timestamp: Option<i64>,
}

/// A statement of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'d> {
    /// Its text.
    Text(&'d str),
    /// The id of a prepared one.
    Id(&'d [u8]),
}

/// A BATCH.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch<'d> {
    /// 0 logged, 1 unlogged, 2 counter.
    pub kind: u8,
    /// Its statements, with their values and the batch's time.
    pub items: Vec<(Named<'d>, Execution<'d>)>,
}

struct Body<'d>(&'d [u8]);

impl<'d> Body<'d> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stray> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Stray)?;
        self.0 = rest;
        Ok(*head)
    }

    fn short(&mut self) -> Result<u16, Stray> {
        self.array().map(u16::from_be_bytes)
    }

    fn bytes(&mut self, length: usize) -> Result<&'d [u8], Stray> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(Stray)?;
        self.0 = rest;
        Ok(head)
    }

    fn short_bytes(&mut self) -> Result<&'d [u8], Stray> {
        let length = self.short()?;
        self.bytes(usize::from(length))
    }

    fn value(&mut self) -> Result<Given<'d>, Stray> {
        match i32::from_be_bytes(self.array()?) {
            -1 => Ok(Given::Null),
            -2 => Ok(Given::Unset),
            length => {
                let length = usize::try_from(length).map_err(|_| Stray)?;
                self.bytes(length).map(Given::Wire)
            }
        }
    }

    fn long_text(&mut self) -> Result<&'d str, Stray> {
        let length = usize::try_from(i32::from_be_bytes(self.array()?)).map_err(|_| Stray)?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Stray)
    }

    fn values(&mut self) -> Result<Vec<Given<'d>>, Stray> {
        let count = self.short()?;
        (0..count).map(|_| self.value()).collect()
    }

    fn level_and_flags(&mut self, version: u8) -> Result<u32, Stray> {
        if !PLAIN_LEVELS.contains(&self.short()?) {
            return Err(Stray);
        }
        match version >= 5 {
            true => self.array().map(u32::from_be_bytes),
            false => self.array().map(|[flags]| u32::from(flags)),
        }
    }

    fn serial(&mut self, flags: u32) -> Result<(), Stray> {
        match flags & flag::SERIAL != 0 && !SERIAL_LEVELS.contains(&self.short()?) {
            true => Err(Stray),
            false => Ok(()),
        }
    }

    /// The client's time; the least of all is refused by the ordinary way.
    fn timestamp(&mut self, flags: u32) -> Result<Option<i64>, Stray> {
        match flags & flag::TIMESTAMP {
            0 => Ok(None),
            _ => match i64::from_be_bytes(self.array()?) {
                i64::MIN => Err(Stray),
                timestamp => Ok(Some(timestamp)),
            },
        }
    }

    /// The parameters of a QUERY or an EXECUTE, to the body's end.
    fn parameters(mut self, version: u8) -> Result<Execution<'d>, Stray> {
        let flags = self.level_and_flags(version)?;
        if flags & !flag::KNOWN != 0 {
            return Err(Stray);
        }
        let values = match flags & flag::VALUES {
            0 => Vec::new(),
            _ => self.values()?,
        };
        let page_size = match flags & flag::PAGE_SIZE {
            0 => None,
            _ => Some(i32::from_be_bytes(self.array()?)),
        };
        self.serial(flags)?;
        let timestamp = self.timestamp(flags)?;
        if !self.0.is_empty() {
            return Err(Stray);
        }
        Ok(Execution {
            values,
            skips_metadata: flags & flag::SKIP_METADATA != 0,
            page_size,
            timestamp,
            ..Execution::default()
        })
    }
}

impl<'d> Execution<'d> {
    /// From the body of an EXECUTE.
    ///
    /// # Errors
    /// [`Stray`] if it has anything that is not known here, or is malformed.
    pub fn read(version: u8, body: &'d [u8]) -> Result<Execution<'d>, Stray> {
        let mut body = Body(body);
        let id = body.short_bytes()?;
        let metadata_id = match version >= 5 {
            true => Some(body.short_bytes()?),
            false => None,
        };
        Ok(Execution {
            id,
            metadata_id,
            ..body.parameters(version)?
        })
    }

    /// From the body of a QUERY, with its text. Its answer has metadata whatever was asked for, as the ordinary way's has.
    ///
    /// # Errors
    /// As [`Execution::read`].
    pub fn read_query(version: u8, body: &'d [u8]) -> Result<(&'d str, Execution<'d>), Stray> {
        let mut body = Body(body);
        let text = body.long_text()?;
        let execution = Execution {
            skips_metadata: false,
            ..body.parameters(version)?
        };
        Ok((text, execution))
    }
}

impl<'d> Batch<'d> {
    /// From the body of a BATCH.
    ///
    /// # Errors
    /// As [`Execution::read`].
    pub fn read(version: u8, body: &'d [u8]) -> Result<Batch<'d>, Stray> {
        let mut body = Body(body);
        let [kind] = body.array()?;
        let count = body.short()?;
        let mut items = Vec::new();
        for _ in 0..count {
            let named = match body.array()? {
                [0] => Named::Text(body.long_text()?),
                [1] => Named::Id(body.short_bytes()?),
                _ => return Err(Stray),
            };
            let values = body.values()?;
            items.push((
                named,
                Execution {
                    values,
                    ..Execution::default()
                },
            ));
        }
        let flags = body.level_and_flags(version)?;
        if flags & !flag::OF_BATCH != 0 {
            return Err(Stray);
        }
        body.serial(flags)?;
        let timestamp = body.timestamp(flags)?;
        if !body.0.is_empty() {
            return Err(Stray);
        }
        for (_, execution) in &mut items {
            execution.timestamp = timestamp;
        }
        Ok(Batch { kind, items })
    }
}

/// Writes an answer behind `out`.
pub struct Answer<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> Answer<'o> {
    /// Begins a RESULT to a request.
    fn begin(request: Header, kind: i32, out: &'o mut Vec<u8>) -> Answer<'o> {
        let start = out.len();
        out.push(request.version | RESPONSE);
        out.push(0);
        out.extend_from_slice(&request.stream);
        out.push(RESULT);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&kind.to_be_bytes());
        Answer { out, start }
    }

    /// Nothing to tell: how long the answer is.
    pub fn void(request: Header, out: &'o mut Vec<u8>) -> usize {
        Answer::begin(request, VOID, out).end()
    }

    /// Begins an answer of rows, whose number is told later (see [`Answer::count_rows`]). `metadata` is what stands behind flags and
    /// count, for who does not skip it.
    pub fn rows(
        request: Header,
        columns: usize,
        metadata: Option<&[u8]>,
        out: &'o mut Vec<u8>,
    ) -> (Answer<'o>, usize) {
        let answer = Answer::begin(request, ROWS, out);
        let flags = match metadata {
            Some(_) => shown::GLOBAL_TABLE,
            None => shown::NO_METADATA,
        };
        let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX).to_be_bytes();
        answer.out.extend_from_slice(&flags.to_be_bytes());
        answer.out.extend_from_slice(&number(columns));
        answer.out.extend_from_slice(metadata.unwrap_or_default());
        let place = answer.out.len();
        answer.out.extend_from_slice(&[0; 4]);
        (answer, place)
    }

    /// Adds a value.
    pub fn value(&mut self, value: Option<&[u8]>) {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).unwrap_or(i32::MAX));
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(value.unwrap_or_default());
    }

    /// Adds a value that `put` appends; it says whether there is one, `None` that there can be none.
    pub fn value_by(&mut self, put: impl FnOnce(&mut Vec<u8>) -> Option<bool>) -> Option<()> {
        let start = self.out.len();
        self.out.extend_from_slice(&(-1i32).to_be_bytes());
        let begin = self.out.len();
        if put(self.out)? {
            let length = i32::try_from(self.out.len() - begin).ok()?.to_be_bytes();
            self.out.get_mut(start..begin)?.copy_from_slice(&length);
        }
        Some(())
    }

    /// Bytes that were appended so far.
    pub fn length(&self) -> usize {
        self.out.len() - self.start
    }

    /// Says how many rows there are, once they are known. `place` is what [`Answer::rows`] gave.
    pub fn count_rows(&mut self, place: usize, rows: usize) -> Option<()> {
        let rows = i32::try_from(rows).ok()?.to_be_bytes();
        self.out
            .get_mut(place..place + rows.len())?
            .copy_from_slice(&rows);
        Some(())
    }

    /// Ends the answer: how long it is.
    pub fn end(self) -> usize {
        let length = self.out.len() - self.start;
        let body = i32::try_from(length - HEADER)
            .unwrap_or(i32::MAX)
            .to_be_bytes();
        if let Some(place) = self.out.get_mut(self.start + 5..self.start + HEADER) {
            place.copy_from_slice(&body);
        }
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(version: u8, flags: u32, rest: &[u8]) -> Vec<u8> {
        let mut out = vec![0, 2, b'i', b'd'];
        if version >= 5 {
            out.extend_from_slice(&[0, 1, b'm']);
        }
        out.extend_from_slice(&[0, 1]);
        match version {
            5 => out.extend_from_slice(&flags.to_be_bytes()),
            _ => out.push(flags as u8),
        }
        out.extend_from_slice(rest);
        out
    }

    #[test]
    fn executes_are_read_as_the_specification_has_them() {
        let values = [0, 3, 0, 0, 0, 1, 7, 255, 255, 255, 255, 255, 255, 255, 254];
        let rest = [&values[..], &100i32.to_be_bytes(), &9i64.to_be_bytes()].concat();
        for version in [4, 5] {
            let body = body(version, 0x27, &rest);
            let read = Execution::read(version, &body);
            let expected = Execution {
                id: b"id",
                metadata_id: (version == 5).then_some(&b"m"[..]),
                values: vec![Given::Wire(&[7]), Given::Null, Given::Unset],
                skips_metadata: true,
                page_size: Some(100),
                timestamp: Some(9),
            };
            assert_eq!(read, Ok(expected));
            assert_eq!(
                Execution::read(version, &[&body[..], &[0]].concat()),
                Err(Stray)
            );
            for length in 0..body.len() {
                assert_eq!(Execution::read(version, &body[..length]), Err(Stray));
            }
        }
        // A paging state, names, a keyspace, now: the ordinary way's.
        for flags in [0x08, 0x40, 0x80] {
            assert_eq!(Execution::read(4, &body(4, flags, &[])), Err(Stray));
        }
        assert_eq!(Execution::read(5, &body(5, 0x100, &[])), Err(Stray));
    }

    proptest! {
        #[test]
        fn noise_is_no_harm(version in 4u8..6, noise in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Execution::read(version, &noise);
        }
    }

    #[test]
    fn answers_are_whole_envelopes() {
        let request = Header {
            version: 4,
            flags: 0,
            stream: [1, 2],
            opcode: EXECUTE,
            length: 0,
        };
        let mut out = Vec::new();
        assert_eq!(Answer::void(request, &mut out), 13);
        assert_eq!(out, [0x84, 0, 1, 2, 8, 0, 0, 0, 4, 0, 0, 0, 1]);
        out.clear();
        let (mut answer, place) = Answer::rows(request, 2, None, &mut out);
        answer.value(Some(b"a"));
        assert_eq!(answer.value_by(|_| Some(false)), Some(()));
        assert_eq!(answer.count_rows(place, 1), Some(()));
        let length = answer.end();
        assert_eq!(length, out.len());
        assert_eq!(
            Header::read(&out).map(|header| header.length as usize + HEADER),
            Some(length)
        );
        assert_eq!(
            out[9..],
            [
                0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, b'a', 255, 255, 255,
                255,
            ]
        );
    }
}
