//! Auditing a frame: its root from the data alone.
//!
//! **Theory.** The incremental trees are right if trees built anew from what [`crate::settlement`] finds in the data at the
//! frame's commit have the same roots. Leaves come in the order of store keys, which is nearly that of tree keys, so only the
//! branches on the way to the newest leaf are held ([`Builder`]). Every other branch is finished, and compared
//! with the record that the store has of it. An auditor with a copy of the data and the salts does the same.
//!
//! **Invariant.** The stored nodes serve for comparison only; no root depends on them.

use crate::edits::{Contents, Edit as LeafEdit};
use crate::error::Result;
use crate::forest::Roots;
use crate::names::Names;
use crate::seal::Frames;
use crate::settlement::settle;
use crate::tree::Tree;
use crate::verkle::{app_tree, comb, failed, leaf_edit, tree_of_apps, Stored};
use crate::view::View;
use hyperdb_graph::AppId;
use hyperdb_lsm::Family;
use hyperdb_verkle::hash::Digest;
use hyperdb_verkle::tree::apps::address;
use hyperdb_verkle::tree::apps::{global_digest, places, App, GLOBALS};
use hyperdb_verkle::tree::build::Builder;
use hyperdb_verkle::tree::nodes::MemoryNodes;
use hyperdb_verkle::tree::place::Logical;
use hyperdb_verkle::tree::{apply, root, Edit, Root, TreeError, TreeKey};
use std::cell::RefCell;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The frame.
    pub number: u64,
    /// Leaves in all trees.
    pub leaves: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Whether the key that the header names signed it.
    pub signed: bool,
    /// What the header says.
    pub sealed: Roots,
    /// What the data say.
    pub rebuilt: Roots,
    /// Branches of apps' trees that the store has another record of, or none.
    pub wrong_nodes: u64,
}

impl Audit {
    /// Whether all is as it should be.
    pub fn is_sound(&self) -> bool {
        self.signed && self.sealed == self.rebuilt && self.wrong_nodes == 0
    }

    /// What is not, in words.
    pub fn problems(&self) -> Vec<String> {
        let number = self.number;
        let (sealed, rebuilt) = (&self.sealed, &self.rebuilt);
        let checks = [
            (
                self.signed,
                "its header is not signed by the key that it names",
            ),
            (
                sealed.apps == rebuilt.apps,
                "its root is not that of the data",
            ),
            (
                sealed.globals == rebuilt.globals,
                "its global trees are not those of the data",
            ),
            (
                sealed.hash_root == rebuilt.hash_root,
                "its hash root is not that of the data",
            ),
        ];
        let failed = checks.into_iter().filter(|(holds, _)| !holds);
        let mut found: Vec<String> = failed
            .map(|(_, what)| format!("frame {number}: {what}"))
            .collect();
        if self.wrong_nodes > 0 {
            let wrong = self.wrong_nodes;
            found.push(format!(
                "frame {number}: {wrong} nodes are not those of the data"
            ));
        }
        found
    }
}

/// Told of bytes done and bytes in all.
pub type Progress<'p> = &'p mut dyn FnMut(u64, u64);

/// A tree that is built from leaves in the order of store keys.
struct Growing<'b> {
    builder: Builder<'b>,
    /// Long keys with a common beginning: their places are in the order of their hashes.
    run: Vec<(TreeKey, [u8; 32], u64)>,
    beginning: Vec<u8>,
}

impl<'b> Growing<'b> {
    fn new(builder: Builder<'b>) -> Self {
        Self {
            builder,
            run: Vec::new(),
            beginning: Vec::new(),
        }
    }

