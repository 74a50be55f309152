//! Order statistics of big collections, and their ranges: how many keys of an order lie before one, which key has a rank, which keys
//! lie between two.
//!
//! **Theory.** An order in the LSM has no counts, so a rank is a walk. Beside a big one lies a sparse index, the
//! bottom inner level of a counted B-tree (Knuth, TAOCP 6.2.3): it cuts the order into blocks of about
//! [`TARGET`] keys and keeps for each where it begins and how many keys it holds. A rank is a sum of counts and
//! a walk within one block. Blocks that grew are cut again by the next walk through them.
//!
//! Blocks through which ranges were read keep their keys side by side ([`Piece`]), and the next range copies them from there: in the
//! LSM each key waits for memory of its own. For ranges an index is built a little at a time, each walk adding about as many keys as
//! it read.
//!
//! **Invariant.** No second truth: an index is built from the order when it is asked for, and is
//! dropped whenever it cannot follow: changes taken back, commits that fail, transactions that write the order,
//! memory over its budget. Otherwise its counts and keys are those that the writer sees, since every write of an order
//! goes through [`crate::Turn`]; once the store is poisoned, and the writer sees less, none is used.

mod index;
mod piece;

use crate::keys::{self, space, AppId};
use hashbrown::HashMap;
use hyperdb_lsm::Family;
use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) use index::{Block, Index, TARGET};
pub(crate) use piece::Piece;

/// The most indexes at a time: bounds the search for the least recently used one.
const MOST: usize = 1024;
/// One range read in so many begins an index where there is none: more orders than can have one do not drive each other out.
const BEGIN: u64 = 16;

type Place = (AppId, u64);

/// The indexes of a store, by app and collection number of the order.
pub(crate) struct Ranks {
    /// Bytes that all indexes may take together; without kept keys a collection of a million members needs about one million.
    budget: usize,
    any: AtomicBool,
    /// Counts changes of indexes, so that those since some point can be told.
    changes: AtomicU64,
    indexes: Mutex<Indexes>,
}

#[derive(Default)]
pub(crate) struct Indexes {
    by_place: HashMap<Place, Index>,
    uses: u64,
    /// Range reads of orders without an index.
    walks: u64,
    /// What all indexes hold.
    bytes: usize,
}

impl Ranks {
    /// None yet, and room for `budget` bytes of them.
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            budget,
            any: AtomicBool::default(),
            changes: AtomicU64::default(),
            indexes: Mutex::default(),
        }
    }

    /// Bytes that the indexes hold.
    pub(crate) fn bytes(&self) -> usize {
        self.indexes.lock().bytes
    }

    /// Whether there is any index to keep right.
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// A point to go back to by [`Ranks::forget_since`].
    #[inline]
    pub(crate) fn point(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Drops the indexes that were changed after `point`.
    #[inline]
    pub(crate) fn forget_since(&self, point: u64) {
        if self.point() != point {
            self.retain(|_, index| index.changed <= point);
        }
    }

    /// Drops the indexes of the orders among the keys that somebody else than a turn writes.
    pub(crate) fn forget_written<'k>(&self, keys: impl Iterator<Item = (Family, &'k [u8])>) {
        if !self.any() {
            return;
        }
        for (family, key) in keys {
            let member = keys::parse_data(key).filter(|(_, tag, _)| *tag == space::MEMBER);
            if let (Family::DATA, Some((app, _, rest))) = (family, member) {
                if let Some((cid, _)) = keys::read_varint(rest) {
                    self.forget((app, cid));
                }
            }
        }
    }

    /// Drops the index of one order.
    pub(crate) fn forget(&self, place: Place) {
        let mut indexes = self.indexes.lock();
        indexes.remove(place);
        self.any
            .store(!indexes.by_place.is_empty(), Ordering::Relaxed);
    }

    /// Drops all: a failed commit may have taken back more than the last turn's changes.
    pub(crate) fn forget_all(&self) {
        self.retain(|_, _| false);
    }

    /// Drops those of an app.
    pub(crate) fn forget_app(&self, app: AppId) {
        if self.any() {
            self.retain(|place, _| place.0 != app);
        }
    }

    fn retain(&self, mut keep: impl FnMut(&Place, &Index) -> bool) {
        let mut indexes = self.indexes.lock();
        let Indexes {
            by_place, bytes, ..
        } = &mut *indexes;
        by_place.retain(|place, index| {
            let keeps = keep(place, index);
            *bytes -= if keeps { 0 } else { index.bytes };
            keeps
        });
        self.any
            .store(!indexes.by_place.is_empty(), Ordering::Relaxed);
    }

    /// A key was added to an order.
    pub(crate) fn added(&self, place: Place, key: &[u8]) {
        self.changed(place, key, true);
    }

    /// A key was removed from an order.
    pub(crate) fn removed(&self, place: Place, key: &[u8]) {
        self.changed(place, key, false);
    }

    fn changed(&self, place: Place, key: &[u8], more: bool) {
        let change = || self.next_change();
        self.indexes.lock().with(place, |index| {
            index.count(key, more);
            index.changed = change();
        });
    }

    fn next_change(&self) -> u64 {
        self.changes.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Indexes> {
        self.indexes.lock()
    }

    /// Takes up a new index; `uncommitted`: it was built from changes that may be taken back.
    pub(crate) fn keep(
        &self,
        indexes: &mut Indexes,
        place: Place,
        mut index: Index,
        uncommitted: bool,
    ) {
        if uncommitted {
            index.changed = self.next_change();
        }
        indexes.remove(place);
        indexes.bytes += index.bytes;
        indexes.uses += 1;
        index.used = indexes.uses;
        indexes.by_place.insert(place, index);
        self.fit(indexes, place);
        self.any.store(true, Ordering::Relaxed);
    }

    /// Lets go what has no room, last of the index of `place`.
    pub(crate) fn fit(&self, indexes: &mut Indexes, place: Place) {
        if indexes.bytes > self.budget || indexes.by_place.len() > MOST {
            // A little more, so that it is not done for each block.
            indexes.shrink_to(self.budget - self.budget / 16, place);
        }
    }
}

