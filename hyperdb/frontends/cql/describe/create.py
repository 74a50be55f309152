"""CREATE statements in Cassandra 5.0's layout: four spaces, one column a line, options in its order, a semicolon.

Theory: tools compare these texts with what Cassandra writes, and people run them again; both need the same words in the same
places. Invariant: each statement is read by our own parser, and means the schema that it was made of
(tests/cql/test_describe.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

from hyperdb.frontends.cql.describe.schema import Column, Index, Keyspace, Option, Role, Table, TableOptions, View
from hyperdb.frontends.cql.parse.text import relations, string
from hyperdb.frontends.cql.types.model import Type, Udt, is_multi_cell, parts
from hyperdb.frontends.cql.types.names import show
from hyperdb.frontends.cql.words import quoted


def _qualified(keyspace: str, name: str) -> str:
    return f"{quoted(keyspace)}.{quoted(name)}"


def option(value: Option) -> str:
    """An option's value: strings between quotes, maps with theirs in the order of their keys."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return string(value)
        case _:
            shown = (
                f"{string(key)}: {'0x' + each.hex() if isinstance(each, bytes) else string(each)}" for key, each in value.items()
            )
            return "{" + ", ".join(shown) + "}"


def select_order(columns: Iterable[Column]) -> list[Column]:
    """Columns as `SELECT *` shows them: the keys by position, static ones, then the others, by the bytes of their names."""
    order = list(Role)
    return sorted(columns, key=lambda column: (order.index(column.role), column.position, column.name.encode()))


def _defined_order(columns: Iterable[Column]) -> list[Column]:
    """Columns as CREATE TABLE lists them: of the static ones, and of the others, those that are one cell come first."""
    order = list(Role)
    return sorted(
        columns,
        key=lambda column: (order.index(column.role), column.position, is_multi_cell(column.type), column.name.encode()),
    )


def _definition(column: Column) -> str:
    static = " static" if column.role is Role.STATIC else ""
    mask = "" if column.mask is None else f" MASKED WITH system.{column.mask.function}({', '.join(column.mask.arguments)})"
    return f"{quoted(column.name)} {show(column.type)}{static}{mask}"


def _keys(columns: list[Column]) -> tuple[list[Column], list[Column]]:
    partition = [column for column in columns if column.role is Role.PARTITION]
    return partition, [column for column in columns if column.role is Role.CLUSTERING]


def _primary_key(partition: list[Column], clustering: list[Column]) -> str:
    first = ", ".join(quoted(column.name) for column in partition)
    names = [first if len(partition) == 1 else f"({first})", *(quoted(column.name) for column in clustering)]
    return f"PRIMARY KEY ({', '.join(names)})"


def _options(clustering: list[Column], options: TableOptions, own: Mapping[str, Option], *, view: bool = False) -> list[str]:
    said = []
    if clustering:
        orders = ", ".join(f"{quoted(column.name)} {'DESC' if column.descending else 'ASC'}" for column in clustering)
        said.append(f"CLUSTERING ORDER BY ({orders})")
    known = {each.name: getattr(options, each.name) for each in fields(options)}
    if view:
        del known["default_time_to_live"]
    return said + [f"{quoted(name)} = {option(value)}" for name, value in [*known.items(), *own.items()]]


def create_keyspace(keyspace: Keyspace) -> str:
    """CREATE KEYSPACE."""
    head = f"CREATE KEYSPACE {quoted(keyspace.name)} WITH replication = {option(keyspace.replication)}"
    # Two spaces, as Cassandra has them.
    return f"{head}  AND durable_writes = {option(keyspace.durable_writes)};"


def create_type(kind: Udt) -> str:
    """CREATE TYPE."""
    lines = ",\n".join(f"    {quoted(field.name)} {show(field.type)}" for field in kind.fields)
    return f"CREATE TYPE {_qualified(kind.keyspace, kind.name)} (\n{lines}\n);"


def create_table(table: Table, *, internals: bool = False) -> str:
    """CREATE TABLE; with `internals` also the table's id, and dropped columns, which statements behind it drop again."""
    columns = list(table.columns)
    if internals:
        known = {column.name for column in columns}
        columns += [dropped.column for dropped in table.dropped if dropped.column.name not in known]
    columns = _defined_order(columns)
    partition, clustering = _keys(columns)
    alone = len(partition) == 1 and not clustering
    lines = [f"    {_definition(column)}{' PRIMARY KEY' * (alone and column.role is Role.PARTITION)}" for column in columns]
    if not alone:
        lines.append("    " + _primary_key(partition, clustering))
    said = _options(clustering, table.options, table.own)
    if internals and table.id is not None:
        said.insert(0, f"ID = {table.id}")
    name = _qualified(table.keyspace, table.name)
    statements = [f"CREATE TABLE {name} (\n" + ",\n".join(lines) + "\n) WITH " + "\n    AND ".join(said) + ";"]
    return "\n".join(statements + (_drops(table) if internals else []))


