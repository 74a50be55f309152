"""COPY ... FROM: bytes of its formats into a table, in memory that does not grow with them.

Theory: a small COPY is kept until its end and added as any statement is, begun again if it must be. From the first piece that
is large a COPY is loaded: its statement stays open while pieces come, each is read (natively where its records are common ones)
and sorted into tables that join the store with the commit. That needs the table for itself: if somebody else writes it at that
moment, or the table refers to itself, everything is kept as a small COPY is. Invariant: what is copied in is one
statement, all of it or nothing; a client that is gone leaves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import RowChangedError, SqlError
from hyperdb.frontends.sql.access.privileges import INSERT
from hyperdb.frontends.sql.access.rights import Need
from hyperdb.frontends.sql.bind.scope import Level, Scope
from hyperdb.frontends.sql.catalog.relations import Relation, RelationColumn
from hyperdb.frontends.sql.contract import Column, CopyOptions, WouldWait
from hyperdb.frontends.sql.conversation.copying import Rows
from hyperdb.frontends.sql.copy.binary import HEADER
from hyperdb.frontends.sql.execute.compile import Compiler, Run
from hyperdb.frontends.sql.execute.environment import Environment, settle
from hyperdb.frontends.sql.execute.rows import Executor
from hyperdb.frontends.sql.lane.compile import LaneCompiler
from hyperdb.frontends.sql.parse.dialect import parse
from hyperdb.frontends.sql.statement import SqlPrepared
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.lanes import CopyForm

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

PIECE = 1 << 20
"""Bytes that are gathered before they are looked at; a COPY of fewer is added at its end."""
_MOST_RESTARTS = 100


class CopyRows:
    """COPY ... FROM in execution. See `contract.CopyIn`."""

    def __init__(self, session: SqlSession, prepared: SqlPrepared) -> None:
        self._session = session
        self._prepared = prepared
        self.columns: Sequence[Column] = prepared.columns or ()
        self.options: CopyOptions = prepared.extra["options"]
        self.takes_bytes = True
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_plain = True
        """Whether records may be read natively: nothing was met yet that only the ordinary way can tell of."""
        self._may_load = True
        self._reading: _Reading | None = None
        """Of a COPY that is loaded, whose statement is open."""

    def add(self, rows: Sequence[Sequence[Any]], first_line: int) -> None:
        """See `contract.CopyIn`."""
        raise NotImplementedError("it takes bytes")

    def load(self, data: bytes) -> None:
        """See `contract.CopyIn`."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size < PIECE or not self._may_load:
            return
        if not self._session.may_wait:
            raise WouldWait(self._take)
        self._take()

    def finish(self) -> str:
        """See `contract.CopyIn`."""
        if not self._session.may_wait:
            raise WouldWait(self._finish)
        return self._finish()

    def abort(self) -> None:
        """See `contract.CopyIn`."""
        self._pieces = []
        reading, self._reading = self._reading, None
        if reading is not None:
            self._session.close_statement(reading.env.transaction, kept=False)

    def _gathered(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        return data

    def _take(self) -> None:
        """Loads what has come so far, if the table can be loaded into."""
        with self._session.failing():
            if self._reading is None:
                self._reading = self._begin()
            if self._reading is None:
                self._may_load = False
            else:
                self._reading.feed(self._gathered())

    def _begin(self) -> _Reading | None:
        session = self._session
        for _ in range(_MOST_RESTARTS):
            env = session.open_load()
            begun = False
            try:
                reading = _Reading(session, self._prepared, env, is_plain=True)
                begun = reading.may_load() and env.transaction.begin_load(reading.layout)
                if not begun:
                    return None
                env.claimed.add(reading.relation.oid)
                return reading
            except RowChangedError:
                continue
            finally:
                if not begun:
                    session.close_statement(env.transaction, kept=False)
        return None

    def _finish(self) -> str:
        if self._reading is None:
            data = self._gathered()
            count = self._session.whole_statement(lambda env: self._add(env, data))
        else:
            count = self._end_load(self._reading)
        self.abort()
        return f"COPY {count}"

    def _add(self, env: Environment, data: bytes) -> int:
        """All of it in one statement."""
        reading = _Reading(self._session, self._prepared, env, is_plain=self._is_plain)
        try:
            reading.feed(data, is_last=True)
        except RowChangedError:
            # If a row was in the way: begun again, and in the ordinary way, which tells which one.
            self._is_plain = False
            raise
        return reading.count

    def _end_load(self, reading: _Reading) -> int:
        with self._session.failing():
            reading.feed(self._gathered(), is_last=True)
            env = reading.env
            twice = env.transaction.finish_load()
            if twice is not None:
                index, values = twice
                raise Executor(env.catalog.labels).modifier.duplicate(reading.relation, index, values, env)
            settle(env)
            self._reading = None
            self._session.close_statement(env.transaction, kept=True)
            return reading.count


class _Reading:
    """Bytes to rows of the table, in one open statement."""

    def __init__(self, session: SqlSession, prepared: SqlPrepared, env: Environment, *, is_plain: bool) -> None:
        self.env = env
        self.count = 0
        self._session = session
        self._prepared = prepared
        self._options: CopyOptions = prepared.extra["options"]
        self.relation, self._columns = self._targets()
        self.layout = env.session.layout(self.relation, env)
        is_plain = is_plain and session.lane.has_common_settings() and not self._options.match_header
        self._filter = self._condition(prepared.extra["where"]) if prepared.extra["where"] else None
        self._form = self._native_form() if is_plain and self._filter is None else None
        self._wants_head = self._options.header or self._options.format == "binary"
        self._rest = b""
        self._rows: Rows | None = None
        if self._form is None:
            self._read_on(b"", 1)
        else:
            env.transaction.claim(self.layout)
            env.claimed.add(self.relation.oid)

    def may_load(self) -> bool:
        """Whether rows can be loaded in bulk: nothing about them is looked at later, or in the table itself."""
        foreign = [each for each in self.relation.table.constraints if each.kind == records.FOREIGN]
        return not any(each.parent == self.relation.oid or each.deferrable for each in foreign)

    def feed(self, data: bytes, *, is_last: bool = False) -> None:
        """Adds the rows of a piece.

        Raises:
            RowChangedError: a row that was read natively is in the way of another.
        """
        if self._form is not None:
            data = self._native(self._rest + data, is_last=is_last)
        if self._rows is not None:
            rows = [*self._rows.feed(data), *(self._rows.finish() if is_last else ())]
            self._store(rows)
        settle(self.env)

    def _native(self, data: bytes, *, is_last: bool) -> bytes:
        """Adds what can be read natively; what is left for the ordinary way."""
        if self._wants_head:
            data = self._behind_head(data)
        taken, left, violated = 0, self._form is None, None
        if self._form is not None and not self._wants_head:
            lanes, statements = self._session.backend.lanes, self.env.transaction.statements
            count, taken, left, violated = lanes.load(statements, self._form, data, self.env.transaction_time)
            self.count += count
        if violated is not None:
            raise RowChangedError("a row of a COPY cannot be added")
        rest = data[taken:]
        if not left and not (is_last and rest):
            self._rest = rest
            return b""
        self._rest = b""
        if self._rows is None:
            self._read_on(HEADER if self._options.format == "binary" and not self._wants_head else b"", self.count + 1)
        return rest

    def _behind_head(self, data: bytes) -> bytes:
        """What follows the header, once it is there; one that is not plain is left to the ordinary way."""
        if self._options.format == "binary":
            end, is_plain = len(HEADER), data[: len(HEADER)] == HEADER[: len(data)]
        else:
            end = data.find(b"\n") + 1 or len(data) + 1
            is_plain = not any(each in data[:end] for each in (b"\r", b"\\", self._options.quote.encode()))
        if not is_plain:
            self._form = None
        elif end <= len(data):
            self._wants_head = False
            return data[end:]
        return data

    def _read_on(self, head: bytes, line: int) -> None:
        """From here on rows are read in the ordinary way."""
        self._form = None
        self._rows = Rows(self._session, self._prepared.columns or (), self._options)
        if head:
            self._rows.feed(head)
        if not self._wants_head and line > 1:
            self._rows.resume(line)

    def _targets(self) -> tuple[Relation, list[RelationColumn]]:
        """The table and the columns, which the role may fill."""
        extra, env = self._prepared.extra, self.env
        number = env.session.describe.find_relation(extra["table"]) or 0
        if env.catalog.objects.get(number) is None:
            raise SqlError("42809", f'cannot copy to "{extra["table"]}"')
        relation = env.catalog.relation(number)
        columns = _columns(relation, extra["names"])
        self._session.rights.check(env.catalog, [Need(relation.oid, INSERT, column.number) for column in columns])
        return relation, columns

    def _condition(self, text: str) -> Run:
        """What WHERE asks of a row before it is added.

        Raises:
            SqlError: whatever is wrong with it; 0A000 for subqueries and system columns.
        """
        node = parse(f"SELECT {text}").expressions[0]
        relation, binder = self.relation, self._session.binder(self.env.catalog)
        if node.find(exp.Query) is not None:
            raise SqlError("0A000", "cannot use subquery in COPY FROM WHERE condition")
        source = binder.writes.source(relation, relation.name)
        scope = Scope(Level(), [source], clause="COPY FROM WHERE conditions", width=relation.width)
        bound = binder.expressions.truth(node, scope, "WHERE")
        return Compiler(self.env.catalog.labels, lambda _plan: lambda _env: ()).compile(bound)

    def _native_form(self) -> CopyForm | None:
        """How records are read natively; None: they are not."""
        env, relation = self.env, self.relation
        given = {column.slot for column in self._columns}
        by_slot = {column.slot: column for column in relation.columns}
        defaults = self._session.binder(env.catalog).writes
        others = [(slot, defaults.default(by_slot.get(slot))) for slot in range(relation.width) if slot not in given]
        compiler = LaneCompiler(self._session.backend.lanes, env.catalog, ())
        return compiler.copy_form(env.writes(relation), self.layout, self._columns, others, self._options)

    def _store(self, rows: Sequence[Sequence[Any]]) -> None:
        """Adds rows of values."""
        env, relation = self.env, self.relation
        executor = Executor(env.catalog.labels)
        binder = self._session.binder(env.catalog)
        compiler = Compiler(env.catalog.labels, lambda _plan: lambda _env: ())
        by_slot = {column.slot: column for column in relation.columns}
        given = {column.slot: place for place, column in enumerate(self._columns)}
        defaults = {
            slot: compiler.compile(binder.writes.default(by_slot.get(slot)))
            for slot in range(relation.width)
            if slot not in given
        }
        modifier = executor.modifier
        written = modifier.written(env.writes(relation))
        sized = [(column.slot, column.kind) for column in self._columns]
        made = []
        for row in rows:
            slots = [row[given[slot]] if slot in given else defaults[slot](row, env) for slot in range(relation.width)]
            for slot, kind in sized:
                if kind.modifier >= 0 or kind.oid in env.catalog.domains:
                    slots[slot] = env.session.assigned(kind, slots[slot], env)
            if self._filter is None or self._filter(tuple(slots), env) is True:
                made.append(written.complete(tuple(slots), env))
        self.count += len(made)
        modifier.insert_rows(written, made, env)


def _columns(relation: Relation, names: Sequence[str]) -> list[RelationColumn]:
    if not names:
        return list(relation.columns)
    found = []
    for name in names:
        column = relation.column(name)
        if column is None:
            raise SqlError("42703", f'column "{name}" of relation "{relation.name}" does not exist')
        found.append(column)
    return found
