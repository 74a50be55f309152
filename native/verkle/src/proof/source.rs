//! What the prover reads: the trees of a frame, and the entries that their leaves stand for.

use super::error::ProofError;
use super::header::HEADER_BYTES;
use crate::domain::{Values, WIDTH};
use crate::hash::Digest;
use crate::opening::{Committed, Witness};
use crate::scalar::Canonical;
use crate::tree::raw::{Named, Raw};

/// A tree of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// The tree of apps.
    Apps,
    /// One of the app's four.
    App(usize),
}

/// A branch as the prover reads it.
#[derive(Clone)]
pub struct Branch {
    /// The commitment, compressed.
    pub(crate) commitment: [u8; 48],
    /// Leaves below.
    pub(crate) count: u64,
    /// Their bytes.
    pub(crate) size: u64,
    slots: Slots,
}

/// What lies in the occupied slots: told, or still in a record, of which a proof touches few slots.
#[derive(Clone)]
enum Slots {
    Told(Box<Values>, Vec<(u8, Below)>),
    Record(Box<Raw>),
}

/// What lies in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Below {
    /// A leaf with its whole tree key.
    Leaf(Vec<u8>),
    /// A branch with its whole path.
    Branch(Vec<u8>),
}

impl Branch {
    /// From its parts: the commitment to `values`, leaves below and their bytes, and what lies in the occupied slots, ascending.
    pub fn new(
        commitment: [u8; 48],
        (count, size): (u64, u64),
        values: Box<Values>,
        slots: Vec<(u8, Below)>,
    ) -> Self {
        Self {
            commitment,
            count,
            size,
            slots: Slots::Told(values, slots),
        }
    }

    /// The commitment, compressed.
    pub fn commitment(&self) -> &[u8; 48] {
        &self.commitment
    }

    /// Leaves below, and their bytes.
    pub fn weight(&self) -> (u64, u64) {
        (self.count, self.size)
    }

    /// The scalar of a slot below 64.
    pub(crate) fn value(&self, slot: u8) -> Canonical {
        match &self.slots {
            Slots::Told(values, _) => values[usize::from(slot) % WIDTH].into(),
            Slots::Record(branch) => branch
                .scalar(slot)
                .and_then(|scalar| Canonical::new(*scalar))
                .unwrap_or(Canonical::ZERO),
        }
    }

    /// What is opened of a slot.
    pub(crate) fn witness(&self, slot: u8) -> Witness<'_> {
        Witness {
            commitment: self.commitment,
            values: self,
            slot,
            value: self.value(slot),
        }
    }

    pub(crate) fn below(&self, slot: u8) -> Option<Below> {
        match &self.slots {
            Slots::Told(_, slots) => {
                let at = slots.binary_search_by_key(&slot, |(at, _)| *at).ok()?;
                Some(slots[at].1.clone())
            }
            Slots::Record(branch) => branch.below(slot).map(|named| match named {
                Named::Leaf(steps) => Below::Leaf(steps),
                Named::Branch(path) => Below::Branch(path),
            }),
        }
    }

    /// Slots that hold something, ascending.
    pub(crate) fn occupied(&self) -> Vec<u8> {
        match &self.slots {
            Slots::Told(_, slots) => slots.iter().map(|(slot, _)| *slot).collect(),
            Slots::Record(branch) => branch.slots(),
        }
    }
}

impl Committed for Branch {
    fn each(&self, take: &mut dyn FnMut(u8, &[u8; 32])) {
        match &self.slots {
            Slots::Told(values, _) => values.each(take),
            Slots::Record(branch) => branch.each(take),
        }
    }
}

impl From<Raw> for Branch {
    fn from(branch: Raw) -> Self {
        let (count, size) = branch.weight();
        Self {
            commitment: *branch.commitment(),
            count,
            size,
            slots: Slots::Record(Box::new(branch)),
        }
    }
}

/// The trees of a frame, read by several threads at once.
pub trait Nodes: Sync {
    /// The branch at a path; the root's is empty. `None`: the tree is empty (or has no such branch).
    ///
    /// # Errors
    /// [`ProofError::Store`].
    fn branch(&self, tree: Which, path: &[u8]) -> Result<Option<Branch>, ProofError>;

    /// The hash digest of a tree's root. `None`: the tree is empty.
    ///
    /// # Errors
    /// [`ProofError::Store`].
    fn hash(&self, tree: Which) -> Result<Option<Digest>, ProofError>;
}

/// An entry of the data, or a remove with its note as the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The commit that wrote it.
    pub version: u64,
    /// Its value.
    pub value: Vec<u8>,
}

/// What the leaves of an app's trees stand for, at the commit of the frame; read by several threads at once.
pub trait Entries: Sync {
    /// The entry of a logical key in tree 0..4.
    ///
    /// # Errors
    /// [`ProofError::Store`].
    fn entry(&self, tree: usize, key: &[u8]) -> Result<Option<Entry>, ProofError>;

    /// Entries of a tree whose logical key begins with `prefix`, until `each` says false.
    ///
    /// # Errors
    /// [`ProofError::Store`].
    fn starting_with(
        &self,
        tree: usize,
        prefix: &[u8],
        each: &mut dyn FnMut(&[u8], Entry) -> bool,
    ) -> Result<(), ProofError>;

    /// Value digest and bytes of another app's leaf in the tree of apps; needed only to prove that an app is not there.
    ///
    /// # Errors
    /// [`ProofError::Store`].
    fn app(&self, address: &Digest) -> Result<Option<(Digest, u64)>, ProofError>;
}

/// An app of a frame, to prove from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The frame's header.
    pub header: &'a [u8; HEADER_BYTES],
    /// The app's name.
    pub name: &'a [u8],
    /// The key of the app's salts.
    pub salt_key: &'a [u8; 64],
    /// Trees.
    pub nodes: &'a dyn Nodes,
    /// Data.
    pub entries: &'a dyn Entries,
}
