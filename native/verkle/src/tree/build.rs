//! A tree made anew from its leaves, in order, in bounded memory.
//!
//! **Theory.** Leaves come in pieces; each piece is one update of what stands so far. Only branches on the way to the newest leaf
//! can still change, so only they are kept; all others are handed out, each once. Whatever incremental updates would give, this
//! gives, since it is the same code.

use super::error::TreeError;
use super::nodes::MemoryNodes;
use super::update::{apply, Edit, Root};
use super::TreeKey;
use crate::comb::Comb;
use std::collections::HashMap;

/// Leaves of a piece.
const PIECE: usize = 1 << 15;

/// Takes finished records.
pub type Sink<'s> = &'s mut dyn FnMut(&[u8], &[u8]) -> Result<(), TreeError>;

/// Builds one tree.
pub struct Builder<'s> {
    comb: &'s Comb,
    workers: usize,
    sink: Sink<'s>,
    edits: Vec<Edit>,
    border: MemoryNodes,
    root: Root,
}

impl<'s> Builder<'s> {
    /// Records go to `sink` (path, record), each path once, in no particular order.
    pub fn new(comb: &'s Comb, workers: usize, sink: Sink<'s>) -> Self {
        Self {
            comb,
            workers,
            sink,
            edits: Vec::new(),
            border: MemoryNodes::default(),
            root: Root::empty(),
        }
    }

    /// The next leaf; places ascend.
    ///
    /// # Errors
    /// [`TreeError::Key`] if they do not, what [`apply`] and the sink fail with.
    pub fn push(&mut self, key: TreeKey, slot: [u8; 32], bytes: u64) -> Result<(), TreeError> {
        if self
            .edits
            .last()
            .is_some_and(|edit| edit.steps() >= key.steps())
        {
            return Err(TreeError::Key(key.steps().to_vec()));
        }
        // The last leaf waits, so that the order is also known from piece to piece.
        if self.edits.len() > PIECE {
            let last = self.edits.pop();
            self.flush()?;
            self.edits.extend(last);
        }
        self.edits.push(Edit::Set { key, slot, bytes });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), TreeError> {
        let edits = std::mem::take(&mut self.edits);
        let Some(newest) = edits.last().map(|edit| edit.steps().to_vec()) else {
            return Ok(());
        };
        let update = apply(&self.border, self.comb, edits, self.workers)?;
        self.border.take(&update);
        self.root = update.root;
        let (border, done): (HashMap<_, _>, HashMap<_, _>) = std::mem::take(&mut self.border.0)
            .into_iter()
            .partition(|(path, _)| newest.starts_with(path));
        self.border.0 = border;
        for (path, record) in done {
            (self.sink)(&path, &record)?;
        }
        Ok(())
    }

    /// All leaves are there.
    ///
    /// # Errors
    /// As [`Builder::push`].
    pub fn finish(mut self) -> Result<Root, TreeError> {
        self.flush()?;
        for (path, record) in &self.border.0 {
            (self.sink)(path, record)?;
        }
        Ok(self.root)
    }
}
