//! What changed since the last frame, in the order of keys.
//!
//! **Theory.** The store's feed comes in no order and may repeat a key, so it is copied into one buffer and sorted by
//! place. What outgrows the buffer (a frame that stretched) is taken in parts: keys sampled from the feed cut it into ranges that
//! fit, and for each the feed is read again, which costs little next to what a frame does with a change. Where there would be too
//! many parts (a first frame, a bulk load), or a part holds more than its sample foretold, all entries are walked in order and the
//! older ones passed over: memory stays bounded. Long values are left in the store and read when their turn comes.
//!
//! **Invariant.** Each key once, with its newest version at the snapshot, if that is newer than `since`.

use crate::error::{Error, Result};
use hyperdb_lsm::{Change, Commit, Direction, Entries, Family, KeyRange, Op, Snapshot};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Bound;

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

/// The feed is read so often at most for one frame.
const MOST_PARTS: u64 = 16;

/// Keys from the first (included) to the second (excluded).
type Range = (Option<Vec<u8>>, Option<Vec<u8>>);

fn holds((from, to): &Range, key: &[u8]) -> bool {
    from.as_deref().is_none_or(|from| from <= key) && to.as_deref().is_none_or(|to| key < to)
}

/// Keys of the feed at even distances; about as many whatever the feed's length.
#[derive(Default)]
struct Sample {
    keys: Vec<Vec<u8>>,
    stride: u64,
    seen: u64,
}

impl Sample {
    const MOST: usize = 4096;

    fn see(&mut self, key: &[u8]) {
        if self.seen.is_multiple_of(self.stride.max(1)) {
            self.keys.push(key.to_vec());
            if self.keys.len() > Self::MOST {
                let mut even = false;
                self.keys.retain(|_| {
                    even = !even;
                    even
                });
                self.stride = self.stride.max(1) * 2;
            }
        }
        self.seen += 1;
    }

