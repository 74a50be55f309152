//! Pruned trees: what a proof shows of a tree, as its bytes say, and walks over it.
//!
//! **Theory.** A slot's scalar is rebuilt from its content, so whatever passes the opening check is what the tree holds.
//! **Invariant.** A walk that needs a slot that is not shown fails; every slot shown is needed by some walk.

use super::error::{fail, Check, VerificationError};
use super::place::{Side, Zone};
use super::row::leaf_scalar;
use super::wire::{spend, Reader, MAX_STEPS};
use crate::hash::{to_scalar, Digest};
use crate::scalar::Scalar;

/// An entry shown at its place.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) key: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) version: u64,
    pub(crate) size: u64,
    /// The claimed row that it is, if it is one.
    pub(crate) row: Option<usize>,
}

/// What a slot shows.
#[derive(Clone, Debug)]
enum Shown {
    Hidden,
    Empty,
    Leaf(Box<Leaf>),
    Branch(usize),
}

/// A branch and what is shown of its slots.
#[derive(Debug)]
pub(crate) struct Branch {
    path: Vec<u8>,
    commitment: [u8; 48],
    count: u64,
    size: u64,
    slots: Vec<(u8, Shown)>,
    seen: u64,
}

impl Branch {
    pub(crate) fn root(reader: &mut Reader<'_>) -> Result<Branch, VerificationError> {
        Ok(Branch {
            path: Vec::new(),
            commitment: reader.point()?,
            count: reader.varint()?,
            size: reader.varint()?,
            slots: Vec::new(),
            seen: 0,
        })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn scalar(&self) -> Scalar {
        branch_scalar(&self.path, &self.commitment, self.count, self.size)
    }

    fn slot(&self, slot: u8) -> &Shown {
        match self.slots.binary_search_by_key(&slot, |(at, _)| *at) {
            Ok(at) => &self.slots[at].1,
            Err(_) => &Shown::Hidden,
        }
    }
}

/// The scalar of a branch's slot.
pub fn branch_scalar(path: &[u8], commitment: &[u8; 48], count: u64, size: u64) -> Scalar {
    to_scalar(
        "hyperdb/branch",
        &[path, commitment, &count.to_le_bytes(), &size.to_le_bytes()],
    )
}

/// The digest that stands for a tree: its root's scalar, or that of the empty tree.
pub(crate) fn root_digest(root: Option<&Branch>) -> Digest {
    root.map_or_else(|| to_scalar("hyperdb/empty-tree", &[]), Branch::scalar)
        .to_bytes()
}

/// One slot shown of one commitment, and the scalar that its content makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) commitment: [u8; 48],
    pub(crate) slot: u8,
    pub(crate) value: Scalar,
}

/// The tree key of a leaf's key.
pub(crate) type PlaceOf = fn(&[u8]) -> Result<Vec<u8>, VerificationError>;

/// What is shown of one tree.
#[derive(Debug, Default)]
pub(crate) struct Pruned {
    /// The root first; empty: the tree is.
    pub(crate) branches: Vec<Branch>,
}

