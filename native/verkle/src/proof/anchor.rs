//! An app's place under a header, as the prover tells it: its four roots, and where the tree of apps holds them.
//!
//! **Theory.** A root over one slot is told by what lies there, since its commitment is a multiple of a known point (`pruned.rs`).
//!
//! **Invariant.** The same for all proofs of one app and frame: nothing here depends on what is asked.

use super::error::ProofError;
use super::place::address_key;
use super::source::{Below, Branch, Nodes, Source, Which};
use super::touched::{put_root, put_steps, Touched};
use super::verify::APP_TREE;
use super::wire::{put_blob, put_number, LIMITS};
use crate::hash::{to_digest, Digest};
use crate::tree::apps::address;

fn four(tag: &str, address: &Digest, digests: &[Digest; 4]) -> Digest {
    let mut parts: Vec<&[u8]> = vec![address];
    parts.extend(digests.iter().map(<[u8; 32]>::as_slice));
    to_digest(tag, &parts)
}

fn roots(nodes: &dyn Nodes) -> Result<[Option<Branch>; 4], ProofError> {
    let mut roots = [const { None }; 4];
    for (tree, root) in roots.iter_mut().enumerate() {
        *root = nodes.branch(Which::App(tree), &[])?;
    }
    Ok(roots)
}

/// The app's place under the header: the same for all proofs of one app and frame, so keep it.
pub struct Anchor {
    bytes: Vec<u8>,
    /// Points in them.
    pub(super) points: usize,
    /// Branches of the app tree and the slot of each that is opened.
    pub(super) opened: Vec<(Branch, u8)>,
    pub(super) trees: [Top; 4],
}

/// How a tree's root is told.
#[derive(Clone, Debug)]
pub(super) enum Top {
    Empty,
    /// By its commitment.
    Many,
    /// By what lies in its one slot.
    One(Below),
}

impl Anchor {
    /// Of the app and the frame of a source.
    ///
    /// # Errors
    /// [`ProofError::Store`].
    pub fn new(source: &Source<'_>) -> Result<Anchor, ProofError> {
        let roots = roots(source.nodes)?;
        let own = address(source.name);
        let empty = to_digest("hyperdb/empty-tree", &[]);
        let mut hashes = [empty; 4];
        for (tree, hash) in hashes.iter_mut().enumerate() {
            *hash = source.nodes.hash(Which::App(tree))?.unwrap_or(empty);
        }
        let hash_root = four("hyperdb/app-hash-root", &own, &hashes);
        let trees = roots.each_ref().map(|root| Top::of(root.as_ref()));
        let bits = |of: fn(&Top) -> bool| {
            let those = (0..4).filter(|tree| of(&trees[*tree]));
            those.fold(0, |bits, tree| bits | 1 << tree)
        };
        let present: u8 = bits(|top| !matches!(top, Top::Empty));
        let apps = source.nodes.branch(Which::Apps, &[])?;
        let mut out = Vec::new();
        put_blob(&mut out, source.name);
        out.push(present | if apps.is_some() { APP_TREE } else { 0 });
        if present != 0 {
            out.push(bits(|top| matches!(top, Top::One(_))));
        }
        for (tree, root) in roots.iter().enumerate() {
            if let Some(root) = root {
                trees[tree].put(&mut out, source.nodes, Which::App(tree), root)?;
            }
        }
        if present != 0 {
            out.extend(hash_root);
        }
        let mut anchor = Anchor {
            points: trees.iter().map(Top::points).sum(),
            bytes: out,
            opened: Vec::new(),
            trees,
        };
        if let Some(apps) = apps {
            put_root(&mut anchor.bytes, &apps);
            anchor.points += 1;
            anchor.show_app(source, &own)?;
        }
        Ok(anchor)
    }

    /// Its bytes, which begin the app's part of a bundle.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Shows the app's leaf in the app tree, or that it has none.
    fn show_app(&mut self, source: &Source<'_>, own: &Digest) -> Result<(), ProofError> {
        let mut touched = Touched::new(source.nodes, Which::Apps);
        touched.get(&address_key(own)?, &mut { LIMITS.visits })?;
        let mut leaf = |steps: &[u8]| -> Result<(bool, Vec<u8>), ProofError> {
            let other = address_of(steps);
            let mut out = Vec::new();
            if other == *own {
                return Ok((true, out));
            }
            let Some((digest, size)) = source.entries.app(&other)? else {
                return Err(ProofError::Store(
                    "the tree of apps holds an app that is not there".into(),
                ));
            };
            put_blob(&mut out, &other);
            out.extend(digest);
            put_number(&mut out, 0);
            put_number(&mut out, size);
            Ok((false, out))
        };
        let mut left = LIMITS.points;
        touched.encode(None, &mut left, &mut self.bytes, &mut leaf)?;
        self.points += LIMITS.points - left;
        let mut opened = Vec::new();
        touched.opened(None, &mut opened);
        let owned = opened
            .iter()
            .map(|(branch, slot)| ((*branch).clone(), *slot));
        self.opened = owned.collect();
        Ok(())
    }
}

impl Top {
    /// What stands in the place of the root.
    pub(super) fn lone(&self) -> Option<&Below> {
        match self {
            Top::One(below) => Some(below),
            Top::Empty | Top::Many => None,
        }
    }

    /// How many points tell it.
    fn points(&self) -> usize {
        match self {
            Top::Empty | Top::One(Below::Leaf(_)) => 0,
            Top::Many | Top::One(Below::Branch(_)) => 1,
        }
    }

    fn of(root: Option<&Branch>) -> Top {
        match root {
            None => Top::Empty,
            Some(root) => match root.occupied()[..] {
                [slot] => root.below(slot).map_or(Top::Many, Top::One),
                _ => Top::Many,
            },
        }
    }

    fn put(
        &self,
        out: &mut Vec<u8>,
        nodes: &dyn Nodes,
        tree: Which,
        root: &Branch,
    ) -> Result<(), ProofError> {
        match self {
            Top::Empty => {}
            Top::Many => put_root(out, root),
            Top::One(Below::Branch(path)) => {
                let below = nodes.branch(tree, path)?.ok_or_else(lost)?;
                out.push(path.len() as u8);
                put_steps(out, path);
                put_root(out, &below);
            }
            Top::One(Below::Leaf(steps)) => {
                let slot = steps.first().copied().unwrap_or_default();
                out.extend([0, slot]);
                out.extend(root.value(slot).bytes());
                put_number(out, root.size);
            }
        }
        Ok(())
    }
}

fn lost() -> ProofError {
    ProofError::Store("a branch is missing".into())
}

fn address_of(steps: &[u8]) -> Digest {
    let bit = |at: usize| steps.get(at / 6).map_or(0, |step| step >> (5 - at % 6) & 1);
    std::array::from_fn(|byte| (0..8).fold(0, |acc, at| acc << 1 | bit(8 * byte + at)))
}
