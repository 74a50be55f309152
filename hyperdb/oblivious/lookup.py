"""From what was fetched of an epoch to verified answers: the client's side, which trusts a root or a key and nobody else.

Theory: a page is a bundle without its head, so the verifier of proofs checks it under what the client pinned; then the key asked
for has to lie within a range that the page was proved to show completely. Where the page came from does not matter.
Invariant: an answer rests on verified rows alone; anything else is a `VerificationError`, the same for whatever was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hyperdb.commitment.native import verify
from hyperdb.commitment.verify import (
    Answer,
    Collection,
    Complete,
    Elements,
    Limits,
    OwnerKey,
    Row,
    Rows,
    Trusted,
    VerificationError,
)
from hyperdb.commitment.verify.places import element_key, element_zone, hash_place, member_key
from hyperdb.commitment.verify.queries import known
from hyperdb.commitment.verify.rows import PACKED, PLAIN, Claimed
from hyperdb.commitment.verify.wire import Reader
from hyperdb.oblivious import page
from hyperdb.oblivious.bundles import join
from hyperdb.oblivious.delta import NOTHING, Changes
from hyperdb.oblivious.manifest import Manifest

_HASHED = ("hash", "set", "sorted set")
_OWNER_BYTES = 57
_DIGEST_BYTES = 32
_SALT_BYTES = 16
_SIGN = 1 << 63
_ONE_BYTE = 247


@dataclass(frozen=True)
class Pinned:
    """An epoch, and what the client trusts of it."""

    manifest: Manifest
    trusted: Trusted
    attestation: bytes = b""
    changes: Changes = NOTHING
    """What is known to have changed since."""

    def check(self) -> None:
        """What can be told before any page: an owner's attestation is of this manifest.

        Raises:
            VerificationError: an owner's key is pinned and the manifest is not the one that was attested. That the attestation is
                the owner's is checked with each page.
        """
        if isinstance(self.trusted, OwnerKey):
            signed = self.attestation[_OWNER_BYTES : _OWNER_BYTES + _DIGEST_BYTES]
            if signed != self.manifest.digest():
                raise VerificationError("attestation", "the manifest is not the one that the owner attested")

    def open(self, column: bytes, overflow: bytes) -> Shown:
        """What a page shows.

        Raises:
            VerificationError: naming the first check that failed.
        """
        self.check()
        head = self.manifest.head
        attestation = self.attestation if isinstance(self.trusted, OwnerKey) else b""
        return self.shown(head.bundle(join(head, page.decode(column, overflow)), attestation))

    def shown(self, bundle: bytes) -> Shown:
        """What a bundle of the epoch's frame shows.

        Raises:
            VerificationError: it is not of this frame, or not as it should be.
        """
        verified = verify(bundle, trusted=self.trusted, app=self.manifest.app)
        if verified.frame.root != self.manifest.frame.root:
            raise VerificationError("pin", "the bundle is of another frame than the epoch")
        return Shown(verified.answers, verified.frame.hash_key)

    def told(self, column: bytes, overflow: bytes, name: bytes) -> Collection | None:
        """What a page that was not verified says of a collection's header; None if nothing that can be read.

        Where members lie follows from it, and asking for them waits for no verification: a page that does not hold is found out
        when all requests were made, and until then makes none of its own, sooner or later than another.
        """
        wanted = self.element_key(name)
        try:
            reader = Reader(page.decode(column, overflow).rows, Limits.FORMAT)
            while reader.at < len(reader.data):
                size, form = divmod(reader.number(), 4)
                key, version, value = reader.take(size), reader.number(), reader.blob()
                reader.take(_SALT_BYTES)
                if form not in (PLAIN, PACKED):
                    return None
                if key == wanted:
                    return known(Claimed(key, version, 0, b"", form, value, None), None, self.manifest.frame.hash_key).collection
        except VerificationError:
            return None
        return None

    def element(self, name: bytes, row: Row | None) -> Row | None:
        """An element as it is now, if `row` is what the epoch holds of it."""
        return self.changes.latest(self.element_key(name), row)

    def header(self, name: bytes, before: Collection | None) -> Collection | None:
        """A collection's header as it is now, if `before` is what the epoch holds of it."""
        key = self.element_key(name)
        row = self.changes.latest(key, None)
        return before if key not in self.changes.rows else None if row is None else row.collection

    def member(
        self, collection: Collection, key: bytes, before: Collection | None, shown: Callable[[], Row | None]
    ) -> Row | None:
        """A member of a collection as it is now, by its logical key.

        Args:
            collection: its header now.
            before: its header at the epoch.
            shown: what the epoch holds at the key.
        """
        if before is None or before.cid != collection.cid:
            # All members of a collection that was not there are changes.
            return self.changes.latest(key, None)
        row = shown()
        return self.changes.latest(key, row)

    def part(
        self,
        collection: Collection,
        before: Collection | None,
        spans: Sequence[tuple[bytes, bytes]],
        shown: Callable[[], tuple[Row, ...]],
    ) -> tuple[Row, ...]:
        """Members of a collection as they are now, in order; `spans` are ranges of logical keys, the rest is as for `member`."""
        held = shown() if before is not None and before.cid == collection.cid else ()
        if not self.changes.rows:
            return held
        rows = {row.key: row for row in held}
        for key, row in self.changes.rows.items():
            if any(low <= key < below for low, below in spans):
                _put(rows, key, row)
        return tuple(rows[key] for key in sorted(rows))

    def everything(self, shown: Iterable[Row]) -> Iterable[Row]:
        """All rows as they are now, if these are what the epoch holds."""
        if not self.changes.rows:
            return shown
        rows = {row.key: row for row in shown}
        for key, row in self.changes.rows.items():
            before = rows.get(key)
            held = before.collection if before is not None else None
            now = row.collection if row is not None else None
            if held is not None and (now is None or now.cid != held.cid):
                # Its members went with it.
                gone = (member_key(held.cid, b""), member_key(held.cid + 1, b""))
                rows = {key: row for key, row in rows.items() if not key.startswith(gone)}
            _put(rows, key, row)
        return rows.values()

    def element_key(self, name: bytes) -> bytes:
        """The logical key of an element."""
        return element_key(self.manifest.frame.hash_key, name)

    def member_key(self, collection: Collection, name: bytes) -> bytes:
        """The logical key of a member; of a list `name` is an index, i64 LE."""
        if collection.kind in _HASHED:
            return member_key(collection.cid, hash_place(self.manifest.frame.hash_key, name) + name)
        if collection.kind == "list":
            position = collection.head + int.from_bytes(name, "little", signed=True)
            return member_key(collection.cid, ((position ^ _SIGN) % (1 << 64)).to_bytes(8, "big"))
        return member_key(collection.cid, name)


