//! What is needed to take changes of a memtable back.

use super::arena::Slot;
use crate::types::{Commit, Op};

/// How one change is taken back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Undo {
    /// The entry was made.
    Created,
    /// The newest version was written over; its value was saved.
    Replaced {
        saved: usize,
        len: u32,
        version: Commit,
        op: Op,
        flags: u8,
    },
    /// The newest version was replaced; its bytes kept their slot.
    Swapped {
        data: Slot,
        len: u32,
        version: Commit,
        op: Op,
        flags: u8,
    },
    /// The newest version moved to the chain.
    Pushed {
        /// Flags before.
        flags: u8,
    },
}

/// Values that were written over since the last commit.
#[derive(Default)]
pub(crate) struct UndoLog {
    bytes: Vec<u8>,
}

impl UndoLog {
    /// Longer values keep their slot instead of being copied here.
    pub(crate) const COPY_MAX: usize = 1024;

    #[inline]
    pub(super) fn save(&mut self, bytes: &[u8]) -> usize {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        at
    }

    pub(super) fn saved(&self, at: usize, len: u32) -> &[u8] {
        &self.bytes[at..at + len as usize]
    }

    /// Forgets everything; keeps the room for the next commit.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }
}
