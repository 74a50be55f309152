//! The newest entries of one family, in memory.
//!
//! **Purpose.** Point reads and writes at the price of one hash probe, ranges in order, old versions for those who
//! still look at them.
//!
//! **Theory.** Each key has one entry in a slab: its newest version in place, older ones in a chain. A new version
//! takes the old one's place when no retained point lies between them (`floor`, the newest such point, is below
//! the old version); else the old one moves to the chain. Every change can be taken back in reverse order
//! with what it returned to [`Undo`].
//!
//! **Invariant.** Versions of a chain descend. An entry whose key was never below (*fresh*) and whose only version
//! is a remove need not exist.

mod arena;
mod changes;
mod order;
mod settle;
mod source;
mod undo;
mod warm;

use crate::types::{Commit, Direction, Op};
use arena::{Arena, Slot};
use hashbrown::HashTable;
use order::{Keys, Order};
use parking_lot::Mutex;
use std::ops::Bound;

pub(crate) use source::{Access, CopiedSource, MemSource};
pub(crate) use undo::{Undo, UndoLog};

/// Number of an entry in its memtable.
pub(crate) type EntryId = u32;

const NO_VERSION: u32 = u32::MAX;

/// Changed since the last commit.
const DIRTY: u8 = 1;
/// The writer knew the key to be absent below when it made the entry.
const FRESH: u8 = 2;
/// Made since the last commit, so the log does not know it yet.
const UNLOGGED: u8 = 4;
/// Forgotten; its place may be used again.
const PURGED: u8 = 8;
/// Its chain grew since the last commit.
const GREW: u8 = 16;

struct Entry {
    /// The key and the newest value.
    data: Slot,
    version: Commit,
    key_len: u32,
    value_len: u32,
    hash: u32,
    older: u32,
    op: Op,
    flags: u8,
}

struct Older {
    /// The key and the value.
    data: Slot,
    value_len: u32,
    version: Commit,
    op: Op,
    older: u32,
}

impl Entry {
    /// Whether forgetting the entry changes nothing for any reader.
    fn is_traceless(&self) -> bool {
        self.flags & FRESH != 0 && self.op == Op::Remove && self.older == NO_VERSION
    }
}

/// A version as it lies in the memtable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'m> {
    pub(crate) version: Commit,
    pub(crate) op: Op,
    pub(crate) value: &'m [u8],
}

/// See the module's head.
#[derive(Default)]
pub(crate) struct Memtable {
    entries: Vec<Entry>,
    arena: Arena,
    index: HashTable<EntryId>,
    versions: Vec<Older>,
    free_versions: Vec<u32>,
    order: Mutex<Order>,
    live: usize,
}

struct Slab<'m> {
    entries: &'m [Entry],
    arena: &'m Arena,
}

impl Keys for Slab<'_> {
    #[inline]
    fn key(&self, id: u32) -> &[u8] {
        let entry = &self.entries[id as usize];
        self.arena.read(entry.data, 0, entry.key_len)
    }
}

/// The table takes its bits from both ends of a 64-bit number; an entry keeps only 32 of them.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[inline]
fn short(hash: u64) -> u32 {
    (hash >> 32) as u32
}

impl Memtable {
    /// An empty one with room for as many keys as `before` has: it does not stop to grow under a writer that goes
    /// on as it did.
    pub(crate) fn like(before: &Memtable) -> Memtable {
        Memtable {
            entries: Vec::with_capacity(before.live),
            index: HashTable::with_capacity(before.live),
            ..Memtable::default()
        }
    }

