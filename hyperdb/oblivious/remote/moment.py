"""The reading side of an app (`hyperdb.graph.store.Moment`), answered by a remote store at a level.

Theory: the views of the graph ask a moment for elements and members, and do not know where it is. What an epoch does not hold,
or what would take more than the level shows, is refused with the reason. Invariant: a call reads one epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from hyperdb.commitment.verify import Frame
from hyperdb.commitment.verify import Row as Proved
from hyperdb.errors import PrivacyError
from hyperdb.graph.members import Kind, Text, encoded
from hyperdb.graph.reader import AppReader, HyperedgeReader
from hyperdb.graph.store import Row
from hyperdb.oblivious.levels import Level
from hyperdb.oblivious.remote.store import RemoteApp

_SAME: tuple[Kind, ...] = ("vertex", "hash", "set", "list", "stream", "table", "index", "partition")
_KINDS: dict[str, Kind] = {"edge": "hyperedge", "sorted set": "sorted_set", **{kind: kind for kind in _SAME}}
_REFERENCES = {"vertex": 1, "hyperedge": 2, None: 3}
_SIZE_AT = slice(-24, -16)
"""Of a collection's header record: bytes of its members (docs/file-format.md)."""


def _refuse(what: str) -> NoReturn:
    raise PrivacyError(f"{what} is not read from a remote store")


def _element(row: Proved) -> tuple[Kind, bytes, int, int]:
    kind = _KINDS[str(row.kind)]
    if row.collection is None or row.stored is None:
        return kind, row.value or b"", 0, 0
    return kind, b"", row.collection.count, int.from_bytes(row.stored[_SIZE_AT], "little")


@dataclass(frozen=True)
class RemoteMoment:
    """See the module."""

    app: RemoteApp
    level: Level

    def element(self, element: bytes, /) -> tuple[Kind, bytes, int, int] | None:
        """See `Moment`."""
        row = self.app.read(self.level, lambda reader: reader.element(element))
        return None if row is None else _element(row)

    def version(self, element: bytes, /) -> int | None:
        """See `Moment`; of a removed element nothing is known."""
        row = self.app.read(self.level, lambda reader: reader.element(element))
        return None if row is None else row.version

    def member(self, element: bytes, order_key: bytes, /) -> tuple[int, bytes] | None:
        """See `Moment`."""
        row = self.app.read(self.level, lambda reader: reader.member(element, order_key))
        return None if row is None else (_REFERENCES[row.refers], row.value or b"")

    def members(self, _element: bytes, _start: bytes | None, _stop: bytes | None, _reverse: bool, /) -> Iterator[list[Row]]:
        """See `Moment`."""
        _refuse("a walk over members")

    def incident(self, _element: bytes, /) -> Iterator[list[Row]]:
        """See `Moment`."""
        _refuse("incidence, which no epoch holds,")

    def within(self, _inner: bytes, _outer: bytes, /) -> bool:
        """See `Moment`."""
        _refuse("whether an element lies within another")

    def elements(self, _vertices: bool, /) -> Iterator[list[Row]]:
        """See `Moment`."""
        _refuse("the list of all elements")

    def changes(self, _vertices: bool, _adds: bool, /) -> Iterator[list[Row]]:
        """See `Moment`."""
        _refuse("the list of all changes")

    def counts(self) -> Sequence[tuple[Kind, int, int]]:
        """See `Moment`."""
        _refuse("the number of elements")

    def expiring(self) -> int:
        """See `Moment`."""
        _refuse("the number of expiring elements")


class RemoteAppView(AppReader):
    """An app of a remote store, read at one level; `with_privacy` is the same app at another."""

    def __init__(self, app: RemoteApp, level: Level) -> None:
        self.name = app.name
        self.privacy = level
        self._app = app

    def with_privacy(self, level: Level) -> RemoteAppView:
        """The app, read at another level."""
        return RemoteAppView(self._app, level)

    @property
    def frame(self) -> Frame:
        """As of which of the store's frames reads are: what was written later is not seen yet."""
        return self._app.frame

    @property
    def epoch(self) -> str:
        """The epoch that is read, by its manifest's digest in hexadecimal digits: the same for all clients of an honest store."""
        return self._app.epoch

    @property
    def standing(self) -> str:
        """Who vouches for where keys lie and for hints, in words: the owner, or the store alone (self-signed)."""
        return self._app.standing

    def get(self, id: Text, *, privacy: Level | None = None) -> bytes | None:  # noqa: A002
        """The value of vertex `id`, or None; for this once at another level.

        Raises:
            WrongTypeError: the id names a hyperedge.
            PrivacyError: the level cannot be kept. Nothing was sent.
            VerificationError: what the store sent does not hold.
            RemoteError: it could not be reached, or refused.
        """
        return self._app.get(encoded(id), privacy or self.privacy)

    def hyperedge(self, id: Text) -> HyperedgeReader:  # noqa: A002
        """The hyperedge `id`, there or not; hashes, sets and lists are read by their members' names too."""
        return HyperedgeReader(self, id)

    def _reader(self) -> RemoteMoment:
        return RemoteMoment(self._app, self.privacy)
