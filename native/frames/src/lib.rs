//! Frames: what the store holds at a commit, sealed under one signed root.
//!
//! **Purpose.** Any read can be proved against a root that is small, signed, and linked to all earlier ones.
//!
//! **Theory.** Off the write path, a thread follows the store's feed of changes, brings four Verkle trees an app up to date
//! with what is there ([`settlement`]), and writes the changed nodes and a signed header as one commit. The data
//! of a frame is what its commit shows; its nodes are what the store shows from the sealing commit to the next.
//!
//! **Invariant.** After a crash at any point the newest header's root matches the data at its commit.

pub mod attest;
mod changes;
mod check;
pub mod edits;
mod error;
pub mod forest;
pub mod header;
pub mod history;
pub mod leaf;
pub mod names;
mod options;
pub mod output;
mod prove;
mod readable;
mod records;
mod removes;
pub mod schedule;
mod seal;
mod sealer;
pub mod settlement;
pub mod sign;
pub mod tree;
mod verified;
pub mod verkle;
mod view;

pub use check::Audit;
pub use error::{Error, Result};
pub use forest::{Forest, Roots};
pub use header::{Header, SignedHeader};
pub use names::Names;
pub use options::{FramesOptions, Retention, SealerOptions};
pub use prove::{refused, AppView, Request, Shard};
pub use records::Cost;
pub use schedule::Schedule;
pub use seal::Frames;
pub use sealer::{Sealer, SealerStats};
pub use tree::{Place, Side, Tree};
pub use verified::verify;
pub use view::View;
