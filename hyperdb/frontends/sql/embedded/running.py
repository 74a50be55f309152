"""Statements on a session in this process: text and Python's values in, rows of the engine's values out.

Theory: the session waits by itself (`may_wait`), so a statement is prepare, execute, and `sync` where no block is open.
Invariant: after every call the session stands where PostgreSQL's would; an error has taken back what the call did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.contract import Action, Column, Session
from hyperdb.frontends.sql.embedded.parameters import engine_value, types_of
from hyperdb.frontends.sql.embedded.placeholders import Parameters, ordered
from hyperdb.frontends.sql.types import BUILT_IN

if TYPE_CHECKING:
    from hyperdb.frontends.sql.types import Type

_TEXTS = kinds.ARRAY[kinds.TEXT]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one statement gave. Rows are of the engine's values; `columns` None: it gives none."""

    columns: Sequence[Column] | None
    rows: Sequence[Sequence[Any]]
    tag: str

    @property
    def count(self) -> int:
        """Rows found or changed, as the tag says; -1 where it says nothing."""
        last = self.tag.rpartition(" ")[2]
        return int(last) if last.isdigit() else -1


def type_named(session: Session, oid: int) -> Type:
    """A type, built in or of the catalog."""
    return BUILT_IN.get(oid) or session.type(oid)


def run_all(session: Session, text: str, parameters: Parameters | None = None) -> list[Answer]:
    """Runs the statements of a text: several only without parameters, as one transaction where no block is open.

    Raises:
        SqlError: what the first failing statement raised; those before it are taken back with it, outside of a block.
    """
    try:
        if parameters is None:
            found = [_run(session, each, ()) for each in session.statements(text)]
            answers = [each for each in found if each is not None]
        else:
            made, values = ordered(text, parameters)
            one = _run(session, made, values)
            answers = [] if one is None else [one]
    except BaseException:
        session.sync(True)
        raise
    session.sync(False)
    return answers


def run_many(session: Session, text: str, rows: Sequence[Parameters]) -> int:
    """Runs a statement once for each of `rows`, all in one transaction where no block is open; how many rows changed in all."""
    total = 0
    try:
        for row in rows:
            made, values = ordered(text, row)
            answer = _run(session, made, values)
            total += max(0, answer.count) if answer is not None else 0
    except BaseException:
        session.sync(True)
        raise
    session.sync(False)
    return total


def _run(session: Session, text: str, values: Sequence[Any]) -> Answer | None:
    given = types_of(values)
    prepared = session.prepare(text, given)
    # A list of texts whose type the statement leaves open is one of text[].
    open_lists = [
        place
        for place, (value, oid) in enumerate(zip(values, prepared.parameters, strict=False))
        if isinstance(value, list) and oid == kinds.TEXT
    ]
    if open_lists:
        said = (_TEXTS if place in open_lists else oid for place, oid in enumerate(given))
        prepared = session.prepare(text, tuple(said))
    if prepared.action is Action.EMPTY:
        return None
    if prepared.action is not Action.RUN:
        raise SqlError("0A000", "COPY from and to the client needs a connection to a server")
    if len(prepared.parameters) != len(values):
        raise SqlError("07001", f"the statement has {len(prepared.parameters)} parameters, and {len(values)} are given")
    engines = [
        engine_value(value, type_named(session, oid), session.style)
        for value, oid in zip(values, prepared.parameters, strict=True)
    ]
    outcome = session.execute(prepared, engines)
    try:
        rows: list[Sequence[Any]] = []
        more = outcome.columns is not None
        while more:
            part, more = outcome.rows(0)
            rows += part
        return Answer(outcome.columns, rows, outcome.tag)
    finally:
        outcome.close()
