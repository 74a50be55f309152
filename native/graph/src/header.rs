//! Element records: a vertex with its value, or the header of a hyperedge.
//!
//! ```text
//! byte 0      kind
//! byte 1      flags: 1 = has expiry
//! [8]         expiry, i64 LE, Unix milliseconds, if flagged
//! vertex:     the value
//! hyperedge:  cid u64 | count u64 | bytes u64 | head i64 | tail i64, all LE
//! ```
//! `head..tail` are the positions in use of a list; other kinds keep what their commands need there.

/// What an element is. The numbers are the type codes on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A vertex: a standalone value; a Redis string.
    Vertex = 1,
    /// A hyperedge whose members are references or bare values under caller-chosen order keys.
    Edge = 2,
    /// A Redis hash: field -> value, in hash order.
    Hash = 3,
    /// A Redis set: members in hash order.
    Set = 4,
    /// A Redis list: values under dense positions.
    List = 5,
    /// A Redis sorted set: member -> score in `cid`, (score, member) in `cid + 1`.
    SortedSet = 6,
    /// A Redis stream.
    Stream = 7,
    /// A table: rows under their primary key.
    Table = 8,
    /// An index: entries under the indexed columns.
    Index = 9,
    /// A CQL partition.
    Partition = 10,
}

impl Kind {
    /// From the code on disk.
    pub fn from_code(code: u8) -> Option<Kind> {
        Some(match code {
            1 => Kind::Vertex,
            2 => Kind::Edge,
            3 => Kind::Hash,
            4 => Kind::Set,
            5 => Kind::List,
            6 => Kind::SortedSet,
            7 => Kind::Stream,
            8 => Kind::Table,
            9 => Kind::Index,
            10 => Kind::Partition,
            _ => return None,
        })
    }
}

/// Header of a hyperedge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub kind: Kind,
    /// When it expires, Unix milliseconds.
    pub expiry: Option<i64>,
    /// Number of this incarnation; members carry it, so dropping is O(1).
    pub cid: u64,
    /// How many members.
    pub count: u64,
    /// Bytes of member keys and values.
    pub bytes: u64,
    /// First position in use (list).
    pub head: i64,
    /// One past the last position in use (list).
    pub tail: i64,
}

const HAS_EXPIRY: u8 = 1;
const BODY: usize = 40;

impl Header {
    /// A new, empty hyperedge.
    pub fn new(kind: Kind, cid: u64) -> Self {
        Self {
            kind,
            expiry: None,
            cid,
            count: 0,
            bytes: 0,
            head: 0,
            tail: 0,
        }
    }

    /// The record's bytes: the array and how many of it are used.
    pub fn encode(&self) -> ([u8; 2 + 8 + BODY], usize) {
        let mut out = [0; 2 + 8 + BODY];
        out[0] = self.kind as u8;
        let mut at = 2;
        if let Some(expiry) = self.expiry {
            out[1] = HAS_EXPIRY;
            out[2..10].copy_from_slice(&expiry.to_le_bytes());
            at = 10;
        }
        let words = [
            self.cid,
            self.count,
            self.bytes,
            self.head as u64,
            self.tail as u64,
        ];
        for word in words {
            out[at..at + 8].copy_from_slice(&word.to_le_bytes());
            at += 8;
        }
        (out, at)
    }
}

/// Appends a vertex record.
pub fn encode_vertex(value: &[u8], expiry: Option<i64>, out: &mut Vec<u8>) {
    out.push(Kind::Vertex as u8);
    match expiry {
        Some(at) => {
            out.push(HAS_EXPIRY);
            out.extend_from_slice(&at.to_le_bytes());
        }
        None => out.push(0),
    }
    out.extend_from_slice(value);
}

/// An element record as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A vertex.
    Vertex {
        /// When it expires, Unix milliseconds.
        expiry: Option<i64>,
        /// Its value.
        value: &'a [u8],
    },
    /// A hyperedge.
    Edge(Header),
}

impl<'a> Record<'a> {
    /// Decodes a record; `None` if it is malformed.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Option<Record<'a>> {
        let kind = Kind::from_code(*bytes.first()?)?;
        let flags = *bytes.get(1)?;
        let (expiry, body) = match flags {
            0 => (None, bytes.get(2..)?),
            HAS_EXPIRY => (Some(i64::from_le_bytes(word(bytes, 2)?)), bytes.get(10..)?),
            _ => return None,
        };
        if kind == Kind::Vertex {
            return Some(Record::Vertex {
                expiry,
                value: body,
            });
        }
        if body.len() != BODY {
            return None;
        }
        Some(Record::Edge(Header {
            kind,
            expiry,
            cid: u64::from_le_bytes(word(body, 0)?),
            count: u64::from_le_bytes(word(body, 8)?),
            bytes: u64::from_le_bytes(word(body, 16)?),
            head: i64::from_le_bytes(word(body, 24)?),
            tail: i64::from_le_bytes(word(body, 32)?),
        }))
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Record::Vertex { .. } => Kind::Vertex,
            Record::Edge(header) => header.kind,
        }
    }

    /// When it expires, Unix milliseconds.
    pub fn expiry(&self) -> Option<i64> {
        match self {
            Record::Vertex { expiry, .. } => *expiry,
            Record::Edge(header) => header.expiry,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<[u8; 8]> {
    bytes.get(at..at + 8)?.try_into().ok()
}
