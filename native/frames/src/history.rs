//! The history: a Merkle mountain range over all earlier headers.
//!
//! ```text
//! leaf D("hyperdb/header", header)   inner D("hyperdb/history", left, right)
//! root D("hyperdb/peaks", u64 LE n, peaks from the largest down)
//! ```
//! **Theory.** n leaves make one full binary tree ("mountain") for each bit of n, the largest first. Appending a leaf
//! makes as many inner nodes as n ends in ones. Nodes are stored by position in the order in which they are
//! made, so nothing that is stored ever changes, and a path to a leaf is O(log n) reads.
//!
//! **Invariant.** The header of frame n has the root over frames 1 to n - 1: whoever trusts it can tell whether any
//! earlier header belongs to the same history, by the path in the range.

use hyperdb_verkle::hash::{to_digest as digest, Digest};

/// Where nodes lie.
pub trait Nodes {
    /// The error of the store.
    type Error;
    /// The node made as number `position`, from 0.
    ///
    /// # Errors
    /// What the store fails with, also if there is none.
    fn node(&self, position: u64) -> Result<Digest, Self::Error>;
}

/// The way from one leaf to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// How many leaves the range has.
    pub leaves: u64,
    /// Which leaf, from 0.
    pub leaf: u64,
    /// Siblings inside its mountain, the nearest first.
    pub siblings: Vec<Digest>,
    /// The other mountains' peaks, from the largest down.
    pub peaks: Vec<Digest>,
}

/// Nodes of a range of so many leaves: also the position of the next leaf.
pub fn size(leaves: u64) -> u64 {
    2 * leaves - u64::from(leaves.count_ones())
}

/// Position of the root of the full tree of `2^height` leaves that begins at leaf `first` (a multiple of `2^height`).
fn position(first: u64, height: u32) -> u64 {
    size(first) + (1 << (height + 1)) - 2
}

/// The mountains of a range: first leaf and height, from the largest down.
fn mountains(leaves: u64) -> impl Iterator<Item = (u64, u32)> {
    let mut first = 0;
    let heights = (0..u64::BITS).rev();
    heights
        .filter(move |height| leaves >> height & 1 == 1)
        .map(move |height| {
            let mountain = (first, height);
            first += 1 << height;
            mountain
        })
}

