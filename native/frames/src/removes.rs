//! Removes on their way out of the trees.
//!
//! **Theory.** A remove enters its tree with the frame after it and leaves when the horizon passes it. So that it is found then
//! without looking through the tree, each frame keeps a list of the removes that entered with it.
//!
//! **Invariant.** A list is written with its frame and goes when its removes have left; both in parts, so no list is ever in memory.

use crate::edits::{Edit, Piece};
use crate::error::Result;
use crate::names::Names;
use crate::output::Output;
use crate::records::{encode_remove, removes_key, Records, PART};
use crate::tree::Tree;
use hyperdb_graph::keys::app_prefix;
use hyperdb_graph::AppId;
use hyperdb_lsm::{Commit, Family, Op, Snapshot};

/// The list of a frame that is being made.
pub(crate) struct Entering {
    number: u64,
    app: AppId,
    part: u32,
    list: Vec<u8>,
}

impl Entering {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            number,
            app: AppId::SYSTEM,
            part: 0,
            list: Vec::new(),
        }
    }

    /// Takes the removes among a piece's edits; the pieces of an app come one after the other.
    pub(crate) fn take(&mut self, piece: &Piece, out: &mut dyn Output) -> Result<()> {
        if piece.app != self.app {
            self.finish(out)?;
            (self.app, self.part) = (piece.app, 0);
        }
        for tree in [Tree::VertexRemoves, Tree::EdgeRemoves] {
            for edit in &piece.edits[tree as usize] {
                if edit.content.is_some() {
                    encode_remove(&mut self.list, tree, &edit.logical);
                    if self.list.len() >= PART {
                        self.finish(out)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes what is left of the list.
    pub(crate) fn finish(&mut self, out: &mut dyn Output) -> Result<()> {
        if !self.list.is_empty() {
            out.put(&removes_key(self.number, self.app, self.part), &self.list)?;
            self.list.clear();
            self.part += 1;
        }
        Ok(())
    }
}

/// Hands to `apply`, in pieces of about `limit` edits, the removes that entered in frames `numbers` and are not newer than
/// `removes_from`; the keys of their lists are in `lists` afterwards.
pub(crate) fn leave(
    data: &Snapshot,
    names: &Names,
    numbers: impl Iterator<Item = u64>,
    removes_from: Commit,
    limit: usize,
    apply: &mut dyn FnMut(Piece) -> Result<()>,
) -> Result<Vec<Vec<u8>>> {
    let mut lists = Vec::new();
    for number in numbers {
        let mut piece: Option<Piece> = None;
        Records(data).removes(number, &mut lists, &mut |app, tree, logical| {
            if names.name(app).is_none() || stays(data, app, logical, removes_from)? {
                return Ok(());
            }
            let mut now = match piece.take() {
                Some(now) if now.app == app && now.len() < limit => now,
                before => {
                    before.map_or(Ok(()), &mut *apply)?;
                    Piece::of(app)
                }
            };
            now.edits[tree as usize].push(Edit {
                logical: logical.to_vec(),
                content: None,
            });
            piece = Some(now);
            Ok(())
        })?;
        piece.map_or(Ok(()), &mut *apply)?;
    }
    Ok(lists)
}

/// Whether the newest remove of a key is newer than the horizon, so that its leaf stays.
fn stays(data: &Snapshot, app: AppId, logical: &[u8], removes_from: Commit) -> Result<bool> {
    let key = [&app_prefix(app)[..], logical].concat();
    Ok(match data.newest(Family::DATA, &key)? {
        Some((version, Op::Remove, _)) => version > removes_from,
        _ => false,
    })
}
