"""One query on one frame: bound, planned and run by the same rules where it is proved and where it is checked.

Theory: what an answer may depend on is named here: the query, the catalog, the rows of ranges of tables' keys, and the frame's
time for `now()`. Whatever else a query could ask (the session, sequences, randomness, other frames) is refused before it runs.
Invariant: equal texts, catalogs, rows and settings give equal rows, on the server and at the client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, NoReturn

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.bind.binder import Binder, BoundQuery
from hyperdb.frontends.sql.catalog import keyspace
from hyperdb.frontends.sql.catalog.relations import Catalog, Relation
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.execute.memory import Pool
from hyperdb.frontends.sql.execute.rows import Executor
from hyperdb.frontends.sql.functions.sampling import SAMPLED
from hyperdb.frontends.sql.parse.dialect import parse
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.plan.expressions import Call, Expr
from hyperdb.frontends.sql.plan.optimize import Optimizer
from hyperdb.frontends.sql.plan.walk import only_reads, plans

_QUERIES = (exp.Query, exp.Values, exp.Table)
_MOST_HELD = 1 << 30
"""Bytes of rows that a query may hold."""


@dataclass(frozen=True)
class Prepared:
    """A query on one frame, made ready."""

    bound: BoundQuery
    plan: p.Plan
    parameters: tuple[int, ...]
    frame: int


def prepare(text: str, given: Sequence[int], catalog: Catalog, path: Sequence[str], frame: int) -> Prepared:
    """Binds and plans a query on a frame.

    Raises:
        SqlError: for whatever is wrong with it, 0A000 if its inputs are more than rows of tables.
    """

    def past(number: int) -> Catalog:
        if number != frame:
            raise SqlError("0A000", f"a proof is of one frame: {frame}, and not of frame {number} too")
        return catalog

    node = parse(text)
    if not isinstance(node, _QUERIES):
        raise SqlError("0A000", "proofs are of queries")
    binder = Binder(catalog, path, list(given), past=past, frame=frame)
    bound = binder.statement(node)
    plan = Optimizer(by_key=True).plan(bound.plan)
    if bound.beside or not only_reads(plan):
        raise SqlError("0A000", "a query that changes or locks rows is not proved")
    for each in _everything(plan):
        if isinstance(each, p.Virtual):
            raise SqlError("0A000", f"{each.relation.schema}.{each.relation.name} is not proved: proofs are of tables")
        if isinstance(each, Call) and (each.function.volatile or each.function is SAMPLED):
            raise SqlError("0A000", f"a query with {each.function.name}() is not proved: each run gives something else")
    return Prepared(bound, plan, tuple(binder.coercer.parameters), frame)


def reads_rows(plan: p.Plan) -> bool:
    """Whether there is anything to prove: rows of tables, or Redis's data."""
    return any(
        isinstance(each, p.Scan) or (isinstance(each, p.Virtual) and each.relation.schema == keyspace.SCHEMA)
        for each in plans(plan)
    )


def _everything(value: Any) -> Iterator[Any]:
    """All plans and expressions below one."""
    if isinstance(value, p.Plan | Expr):
        yield value
        for each in fields(value):
            yield from _everything(getattr(value, each.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _everything(item)


class Session:
    """What the executor may ask of a session here: how rows lie, and the one frame."""

    def __init__(self, past: tuple[Any, Catalog], layout: Callable[[Relation], Any]) -> None:
        self._past = past
        self._layout = layout

    def past(self, _number: int) -> tuple[Any, Catalog]:
        """The frame."""
        return self._past

    def layout(self, relation: Relation, _env: Environment) -> Any:
        """How rows of a relation lie."""
        return self._layout(relation)

    def __getattr__(self, name: str) -> NoReturn:
        raise SqlError("0A000", f"a query that asks its session ({name}) is not proved")


def run(prepared: Prepared, session: Session, values: Sequence[Any], moment: Moment) -> list[Row]:
    """The rows."""
    transaction, catalog = session.past(prepared.frame)

    def writes(_relation: Relation) -> NoReturn:
        raise SqlError("0A000", "a query that changes rows is not proved")

    env = Environment(
        session,
        catalog,
        transaction,
        values,
        moment.style,
        moment.time,
        moment.time,
        lambda: moment.time,
        writes,
        moment.cancelled,
        Pool(_MOST_HELD),
    )
    return list(Executor(catalog.labels).compile(prepared.plan)(env))


@dataclass(frozen=True)
class Moment:
    """When, and how texts of values are written. `time` is the frame's, in microseconds since 1970."""

    time: int
    style: types.Style
    cancelled: Callable[[], bool] = lambda: False
