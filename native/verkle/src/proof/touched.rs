//! The slots of one tree that queries touch, and the bytes that show them.
//!
//! **Invariant.** What is noted here is what the verifier will ask for: the walks are those of `pruned.rs`.

use super::error::ProofError;
use super::place::{Side, Zone};
use super::pruned::{BRANCH, CLAIMED, MORE, ONE_SHOWN, OTHER};
use super::source::{Below, Branch, Nodes, Which};
use super::wire::{put_number, spend};

/// Branches that were read and the slots of each that are to be shown.
pub(crate) struct Touched<'a> {
    nodes: &'a dyn Nodes,
    tree: Which,
    /// The root first. A branch is named by its place here.
    branches: Vec<Node>,
}

/// A branch and the slots to be shown, ascending.
struct Node {
    branch: Branch,
    shown: Vec<Slot>,
}

/// A slot, what lies in it, and the branch there once it was read.
struct Slot {
    slot: u8,
    below: Option<Below>,
    read: Option<usize>,
}

impl Node {
    /// Where among the slots shown a slot is, which is shown from now on.
    fn show(&mut self, slot: u8) -> usize {
        let place = self.shown.binary_search_by_key(&slot, |shown| shown.slot);
        place.unwrap_or_else(|at| {
            let new = Slot {
                slot,
                below: self.branch.below(slot),
                read: None,
            };
            self.shown.insert(at, new);
            at
        })
    }

    /// As [`Node::show`], of a slot that others show; the branch there is not taken over.
    fn take_over(&mut self, theirs: Slot) -> usize {
        let place = self
            .shown
            .binary_search_by_key(&theirs.slot, |shown| shown.slot);
        place.unwrap_or_else(|at| {
            self.shown.insert(
                at,
                Slot {
                    read: None,
                    ..theirs
                },
            );
            at
        })
    }

    fn shown(&self, slot: u8) -> Option<&Slot> {
        let place = self.shown.binary_search_by_key(&slot, |shown| shown.slot);
        Some(&self.shown[place.ok()?])
    }
}

/// The bytes of the leaf at a tree key, and whether it is claimed.
pub(crate) type LeafAt<'a> = dyn FnMut(&[u8]) -> Result<(bool, Vec<u8>), ProofError> + 'a;

impl<'a> Touched<'a> {
    pub(crate) fn new(nodes: &'a dyn Nodes, tree: Which) -> Self {
        Self {
            nodes,
            tree,
            branches: Vec::new(),
        }
    }

    /// Slots that are shown, of all branches.
    pub(crate) fn shown(&self) -> usize {
        self.branches.iter().map(|node| node.shown.len()).sum()
    }

    fn read(&mut self, branch: Branch) -> usize {
        self.branches.push(Node {
            branch,
            shown: Vec::new(),
        });
        self.branches.len() - 1
    }

    /// The root, if the tree is not empty.
    fn root(&mut self) -> Result<Option<usize>, ProofError> {
        if self.branches.is_empty() {
            let root = self.nodes.branch(self.tree, &[])?;
            return Ok(root.map(|root| self.read(root)));
        }
        Ok(Some(0))
    }

    /// The branch in the slot shown at a place of another one.
    fn enter(&mut self, at: usize, place: usize) -> Result<usize, ProofError> {
        let slot = &self.branches[at].shown[place];
        if let Some(known) = slot.read {
            return Ok(known);
        }
        let Some(Below::Branch(path)) = &slot.below else {
            return Err(ProofError::Store("no branch lies in the slot".into()));
        };
        let branch = self.nodes.branch(self.tree, path)?;
        let branch = branch.ok_or_else(|| missing(path))?;
        let read = self.read(branch);
        self.branches[at].shown[place].read = Some(read);
        Ok(read)
    }

    /// Takes over what others touched of the same tree.
    pub(crate) fn absorb(&mut self, others: Self) {
        if self.branches.is_empty() {
            self.branches = others.branches;
            return;
        }
        let mut others: Vec<Option<Node>> = others.branches.into_iter().map(Some).collect();
        let root = others.first_mut().and_then(Option::take);
        let mut stack: Vec<(usize, Vec<Slot>)> =
            root.map(|root| (0, root.shown)).into_iter().collect();
        while let Some((at, shown)) = stack.pop() {
            for theirs in shown {
                let read = theirs.read;
                let place = self.branches[at].take_over(theirs);
                let Some(node) = read.and_then(|read| others[read].take()) else {
                    continue;
                };
                let known = self.branches[at].shown[place].read;
                let below = known.unwrap_or_else(|| self.read(node.branch));
                self.branches[at].shown[place].read = Some(below);
                stack.push((below, node.shown));
            }
        }
    }

    /// Whether the leaf at the key's place is the key's own. As below, `visits` are spent as the verifier will.
    pub(crate) fn get(&mut self, steps: &[u8], visits: &mut usize) -> Result<bool, ProofError> {
        let (mut depth, mut next) = (0, self.root()?);
        while let Some(at) = next {
            spend(visits, 1, "visits")?;
            let Some(slot) = steps.get(depth) else {
                break;
            };
            let node = &mut self.branches[at];
            let place = node.show(*slot);
            match &node.shown[place].below {
                Some(Below::Branch(below)) if steps.starts_with(below) => depth = below.len(),
                Some(Below::Leaf(found)) => return Ok(found == steps),
                _ => return Ok(false),
            }
            next = Some(self.enter(at, place)?);
        }
        Ok(false)
    }

