"""What changed since an epoch, which is downloaded as a whole: nobody learns from it what is read.

Theory: the keys that changed between two frames of a store, each with an answer proved under the later frame: an element, or
that there is none; a member, or that there is none, behind its collection's header. A key is looked up here after all requests to
the epoch were made, so a read looks the same whether its key changed or not. That an answer is true is proved, and that the later
frame's history holds the epoch's; that no *other* key changed is the word of whoever made the delta: the store, or, attested,
the owner (docs/epoch-format.md, Delta). Invariant: an answer comes from verified bundles alone; sizes are checked first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from hyperdb import _native
from hyperdb.commitment.claim import blob, varint
from hyperdb.commitment.native import verify
from hyperdb.commitment.verify import (
    Absent,
    Bounds,
    Complete,
    Element,
    ElementCount,
    Found,
    Frame,
    Limits,
    OwnerKey,
    Query,
    Row,
    Rows,
    StoreKey,
    Trusted,
    VerificationError,
)
from hyperdb.commitment.verify.hashing import digest
from hyperdb.commitment.verify.places import element_key, member_key, ordered_varint
from hyperdb.commitment.verify.wire import Reader
from hyperdb.errors import InvalidError, NotFoundError, NotProvableError
from hyperdb.oblivious.bundles import ATTESTATION_BYTES, SIGNATURE_BYTES, Head, split
from hyperdb.oblivious.epochs import Epoch, Source
from hyperdb.oblivious.manifest import HEADER_BYTES, Manifest

MAGIC = b"HDBL\x01"
MOST_KEYS = 4096
"""A delta of more is none: the next epoch is due."""
MOST_BYTES = 32 << 20
MOST_BUNDLES = 256
_QUERIES = 1024
"""Of a bundle, so that it stays within what verifiers look at."""
_DIGEST = 32
_ELEMENT, _MEMBER = b"\x02", b"\x03"
_ID_AT = 9
_ONE_BYTE = 247
_PUBLIC_BYTES = 57
_DATA = 0
_VERTEX = 1
_HEADER_AT = (2, 10)
"""Where an element record goes on behind its kind and flag: without and with an expiry."""


@dataclass(frozen=True)
class Changes:
    """What differs from an epoch at a later frame, by logical key: the row, or None if there is none any more."""

    frame: Frame | None = None
    """The later frame; None if nothing is known beyond the epoch."""
    rows: Mapping[bytes, Row | None] = field(default_factory=dict)

    def latest(self, key: bytes, row: Row | None) -> Row | None:
        """What lies at a key now, if `row` lay there at the epoch."""
        return self.rows.get(key, row)


NOTHING = Changes()


@dataclass(frozen=True)
class Delta:
    """See the module."""

    manifest: bytes
    """Digest of the manifest that it goes on from."""
    history: bytes
    """A bundle that shows the epoch's frame in the later one's history."""
    head: Head
    bodies: tuple[bytes, ...]
    """Of the bundles that hold the answers."""
    attestation: bytes = b""
    """An owner's word for it, as an epoch's is for the manifest; empty if the store's is all there is."""

    def digest(self) -> bytes:
        """What an owner signs in the manifest's place."""
        return digest("hyperdb/epoch-delta", bytes(replace(self, attestation=b"")))

    def attested(self, record: bytes) -> Delta:
        """The delta with an owner's attestation of it, as `Frames.attest` gives it.

        Raises:
            InvalidError: it is of something else.
        """
        manifest, public, signature = record[32:64], record[64:-114], record[-114:]
        if manifest != self.digest():
            raise InvalidError("the attestation is not of this delta")
        return replace(self, attestation=public + manifest + signature)

    def __bytes__(self) -> bytes:
        return b"".join(
            (
                MAGIC,
                self.manifest,
                blob(self.history),
                self.head.header,
                self.head.signature,
                blob(self.head.anchor),
                blob(self.attestation),
                varint(len(self.bodies)),
                *map(blob, self.bodies),
            )
        )

    def check(self, manifest: Manifest, trusted: Trusted) -> Changes:
        """What it says, if it holds under what the client trusts of the epoch.

        Under a pinned root it is the store key that signed the epoch's frame which has to have signed the later one.

        Raises:
            VerificationError: naming the first check that failed.
        """
        if self.manifest != manifest.digest():
            raise VerificationError("pin", "a delta of another epoch")
        store = StoreKey(manifest.head.signature[:_PUBLIC_BYTES])
        shown = verify(self.history, trusted=store)
        if shown.contains is None or shown.contains.root != manifest.frame.root:
            raise VerificationError("history", "the later frame's history does not hold the epoch's")
        pin: Trusted = trusted if isinstance(trusted, StoreKey) else store
        attestation = b""
        if isinstance(trusted, OwnerKey):
            signed = self.attestation[_PUBLIC_BYTES : _PUBLIC_BYTES + _DIGEST]
            if signed != self.digest():
                raise VerificationError("attestation", "the delta is not one that the owner attested")
            if not self.bodies:
                # The owner's signature is checked with each of them.
                raise VerificationError("attestation", "a delta that shows nothing, so that nothing is signed")
            pin, attestation = trusted, self.attestation
        rows: dict[bytes, Row | None] = {}
        for body in self.bodies:
            verified = verify(self.head.bundle(body, attestation), trusted=pin, app=manifest.app)
            if verified.frame.root != shown.frame.root:
                raise VerificationError("pin", "answers of another frame than the delta's")
            for answer in verified.answers:
                _take(rows, answer, verified.frame.hash_key)
        return Changes(shown.frame, rows)


