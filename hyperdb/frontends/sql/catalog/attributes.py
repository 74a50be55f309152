"""Relations of pg_catalog about columns and descriptions, and the small fixed ones.

Invariant: a column's number is its id in its table, so dropped ones leave gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.dependencies import default_oid
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.catalog.objects import BTREE, HEAP, KNOWN_OIDS, ROLE
from hyperdb.frontends.sql.catalog.relations import PG_CATALOG, Catalog
from hyperdb.graph.catalog import records

Rows = Iterator[Sequence[Any]]
# No letter: what '' is as "char".
_NONE = "\0"
_IDENTITY = {records.IDENTITY_ALWAYS: "a", records.IDENTITY_BY_DEFAULT: "d"}


def _attribute(table: int, name: str, kind: Kind, number: int, record: records.Column | None = None) -> Sequence[Any]:
    found = kinds.BUILT_IN.get(kind.oid)
    length = found.length if found else -1
    not_null = record is not None and record.not_null
    default = record is not None and bool(record.default)
    identity = _IDENTITY.get(record.generation, _NONE) if record else _NONE
    generated = "s" if record is not None and record.generation == records.STORED else _NONE
    collation = kinds.collation(kind.oid, record.collation if record is not None else "")
    dimensions = 1 if kinds.is_array(kind.oid) else 0
    return (
        table, name, kind.oid, -1, length, number, dimensions, -1, kind.modifier, 0 < length <= 8, "i", "x", _NONE,
        not_null, default, False,
        identity, generated, False, True, 0, collation, None, None, None, None,
    )  # fmt: skip


def attributes(env: Any) -> Rows:
    """pg_attribute."""
    catalog: Catalog = env.catalog
    for number, found in catalog.objects.items():
        if isinstance(found, records.Table | records.View):
            for column in catalog.relation(number).columns:
                yield _attribute(number, column.name, column.kind, column.number, column.record)
        elif isinstance(found, records.Index):
            table = catalog.objects[found.table]
            if isinstance(table, records.Table):
                by_id = {column.id: column for column in table.columns}
                for place, part in enumerate(found.columns):
                    own = by_id.get(part.column)
                    kind = kinds.of_record(own.kind) if own else Kind(kinds.TEXT)
                    yield _attribute(number, own.name if own else "expr", kind, place + 1)
    for relation in catalog.all_built_in().values():
        for built_in in relation.columns:
            yield _attribute(relation.oid, built_in.name, built_in.kind, built_in.number)


_ATTRIBUTE = (
    "attrelid oid, attname name, atttypid oid, attstattarget int4, attlen int2, attnum int2, attndims int4, attcacheoff int4,"
    " atttypmod int4, attbyval bool, attalign char, attstorage char, attcompression char, attnotnull bool, atthasdef bool,"
    " atthasmissing bool, attidentity char, attgenerated char, attisdropped bool, attislocal bool,"
    " attinhcount int4, attcollation oid,"
    " attacl aclitem[], attoptions text[], attfdwoptions text[], attmissingval text"
)


def defaults(env: Any) -> Rows:
    """pg_attrdef."""
    for number, found in env.catalog.objects.items():
        if isinstance(found, records.Table):
            for column in found.columns:
                if column.default and not column.dropped:
                    text = env.session.describe.default(number, column)
                    yield default_oid(number, column.id), number, column.id, text


def descriptions(env: Any) -> Rows:
    """pg_description."""
    for number, found in env.catalog.objects.items():
        group = KNOWN_OIDS[
            "pg_namespace" if isinstance(found, records.App) else "pg_type" if isinstance(found, records.UserType) else "pg_class"
        ]
        if found.comment:
            yield number, group, 0, found.comment
        if isinstance(found, records.Table | records.View):
            for column in found.columns:
                if column.comment and not column.dropped:
                    yield number, group, column.id, column.comment
        if isinstance(found, records.Table | records.UserType):
            for constraint in found.constraints:
                if constraint.comment:
                    yield constraint.number, KNOWN_OIDS["pg_constraint"], 0, constraint.comment


def _fixed(*rows: Sequence[Any]) -> Callable[[Any], Rows]:
    return lambda _env: iter(rows)


RELATIONS: dict[str, tuple[str, Callable[[Any], Rows]]] = {
    "pg_attribute": (_ATTRIBUTE, attributes),
    "pg_attrdef": ("oid oid, adrelid oid, adnum int2, adbin text", defaults),
    "pg_description": ("objoid oid, classoid oid, objsubid int4, description text", descriptions),
    "pg_am": (
        "oid oid, amname name, amhandler oid, amtype char",
        _fixed((HEAP, "heap", 3, "t"), (BTREE, "btree", 330, "i")),
    ),
    "pg_collation": (
        "oid oid, collname name, collnamespace oid, collowner oid, collprovider char, collisdeterministic bool,"
        " collencoding int4,"
        " collcollate text, collctype text, colliculocale text, collversion text",
        _fixed(
            (kinds.COLLATION_DEFAULT, "default", PG_CATALOG, ROLE, "d", True, -1, None, None, None, None),
            (kinds.COLLATION_C, "C", PG_CATALOG, ROLE, "c", True, -1, "C", "C", None, None),
            (kinds.COLLATION_POSIX, "POSIX", PG_CATALOG, ROLE, "c", True, -1, "POSIX", "POSIX", None, None),
        ),
    ),
    "pg_tablespace": (
        "oid oid, spcname name, spcowner oid, spcacl aclitem[], spcoptions text[]",
        _fixed((1663, "pg_default", ROLE, None, None)),
    ),
    "pg_language": (
        "oid oid, lanname name, lanowner oid, lanispl bool, lanpltrusted bool",
        _fixed((12, "internal", ROLE, False, False), (14, "sql", ROLE, False, True)),
    ),
    "pg_opclass": (
        "oid oid, opcmethod oid, opcname name, opcnamespace oid, opcowner oid, opcfamily oid, opcintype oid,"
        " opcdefault bool, opckeytype oid",
        _fixed(
            (1978, BTREE, "int4_ops", PG_CATALOG, ROLE, 1976, 23, True, 0),
            (3126, BTREE, "text_ops", PG_CATALOG, ROLE, 1994, 25, True, 0),
        ),
    ),
}
