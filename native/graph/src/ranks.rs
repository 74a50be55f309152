//! Order statistics of big collections: how many keys of an order lie before one, and which key has a rank.
//!
//! **Theory.** An order in the LSM has no counts, so a rank is a walk. Beside a big one lies a sparse index, the
//! bottom inner level of a counted B-tree (Knuth, TAOCP 6.2.3): it cuts the order into blocks of about
//! [`TARGET`] keys and keeps for each where it begins and how many keys it holds. A rank is a sum of counts and
//! a walk within one block. Blocks that grew are cut again by the next walk through them.
//!
//! **Invariant.** No second truth: an index holds no member, is built from the order when first asked for, and is
//! dropped whenever it cannot follow: changes taken back, commits that fail, transactions that write the order,
//! memory over [`BUDGET`]. Otherwise its counts are those that the writer sees, since every write of an order
//! goes through [`crate::Turn`].

use crate::keys::{self, space, AppId};
use hashbrown::HashMap;
use hyperdb_lsm::Family;
use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Keys of a fresh block.
pub(crate) const TARGET: u64 = 64;
/// A walk cuts a block that has more keys than this.
const LARGE: u64 = 3 * TARGET;
/// Bytes that all indexes may take together; a collection of a million members needs about one.
const BUDGET: usize = 64 << 20;
/// The most indexes at a time: bounds the search for the least recently used one.
const MOST: usize = 1024;
/// Bytes of a block beside its first key.
const BLOCK: usize = size_of::<Box<[u8]>>() + size_of::<u64>();

type Place = (AppId, u64);

/// The indexes of a store, by app and collection number of the order.
#[derive(Default)]
pub(crate) struct Ranks {
    any: AtomicBool,
    /// Counts changes of indexes, so that those since some point can be told.
    changes: AtomicU64,
    indexes: Mutex<Indexes>,
}

#[derive(Default)]
pub(crate) struct Indexes {
    by_place: HashMap<Place, Index>,
    uses: u64,
}

impl Ranks {
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
            self.retain(|index| index.changed <= point);
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
        indexes.by_place.remove(&place);
        self.any
            .store(!indexes.by_place.is_empty(), Ordering::Relaxed);
    }

    /// Drops all: a failed commit may have taken back more than the last turn's changes.
    pub(crate) fn forget_all(&self) {
        self.retain(|_| false);
    }

    fn retain(&self, mut keep: impl FnMut(&Index) -> bool) {
        let mut indexes = self.indexes.lock();
        indexes.by_place.retain(|_, index| keep(index));
        self.any
            .store(!indexes.by_place.is_empty(), Ordering::Relaxed);
    }

    /// A key was added to an order.
    pub(crate) fn added(&self, place: Place, key: &[u8]) {
        if let Some(index) = self.indexes.lock().by_place.get_mut(&place) {
            index.count(key, true);
            index.changed = self.next_change();
        }
    }

    /// A key was removed from an order.
    pub(crate) fn removed(&self, place: Place, key: &[u8]) {
        if let Some(index) = self.indexes.lock().by_place.get_mut(&place) {
            index.count(key, false);
            index.changed = self.next_change();
        }
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
        indexes.by_place.insert(place, index);
        indexes.uses += 1;
        indexes.shrink_to(BUDGET, place);
        self.any.store(true, Ordering::Relaxed);
    }
}

impl Indexes {
    /// The index of an order of `len` keys, if there is one. One that counts otherwise is dropped.
    pub(crate) fn get(&mut self, place: Place, len: u64) -> Option<&mut Index> {
        if self.by_place.get(&place)?.len != len {
            self.by_place.remove(&place);
            return None;
        }
        self.uses += 1;
        let index = self.by_place.get_mut(&place)?;
        index.used = self.uses;
        Some(index)
    }

    /// Drops the least recently used indexes, but not that of `place`, until the rest fits.
    fn shrink_to(&mut self, budget: usize, place: Place) {
        let mut bytes: usize = self.by_place.values().map(|index| index.bytes).sum();
        while bytes > budget || self.by_place.len() > MOST {
            let others = self.by_place.iter().filter(|(known, _)| **known != place);
            let Some((oldest, index)) = others.min_by_key(|(_, index)| index.used) else {
                return;
            };
            bytes -= index.bytes;
            let oldest = *oldest;
            self.by_place.remove(&oldest);
        }
    }
}

