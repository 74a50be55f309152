//! Why a frame could not be made, read or checked.

use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// See the variants.
#[derive(Clone, Debug)]
pub enum Error {
    /// What the store below failed with.
    Store(hyperdb_lsm::Error),
    /// The frame lies behind the horizon.
    BehindHorizon {
        /// The frame asked for.
        asked: u64,
        /// The oldest one that can be read.
        oldest: u64,
    },
    /// There is no such frame yet.
    NotSealed {
        /// The frame asked for.
        asked: u64,
        /// The newest one, 0 if there is none.
        newest: u64,
    },
    /// A record is not what was written.
    Malformed(&'static str),
    /// A tree's records are damaged, or the setup is not the ceremony's.
    Tree(String),
    /// What was to be shown is not so; the text says what is.
    NotProvable(String),
    /// The system has no thread to give.
    NoThread(String),
    /// Sealing was stopped.
    Stopped,
}

impl From<hyperdb_lsm::Error> for Error {
    fn from(error: hyperdb_lsm::Error) -> Self {
        Error::Store(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => error.fmt(f),
            Error::BehindHorizon { asked, oldest } => write!(
                f,
                "frame {asked} lies behind the horizon; the oldest that can be read is {oldest}"
            ),
            Error::NotSealed { asked, newest: 0 } => {
                write!(f, "there is no frame {asked}: none is sealed yet")
            }
            Error::NotSealed { asked, newest } => {
                write!(f, "there is no frame {asked} yet; the newest is {newest}")
            }
            Error::Malformed(what) => write!(f, "malformed {what} record"),
            Error::Tree(what) | Error::NotProvable(what) => f.write_str(what),
            Error::NoThread(what) => write!(f, "cannot start the sealing thread: {what}"),
            Error::Stopped => f.write_str("sealing has stopped"),
        }
    }
}

impl std::error::Error for Error {}
