//! The Verkle trees as the forest of a store: records in the NODE family.
//!
//! ```text
//! NODE 00 app varint, tree u8, path    branch of an app's tree
//!      01 path                         branch of the tree of apps
//!      02 global u8, path              branch of a global tree
//! ```
//! **Theory.** Edits of a frame gather in memory over the records of the newest frame and become part of its batch; so records
//! have the batch's version, and an older frame reads them as the store was then.
//!
//! **Invariant.** Until the batch is written nothing outside this memory has changed, so a frame that fails is forgotten.

use crate::digest::Digest;
use crate::edits::{Edit as LeafEdit, Piece};
use crate::error::{Error, Result};
use crate::forest::{Forest, Roots};
use crate::names::Names;
use crate::tree::Tree;
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::AppId;
use hyperdb_lsm::{Batch, Direction, Family, KeyRange, Snapshot};
use hyperdb_verkle::comb::Comb;
use hyperdb_verkle::tree::apps::{address, global_digest, places, App, GLOBALS};
use hyperdb_verkle::tree::nodes::Overlay;
use hyperdb_verkle::tree::place::collection_prefix;
use hyperdb_verkle::tree::{
    apply, leaf, root, Edit, NodeStore, Path, Root, StoreError, TreeError, TreeKey,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

const APP_TREES: u8 = 0x00;
const TREE_OF_APPS: u8 = 0x01;
const GLOBAL_TREES: u8 = 0x02;

type Changes = HashMap<Path, Option<Arc<[u8]>>>;

/// Beginning of the keys of one of an app's trees.
pub fn app_tree(app: AppId, tree: Tree) -> Vec<u8> {
    let mut key = KeyBuf::new();
    key.push(&[APP_TREES])
        .push_varint(u64::from(app.0))
        .push(&[tree as u8]);
    key.to_vec()
}

/// Beginning of the keys of the tree of apps.
pub fn tree_of_apps() -> Vec<u8> {
    vec![TREE_OF_APPS]
}

/// Beginning of the keys of a global tree.
pub fn global_tree(place: u8) -> Vec<u8> {
    vec![GLOBAL_TREES, place]
}

/// The records of one tree at a snapshot.
pub struct Stored<'s> {
    nodes: Option<&'s Snapshot>,
    prefix: &'s [u8],
}

impl<'s> Stored<'s> {
    /// Of the tree whose keys begin with `prefix`.
    pub fn new(nodes: &'s Snapshot, prefix: &'s [u8]) -> Self {
        Self {
            nodes: Some(nodes),
            prefix,
        }
    }
}

impl NodeStore for Stored<'_> {
    fn load(&self, path: &[u8]) -> std::result::Result<Option<Arc<[u8]>>, StoreError> {
        let Some(nodes) = self.nodes else {
            return Ok(None);
        };
        let record = nodes.get(Family::NODE, &[self.prefix, path].concat())?;
        Ok(record.map(Arc::from))
    }
}

/// See the module's head.
pub struct VerkleForest {
    comb: &'static Comb,
    workers: usize,
    /// Built anew from leaves: what the store has does not count.
    detached: bool,
    /// Changed records, by the beginning of their tree's keys.
    trees: BTreeMap<Vec<u8>, Changes>,
    touched: BTreeSet<AppId>,
    bytes: usize,
}

impl VerkleForest {
    /// Over the records of the store; at most `workers` threads.
    ///
    /// # Errors
    /// [`Error::Tree`] if this build's setup is not the ceremony's.
    pub fn new(workers: usize) -> Result<VerkleForest> {
        Ok(VerkleForest {
            comb: Comb::ceremony().map_err(|error| Error::Tree(error.to_string()))?,
            workers,
            detached: false,
            trees: BTreeMap::new(),
            touched: BTreeSet::new(),
            bytes: 0,
        })
    }

    /// Without leaves, whatever the store has: for audits.
    ///
    /// # Errors
    /// As [`VerkleForest::new`].
    pub fn detached(workers: usize) -> Result<VerkleForest> {
        Ok(VerkleForest {
            detached: true,
            ..Self::new(workers)?
        })
    }

    fn stored<'s>(&self, nodes: &'s Snapshot, prefix: &'s [u8]) -> Stored<'s> {
        Stored {
            nodes: (!self.detached).then_some(nodes),
            prefix,
        }
    }

    fn root(&self, nodes: &Snapshot, prefix: &[u8]) -> Result<Root> {
        let stored = self.stored(nodes, prefix);
        let found = match self.trees.get(prefix) {
            Some(changes) => root(&Overlay::new(&stored, changes)),
            None => root(&stored),
        };
        found.map_err(failed)
    }

