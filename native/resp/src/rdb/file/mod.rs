//! Files of Redis's values: what BGSAVE writes and a server reads when it starts.
//!
//! ```text
//! file     "REDIS", version in 4 digits, parts, FF, since version 5 the CRC-64 of all before u64 LE (0: none was computed)
//! part     FA name value       facts about who wrote the file
//!          F5 code             a library of functions
//!          FE number           the database of the keys that follow
//!          FB keys expiring    how many these are, a hint
//!          F4 slot keys expiring  likewise of a cluster's slot
//!          F7 module ...       what a module keeps beside its keys
//!          FC i64 LE | FD i32 LE  when the next key expires, Unix milliseconds or seconds
//!          F8 idle | F9 u8     how the next key was used
//!          type key value      a key
//! ```
//! **Theory.** A file may be larger than memory, a value may not: a window over the file grows until the part at its front is whole.
//!
//! **Invariant.** [`FileReader`] takes any bytes: it gives parts or says what is wrong and at which byte, holds no more than the
//! file's part at hand and [`MOST_EXPANDED`] beside it, and never gives a value that Redis would not have.

mod module;
mod reader;
#[cfg(test)]
mod tests;
mod window;
mod writer;

pub(crate) use reader::shown;
pub use reader::{Entry, FileReader, Part};
pub use writer::FileWriter;

use std::fmt;
use std::io;

/// What one key's value may take in memory beside its bytes in the file: strings that were compressed, and what each string costs.
pub const MOST_EXPANDED: usize = 1 << 30;
/// What a string costs beside its bytes.
const EACH: usize = 40;
/// The newest version that is read: Redis 7.4's; what is new in it is refused by its name.
const NEWEST: u32 = 12;
/// Since this version there is a sum at the end.
const SUMMED: u32 = 5;

mod code {
    pub const SLOT: u8 = 0xf4;
    pub const LIBRARY: u8 = super::super::FUNCTION;
    pub const OLD_LIBRARY: u8 = 0xf6;
    pub const MODULE_AUX: u8 = 0xf7;
    pub const IDLE: u8 = 0xf8;
    pub const FREQUENCY: u8 = 0xf9;
    pub const AUX: u8 = 0xfa;
    pub const SIZES: u8 = 0xfb;
    pub const EXPIRY_MS: u8 = 0xfc;
    pub const EXPIRY: u8 = 0xfd;
    pub const DATABASE: u8 = 0xfe;
    pub const END: u8 = 0xff;
}

/// Why a file is refused, and at which of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Offset of the byte.
    pub at: u64,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.what)
    }
}

/// Why reading a file ended.
#[derive(Debug)]
pub enum Problem {
    /// What is in it.
    Fault(Fault),
    /// The file system.
    Io(io::Error),
}

impl Problem {
    fn fault(at: u64, what: impl Into<String>) -> Problem {
        let what = what.into();
        Problem::Fault(Fault { at, what })
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        Problem::Io(error)
    }
}

/// What a type of value is called; `None` for those that no version has.
fn type_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "a string",
        1 | 10 | 14 | 18 => "a list",
        2 | 11 | 20 => "a set",
        3 | 5 | 12 | 17 => "a sorted set",
        4 | 9 | 13 | 16 => "a hash",
        6 | 7 => "a module's value",
        15 | 19 | 21 => "a stream",
        22..=25 => "a hash whose fields expire (Redis 7.4)",
        _ => return None,
    })
}
