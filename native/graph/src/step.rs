//! How a step inside a command or a transaction ends: done, or stopped.

use crate::sequencer::{Conflict, LockWait};
use hyperdb_lsm::{Error, Miss};
use std::fmt;

/// Why a step could not finish.
#[derive(Clone, Debug)]
pub enum Stop {
    /// A block is not in memory: take back, load it elsewhere, run again. Only inside a [`crate::Turn`].
    Miss(Miss),
    /// A transaction holds a lock: take back, wait for it, run again. Only inside a [`crate::Turn`].
    Locked(LockWait),
    /// The transaction lost against another one. Only inside a [`crate::Transaction`].
    Conflict(Conflict),
    /// It failed.
    Failed(Error),
}

impl Stop {
    /// The error of a step that is not run again: only [`Stop::Failed`] is expected there.
    pub fn into_error(self) -> Error {
        match self {
            Stop::Failed(error) => error,
            other => Error::Invalid(format!("cannot wait here: {other}")),
        }
    }
}

/// Result of one step.
pub type Step<T> = std::result::Result<T, Stop>;

impl From<hyperdb_lsm::Stop> for Stop {
    #[inline]
    fn from(stop: hyperdb_lsm::Stop) -> Self {
        match stop {
            hyperdb_lsm::Stop::Miss(miss) => Stop::Miss(miss),
            hyperdb_lsm::Stop::Failed(error) => Stop::Failed(error),
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

impl From<Conflict> for Stop {
    fn from(conflict: Conflict) -> Self {
        Stop::Conflict(conflict)
    }
}

impl From<LockWait> for Stop {
    fn from(wait: LockWait) -> Self {
        Stop::Locked(wait)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Miss(_) => f.write_str("a block is not in memory"),
            Stop::Locked(_) => f.write_str("a transaction holds a lock"),
            Stop::Conflict(conflict) => conflict.fmt(f),
            Stop::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Stop {}
