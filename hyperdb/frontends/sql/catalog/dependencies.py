"""pg_depend: what objects belong to, and what they need.

Theory: clients read there which column a sequence belongs to (Django, pg_dump), and which constraint an index keeps. Kinds of
dependency are PostgreSQL's: `a` and `i` go with what they belong to (`i`: they are a part of it), `n` keeps it from going.
Invariant: the rows say what DROP does; those of views, which PostgreSQL keeps with their rules, are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hyperdb.frontends.sql.catalog.objects import KNOWN_OIDS, schema_oid
from hyperdb.frontends.sql.catalog.relations import Catalog
from hyperdb.graph.catalog import records

Row = Sequence[Any]
_CLASS, _TYPE, _NAMESPACE = KNOWN_OIDS["pg_class"], KNOWN_OIDS["pg_type"], KNOWN_OIDS["pg_namespace"]
_CONSTRAINT, _DEFAULT = KNOWN_OIDS["pg_constraint"], KNOWN_OIDS["pg_attrdef"]


def default_oid(table: int, column: int) -> int:
    """The number under which pg_attrdef has a column's default."""
    return table * 64 + column & 0x7FFFFFFF


def _of_sequence(catalog: Catalog, number: int, found: records.Sequence) -> Iterator[Row]:
    table = catalog.objects.get(found.table)
    if isinstance(table, records.Table):
        own = next((each for each in table.columns if each.id == found.column), None)
        kind = "i" if own is not None and own.sequence == number else "a"
        yield _CLASS, number, 0, _CLASS, found.table, found.column, kind


def _of_index(catalog: Catalog, number: int, found: records.Index) -> Iterator[Row]:
    table = catalog.objects[found.table]
    assert isinstance(table, records.Table)
    own = [each for each in table.constraints if each.index == number and each.kind != records.FOREIGN]
    if own:
        yield _CLASS, number, 0, _CONSTRAINT, own[0].number, 0, "i"
        return
    columns = {part.column for part in found.columns if part.column} | set(found.included) | set(found.predicate.columns)
    for column in sorted(columns | {each for part in found.columns for each in part.expression.columns}):
        yield _CLASS, number, 0, _CLASS, found.table, column, "a"


def _of_table(_catalog: Catalog, number: int, found: records.Table) -> Iterator[Row]:
    for each in found.constraints:
        for column in each.columns or each.check.columns:
            yield _CONSTRAINT, each.number, 0, _CLASS, number, column, "a"
        for column in each.parent_columns:
            yield _CONSTRAINT, each.number, 0, _CLASS, each.parent, column, "n"
        if each.kind == records.FOREIGN and each.index:
            yield _CONSTRAINT, each.number, 0, _CLASS, each.index, 0, "n"
    for own in found.columns:
        if own.default and not own.dropped:
            oid = default_oid(number, own.id)
            yield _DEFAULT, oid, 0, _CLASS, number, own.id, "a"
            for use in own.default.uses:
                yield _DEFAULT, oid, 0, _CLASS, use.object, 0, "n"


_OF: dict[type[records.Object], Callable[[Catalog, int, Any], Iterator[Row]]] = {
    records.Sequence: _of_sequence,
    records.Index: _of_index,
    records.Table: _of_table,
}


def dependencies(env: Any) -> Iterator[Row]:
    """pg_depend."""
    catalog: Catalog = env.catalog
    for number, found in catalog.objects.items():
        if isinstance(found, records.App | records.Label):
            continue
        if not isinstance(found, records.Index):
            kind = _TYPE if isinstance(found, records.UserType) else _CLASS
            yield kind, number, 0, _NAMESPACE, schema_oid(catalog, number), 0, "n"
        parts = _OF.get(type(found))
        if parts is not None:
            yield from parts(catalog, number, found)


RELATIONS = {
    "pg_depend": (
        "classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, deptype char",
        dependencies,
    )
}
