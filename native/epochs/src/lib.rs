//! Epochs: an app at a frame, laid out in pages that prove themselves.
//!
//! **Purpose.** The columns of private retrieval (`docs/epoch-format.md`): all logical keys of an app in their order, cut into intervals
//! whose rows and completeness proof fit into a page. Matrices and manifests are made of them elsewhere.
//!
//! **Theory.** How many rows fit is found with drafts, which know a proof's size and cost a walk over the trees; only the draft that
//! stays is opened, which is where the time goes, and openings are made by several threads while the next interval is looked for.
//!
//! **Invariant.** Memory is that of the pages and of a window of entries. Nothing here holds a lock that writers wait for: one view of the
//! frame serves all pages.

mod contents;
mod layout;
mod nodes;
mod packing;
mod page;

pub use layout::{lay_out, Interval, Layout, Plan};
