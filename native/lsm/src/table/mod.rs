//! Sorted tables: immutable files of entries ordered by (key ascending, version descending).
//!
//! ```text
//! data block ... data block | bloom filter | index | properties | footer
//! ```
//! Everything but the footer lies in the envelope of [`frame`]; the footer has its own checksum. So every byte of
//! a file is covered by a checksum, which is verified once, when the part is brought into memory.
//!
//! **Purpose.** A point lookup in a cached table touches: the bloom filter (one cache line), the index (a binary
//! search over integers), one cache slot and one entry of one block.
//!
//! **Invariant.** A table never changes after it was finished; all versions of a key that were written to a level
//! of the tree lie in one table of it.

pub(crate) mod block;
mod bloom;
mod builder;
mod footer;
pub(crate) mod frame;
#[cfg(test)]
pub(crate) mod fuzz_parts;
mod index;
mod reader;
mod run;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod varint;

pub(crate) use bloom::Bloom;
pub use builder::Builder;
pub use reader::Table;
pub(crate) use run::Run;
pub(crate) use stream::Stream;

use crate::error::{Error, Result};
use crate::types::{Commit, Family, Op, Value};
use crate::writer::{Step, Stop};

/// Number of a table, unique in its store; later tables have larger ones.
pub type TableId = u64;

/// What the manifest stores of a table; everything else is in the table's own file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableAt {
    /// Its number.
    pub id: TableId,
    /// The family of all its entries.
    pub family: Family,
    /// The level it lies on; 0 is where the memtable is flushed to.
    pub level: u8,
    /// Length of its file.
    pub bytes: u64,
    /// The commit that all its entries belong to, if it was written before that had a number ([`crate::Loaded`]); 0: each has its own.
    pub adopted: Commit,
}

/// Name of the file of table `id`.
pub fn table_file_name(id: TableId) -> String {
    format!("{id:012}.sst")
}

/// Whether a read may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// It may.
    Blocking,
    /// It may not: a block that is not in memory comes back as [`Stop::Miss`].
    CachedOnly,
}

/// A point lookup's result: the newest entry at or below the commit asked for.
#[derive(Clone, Debug)]
pub struct Found {
    /// The commit that made it.
    pub version: Commit,
    /// Added or removed.
    pub op: Op,
    /// The value, or the remove's note.
    pub value: Value<'static>,
}

/// Result of a step that was allowed to block.
pub fn blocking<T>(step: Step<T>) -> Result<T> {
    step.map_err(|stop| match stop {
        Stop::Failed(error) => error,
        Stop::Miss(_) => Error::Invalid("a blocking read came back without its block".into()),
    })
}
