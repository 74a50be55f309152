//! The one error type of the store.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the store could not do what was asked.
#[derive(Debug, Clone)]
pub enum Error {
    /// The operating system refused an operation.
    Io {
        /// What was being done, as a verb phrase: `append to log`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's kind of error.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// Bytes on disk are not what was written.
    Corrupt {
        /// In which file.
        path: PathBuf,
        /// At which byte.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// Another process owns the directory.
    Locked {
        /// The directory.
        path: PathBuf,
        /// Process id of the owner, where it could be read.
        owner: Option<u32>,
    },
    /// No room on the disk: writes are refused until there is, reads go on.
    NoSpace,
    /// An earlier write or sync failed, so what is on disk is unknown; reads go on, writes need a reopen.
    Poisoned {
        /// The failure that poisoned it.
        cause: String,
    },
    /// The commit asked for lies behind the horizon.
    BehindHorizon {
        /// The commit asked for.
        asked: Commit,
        /// The oldest commit that can still be read.
        oldest: Commit,
    },
    /// The argument is out of bounds: a key too long, a batch too large.
    Invalid(String),
    /// The store was closed.
    Closed,
}

use crate::types::Commit;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io {
                action,
                path,
                message,
                ..
            } => {
                write!(f, "cannot {action} {}: {message}", path.display())
            }
            Error::Corrupt { path, offset, what } => {
                write!(f, "{} is corrupt at byte {offset}: {what}", path.display())
            }
            Error::Locked {
                path,
                owner: Some(pid),
            } => {
                write!(f, "{} is in use by process {pid}", path.display())
            }
            Error::Locked { path, owner: None } => {
                write!(f, "{} is in use by another process", path.display())
            }
            Error::NoSpace => write!(
                f,
                "no space left on the disk: writes are refused, reads go on"
            ),
            Error::Poisoned { cause } => {
                write!(f, "writes are refused since an earlier write failed ({cause}): reopen the database")
            }
            Error::BehindHorizon { asked, oldest } => {
                write!(f, "commit {asked} lies behind the horizon; the oldest that can be read is {oldest}")
            }
            Error::Invalid(what) => f.write_str(what),
            Error::Closed => f.write_str("the database is closed"),
        }
    }
}

impl std::error::Error for Error {}
