//! The branches that neighbouring pages share, read once.
//!
//! **Theory.** Pages are proved in the order of keys, so the path to the next one is the last one's but for its lower end: one branch
//! kept for each length of path is enough.

use hyperdb_verkle::hash::Digest;
use hyperdb_verkle::proof::{Branch, Nodes, ProofError, Which};
use parking_lot::Mutex;

/// Lengths of paths that are told apart.
const LENGTHS: usize = 64;

/// A branch, and where it is.
type Kept = (Which, Vec<u8>, Branch);

/// See the module.
pub(crate) struct Recent<'n> {
    nodes: &'n dyn Nodes,
    kept: Mutex<Vec<Option<Kept>>>,
}

impl<'n> Recent<'n> {
    pub(crate) fn new(nodes: &'n dyn Nodes) -> Self {
        Recent {
            nodes,
            kept: Mutex::new((0..LENGTHS).map(|_| None).collect()),
        }
    }
}

impl Nodes for Recent<'_> {
    fn branch(&self, tree: Which, path: &[u8]) -> Result<Option<Branch>, ProofError> {
        let place = path.len() % LENGTHS;
        let known = self.kept.lock()[place]
            .as_ref()
            .filter(|(of, at, _)| *of == tree && at == path)
            .map(|(_, _, branch)| branch.clone());
        if known.is_some() {
            return Ok(known);
        }
        let read = self.nodes.branch(tree, path)?;
        if let Some(branch) = &read {
            self.kept.lock()[place] = Some((tree, path.to_vec(), branch.clone()));
        }
        Ok(read)
    }

    fn hash(&self, tree: Which) -> Result<Option<Digest>, ProofError> {
        self.nodes.hash(tree)
    }
}
