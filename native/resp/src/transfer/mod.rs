//! Data that move between this store and Redis: files of RDB read into it and written from it, and keys by their payloads.
//!
//! **Theory.** A file is read twice: [`survey`] reads all of it and compares it with the store, and only a file of which nothing is
//! refused is [`fill`]ed in, a commit for some hundreds of keys. Each commit also says how far the file was read ([`mark`]),
//! so an import that was cut off goes on where it was, and no key is written twice. [`export`] reads one snapshot.
//!
//! **Invariant.** Nothing is written before a file was read to its end without a fault.

mod batch;
mod collect;
mod compare;
pub mod export;
mod fill;
mod mark;
mod payloads;
mod survey;

pub use fill::{import, Imported};
pub use payloads::{adopt_payload, differing, restore, Item, Restored};
pub use survey::Tally;

use crate::commands::glob;
use crate::rdb::file::{Fault, Problem};
pub use crate::rdb::Edition;
use hyperdb_graph::{Error, Stop, Store};
use std::fmt;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// Numbered databases of a store.
pub const DATABASES: u64 = 16;

/// What to do where a key or a library is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Write nothing at all.
    #[default]
    Refuse,
    /// Keep what is there.
    Keep,
    /// Replace it.
    Replace,
}

/// What to import, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// See there.
    pub policy: Policy,
    /// Only keys that match, as KEYS takes it.
    pub pattern: Option<Vec<u8>>,
    /// Leave out values of modules instead of refusing the file.
    pub pass_modules: bool,
    /// Leave out libraries of functions.
    pub pass_functions: bool,
    /// Begin anew where an import was cut off.
    pub restart: bool,
    /// Compare all keys with the file when they are written.
    pub compare: bool,
    /// Read and compare with the store, and write nothing.
    pub dry: bool,
    /// Which Redis is to load what is exported.
    pub edition: Edition,
}

impl Options {
    fn takes(&self, key: &[u8]) -> bool {
        let Some(pattern) = &self.pattern else {
            return true;
        };
        pattern == b"*" || glob::matches(pattern, key)
    }
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The file is verified; bytes.
    Verify,
    /// Keys are written; bytes of the file.
    Write,
    /// Keys are compared; bytes of the file.
    Compare,
    /// Keys are written into a file; keys.
    Export,
}

/// Hears what was done, of how much; `false` ends it.
pub type Progress<'p> = &'p mut dyn FnMut(Phase, u64, u64) -> bool;

/// Why data did not move.
#[derive(Debug)]
pub enum Failure {
    /// What is in the file.
    Fault(Fault),
    /// It does not go together with the store.
    Refused(String),
    /// The file system.
    Io(io::Error),
    /// The store.
    Store(Error),
    /// Who hears the progress has ended it.
    Stopped,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Fault(fault) => fault.fmt(f),
            Failure::Refused(text) => f.write_str(text),
            Failure::Io(error) => error.fmt(f),
            Failure::Store(error) => error.fmt(f),
            Failure::Stopped => f.write_str("stopped"),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        match problem {
            Problem::Fault(fault) => Failure::Fault(fault),
            Problem::Io(error) => Failure::Io(error),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Store(error)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Failure {
        Failure::Store(stop.into_error())
    }
}

/// The app of a numbered database.
fn app_name(db: u64) -> Vec<u8> {
    format!("redis/{db}").into_bytes()
}

/// The machine's clock, Unix milliseconds.
fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Reads of one database at one moment.
fn reader(
    store: &Store,
    snapshot: &hyperdb_lsm::Snapshot,
    db: u64,
) -> Result<hyperdb_graph::Reader, Error> {
    let commit = snapshot.commit();
    store.reader(snapshot.clone(), &app_name(db), Some(now_ms()), commit)
}
