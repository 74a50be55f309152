"""Prepared statements and portals, as the wire knows them, and what one client may hold of them.

Theory: a statement is what `Session.prepare` gave, with its RowDescription made once for each set of result formats. The names
are the session's too (PREPARE and DEALLOCATE work on the same ones), so each use asks whether a name still means the same. A
portal is a statement with its values and, once it runs, its outcome. Invariant: whatever leaves here has been closed exactly
once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.contract import Action, Column, Formats, Outcome, Prepared, Session, Status
from hyperdb.frontends.sql.conversation.terms import Bounds
from hyperdb.frontends.sql.protocol import encode
from hyperdb.frontends.sql.types import BUILT_IN, Type

UNNAMED = ""


def find_type(session: Session, oid: int) -> Type:
    """A type that everybody knows, or one of the catalog's."""
    return BUILT_IN.get(oid) or session.type(oid)


def each(formats: Formats, number: int) -> Sequence[int]:
    """One format code for each of `number` values.

    Raises:
        SqlError: 08P01, when there are neither none, one, nor as many.
    """
    if len(formats) == number:
        return formats
    if len(formats) > 1:
        raise SqlError("08P01", f"bind message has {len(formats)} result formats but query has {number} columns")
    return (formats[0] if formats else 0,) * number


def described(session: Session, columns: Sequence[Column] | None, formats: Formats) -> bytes:
    """RowDescription, or NoData where no rows come back."""
    if columns is None:
        return encode.NO_DATA
    codes = each(formats, len(columns))
    return encode.row_description(
        [
            encode.Column(c.name, c.type, find_type(session, c.type).length, c.modifier, c.table, c.number, code)
            for c, code in zip(columns, codes, strict=True)
        ],
        session.style.charset,
    )


class Statement:
    """A prepared statement."""

    __slots__ = ("_descriptions", "name", "prepared")

    def __init__(self, name: str, prepared: Prepared) -> None:
        self.name = name
        self.prepared = prepared
        self._descriptions: dict[tuple[int, ...], bytes] = {}

    def description(self, session: Session, formats: tuple[int, ...]) -> bytes:
        """RowDescription or NoData under these result formats, in the client's character set."""
        key = (session.style.charset.number, *formats)
        found = self._descriptions.get(key)
        if found is None:
            found = described(session, self.prepared.columns, formats)
            # A client could ask for two to the power of the columns many; those that clients ask for are few.
            if len(self._descriptions) < 8:
                self._descriptions[key] = found
        return found


