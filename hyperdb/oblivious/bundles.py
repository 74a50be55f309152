"""A bundle cut into what all pages of an epoch share, what proves, and rows; and put together again.

Theory: bundles of one app at one frame begin alike: header, signature, anchor (docs/proof-format.md). Behind that, rows lie among
the slots that prove them. Rows change when their data does, the rest with every frame, so an epoch keeps them apart: then what
did not change has the same bytes in the next epoch. Each claimed slot takes the next row: nothing needs to say where rows were.
Invariant: what is joined from a cut bundle is that bundle; nothing is verified here, and whatever bytes come in, nothing but
`VerificationError` comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hyperdb.commitment.verify import Limits, VerificationError
from hyperdb.commitment.verify.header import read_header
from hyperdb.commitment.verify.queries import read_query
from hyperdb.commitment.verify.wire import Reader

MAGIC = b"HDBP\x01"
_SIGNED, _ATTESTED, _HISTORY, _APP = 1, 2, 4, 8
_APP_TREE = 16
SIGNATURE_BYTES = 57 + 114
ATTESTATION_BYTES = 57 + 32 + 114
_DIGEST = 32
_SALT = 16
_WHOLE = (0, 1)
_BY_DIGEST = 3
_EMPTY, _CLAIMED, _BRANCH, _MORE = range(4)
_LEAF, _OTHER_LEAF = 1, 2


@dataclass(frozen=True)
class Head:
    """What the bundles of an app at a frame begin with."""

    header: bytes
    """206 bytes."""
    signature: bytes
    """Of the store: its public key and its signature, 171 bytes."""
    anchor: bytes
    """The app's place under the header."""

    def bundle(self, body: bytes, attestation: bytes = b"") -> bytes:
        """A bundle of this head; with an owner's attestation it can be checked under the owner's key."""
        flags = _SIGNED | _APP | (_ATTESTED if attestation else 0)
        return MAGIC + bytes([flags]) + self.header + self.signature + attestation + self.anchor + body

    def body_of(self, bundle: bytes) -> bytes:
        """What a bundle of this head holds besides it, and besides an attestation."""
        attestation = ATTESTATION_BYTES if bundle[len(MAGIC)] & _ATTESTED else 0
        return bundle[len(self.bundle(b"")) + attestation :]


@dataclass(frozen=True)
class Cut:
    """A bundle's body: rows one after the other, and everything else."""

    rows: bytes
    proof: bytes


@dataclass(frozen=True)
class _Trees:
    """What an anchor says of the four trees: which are there, which are over one slot, of these which over a leaf."""

    present: int
    lone: int
    leaves: int
    opened: bool


def split(bundle: bytes) -> tuple[Head, bytes]:
    """A bundle's head, without an attestation, and its body.

    Raises:
        VerificationError: it is no signed bundle about an app without history.
    """
    reader = Reader(bundle, Limits.FORMAT)
    if reader.take(len(MAGIC)) != MAGIC:
        raise VerificationError("format", "no proof")
    flags = reader.u8()
    if flags & ~_ATTESTED != _SIGNED | _APP:
        raise VerificationError("format", f"a page of flags {flags}")
    header = read_header(reader)[1]
    signature = reader.take(SIGNATURE_BYTES)
    if flags & _ATTESTED:
        reader.take(ATTESTATION_BYTES)
    start = reader.at
    _skip_anchor(reader)
    return Head(header, signature, bundle[start : reader.at]), bundle[reader.at :]


def cut(head: Head, body: bytes) -> Cut:
    """Takes the rows out of a body."""
    reader = Reader(body, Limits.FORMAT)
    rows, proof, start = [], [], 0

    def claimed() -> None:
        nonlocal start
        proof.append(body[start : reader.at])
        start = reader.at
        _skip_row(reader)
        rows.append(body[start : reader.at])
        start = reader.at

    _skip_body(reader, head, claimed)
    proof.append(body[start:])
    return Cut(b"".join(rows), b"".join(proof))


