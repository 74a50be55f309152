//! The rules once more, as plainly as they can be written: leaves in a sorted map, a tree by recursion, commitments by the general
//! multiplication.

use super::{Edit, TreeKey};
use crate::hash::{to_digest, to_scalar, Digest};
use crate::point::msm;
use crate::scalar::Scalar;
use crate::setup::Setup;
use crate::tree::{leaf, place};
use hyperdb_fuzz::Dice;
use std::collections::BTreeMap;

/// Steps of 60 kinds of keys: hashed, members of few collections with long common prefixes, long ones.
pub(super) fn keys(dice: &mut Dice, count: usize) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = (0..count)
        .map(|_| TreeKey::of(&logical(dice)).unwrap().steps().to_vec())
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

fn logical(dice: &mut Dice) -> Vec<u8> {
    let name = |dice: &mut Dice| -> Vec<u8> {
        (0..dice.roll(5))
            .map(|_| [0, 1, 97, 255][dice.roll(4)])
            .collect()
    };
    let rest = name(dice);
    match dice.roll(4) {
        0 => [&[2][..], &[dice.roll(3) as u8; 8], &rest].concat(),
        1 => [&[4][..], &[dice.roll(256) as u8; 8], &rest].concat(),
        2 => [&[3, 4 + 4 * dice.roll(3) as u8][..], b"key:000000", &rest].concat(),
        _ => [&[3, 4][..], &[b'x'; 150], &rest].concat(),
    }
}

/// Leaves by place: slot and bytes.
#[derive(Clone, Default)]
pub(super) struct Model(pub(super) BTreeMap<Vec<u8>, ([u8; 32], u64)>);

impl Model {
    fn set(&mut self, dice: &mut Dice, key: &[u8]) -> Edit {
        let bytes = dice.roll(300) as u64;
        let slot = leaf::slot(key, &[dice.roll(256) as u8; 32], 1, bytes);
        self.0.insert(key.to_vec(), (slot, bytes));
        Edit::Set {
            key: TreeKey::from_steps(key.to_vec()),
            slot,
            bytes,
        }
    }

    pub(super) fn set_all(&mut self, dice: &mut Dice, keys: &[Vec<u8>]) -> Vec<Edit> {
        keys.iter().map(|key| self.set(dice, key)).collect()
    }

    pub(super) fn random_edits(
        &mut self,
        dice: &mut Dice,
        keys: &[Vec<u8>],
        size: usize,
    ) -> Vec<Edit> {
        let mut edits = Vec::new();
        if dice.roll(8) == 0 {
            let prefix = match dice.roll(3) {
                0 => place::collection_prefix(4 + 4 * dice.roll(3) as u64).unwrap(),
                1 => keys[dice.roll(keys.len())][..dice.roll(8)].to_vec(),
                _ => keys[dice.roll(keys.len())].clone(),
            };
            self.0.retain(|key, _| !key.starts_with(&prefix));
            edits.push(Edit::RemoveAll { prefix });
        }
        let mut chosen: Vec<&Vec<u8>> = (0..size).map(|_| &keys[dice.roll(keys.len())]).collect();
        chosen.sort();
        chosen.dedup();
        let removes = dice.roll(4);
        for key in chosen {
            if dice.roll(4) < removes {
                self.0.remove(key);
                edits.push(Edit::Remove {
                    key: TreeKey::from_steps(key.clone()),
                });
            } else {
                edits.push(self.set(dice, key));
            }
        }
        for _ in 0..edits.len() {
            let (a, b) = (dice.roll(edits.len()), dice.roll(edits.len()));
            edits.swap(a, b);
        }
        edits
    }
}

type Leaves<'l> = [(&'l Vec<u8>, &'l ([u8; 32], u64))];

/// What lies in a slot: scalar, hash slot, leaves, bytes.
struct Below {
    scalar: Scalar,
    hash: Digest,
    count: u64,
    bytes: u64,
}

/// The tree by recursion.
pub(super) struct Naive;

impl Naive {
    pub(super) fn root(model: &Model) -> (Digest, Digest) {
        let leaves: Vec<_> = model.0.iter().collect();
        if leaves.is_empty() {
            return (
                to_scalar("hyperdb/empty-tree", &[]).to_bytes(),
                to_digest("hyperdb/empty-tree", &[]),
            );
        }
        let root = Self::branch(&leaves, 0);
        (root.scalar.to_bytes(), root.hash)
    }

    fn below(leaves: &Leaves<'_>) -> Below {
        if let [(_, (slot, bytes))] = leaves {
            return Below {
                scalar: Scalar::from_bytes(slot).unwrap(),
                hash: *slot,
                count: 1,
                bytes: *bytes,
            };
        }
        let first = leaves[0].0;
        let depth = (0..first.len())
            .find(|depth| leaves.iter().any(|(key, _)| key[*depth] != first[*depth]))
            .unwrap();
        Self::branch(leaves, depth)
    }

    fn branch(leaves: &Leaves<'_>, depth: usize) -> Below {
        let path = &leaves[0].0[..depth];
        let mut scalars = vec![Scalar::ZERO; 64];
        let mut level: Vec<Option<Digest>> = vec![None; 64];
        let (mut count, mut bytes) = (0u64, 0u64);
        for slot in 0..64u8 {
            let within: Vec<_> = leaves
                .iter()
                .filter(|(key, _)| key[depth] == slot)
                .copied()
                .collect();
            if !within.is_empty() {
                let below = Self::below(&within);
                scalars[usize::from(slot)] = below.scalar;
                level[usize::from(slot)] = Some(below.hash);
                count += below.count;
                bytes += below.bytes;
            }
        }
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| match (pair[0], pair[1]) {
                    (Some(a), Some(b)) => Some(to_digest("hyperdb/hash-node", &[&a, &b])),
                    (a, b) => a.or(b),
                })
                .collect();
        }
        let commitment = msm(Setup::ceremony().unwrap().lagrange(), &scalars).to_point();
        let numbers = (count.to_le_bytes(), bytes.to_le_bytes());
        let point = commitment.to_compressed();
        Below {
            scalar: to_scalar("hyperdb/branch", &[path, &point, &numbers.0, &numbers.1]),
            hash: to_digest(
                "hyperdb/hash-branch",
                &[path, &level[0].unwrap(), &numbers.0, &numbers.1],
            ),
            count,
            bytes,
        }
    }
}
