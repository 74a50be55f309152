"""DESCRIBE: lists of elements, and elements with the statements that make them.

Theory: as Cassandra's DescribeStatement: a list is of the keyspace in use or of all, an element comes with all that belongs to
it, in an order in which the statements can be run. Invariant: a statement that is shown is one that this server takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hyperdb.frontends.cql.describe import create
from hyperdb.frontends.cql.describe.schema import Keyspace
from hyperdb.frontends.cql.parse.permissions import Describe, Described
from hyperdb.frontends.cql.parse.terms import Name
from hyperdb.frontends.cql.protocol.responses import Column, Rows
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.frontends.cql.schema.rows import Facts
from hyperdb.frontends.cql.system.local import TOKEN, address
from hyperdb.frontends.cql.types.codec import encode
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import TEXT, List, Map, Type
from hyperdb.frontends.cql.words import quoted

Shown = tuple[str, str, str, str]
"""Keyspace, kind of element, name, statement."""
_PARTITIONER, _SNITCH = "Murmur3Partitioner", "SimpleSnitch"
_RANGES = Map(TEXT, List(TEXT))


def _columns(*columns: tuple[str, Type]) -> list[Column]:
    return [Column("system", "describe", name, kind) for name, kind in columns]


_LISTED = _columns(("keyspace_name", TEXT), ("type", TEXT), ("name", TEXT))
_STATED = [*_LISTED, *_columns(("create_statement", TEXT))]


def answer(facts: Facts, keyspace: str | None, statement: Describe) -> Rows:
    """What a DESCRIBE shows; `keyspace` is the one in use.

    Raises:
        CqlError: invalid: there is no such element.
    """
    if statement.element is Described.CLUSTER:
        return _cluster(facts, keyspace)
    listing = _LISTINGS.get(statement.element)
    if listing is not None:
        return _listing(facts.schema, keyspace, listing)
    shown = _Elements(facts.schema, keyspace, internals=statement.internals).find(statement)
    rows = [[each.encode() for each in (quoted(own), kind, quoted(name), text)] for own, kind, name, text in shown]
    return Rows(_STATED, rows)


def _cluster(facts: Facts, keyspace: str | None) -> Rows:
    columns = _columns(("cluster", TEXT), ("partitioner", TEXT), ("snitch", TEXT))
    row = [facts.node.cluster_name.encode(), _PARTITIONER.encode(), _SNITCH.encode()]
    if keyspace is None or keyspace not in facts.schema.apps:
        return Rows(columns, [row])
    ranges = encode(_RANGES, {TOKEN: [str(address(facts.node.address))]})
    assert ranges is not None
    return Rows([*columns, *_columns(("range_ownership", _RANGES))], [[*row, ranges]])


# Lists.

_Listed = Callable[[Keyspace], Iterable[tuple[str, str]]]
"""Kinds and names of elements of a keyspace."""


def _tables(keyspace: Keyspace) -> Iterable[tuple[str, str]]:
    return [("table", table.name) for table in keyspace.tables]


def _types(keyspace: Keyspace) -> Iterable[tuple[str, str]]:
    return [("type", kind.name) for kind in keyspace.types]


def _none(_keyspace: Keyspace) -> Iterable[tuple[str, str]]:
    return ()


def _itself(keyspace: Keyspace) -> Iterable[tuple[str, str]]:
    return [("keyspace", keyspace.name)]


_LISTINGS: dict[Described, _Listed] = {
    Described.KEYSPACES: _itself,
    Described.TABLES: _tables,
    Described.TYPES: _types,
    Described.FUNCTIONS: _none,
    Described.AGGREGATES: _none,
}


def _listing(schema: Schema, keyspace: str | None, listed: _Listed) -> Rows:
    everywhere = keyspace is None or listed is _itself
    chosen = _all(schema) if everywhere or keyspace is None else [_keyspace(schema, keyspace)]
    rows = [
        [quoted(found.name).encode(), kind.encode(), quoted(name).encode()]
        for found in chosen
        for kind, name in sorted(listed(found), key=lambda each: each[1])
    ]
    return Rows(_LISTED, rows)


def _all(schema: Schema) -> list[Keyspace]:
    return [found for _, found in sorted({**schema.keyspaces, **schema.virtual}.items())]


def _keyspace(schema: Schema, name: str) -> Keyspace:
    if not schema.has_keyspace(name):
        raise invalid(f"'{name}' not found in keyspaces")
    return schema.keyspace(name)


# Elements.


class _Elements:
    """Elements of one schema."""

    def __init__(self, schema: Schema, in_use: str | None, *, internals: bool) -> None:
        self._schema = schema
        self._in_use = in_use
        self._internals = internals

    def find(self, statement: Describe) -> list[Shown]:
        """What a statement asks for."""
        element, name = statement.element, statement.name
        if element is Described.SCHEMA:
            return [each for found in _all(self._schema) if found.name in self._schema.apps for each in self.keyspace(found)]
        if element is Described.FULL_SCHEMA:
            return [each for found in _all(self._schema) for each in self.keyspace(found)]
        if element in (Described.KEYSPACE, Described.ONLY_KEYSPACE):
            found = self.keyspace(_keyspace(self._schema, self._name(None if name is None else name.name)))
            return found[:1] if element is Described.ONLY_KEYSPACE else found
        assert name is not None
        if element is Described.ANY and name.keyspace is None and self._schema.has_keyspace(name.name):
            return self.keyspace(self._schema.keyspace(name.name))
        if element is Described.ANY and name.keyspace is None and self._in_use is None:
            raise invalid(f"'{name.name}' not found in keyspaces")
        keyspace = _keyspace(self._schema, self._name(name.keyspace))
        for kind in _ANY if element is Described.ANY else (element,):
            shown = _FINDERS[kind](self, keyspace, name)
            if shown:
                return shown
        raise invalid(_MISSING[element].format(name.name, keyspace.name))

    def _name(self, said: str | None) -> str:
        found = self._in_use if said is None else said
        if found is None:
            raise invalid("No keyspace specified and no current keyspace")
        return found

    def keyspace(self, found: Keyspace) -> list[Shown]:
        """A keyspace with all in it."""
        if found.name in self._schema.virtual:
            tables = [
                (found.name, "table", table.name, create.virtual_table(table))
                for table in sorted(found.tables, key=lambda table: table.name)
            ]
            return [(found.name, "keyspace", found.name, create.virtual_keyspace(found)), *tables]
        statements = create.keyspace_statements(found, internals=self._internals)
        return [(found.name, kind, name, text) for kind, name, text in statements]

    def table(self, keyspace: Keyspace, name: Name) -> list[Shown]:
        """A table with its indexes and views."""
        if keyspace.name in self._schema.virtual:
            return self.one("table", keyspace, name)
        tables = {table.name for table in keyspace.tables}
        if name.name not in tables:
            return []
        own = {name.name}
        own |= {index.name for index in keyspace.indexes if index.table == name.name}
        own |= {view.name for view in keyspace.views if view.base == name.name}
        kinds = ("table", "index", "materialized_view")
        return [each for each in self.keyspace(keyspace) if each[1] in kinds and each[2] in own]

    def one(self, kind: str, keyspace: Keyspace, name: Name) -> list[Shown]:
        """An element of a kind by its name."""
        return [each for each in self.keyspace(keyspace) if each[1:3] == (kind, name.name)]


_Finder = Callable[[_Elements, Keyspace, Name], list[Shown]]


def _one(kind: str) -> _Finder:
    return lambda elements, keyspace, name: elements.one(kind, keyspace, name)


def _no_functions(_elements: _Elements, _keyspace: Keyspace, _name: Name) -> list[Shown]:
    return []


_FINDERS: dict[Described, _Finder] = {
    Described.TABLE: lambda elements, keyspace, name: (
        elements.table(keyspace, name) or elements.one("materialized_view", keyspace, name)
    ),
    Described.VIEW: _one("materialized_view"),
    Described.INDEX: _one("index"),
    Described.TYPE: _one("type"),
    Described.FUNCTION: _no_functions,
    Described.AGGREGATE: _no_functions,
}
_ANY = (Described.TABLE, Described.VIEW, Described.INDEX, Described.TYPE)
_MISSING = {
    Described.ANY: "'{}' not found in keyspace '{}'",
    Described.TABLE: "Table '{}' not found in keyspace '{}'",
    Described.VIEW: "Materialized view '{}' not found in keyspace '{}'",
    Described.INDEX: "Table for existing index '{}' not found in '{}'",
    Described.TYPE: "User defined type '{}' not found in '{}'",
    Described.FUNCTION: "User defined function '{}' not found in '{}'",
    Described.AGGREGATE: "User defined aggregate '{}' not found in '{}'",
}
