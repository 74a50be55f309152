//! What the store consists of, apart from the log.
//!
//! ```text
//! magic 8 | length u32 | crc u32 | body
//! body   sequence | store id 16 | flushed | promised | next table | kept: n, commits | tables: n, (id, family, level, bytes)
//!        | kept for frames, unless there are none and nothing follows: n, commits
//!        | unless nothing was ever adopted: newest commit that adopted tables | adopted tables: n, (id, commit)
//! ```
//! Integers of the body are LEB128.
//!
//! **Theory.** A manifest is small (some bytes per table), so each change writes it anew beside the old one and
//! renames it over: a crash leaves the old or the new one, and there is no tail that could be torn.
//!
//! **Invariant.** A manifest names only files that were synced before it.

use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::points::Kept;
use crate::table::{varint, TableAt};
use crate::types::{Commit, Family};
use std::collections::BTreeSet;
use std::path::Path;

/// Its file name.
pub(crate) const MANIFEST: &str = "MANIFEST";
const MAGIC: [u8; 8] = *b"HDBMAN\0\x01";
const HEADER: usize = 16;

/// See the module's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Grows with each change.
    pub(crate) sequence: u64,
    /// Drawn at creation; tells stores apart.
    pub(crate) store_id: [u8; 16],
    /// All commits up to this one are in tables.
    pub(crate) flushed: Commit,
    /// The log must reach this commit: the newest at the last clean stop.
    pub(crate) promised: Commit,
    /// Number for the next table.
    pub(crate) next_table: u64,
    /// Commits kept readable.
    pub(crate) kept: Kept,
    /// The tables, level 0 oldest first.
    pub(crate) tables: Vec<TableAt>,
    /// The newest commit whose adopted tables are, or were, among these.
    pub(crate) adopted: Commit,
}

impl Manifest {
    /// The file's content.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![0; HEADER];
        varint::put(&mut out, self.sequence);
        out.extend_from_slice(&self.store_id);
        for number in [self.flushed, self.promised, self.next_table] {
            varint::put(&mut out, number);
        }
        put_commits(&mut out, &self.kept.asked);
        varint::put(&mut out, self.tables.len() as u64);
        for table in &self.tables {
            varint::put(&mut out, table.id);
            out.push(table.family.0);
            out.push(table.level);
            varint::put(&mut out, table.bytes);
        }
        if !self.kept.frames.is_empty() || self.adopted > 0 {
            put_commits(&mut out, &self.kept.frames);
        }
        if self.adopted > 0 {
            let adopted = self.tables.iter().filter(|table| table.adopted > 0);
            varint::put(&mut out, self.adopted);
            varint::put(&mut out, adopted.clone().count() as u64);
            for table in adopted {
                varint::put(&mut out, table.id);
                varint::put(&mut out, table.adopted);
            }
        }
        let length = (out.len() - HEADER) as u32;
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&length.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&out[..12]), &out[HEADER..]);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// From the file's content; else what is wrong and at which byte.
    pub(crate) fn decode(bytes: &[u8]) -> std::result::Result<Manifest, (u64, &'static str)> {
        if bytes.len() < HEADER {
            return Err((0, "shorter than its header"));
        }
        if bytes[..7] != MAGIC[..7] {
            return Err((0, "not a manifest"));
        }
        if bytes[7] != MAGIC[7] {
            return Err((7, "written by another version of the format"));
        }
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if word(8) as usize != bytes.len() - HEADER {
            return Err((8, "its length is not the one it names"));
        }
        let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[HEADER..]);
        if word(12) != crc {
            return Err((HEADER as u64, "its checksum is wrong"));
        }
        Self::decode_body(bytes).ok_or((HEADER as u64, "its body is malformed"))
    }

    fn decode_body(bytes: &[u8]) -> Option<Manifest> {
        let mut at = HEADER;
        let sequence = varint::take(bytes, &mut at)?;
        let store_id = bytes.get(at..at + 16)?.try_into().ok()?;
        at += 16;
        let flushed = varint::take(bytes, &mut at)?;
        let promised = varint::take(bytes, &mut at)?;
        let next_table = varint::take(bytes, &mut at)?;
        let asked = take_commits(bytes, &mut at)?;
        let mut tables = Vec::new();
        for _ in 0..varint::take(bytes, &mut at)? {
            let id = varint::take(bytes, &mut at)?;
            let family = Family(*bytes.get(at)?);
            let level = *bytes.get(at + 1)?;
            at += 2;
            let bytes = varint::take(bytes, &mut at)?;
            if usize::from(family.0) >= Family::COUNT {
                return None;
            }
            tables.push(TableAt {
                id,
                family,
                level,
                bytes,
                adopted: 0,
            });
        }
        let mut frames = BTreeSet::new();
        let mut adopted = 0;
        if at < bytes.len() {
            frames = take_commits(bytes, &mut at)?;
            match at < bytes.len() {
                true => adopted = take_adopted(bytes, &mut at, &mut tables)?,
                false if frames.is_empty() => return None,
                false => {}
            }
        }
        (at == bytes.len()).then_some(Manifest {
            sequence,
            store_id,
            flushed,
            promised,
            next_table,
            kept: Kept { asked, frames },
            tables,
            adopted,
        })
    }

    /// Reads the manifest of `dir`, `None` if there is none.
    pub(crate) fn read(fs: &dyn FileSystem, dir: &Path) -> Result<Option<Manifest>> {
        let path = dir.join(MANIFEST);
        if !fs.exists(&path)? {
            return Ok(None);
        }
        let bytes = fs.read_all(&path)?;
        Manifest::decode(&bytes)
            .map(Some)
            .map_err(|(offset, what)| Error::Corrupt {
                path,
                offset,
                what: what.to_owned(),
            })
    }

    /// Makes this the manifest of `dir`, durably.
    pub(crate) fn write(&self, fs: &dyn FileSystem, dir: &Path) -> Result<()> {
        fs.replace(&dir.join(MANIFEST), &self.encode())
    }
}

