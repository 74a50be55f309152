"""Cursors of DECLARE: a query's rows, and a place among them.

Theory: PostgreSQL's documentation, DECLARE, FETCH, MOVE, and pquery.c (DoPortalRunFetch). A cursor that only goes forward
computes its rows as they are fetched, in a read-only transaction of its own, where the session's has changed nothing and sees
each statement's newest state anyway; it is run again from its snapshot at the first step back. Every other cursor's rows are
computed when it is declared, and those of WITH HOLD at the commit at the latest. Invariant: place 0 is before the first row,
one more than there are rows behind the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import REGCLASS
from hyperdb.frontends.sql.contract import Column, Outcome, Portals, Prepared
from hyperdb.frontends.sql.execute.environment import Row
from hyperdb.frontends.sql.plan.walk import goes_back, only_reads
from hyperdb.frontends.sql.statement import Query, SqlPrepared
from hyperdb.frontends.sql.streams import started
from hyperdb.graph.store import TransactionOptions

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

EVERY = 1 << 62


@dataclass(frozen=True, slots=True)
class Declared:
    """What DECLARE says. `scroll` None: as the plan allows."""

    name: str
    text: str
    scroll: bool | None = None
    binary: bool = False
    hold: bool = False


class Cursor:
    """One cursor."""

    def __init__(self, declared: Declared, columns: Sequence[Column], scrolls: bool, created: int, depth: int) -> None:
        self.declared = declared
        self.columns = columns
        self.scrolls = scrolls
        self.created = created
        self.depth = depth
        """How many savepoints stood when it was declared."""
        self.relation: int | None = None
        """The table whose rows it stands on, if there is just one."""
        self.key: tuple[int, ...] = ()
        """Places of that table's key in the rows."""
        self._again: Callable[[], Iterator[Row]] = lambda: iter(())
        self._finish: Callable[[], None] | None = None
        self._rows: Iterator[Row] = iter(())
        self._known: list[Row] | None = None
        self._current: Row | None = None
        self._at = 0
        self._over = False

    def stand_on(self, rows: list[Row]) -> None:
        """All rows are known."""
        self._known = rows

    def run_on(self, again: Callable[[], Iterator[Row]], finish: Callable[[], None] | None, at: int = 0) -> None:
        """Rows are computed as they are fetched; `again` begins anew. `at` of them were fetched before."""
        self._again, self._finish, self._rows, self._at = again, finish, again(), at

    def settle(self) -> None:
        """Everything that is left is computed, so that nothing open is needed any more."""
        if self._known is None:
            if self.scrolls:
                self._known = list(self._again())
            else:
                # What was passed cannot be asked for any more.
                passed: list[Row] = [()] * (self._at - self._over)
                if passed and self._current is not None:
                    passed[-1] = self._current
                self._known = passed + list(self._rows)
        self.close()

    def close(self) -> None:
        """Frees what is open."""
        finish, self._finish = self._finish, None
        if finish is not None:
            finish()

    @property
    def row(self) -> Row | None:
        """The row on which it stands."""
        return self._current

    def shown(self, rows: Sequence[Row]) -> list[Row]:
        """Rows without what was added for WHERE CURRENT OF."""
        width = len(self.columns)
        return [row[:width] for row in rows] if self.key else list(rows)

    # Movement.

    def forward(self, count: int) -> list[Row]:
        """The next rows; of 0 the one on which it stands."""
        if count < 0:
            return self.backward(-count)
        if count == 0:
            return self._here()
        if self._known is not None:
            return self._to(self._at + 1, self._at + count, 1)
        if self._over:
            return []
        found = list(islice(self._rows, count))
        self._over = len(found) < count
        self._at += len(found) + self._over
        self._current = None if self._over else found[-1]
        return found

    def backward(self, count: int) -> list[Row]:
        """The rows before."""
        if count <= 0:
            return self.forward(-count)
        self._must_scroll()
        return self._to(self._at - 1, max(self._at - count, 0), -1)

    def absolute(self, place: int) -> list[Row]:
        """The row of that place, from the end if negative."""
        if place > self._at:
            if place > self._at + 1:
                self.forward(place - self._at - 1)
            return self.forward(1)
        if place or self._at:
            self._must_scroll()
        known = self._all()
        wanted = place if place >= 0 else max(len(known) + 1 + place, 0)
        self._at = min(wanted, len(known) + 1)
        self._current = known[self._at - 1] if 1 <= self._at <= len(known) else None
        return [] if self._current is None else [self._current]

    def relative(self, count: int) -> list[Row]:
        """The row so many places on."""
        if count == 0:
            return self._here()
        if abs(count) > 1:
            self.forward(count - 1) if count > 0 else self.backward(-count - 1)
        return self.forward(1) if count > 0 else self.backward(1)

    def _here(self) -> list[Row]:
        if self._current is None:
            return []
        self._must_scroll()
        return [self._current]

    def _must_scroll(self) -> None:
        if not self.scrolls:
            raise SqlError("55000", "cursor can only scan forward", hint="Declare it with SCROLL option to enable backward scan.")

    def _all(self) -> list[Row]:
        if self._known is None:
            self._known = list(self._again())
            self.close()
        return self._known

    def _to(self, first: int, last: int, step: int) -> list[Row]:
        """Rows from place to place; it then stands on the last one, or outside where that is outside."""
        known = self._all()
        places = (
            range(max(first, 1), min(last, len(known)) + 1) if step > 0 else range(min(first, len(known)), max(last, 1) - 1, -1)
        )
        found = [known[place - 1] for place in places]
        self._at = min(max(last, 0), len(known) + 1)
        self._current = known[self._at - 1] if 1 <= self._at <= len(known) else None
        return found