    /// How many keys have an entry.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Bytes of memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.arena.bytes()
            + self.entries.len() * (std::mem::size_of::<Entry>() + 8)
            + self.versions.len() * std::mem::size_of::<Older>()
            + self.order.lock().bytes()
    }

    fn slab(&self) -> Slab<'_> {
        Slab {
            entries: &self.entries,
            arena: &self.arena,
        }
    }

    /// The entry of `key`, whose hash is `hash`.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<EntryId> {
        let hash = short(hash);
        self.index
            .find(spread(hash), |id| {
                let entry = &self.entries[*id as usize];
                entry.hash == hash && self.arena.read(entry.data, 0, entry.key_len) == key
            })
            .copied()
    }

    /// The key of an entry.
    pub(crate) fn key(&self, id: EntryId) -> &[u8] {
        let entry = &self.entries[id as usize];
        self.arena.read(entry.data, 0, entry.key_len)
    }

    /// The newest version of an entry.
    #[inline]
    pub(crate) fn newest(&self, id: EntryId) -> Found<'_> {
        let entry = &self.entries[id as usize];
        Found {
            version: entry.version,
            op: entry.op,
            value: self.arena.read(entry.data, entry.key_len, entry.value_len),
        }
    }

    /// The newest version of an entry that is at or below `at`.
    #[inline]
    pub(crate) fn visible(&self, id: EntryId, at: Commit) -> Option<Found<'_>> {
        let entry = &self.entries[id as usize];
        if entry.version <= at {
            return Some(self.newest(id));
        }
        self.older_versions(id).find(|found| found.version <= at)
    }

    fn older_versions(&self, id: EntryId) -> impl Iterator<Item = Found<'_>> {
        let mut next = self.entries[id as usize].older;
        let key_len = self.entries[id as usize].key_len;
        std::iter::from_fn(move || {
            let older = self.versions.get(next as usize)?;
            next = older.older;
            Some(Found {
                version: older.version,
                op: older.op,
                value: self.arena.read(older.data, key_len, older.value_len),
            })
        })
    }

    /// Calls `emit` with the versions of an entry that a table must hold, newest first: the newest, and those
    /// that one of the `retained` points (ascending) sees; nothing if nobody can miss it.
    pub(crate) fn flush_versions<E>(
        &self,
        id: EntryId,
        retained: &[Commit],
        mut emit: impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let newest = self.newest(id);
        let mut above = newest.version;
        let kept: Vec<Found<'_>> = self
            .older_versions(id)
            .filter(|older| {
                let seen = retained.partition_point(|point| *point < older.version);
                let keep = retained.get(seen).is_some_and(|point| *point < above);
                above = older.version;
                keep
            })
            .collect();
        let fresh = self.entries[id as usize].flags & FRESH != 0;
        // With a point kept, somebody may have been shown the remove and expects to find it again.
        if fresh && newest.op == Op::Remove && retained.is_empty() {
            return Ok(());
        }
        emit(newest)?;
        kept.into_iter().try_for_each(emit)
    }

    /// Entries between the bounds, at most `limit`, in the direction's order.
    pub(crate) fn range(
        &self,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
        limit: usize,
        out: &mut Vec<EntryId>,
    ) {
        if is_empty_range(start, end) {
            return;
        }
        let slab = self.slab();
        let mut order = self.order.lock();
        order.merge(&slab);
        let mut walk = order.walk(start, end, direction, &slab);
        order.next(&mut walk, direction, limit, out);
    }

    /// Begins a walk between the bounds for as long as the memtable does not change; `None` if nothing can lie there.
    fn walk(
        &self,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        direction: Direction,
    ) -> Option<order::Walk> {
        if is_empty_range(start, end) {
            return None;
        }
        let slab = self.slab();
        let mut order = self.order.lock();
        order.merge(&slab);
        Some(order.walk(start, end, direction, &slab))
    }

    /// Appends the next entries of a walk to `out`, and brings them near.
    fn next(
        &self,
        walk: &mut order::Walk,
        direction: Direction,
        limit: usize,
        out: &mut Vec<EntryId>,
    ) {
        let from = out.len();
        self.order.lock().next(walk, direction, limit, out);
        self.warm_entries(&out[from..]);
    }

    /// Writes a version of `key` at commit `at`, which is above all others.
    ///
    /// `floor` is the newest retained point; `fresh` says that the key is absent in everything below this
    /// memtable.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn write(
        &mut self,
        hash: u64,
        key: &[u8],
        op: Op,
        value: &[u8],
        fresh: bool,
        at: Commit,
        floor: Commit,
        log: &mut UndoLog,
    ) -> (EntryId, Undo) {
        match self.find(hash, key) {
            Some(id) => (id, self.overwrite(id, op, value, at, floor, log)),
            None => {
                let id = self.create(short(hash), key, op, value, fresh, at);
                (id, Undo::Created)
            }
        }
    }

    fn create(
        &mut self,
        hash: u32,
        key: &[u8],
        op: Op,
        value: &[u8],
        fresh: bool,
        at: Commit,
    ) -> EntryId {
        let entry = Entry {
            data: self.arena.store(key, value),
            version: at,
            key_len: key.len() as u32,
            value_len: value.len() as u32,
            hash,
            older: NO_VERSION,
            op,
            flags: UNLOGGED | if fresh { FRESH } else { 0 },
        };
        let order = self.order.get_mut();
        let id = match order.take_freed() {
            Some(id) => {
                let old = std::mem::replace(&mut self.entries[id as usize], entry);
                self.arena.release(old.data);
                id
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        if order.add(id) {
            order.merge(&Slab {
                entries: &self.entries,
                arena: &self.arena,
            });
        }
        self.live += 1;
        let entries = &self.entries;
        self.index.insert_unique(spread(hash), id, |other| {
            spread(entries[*other as usize].hash)
        });
        id
    }

    fn overwrite(
        &mut self,
        id: EntryId,
        op: Op,
        value: &[u8],
        at: Commit,
        floor: Commit,
        log: &mut UndoLog,
    ) -> Undo {
        let entry = &mut self.entries[id as usize];
        let Entry {
            data,
            key_len,
            value_len,
            version,
            flags,
            ..
        } = *entry;
        let old_op = entry.op;
        let undo = if version > floor {
            let small = value_len as usize <= UndoLog::COPY_MAX;
            if small && self.arena.fits(data, key_len as usize + value.len()) {
                let saved = log.save(self.arena.read(data, key_len, value_len));
                self.arena.write(data, key_len as usize, value);
                Undo::Replaced {
                    saved,
                    len: value_len,
                    version,
                    op: old_op,
                    flags,
                }
            } else {
                entry.data = self.arena.move_key(data, key_len, value);
                Undo::Swapped {
                    data,
                    len: value_len,
                    version,
                    op: old_op,
                    flags,
                }
            }
        } else {
            entry.data = self.arena.move_key(data, key_len, value);
            let older = Older {
                data,
                value_len,
                version,
                op: old_op,
                older: entry.older,
            };
            entry.older = match self.free_versions.pop() {
                Some(at) => {
                    self.versions[at as usize] = older;
                    at
                }
                None => {
                    self.versions.push(older);
                    (self.versions.len() - 1) as u32
                }
            };
            entry.flags |= GREW;
            Undo::Pushed { flags }
        };
        entry.value_len = value.len() as u32;
        entry.version = at;
        entry.op = op;
        undo
    }

    /// Marks an entry as changed since the last commit; whether it was not before.
    #[inline]
    pub(crate) fn mark_dirty(&mut self, id: EntryId) -> bool {
        let flags = &mut self.entries[id as usize].flags;
        let was = *flags & DIRTY != 0;
        *flags |= DIRTY;
        !was
    }

    /// Takes a change back; changes must be taken back in the reverse of their order.
    pub(crate) fn undo(&mut self, id: EntryId, undo: Undo, log: &UndoLog) {
        match undo {
            Undo::Created => self.purge(id),
            Undo::Replaced {
                saved,
                len,
                version,
                op,
                flags,
            } => {
                let entry = &mut self.entries[id as usize];
                let value = log.saved(saved, len);
                self.arena.write(entry.data, entry.key_len as usize, value);
                entry.value_len = len;
                entry.version = version;
                entry.op = op;
                entry.flags = flags;
            }
            Undo::Swapped {
                data,
                len,
                version,
                op,
                flags,
            } => {
                let entry = &mut self.entries[id as usize];
                self.arena.release(entry.data);
                entry.data = data;
                entry.value_len = len;
                entry.version = version;
                entry.op = op;
                entry.flags = flags;
            }
            Undo::Pushed { flags } => {
                let entry = &mut self.entries[id as usize];
                let place = entry.older;
                let Some(older) = self.versions.get(place as usize) else {
                    return;
                };
                self.arena.release(entry.data);
                entry.data = older.data;
                entry.value_len = older.value_len;
                entry.version = older.version;
                entry.op = older.op;
                entry.older = older.older;
                entry.flags = flags;
                self.free_versions.push(place);
            }
        }
    }

    /// Forgets what only [`Memtable::undo`] needed, once the change is committed.
    pub(crate) fn forget_undo(&mut self, undo: &Undo) {
        if let Undo::Swapped { data, .. } = undo {
            self.arena.release(*data);
        }
    }

    /// What the log must know of a changed entry: key, op, whether fresh (of a remove: whether it leaves no trace of
    /// what the log knows already), value. `None` if the log need not know of it.
    pub(crate) fn logged(&self, id: EntryId) -> Option<(&[u8], Op, bool, &[u8])> {
        let entry = &self.entries[id as usize];
        let traceless = entry.is_traceless() && entry.flags & UNLOGGED != 0;
        let fresh = match entry.op {
            Op::Add => entry.flags & FRESH != 0,
            Op::Remove => entry.is_traceless(),
        };
        (entry.flags & DIRTY != 0 && !traceless).then(|| {
            (
                self.arena.read(entry.data, 0, entry.key_len),
                entry.op,
                fresh,
                self.arena.read(entry.data, entry.key_len, entry.value_len),
            )
        })
    }
}

/// Whether no key can lie between the bounds.
pub(crate) fn is_empty_range(start: Bound<&[u8]>, end: Bound<&[u8]>) -> bool {
    match (start, end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(a), Bound::Included(b)) => a > b,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => {
            a >= b
        }
    }
}
