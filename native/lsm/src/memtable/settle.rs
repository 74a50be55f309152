//! Making a change final: what left no trace is forgotten, and so are versions that nobody can see.
//!
//! **Invariant.** A version goes only when no retained point sees it; an entry only when it was never below and is a remove. A chain
//! has at most one version more than there were retained points when it last grew.

use super::{spread, EntryId, Memtable, Slab, DIRTY, FRESH, GREW, NO_VERSION, PURGED, UNLOGGED};
use crate::types::{Commit, Op};

impl Memtable {
    /// Makes a change final, once it is logged: an entry that left no trace is forgotten, and so are old versions
    /// that none of the `retained` points (ascending) sees, unless a point at or above `keep_from` could. A chain that did not grow
    /// is left for the next time: looking at its versions costs a cache miss each, more than the rest of a small write.
    pub(crate) fn settle_entry(&mut self, id: EntryId, retained: &[Commit], keep_from: Commit) {
        let entry = &mut self.entries[id as usize];
        if entry.flags & DIRTY == 0 {
            return;
        }
        let may_shrink = entry.flags & GREW != 0 || entry.op == Op::Remove;
        entry.flags &= !(DIRTY | UNLOGGED | GREW);
        if entry.is_traceless() {
            self.purge(id);
        } else if may_shrink && entry.older != NO_VERSION {
            self.prune(id, retained, keep_from);
        }
    }

    /// As [`Memtable::settle_entry`], for a change read from the log: an entry is forgotten exactly where it was when
    /// the change was logged, since whoever looked then may have been shown it.
    pub(crate) fn settle_replayed(&mut self, id: EntryId, fresh: bool, retained: &[Commit]) {
        let entry = &mut self.entries[id as usize];
        entry.flags &= !(DIRTY | UNLOGGED | FRESH | GREW);
        entry.flags |= if fresh { FRESH } else { 0 };
        let version = entry.version;
        if entry.older != NO_VERSION {
            self.prune(id, retained, version);
        }
        if self.entries[id as usize].is_traceless() {
            self.purge(id);
        }
    }

    /// Drops versions of a chain that no retained point sees.
    fn prune(&mut self, id: EntryId, retained: &[Commit], keep_from: Commit) {
        let mut above = self.entries[id as usize].version;
        let mut last = NO_VERSION;
        let mut next = self.entries[id as usize].older;
        while let Some(older) = self.versions.get(next as usize) {
            let place = next;
            next = older.older;
            let seen = retained.partition_point(|point| *point < older.version);
            let kept = above > keep_from || retained.get(seen).is_some_and(|point| *point < above);
            above = older.version;
            if kept {
                last = place;
                continue;
            }
            self.arena.release(older.data);
            self.free_versions.push(place);
            if last == NO_VERSION {
                self.entries[id as usize].older = next;
            } else {
                self.versions[last as usize].older = next;
            }
        }
    }

    /// Forgets an entry as if it had never been.
    pub(super) fn purge(&mut self, id: EntryId) {
        let hash = self.entries[id as usize].hash;
        if let Ok(found) = self.index.find_entry(spread(hash), |other| *other == id) {
            found.remove();
        }
        self.live -= 1;
        let slab = Slab {
            entries: &self.entries,
            arena: &self.arena,
        };
        // The key stays readable until the number is used again: the order may still hold it.
        self.order.get_mut().remove(id, &slab);
        let entry = &mut self.entries[id as usize];
        entry.flags = PURGED;
        let mut next = std::mem::replace(&mut entry.older, NO_VERSION);
        while let Some(older) = self.versions.get(next as usize) {
            self.arena.release(older.data);
            self.free_versions.push(next);
            next = older.older;
        }
    }
}
