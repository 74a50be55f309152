"""The pruned trees of a verified bundle, for whoever wants to look at them.

Theory: a verifier reads trees, checks them and keeps the answers; a picture needs the trees. They are read here once more by the
verifier's own readers, after the bundle was verified under its own root. Invariant: nothing is shown of a bundle that does not
verify, and nothing that is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import hyperdb
from hyperdb.commitment.verify import Root, Row, Verified
from hyperdb.commitment.verify.bundle import address
from hyperdb.commitment.verify.header import SIZE, check_history, read_header
from hyperdb.commitment.verify.places import MEMBER, parse, steps, tree_key
from hyperdb.commitment.verify.queries import known, read_query
from hyperdb.commitment.verify.rows import Claimed, read_row
from hyperdb.commitment.verify.tree import Branch, Leaf, read_root, read_shown
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
    reader = Reader(bundle, Limits.FORMAT, _PREFIX + SIZE)
    flags = bundle[_PREFIX - 1]
    if not flags & _APP:
        raise InvalidError("the proof is about no app: there are no trees to draw")
    reader.take((_SIGNATURE if flags & _SIGNED else 0) + (_ATTESTATION if flags & _ATTESTED else 0))
    if flags & _HISTORY:
        check_history(reader, header)
    reader.blob()
    present = reader.u8()
    trees = tuple(read_root(reader) if present >> tree & 1 else None for tree in range(4))
    if present & 15:
        reader.take(32)
    apps = None
    if present & _APP_TREE:
        apps = read_root(reader)
        # The one app that the bundle is about; its digest was checked, and a picture needs none.
        read_shown(reader, apps, steps, lambda: Leaf(address(verified.app or b""), b"", 0, 0, 0), [])
        reader.take(2 * 48)
    for _ in range(reader.varint()):
        read_query(reader)
    claimed = [read_row(reader) for _ in range(reader.varint())]
    mask = reader.u8()
    take = _taken(claimed)
    for tree, root in enumerate(trees):
        if root is not None and mask >> tree & 1:
            read_shown(reader, root, tree_key, take, [])
    elements = [known(row, None, header.hash_key) for row in claimed if parse(row.key).space != MEMBER]
    headers = {row.collection.cid: row.collection for row in elements if row.collection is not None}
    # Members know the number of their collection, whose header is always claimed with them; a companion's is one higher.
    rows = tuple(known(row, headers.get(parse(row.key).cid or 0), header.hash_key) for row in claimed)
    names = {row.collection.cid + companion: row.name for row in elements if row.collection is not None for companion in (0, 1)}
    return Pruned(verified, apps, trees, frozenset(tree for tree in range(4) if mask >> tree & 1), rows, names)


def _taken(claimed: list[Claimed]) -> Callable[[], Leaf]:
    """Leaves in the order of the rows; which form belongs where was verified."""
    waiting = iter(enumerate(claimed))

    def take() -> Leaf:
        at, row = next(waiting)
        return Leaf(row.key, row.value_digest, row.version, row.size, at)

    return take
