"""pg_catalog and information_schema: relations that are made from the one catalog whenever they are read.

Theory: each relation is a row of a table: its name, its columns, and what makes its rows. Clients read them to show what there
is, so a relation has all columns of PostgreSQL 15 in their order (postgresql15.txt), NULL where nothing is known. Those that
stand in that list and are made nowhere are about things that there are none of here; a relation whose rows should be there and
are not made is left out of it. Invariant: nothing of them is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import resources
from typing import Any

from hyperdb.frontends.sql.catalog import (
    activity,
    attributes,
    dependencies,
    frames,
    information,
    keyspace,
    kinds,
    objects,
    procedures,
)
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.catalog.relations import Catalog, Relation, RelationColumn

Rows = Callable[[Any], Iterator[Sequence[Any]]]
_FIRST_OID = 12_000


def columns_of(text: str) -> tuple[RelationColumn, ...]:
    """Columns from `name type, name type`; [] behind a type makes it an array."""
    found = []
    for place, each in enumerate(text.split(",")):
        name, kind = each.split()
        oid = kinds.ARRAY[kinds.NAMES[kind[:-2]]] if kind.endswith("[]") else kinds.NAMES[kind]
        found.append(RelationColumn(name, Kind(oid), place, place + 1))
    return tuple(found)


def _nothing(_env: Any) -> Iterator[Sequence[Any]]:
    return iter(())


_MADE: dict[str, dict[str, tuple[str, Rows]]] = {
    "pg_catalog": {
        **objects.RELATIONS,
        **attributes.RELATIONS,
        **procedures.RELATIONS,
        **activity.RELATIONS,
        **dependencies.RELATIONS,
    },
    "information_schema": information.RELATIONS,
}
_LIST = resources.files("hyperdb.frontends.sql.catalog").joinpath("postgresql15.txt")
SYSTEM_COLUMNS = frozenset({"tableoid"})
"""Columns that are not among those of *."""


def built_in_relations(catalog: Catalog) -> dict[tuple[str, str], Relation]:
    """By schema and name. Their numbers are the same in every catalog."""
    del catalog
    return _ALL


def _widened(made: Rows, own: Sequence[RelationColumn], columns: Sequence[RelationColumn], oid: int) -> Rows:
    """Rows with all columns: those that are made, the relation's number, and nulls."""
    places = {column.name: place for place, column in enumerate(own)}
    order = [places.get(column.name, -1) for column in columns]

    def rows(env: Any) -> Iterator[Sequence[Any]]:
        for row in made(env):
            found = [None if place < 0 else row[place] for place in order]
            found[-1] = oid
            yield found

    return rows


def _make() -> dict[tuple[str, str], Relation]:
    listed: dict[tuple[str, str], str] = {}
    for line in _LIST.read_text().splitlines():
        name, _, text = line.partition(": ")
        schema, _, name = name.partition(".")
        listed[schema, name] = text
    names = sorted({*listed, *((schema, name) for schema, made in _MADE.items() for name in made)}, reverse=True)
    found: dict[tuple[str, str], Relation] = {}
    for number, (schema, name) in enumerate(names, _FIRST_OID):
        text, rows = _MADE[schema].get(name, ("", _nothing))
        own = columns_of(text) if text else ()
        kept = {column.name: column for column in own}
        wanted = columns_of(listed[schema, name]) if (schema, name) in listed else own
        extra = [column for column in own if column.name not in {each.name for each in wanted}]
        all_columns = [*wanted, *extra, RelationColumn("tableoid", Kind(kinds.OID), 0, 0)]
        columns = tuple(
            RelationColumn(each.name, kept.get(each.name, each).kind, place, 0 if each.name in SYSTEM_COLUMNS else place + 1)
            for place, each in enumerate(all_columns)
        )
        oid = objects.KNOWN_OIDS.get(name, number)
        found[schema, name] = Relation(oid, schema, name, columns, None, len(columns), _widened(rows, own, columns, oid))
    for module in (keyspace, frames):
        for name, made in module.RELATIONS.items():
            found[module.SCHEMA, name] = _restricted(module.SCHEMA, name, made)
    return found


def _restricted(schema: str, name: str, made: keyspace.Restricted) -> Relation:
    own = columns_of(made.columns)
    columns = (*own, RelationColumn("tableoid", Kind(kinds.OID), len(own), 0))

    def rows(env: Any, given: keyspace.Given) -> Iterator[Sequence[Any]]:
        return ((*row, made.oid) for row in made.rows(env, given))

    return Relation(
        made.oid,
        schema,
        name,
        columns,
        None,
        len(columns),
        lambda env: rows(env, {}),
        restricted=replace(made, rows=rows),
    )


_ALL = _make()
