//! The Verkle trees as the forest of a store: records in the NODE family.
//!
//! ```text
//! NODE 00 app varint, tree u8, path    branch of an app's tree
//!      01 path                         branch of the tree of apps
//!      02 global u8, path              branch of a global tree
//! ```
//! **Theory.** Edits of a frame gather in memory over the records of the newest frame and are written with it; so records
//! have a later version than the frame's data, and an older frame reads them as the store was then. What was read or written is cached,
//! so that sealing asks the store, and its lock, only for what it has not met for long.
//!
//! **Invariant.** The cache holds what the store shows of the nodes, pieces of the frame in the making included; when that is given
//! up, the cache is forgotten with it.

use crate::edits::{Edit as LeafEdit, Piece};
use crate::error::{Error, Result};
use crate::forest::{Forest, Roots};
use crate::names::Names;
use crate::output::Output;
use crate::records::{APP_TREES, GLOBAL_TREES, TREE_OF_APPS};
use crate::tree::{Side, Tree};
use hyperdb_graph::keys::KeyBuf;
use hyperdb_graph::AppId;
use hyperdb_lsm::{Direction, Family, KeyRange, Snapshot};
use hyperdb_verkle::comb::Comb;
use hyperdb_verkle::hash::Digest;
use hyperdb_verkle::tree::apps::{address, global_digest, places, App, GLOBALS};
use hyperdb_verkle::tree::nodes::{Cached, NodeCache, Overlay};
use hyperdb_verkle::tree::place::collection_prefix;
use hyperdb_verkle::tree::{
    apply, leaf, root, Edit, NodeStore, Path, Root, StoreError, TreeError, TreeKey,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

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
    nodes: &'s Snapshot,
    prefix: &'s [u8],
}

impl<'s> Stored<'s> {
    /// Of the tree whose keys begin with `prefix`.
    pub fn new(nodes: &'s Snapshot, prefix: &'s [u8]) -> Self {
        Self { nodes, prefix }
    }
}

impl NodeStore for Stored<'_> {
    fn load(&self, path: &[u8]) -> std::result::Result<Option<Arc<[u8]>>, StoreError> {
        let key = [self.prefix, path].concat();
        let record = self.nodes.get(Family::NODE, &key)?;
        Ok(record.map(Arc::from))
    }
}

/// The setup's table; made when it is first asked for.
pub(crate) fn comb() -> Result<&'static Comb> {
    Comb::ceremony().map_err(|error| Error::Tree(error.to_string()))
}

pub(crate) fn failed(error: TreeError) -> Error {
    Error::Tree(error.to_string())
}

/// See the module's head.
pub struct VerkleForest {
    workers: usize,
    cache: NodeCache,
    /// Changed records, by the beginning of their tree's keys.
    trees: BTreeMap<Vec<u8>, Changes>,
    /// Beginnings of the keys of records that go; nothing is put there any more.
    doomed: Vec<Vec<u8>>,
    touched: BTreeSet<AppId>,
    /// Root digests of the global trees; `None` until asked for.
    globals: Option<Box<[Digest; GLOBALS]>>,
    bytes: usize,
}

/// What a changed record takes beside its path and bytes.
const OVERHEAD: usize = 96;

fn size(path: &[u8], record: Option<&Arc<[u8]>>) -> usize {
    OVERHEAD + path.len() + record.map_or(0, |record| record.len())
}

impl VerkleForest {
    /// Keeps about `cache` bytes of records; at most `workers` threads.
    pub fn new(cache: usize, workers: usize) -> VerkleForest {
        VerkleForest {
            workers,
            cache: NodeCache::new(cache),
            trees: BTreeMap::new(),
            doomed: Vec::new(),
            touched: BTreeSet::new(),
            globals: None,
            bytes: 0,
        }
    }

    fn root(&self, nodes: &Snapshot, prefix: &[u8]) -> Result<Root> {
        let stored = Stored::new(nodes, prefix);
        let cached = Cached::new(&self.cache, prefix.to_vec(), &stored);
        let found = match self.trees.get(prefix) {
            Some(changes) => root(&Overlay::new(&cached, changes)),
            None => root(&cached),
        };
        found.map_err(failed)
    }

    /// Changes one tree. Records below `left` (ascending) stay until compaction takes them.
    fn edit(
        &mut self,
        nodes: &Snapshot,
        prefix: Vec<u8>,
        edits: Vec<Edit>,
        left: &[Path],
    ) -> Result<Root> {
        let mut changes = self.trees.remove(&prefix).unwrap_or_default();
        let stored = Stored::new(nodes, &prefix);
        let cached = Cached::new(&self.cache, prefix.clone(), &stored);
        let overlay = Overlay::new(&cached, &changes);
        let mut update = apply(&overlay, comb()?, edits, self.workers).map_err(failed)?;
        update.dropped.sort_unstable();
        if !update.dropped.is_empty() {
            for (path, record) in &mut changes {
                if covers(&update.dropped, path) {
                    self.bytes -= record.take().map_or(0, |record| record.len());
                }
            }
        }
        for path in &update.dropped {
            if !covers(left, path) {
                self.bytes += OVERHEAD + path.len();
                self.doomed.push([&prefix[..], path].concat());
            }
        }
        for (path, record) in update.changed {
            self.bytes += size(&path, record.as_ref());
            let length = path.len();
            if let Some(old) = changes.insert(path, record) {
                self.bytes -= OVERHEAD + length + old.map_or(0, |record| record.len());
            }
        }
        self.trees.insert(prefix, changes);
        Ok(update.root)
    }

