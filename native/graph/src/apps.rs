//! What an app holds: the record under its header key, exact at every commit.
//!
//! **Theory.** Commands change counts by small amounts and a turn has many commands, so a turn works on numbers in
//! memory and writes the record once, in its own commit; a command that is taken back takes its part back.
//!
//! ```text
//! DATA app 0x01  ->  version u8 = 1 | classes u8 = n | expiring u64 LE | n x (elements u64 LE, bytes u64 LE)
//! ```
//! Names are not in it: they are elements of the system's app, so that renaming an app touches one element.

use crate::header::{Header, Kind};

/// How elements are told apart in the counts; the numbers are places in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// Vertices.
    Vertex = 0,
    /// Generic hyperedges.
    Edge = 1,
    /// Redis hashes.
    Hash = 2,
    /// Redis sets.
    Set = 3,
    /// Redis lists.
    List = 4,
    /// Redis sorted sets.
    SortedSet = 5,
    /// Redis streams.
    Stream = 6,
    /// Tables, their indexes and partitions.
    Table = 7,
}

impl Class {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// Every class, in the order of the record.
    pub const ALL: [Class; Self::COUNT] = [
        Class::Vertex,
        Class::Edge,
        Class::Hash,
        Class::Set,
        Class::List,
        Class::SortedSet,
        Class::Stream,
        Class::Table,
    ];

    /// The class of a kind.
    pub fn of(kind: Kind) -> Class {
        match kind {
            Kind::Vertex => Class::Vertex,
            Kind::Edge => Class::Edge,
            Kind::Hash => Class::Hash,
            Kind::Set => Class::Set,
            Kind::List => Class::List,
            Kind::SortedSet => Class::SortedSet,
            Kind::Stream => Class::Stream,
            Kind::Table | Kind::Index | Kind::Partition => Class::Table,
        }
    }
}

/// What lookups and counts need to know of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A vertex.
    Vertex {
        /// When it expires.
        expiry: Option<i64>,
        /// Bytes of its value.
        len: u64,
    },
    /// A hyperedge.
    Edge(Header),
}

impl Found {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Found::Vertex { .. } => Kind::Vertex,
            Found::Edge(header) => header.kind,
        }
    }

    pub(crate) fn expiry(&self) -> Option<i64> {
        match self {
            Found::Vertex { expiry, .. } => *expiry,
            Found::Edge(header) => header.expiry,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Found::Vertex { len, .. } => *len,
            Found::Edge(header) => header.bytes,
        }
    }
}

/// Elements of an app. Elements that have expired and are not yet removed count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppStats {
    counts: [u64; Class::COUNT],
    bytes: [u64; Class::COUNT],
    expiring: u64,
}

const VERSION: u8 = 1;
const HEAD: usize = 2 + 8;
const LEN: usize = HEAD + 16 * Class::COUNT;

impl AppStats {
    /// How many elements.
    pub fn elements(&self) -> u64 {
        self.counts.iter().fold(0, |sum, n| sum.wrapping_add(*n))
    }

    /// Bytes of ids, values, and member keys and values; without what storing them takes.
    pub fn total_bytes(&self) -> u64 {
        self.bytes.iter().fold(0, |sum, n| sum.wrapping_add(*n))
    }

    /// How many elements of a class.
    pub fn count(&self, class: Class) -> u64 {
        self.counts[class as usize]
    }

    /// Bytes of a class.
    pub fn bytes(&self, class: Class) -> u64 {
        self.bytes[class as usize]
    }

    /// How many elements have an expiry.
    pub fn expiring(&self) -> u64 {
        self.expiring
    }

    /// An element with an id of `id_len` bytes is replaced: `None` is none.
    ///
    /// Differences wrap, so that no order of additions overflows; sums of what is there are right.
    pub(crate) fn replace(&mut self, id_len: usize, old: Option<&Found>, new: Option<&Found>) {
        if let Some(old) = old {
            let class = Class::of(old.kind()) as usize;
            self.counts[class] = self.counts[class].wrapping_sub(1);
            self.bytes[class] = self.bytes[class].wrapping_sub(old.bytes() + id_len as u64);
            self.expiring = self
                .expiring
                .wrapping_sub(u64::from(old.expiry().is_some()));
        }
        if let Some(new) = new {
            let class = Class::of(new.kind()) as usize;
            self.counts[class] = self.counts[class].wrapping_add(1);
            self.bytes[class] = self.bytes[class].wrapping_add(new.bytes() + id_len as u64);
            self.expiring = self
                .expiring
                .wrapping_add(u64::from(new.expiry().is_some()));
        }
    }

    /// Both together: what an app holds, and differences to it.
    pub(crate) fn plus(&self, other: &AppStats) -> AppStats {
        let add = |a: &[u64; Class::COUNT], b: &[u64; Class::COUNT]| {
            std::array::from_fn(|class| a[class].wrapping_add(b[class]))
        };
        AppStats {
            counts: add(&self.counts, &other.counts),
            bytes: add(&self.bytes, &other.bytes),
            expiring: self.expiring.wrapping_add(other.expiring),
        }
    }

    /// Bytes of class `class` grow or shrink by `bytes` (rows of a table, written by transactions).
    pub fn add_bytes(&mut self, class: Class, bytes: i64) {
        let place = class as usize;
        self.bytes[place] = self.bytes[place].wrapping_add_signed(bytes);
    }

    /// The record's bytes.
    pub fn encode(&self) -> [u8; LEN] {
        let mut out = [0; LEN];
        out[0] = VERSION;
        out[1] = Class::COUNT as u8;
        out[2..HEAD].copy_from_slice(&self.expiring.to_le_bytes());
        for class in 0..Class::COUNT {
            let at = HEAD + 16 * class;
            out[at..at + 8].copy_from_slice(&self.counts[class].to_le_bytes());
            out[at + 8..at + 16].copy_from_slice(&self.bytes[class].to_le_bytes());
        }
        out
    }

    /// Back from [`AppStats::encode`]; `None` if malformed.
    pub fn decode(bytes: &[u8]) -> Option<AppStats> {
        if bytes.len() != LEN || bytes[0] != VERSION || usize::from(bytes[1]) != Class::COUNT {
            return None;
        }
        let word = |at: usize| -> Option<u64> {
            Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
        };
        let mut stats = AppStats {
            expiring: word(2)?,
            ..AppStats::default()
        };
        for class in 0..Class::COUNT {
            stats.counts[class] = word(HEAD + 16 * class)?;
            stats.bytes[class] = word(HEAD + 16 * class + 8)?;
        }
        Some(stats)
    }
}
