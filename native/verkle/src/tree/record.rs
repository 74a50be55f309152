//! A branch and its record: all that proving a slot or changing it needs, in one read.
//!
//! ```text
//! commitment      96, affine
//! slots           u8: how many
//! per slot, ascending:
//!   head          u8: slot, plus 64 if it holds a branch
//!   scalar        32, canonical, not zero
//!   leaf          bytes varint, steps behind the slot
//!   branch        hash slot 32, leaf count varint (at least 2), bytes varint, skipped steps
//! groups          32 each: hash digests of the groups of eight slots of which at least two are occupied, ascending
//! steps           count varint, then 6 bits each, filled up with zero bits
//! ```
//! **Theory.** Count and bytes of the branch itself are sums over its slots, so they cannot contradict them. Keeping the groups'
//! digests makes one changed slot cost 14 hashes instead of 63.
//!
//! **Invariant.** One branch has one record: the decoder takes arbitrary bytes and accepts nothing that the encoder does not write.

use super::error::TreeError;
use super::steps::Steps;
use super::wire::{put_varint, Reader};
use super::{nodes::NodeStore, place::MAX_STEPS, Path};
use crate::domain::{Values, WIDTH};
use crate::hash::{to_digest, to_scalar, Digest};
use crate::point::Point;
use crate::scalar::{Canonical, Scalar};

const BRANCH: u8 = 64;
const GROUP: usize = 8;

/// What a slot of a branch holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Leaf {
        scalar: Canonical,
        bytes: u64,
        /// Steps of the key behind the slot.
        rest: Steps,
    },
    Branch {
        scalar: Canonical,
        hash: Digest,
        count: u64,
        bytes: u64,
        /// Steps of the path behind the slot.
        skipped: Steps,
    },
}

impl Content {
    pub(crate) fn scalar(&self) -> Canonical {
        match self {
            Content::Leaf { scalar, .. } | Content::Branch { scalar, .. } => *scalar,
        }
    }

    fn hash(&self) -> &Digest {
        match self {
            Content::Leaf { scalar, .. } => scalar.bytes(),
            Content::Branch { hash, .. } => hash,
        }
    }

    fn weight(&self) -> (u64, u64) {
        match self {
            Content::Leaf { bytes, .. } => (1, *bytes),
            Content::Branch { count, bytes, .. } => (*count, *bytes),
        }
    }
}

/// A slot as readers see it: keys and paths are whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Nothing; its scalar is zero.
    Empty,
    /// A leaf.
    Leaf {
        /// Its place.
        key: super::TreeKey,
        /// Its scalar.
        scalar: [u8; 32],
        /// Bytes of its key and value.
        bytes: u64,
    },
    /// A branch below.
    Branch {
        /// Where it lies.
        path: Path,
        /// Its scalar.
        scalar: [u8; 32],
        /// Its hash slot.
        hash: Digest,
        /// Leaves below it.
        count: u64,
        /// Their bytes.
        bytes: u64,
    },
}

/// A branch of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    pub(crate) path: Path,
    pub(crate) commitment: Point,
    /// By ascending slot.
    pub(crate) slots: Vec<(u8, Content)>,
    /// Hash digests of the groups; `None`: empty, or not known since it changed.
    pub(crate) groups: [Option<Digest>; GROUP],
}

/// What a branch is to the branch above it, or a root to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) scalar: Canonical,
    pub(crate) hash: Digest,
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

impl Summary {
    /// Of a branch that is not committed to yet.
    pub(crate) fn blank() -> Self {
        Self {
            scalar: Canonical::ZERO,
            hash: [0; 32],
            count: 0,
            bytes: 0,
        }
    }
}

