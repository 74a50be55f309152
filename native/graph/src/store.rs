//! A store: the LSM with the hypergraph's identity on it.

use crate::hash::HashKey;
use crate::sequencer::Sequencer;
use crate::turn::Turn;
use crate::Step;
use hyperdb_lsm::{Db, Options, Result, Writer};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// An open database. One per directory; shared by every frontend.
pub struct Store {
    pub(crate) db: Db,
    pub(crate) hash: HashKey,
    pub(crate) sequencer: Sequencer,
    next_cid: AtomicU64,
}

impl Store {
    /// Opens (or creates) the database in `dir`.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open(dir: &Path, options: Options) -> Result<Store> {
        let db = Db::open(dir, options)?;
        Ok(Store {
            sequencer: Sequencer::new(db.clone()),
            db,
            hash: HashKey { k0: 1, k1: 2 },
            next_cid: AtomicU64::new(2),
        })
    }

    /// The LSM below, for snapshots, durability and statistics.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The order of this store's unordered spaces.
    pub fn hash_key(&self) -> HashKey {
        self.hash
    }

    /// Begins a turn at `now_ms` (Unix milliseconds): exclusive, latest state, never conflicts.
    pub fn turn(&self, now_ms: i64) -> Turn<'_> {
        Turn::new(self, self.db.writer(), now_ms)
    }

    /// A number for a new collection; the next one is its companion index's (sorted sets).
    pub(crate) fn allocate_cid(&self, _writer: &mut Writer<'_>) -> Step<u64> {
        Ok(self.next_cid.fetch_add(2, Ordering::Relaxed))
    }
}
