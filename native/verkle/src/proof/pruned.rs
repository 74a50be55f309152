//! Pruned trees: what a proof shows of a tree, as its bytes say, and walks over it.
//!
//! **Theory.** A slot's scalar is rebuilt from its content, so whatever passes the opening check is what the tree holds. A root with one
//! occupied slot is not even opened: its commitment is the slot's scalar times a known point, so it is computed from what lies below, and
//! the root digest binds that.
//!
//! **Invariant.** A walk that needs a slot that is not shown fails; every slot shown is needed by some walk.

use super::error::{fail, Check, VerificationError};
use super::place::{Side, Zone};
use super::wire::{spend, Reader, MAX_STEPS};
use crate::bases;
use crate::hash::{to_scalar, Digest};
use crate::scalar::Scalar;
use crate::setup::Setup;
use crate::tree::leaf::leaf_scalar;
use std::rc::Rc;

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

impl Leaf {
    fn scalar(&self) -> Scalar {
        leaf_scalar(&self.key, &self.digest, self.version, self.size)
    }
}

/// What a slot shows, by the two high bits of its first byte.
pub(crate) const EMPTY: u8 = 0;
/// A claimed leaf.
pub(crate) const CLAIMED: u8 = 1;
/// A branch without skipped steps, of which one slot is shown.
pub(crate) const BRANCH: u8 = 2;
/// A leaf that is not claimed, or any other branch: a number follows.
pub(crate) const MORE: u8 = 3;
/// Of a root over one leaf: a leaf that is not claimed.
pub(crate) const OTHER: u8 = 2;
/// The number of a branch of which one slot is shown: 1 more than skipped * 65 + shown.
pub(crate) const ONE_SHOWN: u64 = 2;

/// What a slot shows.
#[derive(Clone, Debug)]
enum Shown {
    Hidden,
    Empty,
    Leaf(Rc<Leaf>),
    Branch(usize),
}

/// A branch and what is shown of its slots.
#[derive(Debug)]
pub(crate) struct Branch {
    path: Vec<u8>,
    commitment: [u8; 48],
    count: u64,
    size: u64,
    /// The one slot that is occupied, if that is known.
    only: Option<u8>,
    slots: Vec<(u8, Shown)>,
    /// Bits: slots of which the bytes tell.
    told: u64,
    /// Bits: slots that a walk needed.
    seen: u64,
}

impl Branch {
    fn read(reader: &mut Reader<'_>, path: Vec<u8>) -> Result<Branch, VerificationError> {
        Ok(Branch {
            path,
            commitment: reader.point()?,
            count: reader.number()?,
            size: reader.number()?,
            only: None,
            slots: Vec::new(),
            told: 0,
            seen: 0,
        })
    }

