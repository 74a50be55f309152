"""Sealed frames as SQL reads them: the catalog and a transaction at a frame's commit.

Invariant: what is read at a frame is what was sealed; a frame that is no longer kept is refused with the oldest that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperdb.commitment.verify import Frame
from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.relations import Catalog

if TYPE_CHECKING:
    from hyperdb.commitment.frames import Frames
    from hyperdb.frontends.sql.backend import SqlBackend
    from hyperdb.graph.catalog.tables import TableTransaction


def readable(frames: Frames, number: int | None = None) -> Frame:
    """A frame that can be read, the newest one if None.

    Raises:
        SqlError: 22023 where there is none of that number, 72000 where it is no longer kept.
    """
    newest = frames.newest()
    if newest is None:
        raise SqlError("22023", "no frame was sealed yet", hint="SELECT hyperdb_seal() seals one.")
    if number is None:
        return newest
    if not 1 <= number <= newest.number:
        raise SqlError("22023", f"there is no frame {number}", hint=f"The newest is {newest.number}.")
    if number < newest.horizon:
        raise SqlError("72000", f"frame {number} is no longer kept: the oldest that can be read is {newest.horizon}")
    return frames.get(number)


class Past:
    """The frames that one session reads in its open transaction."""

    def __init__(self, backend: SqlBackend) -> None:
        self._backend = backend
        self._open: dict[int, TableTransaction] = {}

    def at(self, number: int) -> tuple[TableTransaction, Catalog]:
        """A frame, to read it.

        Raises:
            SqlError: 22023, 72000.
        """
        found = self._open.get(number)
        if found is None:
            commit = readable(self._backend.tables.frames, number).commit
            found = self._backend.tables.begin_at(commit)
            found.open()
            self._open[number] = found
        return found, self._backend.past_catalog(number)

    def forget(self) -> None:
        """The session's transaction has ended."""
        while self._open:
            self._open.popitem()[1].rollback()
