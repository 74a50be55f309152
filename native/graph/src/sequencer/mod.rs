//! The commit sequencer: row locks and transactions above the store.

mod conflict;
mod locks;

pub use conflict::{Conflict, WaitEdge};
pub use locks::{LockMode, LockWait, Scope, Target, Wait};

use hyperdb_lsm::{Db, Family};
use locks::LockTable;
use std::sync::Arc;

/// What a command of a turn wants to do to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Change it: read-check-write at once, so it goes together with commutative counts.
    Change,
    /// Remove it, or drop the collection whose header it is.
    Drop,
}

/// The sequencer of one store; cheap to clone.
#[derive(Clone)]
pub(crate) struct Sequencer {
    db: Db,
    locks: Arc<LockTable>,
}

impl Sequencer {
    pub(crate) fn new(db: Db) -> Self {
        Self {
            db,
            locks: Arc::default(),
        }
    }

    /// Whether any transaction holds a lock; a relaxed load.
    #[inline]
    pub(crate) fn any_locks(&self) -> bool {
        self.locks.any_held()
    }

    /// Lets a command on the latest state through, unless a transaction holds the row or its table.
    #[cold]
    pub(crate) fn admit(&self, family: Family, key: &[u8], intent: Intent) -> Result<(), LockWait> {
        let (row, table) = match intent {
            Intent::Change => (LockMode::Increment, LockMode::RowExclusive),
            Intent::Drop => (LockMode::Update, LockMode::AccessExclusive),
        };
        self.locks.admit(Scope::Row, family, key, row)?;
        self.locks.admit(Scope::Table, family, key, table)
    }
}
