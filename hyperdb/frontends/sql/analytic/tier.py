"""Which tier runs a query, and the run in the engine.

Theory: starting the engine costs about a millisecond, a row in Python about one microsecond and a column's value in the engine
some nanoseconds: so queries over few rows stay on rows. Counts are kept with the tables. A result is read into memory before its
first row is handed over while it is small, so that a failure, whatever it is, can be answered by running rows instead, and the
error that a client sees is theirs. Invariant: see the package.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from hyperdb.errors import NotColumnarError, SqlError
from hyperdb.frontends.sql.analytic.expected import counts
from hyperdb.frontends.sql.analytic.forms import of_kind
from hyperdb.frontends.sql.analytic.known import Analytic
from hyperdb.frontends.sql.analytic.pages import ColumnPages
from hyperdb.frontends.sql.analytic.relational import Scanned, Written
from hyperdb.frontends.sql.analytic.results import reader
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.columnar import Engine, Query, Relation
from hyperdb.frontends.sql.columnar.values import python_rows
from hyperdb.frontends.sql.execute.environment import Environment
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.plan.walk import plans

if TYPE_CHECKING:
    import pyarrow as pa

    from hyperdb.frontends.sql.catalog import relations

AUTO, ROWS, COLUMNS = "auto", "rows", "columns"
FEW_ROWS = 4096
"""Rows of all tables of a query, below which it stays on rows."""
_HELD_ROWS = 1 << 16
"""Of a result, before its first row is handed over."""
_FINAL = frozenset({"53200", "57014"})
"""What rows would not help against."""
_KEYS = frozenset({kinds.INT2, kinds.INT4, kinds.INT8, kinds.DATE})
_NEVER = (p.Virtual, p.KeptCount, p.FunctionScan, p.Recursive, p.Working, p.Lock, *p.MODIFYING)

Watch = Callable[[Query | None], None]


def analytic(plan: p.Plan) -> Analytic | None:
    """A plan that may read many rows, and nothing that the engine cannot, as what is asked about again when it runs."""
    found = list(plans(plan))
    if any(isinstance(each, _NEVER) or getattr(each, "frame", None) is not None for each in found):
        return None
    is_worth_it = any(isinstance(each, p.Scan) and counts(each) for each in found)
    return Analytic(plan, _is_only_read(plan)) if is_worth_it else None


def _is_only_read(plan: p.Plan) -> bool:
    """Whether rows go out as they come: computing them in columns gains nothing."""
    while isinstance(plan, p.Project | p.Limit) and not getattr(plan, "sets", ()):
        plan = plan.child
    return isinstance(plan, p.Scan)


@dataclass(frozen=True, slots=True)
class Report:
    """What EXPLAIN says of a query in the engine."""

    text: str
    tables: tuple[str, ...]
    reason: str = ""


@dataclass(slots=True)
class Parts:
    """Of a run in the engine: rows of the result, tables that were copies, and seconds of each part."""

    rows: int = 0
    copies: int = 0
    written: float = 0
    bound: float = 0
    run: float = 0
    read: float = 0


class Analytics:
    """Runs queries in an engine that `make` gives, once it is needed."""

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self.runs = 0
        """Queries whose rows came from the engine."""

    def rows(self, known: Analytic, env: Environment, mode: str, watch: Watch) -> ColumnPages | None:
        """The rows of a plan; None: it is for the row operators. `watch` is told of the query that is to be cancelled.

        Raises:
            SqlError: 53200, 57014.
        """
        if not self._is_wanted(known, env, mode):
            return None
        try:
            return self._run(known.written(env), env, watch)
        except NotColumnarError:
            return None

    def report(self, known: Analytic, env: Environment, mode: str) -> Report | None:
        """What would run, for EXPLAIN."""
        if not self._is_wanted(known, env, mode):
            return None
        try:
            found = known.written(env)
        except NotColumnarError as error:
            return Report("", (), str(error))
        return Report(found.text, tuple(_described(table) for table in found.tables))

    def measured(self, known: Analytic, env: Environment, watch: Watch) -> Parts:
        """Runs a query to its end, for EXPLAIN ANALYZE.

        Raises:
            NotColumnarError: it is for the row operators.
            SqlError: 53200, 57014.
        """
        parts = Parts()
        begin = perf_counter()
        written = known.written(env)
        parts.written = perf_counter() - begin
        query = self._started().query(written.text, [_relation(table, env) for table in written.tables])
        watch(query)
        parts.copies = query.copied
        read = reader(written)
        try:
            at = perf_counter()
            parts.bound = at - begin - parts.written
            for page in query.rows():
                parts.run += (there := perf_counter()) - at
                parts.rows += len(list(read(page)))
                parts.read += (at := perf_counter()) - there
            parts.run += perf_counter() - at
        except SqlError as error:
            if error.sqlstate in _FINAL:
                raise
            raise NotColumnarError(error.message) from error
        finally:
            watch(None)
            query.close()
        return parts

    def _is_wanted(self, known: Analytic, env: Environment, mode: str) -> bool:
        return mode == COLUMNS or (mode == AUTO and not known.only_read and known.reads(env, FEW_ROWS))

    def _run(self, written: Written, env: Environment, watch: Watch) -> ColumnPages:
        query = self._started().query(written.text, [_relation(table, env) for table in written.tables])
        watch(query)

        def close() -> None:
            watch(None)
            query.close()

        batches = query.batches()
        held: list[pa.RecordBatch] = []
        rows, is_over = 0, False
        try:
            while rows <= _HELD_ROWS:
                batch = next(batches, None)
                if batch is None:
                    is_over = True
                    break
                if not held:
                    # Types that have no values of ours are told at once.
                    list(python_rows(batch.slice(0, 0)))
                held.append(batch)
                rows += batch.num_rows
        except SqlError as error:
            if error.sqlstate in _FINAL:
                raise
            raise NotColumnarError(error.message) from error
        finally:
            if rows <= _HELD_ROWS:
                close()
        self._count()
        return ColumnPages(written, held) if is_over else ColumnPages(written, held, batches, close)

    def _count(self) -> None:
        with self._lock:
            self.runs += 1

    def close(self) -> None:
        """Ends the engine; a later query starts another one."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _started(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._make()
            return self._engine


def _relation(table: Scanned, env: Environment) -> Relation:
    relation = table.relation
    if relation.table.partition:
        raise NotColumnarError("rows that lie by token are not read as columns")
    id_of = {slot: number for number, slot in relation.slot_of.items()}
    columns = tuple((id_of[slot], name) for slot, name in table.columns)
    layout = env.session.layout(relation, env)
    rows = env.transaction.estimate(layout)
    base = env.catalog.base
    every = frozenset(id_of[each.slot] for each in relation.columns if of_kind(base(each.kind), "") is not None)
    key = _key(relation, table)
    return Relation(table.name, env.transaction, layout, columns, key=key, identity=relation.oid, rows=rows, every=every)


def _key(relation: relations.Relation, table: Scanned) -> str | None:
    """The first column of the key, where its order is that of its values."""
    first = relation.table.key[0] if relation.table.key else None
    if first is None or first.descending or not first.column:
        return None
    slot = relation.slot_of.get(first.column)
    column = next((each for each in relation.columns if each.slot == slot), None)
    return f"k{slot}" if column is not None and column.kind.oid in _KEYS and (slot, f"k{slot}") in table.columns else None


def _described(table: Scanned) -> str:
    names = {column.slot: column.name for column in table.relation.columns}
    return f"{table.relation.schema}.{table.relation.name} ({', '.join(names[slot] for slot, _ in table.columns)})"
