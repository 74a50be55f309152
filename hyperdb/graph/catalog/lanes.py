"""The short way of a language's clients: names only, as with `graph.native`.

Invariant: languages reach native lanes through this module alone.
"""

from __future__ import annotations

from hyperdb import _native

Lane = _native.SqlLane
Lanes = _native.SqlLanes
LaneStatement = _native.LaneStatement
CopyForm = _native.CopyForm
CqlLane = _native.CqlLane
CqlLanes = _native.CqlLanes
CqlPlan = _native.CqlPlan
Handle = _native.Transaction
merge_copy_data = _native.merge_copy_data
