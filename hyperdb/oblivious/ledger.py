"""The ledger of repeats: blocks that were asked for in an epoch, and what came, so that they are asked for once.

Theory: at `bucket` and `cover` the store sees which blocks are asked for, so it sees when the same ones are asked for again: how
often something is read, and that two readers are one. An epoch never changes, so what came for a cell answers for all in
it until the next epoch: what changes is known from deltas, which everybody downloads. It outlives the process: a program
that starts again reads the same again. What failed to verify is kept like what did not: asking again would tell which it was.
Invariant: nothing in it is trusted; a bundle is verified each time that it is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from hyperdb.commitment.claim import encode_queries
from hyperdb.commitment.verify import Query
from hyperdb.commitment.verify.hashing import digest

MOST_BYTES = 64 << 20
"""Of an epoch: what comes beyond that is asked for each time."""
_DIGEST = 32
_NAME_DIGITS = 32


class Ledger:
    """Of one epoch. Not thread-safe; two processes may share a directory."""

    def __init__(self, directory: Path | None = None, room: int = MOST_BYTES) -> None:
        """Kept in a directory of its own, which is made when something is kept; in memory alone if None."""
        self._directory = directory
        self._room = room
        self._held: dict[str, bytes] = {}
        if directory is not None and directory.is_dir():
            self._room -= sum(path.stat().st_size for path in directory.iterdir())

    def has(self, queries: Sequence[Query]) -> bool:
        """Whether these were asked for in this epoch, so that asking sends nothing."""
        return self._find(_name(queries)) is not None

    def ask(self, queries: Sequence[Query], prove: Callable[[Sequence[Query]], bytes]) -> bytes:
        """What came for queries, asked for now if they were not before."""
        name = _name(queries)
        found = self._find(name)
        if found is None:
            found = prove(queries)
            self._keep(name, found)
        return found

    def _find(self, name: str) -> bytes | None:
        if name in self._held:
            return self._held[name]
        if self._directory is None:
            return None
        try:
            data = (self._directory / name).read_bytes()
        except FileNotFoundError:
            return None
        found = data[_DIGEST:]
        # The disk's own mistakes are none of the store's.
        if data[:_DIGEST] != digest("hyperdb/ledger", found):
            return None
        self._held[name] = found
        return found

    def _keep(self, name: str, bundle: bytes) -> None:
        if len(bundle) > self._room:
            return
        self._room -= len(bundle)
        self._held[name] = bundle
        if self._directory is None:
            return
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = self._directory / f"{name}.{os.getpid()}.new"
        with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(digest("hyperdb/ledger", bundle) + bundle)
        staging.replace(self._directory / name)


def _name(queries: Sequence[Query]) -> str:
    return digest("hyperdb/ledger-name", encode_queries(queries)).hex()[:_NAME_DIGITS]