impl Pruned {
    /// Reads what is shown below the root, appending the openings in the order of the bytes.
    pub(crate) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        place: PlaceOf,
        claimed: &mut dyn FnMut() -> Result<Leaf, VerificationError>,
        opened: &mut Vec<Opened>,
    ) -> Result<(), VerificationError> {
        let shown = reader.u8()?;
        if !(1..=64).contains(&shown) {
            return fail(Check::Format, format!("{shown} slots shown of a root"));
        }
        let mut pending = vec![(0usize, u64::from(shown))];
        while let Some((at, left)) = pending.pop() {
            let Some(left) = left.checked_sub(1) else {
                continue;
            };
            let head = reader.u8()?;
            let (kind, slot) = (head >> 6, head & 63);
            if self.branches[at]
                .slots
                .last()
                .is_some_and(|(last, _)| *last >= slot)
            {
                return fail(Check::Format, "slots do not ascend");
            }
            spend(&mut reader.left.slots, 1, "slots")?;
            pending.push((at, left));
            let mut path = self.branches[at].path.clone();
            path.push(slot);
            let (value, content) = match kind {
                0 => (Scalar::ZERO, Shown::Empty),
                3 => {
                    let (branch, below) = read_branch(reader, path)?;
                    let value = branch.scalar();
                    self.branches.push(branch);
                    pending.push((self.branches.len() - 1, below));
                    (value, Shown::Branch(self.branches.len() - 1))
                }
                _ => {
                    let leaf = match kind {
                        1 => claimed()?,
                        _ => Leaf {
                            key: reader.blob()?.to_vec(),
                            digest: reader.array()?,
                            version: reader.varint()?,
                            size: reader.varint()?,
                            row: None,
                        },
                    };
                    if !place(&leaf.key)?.starts_with(&path) {
                        return fail(Check::Place, "a leaf that does not lie where its key says");
                    }
                    let value = leaf_scalar(&leaf.key, &leaf.digest, leaf.version, leaf.size);
                    (value, Shown::Leaf(Box::new(leaf)))
                }
            };
            let branch = &mut self.branches[at];
            branch.slots.push((slot, content));
            opened.push(Opened {
                commitment: branch.commitment,
                slot,
                value,
            });
        }
        Ok(())
    }

    pub(crate) fn root(&self) -> Option<&Branch> {
        self.branches.first()
    }

    /// Fails if more is shown than the walks needed.
    pub(crate) fn check_all_seen(&self) -> Result<(), VerificationError> {
        let spare = |branch: &&Branch| (branch.seen.count_ones() as usize) < branch.slots.len();
        match self.branches.iter().find(spare) {
            None => Ok(()),
            Some(_) => fail(Check::Claim, "slots are shown that no query needs"),
        }
    }

    fn show(&mut self, at: usize, slot: u8) -> Result<Shown, VerificationError> {
        let branch = &mut self.branches[at];
        branch.seen |= 1 << slot;
        match branch.slot(slot) {
            Shown::Hidden => fail(
                Check::Claim,
                format!(
                    "slot {slot} at depth {} is needed and not shown",
                    branch.path.len()
                ),
            ),
            shown => Ok(shown.clone()),
        }
    }

    /// The leaf of a key, or none if the tree does not hold it.
    pub(crate) fn get(
        &mut self,
        key: &[u8],
        steps: &[u8],
        visits: &mut usize,
    ) -> Result<Option<Leaf>, VerificationError> {
        let mut at = if self.branches.is_empty() {
            None
        } else {
            Some(0)
        };
        while let Some(here) = at {
            spend(visits, 1, "visits")?;
            let Some(slot) = steps.get(self.branches[here].path.len()) else {
                return fail(Check::Claim, "a branch lies below a whole key");
            };
            at = match self.show(here, *slot)? {
                Shown::Leaf(leaf) => return Ok((leaf.key == key).then_some(*leaf)),
                Shown::Branch(below) if steps.starts_with(&self.branches[below].path) => {
                    Some(below)
                }
                _ => None,
            };
        }
        Ok(None)
    }

    /// All leaves of a zone, in order.
    pub(crate) fn rows(
        &mut self,
        zone: &Zone,
        visits: &mut usize,
    ) -> Result<Vec<Leaf>, VerificationError> {
        let mut leaves = Vec::new();
        let mut stack = Vec::new();
        if !self.branches.is_empty() && zone.side(&[]) != Side::Without {
            stack.push((0, 0u8));
        }
        while let Some((at, first)) = stack.pop() {
            for slot in first..64 {
                spend(visits, 1, "visits")?;
                if self.side(zone, at, slot) == Side::Without {
                    continue;
                }
                match self.show(at, slot)? {
                    Shown::Leaf(leaf) if zone.holds(&leaf.key) => leaves.push(*leaf),
                    Shown::Branch(below)
                        if zone.side(&self.branches[below].path) != Side::Without =>
                    {
                        stack.extend([(at, slot + 1), (below, 0)]);
                        break;
                    }
                    _ => {}
                }
            }
        }
        Ok(leaves)
    }

    /// Leaves of an exact zone and their bytes, as the branches say.
    pub(crate) fn count(
        &mut self,
        zone: &Zone,
        visits: &mut usize,
    ) -> Result<(u64, u64), VerificationError> {
        if self.branches.is_empty() {
            return Ok((0, 0));
        }
        self.count_below(0, zone, visits)
    }

    /// Paths are at most 225 steps, and so is the depth of this.
    fn count_below(
        &mut self,
        at: usize,
        zone: &Zone,
        visits: &mut usize,
    ) -> Result<(u64, u64), VerificationError> {
        let branch = &self.branches[at];
        let whole = (branch.count, branch.size);
        match zone.side(&branch.path) {
            Side::Within => return Ok(whole),
            Side::Without => return Ok((0, 0)),
            Side::Border => spend(visits, 64, "visits")?,
        }
        let sides: Vec<Side> = (0..64).map(|slot| self.side(zone, at, slot)).collect();
        let hidden = |slot: usize| matches!(self.branches[at].slot(slot as u8), Shown::Hidden);
        let inside = !(0..64).any(|slot| sides[slot] == Side::Within && hidden(slot));
        let wanted = if inside { Side::Within } else { Side::Without };
        let mut sum = (0u64, 0u64);
        for slot in 0..64u8 {
            if ![Side::Border, wanted].contains(&sides[usize::from(slot)]) {
                continue;
            }
            let part = match self.show(at, slot)? {
                Shown::Leaf(leaf) if zone.holds(&leaf.key) == inside => (1, leaf.size),
                Shown::Branch(below) => {
                    let within = self.count_below(below, zone, visits)?;
                    let all = (self.branches[below].count, self.branches[below].size);
                    if inside {
                        within
                    } else {
                        less(all, within)?
                    }
                }
                _ => (0, 0),
            };
            sum = (sum.0.saturating_add(part.0), sum.1.saturating_add(part.1));
        }
        if inside {
            Ok(sum)
        } else {
            less(whole, sum)
        }
    }

    fn side(&self, zone: &Zone, at: usize, slot: u8) -> Side {
        let mut path = self.branches[at].path.clone();
        path.push(slot);
        zone.side(&path)
    }
}

