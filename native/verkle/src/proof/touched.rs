//! The slots of one tree that queries touch, and the bytes that show them.
//!
//! **Invariant.** What is noted here is what the verifier will ask for: the walks are those of `pruned.rs`.

use super::error::ProofError;
use super::place::{Side, Zone};
use super::pruned::{BRANCH, CLAIMED, MORE, ONE_SHOWN, OTHER};
use super::source::{Below, Branch, Nodes, Which};
use super::wire::{put_number, spend};
use hashbrown::hash_map::{Entry, HashMap};

/// Branches that were read and the slots of each that are to be shown.
pub(crate) struct Touched<'a> {
    nodes: &'a dyn Nodes,
    tree: Which,
    branches: HashMap<Vec<u8>, Node>,
}

/// A branch, the slots to be shown, ascending, and what lies in them.
struct Node {
    branch: Branch,
    shown: Vec<(u8, Option<Below>)>,
}

impl Node {
    fn show(&mut self, slot: u8) -> Option<&Below> {
        let place = self.shown.binary_search_by_key(&slot, |(slot, _)| *slot);
        let at = place.unwrap_or_else(|at| {
            self.shown.insert(at, (slot, self.branch.below(slot)));
            at
        });
        self.shown[at].1.as_ref()
    }

    fn shows(&self, slot: u8) -> bool {
        self.shown.iter().any(|(shown, _)| *shown == slot)
    }
}

/// The bytes of the leaf at a tree key, and whether it is claimed.
pub(crate) type LeafAt<'a> = dyn FnMut(&[u8]) -> Result<(bool, Vec<u8>), ProofError> + 'a;

impl<'a> Touched<'a> {
    pub(crate) fn new(nodes: &'a dyn Nodes, tree: Which) -> Self {
        Self {
            nodes,
            tree,
            branches: HashMap::new(),
        }
    }

    /// Whether there is a branch at a path, which is then in memory.
    fn load(&mut self, path: &[u8]) -> Result<bool, ProofError> {
        if self.branches.contains_key(path) {
            return Ok(true);
        }
        match self.nodes.branch(self.tree, path)? {
            Some(branch) => {
                let shown = Vec::new();
                self.branches.insert(path.to_vec(), Node { branch, shown });
            }
            None if path.is_empty() => return Ok(false),
            None => {
                return Err(ProofError::Store(format!(
                    "the branch at {path:?} is missing"
                )))
            }
        }
        Ok(true)
    }

    fn show(&mut self, path: &[u8], slot: u8) -> Option<&Below> {
        self.branches.get_mut(path)?.show(slot)
    }

    /// Takes over what others touched of the same tree.
    pub(crate) fn absorb(&mut self, others: Self) {
        for (path, node) in others.branches {
            match self.branches.entry(path) {
                Entry::Vacant(place) => drop(place.insert(node)),
                Entry::Occupied(mut place) => {
                    let known = place.get_mut();
                    for (slot, _) in node.shown {
                        known.show(slot);
                    }
                }
            }
        }
    }

