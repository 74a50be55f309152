//! SQL's door: the catalog's records, rows of tables, statements of several steps.
//!
//! **Theory.** Python holds the meaning: it parses, binds, plans, evaluates expressions. What is done per row and must be in
//! one commit with its index entries is native/graph's `relation`; here values go from Python's objects to their stored forms.

mod catalog;
mod columnar;
mod copy;
mod keyspace;
mod lane;
mod output;
mod plan;
mod rows;
mod transaction;
mod values;

pub(crate) use catalog::{refused, CatalogImage, TableLayout};
pub(crate) use columnar::{ColumnBatch, ColumnScan};
pub(crate) use copy::{merge_copy_data, CopyForm};
pub(crate) use keyspace::{KeyReading, Keyspace};
pub(crate) use lane::{SqlLane, SqlLanes, Watch};
pub(crate) use output::{ColumnRows, RowForm};
pub(crate) use plan::LaneStatement;
pub(crate) use transaction::{SqlTransaction, TableRewrite};