    /// `parts` ranges of about equally many keys.
    fn cut(mut self, parts: u64) -> VecDeque<Range> {
        self.keys.sort_unstable();
        self.keys.dedup();
        let step = (self.keys.len() as u64).div_ceil(parts.max(1)).max(1);
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        let mut ranges = VecDeque::new();
        let mut from = None;
        for key in self.keys.into_iter().skip(step).step_by(step) {
            ranges.push_back((from.replace(key.clone()), Some(key)));
        }
        ranges.push_back((from, None));
        ranges
    }
}

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

    /// Bytes for one change.
    fn takes(change: &Change<'_>) -> usize {
        let value = Some(change.value.len()).filter(|length| *length <= SHORT);
        change.key.len() + value.unwrap_or(0) + std::mem::size_of::<Row>()
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

impl Walk {
    fn nothing() -> Walk {
        Walk::Sorted {
            buffer: Buffer::default(),
            next: 0,
        }
    }
}

/// The changes of one family between a commit and a snapshot.
pub(crate) struct Changes {
    snapshot: Snapshot,
    since: Commit,
    family: Family,
    limit: usize,
    wanted: fn(&[u8]) -> bool,
    bytes: u64,
    walk: Walk,
    /// Parts that are still to come.
    rest: VecDeque<Range>,
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
        let mut changes = Changes {
            snapshot: snapshot.clone(),
            since,
            family,
            limit,
            wanted,
            bytes: 0,
            walk: Walk::nothing(),
            rest: VecDeque::new(),
            key: Vec::new(),
            value: Vec::new(),
        };
        let (mut sample, mut bytes, mut memory) = (Sample::default(), 0, 0);
        let whole = (None, None);
        let buffer = changes.copy(&whole, &mut |change| {
            sample.see(change.key);
            bytes += (change.key.len() + change.value.len()) as u64;
            memory += Buffer::takes(change);
        })?;
        changes.bytes = bytes;
        match buffer {
            Some(buffer) => changes.walk = Walk::Sorted { buffer, next: 0 },
            // Half full on average, since a sample is only one.
            None => match (memory / (limit / 2).max(1)) as u64 + 1 {
                parts if parts <= MOST_PARTS && since > 0 => changes.rest = sample.cut(parts),
                _ => changes.walk = changes.everything(&whole),
            },
        }
        Ok(changes)
    }

    /// The changes of a range, in order; `None` if there are too many. `seen` is told of all.
    fn copy(&self, range: &Range, seen: &mut dyn FnMut(&Change<'_>)) -> Result<Option<Buffer>> {
        let mut buffer = Buffer::default();
        let mut full = false;
        let visit = &mut |change: Change<'_>| {
            if (self.wanted)(change.key) && holds(range, change.key) {
                seen(&change);
                full |= buffer.memory() > self.limit;
                if !full {
                    buffer.push(&change);
                }
            }
        };
        self.snapshot
            .changes_since(self.since, self.family, visit)?;
        if full {
            return Ok(None);
        }
        buffer.settle();
        Ok(Some(buffer))
    }

    fn everything(&self, (from, to): &Range) -> Walk {
        let range = KeyRange {
            start: from.clone().map_or(Bound::Unbounded, Bound::Included),
            end: to.clone().map_or(Bound::Unbounded, Bound::Excluded),
        };
        let all = self
            .snapshot
            .entries(self.family, range, Direction::Forward);
        Walk::Everything(Box::new(all))
    }

    /// Whether it is known that nothing changed.
    pub(crate) fn is_empty(&self) -> bool {
        let none = matches!(&self.walk, Walk::Sorted { buffer, .. } if buffer.rows.is_empty());
        none && self.rest.is_empty()
    }

    /// Bytes of changed keys and values, repetitions included.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next change in the order of keys.
    pub(crate) fn next(&mut self) -> Result<Option<Changed<'_>>> {
        loop {
            match &mut self.walk {
                Walk::Sorted { buffer, next } => {
                    if *next < buffer.rows.len() {
                        *next += 1;
                        return self.sorted().map(Some);
                    }
                }
                Walk::Everything(entries) => {
                    while let Some(entry) = entries.step()? {
                        if entry.version > self.since && (self.wanted)(entry.key) {
                            let (version, op) = (entry.version, entry.op);
                            copy(&mut self.key, entry.key);
                            copy(&mut self.value, &entry.value);
                            return Ok(Some(Changed {
                                key: &self.key,
                                version,
                                op,
                                value: Cow::Borrowed(&self.value),
                            }));
                        }
                    }
                }
            }
            let Some(range) = self.rest.pop_front() else {
                self.walk = Walk::nothing();
                return Ok(None);
            };
            // What was read before goes first: two parts are never in memory.
            self.walk = Walk::nothing();
            self.walk = match self.copy(&range, &mut |_| {})? {
                Some(buffer) => Walk::Sorted { buffer, next: 0 },
                None => self.everything(&range),
            };
        }
    }

    /// The row before the next one of the buffer.
    fn sorted(&self) -> Result<Changed<'_>> {
        let gone = || Error::Malformed("change");
        let Walk::Sorted { buffer, next } = &self.walk else {
            return Err(gone());
        };
        let at = next.checked_sub(1).ok_or_else(gone)?;
        let row = buffer.rows.get(at).ok_or_else(gone)?;
        let key = buffer.key(row);
        let value = if row.value == LONG {
            let value = self.snapshot.newest(self.family, key)?;
            Cow::Owned(value.map(|(_, _, value)| value).unwrap_or_default())
        } else {
            let at = row.start + row.key as usize;
            Cow::Borrowed(&buffer.bytes[at..at + row.value as usize])
        };
        Ok(Changed {
            key,
            version: row.version,
            op: row.op,
            value,
        })
    }
}

