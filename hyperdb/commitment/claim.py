"""Queries as the bytes that the native prover takes: the queries of a claim (docs/proof-format.md, Claim).

Invariant: `verify.queries.read_query` reads back what is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hyperdb.commitment.verify import (
    Bounds,
    Count,
    Element,
    ElementCount,
    Elements,
    Incidence,
    IncidenceCount,
    Member,
    Query,
    RemovedElement,
    RemovedMember,
    Rows,
)

_LONGEST_INLINE = 247


def varint(value: int) -> bytes:
    """The ordered varint of the file format."""
    if value <= _LONGEST_INLINE:
        return bytes([value])
    body = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([_LONGEST_INLINE + len(body)]) + body


def blob(data: bytes) -> bytes:
    """Bytes behind their length."""
    return varint(len(data)) + data


def _bounds(bounds: Bounds) -> bytes:
    flags = bool(bounds.low) | bool(bounds.below) << 1 | bounds.companion << 2
    return bytes([flags]) + b"".join(blob(bound) for bound in (bounds.low, bounds.below) if bound)


_FORMS: dict[type[Any], tuple[int, Callable[[Any], bytes]]] = {
    Element: (1, lambda query: blob(query.id)),
    RemovedElement: (2, lambda query: bytes([query.hyperedge]) + blob(query.id)),
    Member: (3, lambda query: blob(query.collection) + blob(query.name)),
    RemovedMember: (4, lambda query: blob(query.collection) + blob(query.name)),
    Rows: (5, lambda query: blob(query.collection) + _bounds(query.bounds)),
    Count: (6, lambda query: blob(query.collection) + _bounds(query.bounds)),
    Elements: (7, lambda query: _bounds(query.bounds)),
    ElementCount: (8, lambda query: _bounds(query.bounds)),
    Incidence: (9, lambda query: blob(query.id)),
    IncidenceCount: (10, lambda query: blob(query.id)),
}


def encode_query(query: Query) -> bytes:
    """One query."""
    code, body = _FORMS[type(query)]
    return bytes([code]) + body(query)


def encode_queries(queries: Sequence[Query]) -> bytes:
    """How many there are, and each."""
    return varint(len(queries)) + b"".join(encode_query(query) for query in queries)