    /// A root over the one slot that it has, whose scalar is `value`.
    fn over(
        slot: u8,
        value: Scalar,
        (count, size): (u64, u64),
    ) -> Result<Branch, VerificationError> {
        let Ok(setup) = Setup::ceremony() else {
            return fail(Check::Opening, "this build's trusted setup is damaged");
        };
        Ok(Branch {
            path: Vec::new(),
            commitment: bases::multiple(setup, slot, value)
                .to_point()
                .to_compressed(),
            count,
            size,
            only: Some(slot),
            slots: Vec::new(),
            told: 0,
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
            Err(_) if self.only.is_some_and(|only| only != slot) => &Shown::Empty,
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

/// Reads what is claimed of a leaf.
pub(crate) type Claimed<'a> = dyn FnMut(&mut Reader<'_>) -> Result<Leaf, VerificationError> + 'a;

/// What is shown of one tree.
#[derive(Debug, Default)]
pub(crate) struct Pruned {
    /// The root first; empty: the tree is.
    branches: Vec<Branch>,
    /// Of a root over one leaf: the scalar that the leaf must make.
    leaf: Option<Scalar>,
}

impl Pruned {
    /// A root by its own commitment.
    pub(crate) fn root_of_many(reader: &mut Reader<'_>) -> Result<Pruned, VerificationError> {
        Ok(Pruned {
            branches: vec![Branch::read(reader, Vec::new())?],
            leaf: None,
        })
    }

    /// A root over one slot, from what lies there: the path of a branch and the branch, or a leaf's slot, scalar and bytes.
    pub(crate) fn root_of_one(reader: &mut Reader<'_>) -> Result<Pruned, VerificationError> {
        let steps = usize::from(reader.u8()?);
        if steps >= MAX_STEPS {
            return fail(
                Check::Size,
                format!("a path of more than {MAX_STEPS} steps"),
            );
        }
        if steps > 0 {
            let mut path = Vec::new();
            read_steps(reader, steps, &mut path)?;
            let slot = path[0];
            let branch = Branch::read(reader, path)?;
            check_count(&branch)?;
            let mut root = Branch::over(slot, branch.scalar(), (branch.count, branch.size))?;
            root.slots.push((slot, Shown::Branch(1)));
            return Ok(Pruned {
                branches: vec![root, branch],
                leaf: None,
            });
        }
        let slot = reader.u8()?;
        let scalar = Scalar::from_bytes(&reader.array()?).filter(|scalar| !scalar.is_zero());
        match scalar {
            Some(scalar) if slot < 64 => Ok(Pruned {
                branches: vec![Branch::over(slot, scalar, (1, reader.number()?))?],
                leaf: Some(scalar),
            }),
            _ => fail(Check::Format, "a root over one leaf that is none"),
        }
    }

    /// Reads what is shown, appending the openings in the order of the bytes.
    pub(crate) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        place: PlaceOf,
        claimed: &mut Claimed<'_>,
        opened: &mut Vec<Opened>,
    ) -> Result<(), VerificationError> {
        let shown = reader.u8()?;
        if let (Some(scalar), Some(slot)) = (self.leaf, self.branches[0].only) {
            return match shown {
                0 => Ok(()),
                CLAIMED | OTHER => {
                    spend(&mut reader.left.slots, 1, "slots")?;
                    let leaf = read_leaf(reader, shown, &[slot], place, claimed)?;
                    if leaf.scalar() != scalar {
                        return fail(Check::Opening, "a leaf that is not the one below its root");
                    }
                    self.branches[0].told = 1 << slot;
                    let shown = Shown::Leaf(Rc::new(leaf));
                    self.branches[0].slots.push((slot, shown));
                    Ok(())
                }
                _ => fail(Check::Format, format!("{shown} slots shown of one leaf")),
            };
        }
        if shown > 64 {
            return fail(Check::Format, format!("{shown} slots shown of a branch"));
        }
        let mut pending = vec![(self.branches.len() - 1, u64::from(shown))];
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
            // Behind the kind of all others: another leaf, or a branch's skipped steps and slots shown.
            let more = match kind {
                MORE => reader.number()?,
                _ => ONE_SHOWN,
            };
            let (value, content) = match kind {
                EMPTY => (Scalar::ZERO, Shown::Empty),
                MORE | BRANCH if more > 0 => {
                    if kind == MORE && more == ONE_SHOWN {
                        return fail(Check::Format, "a branch in a longer form");
                    }
                    let (skipped, below) = ((more - 1) / 65, (more - 1) % 65);
                    let branch = read_branch(reader, path, skipped)?;
                    let value = branch.scalar();
                    self.branches.push(branch);
                    pending.push((self.branches.len() - 1, below));
                    (value, Shown::Branch(self.branches.len() - 1))
                }
                _ => {
                    let kind = if kind == MORE { OTHER } else { CLAIMED };
                    let leaf = read_leaf(reader, kind, &path, place, claimed)?;
                    (leaf.scalar(), Shown::Leaf(Rc::new(leaf)))
                }
            };
            let branch = &mut self.branches[at];
            branch.slots.push((slot, content));
            branch.told |= 1 << slot;
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
        let spare = |branch: &&Branch| branch.told & !branch.seen != 0;
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
    ) -> Result<Option<Rc<Leaf>>, VerificationError> {
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
                Shown::Leaf(leaf) => return Ok((leaf.key == key).then_some(leaf)),
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
    ) -> Result<Vec<Rc<Leaf>>, VerificationError> {
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
                    Shown::Leaf(leaf) if zone.holds(&leaf.key) => leaves.push(leaf),
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

fn read_leaf(
    reader: &mut Reader<'_>,
    kind: u8,
    path: &[u8],
    place: PlaceOf,
    claimed: &mut Claimed<'_>,
) -> Result<Leaf, VerificationError> {
    let leaf = match kind {
        CLAIMED => claimed(reader)?,
        _ => Leaf {
            key: reader.blob()?.to_vec(),
            digest: reader.array()?,
            version: reader.number()?,
            size: reader.number()?,
            row: None,
        },
    };
    if !place(&leaf.key)?.starts_with(path) {
        return fail(Check::Place, "a leaf that does not lie where its key says");
    }
    Ok(leaf)
}

fn read_branch(
    reader: &mut Reader<'_>,
    mut path: Vec<u8>,
    skipped: u64,
) -> Result<Branch, VerificationError> {
    if skipped >= (MAX_STEPS - path.len()) as u64 {
        return fail(
            Check::Size,
            format!("a path of more than {MAX_STEPS} steps"),
        );
    }
    read_steps(reader, skipped as usize, &mut path)?;
    let branch = Branch::read(reader, path)?;
    check_count(&branch)?;
    Ok(branch)
}

/// A branch has two slots, and so two leaves, at least.
fn check_count(branch: &Branch) -> Result<(), VerificationError> {
    if branch.count < 2 {
        return fail(
            Check::Format,
            format!("a branch of {} leaves", branch.count),
        );
    }
    Ok(())
}

fn read_steps(
    reader: &mut Reader<'_>,
    count: usize,
    path: &mut Vec<u8>,
) -> Result<(), VerificationError> {
    let packed = reader.take((6 * count).div_ceil(8))?;
    let bit = |at: usize| packed[at / 8] >> (7 - at % 8) & 1;
    if (6 * count..8 * packed.len()).any(|at| bit(at) == 1) {
        return fail(Check::Format, "bits behind the steps");
    }
    path.extend((0..count).map(|step| (0..6).fold(0, |acc, at| acc << 1 | bit(6 * step + at))));
    Ok(())
}
