//! A few reads of the newest commit that belong together and wait for nothing.
//!
//! **Theory.** A snapshot pins its commit and outlives the call; a glance holds the store's state for a moment instead, so
//! nothing can be merged away under it and nothing has to be counted. Invariant: it never reads a file and never waits.

use crate::db::Db;
use crate::error::Result;
use crate::hash::key_hash;
use crate::state::State;
use crate::table::ReadMode;
use crate::types::{Commit, Family, Op};
use crate::writer::Stop;

/// The newest visible commit, while the store's state is held: see [`Db::glance`].
pub struct Glance<'g> {
    state: &'g State,
    at: Commit,
}

impl Db {
    /// Hands the newest visible commit to `read`, for a few reads that belong together; `None` if the writer is at
    /// work. The writer waits meanwhile.
    pub fn glance<T>(&self, read: impl FnOnce(&Glance<'_>) -> T) -> Option<T> {
        let state = self.shared.state.try_read()?;
        let at = self.shared.visible(state.latest);
        Some(read(&Glance { state: &state, at }))
    }
}

impl Glance<'_> {
    /// The commit that it shows.
    pub fn commit(&self) -> Commit {
        self.at
    }

    /// Hands the value of `key` to `read`; `None` if a block is not in memory.
    ///
    /// # Errors
    /// What the tables fail with.
    pub fn get<T>(
        &self,
        family: Family,
        key: &[u8],
        read: impl FnOnce(Option<&[u8]>) -> T,
    ) -> Result<Option<T>> {
        let hash = key_hash(key);
        let f = usize::from(family.0);
        let active = self.state.active.iter().skip(f).take(1);
        let layers = self.state.layers.iter().map(|layer| &layer.memtables[f]);
        for memtable in active.chain(layers) {
            let id = memtable.find(hash, key);
            if let Some(found) = id.and_then(|id| memtable.visible(id, self.at)) {
                return Ok(Some(read((found.op == Op::Add).then_some(found.value))));
            }
        }
        let tables = &self.state.version;
        match tables.get_hashed(family, key, hash, self.at, ReadMode::CachedOnly) {
            Ok(None) => Ok(Some(read(None))),
            Ok(Some(found)) => {
                let value = (found.op == Op::Add).then_some(&*found.value);
                Ok(Some(read(value)))
            }
            Err(Stop::Miss(_)) => Ok(None),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}
