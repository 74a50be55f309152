//! How a commit lies in the log.
//!
//! ```text
//! segment  magic 8 | number u64 | synced u64 | crc u32 | 0 u32          32 bytes
//! record   payload length u32 | crc u32 | commit u64 | synced u64 | payload | zeros to 8 bytes
//! payload  entries: kind u8 | key length | value length (LEB128) | key | value
//! kind     bit 0..1 op, or 3: adopt; bit 2 fresh, bit 4..7 family
//! ```
//! *Adopt* has a table's number as its key and the bytes of its file as its value, both LEB128: the table joins level 0 with this commit,
//! to which all its entries then belong.
//! Integers are little endian. Each CRC32C also covers the segment's number, so a record is valid in its own
//! segment only.
//!
//! **Theory.** `synced` is the newest commit known to be on the platter when the record (or segment) was written.
//! A hole in the log followed by something that says `synced >= hole` is corruption; any other hole is what a
//! crash leaves of writes that nobody was promised.

use crate::table::varint;
use crate::types::{Commit, Family, Op};

pub(crate) const MAGIC: [u8; 8] = *b"HDBWAL\0\x01";
pub(crate) const SEGMENT_HEADER: usize = 32;
pub(crate) const RECORD_HEADER: usize = 24;
const FRESH: u8 = 4;
const ADOPT: u8 = 3;

/// One change of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change<'a> {
    pub(crate) family: Family,
    pub(crate) op: Op,
    pub(crate) fresh: bool,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
}

/// A table that joins with a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Adopted {
    pub(crate) family: Family,
    pub(crate) id: u64,
    pub(crate) bytes: u64,
}

/// What a payload consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logged<'a> {
    Change(Change<'a>),
    Adopted(Adopted),
}

/// Appends the adoption of a table to a payload.
pub(crate) fn push_adopted(out: &mut Vec<u8>, adopted: Adopted) {
    let (mut key, mut value) = (Vec::new(), Vec::new());
    varint::put(&mut key, adopted.id);
    varint::put(&mut value, adopted.bytes);
    out.push(ADOPT | adopted.family.0 << 4);
    push_length(out, key.len());
    push_length(out, value.len());
    out.extend_from_slice(&key);
    out.extend_from_slice(&value);
}

/// Appends a change to a payload.
#[inline]
pub(crate) fn push_change(out: &mut Vec<u8>, change: Change<'_>) {
    let fresh = if change.fresh { FRESH } else { 0 };
    out.push(change.op as u8 | fresh | change.family.0 << 4);
    push_length(out, change.key.len());
    push_length(out, change.value.len());
    out.extend_from_slice(change.key);
    out.extend_from_slice(change.value);
}

#[inline]
fn push_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

fn read_length(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut length = 0usize;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(length);
        }
    }
    None
}

/// Reads the changes of a payload; an item is `None`, and the last, if the payload is malformed.
pub(crate) fn changes(payload: &[u8]) -> impl Iterator<Item = Option<Logged<'_>>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= payload.len() {
            return None;
        }
        let change = read_change(payload, &mut at);
        if change.is_none() {
            at = payload.len();
        }
        Some(change)
    })
}

fn read_change<'a>(payload: &'a [u8], at: &mut usize) -> Option<Logged<'a>> {
    let kind = *payload.get(*at)?;
    *at += 1;
    let op = match kind & 3 {
        1 => Some(Op::Add),
        2 => Some(Op::Remove),
        ADOPT => None,
        _ => return None,
    };
    let family = Family(kind >> 4);
    if usize::from(family.0) >= Family::COUNT || kind & 8 != 0 {
        return None;
    }
    let key_len = read_length(payload, at)?;
    let value_len = read_length(payload, at)?;
    let key = payload.get(*at..at.checked_add(key_len)?)?;
    *at += key_len;
    let value = payload.get(*at..at.checked_add(value_len)?)?;
    *at += value_len;
    let Some(op) = op else {
        let number = |bytes: &[u8]| {
            let mut at = 0;
            varint::take(bytes, &mut at).filter(|_| at == bytes.len())
        };
        let (id, bytes) = (number(key)?, number(value)?);
        return Some(Logged::Adopted(Adopted { family, id, bytes }));
    };
    Some(Logged::Change(Change {
        family,
        op,
        fresh: kind & FRESH != 0,
        key,
        value,
    }))
}

fn padded(len: usize) -> usize {
    len.next_multiple_of(8)
}

