"""A store of this process that holds what was fetched of a remote one, so that the same commands run on it.

Theory: a verified row has its logical key and the record behind it as the remote store keeps them (docs/file-format.md), and
keys depend on nothing of a store but its hash key, which is in every header. So a store that is made with that hash key takes
the rows as they are, and whatever reads stores reads them: a command that needs what is not here yet waits until it was
fetched. Invariant: it holds verified rows of one epoch of each app, and nothing else; nobody writes but `put`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path

from hyperdb import _native
from hyperdb.commitment.verify import Row, VerificationError
from hyperdb.commitment.verify.answers import KINDS
from hyperdb.commitment.verify.places import member_key, ordered_varint
from hyperdb.database import Database
from hyperdb.oblivious.reader import Moved
from hyperdb.values import OpenOptions

_DATA, _META = 0, 2
_IDENTITY = b"\x00"
_HEADER = b"\x01"
_CLASSES = 8
_SYSTEM = 0
_APP, _OBJECT = b"\x01", b"\x03"
_NEXT_APP, _NEXT_OBJECT, _VERSION = b"\x03\x02", b"\x03\x03", b"\x03\x04"
_FIRST_OBJECT = 16_384
_FORMAT = 1
_ID_BYTES = 16
_PLACEHOLDER = b"\x00hyperdb/overlay"
_MEMORY = 64 << 20
_MEMORY_FILE_SYSTEM = Path("/dev/shm")  # noqa: S108 - a private directory is made in it


class _Tally:
    """What an app's header says: elements of each kind, their sizes, and how many expire."""

    def __init__(self) -> None:
        self._elements = [0] * _CLASSES
        self._sizes = [0] * _CLASSES
        self._expiring = 0

    def add(self, row: Row | None, sign: int) -> None:
        """A row that came (1) or went (-1); members do not count."""
        if row is None or row.kind is None:
            return
        place = min(KINDS.index(row.kind), _CLASSES - 1)
        self._elements[place] += sign
        self._expiring += sign * (row.expires_ms is not None)
        self._sizes[place] += sign * (len(row.name) + len(row.value or b""))

    def __bytes__(self) -> bytes:
        pairs = zip(self._elements, self._sizes, strict=True)
        words = [self._expiring, *(word for pair in pairs for word in pair)]
        return bytes([1, _CLASSES]) + b"".join(word.to_bytes(8, "little") for word in words)


