"""Whether tables agree with themselves: rows with their indexes, constraints and counts.

Theory: checksums show that files are as they were written, and a frame's root that it follows from the data; that what was
written belongs together is looked at here, without trust in the indexes. Rows are read by their own key, then each index from its
begin to its end: every entry must be the one of its row, and there are as many as rows that should have one. Invariant: nothing
is written, and a table that agrees gives no line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from hyperdb.errors import HyperDBError
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.execute.modify import Written
from hyperdb.frontends.sql.execute.rows import Executor
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.backend import SqlBackend

_PAGE = 1024
_MOST = 20
"""Lines about one table."""


def examine(backend: SqlBackend) -> Iterator[str]:
    """What is wrong with the tables made in SQL, as they are committed: a line each."""
    from hyperdb.frontends.sql.backend import DATABASES
    from hyperdb.frontends.sql.session import SqlSession

    session = SqlSession(backend, Opening("", DATABASES[0]))
    try:
        transaction = session.begin(isolation="repeatable read", read_only=True)
        env = session.environment(transaction, transaction.open())
        executor = Executor(env.catalog.labels)
        for number, found in env.catalog.objects.items():
            if isinstance(found, records.Table) and not found.partition:
                relation = env.catalog.relation(number)
                yield from islice(_Table(relation, Written(executor, env.writes(relation)), env).problems(), _MOST)
    finally:
        session.close()


@dataclass(slots=True)
class _Index:
    """An index: what it is ordered by and its predicate, as slots of a row with its extras; how many rows should be in it."""

    place: int
    record: records.Index
    key: tuple[int, ...]
    when: int | None
    expected: int = 0

    def holds(self, row: Row) -> bool:
        """Whether a row should have an entry."""
        return self.when is None or row[self.when] is True


class _Table:
    """One table."""

    def __init__(self, relation: Relation, written: Written, env: Environment) -> None:
        self._relation = relation
        self._written = written
        self._env = env
        self._layout = env.session.layout(relation, env)
        self._name = f"table {relation.schema}.{relation.name}"
        kept = [each for each in relation.table.constraints if not each.unvalidated]
        self._foreign = [each for each in kept if each.kind == records.FOREIGN]
        self._names = {each.name for each in kept}
        self._indexes: list[_Index] = []
        extra = relation.width
        for place, (_, record) in enumerate(relation.indexes):
            key = []
            for part in record.columns:
                key.append(relation.slot_of[part.column] if part.column else extra)
                extra += 0 if part.column else 1
            when = extra if record.predicate else None
            extra += 1 if record.predicate else 0
            self._indexes.append(_Index(place, record, tuple(key), when))

    def problems(self) -> Iterator[str]:
        """What is wrong with it."""
        count = 0
        try:
            for row in self._rows():
                count += 1
                yield from self._row(row)
        except HyperDBError as error:
            yield f"{self._name}: its rows cannot be read: {error}"
            return
        kept = self._env.transaction.estimate(self._layout)
        if kept != count:
            yield f"{self._name} has {count} rows, and {kept} by its count"
        for index in self._indexes:
            if not index.record.building:
                yield from self._index(index)

    def _rows(self) -> Iterator[Row]:
        after: bytes | None = None
        while True:
            self._env.check_cancelled()
            page, after = self._env.transaction.page(self._layout, None, None, None, False, False, after, _PAGE)
            for row in page:
                yield self._written.whole(row, self._env)
            if after is None:
                return

    def _row(self, row: Row) -> Iterator[str]:
        for index in self._indexes:
            index.expected += index.holds(row)
        for slot, name in self._written.required:
            if row[slot] is None:
                yield f"{self._name} has a row without {name}: {self._shown(row)}"
        for name, check in self._written.checks:
            if name in self._names and check(row, self._env) is False:
                yield f"{self._name} has a row against its constraint {name}: {self._shown(row)}"
        for constraint in self._foreign:
            values = tuple(row[self._relation.slot_of[number]] for number in constraint.columns)
            if None not in values and not self._has_parent(constraint, values):
                yield f"{self._name} has a row that refers to none by {constraint.name}: {self._shown(row)}"

    def _has_parent(self, constraint: records.Constraint, values: Sequence[Any]) -> bool:
        env = self._env
        parent = env.catalog.relation(constraint.parent)
        places = [number for number, _ in parent.indexes]
        place = places.index(constraint.index) if constraint.index in places else None
        key = parent.table.key if place is None else parent.indexes[place][1].columns
        end = (tuple(values[constraint.parent_columns.index(part.column)] for part in key), True)
        return bool(env.transaction.page(env.session.layout(parent, env), place, end, end, False, False, None, 1)[0])

    def _index(self, index: _Index) -> Iterator[str]:
        name = f"index {index.record.name} of {self._name}"
        count, before, after = 0, None, None
        while True:
            if count % _PAGE == 0:
                self._env.check_cancelled()
            try:
                # One by one, since what a page tells of its entries is the last one.
                page, after = self._env.transaction.page(self._layout, index.place, None, None, False, False, after, 1)
            except HyperDBError as error:
                yield f"{name} cannot be read: {error}"
                return
            if not page or after is None:
                break
            count += 1
            row = self._written.whole(page[0], self._env)
            key = tuple(row[slot] for slot in index.key)
            low, high = self._layout.span(index.place, (key, True), (key, True))
            if not index.holds(row) or (low is not None and after < low) or (high is not None and after >= high):
                yield f"{name} has an entry that is not that of its row: {self._shown(row)}"
            if index.record.unique and key == before and (index.record.nulls_equal or None not in key):
                yield f"{name} has a key twice: {self._shown(row)}"
            before = key
        if count != index.expected:
            yield f"{name} has {count} entries, for {index.expected} rows"

    def _shown(self, row: Row) -> str:
        return self._written.shown(row, self._env)
