"""Bundles: from bytes and a pin to verified answers. The order of checks is docs/proof-format.md's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from .answers import Answer
from .errors import VerificationError
from .hashing import digest, frame
from .header import SCHEME, Attestation, Frame, check_attestation, check_history, check_signature, read_header
from .opening import MultiProof, check, context
from .places import steps, tree_key
from .queries import Answers, read_query
from .rows import Claimed, read_row
from .tree import (
    EMPTY_TREE,
    Branch,
    Leaf,
    LoneRoot,
    Opening,
    Shape,
    Walk,
    read_below,
    read_lone_root,
    read_root,
    read_shown,
    root_digest,
    unseen,
)
from .wire import Limits, Reader

_SIGNED, _ATTESTED, _HISTORY, _APP = 1, 2, 4, 8
_APP_TREE = 16
_LONGEST_NAME = 1024


@dataclass(frozen=True)
class Root:
    """Pin one frame: the digest of its header, as `hyperdb root` prints it."""

    digest: bytes


@dataclass(frozen=True)
class StoreKey:
    """Pin the key that signs a store's frames: the store says so, and can be caught contradicting itself."""

    public: bytes


@dataclass(frozen=True)
class OwnerKey:
    """Pin the key of an app's owner, who signs what an own copy says."""

    public: bytes


Trusted = Root | StoreKey | OwnerKey


@dataclass(frozen=True)
class Seen:
    """The newest frame that the caller saw: later ones must contain it."""

    number: int
    root: bytes


@dataclass(frozen=True)
class Verified:
    """What a bundle shows, under what was pinned."""

    pinned: Literal["root", "store key", "owner key"]
    frame: Frame
    """Under an owner key only its number and hash key are the owner's word; the rest is the store's."""
    signer: bytes | None
    """The key that signed the header, if the bundle has a signature: pinned or not, it did sign."""
    attestation: Attestation | None
    contains: Frame | None
    """An earlier frame that this frame's history holds."""
    app: bytes | None
    answers: tuple[Answer, ...]


def verify(
    bundle: bytes, *, trusted: Trusted, app: str | bytes | None = None, seen: Seen | None = None, limits: Limits = Limits.DEFAULT
) -> Verified:
    """Checks a bundle and returns what it shows.

    Args:
        bundle: the bytes.
        trusted: what the caller trusts: one root, the store's key, or the owner's key.
        app: refuse an answer about any other app.
        seen: refuse a frame that does not contain this one (rollback, fork).
        limits: how much work a stranger may cause.

    Raises:
        VerificationError: naming the first check that failed. Nothing else is raised, whatever the bytes are.
        TypeError: nothing is pinned: `trusted` is none of the three.
    """
    if not isinstance(trusted, Trusted):
        # A root's bare bytes would else be compared with nothing, and every bundle be found true.
        raise TypeError(f"what is trusted is a Root, a StoreKey or an OwnerKey, not {type(trusted).__name__}")
    if len(bundle) > limits.size:
        raise VerificationError("size", f"{len(bundle)} bytes, more than {limits.size}")
    try:
        return _verify(Reader(bytes(bundle), limits), trusted, app.encode() if isinstance(app, str) else app, seen)
    except RecursionError:
        raise VerificationError("size", "too deep for the stack that is left") from None


def _verify(reader: Reader, trusted: Trusted, wanted: bytes | None, seen: Seen | None) -> Verified:
    if reader.take(5) != b"HDBP\x01":
        raise VerificationError("format", "no proof, or of a format not known here")
    flags = reader.u8()
    if flags > 15 or (flags & _ATTESTED and not flags & _APP):
        raise VerificationError("format", f"unknown flags {flags}")
    header, header_bytes = read_header(reader)
    _check_pin(trusted, header, flags)
    signer = check_signature(reader, header_bytes) if flags & _SIGNED else None
    if isinstance(trusted, StoreKey) and signer != trusted.public:
        raise VerificationError("pin", "the header is signed by another key than the one pinned")
    signed = (reader.take(57), reader.take(32), reader.take(114)) if flags & _ATTESTED else None
    contains = check_history(reader, header) if flags & _HISTORY else None
    _check_seen(seen, header, contains)
    if not flags & _APP:
        reader.end()
        if wanted is not None:
            raise VerificationError("pin", "the bundle is about no app")
        return Verified(_pinned(trusted), header, signer, None, contains, None, ())
    anchor = _Anchor(reader, header)
    if wanted is not None and wanted != anchor.name:
        raise VerificationError("pin", "the bundle is about another app")
    attestation = check_attestation(*signed, header, anchor.address, anchor.root) if signed else None
    if isinstance(trusted, OwnerKey) and (attestation is None or attestation.owner != trusted.public):
        raise VerificationError("pin", "the app's root is attested by another key than the one pinned")
    answers = _answers(reader, header, anchor)
    return Verified(_pinned(trusted), header, signer, attestation, contains, anchor.name, answers)


def _pinned(trusted: Trusted) -> Literal["root", "store key", "owner key"]:
    return "root" if isinstance(trusted, Root) else "store key" if isinstance(trusted, StoreKey) else "owner key"


