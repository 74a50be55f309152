"""Which definition a statement is.

Invariant: every kind of statement has an entry, if only one that refuses it by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hyperdb.frontends.cql.define import alter, indexes, keyspaces, tables, types, views
from hyperdb.frontends.cql.define.context import Context
from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.parse.statements import Truncate
from hyperdb.frontends.cql.protocol.responses import SchemaChange
from hyperdb.frontends.cql.types.faults import invalid

_Act = Callable[[Context, Any], SchemaChange | None]


def _refuse(what: str) -> _Act:
    def act(_context: Context, _statement: object) -> SchemaChange | None:
        raise invalid(f"{what} are not supported by this server")

    return act


def _drop(context: Context, statement: df.Drop) -> SchemaChange | None:
    return _DROPS[statement.element](context, statement)


_DROPS: dict[df.Element, _Act] = {
    df.Element.TABLE: tables.drop,
    df.Element.TYPE: types.drop,
    df.Element.INDEX: indexes.drop,
    df.Element.VIEW: views.drop,
}
_ACTS: dict[type, _Act] = {
    df.CreateKeyspace: keyspaces.create,
    df.AlterKeyspace: keyspaces.alter,
    df.DropKeyspace: keyspaces.drop,
    df.CreateTable: tables.create,
    df.Drop: _drop,
    Truncate: tables.truncate,
    df.AlterTable: alter.alter,
    df.CreateType: types.create,
    df.AlterUserType: types.alter,
    df.CreateIndex: indexes.create,
    df.CreateView: views.create,
    df.AlterView: views.alter,
    df.CreateFunction: _refuse("User-defined functions"),
    df.CreateAggregate: _refuse("User-defined aggregates"),
    df.DropFunction: _refuse("User-defined functions and aggregates"),
    df.CreateTrigger: _refuse("Triggers"),
    df.DropTrigger: _refuse("Triggers"),
}


def run(context: Context, statement: df.DefinitionStatement | Truncate) -> SchemaChange | None:
    """Runs a definition; what it changed, None if nothing.

    Raises:
        CqlError: as Cassandra refuses it.
    """
    return _ACTS[type(statement)](context, statement)
