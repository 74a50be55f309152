"""Results whose rows may go out without becoming values of Python.

Theory: a long result costs what its rows cost to write, and while Python writes them no other client is answered. Where rows come
as they are stored, or in columns, native code makes the messages, and Python only says how far. Invariant: what `write` gives
are the messages of the rows that `take` would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from hyperdb.frontends.sql.contract import Column
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.plan import expressions as e
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.types import oids
from hyperdb.graph.catalog.messages import RowForm

WRITTEN_ROWS = 4096
WRITTEN_BYTES = 1 << 18
"""Of one call of `write`, about."""
_PAGE = 1024


class Pages(Protocol):
    """Rows from one place on. `take` and `write` go on where the last one of them ended."""

    @property
    def is_over(self) -> bool:
        """Nothing follows; while it is false something may."""

    def take(self, limit: int) -> list[Row]:
        """At most `limit` rows; none at the end."""

    def write(self, form: RowForm, columns: Sequence[Column], limit: int, *, in_utc: bool) -> tuple[bytes, int] | None:
        """Messages of at most `limit` rows and how many there are, one at least but at the end; None: they are to be taken."""

    def __iter__(self) -> Iterator[Row]:
        """All that is left."""

    def close(self) -> None:
        """Nothing more is wanted."""


def stored(plan: p.Plan) -> Callable[[Environment], TablePages] | None:
    """What runs a plan that gives columns of a whole table as they are; None: the plan is another one."""
    slots: tuple[int, ...] | None = None
    if isinstance(plan, p.Project) and not plan.sets:
        slots = tuple(each.place for each in plan.columns if isinstance(each, e.Slot))
        if len(slots) != len(plan.columns):
            return None
        plan = plan.child
    if not isinstance(plan, p.Scan) or plan.low is not None or plan.high is not None or plan.frame is not None:
        return None
    scan, places = plan, slots
    return lambda env: TablePages(scan, places, env)


class TablePages:
    """See `Pages`: all rows of a table in an order of its own. `slots`: which columns; None: all."""

    def __init__(self, scan: p.Scan, slots: tuple[int, ...] | None, env: Environment) -> None:
        relation = scan.relation
        self._env = env
        self._layout = env.session.layout(relation, env)
        self._index = None if scan.index is None else [number for number, _ in relation.indexes].index(scan.index)
        self._reverse = scan.reverse
        self._slots = slots
        self._after: bytes | None = None
        self._is_written = True
        self.is_over = False

    def take(self, limit: int) -> list[Row]:
        """See `Pages`."""
        if self.is_over:
            return []
        self._env.check_cancelled()
        layout, index, size = self._layout, self._index, min(limit, _PAGE)
        page, self._after = self._env.transaction.page(layout, index, None, None, self._reverse, False, self._after, size)
        self.is_over = self._after is None
        slots = self._slots
        return page if slots is None else [tuple(row[slot] for slot in slots) for row in page]

    def write(self, form: RowForm, columns: Sequence[Column], limit: int, *, in_utc: bool) -> tuple[bytes, int] | None:
        """See `Pages`."""
        if self.is_over:
            return b"", 0
        if not self._is_written or not (in_utc or all(column.type != oids.TIMESTAMPTZ for column in columns)):
            return None
        self._env.check_cancelled()
        slots = range(len(columns)) if self._slots is None else self._slots
        asked = [(slot, column.type, column.modifier) for slot, column in zip(slots, columns, strict=True)]
        size = min(limit, _PAGE)
        found = self._env.transaction.write_page(
            self._layout, self._index, None, None, self._reverse, self._after, size, asked, form
        )
        if found is None:
            # Some value, or type, is not written natively: others of the table may be alike.
            self._is_written = False
            return None
        data, rows, self._after = found
        self.is_over = self._after is None
        return data, rows

    def __iter__(self) -> Iterator[Row]:
        while not self.is_over:
            yield from self.take(_PAGE)

    def close(self) -> None:
        """See `Pages`."""
        self.is_over = True