    fn edit(&mut self, nodes: &Snapshot, prefix: Vec<u8>, edits: Vec<Edit>) -> Result<()> {
        if edits.is_empty() {
            return Ok(());
        }
        let mut changes = self.trees.remove(&prefix).unwrap_or_default();
        let stored = self.stored(nodes, &prefix);
        let update = apply(
            &Overlay::new(&stored, &changes),
            self.comb,
            edits,
            self.workers,
        );
        let update = update.map_err(failed)?;
        for path in &update.dropped {
            for (known, record) in &mut changes {
                if known.starts_with(path) {
                    *record = None;
                }
            }
            if self.detached {
                continue;
            }
            let range = KeyRange::prefix(&[&prefix[..], path].concat());
            let mut below = nodes.iter(Family::NODE, range, Direction::Forward);
            while let Some((key, ..)) = below.step()? {
                changes.insert(key[prefix.len()..].to_vec(), None);
            }
        }
        for (path, record) in update.changed {
            self.bytes += path.len() + record.as_ref().map_or(0, |record| record.len());
            changes.insert(path, record);
        }
        self.trees.insert(prefix, changes);
        Ok(())
    }

    /// The four trees of an app together, under its name.
    ///
    /// # Errors
    /// What reading nodes fails with.
    pub fn app(&self, nodes: &Snapshot, app: AppId, name: &[u8]) -> Result<App> {
        let mut roots = [Root::empty(); 4];
        for (tree, place) in Tree::ALL.into_iter().zip(&mut roots) {
            *place = self.root(nodes, &app_tree(app, tree))?;
        }
        Ok(App::new(address(name), &roots))
    }

    /// The root digest of every global tree.
    ///
    /// # Errors
    /// What reading nodes fails with.
    pub fn globals(&self, nodes: &Snapshot) -> Result<[Digest; GLOBALS]> {
        let mut roots = [[0; 32]; GLOBALS];
        for (place, digest) in (0..=u8::MAX).zip(&mut roots) {
            *digest = self.root(nodes, &global_tree(place))?.digest;
        }
        Ok(roots)
    }
}

fn failed(error: TreeError) -> Error {
    Error::Tree(error.to_string())
}

fn leaf_edit(edit: LeafEdit) -> Result<Edit> {
    let key = TreeKey::of(&edit.logical).ok_or(Error::Malformed("data key"))?;
    Ok(match edit.content {
        None => Edit::Remove { key },
        Some(content) => Edit::Set {
            slot: leaf::slot(
                &edit.logical,
                &content.digest,
                content.version,
                content.bytes,
            ),
            bytes: content.bytes,
            key,
        },
    })
}

impl Forest for VerkleForest {
    fn apply(&mut self, nodes: &Snapshot, piece: Piece) -> Result<()> {
        self.touched.insert(piece.app);
        let mut dropped = Vec::new();
        for cid in &piece.dropped {
            for cid in [*cid, cid + 1] {
                dropped.push(collection_prefix(cid).ok_or(Error::Malformed("collection number"))?);
            }
        }
        for (tree, edits) in Tree::ALL.into_iter().zip(piece.edits) {
            let removals = dropped.iter().map(|prefix| Edit::RemoveAll {
                prefix: prefix.clone(),
            });
            let mut all: Vec<Edit> = removals.collect();
            for edit in edits {
                all.push(leaf_edit(edit)?);
            }
            self.edit(nodes, app_tree(piece.app, tree), all)?;
        }
        Ok(())
    }

    fn finish(
        &mut self,
        nodes: &Snapshot,
        before: Option<&Names>,
        names: &Names,
        batch: &mut Batch,
    ) -> Result<Roots> {
        let known: BTreeMap<&[u8], AppId> = before
            .into_iter()
            .flat_map(Names::iter)
            .map(|(app, name)| (name, app))
            .collect();
        let present: BTreeSet<&[u8]> = names.iter().map(|(_, name)| name).collect();
        let mut edits = Vec::new();
        for (app, name) in names.iter() {
            if self.touched.contains(&app) || known.get(name) != Some(&app) {
                let app = self.app(nodes, app, name)?;
                edits.push((app.address, app.edit()));
            }
        }
        for name in known.keys().filter(|name| !present.contains(**name)) {
            let address = address(name);
            let key = TreeKey::of_address(&address);
            edits.push((address, Edit::Remove { key }));
        }
        let mut globals: BTreeMap<u8, Vec<Edit>> = BTreeMap::new();
        for (address, edit) in &edits {
            for place in places(address) {
                globals.entry(place).or_default().push(edit.clone());
            }
        }
        let all = edits.into_iter().map(|(_, edit)| edit).collect();
        self.edit(nodes, tree_of_apps(), all)?;
        for (place, edits) in globals {
            self.edit(nodes, global_tree(place), edits)?;
        }
        let apps = self.root(nodes, &tree_of_apps())?;
        let globals = global_digest(&self.globals(nodes)?);
        for (prefix, changes) in &self.trees {
            for (path, record) in changes {
                let key = [&prefix[..], path].concat();
                match record {
                    Some(record) => batch.put(Family::NODE, &key, record),
                    None => batch.remove(Family::NODE, &key, &[]),
                };
            }
        }
        Ok(Roots {
            apps: apps.digest,
            globals,
            hash_root: apps.hash,
        })
    }

    fn sealed(&mut self) {
        self.abandon();
    }

    fn abandon(&mut self) {
        self.trees.clear();
        self.touched.clear();
        self.bytes = 0;
    }

    fn dirty_bytes(&self) -> usize {
        self.bytes
    }
}