def _check_pin(trusted: Trusted, header: Frame, flags: int) -> None:
    """What can be told before anything costly."""
    if isinstance(trusted, Root) and header.root != trusted.digest:
        raise VerificationError("pin", f"the bundle is about another root, of frame {header.number}")
    if isinstance(trusted, StoreKey) and not flags & _SIGNED:
        raise VerificationError("pin", "a store key is pinned and the bundle has no signature")
    if isinstance(trusted, OwnerKey) and not flags & _ATTESTED:
        raise VerificationError("pin", "an owner key is pinned and the bundle has no attestation")


def _check_seen(seen: Seen | None, header: Frame, contains: Frame | None) -> None:
    if seen is None or seen.root == header.root:
        return
    if header.number < seen.number:
        raise VerificationError("rollback", f"frame {header.number} is older than frame {seen.number}, which was seen")
    if header.number == seen.number:
        raise VerificationError("rollback", f"another frame {seen.number} than the one that was seen: the store was forked")
    if contains is None or contains.root != seen.root:
        raise VerificationError(
            "rollback", f"the bundle does not show that frame {header.number} contains the frame {seen.number} seen"
        )


def address(name: bytes) -> bytes:
    """An app's place among the apps: 32 bytes."""
    return hashlib.sha256(frame(b"hyperdb/app") + frame(name)).digest()


class _Anchor:
    """An app's place under a header: its four roots, and where the app tree holds them."""

    def __init__(self, reader: Reader, header: Frame) -> None:
        self.name = reader.blob()
        if len(self.name) > _LONGEST_NAME:
            raise VerificationError("size", f"an app's name of more than {_LONGEST_NAME} bytes")
        self.address = address(self.name)
        present = reader.u8()
        if present > 31 or (present & 15 and not present & _APP_TREE):
            raise VerificationError("format", f"unknown trees {present}")
        lone = reader.u8() if present & 15 else 0
        if lone & ~(present & 15):
            raise VerificationError("format", f"unknown roots {lone}")
        self.lone: list[LoneRoot | None] = [None] * 4
        self.roots: list[Branch | None] = [None] * 4
        for tree in range(4):
            if lone >> tree & 1:
                self.lone[tree] = known = read_lone_root(reader)
                self.roots[tree] = known.root
            elif present >> tree & 1:
                self.roots[tree] = read_root(reader)
        hash_root = reader.take(32) if present & 15 else b""
        self.root = digest("hyperdb/app-root", self.address, *map(root_digest, self.roots))
        self.openings: list[Opening] = []
        if not present & _APP_TREE:
            if header.app_tree != EMPTY_TREE:
                raise VerificationError("root", "the app tree is not empty")
            return
        claimed: list[Leaf] = []
        if present & 15:
            value = digest("hyperdb/app-value", self.root, hash_root)
            size = sum(root.size for root in self.roots if root)
            if size >> 64:
                raise VerificationError("format", "trees of more bytes than there are numbers for")
            claimed.append(Leaf(self.address, value, 0, size, 0))
        top = read_root(reader)
        read_shown(reader, top, Shape(_app_place, _taken(claimed)), self.openings)
        if root_digest(top) != header.app_tree:
            raise VerificationError("root", "the app tree is not the one that the header commits to")
        leaf = Walk(top, reader, _app_place).get(self.address)
        if (leaf is None) != (not present & 15) or (leaf and leaf.row is None):
            raise VerificationError("claim", "the app tree does not hold the app as claimed")
        _check_all_seen([top])


def _app_place(address: bytes) -> bytes:
    if len(address) != 32:
        raise VerificationError("place", "a leaf of the app tree that is no app")
    return steps(address)


def _taken(leaves: list[Leaf]) -> Callable[[], Leaf]:
    """Hands out claimed leaves, once each."""
    waiting = iter(leaves)

    def take() -> Leaf:
        leaf = next(waiting, None)
        if leaf is None:
            raise VerificationError("claim", "the trees show more claimed leaves than rows are claimed")
        return leaf

    return take


def _check_all_seen(roots: Iterable[Branch | None]) -> None:
    if any(next(unseen(root), None) for root in roots if root is not None):
        raise VerificationError("claim", "slots are shown that no query needs")


def _answers(reader: Reader, header: Frame, anchor: _Anchor) -> tuple[Answer, ...]:
    count = reader.varint()
    if count == 0:
        raise VerificationError("format", "a claim without queries")
    queries = [read_query(reader) for _ in range(count)]
    rows: list[Claimed] = []
    openings = anchor.openings
    for tree, root in enumerate(anchor.roots):

        def claimed(adds: bool = tree % 2 == 0) -> Leaf:
            rows.append(read_row(reader))
            return rows[-1].leaf(len(rows) - 1, adds)

        lone, shape = anchor.lone[tree], Shape(tree_key, claimed)
        if lone is not None:
            read_below(reader, lone, shape, openings)
        elif root is not None:
            read_shown(reader, root, shape, openings)
    proof = MultiProof(context(SCHEME, header.root), openings, reader.point(), reader.point()) if openings else None
    reader.end()
    if proof is not None:
        check(proof)
    runner = Answers([Walk(root, reader, tree_key) for root in anchor.roots], rows, header.hash_key)
    answers = tuple(runner.answer(query) for query in queries)
    _check_all_seen(anchor.roots)
    if len(runner.used) != len(rows):
        raise VerificationError("claim", "rows are claimed that no answer rests on")
    return answers