    /// The four trees of an app together, under its name.
    fn app(&self, nodes: &Snapshot, app: AppId, name: &[u8]) -> Result<App> {
        let mut roots = [Root::empty(); 4];
        for (tree, place) in Tree::ALL.into_iter().zip(&mut roots) {
            *place = self.root(nodes, &app_tree(app, tree))?;
        }
        Ok(App::new(address(name), &roots))
    }

    /// The root digest of every global tree of the newest frame.
    fn take_globals(&mut self, nodes: &Snapshot) -> Result<Box<[Digest; GLOBALS]>> {
        if let Some(known) = self.globals.take() {
            return Ok(known);
        }
        let mut roots = Box::new([[0; 32]; GLOBALS]);
        for (place, digest) in (0..=u8::MAX).zip(&mut *roots) {
            *digest = self.root(nodes, &global_tree(place))?.digest;
        }
        Ok(roots)
    }
}

/// Whether one of `prefixes`, which ascend and of which none begins with another, is how `path` begins.
fn covers(prefixes: &[Path], path: &[u8]) -> bool {
    let after = prefixes.partition_point(|prefix| &prefix[..] <= path);
    let before = after.checked_sub(1).map(|at| &prefixes[at]);
    before.is_some_and(|prefix| path.starts_with(prefix))
}

/// The tree's edit for a leaf.
pub(crate) fn leaf_edit(edit: &LeafEdit) -> Result<Edit> {
    let key = TreeKey::of(&edit.logical).ok_or(Error::Malformed("data key"))?;
    Ok(match &edit.content {
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

/// Where the members of those collections, and of their companions, lie that have them in `tree`; ascending.
fn members(collections: &BTreeSet<u64>, tree: Tree) -> Result<Vec<Path>> {
    let here = |cid: &&u64| {
        let side = Side::of_collection(**cid);
        [side.adds(), side.removes()].contains(&tree)
    };
    let numbers = collections.iter().filter(here);
    let prefixes = numbers.flat_map(|cid| [*cid, cid + 1]).map(|cid| {
        let prefix = collection_prefix(cid);
        prefix.ok_or(Error::Malformed("collection number"))
    });
    let mut prefixes = prefixes.collect::<Result<Vec<_>>>()?;
    prefixes.sort_unstable();
    Ok(prefixes)
}

impl Forest for VerkleForest {
    fn apply(&mut self, nodes: &Snapshot, piece: Piece) -> Result<()> {
        self.touched.insert(piece.app);
        for (tree, edits) in Tree::ALL.into_iter().zip(piece.edits) {
            let left = members(&piece.noted, tree)?;
            let dropped = members(&piece.dropped, tree)?;
            let gone = dropped.iter().chain(&left).cloned();
            let removals = gone.map(|prefix| Ok(Edit::RemoveAll { prefix }));
            let all: Vec<Edit> = removals
                .chain(edits.iter().map(leaf_edit))
                .collect::<Result<_>>()?;
            if !all.is_empty() {
                self.edit(nodes, app_tree(piece.app, tree), all, &left)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, nodes: &Snapshot, out: &mut dyn Output) -> Result<()> {
        for (prefix, changes) in std::mem::take(&mut self.trees) {
            for (path, record) in changes {
                let key = [&prefix[..], &path].concat();
                match record {
                    Some(record) => {
                        out.put(&key, &record)?;
                        self.cache.put(&key, record);
                    }
                    None => {
                        out.remove(&key)?;
                        self.cache.remove(&key);
                    }
                }
            }
        }
        for prefix in std::mem::take(&mut self.doomed) {
            let range = KeyRange::prefix(&prefix);
            let mut below = nodes.iter(Family::NODE, range, Direction::Forward);
            while let Some((key, ..)) = below.step()? {
                out.remove(key)?;
            }
        }
        self.bytes = 0;
        Ok(())
    }

    fn finish(
        &mut self,
        nodes: &Snapshot,
        before: Option<&Names>,
        names: &Names,
        out: &mut dyn Output,
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
        let mut changed: BTreeMap<u8, Vec<Edit>> = BTreeMap::new();
        for (address, edit) in &edits {
            for place in places(address) {
                changed.entry(place).or_default().push(edit.clone());
            }
        }
        let mut globals = self.take_globals(nodes)?;
        for (place, edits) in changed {
            let root = self.edit(nodes, global_tree(place), edits, &[])?;
            globals[usize::from(place)] = root.digest;
        }
        let all = edits.into_iter().map(|(_, edit)| edit).collect();
        let apps = self.edit(nodes, tree_of_apps(), all, &[])?;
        let roots = Roots {
            apps: apps.digest,
            globals: global_digest(&globals),
            hash_root: apps.hash,
        };
        self.globals = Some(globals);
        self.write(nodes, out)?;
        Ok(roots)
    }

    fn sealed(&mut self) {
        self.touched.clear();
    }

    fn abandon(&mut self) {
        self.trees.clear();
        self.doomed.clear();
        self.touched.clear();
        self.globals = None;
        self.cache.clear();
        self.bytes = 0;
    }

    fn dirty_bytes(&self) -> usize {
        self.bytes
    }
}
