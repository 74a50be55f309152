//! Values as Redis serialises them: what DUMP gives and RESTORE takes.
//!
//! ```text
//! payload   type u8, value, RDB version u16 LE, CRC-64 of all before u64 LE
//! length    00xxxxxx | 01xxxxxx yyyyyyyy | 80 u32 BE | 81 u64 BE
//! string    length, bytes | C0 i8 | C1 i16 LE | C2 i32 LE | C3 length of the LZF block, length of the text, block
//! ```
//! **Theory.** What is written is what Redis 7.2 writes for a value that was made by adding one part after the other: packed forms while
//! it is small, LZF blocks; a file can also be written for Redis 7.0. What is read is every form that Redis up to 7.2 writes for its
//! own types. A payload becomes a [`Value`] whole before anything is stored.
//!
//! **Invariant.** [`parse`] takes any bytes: it gives a value or `None`, reserves no more memory than the payload can fill, and never
//! gives a value that Redis would not have (a member twice, a score that is no number, an empty collection).

mod crc64;
pub mod file;
mod listpack;
mod lzf;
mod pack;
mod packed;
mod read;
mod stream;
mod write;
mod ziplist;

use crate::commands::sets;
use hyperdb_graph::{Header, Kind};

pub use stream::{StreamGroup, StreamReader, StreamValue};
pub use write::{dump, dump_functions};

/// A string.
pub type Text = Vec<u8>;

/// The newest version that is read: Redis 7.4's, of which hashes whose fields expire are refused.
const NEWEST: u16 = 12;
/// Version and checksum.
const FOOTER: usize = 10;

/// A value of Redis.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Text(Text),
    /// A list, from its head.
    List(Vec<Text>),
    /// A set.
    Set(Vec<Text>),
    /// Fields and their values.
    Hash(Vec<(Text, Text)>),
    /// Members and their scores.
    SortedSet(Vec<(Text, f64)>),
    /// A stream.
    Stream(StreamValue),
}

/// Which Redis is to read what is written: each refuses what is newer than itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edition {
    /// Redis 7.0.
    Redis70,
    /// Redis 7.2.
    #[default]
    Redis72,
}

impl Edition {
    /// The version of the format.
    pub fn version(self) -> u16 {
        match self {
            Edition::Redis70 => 10,
            Edition::Redis72 => 11,
        }
    }
}

/// What a hash, a sorted set or a set was ever made to; of other values it means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Nothing but the form of a new one: a listpack, of a set integers.
    Small,
    /// A set's listpack.
    Packed,
    /// A table.
    Large,
    /// A set of more than integers, of which no more is known.
    Unknown,
}

impl Size {
    /// From what the header of a collection keeps of it.
    pub fn of(header: &Header) -> Size {
        match (header.kind, header.head) {
            (_, 0) => Size::Small,
            (Kind::Set, sets::PACKED) => Size::Packed,
            (Kind::Set, sets::OTHERS) => Size::Unknown,
            _ => Size::Large,
        }
    }
}

/// Why a payload is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its checksum or version is wrong.
    Footer,
    /// What lies before them is malformed.
    Body,
}

/// The CRC-64 of some bytes.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    crc64::of(bytes)
}

/// Marks the code of a library of functions.
const FUNCTION: u8 = 0xf5;

/// The value in a payload of DUMP.
///
/// # Errors
/// What is wrong with it.
pub fn parse(payload: &[u8]) -> Result<Value, Refusal> {
    read::value(body(payload)?).ok_or(Refusal::Body)
}

/// The codes of the libraries in a payload of FUNCTION DUMP.
///
/// # Errors
/// What is wrong with it.
pub fn parse_functions(payload: &[u8]) -> Result<Vec<Text>, Refusal> {
    read::functions(body(payload)?).ok_or(Refusal::Body)
}

/// What lies before a payload's version and checksum, which are right.
fn body(payload: &[u8]) -> Result<&[u8], Refusal> {
    let at = payload.len().checked_sub(FOOTER).ok_or(Refusal::Footer)?;
    let (body, footer) = payload.split_at(at);
    let (version, sum) = footer.split_first_chunk::<2>().ok_or(Refusal::Footer)?;
    let sum = u64::from_le_bytes(sum.try_into().map_err(|_| Refusal::Footer)?);
    let covered = &payload[..payload.len() - 8];
    // A sum of 0 says that none was computed.
    if u16::from_le_bytes(*version) > NEWEST || (sum != 0 && sum != crc64::of(covered)) {
        return Err(Refusal::Footer);
    }
    Ok(body)
}

/// Puts the right checksum at a payload's end.
pub(crate) fn seal(payload: &mut [u8]) {
    if let Some((covered, sum)) = payload.split_last_chunk_mut::<8>() {
        *sum = crc64::of(covered).to_le_bytes();
    }
}

#[cfg(test)]
mod tests;
