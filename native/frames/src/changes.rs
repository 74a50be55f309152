//! What changed since the last frame, in the order of keys.
//!
//! **Theory.** The store's feed comes in no order and may repeat a key, so it is copied into one buffer and sorted by
//! place. If the buffer would outgrow its limit (a load that sealing fell far behind), all entries are walked in
//! order instead and the older ones passed over: slower, but memory stays bounded. Long values are left in
//! the store and read when their turn comes.
//!
//! **Invariant.** Each key once, with its newest version at the snapshot, if that is newer than `since`.

use crate::error::Result;
use hyperdb_lsm::{Change, Commit, Direction, Entries, Family, KeyRange, Op, Snapshot};
use std::borrow::Cow;

/// Values up to so many bytes are copied while the store is held.
const SHORT: usize = 512;

/// One key that changed.
pub(crate) struct Changed<'c> {
    pub(crate) key: &'c [u8],
    pub(crate) version: Commit,
    pub(crate) op: Op,
    pub(crate) value: Cow<'c, [u8]>,
}

struct Row {
    start: usize,
    key: u32,
    /// `u32::MAX`: long, it lies in the store.
    value: u32,
    version: Commit,
    op: Op,
}

const LONG: u32 = u32::MAX;

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

impl Buffer {
    fn push(&mut self, change: &Change<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(change.key);
        let short = change.value.len() <= SHORT;
        if short {
            self.bytes.extend_from_slice(change.value);
        }
        self.rows.push(Row {
            start,
            key: change.key.len() as u32,
            value: if short {
                change.value.len() as u32
            } else {
                LONG
            },
            version: change.version,
            op: change.op,
        });
    }

    fn memory(&self) -> usize {
        self.bytes.len() + self.rows.len() * std::mem::size_of::<Row>()
    }

    fn key(&self, row: &Row) -> &[u8] {
        &self.bytes[row.start..row.start + row.key as usize]
    }

    /// Orders by key, and keeps the newest of each.
    fn settle(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_unstable_by(|a, b| {
            let keys = self.key(a).cmp(self.key(b));
            keys.then(b.version.cmp(&a.version))
        });
        rows.dedup_by(|next, kept| self.key(next) == self.key(kept));
        self.rows = rows;
    }
}

enum Walk {
    Sorted { buffer: Buffer, next: usize },
    Everything(Box<Entries>),
}

/// The changes of one family between a commit and a snapshot.
pub(crate) struct Changes {
    snapshot: Snapshot,
    since: Commit,
    family: Family,
    wanted: fn(&[u8]) -> bool,
    bytes: u64,
    walk: Walk,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Changes {
    /// Of `family` after `since`, of keys for which `wanted` holds; `limit` in bytes.
    pub(crate) fn collect(
        snapshot: &Snapshot,
        since: Commit,
        family: Family,
        limit: usize,
        wanted: fn(&[u8]) -> bool,
    ) -> Result<Changes> {
        let mut buffer = Buffer::default();
        let (mut full, mut bytes) = (false, 0);
        snapshot.changes_since(since, family, &mut |change| {
            if wanted(change.key) {
                bytes += (change.key.len() + change.value.len()) as u64;
                full |= buffer.memory() > limit;
                if !full {
                    buffer.push(&change);
                }
            }
        })?;
        let walk = if full {
            let all = snapshot.entries(family, KeyRange::all(), Direction::Forward);
            Walk::Everything(Box::new(all))
        } else {
            buffer.settle();
            Walk::Sorted { buffer, next: 0 }
        };
        Ok(Changes {
            snapshot: snapshot.clone(),
            since,
            family,
            wanted,
            bytes,
            walk,
            key: Vec::new(),
            value: Vec::new(),
        })
    }

    /// Whether it is known that nothing changed.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(&self.walk, Walk::Sorted { buffer, .. } if buffer.rows.is_empty())
    }

    /// Bytes of changed keys and values, repetitions included.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next change in the order of keys.
    pub(crate) fn next(&mut self) -> Result<Option<Changed<'_>>> {
        match &mut self.walk {
            Walk::Sorted { buffer, next } => {
                let Some(row) = buffer.rows.get(*next) else {
                    return Ok(None);
                };
                *next += 1;
                let key = buffer.key(row);
                let value = if row.value == LONG {
                    let value = self.snapshot.newest(self.family, key)?;
                    Cow::Owned(value.map(|(_, _, value)| value).unwrap_or_default())
                } else {
                    let at = row.start + row.key as usize;
                    Cow::Borrowed(&buffer.bytes[at..at + row.value as usize])
                };
                Ok(Some(Changed {
                    key,
                    version: row.version,
                    op: row.op,
                    value,
                }))
            }
            Walk::Everything(entries) => loop {
                let Some(entry) = entries.step()? else {
                    return Ok(None);
                };
                if entry.version <= self.since || !(self.wanted)(entry.key) {
                    continue;
                }
                let (version, op) = (entry.version, entry.op);
                copy(&mut self.key, entry.key);
                copy(&mut self.value, &entry.value);
                return Ok(Some(Changed {
                    key: &self.key,
                    version,
                    op,
                    value: Cow::Borrowed(&self.value),
                }));
            },
        }
    }
}

fn copy(into: &mut Vec<u8>, bytes: &[u8]) {
    into.clear();
    into.extend_from_slice(bytes);
}