    /// Whether the leaf at the key's place is the key's own. As below, `visits` are spent as the verifier will.
    pub(crate) fn get(&mut self, steps: &[u8], visits: &mut usize) -> Result<bool, ProofError> {
        let mut depth = 0;
        while self.load(&steps[..depth])? {
            spend(visits, 1, "visits")?;
            let slot = steps.get(depth).copied();
            match slot.and_then(|slot| self.show(&steps[..depth], slot)) {
                Some(Below::Branch(below)) if steps.starts_with(below) => depth = below.len(),
                Some(Below::Leaf(found)) => return Ok(found == steps),
                _ => return Ok(false),
            }
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
        let mut stack = vec![(Vec::new(), 0u8)];
        while let Some((path, first)) = stack.pop() {
            if !self.load(&path)? {
                break;
            }
            for slot in first..64 {
                spend(visits, 1, "visits")?;
                if zone.side(&joined(&path, slot)) == Side::Without {
                    continue;
                }
                match self.show(&path, slot) {
                    Some(Below::Leaf(steps)) => leaves.push(steps.clone()),
                    Some(Below::Branch(below)) if zone.side(below) != Side::Without => {
                        let below = below.clone();
                        stack.extend([(path, slot + 1), (below, 0)]);
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
        let mut stack = vec![Vec::new()];
        while let Some(path) = stack.pop() {
            if zone.side(&path) != Side::Border || !self.load(&path)? {
                continue;
            }
            spend(visits, 64, "visits")?;
            let sides: Vec<Side> = (0..64)
                .map(|slot| zone.side(&joined(&path, slot)))
                .collect();
            let occupied = |side: Side| {
                let node = self.branches.get(&path)?;
                Some(
                    node.branch
                        .occupied()
                        .iter()
                        .filter(|slot| sides[usize::from(**slot)] == side)
                        .count(),
                )
            };
            let outside = either && occupied(Side::Without) < occupied(Side::Within);
            let wanted = if outside { Side::Without } else { Side::Within };
            for slot in 0..64u8 {
                if ![Side::Border, wanted].contains(&sides[usize::from(slot)]) {
                    continue;
                }
                if let Some(Below::Branch(below)) = self.show(&path, slot) {
                    stack.push(below.clone());
                }
            }
        }
        Ok(())
    }

    /// The slots that are opened, in the order in which [`Touched::encode`] shows them. Of a root over one slot (`lone`) nothing is
    /// opened: what lies there stands in its place.
    pub(crate) fn opened<'t>(&'t self, lone: Option<&Below>, out: &mut Vec<(&'t Branch, u8)>) {
        match lone {
            Some(Below::Leaf(_)) => {}
            Some(Below::Branch(path)) => self.open_slots(path, out),
            None => self.open_slots(&[], out),
        }
    }

    /// Paths are at most 225 steps, and so is the depth of this.
    fn open_slots<'t>(&'t self, path: &[u8], out: &mut Vec<(&'t Branch, u8)>) {
        let Some(node) = self.branches.get(path) else {
            return;
        };
        for (slot, below) in &node.shown {
            out.push((&node.branch, *slot));
            if let Some(Below::Branch(below)) = below {
                self.open_slots(below, out);
            }
        }
    }

    fn shown_at(&self, path: &[u8]) -> usize {
        self.branches.get(path).map_or(0, |node| node.shown.len())
    }

    /// The bytes of what is shown.
    pub(crate) fn encode(
        &self,
        lone: Option<&Below>,
        out: &mut Vec<u8>,
        leaf: &mut LeafAt<'_>,
    ) -> Result<(), ProofError> {
        match lone {
            Some(Below::Leaf(steps)) => {
                let root = self.branches.get(&[][..]);
                if !root.is_some_and(|root| steps.first().is_some_and(|slot| root.shows(*slot))) {
                    out.push(0);
                    return Ok(());
                }
                let (claimed, bytes) = leaf(steps)?;
                out.push(if claimed { CLAIMED } else { OTHER });
                out.extend(bytes);
                Ok(())
            }
            Some(Below::Branch(path)) => {
                out.push(self.shown_at(path) as u8);
                self.encode_slots(path, out, leaf)
            }
            None => {
                out.push(self.shown_at(&[]) as u8);
                self.encode_slots(&[], out, leaf)
            }
        }
    }

    /// As deep as [`Touched::open_slots`].
    fn encode_slots(
        &self,
        path: &[u8],
        out: &mut Vec<u8>,
        leaf: &mut LeafAt<'_>,
    ) -> Result<(), ProofError> {
        let Some(node) = self.branches.get(path) else {
            return Ok(());
        };
        for (slot, below) in &node.shown {
            match below {
                None => out.push(*slot),
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
                    let read;
                    let (child, below_shown) = match self.branches.get(below) {
                        Some(child) => (&child.branch, child.shown.len()),
                        None => {
                            read = self.nodes.branch(self.tree, below)?;
                            (
                                read.as_ref().ok_or_else(|| {
                                    ProofError::Store(format!("the branch at {below:?} is missing"))
                                })?,
                                0,
                            )
                        }
                    };
                    let skipped = &below[path.len() + 1..];
                    match skipped.len() as u64 * 65 + below_shown as u64 + 1 {
                        ONE_SHOWN => out.push(BRANCH << 6 | slot),
                        more => {
                            out.push(MORE << 6 | slot);
                            put_number(out, more);
                        }
                    }
                    put_steps(out, skipped);
                    put_root(out, child);
                    self.encode_slots(below, out, leaf)?;
                }
            }
        }
        Ok(())
    }
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
