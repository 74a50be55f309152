//! A branch still in its record: for provers, who need one or two of its slots whole and of the others the scalars.
//!
//! **Theory.** One pass finds where the slots lie and sums their weights. The commitment is compressed by looking at its bytes: the record
//! has both coordinates, and the sign of the second is whether it is above (p - 1) / 2.
//!
//! **Invariant.** Says of every record what [`super::record::Branch`] says; the curve is not looked at.

use super::nodes::NodeStore;
use super::steps::Steps;
use super::wire::Reader;
use super::{Path, TreeError};
use crate::domain::WIDTH;
use crate::point::compressed_of_stored;
use std::sync::Arc;

/// Marks a slot that holds a branch.
const BRANCH: u8 = 64;
const SCALAR: usize = 32;

/// A branch in its record.
#[derive(Clone, Debug)]
pub struct Raw {
    path: Path,
    record: Arc<[u8]>,
    commitment: [u8; 48],
    /// Where in the record the head of each slot is; 0 of those that are empty.
    heads: [u16; WIDTH],
    weight: (u64, u64),
}

/// What lies in a slot: the whole path of a branch, or the whole key of a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Leaf(Vec<u8>),
    Branch(Vec<u8>),
}

impl Raw {
    /// The branch at `path` from its record; `None` if it is no record.
    pub fn new(path: &[u8], record: Arc<[u8]>) -> Option<Raw> {
        let mut reader = Reader(&record);
        let commitment = compressed_of_stored(&reader.array()?)?;
        let count = reader.array::<1>()?[0];
        let mut heads = [0; WIDTH];
        let mut weight = (0u64, 0u64);
        for _ in 0..count {
            let at = u16::try_from(record.len() - reader.0.len()).ok()?;
            let head = reader.array::<1>()?[0];
            reader.take(SCALAR)?;
            let (leaves, bytes) = read_weight(&mut reader, head)?;
            let steps = usize::try_from(reader.varint()?).ok()?;
            reader.take(steps.checked_mul(6)?.div_ceil(8))?;
            heads[usize::from(head) % WIDTH] = at;
            weight.0 = weight.0.saturating_add(leaves);
            weight.1 = weight.1.saturating_add(bytes);
        }
        Some(Raw {
            path: path.to_vec(),
            commitment,
            heads,
            weight,
            record,
        })
    }

    pub(crate) fn commitment(&self) -> &[u8; 48] {
        &self.commitment
    }

    /// Leaves below, and their bytes.
    pub(crate) fn weight(&self) -> (u64, u64) {
        self.weight
    }

    /// Slots that hold something, ascending, and where the head of each is.
    fn occupied(&self) -> impl Iterator<Item = (u8, u16)> + '_ {
        let all = (0u8..).zip(self.heads);
        all.filter(|(_, at)| *at > 0)
    }

    /// Slots that hold something, ascending.
    pub(crate) fn slots(&self) -> Vec<u8> {
        self.occupied().map(|(slot, _)| slot).collect()
    }

    /// Each occupied slot and its scalar.
    pub(crate) fn each(&self, take: &mut dyn FnMut(u8, &[u8; 32])) {
        for (slot, at) in self.occupied() {
            if let Some(scalar) = self.scalar_at(at) {
                take(slot, scalar);
            }
        }
    }

    fn scalar_at(&self, at: u16) -> Option<&[u8; 32]> {
        self.record[usize::from(at) + 1..].first_chunk()
    }

    fn place(&self, slot: u8) -> Option<u16> {
        let at = self.heads[usize::from(slot) % WIDTH];
        (at > 0).then_some(at)
    }

    /// The scalar of a slot; `None`: it is empty.
    pub(crate) fn scalar(&self, slot: u8) -> Option<&[u8; 32]> {
        self.scalar_at(self.place(slot)?)
    }

    /// What lies in a slot; `None`: nothing.
    pub(crate) fn below(&self, slot: u8) -> Option<Named> {
        let mut reader = Reader(&self.record[usize::from(self.place(slot)?)..]);
        let head = reader.array::<1>()?[0];
        reader.take(SCALAR)?;
        read_weight(&mut reader, head)?;
        let whole = Steps::decode(&mut reader)?.behind(&self.path, slot);
        Some(if head & BRANCH == 0 {
            Named::Leaf(whole)
        } else {
            Named::Branch(whole)
        })
    }
}

/// Leaves and bytes of a slot.
fn read_weight(reader: &mut Reader<'_>, head: u8) -> Option<(u64, u64)> {
    if head & BRANCH == 0 {
        return Some((1, reader.varint()?));
    }
    reader.take(SCALAR)?;
    Some((reader.varint()?, reader.varint()?))
}

/// The branch at `path`, if there is one.
///
/// # Errors
/// What reading fails with.
pub fn read_raw(nodes: &dyn NodeStore, path: &[u8]) -> Result<Option<Raw>, TreeError> {
    let record = nodes.load(path).map_err(TreeError::Store)?;
    let raw = |record| Raw::new(path, record).ok_or(TreeError::Corrupt(path.to_vec(), "record"));
    record.map(raw).transpose()
}

#[cfg(test)]
pub(crate) fn agrees(branch: &super::record::Branch, record: Arc<[u8]>) -> bool {
    use super::record::Slot;
    let Some(raw) = Raw::new(branch.path(), record) else {
        return false;
    };
    let mut scalars = crate::domain::Values::from([crate::scalar::Scalar::ZERO; 64]);
    raw.each(&mut |slot, scalar| {
        scalars[usize::from(slot)] = crate::scalar::Scalar::reduce(scalar);
    });
    let slots = (0..64u8).all(|slot| {
        let (scalar, named) = (raw.scalar(slot), raw.below(slot));
        match branch.slot(slot) {
            Slot::Empty => scalar.is_none() && named.is_none(),
            Slot::Leaf { key, scalar: s, .. } => {
                scalar == Some(&s) && named == Some(Named::Leaf(key.steps().to_vec()))
            }
            Slot::Branch {
                path, scalar: s, ..
            } => scalar == Some(&s) && named == Some(Named::Branch(path)),
        }
    });
    slots
        && scalars == branch.values()
        && raw.weight() == branch.weight()
        && *raw.commitment() == branch.commitment().to_compressed()
        && raw.slots().len() == branch.slots.len()
}
