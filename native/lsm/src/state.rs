//! What readers and the writer share: memtables, frozen layers and the tables below them.
//!
//! **Invariant.** For any key, every version in the active memtables is newer than every version in the layers,
//! those are ordered newest first, and all are newer than the tables - except that layers which are already
//! flushed repeat what tables hold.

use crate::ahead::Ahead;
use crate::memtable::{EntryId, Memtable, Undo, UndoLog};
use crate::rows::RowCache;
use crate::types::{Commit, Family};
use crate::version::Version;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// One memtable per family.
pub(crate) type Memtables = [Memtable; Family::COUNT];

/// Memtables that do not change any more.
pub(crate) struct Layer {
    pub(crate) memtables: Memtables,
    /// All in it is newer than this commit.
    pub(crate) after: Commit,
    /// The newest commit in it.
    pub(crate) last: Commit,
    /// Its content is in tables; it stays for a while so that hot keys need no table.
    pub(crate) flushed: AtomicBool,
}

impl Layer {
    pub(crate) fn bytes(&self) -> usize {
        self.memtables.iter().map(Memtable::bytes).sum()
    }

    pub(crate) fn is_flushed(&self) -> bool {
        self.flushed.load(Ordering::Acquire)
    }
}

/// Room that the writer uses again for each commit.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) undo: Vec<(Family, EntryId, Undo)>,
    pub(crate) undo_log: UndoLog,
    pub(crate) dirty: Vec<(Family, EntryId)>,
    pub(crate) record: Vec<u8>,
    pub(crate) retained: Vec<Commit>,
    pub(crate) ahead: Ahead,
    /// Bytes logged since the memtables' size was last looked at.
    pub(crate) unchecked: usize,
}

/// See the module's head.
pub(crate) struct State {
    pub(crate) active: Memtables,
    /// All in the active memtables is newer than this commit.
    pub(crate) active_after: Commit,
    /// Filled with the layer that the active memtables become.
    pub(crate) successor: Arc<OnceLock<Arc<Layer>>>,
    /// Newest first.
    pub(crate) layers: Vec<Arc<Layer>>,
    pub(crate) version: Arc<Version>,
    pub(crate) latest: Commit,
    /// The newest commit that adopted tables: its entries were never in a memtable.
    pub(crate) adopted: Commit,
    pub(crate) scratch: Scratch,
    pub(crate) rows: Mutex<RowCache>,
}

impl State {
    pub(crate) fn new(version: Arc<Version>, latest: Commit, row_budget: usize) -> State {
        State {
            active: Memtables::default(),
            active_after: latest,
            successor: Arc::default(),
            layers: Vec::new(),
            version,
            latest,
            adopted: 0,
            scratch: Scratch::default(),
            rows: Mutex::new(RowCache::new(row_budget)),
        }
    }

    pub(crate) fn active_bytes(&self) -> usize {
        self.active.iter().map(Memtable::bytes).sum()
    }

    /// Bytes of the memtables and of layers that are not in tables yet.
    pub(crate) fn unflushed_bytes(&self) -> usize {
        let layers = self.layers.iter().filter(|layer| !layer.is_flushed());
        self.active_bytes() + layers.map(|layer| layer.bytes()).sum::<usize>()
    }

    /// Layers that are not in tables yet.
    pub(crate) fn unflushed(&self) -> usize {
        self.layers
            .iter()
            .filter(|layer| !layer.is_flushed())
            .count()
    }

    /// Memtables in memory hold every entry newer than this commit, but those of `adopted`.
    pub(crate) fn remembered(&self) -> Commit {
        let oldest = self.layers.last();
        oldest.map_or(self.active_after, |layer| layer.after)
    }

    /// Turns the active memtables into a layer.
    pub(crate) fn freeze(&mut self) {
        let next = std::array::from_fn(|f| Memtable::like(&self.active[f]));
        let layer = Arc::new(Layer {
            memtables: std::mem::replace(&mut self.active, next),
            after: self.active_after,
            last: self.latest,
            flushed: AtomicBool::new(false),
        });
        // Set once per successor: it was made together with these memtables.
        let _ = self.successor.set(layer.clone());
        self.active_after = self.latest;
        self.successor = Arc::default();
        self.layers.insert(0, layer);
    }

    /// Whether the active memtables hold nothing.
    pub(crate) fn is_active_empty(&self) -> bool {
        self.active.iter().all(|memtable| memtable.len() == 0)
    }
}