def virtual_keyspace(keyspace: Keyspace) -> str:
    """A keyspace that nobody makes, in a comment, as Cassandra shows it."""
    name = quoted(keyspace.name)
    head = f"/*\nWarning: Keyspace {name} is a virtual keyspace and cannot be recreated with CQL.\nStructure, for reference:"
    return f"{head}\nVIRTUAL KEYSPACE {name};\n*/"


def virtual_table(table: Table) -> str:
    """A table that nobody makes, in a comment, as Cassandra shows it."""
    name = _qualified(table.keyspace, table.name)
    head = f"/*\nWarning: Table {name} is a virtual table and cannot be recreated with CQL.\nStructure, for reference:"
    body = create_table(table).removeprefix("CREATE").partition("\n) WITH ")[0]
    clustering = _keys(list(table.columns))[1]
    order = _options(clustering, table.options, {})[0] + "\n    AND " if clustering else ""
    return f"{head}\nVIRTUAL{body}\n) WITH {order}comment = {option(table.options.comment)};\n*/"


def _drops(table: Table) -> list[str]:
    """What drops columns again, and adds those that were added again."""
    name = _qualified(table.keyspace, table.name)
    living = {column.name: column for column in table.columns}
    found = []
    for dropped in table.dropped:
        column = dropped.column
        found.append(f"ALTER TABLE {name} DROP {quoted(column.name)} USING TIMESTAMP {dropped.timestamp};")
        if column.name in living:
            found.append(f"ALTER TABLE {name} ADD {_definition(living[column.name])};")
    return found


def create_index(index: Index) -> str:
    """CREATE INDEX, or CREATE CUSTOM INDEX for one with a class."""
    name = quoted(index.name)
    table = _qualified(index.keyspace, index.table)
    if index.using is None:
        return f"CREATE INDEX {name} ON {table} ({index.target});"
    options = f" WITH OPTIONS = {option(index.options)}" if index.options else ""
    return f"CREATE CUSTOM INDEX {name} ON {table} ({index.target}) USING {string(index.using)}{options};"


def create_view(view: View, *, internals: bool = False) -> str:
    """CREATE MATERIALIZED VIEW."""
    columns = select_order(view.columns)
    partition, clustering = _keys(columns)
    selected = "*" if view.all_columns else ", ".join(quoted(column.name) for column in columns)
    said = _options(clustering, view.options, {}, view=True)
    if internals and view.id is not None:
        said.insert(0, f"ID = {view.id}")
    lines = [
        f"CREATE MATERIALIZED VIEW {_qualified(view.keyspace, view.name)} AS",
        f"    SELECT {selected}",
        f"    FROM {_qualified(view.keyspace, view.base)}",
        f"    WHERE {relations(view.where)}",
        f"    {_primary_key(partition, clustering)}",
        " WITH " + "\n    AND ".join(said) + ";",
    ]
    return "\n".join(lines)


def types_in_order(types: Iterable[Udt]) -> list[Udt]:
    """User types, those that others are made of first, otherwise by their names."""
    waiting = sorted(types, key=lambda kind: kind.name)
    by_name = {kind.name: kind for kind in waiting}
    ordered: dict[str, Udt] = {}

    def place(kind: Udt) -> None:
        for name in _uses(kind):
            if name in by_name and name not in ordered and name != kind.name:
                place(by_name[name])
        ordered.setdefault(kind.name, kind)

    for kind in waiting:
        place(kind)
    return list(ordered.values())


def _uses(kind: Type) -> Iterator[str]:
    for part in parts(kind):
        if isinstance(part, Udt):
            yield part.name
        yield from _uses(part)


def keyspace_statements(keyspace: Keyspace, *, internals: bool = False) -> Iterator[tuple[str, str, str]]:
    """All that makes a keyspace, in an order in which it can be run: kind of element, its name, its statement."""
    yield "keyspace", keyspace.name, create_keyspace(keyspace)
    for kind in types_in_order(keyspace.types):
        yield "type", kind.name, create_type(kind)
    for table in sorted(keyspace.tables, key=lambda table: table.name):
        yield "table", table.name, create_table(table, internals=internals)
        for index in sorted(keyspace.indexes, key=lambda index: index.name):
            if index.table == table.name:
                yield "index", index.name, create_index(index)
        for view in sorted(keyspace.views, key=lambda view: view.name):
            if view.base == table.name:
                yield "materialized_view", view.name, create_view(view, internals=internals)
