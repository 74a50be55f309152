//! What sealing asks of the trees.

use crate::edits::Piece;
use crate::error::Result;
use crate::names::Names;
use crate::output::Output;
use hyperdb_lsm::Snapshot;
use hyperdb_verkle::hash::Digest;

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
/// Edits gather, and may be written in several steps, until [`Forest::finish`]; then either [`Forest::sealed`] or
/// [`Forest::abandon`] follows. `nodes` shows the nodes of the newest frame and what was written since.
pub trait Forest: Send {
    /// Edits one app's trees.
    ///
    /// # Errors
    /// What reading nodes fails with.
    fn apply(&mut self, nodes: &Snapshot, piece: Piece) -> Result<()>;

    /// Hands over every changed node; from now on they are read from the store.
    ///
    /// # Errors
    /// What reading and writing nodes fails with.
    fn write(&mut self, nodes: &Snapshot, out: &mut dyn Output) -> Result<()>;

    /// Brings the trees above the apps' trees up to date and hands over every changed node. `before` are the
    /// apps of the newest frame, if there is one.
    ///
    /// # Errors
    /// What reading and writing nodes fails with.
    fn finish(
        &mut self,
        nodes: &Snapshot,
        before: Option<&Names>,
        names: &Names,
        out: &mut dyn Output,
    ) -> Result<Roots>;

    /// The frame is written.
    fn sealed(&mut self);

    /// It is not, and never will be: all edits since the last frame are forgotten.
    fn abandon(&mut self);

    /// Bytes of memory that changed nodes hold which are not written yet.
    fn dirty_bytes(&self) -> usize;
}
