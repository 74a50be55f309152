//! A binary hash tree over the sorted leaves of a compressed binary trie: SHA-256, all in memory.
//!
//! Node = H(1, left, right) where two leaves part, leaf = H(0, key, H(value)); no node has one child. A proof of many keys lists, depth
//! first, the digests of the subtrees without a proved key; shape and sides follow from the keys and from one byte per step
//! (the bit at which a node parts), so nothing else travels.

use crate::{Contender, Key};
use sha2::{Digest, Sha256};

type Hash = [u8; 32];

enum Node {
    Leaf {
        key: Key,
        hash: Hash,
    },
    Fork {
        bit: u8,
        hash: Hash,
        dirty: bool,
        sides: Box<[Node; 2]>,
    },
}

/// See the module's head.
#[derive(Default)]
pub struct Binary {
    root: Option<Node>,
}

fn leaf_hash(key: &Key, value: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(key)
        .chain_update(Sha256::digest(value))
        .finalize()
        .into()
}

fn fork_hash(bit: u8, left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1, bit])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

fn side(key: &Key, bit: u8) -> usize {
    usize::from(key[usize::from(bit / 8)] >> (7 - bit % 8) & 1)
}

fn parting(a: &Key, b: &Key) -> Option<u8> {
    let at = a.iter().zip(b).position(|(x, y)| x != y)?;
    Some(at as u8 * 8 + (a[at] ^ b[at]).leading_zeros() as u8)
}

impl Node {
    fn hash(&self) -> &Hash {
        match self {
            Node::Leaf { hash, .. } | Node::Fork { hash, .. } => hash,
        }
    }

    /// Puts a leaf in; `parts_at` is the first bit at which it differs from the leaf nearest to it, `None`: it is there.
    fn put(&mut self, key: &Key, hash: Hash, parts_at: Option<u8>) {
        match self {
            Node::Fork { bit, dirty, sides, .. } if parts_at.is_none_or(|at| at > *bit) => {
                *dirty = true;
                sides[side(key, *bit)].put(key, hash, parts_at);
            }
            Node::Leaf { hash: old, .. } if parts_at.is_none() => *old = hash,
            _ => {
                let bit = parts_at.expect("only a fork is entered without a parting bit");
                let new = Node::Leaf { key: *key, hash };
                let old = std::mem::replace(self, Node::Leaf { key: *key, hash });
                let sides = if side(key, bit) == 0 { [new, old] } else { [old, new] };
                *self = Node::Fork {
                    bit,
                    hash: [0; 32],
                    dirty: true,
                    sides: Box::new(sides),
                };
            }
        }
    }

    fn settle(&mut self) {
        if let Node::Fork {
            bit,
            hash,
            dirty,
            sides,
        } = self
        {
            if std::mem::take(dirty) {
                sides.iter_mut().for_each(Node::settle);
                *hash = fork_hash(*bit, sides[0].hash(), sides[1].hash());
            }
        }
    }

    /// The leaf that a search for `key` ends at.
    fn nearest(&self, key: &Key) -> &Key {
        match self {
            Node::Leaf { key, .. } => key,
            Node::Fork { bit, sides, .. } => sides[side(key, *bit)].nearest(key),
        }
    }

    fn prove(&self, keys: &[Key], out: &mut Vec<u8>) {
        match self {
            _ if keys.is_empty() => {
                out.push(255);
                out.extend_from_slice(self.hash());
            }
            Node::Leaf { .. } => out.push(254),
            Node::Fork { bit, sides, .. } => {
                out.push(*bit);
                let cut = keys.partition_point(|key| side(key, *bit) == 0);
                sides[0].prove(&keys[..cut], out);
                sides[1].prove(&keys[cut..], out);
            }
        }
    }
}

fn rebuild(proof: &mut &[u8], entries: &[(Key, Vec<u8>)]) -> Hash {
    let (tag, rest) = proof.split_first().expect("a tag");
    *proof = rest;
    match *tag {
        255 => {
            assert!(entries.is_empty());
            let (hash, rest) = proof.split_first_chunk::<32>().expect("a digest");
            *proof = rest;
            *hash
        }
        254 => {
            assert_eq!(entries.len(), 1);
            leaf_hash(&entries[0].0, &entries[0].1)
        }
        bit => {
            let cut = entries.partition_point(|(key, _)| side(key, bit) == 0);
            let left = rebuild(proof, &entries[..cut]);
            let right = rebuild(proof, &entries[cut..]);
            fork_hash(bit, &left, &right)
        }
    }
}

impl Contender for Binary {
    fn name(&self) -> &'static str {
        "binary hash tree (memory)"
    }

    fn apply(&mut self, entries: &[(Key, Vec<u8>)]) {
        for (key, value) in entries {
            let hash = leaf_hash(key, value);
            match &mut self.root {
                None => self.root = Some(Node::Leaf { key: *key, hash }),
                Some(root) => {
                    let parts_at = parting(root.nearest(key), key);
                    root.put(key, hash, parts_at);
                }
            }
        }
        if let Some(root) = &mut self.root {
            root.settle();
        }
    }

    fn prove(&mut self, keys: &[Key]) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(root) = &self.root {
            root.prove(keys, &mut out);
        }
        out
    }

    fn verify(&mut self, mut proof: &[u8], entries: &[(Key, Vec<u8>)]) {
        let root = rebuild(&mut proof, entries);
        assert!(proof.is_empty());
        assert_eq!(Some(&root), self.root.as_ref().map(Node::hash));
    }

    fn payload(&self, _: &[(Key, Vec<u8>)]) -> usize {
        0
    }
}
