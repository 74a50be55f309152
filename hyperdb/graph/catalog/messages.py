"""Rows as messages of PostgreSQL's protocol, written natively: names only, as with `graph.native`.

Invariant: languages reach native writers of rows through this module alone.
"""

from __future__ import annotations

from hyperdb import _native

ColumnRows = _native.ColumnRows
RowForm = _native.RowForm
