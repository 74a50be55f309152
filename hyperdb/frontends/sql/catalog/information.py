"""information_schema, as ISO/IEC 9075-11 has it and PostgreSQL fills it.

Invariant: as for pg_catalog, rows are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hyperdb.frontends.sql.access import privileges
from hyperdb.frontends.sql.access.rights import role_oid
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.relations import BUILT_IN_SCHEMAS, Catalog
from hyperdb.frontends.sql.types import interval_fields
from hyperdb.graph.catalog import records

Rows = Iterator[Sequence[Any]]
_RULES = {
    records.NO_ACTION: "NO ACTION",
    records.RESTRICT: "RESTRICT",
    records.CASCADE: "CASCADE",
    records.SET_NULL: "SET NULL",
    records.SET_DEFAULT: "SET DEFAULT",
}
_CONSTRAINTS = {records.PRIMARY: "PRIMARY KEY", records.UNIQUE: "UNIQUE", records.CHECK: "CHECK", records.FOREIGN: "FOREIGN KEY"}
_DIGITS = {kinds.INT2: (16, 0), kinds.INT4: (32, 0), kinds.INT8: (64, 0), kinds.FLOAT4: (24, None), kinds.FLOAT8: (53, None)}


def schemata(env: Any) -> Rows:
    """schemata."""
    for name in env.catalog.schemas:
        yield env.session.database, name, env.session.role, None, None, None, None


def _tables(env: Any) -> Iterator[tuple[int, str, str, str]]:
    """Number, schema, name, kind of every table and view."""
    catalog: Catalog = env.catalog
    for number, found in catalog.objects.items():
        if isinstance(found, records.Table | records.View):
            if isinstance(found, records.Table) and found.source:
                continue
            temporary = isinstance(found, records.Table) and found.temporary
            kind = "VIEW" if isinstance(found, records.View) else "LOCAL TEMPORARY" if temporary else "BASE TABLE"
            yield number, catalog.schema_of(number), found.name, kind


def tables(env: Any) -> Rows:
    """tables."""
    for _, schema, name, kind in _tables(env):
        writable = "NO" if kind == "VIEW" else "YES"
        yield env.session.database, schema, name, kind, None, None, None, None, None, writable, "NO", None
    for schema, name in env.catalog.all_built_in():
        kind = "BASE TABLE" if BUILT_IN_SCHEMAS[schema] == BUILT_IN_SCHEMAS["pg_catalog"] else "VIEW"
        yield env.session.database, schema, name, kind, None, None, None, None, None, "NO", "NO", None


def columns(env: Any) -> Rows:
    """columns."""
    catalog: Catalog = env.catalog
    for number, schema, name, _ in _tables(env):
        for place, column in enumerate(catalog.relation(number).columns):
            record = column.record
            assert record is not None
            generated = record.generation == records.STORED
            default = env.session.describe.default(number, record)
            identity = record.generation in (records.IDENTITY_ALWAYS, records.IDENTITY_BY_DEFAULT)
            base = catalog.base(column.kind)
            built_in = kinds.BUILT_IN.get(base.oid)
            spoken = "ARRAY" if kinds.is_array(base.oid) else built_in.spoken if built_in else "USER-DEFINED"
            length = base.modifier - 4 if base.oid in (kinds.VARCHAR, kinds.BPCHAR) and base.modifier >= 4 else None
            precision, scale = _DIGITS.get(base.oid, (None, None))
            if base.oid == kinds.NUMERIC:
                precision, scale = kinds.numeric_limits(base.modifier) or (None, None)
            timed = _second_digits(base)
            udt = built_in.name if built_in else _udt(catalog, base.oid)
            generation = {records.IDENTITY_ALWAYS: "ALWAYS", records.IDENTITY_BY_DEFAULT: "BY DEFAULT"}.get(record.generation)
            yield (
                env.session.database, schema, name, column.name, place + 1, None if generated else default,
                "NO" if record.not_null else "YES", spoken, length, precision,
                None if precision is None else 2 if scale is None else 10,
                scale, timed, None, env.session.database, "pg_catalog" if built_in else schema, udt, "YES" if identity else "NO",
                generation, "ALWAYS" if generated else "NEVER", default if generated else None, "YES",
                None, None, None,
            )  # fmt: skip


def _second_digits(base: kinds.Kind) -> int | None:
    """datetime_precision."""
    if base.oid == kinds.DATE:
        return 0
    if base.oid == kinds.INTERVAL:
        digits = interval_fields.digits_of(base.modifier)
        return interval_fields.MOST_DIGITS if digits is None else digits
    if base.oid not in (kinds.TIME, kinds.TIMETZ, kinds.TIMESTAMP, kinds.TIMESTAMPTZ):
        return None
    return interval_fields.MOST_DIGITS if base.modifier < 0 else base.modifier


def _udt(catalog: Catalog, oid: int) -> str:
    inner = kinds.element(oid)
    if inner is not None:
        return "_" + (kinds.BUILT_IN[inner].name if inner in kinds.BUILT_IN else _udt(catalog, inner))
    found = catalog.objects.get(oid)
    return found.name if found is not None else "unknown"


def _constraints(env: Any) -> Iterator[tuple[int, records.Table, records.Constraint, str]]:
    catalog: Catalog = env.catalog
    for number, found in catalog.objects.items():
        if isinstance(found, records.Table):
            for constraint in found.constraints:
                yield number, found, constraint, catalog.schema_of(number)


def table_constraints(env: Any) -> Rows:
    """table_constraints."""
    name = env.session.database
    for _, table, each, schema in _constraints(env):
        words = ("YES" if each.deferrable else "NO", "YES" if each.deferred else "NO")
        yield name, schema, each.name, name, schema, table.name, _CONSTRAINTS[each.kind], *words, "YES"


def key_columns(env: Any) -> Rows:
    """key_column_usage."""
    name = env.session.database
    for _, table, each, schema in _constraints(env):
        if each.kind == records.CHECK:
            continue
        by_id = {column.id: column.name for column in table.columns}
        for place, column in enumerate(each.columns):
            other = place + 1 if each.kind == records.FOREIGN else None
            yield name, schema, each.name, name, schema, table.name, by_id[column], place + 1, other


def constraint_columns(env: Any) -> Rows:
    """constraint_column_usage: for foreign keys the columns of the parent."""
    name, catalog = env.session.database, env.catalog
    for _, table, each, schema in _constraints(env):
        target, numbers, where = table, each.columns, schema
        if each.kind == records.FOREIGN:
            target, numbers, where = catalog.objects[each.parent], each.parent_columns, catalog.schema_of(each.parent)
        by_id = {column.id: column.name for column in target.columns}
        for column in numbers:
            yield name, where, target.name, by_id[column], name, schema, each.name


def referential(env: Any) -> Rows:
    """referential_constraints."""
    name, catalog = env.session.database, env.catalog
    for _, _, each, schema in _constraints(env):
        if each.kind == records.FOREIGN:
            index = catalog.objects.get(each.index)
            other = catalog.schema_of(each.parent)
            match = "FULL" if each.match_full else "NONE"
            yield (
                name,
                schema,
                each.name,
                name,
                other,
                index.name if index else None,
                match,
                _RULES[each.on_update],
                _RULES[each.on_delete],
            )


def views(env: Any) -> Rows:
    """views."""
    for number, schema, name, kind in _tables(env):
        if kind == "VIEW":
            yield env.session.database, schema, name, env.catalog.objects[number].query.text, "NONE", "NO", "NO"


def sequences(env: Any) -> Rows:
    """sequences."""
    for number, found in env.catalog.objects.items():
        if isinstance(found, records.Sequence):
            schema = env.catalog.schema_of(number)
            cycle = "YES" if found.cycle else "NO"
            spoken = kinds.BUILT_IN[kinds.of_record(found.kind).oid].spoken
            bounds = (str(found.start), str(found.min), str(found.max), str(found.increment))
            yield env.session.database, schema, found.name, spoken, 64, 2, 0, *bounds, cycle


def table_grants(env: Any) -> Rows:
    """table_privileges and role_table_grants: what owners and others have."""
    catalog: Catalog = env.catalog
    roles = env.session.roles
    for number, schema, name, _ in _tables(env):
        found = catalog.objects[number]
        owner = env.session.role_name(role_oid(getattr(found, "owner", "")))
        held = {owner: (privileges.OF_TABLES, privileges.OF_TABLES)}
        key = (privileges.RELATION, privileges.key(number))
        held |= {role: roles.granted(role)[key] for role in roles.records if key in roles.granted(role)}
        for role, (bits, grantable) in held.items():
            for word, bit in privileges.NAMES.items():
                if bits & bit:
                    grantee = "PUBLIC" if role == "public" else role
                    can = "YES" if grantable & bit else "NO"
                    hierarchy = "YES" if word == "select" else "NO"
                    yield owner, grantee, env.session.database, schema, name, word.upper(), can, hierarchy


_GRANTS = (
    "grantor name, grantee name, table_catalog name, table_schema name, table_name name, privilege_type varchar,"
    " is_grantable varchar, with_hierarchy varchar"
)
RELATIONS: dict[str, tuple[str, Callable[[Any], Rows]]] = {
    "schemata": (
        "catalog_name name, schema_name name, schema_owner name, default_character_set_catalog name,"
        " default_character_set_schema name,"
        " default_character_set_name name, sql_path varchar",
        schemata,
    ),
    "tables": (
        "table_catalog name, table_schema name, table_name name, table_type varchar, self_referencing_column_name name,"
        " reference_generation varchar, user_defined_type_catalog name, user_defined_type_schema name,"
        " user_defined_type_name name,"
        " is_insertable_into varchar, is_typed varchar, commit_action varchar",
        tables,
    ),
    "columns": (
        "table_catalog name, table_schema name, table_name name, column_name name, ordinal_position int4, column_default varchar,"
        " is_nullable varchar, data_type varchar, character_maximum_length int4, numeric_precision int4,"
        " numeric_precision_radix int4,"
        " numeric_scale int4, datetime_precision int4, interval_type varchar, udt_catalog name, udt_schema name, udt_name name,"
        " is_identity varchar, identity_generation varchar, is_generated varchar, generation_expression varchar,"
        " is_updatable varchar,"
        " collation_name name, domain_schema name, domain_name name",
        columns,
    ),
    "table_privileges": (_GRANTS, table_grants),
    "role_table_grants": (_GRANTS, table_grants),
    "table_constraints": (
        "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, table_schema name,"
        " table_name name,"
        " constraint_type varchar, is_deferrable varchar, initially_deferred varchar, enforced varchar",
        table_constraints,
    ),
    "key_column_usage": (
        "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, table_schema name,"
        " table_name name,"
        " column_name name, ordinal_position int4, position_in_unique_constraint int4",
        key_columns,
    ),
    "constraint_column_usage": (
        "table_catalog name, table_schema name, table_name name, column_name name, constraint_catalog name,"
        " constraint_schema name,"
        " constraint_name name",
        constraint_columns,
    ),
    "referential_constraints": (
        "constraint_catalog name, constraint_schema name, constraint_name name, unique_constraint_catalog name,"
        " unique_constraint_schema name, unique_constraint_name name, match_option varchar, update_rule varchar,"
        " delete_rule varchar",
        referential,
    ),
    "views": (
        "table_catalog name, table_schema name, table_name name, view_definition varchar, check_option varchar,"
        " is_updatable varchar,"
        " is_insertable_into varchar",
        views,
    ),
    "sequences": (
        "sequence_catalog name, sequence_schema name, sequence_name name, data_type varchar, numeric_precision int4,"
        " numeric_precision_radix int4, numeric_scale int4, start_value varchar, minimum_value varchar, maximum_value varchar,"
        " increment varchar, cycle_option varchar",
        sequences,
    ),
}
