//! What sealing asks of the trees.

use crate::digest::Digest;
use crate::edits::Piece;
use crate::error::Result;
use crate::names::Names;
use hyperdb_lsm::{Batch, Snapshot};

/// The digests that a header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Root digest of the tree of apps.
    pub apps: Digest,
    /// Digest of the 256 global trees.
    pub globals: Digest,
    /// Hash digest of the tree of apps.
    pub hash_root: Digest,
}

/// The trees of all apps, the tree of apps and the global trees, as the newest frame has them.
///
/// Edits gather until [`Forest::finish`]; then either [`Forest::sealed`] or [`Forest::abandon`] follows.
pub trait Forest: Send {
    /// Edits one app's trees. `nodes` shows the nodes of the newest frame.
    ///
    /// # Errors
    /// What reading nodes fails with.
    fn apply(&mut self, nodes: &Snapshot, piece: Piece) -> Result<()>;

    /// Brings the trees above the apps' trees up to date and puts every changed node into `batch`. `before` are the
    /// apps of the newest frame, if there is one.
    ///
    /// # Errors
    /// What reading nodes fails with.
    fn finish(
        &mut self,
        nodes: &Snapshot,
        before: Option<&Names>,
        names: &Names,
        batch: &mut Batch,
    ) -> Result<Roots>;

    /// The batch is written.
    fn sealed(&mut self);

    /// It is not, and never will be: all edits since the last frame are forgotten.
    fn abandon(&mut self);

    /// Bytes of memory that edits hold which are not sealed yet.
    fn dirty_bytes(&self) -> usize;
}
