"""The one door to the compiled module.

Nobody else imports `hyperdb._core`: tools that read imports cannot see into a compiled module, and one door is easy to guard.
Invariant: a child made by fork knows that it is one before any of its code can touch a handle.
"""

from __future__ import annotations

import os

from hyperdb._core import (
    CatalogImage,
    Chunks,
    ColumnBatch,
    ColumnRows,
    ColumnScan,
    CopyForm,
    CqlLane,
    CqlLanes,
    CqlPlan,
    Engine,
    Frames,
    Hypergraph,
    Keyspace,
    LaneStatement,
    Pages,
    Reader,
    RowForm,
    Server,
    Snapshot,
    SqlLane,
    SqlLanes,
    SqlTransaction,
    Store,
    TableLayout,
    TableRewrite,
    Transaction,
    TransactionGraph,
    WideTable,
    decode_verifier,
    encode_bootstrap_role,
    forked,
    merge_copy_data,
    public_key_of,
    verify,
    write_unless_changed,
)
from hyperdb._core import __version__ as VERSION  # noqa: N812

os.register_at_fork(after_in_child=forked)

__all__ = [
    "VERSION",
    "CatalogImage",
    "Chunks",
    "ColumnBatch",
    "ColumnRows",
    "ColumnScan",
    "CopyForm",
    "CqlLane",
    "CqlLanes",
    "CqlPlan",
    "Engine",
    "Frames",
    "Hypergraph",
    "Keyspace",
    "LaneStatement",
    "Pages",
    "Reader",
    "RowForm",
    "Server",
    "Snapshot",
    "SqlLane",
    "SqlLanes",
    "SqlTransaction",
    "Store",
    "TableLayout",
    "TableRewrite",
    "Transaction",
    "TransactionGraph",
    "WideTable",
    "decode_verifier",
    "encode_bootstrap_role",
    "merge_copy_data",
    "public_key_of",
    "verify",
    "write_unless_changed",
]
