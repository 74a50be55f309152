//! The commit sequencer: transactions, row locks, and their peace with turns.
//!
//! **Purpose.** Everything that changes the store goes through one [`hyperdb_lsm::Writer`], so commits are
//! numbered in one order. A [`crate::Turn`] (RESP) works under the writer all the time; a [`Transaction`] (SQL,
//! Python) works beside it on a snapshot, and takes the writer only to look at a row it has just locked and to
//! commit.
//!
//! **Who waits for whom.** A transaction that writes a row, or asks for it, holds its lock until it ends;
//! others that want an excluding lock wait in line, and a cycle of waits fails the one who closed it
//! ([`locks`]). A turn's command that would write a locked row stops ([`crate::Stop::Locked`]), gives the writer
//! back and runs again later from its place in that line. Reads wait for nobody. Who holds the writer waits for
//! no lock, and who waits for a lock holds no writer: the order is row locks, then writer, then the lock table's
//! mutex, which is held for a few steps only. Durability is waited for with neither writer nor mutex in hand;
//! row locks may be.
//!
//! **Why no lost update.** Take a transaction that was granted the lock on a row and *then* looked at its newest
//! version under the writer. Another transaction cannot write the row until the lock goes. A turn reads whether
//! any locks are held once, when it has the writer: if it got the writer before that look, its write is seen by
//! the look; if after, handing over the writer made the grant visible to it, and it stops. So one relaxed load a
//! turn is enough. If the newest version is not the one that the snapshot shows, READ COMMITTED goes on with the
//! newest ([`Locked::Changed`], [`Conflict::RowChanged`]: the caller decides again), the levels above fail: the
//! first committer has won. The look is at the newest commit, durable or not; a version that is not durable yet
//! counts for conflicts, and is waited for before its value is shown.
//!
//! **Why SERIALIZABLE is.** At commit, under the writer, every key and range that the transaction read at its
//! snapshot is asked whether anything in it, removes included, is newer. If not, all reads would give the same
//! now, so the whole transaction may be thought to happen at its commit number; turns do happen at theirs.
//! Commit order is therefore a serial order (and respects real time, since acknowledged commits are in every
//! later snapshot): no write skew, no phantom. A transaction that wrote nothing may be thought to happen at its
//! snapshot, which is the state between two commits of that order: it needs no validation, so *read-only
//! transactions never wait and never fail*, SERIALIZABLE ones included. The read-only anomaly of snapshot
//! isolation (Fekete, O'Neil, O'Neil 2004) needs an update transaction that is ordered before one which
//! committed earlier; here there is none. This holds among SERIALIZABLE transactions and turns; a transaction at
//! a lower level may break its own invariants, as anywhere.
//!
//! **Why turns never conflict.** They read the latest state and commit before anybody else writes: nothing they
//! read can be stale. What they write is either not locked, or they have not written it yet.
//!
//! **Counts** are added at commit ([`Delta`]), outside read and write sets; the `Increment` lock lets adders pass
//! each other and stops everybody who would decide on the sum. A turn's change of a header goes together with it
//! (both are added under the writer), dropping the collection does not.
//!
//! **Invariants.** A buffered write of the DATA family holds its row lock. Derived families (META) are written
//! only together with the element whose lock covers them. Locks are released after the commit is applied.

mod buffer;
mod canceller;
mod changes;
mod commit;
mod conflict;
mod delta;
mod elements;
mod loaded;
mod locks;
mod options;
mod patience;
mod reads;
mod run;
mod savepoints;
mod scan;
mod space;
mod statement;
mod transaction;

pub use canceller::Canceller;
pub use changes::Change;
pub use conflict::{Conflict, WaitEdge};
pub use delta::Delta;
pub use locks::{LockMode, LockWait, Scope, Target, Wait};
pub use options::{Access, Isolation, TransactionOptions};
pub use savepoints::Savepoint;
pub use scan::TransactionScan;
pub use statement::{OpenStatement, StatementError};
pub use transaction::{Locked, Transaction};

use crate::columnar::Ranges;
use crate::dropped::Dropped;
use crate::hash::HashKey;
use crate::heard::Heard;
use crate::numbers::Numbers;
use crate::ranks::Ranks;
use crate::store::Store;
use hyperdb_lsm::{Commit, Db, Family, Snapshot};
use locks::LockTable;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

/// What a command of a turn wants to do to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Change it: read-check-write at once, so it goes together with commutative counts.
    Change,
    /// Remove it, or drop the collection whose header it is.
    Drop,
}

/// What turns and transactions of one store share beside its records.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) hash_key: HashKey,
    pub(crate) numbers: Arc<Numbers>,
    pub(crate) dropped: Arc<Dropped>,
    pub(crate) ranks: Arc<Ranks>,
    pub(crate) ranges: Arc<Ranges>,
    pub(crate) heard: Arc<Heard>,
    /// Whether there may be notes of dropped generic hyperedges.
    pub(crate) unswept: Arc<AtomicBool>,
}

/// The sequencer of one store; cheap to clone.
#[derive(Clone)]
pub(crate) struct Sequencer {
    db: Db,
    shared: Shared,
    locks: Arc<LockTable>,
    transactions: Arc<AtomicU64>,
}

impl Sequencer {
    pub(crate) fn new(db: Db, shared: Shared) -> Self {
        Self {
            db,
            shared,
            locks: Arc::default(),
            transactions: Arc::default(),
        }
    }

    fn begin(&self, options: TransactionOptions, snapshot: Snapshot) -> Transaction {
        let number = self.transactions.fetch_add(1, Ordering::Relaxed) + 1;
        Transaction::begin(self.clone(), number, options, snapshot)
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

    /// As [`Sequencer::admit`], for one lock of a row or table.
    #[cold]
    pub(crate) fn admit_as(
        &self,
        scope: Scope,
        family: Family,
        key: &[u8],
        mode: LockMode,
    ) -> Result<(), LockWait> {
        self.locks.admit(scope, family, key, mode)
    }
}

impl Store {
    /// Begins a transaction. It owns what it needs of the store and may outlive this borrow.
    pub fn begin(&self, options: TransactionOptions) -> Transaction {
        self.sequencer.begin(options, self.db.snapshot())
    }

    /// A transaction that only reads what there was at a past commit that is still kept; what had an expiry is there until the
    /// commit that removed it.
    ///
    /// # Errors
    /// [`hyperdb_lsm::Error::BehindHorizon`], or if the commit has not happened yet.
    pub fn begin_at(&self, commit: Commit) -> hyperdb_lsm::Result<Transaction> {
        let options = TransactionOptions {
            isolation: Isolation::RepeatableRead,
            access: Access::ReadOnly,
            lock_timeout: None,
            now_ms: i64::MIN,
        };
        let snapshot = self.db.snapshot_at(commit)?;
        Ok(self.sequencer.begin(options, snapshot))
    }

    /// Locks held by transactions, and who waits for one, parked commands included: gauges.
    pub fn lock_gauges(&self) -> [(&'static str, u64); 2] {
        let locks = &self.sequencer.locks;
        [
            ("row_locks_held", locks.held() as u64),
            ("row_lock_waiters", locks.waiting() as u64),
        ]
    }
}
