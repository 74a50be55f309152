//! The trees above the apps' trees: the tree of apps, and the 256 global trees in which every app lies three times.
//!
//! **Theory.** Both are trees like any other, with an app's address as the place and its roots as the value. The three global places
//! follow from the address by SHAKE-256, the lowest is normative.

use crate::hash::{to_digest, Digest};
use crate::tree::update::{Edit, Root};
use crate::tree::{leaf, TreeKey};
use sha2::{Digest as _, Sha256};
use sha3::digest::{ExtendableOutput, XofReader};

/// How many global trees there are.
pub const GLOBALS: usize = 256;

/// Where an app of this name lies. The system's own app has the empty name.
pub fn address(name: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [b"hyperdb/app", name] {
        hash.update((part.len() as u32).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// What an app's four trees (vertex adds, vertex removes, hyperedge adds, hyperedge removes) are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct App {
    /// Its address.
    pub address: [u8; 32],
    /// Binds the root digests.
    pub root: Digest,
    /// Binds the hash digests.
    pub hash_root: Digest,
    /// Bytes of all leaves.
    pub bytes: u64,
    /// Leaves; an app without any is in no tree.
    pub count: u64,
}

impl App {
    /// From its trees.
    pub fn new(address: [u8; 32], trees: &[Root; 4]) -> App {
        let bind = |tag, digest: fn(&Root) -> &Digest| {
            let parts: [&[u8]; 5] = [
                &address,
                digest(&trees[0]),
                digest(&trees[1]),
                digest(&trees[2]),
                digest(&trees[3]),
            ];
            to_digest(tag, &parts)
        };
        App {
            address,
            root: bind("hyperdb/app-root", |tree| &tree.digest),
            hash_root: bind("hyperdb/app-hash-root", |tree| &tree.hash),
            bytes: trees.iter().map(|tree| tree.bytes).sum(),
            count: trees.iter().map(|tree| tree.count).sum(),
        }
    }

    /// The digest in its leaf.
    pub fn value_digest(&self) -> Digest {
        to_digest("hyperdb/app-value", &[&self.root, &self.hash_root])
    }

    /// What the tree of apps and its three global trees are told.
    pub fn edit(&self) -> Edit {
        let key = TreeKey::of_address(&self.address);
        if self.count == 0 {
            return Edit::Remove { key };
        }
        Edit::Set {
            key,
            slot: leaf::slot(&self.address, &self.value_digest(), 0, self.bytes),
            bytes: self.bytes,
        }
    }
}

/// The three global trees of an address, ascending.
pub fn places(address: &[u8; 32]) -> [u8; 3] {
    let mut hash = sha3::Shake256::default();
    sha3::digest::Update::update(&mut hash, b"hyperdb/places");
    sha3::digest::Update::update(&mut hash, address);
    let mut bytes = hash.finalize_xof();
    let (mut out, mut have) = ([0; 3], 0);
    while have < 3 {
        let mut byte = [0];
        bytes.read(&mut byte);
        if !out[..have].contains(&byte[0]) {
            out[have] = byte[0];
            have += 1;
        }
    }
    out.sort_unstable();
    out
}

/// The digest of all global trees from their root digests: a binary tree of eight levels.
pub fn global_digest(roots: &[Digest; GLOBALS]) -> Digest {
    let mut level = roots.to_vec();
    while level.len() > 1 {
        level = level
            .chunks_exact(2)
            .map(|pair| to_digest("hyperdb/globals", &[&pair[0], &pair[1]]))
            .collect();
    }
    level[0]
}
