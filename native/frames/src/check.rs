//! Auditing a frame: its root from the data alone.
//!
//! **Theory.** The incremental trees are right if trees built anew from what [`crate::settlement`] finds in the data at the
//! frame's commit have the same roots. An auditor with a copy of the data and the salts does the same.

use crate::edits::{Contents, Edit, Piece};
use crate::error::Result;
use crate::forest::{Forest, Roots};
use crate::names::Names;
use crate::seal::{Frames, View};
use crate::settlement::settle;
use hyperdb_graph::AppId;
use hyperdb_lsm::Batch;

/// Leaves are handed to the trees in pieces of so many.
const PIECE: usize = 64 << 10;

/// What an audit found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl Audit {
    /// Whether all is as it should be.
    pub fn is_sound(&self) -> bool {
        self.signed && self.sealed == self.rebuilt
    }
}

impl Frames {
    /// Builds the trees of a frame in `empty`, a forest without leaves, from the data at its commit, and compares the
    /// roots. The newest frame if `number` is `None`.
    ///
    /// # Errors
    /// As [`Frames::view`].
    pub fn audit(&self, number: Option<u64>, empty: &mut dyn Forest) -> Result<Audit> {
        let view = self.view(number)?;
        let header = view.signed.header;
        let names = Names::read(&view.data)?;
        let (leaves, bytes) = self.plant(&view, &names, None, empty)?;
        let nodes = &view.nodes;
        let rebuilt = empty.finish(nodes, None, &names, &mut Batch::new())?;
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
            rebuilt,
        })
    }

    /// Gives `empty` every leaf of a frame, of one app alone if `only` names one; how many, and their bytes.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn plant(
        &self,
        view: &View,
        names: &Names,
        only: Option<AppId>,
        empty: &mut dyn Forest,
    ) -> Result<(u64, u64)> {
        let (mut leaves, mut bytes) = (0, 0);
        let mut contents = Contents::new(self.secret());
        let mut piece: Option<Piece> = None;
        let from = view.signed.header.removes_from;
        settle(&view.data, from, names, only, &mut |entry| {
            let content = contents.of(
                (entry.app, entry.tree),
                entry.logical,
                entry.version,
                entry.value,
            )?;
            leaves += 1;
            bytes += content.bytes;
            let mut now = match piece.take() {
                Some(now) if now.app == entry.app && now.len() < PIECE => now,
                before => {
                    if let Some(before) = before {
                        empty.apply(&view.nodes, before)?;
                    }
                    Piece::of(entry.app)
                }
            };
            now.edits[entry.tree as usize].push(Edit {
                logical: entry.logical.to_vec(),
                content: Some(content),
            });
            piece = Some(now);
            Ok(())
        })?;
        if let Some(piece) = piece {
            empty.apply(&view.nodes, piece)?;
        }
        Ok((leaves, bytes))
    }
}
