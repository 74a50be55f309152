//! How a store's frames are opened, and how sealing divides its memory.

use crate::forest::Forest;
use crate::schedule::Schedule;
use crate::verkle::VerkleForest;

/// How much of the past can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// So many frames at most.
    pub frames: u64,
    /// Bytes of superseded entries and nodes at most, about.
    pub bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            frames: 64,
            bytes: 256 << 20,
        }
    }
}

/// Opens frames with their sealing thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealerOptions {
    /// When frames are sealed of themselves.
    pub schedule: Schedule,
    /// How much of the past can be read.
    pub retention: Retention,
    /// Bytes that sealing may take: see [`SealerOptions::share_of`].
    pub memory: usize,
    /// Threads that commit the shards of a frame, at least one: see [`SealerOptions::workers_of`].
    pub workers: usize,
}

impl SealerOptions {
    /// Half of the processors: sealing must leave room for those who are served meanwhile.
    pub const fn workers_of(processors: usize) -> usize {
        if processors < 4 {
            1
        } else {
            processors / 2
        }
    }

    /// Sealing's part, an eighth, of the memory of a whole database.
    pub const fn share_of(memory: usize) -> usize {
        memory / 8
    }

    pub(crate) fn frames(&self) -> FramesOptions {
        let shares = Shares::of(self.memory);
        FramesOptions {
            forest: Box::new(VerkleForest::new(shares.cache, self.workers)),
            retention: self.retention,
            memory: self.memory,
        }
    }
}

/// Opens frames.
pub struct FramesOptions {
    /// The trees.
    pub forest: Box<dyn Forest>,
    /// How much of the past can be read.
    pub retention: Retention,
    /// Bytes that sealing may take.
    pub memory: usize,
}

/// What each part of sealing may hold: a quarter of the memory each, all in bytes but `edits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Changed entries, copied from the store and sorted.
    pub(crate) changes: usize,
    /// Changed records that are not written yet.
    pub(crate) dirty: usize,
    /// Records of the newest frame.
    pub(crate) cache: usize,
    /// Edits of a tree at one go: each may take two or three branches to pieces.
    pub(crate) edits: usize,
    /// One commit of records.
    pub(crate) commit: usize,
}

/// What an edit holds while its branches are changed, about.
const EDIT: usize = 8 << 10;

impl Shares {
    pub(crate) fn of(memory: usize) -> Shares {
        let quarter = memory / 4;
        Shares {
            changes: quarter,
            dirty: quarter,
            cache: quarter,
            edits: (quarter / EDIT).clamp(4, 16 << 10),
            // Putting a megabyte in place takes about a millisecond, in which writers wait.
            commit: (quarter / 8).clamp(1 << 10, 1 << 20),
        }
    }
}
