//! What a command handler gets and what it may answer.
//!
//! **Invariant.** A handler may be run again from its start: after [`Abort::Stop`] and [`Abort::Block`] its
//! changes and its reply are taken back. It must therefore keep no state of its own; one that waits may say what is to be kept.

use crate::args::Args;
use crate::forms::Forms;
use crate::reply::Reply;
use hyperdb_graph::{AppId, Error, Stop, Turn};
use std::borrow::Cow;

/// Everything a handler may touch.
pub struct Context<'c, 's> {
    /// The store: latest state, exclusive for the turn.
    pub turn: &'c mut Turn<'s>,
    /// The selected database's app.
    pub app: AppId,
    /// The selected database's number.
    pub db: u32,
    /// Where the reply goes; knows the client's protocol version.
    pub reply: &'c mut Reply,
    /// The arguments; arity was checked.
    pub args: Args<'c>,
    /// Inside EXEC or a script: blocking commands answer at once instead.
    pub must_not_block: bool,
    /// A blocked command that runs again: the key that woke it, the only one it is to look at.
    pub woken_by: Option<&'c [u8]>,
    /// What the command said when it began to wait ([`Block::resume`]), if it did.
    pub resume: Option<&'c [u8]>,
    /// A fresh random number source for SPOP, RANDOMKEY, HRANDFIELD ...
    pub random: &'c mut dyn FnMut() -> u64,
    /// Which forms Redis would give values.
    pub forms: Forms<'c>,
    /// Which keys that the command was not told of may be named in its reply.
    pub names: Names<'c>,
    /// What the command did that its words do not say; written by the handler.
    pub effects: Effects,
}

/// What a command did beside what its words and the keys that it touched tell: for events.
#[derive(Debug, Default)]
pub struct Effects {
    /// Entries of the stream were removed.
    pub trimmed: bool,
    /// Streams in which a reader came to be a consumer.
    pub made_consumers: Vec<Box<[u8]>>,
    /// How many of its keys were there, and how many were not, of a command that reads many.
    pub looked_up: Option<(u64, u64)>,
}

/// Which keys may be named to who asks.
#[derive(Clone, Copy, Default)]
pub enum Names<'c> {
    /// Every key.
    #[default]
    All,
    /// No key.
    None,
    /// Those of which this says so.
    Some(&'c dyn Fn(&[u8]) -> bool),
}

impl Context<'_, '_> {
    /// Whether a key that the command was not told of may be named in its reply.
    pub(crate) fn may_name(&self, key: &[u8]) -> bool {
        match self.names {
            Names::All => true,
            Names::None => false,
            Names::Some(may) => may(key),
        }
    }
}

/// A command handler.
pub type Handler = fn(&mut Context<'_, '_>) -> Outcome;

/// What a handler returns: its reply was written, or why not.
pub type Outcome = std::result::Result<(), Abort>;

/// Why a command did not reply.
#[derive(Debug, Clone)]
pub enum Abort {
    /// Storage stopped it: take back, run again when the block is there or the lock is free; or it failed.
    Stop(Stop),
    /// An error for the client, with its class: `ERR syntax error`. Changes are taken back.
    Error(Cow<'static, str>),
    /// Nothing to pop yet: wait until one of `keys` is touched, then run again.
    Block(Block),
}

/// For what a blocked client waits.
#[derive(Debug, Clone)]
pub struct Block {
    /// Keys of the selected database; any touch of one of them runs the command again.
    pub keys: Vec<Box<[u8]>>,
    /// Milliseconds to wait, `None` for ever.
    pub timeout_ms: Option<u64>,
    /// What to reply when the time is over.
    pub on_timeout: OnTimeout,
    /// What the command changed before it began to wait stays.
    pub keeps_changes: bool,
    /// Runs again, to fail, when a key was removed or became another kind.
    pub if_gone: bool,
    /// What the command's later runs are to be told of its first one.
    pub resume: Box<[u8]>,
}

/// The reply of a blocking command whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTimeout {
    /// Null array (RESP2 `*-1`).
    NullArray,
    /// Null bulk string (RESP2 `$-1`).
    NullBulk,
}

impl From<Stop> for Abort {
    fn from(stop: Stop) -> Self {
        Abort::Stop(stop)
    }
}

impl From<Error> for Abort {
    fn from(error: Error) -> Self {
        Abort::Stop(Stop::Failed(error))
    }
}

impl Abort {
    /// Whether what the command changed before it stays: it waits, and has said so.
    pub fn keeps_changes(&self) -> bool {
        matches!(self, Abort::Block(block) if block.keeps_changes)
    }

    /// An error reply.
    pub fn error(text: impl Into<Cow<'static, str>>) -> Self {
        Abort::Error(text.into())
    }
}

/// The errors that many commands share, in Redis's words (clients match on them).
pub mod errors {
    use super::Abort;

    /// The key holds another kind.
    pub fn wrong_type() -> Abort {
        Abort::error("WRONGTYPE Operation against a key holding the wrong kind of value")
    }

    /// Options that do not parse.
    pub fn syntax() -> Abort {
        Abort::error("ERR syntax error")
    }

    /// An argument or a stored value that must be a signed 64-bit integer.
    pub fn not_an_integer() -> Abort {
        Abort::error("ERR value is not an integer or out of range")
    }

    /// An argument that must not be negative.
    pub fn not_positive() -> Abort {
        Abort::error("ERR value is out of range, must be positive")
    }

    /// An argument or a stored value that must be a double.
    pub fn not_a_float() -> Abort {
        Abort::error("ERR value is not a valid float")
    }
}