    /// Shows every slot whose keys may lie within, and gives the leaves there.
    pub(crate) fn all_within(
        &mut self,
        zone: &Zone,
        visits: &mut usize,
    ) -> Result<Vec<Vec<u8>>, ProofError> {
        let mut leaves = Vec::new();
        let root = self.root()?.map(|root| (root, Vec::new(), 0u8));
        let mut stack: Vec<(usize, Vec<u8>, u8)> = root.into_iter().collect();
        while let Some((at, path, first)) = stack.pop() {
            for slot in first..64 {
                spend(visits, 1, "visits")?;
                if zone.side(&joined(&path, slot)) == Side::Without {
                    continue;
                }
                let place = self.branches[at].show(slot);
                match &self.branches[at].shown[place].below {
                    Some(Below::Leaf(steps)) => leaves.push(steps.clone()),
                    Some(Below::Branch(below)) if zone.side(below) != Side::Without => {
                        let below = below.clone();
                        let read = self.enter(at, place)?;
                        stack.extend([(at, path, slot + 1), (read, below, 0)]);
                        break;
                    }
                    _ => {}
                }
            }
        }
        Ok(leaves)
    }

    /// Shows what counting needs: along the borders the slots within or, if they are fewer, those without.
    pub(crate) fn borders(
        &mut self,
        zone: &Zone,
        either: bool,
        visits: &mut usize,
    ) -> Result<(), ProofError> {
        let mut stack: Vec<(usize, Vec<u8>)> = Vec::new();
        if zone.side(&[]) == Side::Border {
            stack.extend(self.root()?.map(|root| (root, Vec::new())));
        }
        while let Some((at, path)) = stack.pop() {
            spend(visits, 64, "visits")?;
            let sides: Vec<Side> = (0..64)
                .map(|slot| zone.side(&joined(&path, slot)))
                .collect();
            let occupied = self.branches[at].branch.occupied();
            let on = |side: Side| {
                let there = occupied.iter();
                there
                    .filter(|slot| sides[usize::from(**slot)] == side)
                    .count()
            };
            let outside = either && on(Side::Without) < on(Side::Within);
            let wanted = if outside { Side::Without } else { Side::Within };
            for slot in 0..64u8 {
                if ![Side::Border, wanted].contains(&sides[usize::from(slot)]) {
                    continue;
                }
                let place = self.branches[at].show(slot);
                match &self.branches[at].shown[place].below {
                    Some(Below::Branch(below)) if zone.side(below) == Side::Border => {
                        let below = below.clone();
                        stack.push((self.enter(at, place)?, below));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The slots that are opened, in the order in which [`Touched::encode`] shows them. Of a root over one slot (`lone`) nothing is
    /// opened: what lies there stands in its place.
    pub(crate) fn opened<'t>(&'t self, lone: Option<&Below>, out: &mut Vec<(&'t Branch, u8)>) {
        if !matches!(lone, Some(Below::Leaf(_))) {
            self.open_slots(self.top(lone), out);
        }
    }

    /// The branch whose slots are opened first: the root, or the one in its only slot.
    fn top(&self, lone: Option<&Below>) -> Option<&Node> {
        let root = self.branches.first()?;
        match lone {
            Some(Below::Branch(path)) => self.read_in(root.shown(*path.first()?)?),
            _ => Some(root),
        }
    }

    /// The branch in a slot, if it was read.
    fn read_in(&self, slot: &Slot) -> Option<&Node> {
        self.branches.get(slot.read?)
    }

    /// Paths are at most 225 steps, and so is the depth of this.
    fn open_slots<'t>(&'t self, node: Option<&'t Node>, out: &mut Vec<(&'t Branch, u8)>) {
        let Some(node) = node else {
            return;
        };
        for shown in &node.shown {
            out.push((&node.branch, shown.slot));
            self.open_slots(self.read_in(shown), out);
        }
    }

    /// The bytes of what is shown; a verifier's points are spent as it will.
    pub(crate) fn encode(
        &self,
        lone: Option<&Below>,
        points: &mut usize,
        out: &mut Vec<u8>,
        leaf: &mut LeafAt<'_>,
    ) -> Result<(), ProofError> {
        let depth = match lone {
            Some(Below::Leaf(steps)) => {
                let root = self.branches.first();
                let slot = root.and_then(|root| root.shown(*steps.first()?));
                if slot.is_none() {
                    out.push(0);
                    return Ok(());
                }
                let (claimed, bytes) = leaf(steps)?;
                out.push(if claimed { CLAIMED } else { OTHER });
                out.extend(bytes);
                return Ok(());
            }
            Some(Below::Branch(path)) => path.len(),
            None => 0,
        };
        let top = self.top(lone);
        out.push(top.map_or(0, |node| node.shown.len()) as u8);
        self.encode_slots(top, depth, points, out, leaf)
    }

    /// Of a branch whose path has `depth` steps. As deep as [`Touched::open_slots`].
    fn encode_slots(
        &self,
        node: Option<&Node>,
        depth: usize,
        points: &mut usize,
        out: &mut Vec<u8>,
        leaf: &mut LeafAt<'_>,
    ) -> Result<(), ProofError> {
        let Some(node) = node else {
            return Ok(());
        };
        for shown in &node.shown {
            let slot = shown.slot;
            match &shown.below {
                None => out.push(slot),
                Some(Below::Leaf(steps)) => match leaf(steps)? {
                    (true, row) => {
                        out.push(CLAIMED << 6 | slot);
                        out.extend(row);
                    }
                    (false, other) => {
                        out.extend([MORE << 6 | slot, 0]);
                        out.extend(other);
                    }
                },
                Some(Below::Branch(below)) => {
                    let child = self.read_in(shown);
                    let read;
                    let branch = match child {
                        Some(child) => &child.branch,
                        None => {
                            read = self.nodes.branch(self.tree, below)?;
                            read.as_ref().ok_or_else(|| missing(below))?
                        }
                    };
                    let count = child.map_or(0, |child| child.shown.len());
                    let skipped = &below[depth + 1..];
                    match skipped.len() as u64 * 65 + count as u64 + 1 {
                        ONE_SHOWN => out.push(BRANCH << 6 | slot),
                        more => {
                            out.push(MORE << 6 | slot);
                            put_number(out, more);
                        }
                    }
                    put_steps(out, skipped);
                    spend(points, 1, "points")?;
                    put_root(out, branch);
                    self.encode_slots(child, below.len(), points, out, leaf)?;
                }
            }
        }
        Ok(())
    }
}

fn missing(path: &[u8]) -> ProofError {
    ProofError::Store(format!("the branch at {path:?} is missing"))
}

fn joined(path: &[u8], slot: u8) -> Vec<u8> {
    [path, &[slot]].concat()
}

pub(crate) fn put_steps(out: &mut Vec<u8>, steps: &[u8]) {
    let (mut window, mut held) = (0u32, 0);
    for step in steps {
        window = window << 6 | u32::from(*step);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((window >> held) as u8);
            window &= (1 << held) - 1;
        }
    }
    if held > 0 {
        out.push((window << (8 - held)) as u8);
    }
}

/// Commitment, count and bytes.
pub(crate) fn put_root(out: &mut Vec<u8>, root: &Branch) {
    out.extend(root.commitment);
    put_number(out, root.count);
    put_number(out, root.size);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::domain::WIDTH;
    use crate::hash::Digest;
    use crate::proof::Check;
    use crate::scalar::Scalar;

    /// A root over two branches of two leaves each.
    struct Two;

    impl Nodes for Two {
        fn branch(&self, _: Which, path: &[u8]) -> Result<Option<Branch>, ProofError> {
            let below = |slot: u8| match path {
                [] => Below::Branch(vec![slot]),
                path => Below::Leaf(joined(path, slot)),
            };
            let values = Box::new([Scalar::ZERO; WIDTH]);
            let slots = vec![(1, below(1)), (2, below(2))];
            Ok(Some(Branch::new([0; 48], (4, 4), values, slots)))
        }

        fn hash(&self, _: Which) -> Result<Option<Digest>, ProofError> {
            Ok(None)
        }
    }

    fn touched(keys: &[[u8; 2]]) -> Touched<'static> {
        let mut touched = Touched::new(&Two, Which::App(0));
        for key in keys {
            assert!(touched.get(key, &mut 2).unwrap());
        }
        touched
    }

    fn bytes(touched: &Touched<'_>, points: &mut usize) -> Result<Vec<u8>, ProofError> {
        let mut out = Vec::new();
        touched.encode(None, points, &mut out, &mut |steps| {
            Ok((true, steps.to_vec()))
        })?;
        Ok(out)
    }

    #[test]
    fn points_are_counted_as_a_verifier_does() {
        let touched = touched(&[[1, 1], [1, 2], [2, 1]]);
        let mut points = 2;
        bytes(&touched, &mut points).unwrap();
        assert_eq!(points, 0);
        let refused = bytes(&touched, &mut 1);
        assert!(matches!(refused, Err(ProofError::Refused(error)) if error.check == Check::Size));
    }

    #[test]
    fn what_two_touched_is_what_one_would_have() {
        let all = [[1, 1], [2, 2], [1, 2], [2, 1]];
        for cut in 0..=all.len() {
            let (first, second) = all.split_at(cut);
            let mut joint = touched(first);
            joint.absorb(touched(second));
            let one = touched(&all);
            assert_eq!(bytes(&joint, &mut 9).unwrap(), bytes(&one, &mut 9).unwrap());
            assert_eq!(joint.shown(), one.shown());
            let slots = |touched: &Touched<'_>| {
                let mut out = Vec::new();
                touched.opened(None, &mut out);
                out.iter().map(|(_, slot)| *slot).collect::<Vec<_>>()
            };
            assert_eq!(slots(&joint), slots(&one));
        }
    }
}
