//! Reading a tree: what provers build on.
//!
//! **Theory.** A slot's content tells what lies there and where exactly, so presence, absence and ranges are read from branches alone.

use super::error::TreeError;
use super::nodes::NodeStore;
use super::place::TreeKey;
use super::record::{load, load_named, Branch, Slot};

/// The branch at `path`, if there is one.
///
/// # Errors
/// What reading fails with.
pub fn read(nodes: &dyn NodeStore, path: &[u8]) -> Result<Option<Branch>, TreeError> {
    load(nodes, path)
}

/// The branches on the way to a key, from the root to the last one; what its slot holds there says whether the key is in the tree.
/// None: the tree is empty.
///
/// # Errors
/// What reading fails with.
pub fn walk(nodes: &dyn NodeStore, key: &TreeKey) -> Result<Vec<Branch>, TreeError> {
    let mut out = Vec::new();
    let mut next = load(nodes, &[])?;
    while let Some(branch) = next.take() {
        let step = key.steps().get(branch.path.len());
        let step = step.ok_or_else(|| TreeError::Key(key.steps().to_vec()))?;
        if let Slot::Branch { path, .. } = branch.slot(*step) {
            if key.steps().starts_with(&path) {
                next = Some(load_named(nodes, &path)?);
            }
        }
        out.push(branch);
    }
    Ok(out)
}

/// Visits branches depth first, in the order of their places; descends into a branch below if `enter` says so of its path, and hands
/// every branch it has read to `each`.
///
/// # Errors
/// What reading fails with.
pub fn visit(
    nodes: &dyn NodeStore,
    enter: &mut dyn FnMut(&[u8]) -> bool,
    each: &mut dyn FnMut(&Branch),
) -> Result<(), TreeError> {
    let mut stack: Vec<Branch> = load(nodes, &[])?.into_iter().collect();
    while let Some(branch) = stack.pop() {
        each(&branch);
        for (slot, _) in branch.slots.iter().rev() {
            if let Slot::Branch { path, .. } = branch.slot(*slot) {
                if enter(&path) {
                    stack.push(load_named(nodes, &path)?);
                }
            }
        }
    }
    Ok(())
}