def _take(rows: dict[bytes, Row | None], answer: object, hash_key: bytes) -> None:
    match answer:
        case Found(query=Element(id=name), row=row):
            rows[element_key(hash_key, name)] = row
        case Absent(query=Element(id=name)):
            rows[element_key(hash_key, name)] = None
        case Complete(query=Rows(collection=name, bounds=bounds), rows=found) if bounds.below == bounds.low + b"\x00":
            header = rows.get(element_key(hash_key, name))
            if header is None or header.collection is None:
                raise VerificationError("claim", "a member whose collection is not shown before it")
            key = member_key(header.collection.cid + bounds.companion, bounds.low)
            rows[key] = next((row for row in found if row.key == key), None)
        case _:
            raise VerificationError("claim", "an answer that no delta holds")


def read_delta(data: bytes) -> Delta:
    """A delta from its bytes.

    Raises:
        VerificationError: they are none.
    """
    if len(data) > MOST_BYTES:
        raise VerificationError("size", f"a delta of {len(data)} bytes")
    reader = Reader(data, Limits.FORMAT)
    if reader.take(len(MAGIC)) != MAGIC:
        raise VerificationError("format", "no delta, or of a format not known here")
    manifest, history = reader.take(_DIGEST), reader.blob()
    head = Head(reader.take(HEADER_BYTES), reader.take(SIGNATURE_BYTES), reader.blob())
    attestation, count = reader.blob(), reader.varint()
    if len(attestation) not in (0, ATTESTATION_BYTES):
        raise VerificationError("format", f"an attestation of {len(attestation)} bytes")
    if count > MOST_BUNDLES:
        raise VerificationError("size", f"a delta of {count} bundles")
    bodies = tuple(reader.blob() for _ in range(count))
    reader.end()
    return Delta(manifest, history, head, bodies, attestation)


def delta(source: Source, epoch: Epoch, *, frame: int | None = None) -> Delta | None:
    """What changed from an epoch's frame to a later one, the newest if None; None if that is the epoch's own.

    Raises:
        NotProvableError: more changed than a delta holds: make the next epoch.
        BehindHorizonError: the epoch's frame can no longer be read: likewise.
    """
    return Deltas(source, epoch).until(frame)


