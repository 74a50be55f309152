//! Rows of a table as columns: what an analytic executor reads.
//!
//! **Purpose.** A query that goes over many rows wants a few columns of each, one value behind the other. Rows are packed
//! by row; here they are decoded once into Arrow's layout, shared by every query that may see the same rows, and handed
//! over without a copy.
//!
//! ```text
//! form      what a column's type becomes in Arrow, or that it cannot be said there
//! column    one column of a batch: validity, values, offsets
//! decode    packed rows into columns
//! ranges    which columns are kept, and which snapshots they serve
//! scan      a table at a snapshot, batch by batch
//! export    Arrow's C interface, for readers of ours
//! import    the same, of batches that an analytic engine made
//! ```
//! **Theory.** The key space of a table is cut into ranges of about [`BATCH_ROWS`] rows. A range carries the commit of its
//! last change, marked under the writer before the commit can be seen. Columns built at commit `c` hold what the range held
//! at every commit from that change on, so they serve snapshot `s` if `last change <= min(c, s)`. What a transaction has
//! written itself is read through it and never kept.
//!
//! **Invariant.** A scan gives what [`crate::relation`] reads at the same snapshot, value by value. Arrow is described in
//! "The Arrow Columnar Format" and "The Arrow C data interface" (Apache Arrow, format version 1.5).

mod column;
mod decode;
#[allow(unsafe_code)]
pub mod export;
mod form;
#[allow(unsafe_code)]
pub mod import;
mod ranges;
mod scan;

pub use column::{Column, Data};
pub use form::{Form, Unmapped};
pub(crate) use ranges::Place;
pub use ranges::Ranges;
pub use scan::{Batch, Fault, Field, Scan};

/// Rows of a batch, and of a range when it is first cut.
pub const BATCH_ROWS: usize = 1 << 16;
/// A batch of values as large as this ends early, so that offsets fit an i32 and memory is bounded.
const BATCH_BYTES: usize = 64 << 20;