impl Branch {
    pub(crate) fn new(path: Path) -> Self {
        Self {
            path,
            commitment: Point::infinity(),
            slots: Vec::new(),
            groups: [None; GROUP],
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The commitment to its 64 values.
    pub fn commitment(&self) -> &Point {
        &self.commitment
    }

    /// The scalars of its slots.
    pub fn values(&self) -> Values {
        let mut out = [Scalar::ZERO; WIDTH];
        for (slot, content) in &self.slots {
            out[usize::from(*slot) % WIDTH] = content.scalar().into();
        }
        out
    }

    /// Leaves below it.
    pub fn count(&self) -> u64 {
        self.weight().0
    }

    /// Bytes of keys and values of the leaves below it.
    pub fn bytes(&self) -> u64 {
        self.weight().1
    }

    pub(crate) fn weight(&self) -> (u64, u64) {
        let weights = self.slots.iter().map(|(_, content)| content.weight());
        weights.fold((0, 0), |sum, (count, bytes)| {
            (sum.0.saturating_add(count), sum.1.saturating_add(bytes))
        })
    }

    pub(crate) fn content(&self, slot: u8) -> Option<&Content> {
        let at = self.slots.binary_search_by_key(&slot, |(at, _)| *at).ok()?;
        Some(&self.slots[at].1)
    }

    /// What a slot (below 64) holds.
    pub fn slot(&self, slot: u8) -> Slot {
        let below = |rest: &Steps| rest.behind(&self.path, slot);
        match self.content(slot) {
            None => Slot::Empty,
            Some(Content::Leaf {
                scalar,
                bytes,
                rest,
            }) => Slot::Leaf {
                key: super::TreeKey::from_steps(below(rest)),
                scalar: *scalar.bytes(),
                bytes: *bytes,
            },
            Some(Content::Branch {
                scalar,
                hash,
                count,
                bytes,
                skipped,
            }) => Slot::Branch {
                path: below(skipped),
                scalar: *scalar.bytes(),
                hash: *hash,
                count: *count,
                bytes: *bytes,
            },
        }
    }

    /// Its own scalar: what the slot above it holds, or the root digest.
    pub fn scalar(&self) -> Scalar {
        let (count, bytes) = self.weight();
        slot_scalar(&self.path, &self.commitment.to_compressed(), count, bytes)
    }

    pub(crate) fn summary(&self) -> Summary {
        let (count, bytes) = self.weight();
        let mut copy = self.groups;
        let inner = self.inner(&mut copy);
        self.summarize(inner, count, bytes)
    }

    fn summarize(&self, inner: Digest, count: u64, bytes: u64) -> Summary {
        let numbers = (count.to_le_bytes(), bytes.to_le_bytes());
        let parts: [&[u8]; 4] = [&self.path, &inner, &numbers.0, &numbers.1];
        Summary {
            scalar: slot_scalar(&self.path, &self.commitment.to_compressed(), count, bytes).into(),
            hash: to_digest("hyperdb/hash-branch", &parts),
            count,
            bytes,
        }
    }

    /// As [`Branch::summary`]; keeps the digests of groups that had to be computed.
    pub(crate) fn settle(&mut self) -> Summary {
        let mut groups = self.groups;
        let inner = self.inner(&mut groups);
        self.groups = groups;
        let (count, bytes) = self.weight();
        self.summarize(inner, count, bytes)
    }

    pub(crate) fn forget_group(&mut self, slot: u8) {
        self.groups[usize::from(slot) / GROUP] = None;
    }

    fn inner(&self, groups: &mut [Option<Digest>; GROUP]) -> Digest {
        let mut at = 0;
        for (number, digest) in groups.iter_mut().enumerate() {
            let mut members: [Option<Digest>; GROUP] = [None; GROUP];
            while let Some((slot, content)) = self.slots.get(at) {
                if usize::from(*slot) / GROUP != number {
                    break;
                }
                members[usize::from(*slot) % GROUP] = Some(*content.hash());
                at += 1;
            }
            if digest.is_none() {
                *digest = fold(members);
            }
        }
        fold(*groups).unwrap_or_default()
    }

    /// Its record.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(&mut out);
        out
    }

    /// Appends its record.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.commitment.to_stored());
        out.push(self.slots.len() as u8);
        let mut members = [0u8; GROUP];
        for (slot, content) in &self.slots {
            members[usize::from(*slot) / GROUP % GROUP] += 1;
            match content {
                Content::Leaf {
                    scalar,
                    bytes,
                    rest,
                } => {
                    out.push(*slot);
                    out.extend_from_slice(scalar.bytes());
                    put_varint(out, *bytes);
                    rest.encode(out);
                }
                Content::Branch {
                    scalar,
                    hash,
                    count,
                    bytes,
                    skipped,
                } => {
                    out.push(*slot | BRANCH);
                    out.extend_from_slice(scalar.bytes());
                    out.extend_from_slice(hash);
                    put_varint(out, *count);
                    put_varint(out, *bytes);
                    skipped.encode(out);
                }
            }
        }
        for (count, digest) in members.iter().zip(&self.groups) {
            if *count > 1 {
                out.extend_from_slice(&digest.unwrap_or_default());
            }
        }
    }