fn put_commits(out: &mut Vec<u8>, commits: &BTreeSet<Commit>) {
    varint::put(out, commits.len() as u64);
    for commit in commits {
        varint::put(out, *commit);
    }
}

fn take_commits(bytes: &[u8], at: &mut usize) -> Option<BTreeSet<Commit>> {
    let mut commits = BTreeSet::new();
    for _ in 0..varint::take(bytes, at)? {
        let commit = varint::take(bytes, at)?;
        if commits.last().is_some_and(|last| *last >= commit) {
            return None;
        }
        commits.insert(commit);
    }
    Some(commits)
}

/// The newest commit that adopted, and the tables that it and earlier ones adopted.
fn take_adopted(bytes: &[u8], at: &mut usize, tables: &mut [TableAt]) -> Option<Commit> {
    let newest = varint::take(bytes, at)?;
    for _ in 0..varint::take(bytes, at)? {
        let (id, commit) = (varint::take(bytes, at)?, varint::take(bytes, at)?);
        let table = tables.iter_mut().find(|table| table.id == id)?;
        if commit == 0 || commit > newest || table.adopted > 0 {
            return None;
        }
        table.adopted = commit;
    }
    (newest > 0).then_some(newest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_bit_can_turn_unseen() {
        let manifest = Manifest {
            sequence: 300,
            store_id: [9; 16],
            flushed: 1 << 40,
            promised: 5,
            next_table: 77,
            kept: Kept {
                asked: [1, 1000].into(),
                frames: [7, 900].into(),
            },
            tables: vec![TableAt {
                id: 3,
                family: Family::META,
                level: 2,
                bytes: 123_456,
                adopted: 4_321,
            }],
            adopted: 5_432,
        };
        let mut bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes).unwrap(), manifest);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::decode(&bytes).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for cut in 0..bytes.len() {
            assert!(Manifest::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
