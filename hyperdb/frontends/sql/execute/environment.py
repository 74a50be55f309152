"""What an execution carries with it: parameters, time, settings, the transaction, shared results.

Invariant: an environment belongs to one execution (or, by `inner`, to one run of a correlated subquery) and is thrown away
with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.execute.memory import Holding, Pool
from hyperdb.frontends.sql.types import Style

if TYPE_CHECKING:
    from hyperdb.frontends.sql.catalog.relations import Catalog, Relation
    from hyperdb.frontends.sql.plan.nodes import Writes
    from hyperdb.graph.catalog.tables import TableTransaction

Row = tuple[Any, ...]


@dataclass(slots=True)
class Environment:
    """See the module's head. Times are microseconds since 1970."""

    session: Any
    catalog: Catalog
    transaction: TableTransaction
    parameters: Sequence[Any]
    style: Style
    transaction_time: int
    statement_time: int
    clock: Callable[[], int]
    writes: Callable[[Relation], Writes]
    """How rows of another relation are written: what foreign keys cascade to."""
    cancelled: Callable[[], bool]
    pool: Pool
    outer: Sequence[Any] = ()
    shared: dict[int, Iterable[Row]] = field(default_factory=dict)
    around: Environment | None = None
    claimed: set[Any] = field(default_factory=set)
    """Numbers of the tables that it has locked, and marks of the rows that ON CONFLICT has written."""
    deferred: list[Callable[[], None]] = field(default_factory=list)
    """What is checked at the end of the statement."""
    touched: set[Any] | None = None
    """Tables and keys of the rows that were changed so far, where several parts of a statement do: each is changed once."""
    looks_back: bool = True
    """Whether scans see the rows as they were when the statement began; a definition builds on what it has written."""

    def inner(self, outer: Sequence[Any]) -> Environment:
        """For a subquery with these captured values."""
        return Environment(
            self.session,
            self.catalog,
            self.transaction,
            self.parameters,
            self.style,
            self.transaction_time,
            self.statement_time,
            self.clock,
            self.writes,
            self.cancelled,
            self.pool,
            outer,
            {},
            self,
            self.claimed,
            self.deferred,
            self.touched,
            self.looks_back,
        )

    def at_frame(self, number: int) -> Environment:
        """The same, but that it reads a sealed frame."""
        transaction, catalog = self.session.past(number)
        return replace(self, transaction=transaction, catalog=catalog)

    def find_shared(self, name: int) -> Iterable[Row] | None:
        """What a shared plan gave, here or around."""
        env: Environment | None = self
        while env is not None:
            found = env.shared.get(name)
            if found is not None:
                return found
            env = env.around
        return None

    def hold(self) -> Holding:
        """What somebody begins to keep."""
        return Holding(self.pool)

    def check_cancelled(self) -> None:
        """Raises 57014 once the statement was cancelled."""
        if self.cancelled():
            raise SqlError("57014", "canceling statement due to user request")


def settle(env: Environment) -> None:
    """What is looked at when a statement has done everything else."""
    while env.deferred:
        checks, env.deferred[:] = list(env.deferred), []
        for check in checks:
            check()