    /// The branch at `path` from its record.
    ///
    /// # Errors
    /// What is wrong with it. (The commitment is checked for being on the curve, not for fitting the slots: that costs as much as
    /// making it anew, and is what a rebuild compares.)
    pub fn decode(path: &[u8], record: &[u8]) -> Result<Branch, &'static str> {
        let mut reader = Reader(record);
        let stored = reader.array::<96>().ok_or("too short")?;
        let commitment = Point::from_stored(&stored)
            .filter(|point| !point.is_infinity())
            .ok_or("commitment")?;
        let mut branch = Branch::new(path.to_vec());
        branch.commitment = commitment;
        let mut members = [0u8; GROUP];
        let count = reader.array::<1>().ok_or("too short")?[0];
        branch.slots.reserve(usize::from(count).min(WIDTH));
        for _ in 0..count {
            let (slot, content) = read_slot(&mut reader, path.len()).ok_or("slot")?;
            if branch.slots.last().is_some_and(|(last, _)| *last >= slot) {
                return Err("slots do not ascend");
            }
            members[usize::from(slot) / GROUP] += 1;
            branch.slots.push((slot, content));
        }
        for (number, count) in members.iter().enumerate() {
            branch.groups[number] = match count {
                0 => None,
                1 => branch.only_of(number),
                _ => Some(reader.array().ok_or("groups")?),
            };
        }
        if !reader.0.is_empty() {
            return Err("too long");
        }
        match branch.slots.len() {
            0 => Err("no slots"),
            1 if !path.is_empty() => Err("a single slot"),
            _ => Ok(branch),
        }
    }

    fn only_of(&self, group: usize) -> Option<Digest> {
        let mut of_group = self.slots.iter();
        let found = of_group.find(|(slot, _)| usize::from(*slot) / GROUP == group);
        found.map(|(_, content)| *content.hash())
    }
}

fn read_slot(reader: &mut Reader<'_>, depth: usize) -> Option<(u8, Content)> {
    let head = reader.array::<1>()?[0];
    let scalar = Canonical::new(reader.array()?)?;
    if head >= 2 * BRANCH || scalar == Canonical::ZERO {
        return None;
    }
    let fits = |rest: &Steps| depth + 1 + rest.len() <= MAX_STEPS;
    let content = if head & BRANCH == 0 {
        let bytes = reader.varint()?;
        let rest = Steps::decode(reader).filter(|rest| fits(rest))?;
        Content::Leaf {
            scalar,
            bytes,
            rest,
        }
    } else {
        let hash = reader.array()?;
        let count = reader.varint().filter(|count| *count > 1)?;
        let bytes = reader.varint()?;
        let skipped = Steps::decode(reader).filter(|rest| fits(rest))?;
        Content::Branch {
            scalar,
            hash,
            count,
            bytes,
            skipped,
        }
    };
    Some((head % BRANCH, content))
}

fn slot_scalar(path: &[u8], commitment: &[u8; 48], count: u64, bytes: u64) -> Scalar {
    let (count, bytes) = (count.to_le_bytes(), bytes.to_le_bytes());
    to_scalar("hyperdb/branch", &[path, commitment, &count, &bytes])
}

/// Three levels of the hash tree within a branch; a digest without a sibling stands for both.
fn fold(mut level: [Option<Digest>; GROUP]) -> Option<Digest> {
    for width in [4, 2, 1] {
        for at in 0..width {
            level[at] = match (level[2 * at], level[2 * at + 1]) {
                (Some(left), Some(right)) => Some(to_digest("hyperdb/hash-node", &[&left, &right])),
                (left, right) => left.or(right),
            };
        }
    }
    level[0]
}

/// The branch at `path`, if there is one.
pub(crate) fn load(nodes: &dyn NodeStore, path: &[u8]) -> Result<Option<Branch>, TreeError> {
    let record = nodes.load(path).map_err(TreeError::Store)?;
    let decode = |record: std::sync::Arc<[u8]>| {
        Branch::decode(path, &record).map_err(|what| TreeError::Corrupt(path.to_vec(), what))
    };
    record.map(decode).transpose()
}

/// The branch at `path`, which another one names.
pub(crate) fn load_named(nodes: &dyn NodeStore, path: &[u8]) -> Result<Branch, TreeError> {
    load(nodes, path)?.ok_or_else(|| TreeError::Missing(path.to_vec()))
}
