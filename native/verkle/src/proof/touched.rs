//! The slots of one tree that queries touch, and the bytes that show them.
//!
//! **Invariant.** What is noted here is what the verifier will ask for: the walks are those of `pruned.rs`.

use super::error::ProofError;
use super::place::{Side, Zone};
use super::source::{Below, Branch, Nodes, Which};
use super::wire::{put_varint, spend};
use hashbrown::HashMap;

/// Branches that were read and the slots of each that are to be shown.
pub(crate) struct Touched<'a> {
    nodes: &'a dyn Nodes,
    pub(crate) tree: Which,
    pub(crate) branches: HashMap<Vec<u8>, (Branch, u64)>,
}

pub(crate) type PutLeaf<'a> = dyn FnMut(&[u8], &mut Vec<u8>) -> Result<bool, ProofError> + 'a;

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
            Some(branch) => drop(self.branches.insert(path.to_vec(), (branch, 0))),
            None if path.is_empty() => return Ok(false),
            None => {
                return Err(ProofError::Store(format!(
                    "the branch at {path:?} is missing"
                )))
            }
        }
        Ok(true)
    }

    fn show(&mut self, path: &[u8], slot: u8) -> Option<Below> {
        let (branch, shown) = self.branches.get_mut(path)?;
        *shown |= 1 << slot;
        branch.below(slot)
    }

    /// The tree key of the leaf at the key's place, if it is the key's own. As below, `visits` are spent as the verifier will.
    pub(crate) fn get(&mut self, steps: &[u8], visits: &mut usize) -> Result<bool, ProofError> {
        let mut path = Vec::new();
        while self.load(&path)? {
            spend(visits, 1, "visits")?;
            match steps
                .get(path.len())
                .and_then(|slot| self.show(&path, *slot))
            {
                Some(Below::Branch(below)) if steps.starts_with(&below) => path = below,
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
                    Some(Below::Leaf(steps)) => leaves.push(steps),
                    Some(Below::Branch(below)) if zone.side(&below) != Side::Without => {
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
                let (branch, _) = self.branches.get(&path)?;
                Some(
                    branch
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
                    stack.push(below);
                }
            }
        }
        Ok(())
    }

    /// The bytes of what is shown, and which slots that are, in their order.
    pub(crate) fn encode(
        &self,
        out: &mut Vec<u8>,
        noted: &mut Vec<(Which, Vec<u8>, u8)>,
        leaf: &mut PutLeaf<'_>,
    ) -> Result<(), ProofError> {
        let shown = self
            .branches
            .get(&[][..])
            .map_or(0, |(_, shown)| shown.count_ones());
        out.push(shown as u8);
        self.encode_slots(&[], out, noted, leaf)
    }

    /// Paths are at most 225 steps, and so is the depth of this.
    fn encode_slots(
        &self,
        path: &[u8],
        out: &mut Vec<u8>,
        noted: &mut Vec<(Which, Vec<u8>, u8)>,
        leaf: &mut PutLeaf<'_>,
    ) -> Result<(), ProofError> {
        let Some((branch, shown)) = self.branches.get(path) else {
            return Ok(());
        };
        for slot in (0..64u8).filter(|slot| shown >> slot & 1 == 1) {
            noted.push((self.tree, path.to_vec(), slot));
            match branch.below(slot) {
                None => out.push(slot),
                Some(Below::Leaf(steps)) => {
                    let head = out.len();
                    out.push(2 << 6 | slot);
                    if leaf(&steps, out)? {
                        out[head] = 1 << 6 | slot;
                    }
                }
                Some(Below::Branch(below)) => {
                    let read;
                    let (child, below_shown) = match self.branches.get(&below) {
                        Some((child, shown)) => (child, *shown),
                        None => {
                            read = self.nodes.branch(self.tree, &below)?;
                            (
                                read.as_ref().ok_or_else(|| {
                                    ProofError::Store(format!("the branch at {below:?} is missing"))
                                })?,
                                0,
                            )
                        }
                    };
                    let skipped = &below[path.len() + 1..];
                    out.push(3 << 6 | slot);
                    put_varint(
                        out,
                        skipped.len() as u64 * 65 + u64::from(below_shown.count_ones()),
                    );
                    put_steps(out, skipped);
                    put_root(out, child);
                    self.encode_slots(&below, out, noted, leaf)?;
                }
            }
        }
        Ok(())
    }
}

fn joined(path: &[u8], slot: u8) -> Vec<u8> {
    [path, &[slot]].concat()
}

fn put_steps(out: &mut Vec<u8>, steps: &[u8]) {
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
    put_varint(out, root.count);
    put_varint(out, root.size);
}
