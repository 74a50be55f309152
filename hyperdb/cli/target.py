"""What a verb works on: the running owner of a directory, or the directory itself.

Theory: try to open; a `LockedError` says that somebody owns it, and then the control socket is asked. This order has no race:
who got the lock is the owner.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import hyperdb
from hyperdb import reports
from hyperdb.control import ControlClient
from hyperdb.errors import LockedError, NotFoundError
from hyperdb.frontends.sql.embedded.texts import Page, TextSession, of_json

Progress = Callable[[int, int], object]


def unheard(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""


class Target(Protocol):
    """A database, here or in another process."""

    def stats(self) -> dict[str, dict[str, Any]]:
        """Sections of names and values."""

    def report(self, name: str, progress: Progress = unheard, /, **arguments: object) -> Any:
        """One of `hyperdb.reports.REPORTS`."""

    def backup(self, dest: Path) -> int:
        """Writes a copy; its commit."""

    def command(self, database: int, words: list[bytes]) -> bytes:
        """Runs a RESP command; the reply as RESP2."""

    def add_vertex(self, database: int, id: str, value: str) -> bool:  # noqa: A002
        """Adds a vertex to a numbered database; false if it is there like that."""

    def add_hyperedge(self, database: int, id: str, vertices: Mapping[str, str]) -> None:  # noqa: A002
        """Adds a hyperedge whose members refer to vertices, by order keys."""

    def incident(self, database: int, id: str) -> list[str]:  # noqa: A002
        """The hyperedges that an element is a member of."""

    def sql(self, text: str) -> Iterator[Page]:
        """Runs SQL statements in the verb's one session; pages as they come, an error being the last one."""

    def cancel_sql(self) -> None:
        """From a handler of signals: what runs fails."""


class Here:
    """A closed directory that this process opened."""

    def __init__(self, database: hyperdb.Database) -> None:
        self._database = database
        self._session: TextSession | None = None

    def stats(self) -> dict[str, dict[str, Any]]:
        """See `Target`."""
        return reports.stats(self._database)

    def report(self, name: str, progress: Progress = unheard, /, **arguments: object) -> Any:
        """See `Target`."""
        return reports.REPORTS[name](self._database, arguments, progress)

    def backup(self, dest: Path) -> int:
        """See `Target`."""
        return self._database.backup(dest)

    def command(self, database: int, words: list[bytes]) -> bytes:
        """See `Target`."""
        return self._database.execute_raw(database, words)

    def add_vertex(self, database: int, id: str, value: str) -> bool:  # noqa: A002
        """See `Target`."""
        return self._database.app(f"redis/{database}").add_vertex(id, value)

    def add_hyperedge(self, database: int, id: str, vertices: Mapping[str, str]) -> None:  # noqa: A002
        """See `Target`."""
        members = {order_key: hyperdb.Vertex(vertex) for order_key, vertex in vertices.items()}
        self._database.app(f"redis/{database}").add_hyperedge(id, members)

    def incident(self, database: int, id: str) -> list[str]:  # noqa: A002
        """See `Target`."""
        found = self._database.app(f"redis/{database}").incident(id)
        return [membership.hyperedge.decode(errors="replace") for membership in found]

    def sql(self, text: str) -> Iterator[Page]:
        """See `Target`."""
        if self._session is None:
            self._session = TextSession(self._database.sql_backend)
        return self._session.run(text)

    def cancel_sql(self) -> None:
        """See `Target`."""
        if self._session is not None:
            self._session.cancel()

    def close(self) -> None:
        """Ends the session, if there is one."""
        if self._session is not None:
            self._session.close()


class Running:
    """The process that owns the directory."""

    def __init__(self, client: ControlClient, directory: Path) -> None:
        self._client = client
        self._directory = directory
        self._session = 0

    def stats(self) -> dict[str, dict[str, Any]]:
        """See `Target`."""
        sections: dict[str, dict[str, Any]] = self._client.call("stats")
        return sections

    def report(self, name: str, progress: Progress = unheard, /, **arguments: object) -> Any:
        """See `Target`."""
        return self._client.call(name, progress, **arguments)

    def backup(self, dest: Path) -> int:
        """See `Target`."""
        return int(self._client.call("backup", dest=str(dest.resolve())))

    def command(self, database: int, words: list[bytes]) -> bytes:
        """See `Target`."""
        args = [base64.b64encode(word).decode() for word in words]
        return base64.b64decode(self._client.call("command", db=database, args=args))

    def add_vertex(self, database: int, id: str, value: str) -> bool:  # noqa: A002
        """See `Target`."""
        return bool(self._client.call("add_vertex", db=database, id=id, value=value))

    def add_hyperedge(self, database: int, id: str, vertices: Mapping[str, str]) -> None:  # noqa: A002
        """See `Target`."""
        self._client.call("add_hyperedge", db=database, id=id, vertices=dict(vertices))

    def incident(self, database: int, id: str) -> list[str]:  # noqa: A002
        """See `Target`."""
        found: list[str] = self._client.call("incident", db=database, id=id)
        return found

    def sql(self, text: str) -> Iterator[Page]:
        """See `Target`."""
        if not self._session:
            self._session = int(self._client.call("sql_open"))
        found = self._client.call("sql", text=text)
        while found:
            yield from map(of_json, found)
            found = self._client.call("sql_more")

    def cancel_sql(self) -> None:
        """See `Target`."""
        with ControlClient(self._directory) as other:
            other.call("sql_cancel", number=self._session)


@contextmanager
def target(directory: Path, *, create: bool = False) -> Iterator[Target]:
    """The database in `directory`, wherever it is open. One that is opened for a verb seals no frame by itself.

    Raises:
        NotFoundError: when there is none.
        ControlError: when its owner does not answer.
    """
    if not create and not directory.is_dir():
        raise NotFoundError(f"there is no database in {directory}")
    try:
        database = hyperdb.open(directory, create=create, frames=None)
    except LockedError:
        with ControlClient(directory) as client:
            yield Running(client, directory)
        return
    with database, closing(Here(database)) as here:
        yield here