impl Indexes {
    /// The index of an order of `len` keys, if there is a whole one. One that counts otherwise is dropped.
    pub(crate) fn get(&mut self, place: Place, len: u64) -> Option<&mut Index> {
        let index = self.by_place.get(&place)?;
        if !index.whole {
            return None;
        }
        if index.len != len {
            self.remove(place);
            return None;
        }
        self.uses += 1;
        let index = self.by_place.get_mut(&place)?;
        index.used = self.uses;
        Some(index)
    }

    /// Calls `change` with the index of `place`, if there is one, and keeps count of what it holds.
    pub(crate) fn with<R>(
        &mut self,
        place: Place,
        change: impl FnOnce(&mut Index) -> R,
    ) -> Option<R> {
        let index = self.by_place.get_mut(&place)?;
        let before = index.bytes;
        let done = change(index);
        let after = index.bytes;
        self.resized(before, after);
        Some(done)
    }

    /// An index that held `before` bytes holds `after`.
    pub(crate) fn resized(&mut self, before: usize, after: usize) {
        self.bytes = self.bytes + after - before;
    }

    /// Whether the index of `place` is to be built on after a range was read without it; `None`: one is to be begun.
    pub(crate) fn is_growing(&mut self, place: Place) -> Option<bool> {
        match self.by_place.get(&place) {
            Some(index) => Some(!index.whole),
            None => {
                self.walks += 1;
                (!self.walks.is_multiple_of(BEGIN)).then_some(false)
            }
        }
    }

    /// Drops the index of `place`.
    pub(crate) fn remove(&mut self, place: Place) {
        if let Some(index) = self.by_place.remove(&place) {
            self.bytes -= index.bytes;
        }
    }

    /// Lets go what was used least recently until the rest fits: kept keys, then indexes, but not that of `place`.
    fn shrink_to(&mut self, budget: usize, place: Place) {
        let mut oldest: Vec<(u64, Place)> = self
            .by_place
            .iter()
            .filter(|(known, _)| **known != place)
            .map(|(known, index)| (index.used, *known))
            .collect();
        oldest.sort_unstable();
        for (_, other) in &oldest {
            if self.bytes > budget {
                self.with(*other, Index::let_all_go);
            }
        }
        for (_, other) in oldest {
            if self.bytes > budget || self.by_place.len() > MOST {
                self.remove(other);
            }
        }
        let over = self.bytes.saturating_sub(budget);
        if over > 0 {
            self.with(place, |index| index.make_room(over));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index_of(keys: u64) -> Index {
        let mut index = Index::default();
        for key in 0..keys {
            index.append(&key.to_be_bytes());
        }
        index.finish();
        index
    }

    fn roomy() -> Ranks {
        Ranks::new(1 << 20)
    }

    #[test]
    fn over_budget_the_least_recently_used_go() {
        let ranks = roomy();
        let mut indexes = ranks.lock();
        for cid in [1, 3, 5] {
            ranks.keep(&mut indexes, (AppId(1), cid), index_of(1000), false);
            indexes.get((AppId(1), cid), 1000);
        }
        indexes.get((AppId(1), 1), 1000);
        let each = index_of(1000).bytes;
        indexes.shrink_to(2 * each, (AppId(1), 5));
        assert!(indexes.get((AppId(1), 3), 1000).is_none());
        indexes.shrink_to(0, (AppId(1), 5));
        assert!(indexes.get((AppId(1), 1), 1000).is_none());
        assert!(indexes.get((AppId(1), 5), 1000).is_some());
    }

    #[test]
    fn one_that_counts_otherwise_is_not_used() {
        let ranks = roomy();
        let mut indexes = ranks.lock();
        ranks.keep(&mut indexes, (AppId(1), 3), index_of(10), false);
        assert!(indexes.get((AppId(1), 3), 11).is_none());
        assert!(indexes.get((AppId(1), 3), 10).is_none());
    }

    #[test]
    fn what_was_changed_after_a_point_goes() {
        let ranks = roomy();
        let (one, other) = ((AppId(1), 3), (AppId(1), 5));
        for place in [one, other] {
            ranks.keep(&mut ranks.lock(), place, index_of(10), false);
        }
        ranks.added(one, &[1]);
        let point = ranks.point();
        ranks.removed(other, &[0; 8]);
        ranks.forget_since(point);
        assert!(ranks.lock().get(one, 11).is_some());
        assert!(ranks.lock().get(other, 9).is_none());
        let member = keys::member(one.0, one.1, b"m");
        ranks.forget_written([(Family::DATA, &member[..])].into_iter());
        assert!(!ranks.any());
    }
}
