"""Native verification behind the interface of `hyperdb.commitment.verify`.

Theory: the native verifier checks everything and hands over verified rows and answers by number; here they become the values that
the pure verifier gives. Invariant: nothing is shown that was not verified, and both verifiers answer alike (tests/commitment).
"""

from __future__ import annotations

from typing import Any, Literal

from hyperdb import _native
from hyperdb.commitment.verify import (
    Absent,
    Answer,
    Attestation,
    Attested,
    Collection,
    Column,
    Complete,
    Count,
    Found,
    Frame,
    Limits,
    Member,
    OwnerKey,
    Query,
    Removed,
    RemovedMember,
    Root,
    Row,
    Rows,
    Seen,
    Stamp,
    StoreKey,
    Trusted,
    Verified,
)
from hyperdb.commitment.verify.header import read_header
from hyperdb.commitment.verify.places import element_key
from hyperdb.commitment.verify.queries import known, read_query
from hyperdb.commitment.verify.rows import COLUMNS, DIGEST, PACKED, PLAIN, Claimed
from hyperdb.commitment.verify.wire import Reader
from hyperdb.errors import InvalidError

_Pin = Literal["root", "store key", "owner key"]
_ROOT_BYTES, _KEY_BYTES = 32, 57


def decode_header(data: bytes) -> Frame:
    """A header's bytes; what follows them is not looked at.

    Raises:
        VerificationError: they are no header.
    """
    return read_header(Reader(data, Limits.FORMAT))[0]


def _pin(trusted: Trusted) -> tuple[_Pin, bytes]:
    pin: tuple[_Pin, bytes]
    match trusted:
        case Root(digest=digest):
            pin = ("root", digest)
        case StoreKey(public=public):
            pin = ("store key", public)
        case OwnerKey(public=public):
            pin = ("owner key", public)
        case _:
            raise TypeError(f"what is trusted is a Root, a StoreKey or an OwnerKey, not {type(trusted).__name__}")
    if len(pin[1]) != (_ROOT_BYTES if pin[0] == "root" else _KEY_BYTES):
        raise InvalidError(f"a {pin[0]} has {_ROOT_BYTES if pin[0] == 'root' else _KEY_BYTES} bytes, not {len(pin[1])}")
    return pin


def verify(bundle: bytes, *, trusted: Trusted, app: str | bytes | None = None, seen: Seen | None = None) -> Verified:
    """Checks a bundle natively and returns what it shows; `hyperdb.commitment.verify.verify` does the same in pure Python.

    Args:
        bundle: the bytes.
        trusted: what the caller trusts: one root, the store's key, or the owner's key.
        app: refuse an answer about any other app.
        seen: refuse a frame that does not contain this one (rollback, fork).

    Raises:
        VerificationError: naming the first check that failed.
        InvalidError: what is trusted or seen has not the size of a key or a root.
        TypeError: nothing is pinned: `trusted` is none of the three.
    """
    pin, pinned = _pin(trusted)
    if seen is not None and len(seen.root) != _ROOT_BYTES:
        raise InvalidError(f"a root has {_ROOT_BYTES} bytes, not {len(seen.root)}")
    wanted = app.encode() if isinstance(app, str) else app
    found = _native.verify(bundle, pin, pinned, wanted, None if seen is None else (seen.number, seen.root))
    frame = decode_header(found["header"])
    attestation = None
    if found["owner"] is not None:
        attestation = Attestation(found["owner"], found["manifest"] if any(found["manifest"]) else None)
    contains = None if found["contains"] is None else decode_header(found["contains"])
    answers = _Shown(found, frame.hash_key).answers()
    return Verified(pin, frame, found["signer"], attestation, contains, found["app"], answers)


class _Shown:
    """Rows and answers of one bundle."""

    def __init__(self, found: dict[str, Any], hash_key: bytes) -> None:
        self._hash_key = hash_key
        self._rows = [_claimed(*row) for row in found["rows"]]
        reader = Reader(found["queries"], Limits.FORMAT)
        self._queries = [read_query(reader) for _ in range(reader.varint())]
        self._answers = found["answers"]
        self._known: dict[tuple[int, Collection | None], Row] = {}
        self._places = {row.key: place for place, row in enumerate(self._rows)}

    def answers(self) -> tuple[Answer, ...]:
        pairs = zip(self._queries, self._answers, strict=True)
        return tuple(self._answer(query, *answer) for query, answer in pairs)

    def _answer(self, query: Query, kind: str, first: int, second: int, rows: list[int], there: bool | None) -> Answer:
        if kind == "absent":
            return Absent(query, there)
        if kind == "removed":
            return Removed(query, first)
        if kind == "attested":
            return Attested(query, first, second, there)
        header = self._header(query)
        shown = tuple(self._row(row, header) for row in rows)
        return Found(query, shown[0]) if kind == "found" else Complete(query, shown, there)

    def _header(self, query: Query) -> Collection | None:
        """Of the collection that a query is about."""
        if not isinstance(query, (Member, RemovedMember, Rows, Count)):
            return None
        place = self._places.get(element_key(self._hash_key, query.collection))
        return None if place is None else self._row(place, None).collection

    def _row(self, place: int, header: Collection | None) -> Row:
        """A row as clients know it; looked at once, whoever asks for it."""
        asked = (place, header)
        if asked not in self._known:
            # The native verifier refuses what does not lie at its hash; in Python it would cost more than all the rest.
            self._known[asked] = known(self._rows[place], header, None)
        return self._known[asked]


def _claimed(
    key: bytes, version: int, size: int, value: bytes | None, columns: list[tuple[int, bytes | None, Any]], digest: bytes
) -> Claimed:
    cells = {number: Column(content, _stamp(stamp)) for number, content, stamp in columns}
    if value is not None:
        return Claimed(key, version, size, digest, PACKED if cells else PLAIN, value, cells or None)
    return Claimed(key, version, size, digest, COLUMNS if cells else DIGEST, None, cells or None)


def _stamp(stamp: tuple[int, tuple[int, int] | None] | None) -> Stamp | None:
    if stamp is None:
        return None
    timestamp, until = stamp
    return Stamp(timestamp, *(until or (None, None)))