def _put(rows: dict[bytes, Row], key: bytes, row: Row | None) -> None:
    if row is None:
        rows.pop(key, None)
    else:
        rows[key] = row


@dataclass(frozen=True)
class Shown:
    """Verified answers of one bundle."""

    answers: tuple[Answer, ...]
    hash_key: bytes

    def element(self, name: bytes) -> Row | None:
        """An element, or that there is none.

        Raises:
            VerificationError: the bundle does not show that part of the app.
        """
        key = element_key(self.hash_key, name)
        for answer in self._complete():
            query = answer.query
            if isinstance(query, Elements) and element_zone(query.bounds.low, query.bounds.below).holds(key):
                return next((row for row in answer.rows if row.key == key), None)
        raise VerificationError("claim", "what was fetched does not show that part of the app")

    def member(self, collection: bytes, key: bytes) -> Row | None:
        """A member by its logical key, or that there is none.

        Raises:
            VerificationError: the bundle does not show that part of the collection.
        """
        name = key[2 + max(0, key[1] - _ONE_BYTE) :]
        for answer in self._complete():
            query = answer.query
            if not isinstance(query, Rows) or query.collection != collection or query.bounds.companion:
                continue
            if query.bounds.low <= name and (not query.bounds.below or name < query.bounds.below):
                return next((row for row in answer.rows if row.key == key), None)
        raise VerificationError("claim", "what was fetched does not show that part of the collection")

    def row(self, key: bytes) -> Row | None:
        """The row at a logical key, if it is among those shown."""
        return next((row for row in self.rows() if row.key == key), None)

    def rows(self) -> Iterable[Row]:
        """All rows that are shown."""
        return (row for answer in self._complete() for row in answer.rows)

    def _complete(self) -> Iterable[Complete]:
        return (answer for answer in self.answers if isinstance(answer, Complete))
