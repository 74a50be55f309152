//! Changing a tree: many edits at once, each branch on their way touched once.
//!
//! **Theory.** First the shape: edits are sorted by place and handed down, branches are split where new leaves diverge and collapse
//! where fewer than two slots remain ([`super::draft`]); subtrees with many edits go to threads of their own. Then the
//! commitments, from the deepest changed branches up ([`super::commit`]).
//!
//! **Invariant.** A batch that fails has changed nothing: all results are in the [`Update`].

use super::draft::{Context, Kept, Node};
use super::error::TreeError;
use super::nodes::NodeStore;
use super::place::{TreeKey, MAX_STEPS};
use super::record::{load, Summary};
use super::{commit, Path};
use crate::comb::Comb;
use crate::hash::{to_digest, to_scalar, Digest};
use std::sync::Arc;

/// One change of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A leaf is there.
    Set {
        /// Its place.
        key: TreeKey,
        /// Its scalar: [`super::leaf::slot`].
        slot: [u8; 32],
        /// Bytes of its key and value.
        bytes: u64,
    },
    /// A leaf is not there (any more).
    Remove {
        /// Its place.
        key: TreeKey,
    },
    /// Everything below these steps goes that was there before; other edits of the batch come after it.
    RemoveAll {
        /// Steps that the keys share.
        prefix: Path,
    },
}

impl Edit {
    pub(crate) fn steps(&self) -> &[u8] {
        match self {
            Edit::Set { key, .. } | Edit::Remove { key } => key.steps(),
            Edit::RemoveAll { prefix } => prefix,
        }
    }
}

/// A tree as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its root digest: the root's scalar.
    pub digest: Digest,
    /// Its hash digest.
    pub hash: Digest,
    /// Leaves.
    pub count: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

impl Root {
    /// Of the empty tree.
    pub fn empty() -> Root {
        Root {
            digest: to_scalar("hyperdb/empty-tree", &[]).to_bytes(),
            hash: to_digest("hyperdb/empty-tree", &[]),
            count: 0,
            bytes: 0,
        }
    }
}

impl From<Summary> for Root {
    fn from(summary: Summary) -> Root {
        Root {
            digest: *summary.scalar.bytes(),
            hash: summary.hash,
            count: summary.count,
            bytes: summary.bytes,
        }
    }
}

/// What a batch of edits did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The tree after it.
    pub root: Root,
    /// Records to write, and branches that are no more (`None`), by path.
    pub changed: Vec<(Path, Option<Arc<[u8]>>)>,
    /// Subtrees that went as a whole: whatever records lie at or below these paths, and are not among `changed`, belong to no tree.
    /// Nothing refers to them, so they may be removed at any time.
    pub dropped: Vec<Path>,
}

/// The tree as a whole, from the record of its root.
///
/// # Errors
/// What reading it fails with.
pub fn root(nodes: &dyn NodeStore) -> Result<Root, TreeError> {
    Ok(load(nodes, &[])?.map_or_else(Root::empty, |branch| branch.summary().into()))
}

/// Applies edits, in any order, to the tree in `nodes`; `workers` threads at most, at least one.
///
/// # Errors
/// [`TreeError::Twice`], [`TreeError::Key`] and [`TreeError::Slot`] for edits that no tree can take, else what reading fails with.
pub fn apply(
    nodes: &dyn NodeStore,
    comb: &Comb,
    mut edits: Vec<Edit>,
    workers: usize,
) -> Result<Update, TreeError> {
    // A removal of everything below comes before whatever lies there.
    let order = |edit: &Edit| !matches!(edit, Edit::RemoveAll { .. });
    let before = |a: &Edit, b: &Edit| (a.steps(), order(a)).cmp(&(b.steps(), order(b)));
    if !edits.is_sorted_by(|a, b| before(a, b).is_le()) {
        edits.sort_unstable_by(before);
    }
    check(&edits)?;
    let mut context = Context::new(nodes);
    let mut old = load(nodes, &[])?;
    let mut rest = edits.as_slice();
    while let Some((Edit::RemoveAll { prefix }, after)) = rest.split_first() {
        if !prefix.is_empty() {
            break;
        }
        context.dropped.extend(old.take().map(|branch| branch.path));
        rest = after;
    }
    let mut changed = Vec::new();
    let root = match context.root(old, rest, workers.max(1))? {
        Node::Draft(draft) => commit::commit(draft, comb, workers.max(1), &mut changed).into(),
        Node::Kept(Kept { summary, .. }) => summary.into(),
        Node::Empty | Node::Leaf(_) => Root::empty(),
    };
    // A branch may go in one place of a batch and come back in another.
    let mut removed = context.removed;
    removed.sort_unstable();
    changed.sort_unstable_by(|(a, _): &(Path, _), (b, _)| a.cmp(b));
    removed.retain(|path| {
        changed
            .binary_search_by(|(known, _)| known.cmp(path))
            .is_err()
    });
    changed.extend(removed.into_iter().map(|path| (path, None)));
    Ok(Update {
        root,
        changed,
        dropped: context.dropped,
    })
}

fn check(edits: &[Edit]) -> Result<(), TreeError> {
    for edit in edits {
        let steps = edit.steps();
        let whole = !matches!(edit, Edit::RemoveAll { .. });
        if steps.len() > MAX_STEPS || (whole && steps.is_empty()) || steps.iter().any(|s| *s > 63) {
            return Err(TreeError::Key(steps.to_vec()));
        }
    }
    for pair in edits.windows(2) {
        let kinds = [&pair[0], &pair[1]].map(|edit| matches!(edit, Edit::RemoveAll { .. }));
        if kinds == [false, false] && pair[0].steps() == pair[1].steps() {
            return Err(TreeError::Twice(pair[0].steps().to_vec()));
        }
    }
    Ok(())
}