class Overlay:
    """See the module. Thread-safe."""

    def __init__(self, hash_key: bytes, created_ms: int, definitions: Iterable[Row] = ()) -> None:
        """A store with this hash key that knows these definitions of the other one's apps."""
        base = _MEMORY_FILE_SYSTEM if _MEMORY_FILE_SYSTEM.is_dir() else None
        definitions = list(definitions)
        self._scratch = Path(tempfile.mkdtemp(prefix="hyperdb-remote-", dir=base))
        path = self._scratch / "data"
        self.hash_key = hash_key
        self._lock = threading.Lock()
        self._prefixes: dict[str, bytes] = {}
        self._tallies: dict[str, _Tally] = {}
        engine = _native.Engine(path, sync="everysec", memory=_MEMORY)
        try:
            created = created_ms.to_bytes(8, "little", signed=True)
            identity = _FORMAT.to_bytes(2, "little") + hash_key + os.urandom(_ID_BYTES) + created
            engine.write([(_IDENTITY, identity), *_counters(definitions)], _META)
            system = [(ordered_varint(_SYSTEM) + row.key, row.stored) for row in definitions if row.stored is not None]
            if system:
                engine.write(system, _DATA)
        finally:
            engine.close()
        self.database = Database(path, OpenOptions(sync="everysec", memory=_MEMORY, frames=None))
        self._engine = self.database.native.engine()

    def put(self, app: str, rows: Iterable[Row]) -> None:
        """Keeps verified rows of an app.

        Raises:
            VerificationError: a row is not shown whole.
        """
        prefix = self._prefix(app)
        changes: list[tuple[bytes, bytes | None]] = []
        for row in rows:
            if row.stored is None:
                raise VerificationError("row", "a row that is not shown whole")
            changes.append((prefix + row.key, row.stored))
        if changes:
            self._engine.write(changes, _DATA)

    def count(self, app: str, rows: Iterable[Row]) -> None:
        """Writes the app's header, once all of its rows are here: how many elements there are of each kind, and of what size."""
        tally = self._tallies[app] = _Tally()
        for row in rows:
            tally.add(row, 1)
        self._engine.write([(self._prefix(app) + _HEADER, bytes(tally))], _DATA)

    def move(self, app: str, moved: Iterable[Moved]) -> None:
        """Goes on with verified rows of an app of which all are here and counted: only what differs is written.

        Raises:
            VerificationError: a row is not shown whole.
        """
        prefix, tally = self._prefix(app), self._tallies[app]
        gone: tuple[bytes, ...] = ()
        runs: list[int] = []
        changes: list[tuple[bytes, bytes | None]] = []
        # Elements come before members.
        for key, was, now in moved:
            if now is not None and now.stored is None:
                raise VerificationError("row", "a row that is not shown whole")
            tally.add(was, -1)
            tally.add(now, 1)
            cid = was.collection.cid if was is not None and was.collection is not None else None
            if cid is not None and (now is None or now.collection is None or now.collection.cid != cid):
                # Its members went with it, and no change names them.
                gone += (member_key(cid, b""), member_key(cid + 1, b""))
                runs.append(cid)
            is_there = now is not None and not key.startswith(gone)
            changes.append((prefix + key, now.stored if is_there and now is not None else None))
        for cid in runs:
            self._remove(prefix + member_key(cid, b""), prefix + member_key(cid + 2, b""))
        self._engine.write([*changes, (prefix + _HEADER, bytes(tally))], _DATA)

    def _remove(self, start: bytes, stop: bytes) -> None:
        snapshot = self._engine.snapshot()
        try:
            for found in snapshot.scan(start, stop, False, _DATA):
                self._engine.write([(key, None) for key, _ in found], _DATA)
        finally:
            snapshot.close()

    def forget(self, app: str) -> None:
        """Removes all rows of an app: another epoch follows."""
        prefix = self._prefix(app)
        self._tallies.pop(app, None)
        for space in (_HEADER, b"\x02", b"\x03"):
            self._remove(prefix + space, prefix + bytes([space[0] + 1]))

    def close(self) -> None:
        """Closes the store and removes its files."""
        self.database.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _prefix(self, app: str) -> bytes:
        with self._lock:
            found = self._prefixes.get(app)
            if found is None:
                number = self._number(app)
                if number is None:
                    # An app has a number from its first write on.
                    self.database.app(app).put(_PLACEHOLDER, b"")
                    self.database.app(app).remove(_PLACEHOLDER)
                    number = self._number(app)
                assert number is not None
                found = self._prefixes[app] = ordered_varint(number)
            return found

    def _number(self, app: str) -> int | None:
        transaction = self.database.native.begin("repeatable read", True, None, 0)
        try:
            return transaction.app(app.encode())
        finally:
            transaction.rollback()


def _counters(definitions: Iterable[Row]) -> list[tuple[bytes, bytes]]:
    """Numbers that this store may give out itself: behind those of the other one."""
    apps = [int.from_bytes(row.value or b"", "little") for row in definitions if row.name[:1] == _APP]
    objects = [int.from_bytes(row.name[1:], "big") for row in definitions if row.name[:1] == _OBJECT]
    return [
        (_NEXT_APP, (max(apps, default=0) + 1).to_bytes(4, "little")),
        (_NEXT_OBJECT, (max(objects, default=_FIRST_OBJECT) + 4).to_bytes(8, "little")),
        (_VERSION, (1).to_bytes(8, "little")),
    ]