/// The sparse index of one order.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Where each block begins, ascending; the first begins before every key.
    starts: Vec<Box<[u8]>>,
    counts: Vec<u64>,
    len: u64,
    bytes: usize,
    /// [`Ranks::changes`] after the last change.
    changed: u64,
    used: u64,
}

/// One block as a walk needs it.
pub(crate) struct Block {
    at: usize,
    /// How many keys lie in the blocks before.
    pub(crate) before: u64,
    pub(crate) start: Box<[u8]>,
    /// Where the next begins.
    pub(crate) end: Option<Box<[u8]>>,
    /// Whether it should be cut.
    pub(crate) is_large: bool,
}

impl Index {
    /// Appends the next key of the order, while it is built.
    pub(crate) fn append(&mut self, key: &[u8]) {
        if self.len.is_multiple_of(TARGET) {
            let start: &[u8] = if self.len == 0 { &[] } else { key };
            self.bytes += BLOCK + start.len();
            self.starts.push(start.into());
            self.counts.push(0);
        }
        if let Some(last) = self.counts.last_mut() {
            *last += 1;
            self.len += 1;
        }
    }

    /// The block that `key` lies or would lie in.
    pub(crate) fn block_of(&self, key: &[u8]) -> Block {
        self.block(self.place_of(key))
    }

    /// The block of the key with a rank below the index's length.
    pub(crate) fn block_at(&self, rank: u64) -> Block {
        let mut before = 0;
        let at = self.counts.iter().position(|count| {
            before += count;
            before > rank
        });
        self.block(at.unwrap_or_default())
    }

    fn place_of(&self, key: &[u8]) -> usize {
        let after = self.starts.partition_point(|start| &**start <= key);
        after.saturating_sub(1)
    }

    fn block(&self, at: usize) -> Block {
        Block {
            at,
            before: self.counts.iter().take(at).sum(),
            start: self.starts.get(at).cloned().unwrap_or_default(),
            end: self.starts.get(at + 1).cloned(),
            is_large: self.counts.get(at).is_some_and(|count| *count > LARGE),
        }
    }

    /// Cuts a block whose keys were walked through: `cuts` are every [`TARGET`]th of them, its first left out.
    pub(crate) fn cut(&mut self, block: &Block, cuts: Vec<Box<[u8]>>) {
        let Some(count) = self.counts.get_mut(block.at) else {
            return;
        };
        let parts = cuts.len() as u64;
        let last = count.saturating_sub(parts * TARGET);
        *count = TARGET;
        self.bytes += cuts.iter().map(|cut| BLOCK + cut.len()).sum::<usize>();
        let after = block.at + 1;
        let counts = (1..=parts).map(|i| if i == parts { last } else { TARGET });
        self.counts.splice(after..after, counts);
        self.starts.splice(after..after, cuts);
    }

    fn count(&mut self, key: &[u8], more: bool) {
        let at = self.place_of(key);
        let Some(count) = self.counts.get_mut(at) else {
            return;
        };
        if more {
            *count += 1;
            self.len += 1;
            return;
        }
        *count = count.saturating_sub(1);
        self.len = self.len.saturating_sub(1);
        // The first block begins before every key, so it stays.
        if *count == 0 && at > 0 {
            self.counts.remove(at);
            let start = self.starts.remove(at);
            self.bytes = self.bytes.saturating_sub(BLOCK + start.len());
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
        index
    }

    #[test]
    fn over_budget_the_least_recently_used_go() {
        let ranks = Ranks::default();
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
        let ranks = Ranks::default();
        let mut indexes = ranks.lock();
        ranks.keep(&mut indexes, (AppId(1), 3), index_of(10), false);
        assert!(indexes.get((AppId(1), 3), 11).is_none());
        assert!(indexes.get((AppId(1), 3), 10).is_none());
    }

    #[test]
    fn what_was_changed_after_a_point_goes() {
        let ranks = Ranks::default();
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
