"""The pruned trees of a verified bundle, for whoever wants to look at them.

Theory: a verifier reads trees, checks them and keeps the answers; a picture needs the trees. They are read here once more by the
verifier's own readers, after the bundle was verified under its own root. Invariant: nothing is shown of a bundle that does not
verify, and nothing that is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import hyperdb
from hyperdb.cli.ledger import Ledger
from hyperdb.commitment.verify import Root, Row, Verified
from hyperdb.commitment.verify.bundle import address
from hyperdb.commitment.verify.header import SIZE, check_history, read_header
from hyperdb.commitment.verify.places import MEMBER, parse, steps, tree_key
from hyperdb.commitment.verify.queries import known, read_query
from hyperdb.commitment.verify.rows import Claimed, read_row
from hyperdb.commitment.verify.tree import Branch, Leaf, LoneRoot, Shape, read_below, read_lone_root, read_root, read_shown
from hyperdb.commitment.verify.wire import Limits, Reader
from hyperdb.errors import InvalidError

_SIGNED, _ATTESTED, _HISTORY, _APP = 1, 2, 4, 8
_APP_TREE = 16
_PREFIX = 6
"""Magic, format and flags."""
_SIGNATURE = 57 + 114
_ATTESTATION = 57 + 32 + 114


@dataclass(frozen=True)
class Pruned:
    """What a bundle about an app holds."""

    verified: Verified
    apps: Branch | None
    """The tree of apps; None if there are none."""
    trees: tuple[Branch | None, ...]
    """The app's four trees; None is an empty one."""
    touched: frozenset[int]
    """Which of them are shown."""
    rows: tuple[Row, ...]
    """Claimed rows, by the number that leaves carry."""
    collections: Mapping[int, bytes]
    """Ids of the collections among them, by number."""
    parts: Mapping[str, int]
    """Bytes of the bundle, by what they are."""


def read(bundle: bytes) -> Pruned:
    """Verifies a bundle under its own root and reads its trees.

    Raises:
        VerificationError: it does not verify.
        InvalidError: it is about no app, so that there are no trees.
    """
    start = Reader(bundle, Limits.FORMAT)
    start.take(_PREFIX)
    header, _ = read_header(start)
    verified = hyperdb.verify(bundle, trusted=Root(header.root))
    reader = Ledger(bundle, Limits.FORMAT, _PREFIX + SIZE, part="header and signatures")
    flags = bundle[_PREFIX - 1]
    if not flags & _APP:
        raise InvalidError("the proof is about no app: there are no trees to draw")
    reader.take((_SIGNATURE if flags & _SIGNED else 0) + (_ATTESTATION if flags & _ATTESTED else 0))
    if flags & _HISTORY:
        check_history(reader, header)
    reader.part = "anchor"
    reader.blob()
    present = reader.u8()
    alone = reader.u8() if present & 15 else 0
    lone: dict[int, LoneRoot] = {}
    trees: list[Branch | None] = []
    for tree in range(4):
        if alone >> tree & 1:
            lone[tree] = read_lone_root(reader)
            trees.append(lone[tree].root)
        else:
            trees.append(read_root(reader) if present >> tree & 1 else None)
    if present & 15:
        reader.take(32)
    apps = None
    if present & _APP_TREE:
        apps = read_root(reader)
        # The one app that the bundle is about; its digest was checked, and a picture needs none.
        read_shown(reader, apps, Shape(steps, lambda: Leaf(address(verified.app or b""), b"", 0, 0, 0)), [])
    reader.part = "queries"
    for _ in range(reader.varint()):
        read_query(reader)
    reader.part = None
    claimed: list[tuple[Claimed, bool]] = []
    touched = set()
    for tree, root in enumerate(trees):
        before = reader.at

        def take(adds: bool = tree % 2 == 0) -> Leaf:
            """The next row; which form belongs where was verified."""
            row = read_row(reader)
            claimed.append((row, adds))
            return Leaf(row.key, row.value_digest, row.version, row.size, len(claimed) - 1)

        shape = Shape(tree_key, take)
        if tree in lone:
            read_below(reader, lone[tree], shape, [])
        elif root is not None:
            read_shown(reader, root, shape, [])
        if reader.at > before + 1:
            touched.add(tree)
    reader.part = "opening"
    reader.take(len(bundle) - reader.at)
    reader.parts["header and signatures"] += _PREFIX + SIZE
    elements = [known(row, None, header.hash_key) for row, adds in claimed if adds and parse(row.key).space != MEMBER]
    headers = {row.collection.cid: row.collection for row in elements if row.collection is not None}

    def row_of(row: Claimed, adds: bool) -> Row:
        """As clients know it; what stands in a tree of removes is a note, and no record."""
        if not adds:
            return Row(row.key, parse(row.key).rest, row.version, row.value, None)
        # Members know the number of their collection, whose header is always claimed with them; a companion's is one higher.
        return known(row, headers.get(parse(row.key).cid or 0), header.hash_key)

    rows = tuple(row_of(row, adds) for row, adds in claimed)
    names = {row.collection.cid + companion: row.name for row in elements if row.collection is not None for companion in (0, 1)}
    return Pruned(verified, apps, tuple(trees), frozenset(touched), rows, names, dict(reader.parts))
