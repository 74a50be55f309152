//! Commands on streams.
//!
//! **Theory.** Entries lie under their ids in `cid`, so a range is a walk and appending is one insertion. What consumer groups know
//! (how far they read, what was delivered and not acknowledged, to whom) lies in the companion `cid + 1`: durable members like all
//! others. [`hyperdb_graph::stream`] has the records. A stream without entries stays, with its last id and its groups, until it is deleted.
//!
//! **Invariant.** A group's `pending` is the number of its pending entries, and the sum of those of its consumers.

mod append;
mod claim;
mod entries;
mod groups;
mod ids;
mod info;
mod manage;
mod pending;
mod range;
mod read;
mod whole;

use crate::command::Handler;

pub use whole::{read as whole, store};

/// Handlers of this folder by command name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("xack", pending::xack),
    ("xadd", append::xadd),
    ("xautoclaim", claim::xautoclaim),
    ("xclaim", claim::xclaim),
    ("xdel", append::xdel),
    ("xgroup|create", manage::create),
    ("xgroup|createconsumer", manage::createconsumer),
    ("xgroup|delconsumer", manage::delconsumer),
    ("xgroup|destroy", manage::destroy),
    ("xgroup|help", manage::help),
    ("xgroup|setid", manage::setid),
    ("xinfo|consumers", info::consumers),
    ("xinfo|groups", info::groups),
    ("xinfo|help", info::help),
    ("xinfo|stream", info::stream),
    ("xlen", range::xlen),
    ("xpending", pending::xpending),
    ("xrange", range::xrange),
    ("xread", read::xread),
    ("xreadgroup", read::xreadgroup),
    ("xrevrange", range::xrevrange),
    ("xsetid", append::xsetid),
    ("xtrim", append::xtrim),
];

#[cfg(test)]
mod tests;
