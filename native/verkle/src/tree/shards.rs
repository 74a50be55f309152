//! Shards: the largest branches that do not outgrow a limit.
//!
//! **Theory.** Counts and bytes are committed to in every branch, so where a tree is split follows from the tree itself and needs no
//! record of its own: whoever reads the tree finds the same shards. The unit of rebuilding, later of placement.

use super::error::TreeError;
use super::nodes::NodeStore;
use super::record::{load, load_named, Branch, Slot};
use super::Path;
use crate::hash::Digest;

/// A branch that is one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Where it lies: its keys are those that begin with these steps.
    pub path: Path,
    /// Leaves.
    pub count: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// The branch's scalar.
    pub digest: Digest,
}

/// A tree split along a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shards {
    /// By place.
    pub shards: Vec<Shard>,
    /// Leaves that hang in the branches above all shards: they are too few or too large to be in one.
    pub above: (u64, u64),
}

/// The maximal branches of at most `limit` bytes each. Reads only branches that are larger.
///
/// # Errors
/// What reading fails with.
pub fn shards(nodes: &dyn NodeStore, limit: u64) -> Result<Shards, TreeError> {
    let mut out = Shards::default();
    let Some(root) = load(nodes, &[])? else {
        return Ok(out);
    };
    if root.bytes() <= limit {
        out.shards.push(Shard {
            path: Path::new(),
            count: root.count(),
            bytes: root.bytes(),
            digest: root.scalar().to_bytes(),
        });
    } else {
        split(nodes, &root, limit, &mut out)?;
    }
    Ok(out)
}

fn split(
    nodes: &dyn NodeStore,
    branch: &Branch,
    limit: u64,
    out: &mut Shards,
) -> Result<(), TreeError> {
    for (slot, _) in &branch.slots {
        match branch.slot(*slot) {
            Slot::Empty => {}
            Slot::Leaf { bytes, .. } => {
                out.above.0 += 1;
                out.above.1 = out.above.1.saturating_add(bytes);
            }
            Slot::Branch {
                path,
                scalar,
                count,
                bytes,
                ..
            } if bytes <= limit => out.shards.push(Shard {
                path,
                count,
                bytes,
                digest: scalar,
            }),
            Slot::Branch { path, .. } => split(nodes, &load_named(nodes, &path)?, limit, out)?,
        }
    }
    Ok(())
}
