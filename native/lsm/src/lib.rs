//! A narrow log-structured merge store with versioned adds and removes.
//!
//! **Purpose.** Keep byte keys in byte order, per column family, durably, with every change numbered by
//! the commit that made it, so that the layers above can read the past, count, and commit to what is there.
//!
//! **Theory.** An entry is `(key, version, op, value)`: `op` is *add* or *remove*, `version` the number of
//! the commit. The newest version at or below a reader's commit decides. Entries of one commit are atomic.
//! A version may be forgotten only when no *retained point* (a snapshot, a sealed frame, the newest durable
//! commit) sees it; see [`Db::retain`].
//!
//! **Invariant.** What [`Db::wait_durable`] has acknowledged is there after a crash; a commit is there whole
//! or not at all; a reader on a [`Snapshot`] never sees a commit newer than it.

mod ahead;
mod background;
mod batch;
mod bulk;
mod cache;
mod changes;
mod checkpoint;
pub mod compaction;
mod db;
mod error;
pub mod fs;
#[cfg(test)]
mod fuzzing;
mod gather;
mod glance;
pub mod hash;
mod log;
mod manifest;
mod memtable;
pub mod merge;
mod near;
mod open;
mod points;
mod probe;
mod rows;
mod scan;
mod snapshot;
mod state;
pub mod table;
mod types;
pub mod verify;
pub mod version;
mod writer;

pub use ahead::AHEAD;
pub use batch::Batch;
pub use bulk::{Adoption, Loaded, Loader, Walk};
pub use cache::BlockCache;
pub use changes::Change;
pub use compaction::CompactionFilter;
pub use db::{Db, Options, Stats, SyncMode};
pub use error::{Error, Result};
pub use glance::Glance;
pub use scan::Scan;
pub use snapshot::{Entries, EntryView, Iter, Snapshot};
pub use table::ReadMode;
pub use types::{Commit, Direction, Family, KeyRange, Op, Value};
pub use writer::{Mark, Miss, Step, Stop, Writer};
