"""Statements made ready, and their outcomes.

Invariant: a prepared statement holds no state of a session; its plan may be run by any number of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.binder import BoundQuery
from hyperdb.frontends.sql.contract import Action, Column, Form
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.execute.memory import Holding
from hyperdb.frontends.sql.execute.pages import Pages
from hyperdb.frontends.sql.parse.split import split

if TYPE_CHECKING:
    from hyperdb.frontends.sql.analytic.expected import Together
    from hyperdb.frontends.sql.analytic.known import Analytic
    from hyperdb.frontends.sql.session import SqlSession


class Statement(str):
    """A statement's text with where it began in what the client sent."""

    offset: int = 0

    @classmethod
    def at(cls, text: str, offset: int) -> Statement:
        """The text at a place."""
        made = cls(text)
        made.offset = offset
        return made


def only(text: str) -> Statement:
    """The one statement of a text, without the semicolon at its end.

    Raises:
        SqlError: 42601, when there are several.
    """
    if ";" not in text:
        return Statement.at(text, 0)
    parts = list(split(text))
    if len(parts) > 1:
        raise SqlError("42601", "cannot insert multiple commands into a prepared statement")
    return Statement.at(*parts[0]) if parts else Statement.at("", 0)


@dataclass(frozen=True, slots=True)
class Query:
    """A plan, compiled."""

    bound: BoundQuery
    rows: Callable[[Environment], Any]
    beside: tuple[Callable[[Environment], Any], ...]
    tag: str
    """`SELECT`, `INSERT 0`, `UPDATE`, `DELETE`."""
    reads: bool = False
    """It changes and locks nothing, so that its rows may be computed while they are read."""
    pages: Callable[[Environment], Pages] | None = None
    """The rows of a query that gives a table as it is."""
    analytic: Analytic | None = None
    """What is known of the plan, if it may be worth running in the analytic engine."""
    brief: Together | None = None
    """What it reads, if it may be so short that no worker is needed."""


@dataclass(frozen=True, slots=True)
class Utility:
    """Anything else: `run` does it with the parameters' values."""

    run: Callable[[SqlSession, Sequence[Any]], SqlOutcome]
    steers: bool = False
    """It begins or ends transactions: it is run in a failed one too."""
    cursor: str | None = None
    """The cursor whose rows it gives."""
    executed: str | None = None
    """The prepared statement whose rows it gives, if that has any."""
    catalog: bool = False
    """It is a statement of its own in a transaction, begun again when a row changed under it."""


@dataclass(eq=False, slots=True)
class SqlPrepared:
    """See `contract.Prepared`. `given` are the client's oids, kept to bind it anew."""

    text: Statement
    action: Action
    parameters: Sequence[int]
    columns: Sequence[Column] | None
    body: Query | Utility | None
    given: tuple[int, ...] = ()
    version: int | None = None
    path: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class SqlOutcome:
    """See `contract.Outcome`. Rows that were all computed; they are handed out as they are asked for."""

    columns: Sequence[Column] | None
    found: Sequence[Row]
    tag: str
    at: int = 0
    binary: bool = False
    """Rows go out in binary to clients that cannot ask for a format: those of a binary cursor."""
    holding: Holding | None = None
    """What the rows hold."""
    count: int = field(init=False)
    """Rows so far."""

    def __post_init__(self) -> None:
        self.count = len(self.found)

    def rows(self, limit: int) -> tuple[Sequence[Row], bool]:
        """See `contract.Outcome`."""
        end = len(self.found) if limit <= 0 else min(self.at + limit, len(self.found))
        part = self.found[self.at : end]
        self.at = end
        return part, end < len(self.found)

    def everything(self) -> list[Row]:
        """All rows that were not handed out yet."""
        rows: list[Row] = []
        more = True
        while more:
            part, more = self.rows(0)
            rows += part
        return rows

    def encoded(self, limit: int, form: Form) -> tuple[bytes, int, bool] | None:
        """See `contract.Outcome`."""
        del limit, form
        return None

    def close(self) -> None:
        """See `contract.Outcome`."""
        self.found, self.holding = (), None


def done(tag: str) -> SqlOutcome:
    """The outcome of what gives no rows."""
    return SqlOutcome(None, (), tag)
