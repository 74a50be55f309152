//! The commitment tree: leaves at prefix-free places, branches of width 64, changed frame by frame.
//!
//! **Purpose.** From a sorted set of entries to one root that commits to all of them, to their number and to their bytes; changed in
//! time proportional to what changed; readable by provers.
//!
//! **Theory.** A radix tree of 6-bit steps with skipped paths, every branch a vector commitment to its slots (Kuszmaul, "Verkle
//! Trees", 2018), with a plain hash tree over the same shape beside it. The rules are `docs/commitment.md`.
//!
//! **Invariant.** Shape, records and roots depend on the set of leaves alone, never on the order of changes.

pub mod apps;
pub mod build;
mod commit;
mod draft;
mod error;
pub mod leaf;
pub mod nodes;
pub mod place;
pub mod raw;
pub mod read;
pub mod record;
pub mod shards;
mod steps;
pub mod update;
mod wire;
pub mod zone;

pub use error::{StoreError, TreeError};
pub use nodes::NodeStore;
pub use place::TreeKey;
pub use update::{apply, root, Edit, Root, Update};

/// Steps from a root: one byte a step, each below 64.
pub type Path = Vec<u8>;

/// How many steps lie at the beginning of both.
pub(crate) fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

#[cfg(test)]
mod tests;
