//! Where branch records lie, and what is kept of them in memory.
//!
//! **Theory.** A record holds all of a branch, so a tree is opened by reading its root and every other branch when it is first
//! needed: nothing is loaded ahead, nothing is replayed after a crash. The newest frame's records are cached as their bytes
//! (decoding costs less than a microsecond a leaf branch), under one budget for all trees, by the clock algorithm (Corbató, 1968).
//!
//! **Invariant.** The cache holds records of the newest sealed frame only: past frames are read around it.

use super::error::StoreError;
use super::Path;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The records of one tree at one frame.
pub trait NodeStore: Sync {
    /// The record of the branch at `path`.
    ///
    /// # Errors
    /// What the store fails with.
    fn load(&self, path: &[u8]) -> Result<Option<Arc<[u8]>>, StoreError>;
}

/// Records in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryNodes(pub HashMap<Path, Arc<[u8]>>);

impl NodeStore for MemoryNodes {
    fn load(&self, path: &[u8]) -> Result<Option<Arc<[u8]>>, StoreError> {
        Ok(self.0.get(path).cloned())
    }
}

impl MemoryNodes {
    /// Takes over what an update changed.
    pub fn take(&mut self, update: &super::Update) {
        for path in &update.dropped {
            self.0.retain(|known, _| !known.starts_with(path));
        }
        for (path, record) in &update.changed {
            match record {
                Some(record) => self.0.insert(path.clone(), record.clone()),
                None => self.0.remove(path),
            };
        }
    }
}

/// Records of a frame that is not written yet, over those of the frame before.
pub struct Overlay<'b> {
    base: &'b dyn NodeStore,
    changed: &'b HashMap<Path, Option<Arc<[u8]>>>,
}

impl<'b> Overlay<'b> {
    /// `changed`: records by path, `None` where there is none any more.
    pub fn new(base: &'b dyn NodeStore, changed: &'b HashMap<Path, Option<Arc<[u8]>>>) -> Self {
        Self { base, changed }
    }
}

impl NodeStore for Overlay<'_> {
    fn load(&self, path: &[u8]) -> Result<Option<Arc<[u8]>>, StoreError> {
        match self.changed.get(path) {
            Some(record) => Ok(record.clone()),
            None => self.base.load(path),
        }
    }
}

/// Records of the newest frame, of all trees, by their whole keys in the store.
pub struct NodeCache {
    budget: usize,
    state: Mutex<Clock>,
}

#[derive(Default)]
struct Clock {
    places: HashMap<Arc<[u8]>, usize>,
    ring: Vec<Entry>,
    hand: usize,
    bytes: usize,
}

struct Entry {
    key: Arc<[u8]>,
    record: Arc<[u8]>,
    used: bool,
}

/// What an entry takes beside key and record: table, ring, counts.
const OVERHEAD: usize = 120;

impl Entry {
    fn size(&self) -> usize {
        self.key.len() + self.record.len() + OVERHEAD
    }
}

impl Clock {
    fn remove(&mut self, place: usize) {
        let gone = self.ring.swap_remove(place);
        self.bytes -= gone.size();
        self.places.remove(&gone.key);
        if let Some(moved) = self.ring.get(place) {
            self.places.insert(moved.key.clone(), place);
        }
    }

    fn evict(&mut self, budget: usize) {
        while self.bytes > budget && !self.ring.is_empty() {
            if self.hand >= self.ring.len() {
                self.hand = 0;
            }
            if std::mem::take(&mut self.ring[self.hand].used) {
                self.hand += 1;
            } else {
                self.remove(self.hand);
            }
        }
    }
}

impl NodeCache {
    /// At most about `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self {
            budget,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Clock> {
        // No code that holds the lock leaves the clock half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record under a key.
    pub fn get(&self, key: &[u8]) -> Option<Arc<[u8]>> {
        let mut state = self.state();
        let place = *state.places.get(key)?;
        let entry = &mut state.ring[place];
        entry.used = true;
        Some(entry.record.clone())
    }

    /// Keeps a record of the newest frame.
    pub fn put(&self, key: &[u8], record: Arc<[u8]>) {
        let mut state = self.state();
        if let Some(&place) = state.places.get(key) {
            state.remove(place);
        }
        let key: Arc<[u8]> = key.into();
        let entry = Entry {
            key: key.clone(),
            record,
            used: false,
        };
        state.bytes += entry.size();
        let place = state.ring.len();
        state.ring.push(entry);
        state.places.insert(key, place);
        state.evict(self.budget);
    }

    /// Forgets the record under a key.
    pub fn remove(&self, key: &[u8]) {
        let mut state = self.state();
        if let Some(&place) = state.places.get(key) {
            state.remove(place);
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.state() = Clock::default();
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.state().bytes
    }
}

/// A store whose newest frame is cached.
pub struct Cached<'c> {
    cache: &'c NodeCache,
    prefix: Vec<u8>,
    below: &'c dyn NodeStore,
}

impl<'c> Cached<'c> {
    /// `prefix` and a path make a record's key; `below` shows the newest frame.
    pub fn new(cache: &'c NodeCache, prefix: Vec<u8>, below: &'c dyn NodeStore) -> Self {
        Self {
            cache,
            prefix,
            below,
        }
    }
}

impl NodeStore for Cached<'_> {
    fn load(&self, path: &[u8]) -> Result<Option<Arc<[u8]>>, StoreError> {
        let key = [&self.prefix, path].concat();
        if let Some(record) = self.cache.get(&key) {
            return Ok(Some(record));
        }
        let record = self.below.load(path)?;
        if let Some(record) = &record {
            self.cache.put(&key, record.clone());
        }
        Ok(record)
    }
}
