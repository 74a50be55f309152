"""What an epoch has to hold, read from the store in the plainest way: a model of native/epochs/src/contents.rs."""

from __future__ import annotations

from hyperdb import Database
from hyperdb.commitment.verify.places import ordered_varint

_DATA = 0
_ELEMENT, _MEMBER, _INCIDENCE = b"\x02", b"\x03", b"\x04"
_VERTEX = 1
_HEADER_AT = (2, 10)


def live_keys(db: Database, app: str, commit: int) -> set[bytes]:
    """Logical keys of live elements, and of members of live collections, at a commit."""
    transaction = db.native.begin("repeatable read", True, None, 0)
    number = transaction.app(app.encode())
    transaction.rollback()
    assert number is not None
    prefix = ordered_varint(number)
    snapshot = db.native.engine().snapshot(commit)
    keys: set[bytes] = set()
    runs: set[bytes] = set()
    for chunk in snapshot.scan(prefix + _ELEMENT, prefix + _MEMBER, False, _DATA, len(prefix)):
        for key, value in chunk:
            keys.add(key)
            if value[0] != _VERTEX:
                at = _HEADER_AT[value[1]]
                cid = int.from_bytes(value[at : at + 8], "little")
                runs |= {_MEMBER + ordered_varint(cid), _MEMBER + ordered_varint(cid + 1)}
    for chunk in snapshot.scan(prefix + _MEMBER, prefix + _INCIDENCE, False, _DATA, len(prefix)):
        keys |= {key for key, _ in chunk if key[: 2 + max(0, key[1] - 247)] in runs}
    snapshot.close()
    return keys