@dataclass(frozen=True, slots=True)
class Whole:
    """Bind, perhaps Describe, Execute and Sync of one statement without a row limit, which came in one piece."""

    statement: Statement
    values: Sequence[bytes | None]
    formats: tuple[int, ...]
    results: tuple[int, ...]
    is_described: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A query or pipeline that the lane had taken has failed."""

    error: Exception


class Portal:
    """A bound statement. `outcome` is there from the first Execute on; `over` says that there is nothing more to come."""

    __slots__ = ("depth", "failed", "formats", "kept", "outcome", "over", "passed", "started", "statement", "values")

    def __init__(self, statement: Statement, values: Sequence[object], formats: tuple[int, ...], kept: int) -> None:
        self.depth = 0
        """How many savepoints stood when it was bound."""
        self.statement = statement
        self.values = values
        self.formats = formats
        self.kept = kept
        self.outcome: Outcome | None = None
        self.passed = 0
        self.started = False
        self.over = False
        self.failed = False

    @property
    def columns(self) -> Sequence[Column]:
        """See `contract.BoundPortal`."""
        return self.statement.prepared.columns or ()

    def rows(self, run: Callable[[Prepared, Sequence[object]], Outcome]) -> Iterator[Sequence[object]]:
        """See `contract.BoundPortal`. One at a time, as what was not asked for is left to the next Execute."""
        if not self.started:
            self.started = True
            self.outcome = run(self.statement.prepared, self.values)
        while self.outcome is not None:
            part, more = self.outcome.rows(1)
            if not more:
                self.over = True
                self.close()
            self.passed += len(part)
            yield from part

    def fail(self) -> None:
        """It cannot go on, though its name is taken until its transaction, or part of one, is taken back."""
        self.failed = True
        self.close()

    def close(self) -> None:
        """Frees what runs. A second call does nothing."""
        outcome, self.outcome = self.outcome, None
        if outcome is not None:
            outcome.close()


class Held:
    """The statements and portals of one client."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._statements: dict[str, Statement] = {}
        self._texts: dict[str, int] = {}
        self._portals: dict[str, Portal] = {}
        self._kept = 0
        self.depth: Callable[[], int] = lambda: 0
        """See `contract.Portals`."""
        self.by_bytes: dict[bytes, Statement] = {}
        """The statements by the bytes of their names, for the short way."""

    # Statements.

    def statement(self, session: Session, name: str) -> Statement:
        """The statement of this name, whoever made it.

        Raises:
            SqlError: 26000, when there is none.
        """
        prepared = session.prepared.get(name)
        found = self._statements.get(name)
        if prepared is None:
            if found is not None:
                self._forget(name)
            shown = "unnamed prepared statement" if name == UNNAMED else f'prepared statement "{name}"'
            raise SqlError("26000", f"{shown} does not exist")
        if found is None or found.prepared is not prepared:
            found = self._remember(name, prepared, 0)
        return found

    def make_room(self, session: Session, name: str, text: str) -> None:
        """Before a statement is prepared: the unnamed one goes, a name must be free, the client's bounds must not be passed.

        Raises:
            SqlError: 42P05 for a name in use, 54000 beyond a bound.
        """
        if name == UNNAMED:
            self.close_statement(session, name)
        elif name in session.prepared:
            raise SqlError("42P05", f'prepared statement "{name}" already exists')
        if len(session.prepared) >= self._bounds.statements:
            raise SqlError("54000", f"too many prepared statements: at most {self._bounds.statements} are kept")
        self._check(len(text))

    def keep_statement(self, session: Session, name: str, prepared: Prepared, text: str) -> None:
        """Remembers what Parse has prepared."""
        session.prepared[name] = prepared
        self._remember(name, prepared, len(text))

    def close_statement(self, session: Session, name: str) -> None:
        """Forgets a statement; none of this name is no error."""
        session.prepared.pop(name, None)
        if name in self._statements:
            self._forget(name)

    def _remember(self, name: str, prepared: Prepared, size: int) -> Statement:
        if name in self._statements:
            self._forget(name)
        self._statements[name] = made = Statement(name, prepared)
        self.by_bytes[name.encode()] = made
        self._texts[name] = size
        self._kept += size
        return made

    def _forget(self, name: str) -> None:
        del self._statements[name], self.by_bytes[name.encode()]
        self._kept -= self._texts.pop(name)

    def _check(self, more: int) -> None:
        if self._kept + more > self._bounds.kept_bytes:
            raise SqlError("54000", f"statements and portals of one client may hold {self._bounds.kept_bytes} bytes")

    # Portals.

    def portal(self, name: str) -> Portal | None:
        """The portal of this name, if there is one."""
        return self._portals.get(name)

    def bound(self, name: str) -> Portal | None:
        """See `contract.Portals`."""
        portal = self._portals.get(name)
        if portal is None or portal.failed:
            return None
        prepared = portal.statement.prepared
        return portal if prepared.columns is not None and prepared.action is Action.RUN else None

    def bind(self, name: str, portal: Callable[[], Portal], size: int) -> None:
        """Makes a portal; the unnamed one replaces its forerunner.

        Raises:
            SqlError: 42P03 for a name in use, 54000 beyond a bound.
        """
        if name == UNNAMED:
            self.close_portal(name)
        elif name in self._portals:
            raise SqlError("42P03", f'cursor "{name}" already exists')
        if len(self._portals) >= self._bounds.portals:
            raise SqlError("54000", f"too many portals: at most {self._bounds.portals} are kept")
        self._check(size)
        made = self._portals[name] = portal()
        made.depth = self.depth()
        self._kept += size

    def close_portal(self, name: str) -> None:
        """Forgets a portal; none of this name is no error."""
        portal = self._portals.pop(name, None)
        if portal is not None:
            self._kept -= portal.kept
            portal.close()

    def close_portals(self) -> None:
        """The transaction has ended: its portals are gone."""
        while self._portals:
            self.close_portal(next(iter(self._portals)))

    def fail_portals(self) -> None:
        """The transaction has failed, or what follows its last savepoint: portals that were made in there cannot go on."""
        depth = self.depth()
        for portal in self._portals.values():
            if portal.depth >= depth:
                portal.fail()

    def roll_back(self, place: int) -> None:
        """See `contract.Portals`."""
        for name in [name for name, portal in self._portals.items() if portal.depth > place]:
            self.close_portal(name)

    def release(self, place: int) -> None:
        """See `contract.Portals`."""
        for portal in self._portals.values():
            portal.depth = min(portal.depth, place)

    def settle(self, session: Session) -> None:
        """Where no transaction is open any more, its portals are gone."""
        if self._portals and session.status is Status.IDLE:
            self.close_portals()

    @property
    def has_portals(self) -> bool:
        """Whether a portal is open."""
        return bool(self._portals)
