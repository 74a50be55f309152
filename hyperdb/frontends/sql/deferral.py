"""Constraints that are looked at when the transaction commits: DEFERRABLE, SET CONSTRAINTS.

Theory: ISO/IEC 9075-2, 4.17.3. What a statement did to a deferred constraint is noted, not what came of it: when the time
comes, the rows that are there then are looked at, so a note that no longer matters says nothing. Invariant: no transaction
commits while a note is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.relations import Catalog
from hyperdb.frontends.sql.contract import Column, Notice, Status
from hyperdb.frontends.sql.execute.environment import Environment
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Constraint

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

Check = Callable[[Environment], None]


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be looked at, for the constraint of that number."""

    constraint: int
    check: Check


class Deferral:
    """The notes of one session's transaction, and what SET CONSTRAINTS has said in it."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._notes: list[Note] = []
        self._said: dict[int, bool] = {}
        self._all: bool | None = None

    @property
    def is_pending(self) -> bool:
        """Whether anything was noted, or said, that ends with the transaction."""
        return bool(self._notes or self._said) or self._all is not None

    def is_deferred(self, constraint: Constraint) -> bool:
        """Whether the constraint is looked at later than now."""
        if not constraint.deferrable:
            return False
        return self._said.get(constraint.number, constraint.deferred if self._all is None else self._all)

    def note(self, constraint: int, check: Check) -> None:
        """Looks at it later."""
        self._notes.append(Note(constraint, check))

    def say(self, numbers: Sequence[int] | None, *, deferred: bool) -> None:
        """SET CONSTRAINTS; `numbers` None: all."""
        if numbers is None:
            self._all, self._said = deferred, {}
        else:
            self._said.update(dict.fromkeys(numbers, deferred))
        if not deferred:
            self.settle(numbers)

    def settle(self, numbers: Sequence[int] | None = None) -> None:
        """Looks now, at all or at those of some constraints.

        Raises:
            SqlError: for a constraint that the rows do not keep.
        """
        due = [each for each in self._notes if numbers is None or each.constraint in numbers]
        if not due:
            return
        self._notes = [each for each in self._notes if each not in due]

        def look(env: Environment) -> None:
            for each in due:
                each.check(env)

        self._session.statement(look)

    def forget(self) -> None:
        """The transaction has ended."""
        if self._notes or self._said or self._all is not None:
            self._notes, self._said, self._all = [], {}, None


def find(catalog: Catalog, number: int) -> tuple[int, Constraint] | None:
    """The table of a constraint and its record, if they are still there."""
    for owner, found in catalog.objects.items():
        if isinstance(found, records.Table):
            for constraint in found.constraints:
                if constraint.number == number:
                    return owner, constraint
    return None


def set_constraints(found: Words) -> tuple[Utility, Sequence[Column] | None]:
    """SET CONSTRAINTS, behind these words."""
    names: list[tuple[str | None, str]] = []
    every = found.take("all")
    while not every:
        name, schema = found.name(), None
        if found.take("."):
            schema, name = name, found.name()
        names.append((schema, name))
        if not found.take(","):
            break
    deferred = found.take("deferred")
    if not deferred:
        found.expect("immediate")
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        numbers = None if every else session.look(lambda catalog: _numbers(catalog, session.schemas_in_path(), names))
        if session.status is Status.IDLE:
            message = "SET CONSTRAINTS can only be used in transaction blocks"
            session.notice(Notice(message, "25P01", "WARNING"))
            return done("SET CONSTRAINTS")
        session.deferral.say(numbers, deferred=deferred)
        return done("SET CONSTRAINTS")

    return Utility(run), None


def _numbers(catalog: Catalog, path: Sequence[str], names: Sequence[tuple[str | None, str]]) -> list[int]:
    numbers = []
    for schema, name in names:
        found = [
            constraint
            for where in ([schema] if schema is not None else path)
            for number, table in catalog.objects.items()
            if isinstance(table, records.Table) and catalog.schema_of(number) == where
            for constraint in table.constraints
            if constraint.name == name
        ]
        if not found:
            raise SqlError("42704", f'constraint "{name}" does not exist')
        if not any(constraint.deferrable for constraint in found):
            raise SqlError("42809", f'constraint "{name}" is not deferrable')
        numbers += [constraint.number for constraint in found if constraint.deferrable]
    return numbers