class Cursors:
    """The cursors of one session."""

    def __init__(self, session: SqlSession, portals: Portals | None) -> None:
        self._session = session
        self._by_name: dict[str, Cursor] = {}
        self._portals = portals
        if portals is not None:
            portals.depth = lambda: len(session.savepoints)

    def __iter__(self) -> Iterator[Cursor]:
        return iter(self._by_name.values())

    def find(self, name: str) -> Cursor:
        """A cursor by its name: one that was declared, or a portal of the client's, which only goes forward.

        Raises:
            SqlError: 34000 where there is none.
        """
        found = self._by_name.get(name) or self._bound(name)
        if found is None:
            raise SqlError("34000", f'cursor "{name}" does not exist')
        return found

    def _bound(self, name: str) -> Cursor | None:
        portal = None if self._portals is None else self._portals.bound(name)
        if portal is None:
            return None
        session = self._session
        cursor = Cursor(Declared(name, "", scroll=False), portal.columns, False, session.backend.now(), len(session.savepoints))
        cursor.run_on(lambda: map(tuple, portal.rows(self._begin)), None, portal.passed)
        return cursor

    def _begin(self, prepared: Prepared, values: Sequence[object]) -> Outcome:
        assert isinstance(prepared, SqlPrepared)
        return self._session.run(prepared, values)

    def columns(self, name: str) -> Sequence[Column] | None:
        """What a cursor's rows are; None: there is no such cursor."""
        found = self._by_name.get(name) or self._bound(name)
        return None if found is None else found.columns

    def declare(self, declared: Declared, prepared: SqlPrepared, values: Sequence[Any]) -> None:
        """A new cursor.

        Raises:
            SqlError: 42P03 for a name in use, 0A000 for what cannot be scrolled or held.
        """
        session, body = self._session, prepared.body
        assert isinstance(body, Query)
        if declared.name in self._by_name or (self._portals is not None and self._portals.bound(declared.name)):
            raise SqlError("42P03", f'cursor "{declared.name}" already exists')
        if body.beside:
            raise SqlError("0A000", "DECLARE CURSOR must not contain data-modifying statements in WITH")
        locks = not only_reads(body.bound.plan)
        if locks and (declared.scroll or declared.hold):
            what, detail = ("WITH HOLD", "Holdable") if declared.hold else ("SCROLL", "Scrollable")
            message = f"DECLARE {what} CURSOR ... FOR UPDATE is not supported"
            raise SqlError("0A000", message, detail=f"{detail} cursors must be READ ONLY.")
        scrolls = declared.scroll if declared.scroll is not None else not locks and goes_back(body.bound.plan)
        columns = prepared.columns or ()
        cursor = Cursor(declared, columns, scrolls, session.backend.now(), len(session.savepoints))
        cursor.relation, cursor.key = prepared.extra.get("key", (None, ()))
        if locks or not session.reads_newest:
            rows = session.run(prepared, values).everything()
            cursor.stand_on(rows)
        else:
            self._run_apart(cursor, prepared, values)
        self._by_name[declared.name] = cursor

    def _run_apart(self, cursor: Cursor, prepared: SqlPrepared, values: Sequence[Any]) -> None:
        """In a transaction of its own, whose snapshot is what a statement would see now."""
        session = self._session
        session.begin_statement()
        transaction = session.backend.tables.begin(TransactionOptions("repeatable read", True))
        try:
            version = transaction.open()
            current = session.current(prepared, session.environment(transaction, version, values))

            def again() -> Iterator[Row]:
                return iter(started(current, session.environment(transaction, version, values)))

            cursor.run_on(again, transaction.rollback)
        except BaseException:
            transaction.rollback()
            raise

    def key_part(self, name: str, relation: int, part: int) -> Any:
        """For WHERE CURRENT OF: one value of the key of the row on which a cursor stands.

        Raises:
            SqlError: 34000, and 24000 where it stands on no row of that table.
        """
        cursor = self.find(name)
        if cursor.relation != relation:
            table = self._session.facade.relation_name(REGCLASS, relation)
            raise SqlError("24000", f'cursor "{name}" is not a simply updatable scan of table "{table}"')
        if cursor.row is None:
            raise SqlError("24000", f'cursor "{name}" is not positioned on a row')
        return cursor.row[cursor.key[part]]

    def close(self, name: str) -> None:
        """CLOSE.

        Raises:
            SqlError: 34000 where there is none.
        """
        self.find(name).close()
        if name in self._by_name:
            del self._by_name[name]
        elif self._portals is not None:
            self._portals.close_portal(name)

    def close_if_there(self, name: str) -> None:
        """Close of a portal of that name."""
        if name in self._by_name:
            self.close(name)

    def close_all(self) -> None:
        """CLOSE ALL."""
        for name in list(self._by_name):
            self.close(name)
        if self._portals is not None:
            self._portals.close_portals()

    def settle(self) -> None:
        """What is left of every cursor is computed: the session is about to change definitions or to hold tables for itself."""
        for cursor in self._by_name.values():
            cursor.settle()

    def hold(self) -> None:
        """The transaction is about to commit: cursors WITH HOLD no longer need it."""
        for cursor in self._by_name.values():
            if cursor.declared.hold:
                cursor.settle()

    def end(self, *, committed: bool) -> None:
        """The transaction has ended."""
        for name, cursor in list(self._by_name.items()):
            if cursor.declared.hold and (committed or cursor.depth < 0):
                cursor.depth = -1
            else:
                self.close(name)

    def roll_back(self, place: int) -> None:
        """ROLLBACK TO the savepoint of that place: cursors declared after it are gone."""
        for name, cursor in list(self._by_name.items()):
            if cursor.depth > place:
                self.close(name)
        if self._portals is not None:
            self._portals.roll_back(place)

    def release(self, place: int) -> None:
        """RELEASE of the savepoint of that place: cursors declared after it belong to what is around."""
        for cursor in self._by_name.values():
            cursor.depth = min(cursor.depth, place)
        if self._portals is not None:
            self._portals.release(place)
