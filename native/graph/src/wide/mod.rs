//! Tables made in CQL: partitions of rows, by the token of their key, whose cells carry the times of their writes.
//!
//! **Theory.** A partition is what lies under one token and partition key in its table's collection: the static row first, then the rows by
//! their clustering columns. A write reads what it touches, weighs it against what is there by time, and stores what counts
//! (`cells`); what was removed is remembered beside, for the table's grace, so that a write that comes late loses as it would
//! have in time. **Invariant.** What is stored follows from the set of writes, not from the order in which they came.

pub mod cells;
pub mod examine;
mod expiry;
pub mod fields;
pub mod index;
pub mod layout;
pub mod many;
pub mod partition;
mod plain;
pub mod read;
mod shadow;
pub mod show;
pub mod space;
pub mod stamp;
pub mod view;