def join(head: Head, parts: Cut) -> bytes:
    """Puts the rows back; rows must be left neither over nor out."""
    reader, rows = Reader(parts.proof, Limits.FORMAT), Reader(parts.rows, Limits.FORMAT)
    body, start, row = [], 0, 0

    def claimed() -> None:
        nonlocal start, row
        body.append(parts.proof[start : reader.at])
        start, row = reader.at, rows.at
        _skip_row(rows)
        body.append(parts.rows[row : rows.at])

    _skip_body(reader, head, claimed)
    reader.end()
    rows.end()
    body.append(parts.proof[start:])
    return b"".join(body)


def _skip_anchor(reader: Reader) -> _Trees:
    reader.blob()
    present = reader.u8()
    lone = reader.u8() if present & 15 else 0
    if lone & ~(present & 15) or present > 31:
        raise VerificationError("format", f"unknown trees {present}, {lone}")
    leaves = 0
    for tree in range(4):
        if lone >> tree & 1:
            steps = reader.u8()
            if steps == 0:
                leaves |= 1 << tree
                reader.take(1 + _DIGEST)
                reader.number()
            else:
                reader.take(-(-6 * steps // 8))
                _skip_counted(reader)
        elif present >> tree & 1:
            _skip_counted(reader)
    if present & 15:
        reader.take(_DIGEST)
    if present & _APP_TREE:
        _skip_counted(reader)
        # The app's own leaf follows from the anchor: of no bytes.
        _skip_tree(reader, lambda: None)
    return _Trees(present, lone, leaves, bool(present & _APP_TREE))


def _skip_body(reader: Reader, head: Head, claimed: Callable[[], None]) -> None:
    """Claim, pruned trees, opening."""
    trees = _skip_anchor(Reader(head.anchor, Limits.FORMAT))
    for _ in range(reader.varint()):
        read_query(reader)
    for tree in range(4):
        if not trees.present >> tree & 1:
            continue
        if trees.leaves >> tree & 1:
            kind = reader.u8()
            if kind == _LEAF:
                claimed()
            elif kind == _OTHER_LEAF:
                _skip_leaf(reader)
            elif kind:
                raise VerificationError("format", f"{kind} slots shown of one leaf")
        else:
            _skip_tree(reader, claimed)
    if trees.opened:
        reader.point()
        reader.point()


def _skip_tree(reader: Reader, claimed: Callable[[], None]) -> None:
    """What is shown of a branch and below it."""
    left = reader.u8()
    while left:
        left -= 1
        kind = reader.u8() // 64
        reader.spend("slots")
        if kind == _CLAIMED:
            claimed()
        elif kind == _BRANCH:
            _skip_counted(reader)
            left += 1
        elif kind == _MORE:
            left += _skip_more(reader)


def _skip_more(reader: Reader) -> int:
    """Another leaf, or a branch: how many slots of it follow."""
    more = reader.number()
    if more == 0:
        _skip_leaf(reader)
        return 0
    skipped, below = divmod(more - 1, 65)
    reader.take(-(-6 * skipped // 8))
    _skip_counted(reader)
    return below


def _skip_leaf(reader: Reader) -> None:
    reader.blob()
    reader.take(_DIGEST)
    reader.number()
    reader.number()


def _skip_counted(reader: Reader) -> None:
    """A commitment, count and bytes."""
    reader.point()
    reader.number()
    reader.number()


def _skip_row(reader: Reader) -> None:
    reader.spend("rows")
    size, form = divmod(reader.number(), 4)
    reader.take(size)
    reader.number()
    if form in _WHOLE:
        reader.blob()
        reader.take(_SALT)
    elif form == _BY_DIGEST:
        reader.number()
        reader.take(_DIGEST)
    else:
        raise VerificationError("format", "a row of which only columns are shown")
