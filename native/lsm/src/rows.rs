//! Values of hot keys whose newest version lies in a table.
//!
//! **Purpose.** A hot key costs one probe after its memtable was flushed, as it did before.
//!
//! **Theory.** A key is kept when it is read a second time within some thousands of other reads: where every key is read as often as any
//! other, a copy of some of them costs memory and a place for each new one, and spares little. Second chance (clock): a hit sets
//! a bit; the hand takes the first entry without it and clears the bits it passes. Only the writer fills the cache, and it drops a key when it makes a memtable entry for it,
//! so a cached row is the newest version of its key.

use crate::near;
use crate::types::{Commit, Family, Value};
use hashbrown::HashTable;
use std::sync::Arc;

/// Longer values are not worth a row: their block is.
const LONGEST: usize = 4 << 10;
/// What a row costs beside its bytes.
const OVERHEAD: usize = 80;
/// Most keys whose first read is remembered: four bytes each.
const MOST_SEEN: usize = 1 << 14;

struct Row {
    hash: u64,
    family: Family,
    version: Commit,
    key_len: u32,
    hit: bool,
    /// The key and the value: side by side, so that a hit touches one place.
    bytes: Arc<[u8]>,
}

impl Row {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.bytes[..self.key_len as usize]
    }
}

/// See the module's head.
pub(crate) struct RowCache {
    rows: Vec<Row>,
    index: HashTable<u32>,
    hand: usize,
    used: usize,
    budget: usize,
    /// Parts of the hashes of keys that were read lately, each in the place that its hash says.
    seen: Vec<u32>,
}

impl RowCache {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            rows: Vec::new(),
            index: HashTable::new(),
            hand: 0,
            used: 0,
            budget,
            seen: Vec::new(),
        }
    }

    /// Whether a key was read before, lately; from now on it was.
    fn was_seen(&mut self, hash: u64) -> bool {
        if self.seen.is_empty() {
            let places = (self.budget / 64).clamp(1, MOST_SEEN);
            self.seen = vec![0; places.next_power_of_two().min(MOST_SEEN)];
        }
        let place = (hash >> 32) as usize & (self.seen.len() - 1);
        // Never 0, which is what nobody has seen.
        let mark = hash as u32 | 1;
        std::mem::replace(&mut self.seen[place], mark) == mark
    }

    /// Asks for what looking these keys up will read; those that are most likely here are `met` from now on.
    pub(crate) fn warm(&self, hashes: &[u64], met: &mut [bool]) {
        if self.rows.is_empty() {
            return;
        }
        for (hash, _) in hashes.iter().zip(&*met).filter(|(_, met)| !**met) {
            if let Some(at) = self.index.find(*hash, |_| true) {
                near::ask(&self.rows[*at as usize]);
            }
        }
        for (hash, met) in hashes.iter().zip(met).filter(|(_, met)| !**met) {
            let same = |at: &u32| self.rows[*at as usize].hash == *hash;
            if let Some(at) = self.index.find(*hash, same) {
                near::ask_bytes(&self.rows[*at as usize].bytes, 3);
                *met = true;
            }
        }
    }

    /// Bytes held.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    #[inline]
    fn find(&self, family: Family, hash: u64, key: &[u8]) -> Option<u32> {
        self.index
            .find(hash, |at| {
                let row = &self.rows[*at as usize];
                row.hash == hash && row.family == family && row.key() == key
            })
            .copied()
    }

    /// The version and value of a key.
    pub(crate) fn get(
        &mut self,
        family: Family,
        hash: u64,
        key: &[u8],
    ) -> Option<(Commit, Value<'static>)> {
        if self.rows.is_empty() {
            return None;
        }
        let at = self.find(family, hash, key)?;
        let row = &mut self.rows[at as usize];
        row.hit = true;
        let bytes = row.bytes.clone();
        let end = bytes.len();
        Some((row.version, Value::Shared(bytes, key.len(), end)))
    }

    /// Keeps a value that was found in a table.
    pub(crate) fn insert(
        &mut self,
        family: Family,
        hash: u64,
        key: &[u8],
        version: Commit,
        value: &[u8],
    ) {
        let size = key.len() + value.len() + OVERHEAD;
        if value.len() > LONGEST || size > self.budget || !self.was_seen(hash) {
            return;
        }
        if self.find(family, hash, key).is_some() {
            return;
        }
        while self.used + size > self.budget {
            self.evict();
        }
        self.used += size;
        self.rows.push(Row {
            hash,
            family,
            version,
            key_len: key.len() as u32,
            hit: false,
            bytes: [key, value].concat().into(),
        });
        let rows = &self.rows;
        self.index
            .insert_unique(hash, (rows.len() - 1) as u32, |at| rows[*at as usize].hash);
    }

    fn evict(&mut self) {
        loop {
            if self.hand >= self.rows.len() {
                self.hand = 0;
            }
            match self.rows.get_mut(self.hand) {
                None => return,
                Some(row) if row.hit => {
                    row.hit = false;
                    self.hand += 1;
                }
                Some(_) => return self.take(self.hand),
            }
        }
    }

    /// Forgets a key that is about to be written.
    #[inline]
    pub(crate) fn remove(&mut self, family: Family, hash: u64, key: &[u8]) {
        if self.rows.is_empty() {
            return;
        }
        if let Some(at) = self.find(family, hash, key) {
            self.take(at as usize);
        }
    }

    fn take(&mut self, at: usize) {
        self.unlink(at, at);
        let last = self.rows.len() - 1;
        if at != last {
            self.unlink(last, last);
        }
        let row = self.rows.swap_remove(at);
        self.used -= row.bytes.len() + OVERHEAD;
        if at != last {
            let rows = &self.rows;
            self.index
                .insert_unique(rows[at].hash, at as u32, |at| rows[*at as usize].hash);
        }
    }

    fn unlink(&mut self, at: usize, number: usize) {
        if let Ok(found) = self
            .index
            .find_entry(self.rows[at].hash, |other| *other as usize == number)
        {
            found.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hash::key_hash;

    #[test]
    fn keeps_the_budget_and_what_is_hot() {
        let mut cache = RowCache::new(100 * (OVERHEAD + 12));
        let key = |n: u32| n.to_be_bytes();
        for n in 0..1000u32 {
            let key = key(n);
            let hash = key_hash(&key);
            cache.insert(Family::DATA, hash, &key, u64::from(n), b"value 8b");
            let kept = cache.find(Family::DATA, hash, &key);
            assert_eq!(kept, None, "kept at the first read");
            cache.insert(Family::DATA, hash, &key, u64::from(n), b"value 8b");
            assert!(cache.find(Family::DATA, hash, &key).is_some());
            let hot = 0u32.to_be_bytes();
            assert_eq!(
                cache.get(Family::DATA, key_hash(&hot), &hot).unwrap().0,
                0,
                "hot key lost at {n}"
            );
        }
        assert!(cache.used() <= 100 * (OVERHEAD + 12));
        for n in 0..1000u32 {
            let key = key(n);
            if let Some((version, value)) = cache.get(Family::DATA, key_hash(&key), &key) {
                assert_eq!((version, &*value), (u64::from(n), &b"value 8b"[..]));
            }
            cache.remove(Family::DATA, key_hash(&key), &key);
            assert!(cache.get(Family::DATA, key_hash(&key), &key).is_none());
        }
        assert_eq!(cache.used(), 0);
    }
}