class Deltas:
    """Deltas of one epoch; keeps the names of the collections that members changed in. Not thread-safe."""

    def __init__(self, source: Source, epoch: Epoch, *, hold: bool = False) -> None:
        """`hold`: the epoch's frame stays readable, wherever the horizon goes, until `close`.

        Raises:
            BehindHorizonError: it was let go already.
        """
        self._source = source
        self._epoch = epoch
        self._names: dict[int, bytes | None] = {}
        self._held: _native.HeldFrame | None = None
        self._before: _native.Snapshot | None = None
        if hold:
            frame = epoch.manifest.frame
            self._held = source.frames.hold(frame.number)
            self._before = source.store.engine().snapshot(frame.commit)

    def close(self) -> None:
        """Lets the epoch's frame go. A second call does nothing."""
        held, before, self._held, self._before = self._held, self._before, None, None
        if held is not None:
            held.release()
        if before is not None:
            before.close()

    def until(self, frame: int | None = None) -> Delta | None:
        """See `delta`."""
        frames, manifest = self._source.frames, self._epoch.manifest
        newest = frames.newest()
        number = frame if frame is not None else newest.number if newest is not None else 0
        since = manifest.frame.number
        if number <= since:
            return None
        keys = frames.changed_keys(manifest.app, since, MOST_KEYS, number)
        if keys is None:
            raise NotProvableError(f"more than {MOST_KEYS} keys changed since the epoch: make the next one")
        history = frames.prove(None, frame=number, contains=since)
        bundles = list(self._proved(list(self._queries(keys, number)), number))
        head = split(bundles[0])[0] if bundles else split(frames.prove(manifest.app, ElementCount(), frame=number))[0]
        made = Delta(manifest.digest(), history, head, tuple(split(bundle)[1] for bundle in bundles))
        if len(bytes(made)) > MOST_BYTES or len(bundles) > MOST_BUNDLES:
            raise NotProvableError(f"the changes since the epoch are more than {MOST_BYTES} bytes: make the next one")
        return made

    def _proved(self, queries: Sequence[Query], frame: int) -> Iterator[bytes]:
        """Bundles of the queries in order, as few as verifiers take."""
        if not queries:
            return
        if len(queries) <= _QUERIES:
            try:
                yield self._source.frames.prove(self._epoch.manifest.app, *queries, frame=frame)
                return
            except NotProvableError:
                if len(queries) == 1:
                    raise
        middle = len(queries) // 2
        yield from self._proved(queries[:middle], frame)
        yield from self._proved(queries[middle:], frame)

    def _queries(self, keys: Iterable[bytes], frame: int) -> Iterator[Query]:
        """Elements first, then members, each behind its collection's header."""
        elements = [key[_ID_AT:] for key in keys if key[:1] == _ELEMENT]
        members = [key for key in keys if key[:1] == _MEMBER]
        shown = set(elements)
        yield from map(Element, elements)
        if not members:
            return
        now = self._headers(elements, frame)
        self._find({_cid(key)[0] for key in members} - now.keys())
        names = {**{cid: name for cid, name in self._names.items() if name is not None and name not in shown}, **now}
        for key in members:
            cid, rest = _cid(key)
            companion = cid not in names and cid - 1 in names
            name = names.get(cid - companion)
            # Members of a collection that went: its header says so.
            if name is None:
                continue
            if name not in shown:
                shown.add(name)
                yield Element(name)
            yield Rows(name, Bounds(rest, rest + b"\x00", companion))

    def _headers(self, elements: Sequence[bytes], frame: int) -> dict[int, bytes]:
        """Those of the elements that are collections at a frame, by number."""
        place, header = self._place(), self._source.frames.get(frame)
        keys = [place + element_key(header.hash_key, name) for name in elements]
        snapshot = self._source.store.engine().snapshot(header.commit)
        try:
            found = zip(elements, snapshot.multi_get(keys, _DATA), strict=True)
            return {_cid_of(value): name for name, value in found if value is not None and value[0] != _VERTEX}
        finally:
            snapshot.close()

    def _find(self, cids: set[int]) -> None:
        """Learns the names of collections at the epoch's frame."""
        wanted = {each for cid in cids for each in (cid, cid - 1)} - self._names.keys()
        if not cids - self._names.keys():
            return
        self._names |= dict.fromkeys(wanted)
        place = self._place()
        before = self._before
        snapshot = before or self._source.store.engine().snapshot(self._epoch.manifest.frame.commit)
        try:
            entries = snapshot.scan(place + _ELEMENT, place + _MEMBER, False, _DATA, len(place))
            for key, value in chain.from_iterable(entries):
                if value[0] != _VERTEX and _cid_of(value) in wanted:
                    self._names[_cid_of(value)] = key[_ID_AT:]
        finally:
            if before is None:
                snapshot.close()

    def _place(self) -> bytes:
        """What the store's keys of the app begin with."""
        transaction = self._source.store.begin("repeatable read", True, None, 0)
        number = transaction.app(self._epoch.manifest.app)
        transaction.rollback()
        if number is None:
            raise NotFoundError("there is no such app any more")
        return ordered_varint(number)


def _cid(key: bytes) -> tuple[int, bytes]:
    """The number of a member's collection, and the rest of its key."""
    size = max(0, key[1] - _ONE_BYTE)
    return int.from_bytes(key[2 : 2 + size], "big") if size else key[1], key[2 + size :]


def _cid_of(record: bytes) -> int:
    """The number of the collection that an element's record is of."""
    at = _HEADER_AT[record[1]]
    return int.from_bytes(record[at : at + 8], "little")