fn less(all: (u64, u64), part: (u64, u64)) -> Result<(u64, u64), VerificationError> {
    match (all.0.checked_sub(part.0), all.1.checked_sub(part.1)) {
        (Some(count), Some(size)) => Ok((count, size)),
        _ => fail(Check::Claim, "a branch counts less than lies below it"),
    }
}

fn read_branch(
    reader: &mut Reader<'_>,
    mut path: Vec<u8>,
) -> Result<(Branch, u64), VerificationError> {
    let head = reader.varint()?;
    let (skipped, below) = (head / 65, head % 65);
    if skipped >= (MAX_STEPS - path.len()) as u64 {
        return fail(
            Check::Size,
            format!("a path of more than {MAX_STEPS} steps"),
        );
    }
    let skipped = skipped as usize;
    let packed = reader.take((6 * skipped).div_ceil(8))?;
    let bit = |at: usize| packed[at / 8] >> (7 - at % 8) & 1;
    if (6 * skipped..8 * packed.len()).any(|at| bit(at) == 1) {
        return fail(Check::Format, "bits behind the skipped steps");
    }
    path.extend((0..skipped).map(|step| (0..6).fold(0, |acc, at| acc << 1 | bit(6 * step + at))));
    let branch = Branch {
        path,
        ..Branch::root(reader)?
    };
    if branch.count < 2 {
        return fail(
            Check::Format,
            format!("a branch of {} leaves", branch.count),
        );
    }
    Ok((branch, below))
}