/// The root over `leaves` leaves.
///
/// # Errors
/// As [`Nodes::node`].
pub fn root<N: Nodes>(nodes: &N, leaves: u64) -> Result<Digest, N::Error> {
    let peaks = mountains(leaves)
        .map(|(first, height)| nodes.node(position(first, height)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(root_of(leaves, &peaks))
}

fn root_of(leaves: u64, peaks: &[Digest]) -> Digest {
    let count = leaves.to_le_bytes();
    let mut parts: Vec<&[u8]> = vec![&count];
    parts.extend(peaks.iter().map(|peak| &peak[..]));
    digest("hyperdb/peaks", &parts)
}

/// The nodes, with their positions, that appending `leaf` to a range of `leaves` leaves makes.
///
/// # Errors
/// As [`Nodes::node`].
pub fn append<N: Nodes>(
    nodes: &N,
    leaves: u64,
    leaf: Digest,
) -> Result<Vec<(u64, Digest)>, N::Error> {
    let mut made = vec![(size(leaves), leaf)];
    let mut node = leaf;
    for height in 0..leaves.trailing_ones() {
        let first = leaves + 1 - (2 << height);
        let left = nodes.node(position(first, height))?;
        node = digest("hyperdb/history", &[&left, &node]);
        made.push((position(first, height + 1), node));
    }
    Ok(made)
}

/// The path of leaf `leaf` in the range of `leaves` leaves; `None` if there is no such leaf.
///
/// # Errors
/// As [`Nodes::node`].
pub fn path<N: Nodes>(nodes: &N, leaves: u64, leaf: u64) -> Result<Option<Path>, N::Error> {
    if leaf >= leaves {
        return Ok(None);
    }
    let mut path = Path {
        leaves,
        leaf,
        siblings: Vec::new(),
        peaks: Vec::new(),
    };
    for (first, height) in mountains(leaves) {
        if !(first..first + (1 << height)).contains(&leaf) {
            path.peaks.push(nodes.node(position(first, height))?);
            continue;
        }
        for below in 0..height {
            let sibling = ((leaf >> below) ^ 1) << below;
            path.siblings.push(nodes.node(position(sibling, below))?);
        }
    }
    Ok(Some(path))
}

impl Path {
    /// The root that the path leads to from `leaf`; `None` if its shape is not that of its numbers.
    pub fn root(&self, leaf: Digest) -> Option<Digest> {
        let mut others = self.peaks.iter();
        let mut peaks = Vec::new();
        let mut used = false;
        for (first, height) in mountains(self.leaves) {
            if !(first..first + (1 << height)).contains(&self.leaf) {
                peaks.push(*others.next()?);
                continue;
            }
            if self.siblings.len() != height as usize {
                return None;
            }
            used = true;
            let climbed = self
                .siblings
                .iter()
                .enumerate()
                .fold(leaf, |node, (below, sibling)| {
                    if self.leaf >> below & 1 == 0 {
                        digest("hyperdb/history", &[&node, sibling])
                    } else {
                        digest("hyperdb/history", &[sibling, &node])
                    }
                });
            peaks.push(climbed);
        }
        (used && others.next().is_none()).then(|| root_of(self.leaves, &peaks))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    struct List(Vec<Digest>);

    impl Nodes for List {
        type Error = u64;
        fn node(&self, position: u64) -> Result<Digest, u64> {
            self.0.get(position as usize).copied().ok_or(position)
        }
    }

    fn leaf(i: u64) -> Digest {
        digest("leaf", &[&i.to_le_bytes()])
    }

    /// The definition, by recursion over mountains.
    fn plain(leaves: &[Digest]) -> Digest {
        fn tree(leaves: &[Digest]) -> Digest {
            match leaves {
                [one] => *one,
                many => {
                    let (left, right) = many.split_at(many.len() / 2);
                    digest("hyperdb/history", &[&tree(left), &tree(right)])
                }
            }
        }
        let (mut rest, mut peaks) = (leaves, Vec::new());
        while !rest.is_empty() {
            let largest = 1 << rest.len().ilog2();
            let (mountain, after) = rest.split_at(largest);
            peaks.push(tree(mountain));
            rest = after;
        }
        root_of(leaves.len() as u64, &peaks)
    }

    #[test]
    fn every_header_of_every_range_is_led_to_its_root_and_no_other() {
        let mut nodes = List(Vec::new());
        let mut leaves = Vec::new();
        for n in 0..40u64 {
            assert_eq!(nodes.0.len() as u64, size(n));
            assert_eq!(root(&nodes, n).unwrap(), plain(&leaves));
            for m in 0..n {
                let path = path(&nodes, n, m).unwrap().unwrap();
                assert!(path.siblings.len() + path.peaks.len() <= 12);
                let found = path.root(leaf(m)).unwrap();
                assert_eq!(found, plain(&leaves), "leaf {m} of {n}");
                assert_ne!(path.root(leaf(m + 1)).unwrap(), found);
                for wrong in [m ^ 1, n] {
                    let moved = Path {
                        leaf: wrong,
                        ..path.clone()
                    };
                    assert_ne!(moved.root(leaf(m)), Some(found));
                }
                let mut short = path.clone();
                if short.siblings.pop().is_some() {
                    assert_eq!(short.root(leaf(m)), None);
                }
            }
            assert_eq!(path(&nodes, n, n).unwrap(), None);
            for (position, node) in append(&nodes, n, leaf(n)).unwrap() {
                assert_eq!(position, nodes.0.len() as u64);
                nodes.0.push(node);
            }
            leaves.push(leaf(n));
        }
    }
}