/// Bytes that a record with this payload takes.
pub(crate) fn record_len(payload: usize) -> usize {
    RECORD_HEADER + padded(payload)
}

fn crc(segment: u64, parts: &[&[u8]]) -> u32 {
    let start = crc32c::crc32c(&segment.to_le_bytes());
    parts
        .iter()
        .fold(start, |crc, part| crc32c::crc32c_append(crc, part))
}

/// Begins a record in `out`: room for the header, to be filled by [`finish_record`].
pub(crate) fn begin_record(out: &mut Vec<u8>) {
    out.clear();
    out.resize(RECORD_HEADER, 0);
}

/// Fills the header of the record in `out` and pads it.
pub(crate) fn finish_record(out: &mut Vec<u8>, segment: u64, commit: Commit, synced: Commit) {
    let payload = out.len() - RECORD_HEADER;
    out.resize(record_len(payload), 0);
    out[0..4].copy_from_slice(&(payload as u32).to_le_bytes());
    out[8..16].copy_from_slice(&commit.to_le_bytes());
    out[16..24].copy_from_slice(&synced.to_le_bytes());
    let crc = crc(segment, &[&out[0..4], &out[8..]]);
    out[4..8].copy_from_slice(&crc.to_le_bytes());
}

/// A record as found.
pub(crate) struct Record<'a> {
    pub(crate) commit: Commit,
    pub(crate) synced: Commit,
    pub(crate) payload: &'a [u8],
    /// Offset of what follows.
    pub(crate) end: usize,
}

/// The valid record at `at`, if there is one.
pub(crate) fn read_record(bytes: &[u8], at: usize, segment: u64) -> Option<Record<'_>> {
    let header = bytes.get(at..at.checked_add(RECORD_HEADER)?)?;
    let length = u32::from_le_bytes(header[0..4].try_into().ok()?) as usize;
    let stored = u32::from_le_bytes(header[4..8].try_into().ok()?);
    let commit = u64::from_le_bytes(header[8..16].try_into().ok()?);
    if commit == 0 {
        return None;
    }
    let end = at.checked_add(record_len(length))?;
    let body = bytes.get(at + 8..end)?;
    (crc(segment, &[&header[0..4], body]) == stored).then(|| Record {
        commit,
        synced: u64::from_le_bytes([
            header[16], header[17], header[18], header[19], header[20], header[21], header[22],
            header[23],
        ]),
        payload: &bytes[at + RECORD_HEADER..at + RECORD_HEADER + length],
        end,
    })
}

/// The header of segment `number`.
pub(crate) fn segment_header(number: u64, synced: Commit) -> [u8; SEGMENT_HEADER] {
    let mut header = [0; SEGMENT_HEADER];
    header[0..8].copy_from_slice(&MAGIC);
    header[8..16].copy_from_slice(&number.to_le_bytes());
    header[16..24].copy_from_slice(&synced.to_le_bytes());
    let crc = crc(number, &[&header[0..24]]);
    header[24..28].copy_from_slice(&crc.to_le_bytes());
    header
}

/// `synced` of a valid segment header.
pub(crate) fn read_segment_header(bytes: &[u8], number: u64) -> Option<Commit> {
    let found = bytes.get(..SEGMENT_HEADER)?;
    let synced = u64::from_le_bytes(found[16..24].try_into().ok()?);
    (found == segment_header(number, synced)).then_some(synced)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_bit_of_a_record_can_turn_unseen() {
        let change = Change {
            family: Family::META,
            op: Op::Remove,
            fresh: true,
            key: b"key",
            value: &[7; 200],
        };
        let mut out = Vec::new();
        begin_record(&mut out);
        let adopted = Adopted {
            family: Family::NODE,
            id: 700,
            bytes: 1 << 33,
        };
        push_change(&mut out, change);
        push_adopted(&mut out, adopted);
        finish_record(&mut out, 3, 9, 8);
        let record = read_record(&out, 0, 3).unwrap();
        assert_eq!(
            (record.commit, record.synced, record.end),
            (9, 8, out.len())
        );
        let back: Option<Vec<_>> = changes(record.payload).collect();
        let whole = vec![Logged::Change(change), Logged::Adopted(adopted)];
        assert_eq!(back.unwrap(), whole);
        assert!(read_record(&out, 0, 4).is_none(), "another segment's");
        for bit in 0..out.len() * 8 {
            out[bit / 8] ^= 1 << (bit % 8);
            assert!(read_record(&out, 0, 3).is_none(), "bit {bit}");
            out[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
