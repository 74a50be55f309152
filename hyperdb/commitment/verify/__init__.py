"""Verifies HyperDB's proofs: pure Python on the standard library and py_ecc, and nothing else of HyperDB.

    from hyperdb.commitment.verify import OwnerKey, Root, StoreKey, verify
    shown = verify(bundle, trusted=StoreKey(public), app="redis/0")
    for answer in shown.answers: ...

This folder can be copied out and used alone. What a bundle shows and does not show: docs/proof-format.md.

Theory: a bundle holds pruned trees; the verifier rebuilds every opened slot from its content, checks all openings by one pairing
equation, ties the roots to what the caller pinned, and runs the queries again. Invariant: it returns, or raises
`VerificationError`; its work is bounded by `Limits`.
"""

from __future__ import annotations

from .answers import (
    Absent,
    Answer,
    Attested,
    Bounds,
    Collection,
    Complete,
    Count,
    Element,
    ElementCount,
    Elements,
    Found,
    Incidence,
    IncidenceCount,
    Member,
    Query,
    Removed,
    RemovedElement,
    RemovedMember,
    Row,
    Rows,
)
from .bundle import OwnerKey, Root, Seen, StoreKey, Trusted, Verified, verify
from .errors import Check, VerificationError
from .header import Attestation, Frame
from .rows import Column, Stamp
from .wire import Limits

__all__ = [
    "Absent",
    "Answer",
    "Attestation",
    "Attested",
    "Bounds",
    "Check",
    "Collection",
    "Column",
    "Complete",
    "Count",
    "Element",
    "ElementCount",
    "Elements",
    "Found",
    "Frame",
    "Incidence",
    "IncidenceCount",
    "Limits",
    "Member",
    "OwnerKey",
    "Query",
    "Removed",
    "RemovedElement",
    "RemovedMember",
    "Root",
    "Row",
    "Rows",
    "Seen",
    "Stamp",
    "StoreKey",
    "Trusted",
    "VerificationError",
    "Verified",
    "verify",
]
