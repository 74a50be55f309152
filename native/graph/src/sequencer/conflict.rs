//! Why a transaction was refused, with the SQLSTATE that clients know it by.

use super::locks::{LockMode, Target};
use hyperdb_lsm::Commit;
use std::fmt;

/// One edge of a waits-for cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitEdge {
    /// Who waits: a transaction's number.
    pub waiter: u64,
    /// In which mode it wants the lock.
    pub mode: LockMode,
    /// On what.
    pub target: Target,
    /// For whom it waits: the next one of the cycle.
    pub holder: u64,
}

/// Why a transaction (or one statement of it) cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Another transaction committed first; run this one again from its start.
    Serialization(&'static str),
    /// READ COMMITTED: a row changed after the statement's snapshot. The row is locked now: begin the statement
    /// again ([`super::Transaction::begin_statement`]) and decide on the newest value.
    RowChanged,
    /// Each transaction of the cycle waits for the next one; this one gave way.
    Deadlock(Box<[WaitEdge]>),
    /// The lock was not free within the lock timeout.
    LockTimeout,
    /// The lock is not free and the caller would not wait.
    LockNotAvailable,
    /// Somebody cancelled the wait ([`super::Canceller`]).
    Cancelled,
    /// A write in a read-only transaction.
    ReadOnly,
    /// An earlier conflict ended the transaction (or its innermost savepoint): roll back first.
    InFailedTransaction,
    /// There is no such savepoint (any more).
    NoSavepoint,
    /// Only with a bell ([`super::Transaction::set_bell`]): it has to wait until this commit is durable, or, without one,
    /// until the bell rings. Then the statement begins again.
    WouldWait(Option<Commit>),
}

impl Conflict {
    /// The SQLSTATE of PostgreSQL 16, appendix A.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Conflict::Serialization(_) | Conflict::RowChanged => "40001",
            Conflict::Deadlock(_) => "40P01",
            Conflict::LockTimeout | Conflict::LockNotAvailable => "55P03",
            Conflict::Cancelled => "57014",
            Conflict::ReadOnly => "25006",
            Conflict::InFailedTransaction => "25P02",
            Conflict::NoSavepoint => "3B001",
            Conflict::WouldWait(_) => "55P03",
        }
    }

    /// Whether the same transaction, run again from its start, may well succeed.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Conflict::Serialization(_)
                | Conflict::RowChanged
                | Conflict::Deadlock(_)
                | Conflict::LockTimeout
                | Conflict::LockNotAvailable
        )
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Conflict::Serialization(what) => {
                write!(f, "could not serialize access: {what}")
            }
            Conflict::RowChanged => {
                f.write_str("the row changed after the statement began: run the statement again")
            }
            Conflict::Deadlock(cycle) => {
                f.write_str("deadlock detected")?;
                for edge in cycle {
                    write!(
                        f,
                        "; transaction {} waits for {:?} on {}, held by transaction {}",
                        edge.waiter, edge.mode, edge.target, edge.holder
                    )?;
                }
                Ok(())
            }
            Conflict::LockTimeout => f.write_str("lock timeout"),
            Conflict::LockNotAvailable => f.write_str("could not obtain the lock at once"),
            Conflict::Cancelled => f.write_str("the wait was cancelled"),
            Conflict::ReadOnly => f.write_str("cannot write in a read-only transaction"),
            Conflict::InFailedTransaction => {
                f.write_str("the transaction has failed: roll back first")
            }
            Conflict::NoSavepoint => f.write_str("there is no such savepoint"),
            Conflict::WouldWait(_) => f.write_str("the transaction would have to wait"),
        }
    }
}

impl std::error::Error for Conflict {}
