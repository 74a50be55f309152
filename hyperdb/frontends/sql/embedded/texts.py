"""A session whose answers are texts, a page at a time: what the shell shows, here or from another process.

Theory: the statements of a text run one by one, as psql sends what ends with a semicolon: each is a transaction of its own where
no block is open. A page is small enough for one message and holds what its rows look like under the session's settings.
Invariant: between two pages a statement stands still; a new text, or the end, closes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.contract import Action, Opening, Status
from hyperdb.frontends.sql.embedded.running import type_named

if TYPE_CHECKING:
    from hyperdb.frontends.sql.backend import SqlBackend

ROLE = DATABASE = "hyperdb"
PAGE_ROWS = 500
_MARKS = {Status.IDLE: "", Status.ACTIVE: "*", Status.FAILED: "!"}


@dataclass(frozen=True, slots=True)
class Page:
    """A part of what statements gave. The first page of a result has its columns, the last one its tag."""

    columns: list[str] | None = None
    rows: list[list[str | None]] | None = None
    tag: str | None = None
    error: str | None = None
    notices: tuple[str, ...] = ()
    mark: str = ""
    """Of the open block: `*`, `!` once it has failed."""


class TextSession:
    """One client's. Its methods are called by one thread at a time."""

    def __init__(self, backend: SqlBackend) -> None:
        self._session = backend.open(Opening(ROLE, DATABASE, {"application_name": "hyperdb shell"}))
        self._pages: Iterator[Page] = iter(())

    def run(self, text: str) -> Iterator[Page]:
        """Runs the statements of a text as its pages are asked for."""
        self.stop()
        self._pages = self._run(text)
        return self._pages

    def next_pages(self, count: int) -> list[Page]:
        """The next pages of the text that runs; fewer than `count` at its end."""
        return list(islice(self._pages, count))

    def stop(self) -> None:
        """What runs does not go on."""
        pages, self._pages = self._pages, iter(())
        if hasattr(pages, "close"):
            pages.close()

    def cancel(self) -> None:
        """From any thread: what runs fails with 57014."""
        self._session.cancel()

    def close(self) -> None:
        """Ends the session; an open transaction is taken back."""
        self.stop()
        self._session.close()

    def _run(self, text: str) -> Iterator[Page]:
        session = self._session
        try:
            for each in session.statements(text):
                yield from self._statement(each)
        except SqlError as error:
            session.sync(True)
            yield Page(error=_told(error, text), notices=self._notices(), mark=_MARKS[session.status])

    def _statement(self, text: str) -> Iterator[Page]:
        session = self._session
        prepared = session.prepare(text, ())
        if prepared.action is Action.EMPTY:
            return
        if prepared.action is not Action.RUN:
            raise SqlError("0A000", "COPY from and to the client needs a client of PostgreSQL, such as psql")
        if prepared.parameters:
            raise SqlError("42P02", "there is no parameter $1")
        outcome = session.execute(prepared, ())
        try:
            columns = outcome.columns
            if columns is not None:
                yield Page([column.name for column in columns], [])
                writers = [type_named(session, column.type).write_text for column in columns]
                more = True
                while more:
                    rows, more = outcome.rows(PAGE_ROWS)
                    style = session.style
                    shown = (zip(row, writers, strict=True) for row in rows)
                    yield Page(rows=[[None if value is None else write(value, style) for value, write in row] for row in shown])
            tag = outcome.tag
        finally:
            outcome.close()
        session.sync(False)
        yield Page(tag=tag, notices=self._notices(), mark=_MARKS[session.status])

    def _notices(self) -> tuple[str, ...]:
        return tuple(f"{each.severity}:  {each.message}" for each in self._session.notices())


def _told(error: SqlError, text: str) -> str:
    """An error as psql tells it: with the line, and a mark under the place."""
    lines = [f"ERROR:  {error}"]
    if error.position is not None and 0 < error.position <= len(text) + 1:
        before = text[: error.position - 1]
        number, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1)
        head = f"LINE {number}: "
        lines += [head + text.split("\n")[number - 1], " " * (len(head) + column) + "^"]
    for name, said in (("DETAIL", error.detail), ("HINT", error.hint)):
        if said:
            lines.append(f"{name}:  {said}")
    return "\n".join(lines)


def as_json(page: Page) -> dict[str, Any]:
    """For a message to another process."""
    return {name: value for name in Page.__slots__ if (value := getattr(page, name)) not in (None, "", ())}


def of_json(found: dict[str, Any]) -> Page:
    """What `as_json` gave."""
    return Page(**{**found, "notices": tuple(found.get("notices", ()))})
