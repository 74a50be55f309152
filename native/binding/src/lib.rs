//! The compiled module `hyperdb._core`: everything native that Python may touch, and nothing else.
//!
//! **Purpose.** Translate between Python objects and the crates beside this one. No rule of the database lives
//! here. `hyperdb/_native.py` is the only Python file that imports it.
//!
//! **Invariant.** The interpreter's lock is not held while the disk, a lock or a batch is waited for.

// The macros of PyO3 make items that nobody can document.
#![allow(missing_docs)]

mod command;
mod cql;
mod engine;
mod epochs;
mod errors;
mod fork;
mod frames;
mod hypergraph;
mod pir;
mod roles;
mod scan;
mod server;
mod settings;
mod sql;
mod store;
mod transaction;
mod transaction_graph;
mod transfer;
mod validated;
mod verenc;
mod wide;

use pyo3::prelude::*;

/// The compiled module.
#[pymodule]
mod _core {
    use super::*;

    #[pymodule_export]
    use super::cql::{CqlLane, CqlLanes, CqlPlan};
    #[pymodule_export]
    use super::engine::{Engine, Snapshot};
    #[pymodule_export]
    use super::epochs::lay_out_epoch;
    #[pymodule_export]
    use super::fork::forked;
    #[pymodule_export]
    use super::frames::{public_key_of, verify, Frames, HeldFrame};
    #[pymodule_export]
    use super::hypergraph::{Hypergraph, Pages, Reader};
    #[pymodule_export]
    use super::pir::{pir_kernels, PirHint, PirMask, PirMatrix, PirQuery};
    #[pymodule_export]
    use super::roles::{change_acl, decode_verifier, encode_bootstrap_role};
    #[pymodule_export]
    use super::scan::Chunks;
    #[pymodule_export]
    use super::server::Server;
    #[pymodule_export]
    use super::sql::{
        merge_copy_data, CatalogImage, ColumnBatch, ColumnRows, ColumnScan, CopyForm, KeyReading,
        Keyspace, LaneStatement, RowForm, SqlLane, SqlLanes, SqlTransaction, TableLayout,
        TableRewrite,
    };
    #[pymodule_export]
    use super::store::Store;
    #[pymodule_export]
    use super::transaction::Transaction;
    #[pymodule_export]
    use super::transaction_graph::TransactionGraph;
    #[pymodule_export]
    use super::transfer::{
        differing_payloads, export_rdb, import_rdb, restore_functions, restore_payloads,
    };
    #[pymodule_export]
    use super::validated::write_unless_changed;
    #[pymodule_export]
    use super::verenc::{
        verenc_check_chunk, verenc_decrypt_chunk, verenc_draw, verenc_encrypt_chunk, verenc_prove,
        verenc_recover, verenc_statement, verenc_verify,
    };
    #[pymodule_export]
    use super::wide::WideTable;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