fn copy(into: &mut Vec<u8>, bytes: &[u8]) {
    into.clear();
    into.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use hyperdb_lsm::fs::SimFs;
    use hyperdb_lsm::{Batch, Db, Options};
    use std::path::Path;
    use std::sync::Arc;

    type Row = (Vec<u8>, Commit, Op, Vec<u8>);

    fn write(db: &Db, keys: impl Iterator<Item = u16>, value: &[u8]) {
        let mut batch = Batch::new();
        for key in keys {
            match key % 7 {
                3 => batch.remove(Family::DATA, &key.to_be_bytes(), b"note"),
                _ => batch.put(Family::DATA, &key.to_be_bytes(), value),
            };
        }
        db.write_durable(&batch).unwrap();
    }

    /// What the walk over everything finds.
    fn scanned(now: &Snapshot, since: Commit) -> Vec<Row> {
        let mut all = now.entries(Family::DATA, KeyRange::all(), Direction::Forward);
        let mut rows = Vec::new();
        while let Some(entry) = all.step().unwrap() {
            if entry.version > since {
                let (key, value) = (entry.key.to_vec(), entry.value.to_vec());
                rows.push((key, entry.version, entry.op, value));
            }
        }
        rows
    }

    fn collected(changes: &mut Changes) -> Vec<Row> {
        let mut rows = Vec::new();
        while let Some(change) = changes.next().unwrap() {
            let (key, value) = (change.key.to_vec(), change.value.to_vec());
            rows.push((key, change.version, change.op, value));
        }
        rows
    }

    #[test]
    fn whatever_fits_into_memory_the_same_changes_come_in_order() {
        let options = Options {
            memory: 4 << 20,
            ..Options::default()
        };
        let db = Db::open_in(Arc::new(SimFs::new()), Path::new("/db"), options).unwrap();
        write(&db, 0..5000, b"before");
        let since = db.retain().unwrap();
        for (step, value) in [(3, &b"after"[..]), (5, &[9; 700]), (11, b"again")] {
            write(&db, (0..5000).step_by(step), value);
        }
        let now = db.snapshot();
        for (since, limit, parts) in [
            (since, 8 << 20, Some(0..=0)),
            (since, 24 << 10, Some(5..=12)),
            // Too many parts, and a first frame: everything is walked.
            (since, 8 << 10, None),
            (0, 24 << 10, None),
        ] {
            let mut changes = Changes::collect(&now, since, Family::DATA, limit, |_| true).unwrap();
            let walks = matches!(changes.walk, Walk::Everything(_));
            assert_eq!(walks, parts.is_none());
            let parts = parts.unwrap_or(0..=0);
            assert!(
                parts.contains(&changes.rest.len()),
                "{}",
                changes.rest.len()
            );
            assert!(!changes.is_empty());
            assert_eq!(collected(&mut changes), scanned(&now, since));
            assert!(changes.next().unwrap().is_none());
        }
        let latest = now.commit();
        let changes = Changes::collect(&now, latest, Family::DATA, 0, |_| true).unwrap();
        assert!(changes.is_empty());
    }

    #[test]
    fn a_part_that_holds_more_than_foretold_is_walked() {
        let range =
            |from: Option<u8>, to: Option<u8>| (from.map(|from| vec![from]), to.map(|to| vec![to]));
        let mut sample = Sample::default();
        for round in 0..3 {
            for key in 0..=u8::MAX {
                sample.see(&[key.wrapping_mul(7).wrapping_add(round)]);
            }
        }
        let ranges = sample.cut(4);
        let wanted = [
            range(None, Some(64)),
            range(Some(64), Some(128)),
            range(Some(128), Some(192)),
            range(Some(192), None),
        ];
        assert_eq!(ranges, wanted);
        assert_eq!(Sample::default().cut(3), [range(None, None)]);
        let db = Db::open_in(Arc::new(SimFs::new()), Path::new("/db"), Options::default());
        let db = db.unwrap();
        write(&db, 0..200, b"value");
        let now = db.snapshot();
        let mut changes = Changes::collect(&now, 0, Family::DATA, 1 << 20, |_| true).unwrap();
        let cut = Some(100u16.to_be_bytes().to_vec());
        (changes.walk, changes.limit) = (Walk::nothing(), 500);
        changes.rest = [(None, cut.clone()), (cut, None)].into();
        assert_eq!(collected(&mut changes), scanned(&now, 0));
    }
}
