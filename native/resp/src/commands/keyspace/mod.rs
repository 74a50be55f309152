//! Commands on keys whatever they hold: elements of the database's app.
//!
//! **Theory.** An element's record tells kind and expiry, so every command here is one or two lookups; the
//! members of a collection are touched only by COPY and by moves between databases.

pub mod databases;
mod expiry;
mod generic;
mod listing;
mod memory;
mod moving;
mod object;
pub mod scan;
mod serialized;
mod slots;
mod sort;

pub(crate) use serialized::store as store_value;

use crate::command::{Abort, Context, Handler};
use hyperdb_graph::Kind;

/// Handlers of this folder by command name.
pub const HANDLERS: &[(&str, Handler)] = &[
    ("cluster|countkeysinslot", slots::count),
    ("cluster|getkeysinslot", slots::get),
    ("copy", moving::copy),
    ("dbsize", databases::dbsize),
    ("del", generic::del),
    ("dump", serialized::dump),
    ("exists", generic::exists),
    ("expire", expiry::expire),
    ("expireat", expiry::expireat),
    ("expiretime", expiry::expiretime),
    ("flushall", databases::flushall),
    ("flushdb", databases::flushdb),
    ("keys", listing::keys),
    ("memory|usage", memory::usage),
    ("move", moving::move_key),
    ("object|encoding", object::encoding),
    ("object|freq", object::freq),
    ("object|help", object::help),
    ("object|idletime", object::idletime),
    ("object|refcount", object::refcount),
    ("persist", expiry::persist),
    ("pexpire", expiry::pexpire),
    ("pexpireat", expiry::pexpireat),
    ("pexpiretime", expiry::pexpiretime),
    ("pttl", expiry::pttl),
    ("randomkey", listing::randomkey),
    ("rename", moving::rename),
    ("renamenx", moving::renamenx),
    ("restore", serialized::restore),
    // A cluster's way to say that the slot is being moved here; there are no slots to move.
    ("restore-asking", serialized::restore),
    ("scan", listing::scan),
    ("sort", sort::sort),
    ("sort_ro", sort::sort_ro),
    ("swapdb", databases::swapdb),
    ("touch", generic::exists),
    ("ttl", expiry::ttl),
    ("type", generic::kind),
    ("unlink", generic::del),
];

/// The name that TYPE replies for a kind.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Vertex => "string",
        Kind::Edge => "edge",
        Kind::Hash => "hash",
        Kind::Set => "set",
        Kind::List => "list",
        Kind::SortedSet => "zset",
        Kind::Stream => "stream",
        Kind::Table => "table",
        Kind::Index => "index",
        Kind::Partition => "partition",
    }
}

/// The kind and expiry of the live element at `key`.
fn look(cx: &Context<'_, '_>, key: &[u8]) -> Result<Option<(Kind, Option<i64>)>, Abort> {
    Ok(match cx.turn.element(cx.app, key)? {
        None => None,
        Some(element) => {
            let record = element.record()?;
            Some((record.kind(), record.expiry()))
        }
    })
}
