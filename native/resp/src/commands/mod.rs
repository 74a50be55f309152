//! The command handlers, one file a data type. Each file exports `HANDLERS`, joined here with the command table.

use crate::command::Handler;

pub mod arguments;
pub mod blocking;
pub mod edge;
pub mod extended;
pub mod geo;
pub mod glob;
pub mod hash_order;
pub mod hashes;
pub mod hyperloglog;
pub mod keyspace;
pub mod lists;
pub mod multi_pop;
pub mod numbers;
pub mod sets;
pub mod sorted_sets;
pub mod streams;
pub mod strings;
#[cfg(test)]
pub mod testing;

/// Every handler by lower-case command name, in the order of the files.
pub fn handlers() -> impl Iterator<Item = (&'static str, Handler)> {
    [
        keyspace::HANDLERS,
        strings::HANDLERS,
        hashes::HANDLERS,
        lists::HANDLERS,
        sets::HANDLERS,
        sorted_sets::HANDLERS,
        streams::HANDLERS,
        hyperloglog::HANDLERS,
        geo::HANDLERS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
