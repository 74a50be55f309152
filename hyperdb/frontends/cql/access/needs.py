"""What a statement needs, and whether its role has it.

Theory: as Cassandra's statements say in `authorize`. What drivers read when they connect is for everybody who is logged in.
Invariant: a statement whose table is not there needs nothing, so its binder says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hyperdb.frontends.cql.access.image import RoleImage, shown
from hyperdb.frontends.cql.access.resources import Place, chain
from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse.permissions import Permission, Resource, ResourceKind
from hyperdb.frontends.cql.parse.terms import Column, Name
from hyperdb.frontends.cql.parse.walk import walk
from hyperdb.frontends.cql.schema.faults import unauthorized
from hyperdb.frontends.cql.schema.model import Schema, Served
from hyperdb.roles import ALIASES

Need = tuple[Permission, Resource]
READABLE = frozenset(["system_schema", "system_virtual_schema", "system_traces"])
"""Keyspaces that whoever is logged in may read."""
_READABLE_TABLES = frozenset(["local", "peers", "peers_v2", "size_estimates", "table_estimates"])
"""And tables of `system`."""


def _is_readable(keyspace: str, table: str) -> bool:
    return keyspace in READABLE or (keyspace == "system" and table in _READABLE_TABLES)


class _Finder:
    """Needs of statements where a keyspace is in use."""

    def __init__(self, schema: Schema, keyspace: str | None) -> None:
        self.schema = schema
        self.keyspace = keyspace

    def keyspace_of(self, name: Name) -> str:
        """The keyspace that a name is in; empty where none is in use."""
        return name.keyspace or self.keyspace or ""

    def table(self, permission: Permission, name: Name) -> Iterator[Need]:
        """A permission on a table that is there."""
        keyspace = self.keyspace_of(name)
        if permission is Permission.SELECT and _is_readable(keyspace, name.name):
            return
        if self.schema.find(keyspace, name.name) is not None:
            yield permission, Resource(ResourceKind.TABLE, name.name, keyspace)

    def inside(self, permission: Permission, name: Name) -> Iterator[Need]:
        """A permission on the keyspace of a name."""
        yield permission, Resource(ResourceKind.KEYSPACE, self.keyspace_of(name))

    def index(self, name: Name) -> Iterator[Need]:
        """ALTER on the table of an index."""
        keyspace = self.keyspace_of(name)
        for (other, table), served in self.schema.tables.items():
            if other == keyspace and any(each.index.name == name.name for each in served.indexes):
                yield from self.table(Permission.ALTER, Name(table, keyspace))


_P = Permission
_Needs = Callable[[_Finder, Any], Iterator[Need]]


def _write(finder: _Finder, statement: st.Update | st.Delete | st.Insert | st.InsertJson) -> Iterator[Need]:
    yield from finder.table(_P.MODIFY, statement.table)
    conditional = (
        statement.if_not_exists if isinstance(statement, st.Insert | st.InsertJson) else statement.conditions != st.UNCONDITIONAL
    )
    if conditional:
        yield from finder.table(_P.SELECT, statement.table)


def _batch(finder: _Finder, statement: st.Batch) -> Iterator[Need]:
    for each in statement.changes:
        yield from _write(finder, each)


def _nothing(_finder: _Finder, _statement: object) -> Iterator[Need]:
    return iter(())


def _drop(finder: _Finder, statement: df.Drop) -> Iterator[Need]:
    match statement.element:
        case df.Element.TABLE:
            return finder.table(_P.DROP, statement.name)
        case df.Element.VIEW:
            return finder.table(_P.ALTER, statement.name)
        case df.Element.INDEX:
            return finder.index(statement.name)
        case df.Element.TYPE:
            return finder.inside(_P.DROP, statement.name)


def _everywhere(permission: Permission) -> _Needs:
    return lambda _finder, _statement: iter([(permission, Resource(ResourceKind.ALL_KEYSPACES))])


def _of_keyspace(permission: Permission) -> _Needs:
    return lambda _finder, statement: iter([(permission, Resource(ResourceKind.KEYSPACE, statement.name))])


def _create_table(finder: _Finder, statement: df.CreateTable) -> Iterator[Need]:
    yield _P.CREATE, Resource(ResourceKind.ALL_TABLES, finder.keyspace_of(statement.table))


_NEEDS: dict[type, _Needs] = {
    st.Select: lambda finder, statement: finder.table(_P.SELECT, statement.table),
    st.Insert: _write,
    st.InsertJson: _write,
    st.Update: _write,
    st.Delete: _write,
    st.Batch: _batch,
    st.Truncate: lambda finder, statement: finder.table(_P.MODIFY, statement.table),
    st.Use: _nothing,
    df.CreateKeyspace: _everywhere(_P.CREATE),
    df.AlterKeyspace: _of_keyspace(_P.ALTER),
    df.DropKeyspace: _of_keyspace(_P.DROP),
    df.CreateTable: _create_table,
    df.AlterTable: lambda finder, statement: finder.table(_P.ALTER, statement.table),
    df.CreateType: lambda finder, statement: finder.inside(_P.CREATE, statement.name),
    df.AlterUserType: lambda finder, statement: finder.inside(_P.ALTER, statement.name),
    df.CreateIndex: lambda finder, statement: finder.table(_P.ALTER, statement.table),
    df.CreateView: lambda finder, statement: finder.table(_P.ALTER, statement.table),
    df.AlterView: lambda finder, statement: finder.table(_P.ALTER, statement.name),
    df.Drop: _drop,
}


def authorize(roles: RoleImage, role: str, statement: object, schema: Schema, keyspace: str | None) -> None:
    """Refuses a statement that its role may not run; statements on roles and permissions look for themselves.

    Raises:
        CqlError: unauthorized.
    """
    if not role or role in ALIASES or roles.is_super(role):
        return
    needs = _NEEDS.get(type(statement), _nothing)
    for permission, resource in needs(_Finder(schema, keyspace), statement):
        places: list[Place] = chain(schema, keyspace, resource)
        roles.need(role, permission, places, schema)
    for table, columns in _compared(_Finder(schema, keyspace), statement):
        _need_masked(roles, role, table, columns, schema)


def sees_masked(roles: RoleImage, role: str, served: Served, schema: Schema) -> bool:
    """Whether a role is shown a table's masked columns as they are."""
    if not served.is_masked or role in ALIASES:
        return True
    places = chain(schema, served.keyspace, Resource(ResourceKind.TABLE, served.name, served.keyspace))
    return roles.may(role, Permission.UNMASK, places, schema)