    fn push(&mut self, leaf: LeafEdit) -> Result<()> {
        let Edit::Set { key, slot, bytes } = leaf_edit(&leaf)? else {
            return Ok(());
        };
        let beginning = match key.logical() {
            Some(Logical::Beginning(beginning)) => beginning,
            _ => Vec::new(),
        };
        if beginning.is_empty() || beginning != self.beginning {
            self.flush()?;
        }
        self.beginning = beginning;
        self.run.push((key, slot, bytes));
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.run.sort_unstable();
        for (key, slot, bytes) in self.run.drain(..) {
            self.builder.push(key, slot, bytes).map_err(failed)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Root> {
        self.flush()?;
        self.builder.finish().map_err(failed)
    }
}

impl Frames {
    /// Builds the trees of a frame from the data at its commit, in bounded memory, and compares roots and nodes with what is sealed. The
    /// newest frame if `number` is `None`.
    ///
    /// # Errors
    /// As [`Frames::view`].
    pub fn audit(&self, number: Option<u64>, progress: Progress<'_>) -> Result<Audit> {
        let view = self.view(number)?;
        let header = view.signed.header;
        let names = Names::read(&view.data)?;
        let total = root(&Stored::new(&view.nodes, &tree_of_apps()));
        // Where the root cannot be read there is no total; that it cannot is found below.
        let total = total.map_or(0, |root| root.bytes);
        let (mut leaves, mut bytes, mut wrong_nodes) = (0, 0, 0);
        let mut edits = Vec::new();
        for (app, name) in names.iter() {
            let tell = &mut |done| progress(bytes + done, total);
            let (built, wrong) = self.build(&view, &names, (app, name), tell)?;
            leaves += built.count;
            bytes += built.bytes;
            wrong_nodes += wrong;
            edits.push((built.address, built.edit()));
        }
        Ok(Audit {
            number: header.number,
            leaves,
            bytes,
            signed: view.signed.is_signed(),
            sealed: Roots {
                apps: header.apps,
                globals: header.globals,
                hash_root: header.hash_root,
            },
            rebuilt: above(&edits)?,
            wrong_nodes,
        })
    }

    /// An app as the data of a frame have it, whatever its nodes say: what an owner computes before signing. `None` if there is
    /// none of that name.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn rebuild(
        &self,
        view: &View,
        name: &[u8],
        progress: &mut dyn FnMut(u64),
    ) -> Result<Option<App>> {
        let names = Names::read(&view.data)?;
        let Some(app) = names.app(name) else {
            return Ok(None);
        };
        let (built, _) = self.build(view, &names, (app, name), progress)?;
        Ok(Some(built))
    }

    /// An app from the data, and how many of its nodes the store has otherwise.
    fn build(
        &self,
        view: &View,
        names: &Names,
        (app, name): (AppId, &[u8]),
        progress: &mut dyn FnMut(u64),
    ) -> Result<(App, u64)> {
        let comb = comb()?;
        let wrong = RefCell::new(0u64);
        let mut sinks = Tree::ALL.map(|tree| {
            let prefix = app_tree(app, tree);
            let (wrong, nodes) = (&wrong, &view.nodes);
            move |path: &[u8], record: &[u8]| -> std::result::Result<(), TreeError> {
                let key = [&prefix[..], path].concat();
                // A node that cannot be read is as wrong as another one.
                let stored = nodes.get(Family::NODE, &key).ok().flatten();
                *wrong.borrow_mut() += u64::from(stored.as_deref() != Some(record));
                Ok(())
            }
        });
        let mut trees = sinks
            .each_mut()
            .map(|sink| Growing::new(Builder::new(comb, 1, sink)));
        let mut contents = Contents::new(self.secret());
        let mut done = 0;
        let from = view.signed.header.removes_from;
        settle(&view.data, from, names, Some(app), &mut |entry| {
            let place = (entry.app, entry.tree);
            let content = contents.of(place, entry.logical, entry.version, entry.value)?;
            done += content.bytes;
            progress(done);
            trees[entry.tree as usize].push(LeafEdit {
                logical: entry.logical.to_vec(),
                content: Some(content),
            })
        })?;
        let mut roots = [Root::empty(); 4];
        for (root, tree) in roots.iter_mut().zip(trees) {
            *root = tree.finish()?;
        }
        let wrong = *wrong.borrow();
        Ok((App::new(address(name), &roots), wrong))
    }
}

/// The roots of the tree of apps and of the global trees.
fn above(apps: &[(Digest, Edit)]) -> Result<Roots> {
    let comb = comb()?;
    let tree = |edits: Vec<Edit>| {
        let built = apply(&MemoryNodes::default(), comb, edits, 1);
        built.map(|built| built.root).map_err(failed)
    };
    let mut here = vec![Vec::new(); GLOBALS];
    for (address, edit) in apps {
        for place in places(address) {
            here[usize::from(place)].push(edit.clone());
        }
    }
    let mut globals = [[0; 32]; GLOBALS];
    for (edits, digest) in here.into_iter().zip(&mut globals) {
        *digest = tree(edits)?.digest;
    }
    let all = tree(apps.iter().map(|(_, edit)| edit.clone()).collect())?;
    Ok(Roots {
        apps: all.digest,
        globals: global_digest(&globals),
        hash_root: all.hash,
    })
}
