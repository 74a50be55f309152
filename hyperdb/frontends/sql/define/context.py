"""What definitions share: the statement's environment, names, texts of expressions.

Invariant: numbers are taken before anything is written; the catalog is read anew after it was changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.privileges import CREATE
from hyperdb.frontends.sql.bind.binder import Binder
from hyperdb.frontends.sql.bind.names import table_name
from hyperdb.frontends.sql.bind.scope import Level, Named, Scope, Source
from hyperdb.frontends.sql.catalog.kinds import REGCLASS, Kind
from hyperdb.frontends.sql.catalog.relations import BUILT_IN_SCHEMAS, TEMPORARY_PREFIX, Catalog, Relation
from hyperdb.frontends.sql.contract import Notice
from hyperdb.frontends.sql.execute.environment import Environment
from hyperdb.frontends.sql.parse.dialect import written
from hyperdb.frontends.sql.plan.expressions import Const, Expr, parts, slots
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Expression, Use
from hyperdb.roles import ALIASES

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession


_LONGEST_NAME = 63


class Context:
    """One definition's statement."""

    def __init__(self, session: SqlSession, env: Environment, path: Sequence[str], offset: int) -> None:
        self.session = session
        session.has_defined = True
        env.looks_back = False
        self._env = env
        self._is_stale = False
        self.path = tuple(path)
        self.offset = offset
        self.is_cut = False
        """What was done so far is no longer taken back with the statement, only with the transaction."""
        self._binder: Binder | None = None

    @property
    def env(self) -> Environment:
        """Under the catalog as it is now: read when it is asked for, as that takes time for every object there is."""
        if self._is_stale:
            self._env = self.session.environment(self._env.transaction, None)
            self._env.looks_back = False
            self._binder, self._is_stale = None, False
        return self._env

    @property
    def binder(self) -> Binder:
        """Binds what the definition says."""
        env = self.env
        if self._binder is None:
            self._binder = Binder(env.catalog, self.path, [], self.offset, past=self.session.backend.past_catalog)
        return self._binder

    @property
    def catalog(self) -> Catalog:
        """As the statement sees it."""
        return self.env.catalog

    @property
    def transaction(self) -> Any:
        """The open one."""
        return self._env.transaction

    def refresh(self) -> None:
        """What follows sees the catalog as it is after what this statement has changed."""
        self.session.catalog_changed = True
        self._is_stale = True

    def see_loaded(self) -> None:
        """Rows that a change of the key has loaded, which joins at the commit, are seen by what follows: in a statement anew."""
        if self.transaction.has_loaded():
            self.transaction.close(True)
            self.transaction.open()
            self.is_cut = True
        self.refresh()

    def notice(self, message: str, state: str = "00000") -> None:
        """Tells the client."""
        self.session.notice(Notice(message, state))

    def place(self, node: exp.Expr, *, temporary: bool = False) -> tuple[str, int, str]:
        """Schema, its app's number, and the name of an object to be made.

        Raises:
            SqlError: 3F000 for a schema that is not there, 42501 for one that is built in.
        """
        schema, name = table_name(node)
        return (*self.schema(schema, temporary=temporary), name)

    def schema(self, name: str | None, *, temporary: bool = False) -> tuple[str, int]:
        """A schema and its app's number; without a name the first of the path that is there."""
        if temporary or name == "pg_temp":
            return self._temporary(name)
        if name is None:
            usable = (each for each in self.path if not each.startswith(TEMPORARY_PREFIX) and each not in BUILT_IN_SCHEMAS)
            name = next((each for each in usable if each in self.catalog.schemas), None)
            if name is None:
                raise SqlError("3F000", "no schema has been selected to create in")
        if name in BUILT_IN_SCHEMAS:
            raise SqlError("42501", f"permission denied for schema {name}")
        number = self.catalog.schemas.get(name)
        if number is None:
            raise SqlError("3F000", f'schema "{name}" does not exist')
        self.session.rights.need(self.catalog, number, CREATE)
        found = self.catalog.objects[number]
        assert isinstance(found, records.App)
        return name, found.number

    def _temporary(self, name: str | None) -> tuple[str, int]:
        """The session's own schema, made if it is not there."""
        own = self.session.temporaries.ask()
        if name not in (None, "pg_temp", own):
            raise SqlError("42P16", "cannot create temporary relation in non-temporary schema")
        if own not in self.catalog.schemas:
            app = self.transaction.app(own.encode())
            if app is None:
                # Only a transaction that may write makes one.
                raise SqlError("25006", "cannot create temporary objects in a read-only transaction")
            self.write(self.transaction.reserve(), records.App(number=app, name=own))
            self.refresh()
        found = self.catalog.objects[self.catalog.schemas[own]]
        assert isinstance(found, records.App)
        return own, found.number

    def relation(self, node: exp.Expr) -> Relation:
        """A table or view that is there, no built-in one."""
        schema, name = table_name(node)
        found = self.binder.relation(schema, name, self.binder.expressions.at(node))
        if found.rows is not None:
            raise SqlError("42501", f'permission denied: "{name}" is a system catalog')
        return found

    def write(self, number: int, record: records.Object) -> None:
        """Makes an object, which is owned by who makes it."""
        role = self.session.role
        if role not in ALIASES and role and not isinstance(record, records.Index):
            record = replace(record, owner=role)
        self.transaction.create(number, records.encode(record))

    def change(self, number: int, record: records.Object) -> None:
        """Replaces an object's record."""
        self.transaction.alter(number, records.encode(record))

    def expression(self, node: exp.Expr, bound: Expr, columns: dict[int, int] | None = None) -> Expression:
        """An expression as the catalog keeps it. `columns` are ids by slot, of the object that it belongs to."""
        text = written(node)
        used = tuple(sorted({columns[place] for place in slots(bound) if place in columns})) if columns else ()
        return Expression(text=text, path=self.path, uses=self.uses(bound), columns=used)

    def uses(self, bound: Expr) -> tuple[Use, ...]:
        """The objects that an expression names."""
        found = set(self.binder.objects)
        for part in parts(bound):
            if isinstance(part, Const) and part.kind.oid == REGCLASS and part.value in self.catalog.objects:
                found.add(part.value)
        return tuple(Use(object=number) for number in sorted(found))

    def over(self, name: str, columns: Sequence[records.Column], kinds_of: Sequence[Kind], clause: str) -> Scope:
        """The scope of a table that is being made: its columns in order of their ids."""
        named = tuple(Named(column.name, kind, place) for place, (column, kind) in enumerate(zip(columns, kinds_of, strict=True)))
        return Scope(Level(), [Source(name, named)], clause=clause, width=len(named))

    def table(self, number: int) -> records.Table:
        """A table's record as this statement left it, locked against everybody; only its owner gets it."""
        self.session.rights.need_owner(self.catalog, number)
        data = self.transaction.lock_object(number, "access exclusive")
        found = records.decode(data)
        assert isinstance(found, records.Table)
        return found

    def free_name(self, app: int, first: str, second: str, label: str, taken: set[str] | None = None) -> str:
        """A relation's name that is not taken, made of a table's, columns' and what it is."""
        schema = self.catalog.apps.get(app, "")
        name, number = object_name(first, second, label), 0
        while (taken is not None and name in taken) or self.catalog.find(name, schema, ()) is not None:
            number += 1
            name = object_name(first, second, f"{label}{number}")
        if taken is not None:
            taken.add(name)
        return name


def object_name(first: str, second: str, label: str) -> str:
    """`first_second_label`, the longer ones cut to what a name may have (PostgreSQL's makeObjectName): 63 bytes."""
    parts = [first.encode(), second.encode()]
    room = _LONGEST_NAME - len(label.encode()) - 1 - bool(second)
    while len(parts[0]) + len(parts[1]) > room:
        longer = 0 if len(parts[0]) > len(parts[1]) else 1
        parts[longer] = parts[longer][:-1]
    return "_".join(part for part in (*(part.decode(errors="ignore") for part in parts), label) if part)


def with_column(table: records.Table, column: records.Column) -> records.Table:
    """The table with one column replaced."""
    return replace(table, columns=tuple(column if each.id == column.id else each for each in table.columns))