def _compared(finder: _Finder, statement: object) -> Iterator[tuple[Served, Sequence[str]]]:
    """Tables with masks, and the columns that a statement compares with something: answers tell of their values."""
    if isinstance(statement, st.Batch):
        for change in statement.changes:
            yield from _compared(finder, change)
        return
    if isinstance(statement, st.Select):
        relations = statement.where
    elif isinstance(statement, st.Update | st.Delete):
        relations = statement.conditions.relations
    else:
        return
    served = finder.schema.find(finder.keyspace_of(statement.table), statement.table.name)
    if served is not None and served.is_masked:
        names = {part.name for relation in relations for part in walk(relation.subject) if isinstance(part, Column)}
        yield served, [column.name for column in served.table.columns if column.mask is not None and column.name in names]


def _need_masked(roles: RoleImage, role: str, served: Served, columns: Sequence[str], schema: Schema) -> None:
    places = chain(schema, served.keyspace, Resource(ResourceKind.TABLE, served.name, served.keyspace))
    may = any(roles.may(role, each, places, schema) for each in (Permission.UNMASK, Permission.SELECT_MASKED))
    if columns and not may:
        who = f"User {shown(role)} has no UNMASK nor SELECT_MASKED permission on table {served.keyspace}.{served.name}"
        raise unauthorized(f"{who}, cannot query masked columns [{', '.join(columns)}]")
