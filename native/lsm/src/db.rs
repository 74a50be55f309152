//! Opening, closing and sharing the store.

use crate::error::Result;
use crate::snapshot::Snapshot;
use crate::types::{Commit, Family};
use crate::writer::{Miss, Writer};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// When an acknowledged commit is on the platter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SyncMode {
    /// Before it is acknowledged or read by another session.
    #[default]
    Always,
    /// Written at once, synced within a second.
    EverySec,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// When commits become durable.
    pub sync: SyncMode,
    /// Bytes for memtables and block cache together.
    pub memory: usize,
    /// Create the directory if it is not there.
    pub create: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sync: SyncMode::Always,
            memory: 512 << 20,
            create: true,
        }
    }
}

/// Counters and gauges, for INFO, metrics and `hyperdb stats`.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Name and value, in a fixed order; bytes, counts and microseconds as the name says.
    pub rows: Vec<(&'static str, u64)>,
}

pub(crate) struct State {
    pub(crate) families: Vec<BTreeMap<Vec<u8>, Vec<u8>>>,
    pub(crate) latest: Commit,
}

/// An open store. Cheap to clone and to share between threads; closed when the last clone goes.
#[derive(Clone)]
pub struct Db {
    state: Arc<RwLock<State>>,
}

impl Db {
    /// Opens (or creates) the store in `dir`.
    ///
    /// # Errors
    /// [`crate::Error::Locked`] if another process has it, [`crate::Error::Corrupt`] naming file and offset.
    pub fn open(_dir: &Path, _options: Options) -> Result<Db> {
        let families = vec![BTreeMap::new(); Family::COUNT];
        Ok(Db {
            state: Arc::new(RwLock::new(State {
                families,
                latest: 0,
            })),
        })
    }

    /// The exclusive writer; waits for the present one to go.
    pub fn writer(&self) -> Writer<'_> {
        Writer {
            state: self.state.write(),
            undo: Vec::new(),
        }
    }

    /// Reads a missing block into the cache; to be called without holding the writer.
    pub fn load(&self, _miss: &Miss) -> Result<()> {
        Ok(())
    }

    /// A view of the newest durable (under `Always`) or written (under `EverySec`) commit.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.state.read();
        Snapshot {
            commit: state.latest,
            families: Arc::new(state.families.clone()),
        }
    }

    /// A view of an earlier commit that is still retained.
    ///
    /// # Errors
    /// [`crate::Error::BehindHorizon`].
    pub fn snapshot_at(&self, _commit: Commit) -> Result<Snapshot> {
        Ok(self.snapshot())
    }

    /// Keeps what is visible at the newest visible commit readable until [`Db::release`]; survives a restart.
    pub fn retain(&self) -> Result<Commit> {
        Ok(self.latest())
    }

    /// Ends the retention of every commit below `commit`: the horizon.
    pub fn release(&self, _commit: Commit) -> Result<()> {
        Ok(())
    }

    /// The newest commit, durable or not.
    pub fn latest(&self) -> Commit {
        self.state.read().latest
    }

    /// The newest commit that other sessions may see.
    pub fn durable(&self) -> Commit {
        self.latest()
    }

    /// Waits until `commit` may be acknowledged.
    pub fn wait_durable(&self, _commit: Commit) -> Result<()> {
        Ok(())
    }

    /// Calls `notify` from the log thread each time [`Db::durable`] moves, and once when the store is poisoned.
    pub fn on_durable(&self, _notify: Arc<dyn Fn() + Send + Sync>) {}

    /// Counters and gauges.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }
}
