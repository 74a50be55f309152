"""Relations of pg_catalog about objects: namespaces, classes, types, indexes, constraints, settings, roles.

Invariant: the rows are those of the catalog that the statement sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hyperdb.frontends.sql.access.rights import PUBLIC, role_oid
from hyperdb.frontends.sql.catalog import input_functions, kinds
from hyperdb.frontends.sql.catalog.relations import BUILT_IN_SCHEMAS, PG_CATALOG, Catalog
from hyperdb.frontends.sql.types import Bounded
from hyperdb.graph.catalog import records
from hyperdb.roles import (
    BOOTSTRAP_ROLE,
    BYPASS_POLICIES,
    CREATE_DATABASE,
    CREATE_ROLE,
    FOR_EVER,
    INHERIT,
    LOGIN,
    SUPERUSER,
    RoleRecord,
)

Rows = Iterator[Sequence[Any]]
ROLE, DATABASE, HEAP, BTREE = 10, 5, 2, 403
KNOWN_OIDS = {
    "pg_class": 1259,
    "pg_type": 1247,
    "pg_attribute": 1249,
    "pg_proc": 1255,
    "pg_namespace": 2615,
    "pg_constraint": 2606,
    "pg_attrdef": 2604,
    "pg_depend": 2608,
    "pg_rewrite": 2618,
    "pg_trigger": 2620,
    "pg_authid": 1260,
    "pg_database": 1262,
}
_DELETES = {records.NO_ACTION: "a", records.RESTRICT: "r", records.CASCADE: "c", records.SET_NULL: "n", records.SET_DEFAULT: "d"}
_CONTYPES = {records.PRIMARY: "p", records.UNIQUE: "u", records.CHECK: "c", records.FOREIGN: "f"}


def schema_oid(catalog: Catalog, number: int) -> int:
    """The namespace of an object."""
    return catalog.schemas.get(catalog.schema_of(number), PG_CATALOG)


def namespaces(env: Any) -> Rows:
    """pg_namespace."""
    for name, number in env.catalog.schemas.items():
        yield number, name, ROLE, None


def classes(env: Any) -> Rows:
    """pg_class."""
    catalog: Catalog = env.catalog
    tables = [found for found in catalog.objects.values() if isinstance(found, records.Table)]
    # In PostgreSQL triggers keep foreign keys; clients look for keys where there are triggers.
    parents = {constraint.parent for found in tables for constraint in found.constraints}
    for number, found in catalog.objects.items():
        schema = schema_oid(catalog, number)
        if isinstance(found, records.Table):
            indexes = bool(catalog.indexes.get(number))
            checks = sum(constraint.kind == records.CHECK for constraint in found.constraints)
            natts = max((column.id for column in found.columns), default=0)
            keyed = number in parents or any(constraint.kind == records.FOREIGN for constraint in found.constraints)
            form = "m" if found.source else "r"
            yield _class(
                number, found.name, schema, form, natts, indexes, checks,
                rowtype=number + 1, keyed=keyed, temporary=found.temporary, populated=not found.source.unfilled,
            )  # fmt: skip
        elif isinstance(found, records.View):
            temporary = catalog.schema_of(number).startswith("pg_temp_")
            yield _class(number, found.name, schema, "v", len(found.columns), False, 0, rowtype=number + 1, temporary=temporary)
        elif isinstance(found, records.Index):
            yield _class(number, found.name, schema, "i", len(found.columns), False, 0, access=BTREE)
        elif isinstance(found, records.Sequence):
            yield _class(number, found.name, schema, "S", 3, False, 0)
    for (schema_name, name), relation in catalog.all_built_in().items():
        yield _class(
            relation.oid,
            name,
            BUILT_IN_SCHEMAS[schema_name],
            "r" if schema_name == "pg_catalog" else "v",
            relation.width,
            False,
            0,
        )


def _class(
    number: int,
    name: str,
    schema: int,
    kind: str,
    natts: int,
    indexed: bool,
    checks: int,
    rowtype: int = 0,
    access: int = HEAP,
    keyed: bool = False,
    temporary: bool = False,
    populated: bool = True,
) -> Sequence[Any]:
    access = access if kind in "rim" else 0
    persistence = "t" if temporary else "p"
    return (
        number, name, schema, rowtype, 0, ROLE, access, number, 0, 0, -1.0, 0, 0, indexed, False, persistence, kind, natts,
        checks,
        kind in "vm", keyed, False, False, False, populated, "d", False, 0, None, None, None,
    )  # fmt: skip


_CLASS = (
    "oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner oid, relam oid,"
    " relfilenode oid, reltablespace oid,"
    " relpages int4, reltuples float4, relallvisible int4, reltoastrelid oid, relhasindex bool, relisshared bool,"
    " relpersistence char,"
    " relkind char, relnatts int2, relchecks int2, relhasrules bool, relhastriggers bool, relhassubclass bool,"
    " relrowsecurity bool,"
    " relforcerowsecurity bool, relispopulated bool, relreplident char, relispartition bool, relrewrite oid, relacl aclitem[],"
    " reloptions text[], relpartbound text"
)


def types(env: Any) -> Rows:
    """pg_type."""
    catalog: Catalog = env.catalog
    for row in kinds.BUILT_IN.values():
        form = "p" if row.category in "PX" else "b"
        yield _type(row.oid, row.name, PG_CATALOG, row.length, form, row.category, row.preferred, 0, row.array, _element(row.oid))
        if row.array:
            yield _type(row.array, f"_{row.name}", PG_CATALOG, -1, "b", "A", False, 0, 0, row.oid)
    for number, found in catalog.objects.items():
        schema = schema_oid(catalog, number)
        if isinstance(found, records.UserType):
            enum = found.form == records.ENUM
            base = kinds.of_record(found.base) if found.base else kinds.Kind(0)
            category = "E" if enum else kinds.category(base.oid)
            yield _type(
                number, found.name, schema, 4 if enum else -1, "e" if enum else "d", category, False, 0, number + 2, 0,
                found.not_null, base.oid, base.modifier,
            )  # fmt: skip
            yield _type(number + 2, f"_{found.name}", schema, -1, "b", "A", False, 0, 0, number)
        elif isinstance(found, records.Table | records.View):
            yield _type(number + 1, found.name, schema, -1, "c", "C", False, number, 0, 0)


_READERS = {"A": "array_", "E": "enum_", "C": "record_", "d": "domain_"}
"""Whose functions read types, by category; all others have their own."""


def _element(oid: int) -> int:
    return {kinds.INT2VECTOR: kinds.INT2, kinds.OIDVECTOR: kinds.OID, kinds.NAME: kinds.CHAR1}.get(oid, 0)


def _type(
    oid: int,
    name: str,
    schema: int,
    length: int,
    form: str,
    category: str,
    preferred: bool,
    relation: int,
    array: int,
    element: int,
    not_null: bool = False,
    base: int = 0,
    modifier: int = -1,
) -> Sequence[Any]:
    by_value = 0 < length <= 8
    collation = kinds.collation(base or oid)
    reads = name if name in _VECTORS else _READERS.get(category if form != "d" else "d", name)
    scalar = kinds.BUILT_IN.get(element if category == "A" and element else base or oid)
    return (
        oid, name, schema, ROLE, length, by_value, form, category, preferred, True, ",", relation,
        input_functions.subscript(name, category, length), element, array,
        alignment(scalar, is_array=category == "A"), "p" if length >= 0 else _STORAGE.get(name, "x"), not_null,
        base, modifier, 0, collation, None, None, *input_functions.of_type(reads),
    )  # fmt: skip


def alignment(scalar: kinds.BuiltIn | None, *, is_array: bool = False) -> str:
    """PostgreSQL's letter for how values of a type, or arrays of it, lie in its pages."""
    if scalar is None:
        return "i"
    if scalar.name in _DOUBLES or scalar.length == 8:
        return "d"
    return "i" if is_array else _ALIGNMENTS.get(scalar.name, "i")


_VECTORS = frozenset({"int2vector", "oidvector"})
_DOUBLES = frozenset({"interval", "timetz", "record", "anyarray"})
_ALIGNMENTS = {"bool": "c", "char": "c", "name": "c", "uuid": "c", "unknown": "c", "int2": "s"}
_STORAGE = {"cidr": "m", "inet": "m", "numeric": "m", "unknown": "p", "int2vector": "p", "oidvector": "p"}


_TYPE = (
    "oid oid, typname name, typnamespace oid, typowner oid, typlen int2, typbyval bool, typtype char, typcategory char,"
    " typispreferred bool, typisdefined bool, typdelim char, typrelid oid, typsubscript regproc, typelem oid,"
    " typarray oid, typalign char,"
    " typstorage char, typnotnull bool, typbasetype oid, typtypmod int4, typndims int4, typcollation oid, typdefault text,"
    " typacl aclitem[], typinput regproc, typoutput regproc, typreceive regproc, typsend regproc"
)


def _from_0(items: list[int]) -> Bounded:
    """A vector: PostgreSQL counts its places from 0."""
    return Bounded(items, (0,))


def indexes(env: Any) -> Rows:
    """pg_index."""
    catalog: Catalog = env.catalog
    for number, found in catalog.objects.items():
        if isinstance(found, records.Index):
            table = catalog.objects[found.table]
            assert isinstance(table, records.Table)
            primary = any(each.kind == records.PRIMARY and each.index == number for each in table.constraints)
            keys = [part.column for part in found.columns] + list(found.included)
            typed = {column.id: column for column in table.columns}
            collations = [
                kinds.collation(kinds.of_record(typed[part.column].kind).oid, typed[part.column].collation) if part.column else 0
                for part in found.columns
            ]
            options = [(1 if part.descending else 0) | (2 if part.nulls == records.NULLS_FIRST else 0) for part in found.columns]
            show = env.session.describe.expression
            expressions = ", ".join(show(part.expression, found.table) for part in found.columns if not part.column) or None
            yield (
                number, found.table, len(keys), len(found.columns), found.unique, found.nulls_equal, primary, False, True, False,
                not found.building, False, True, True, False,
                *map(_from_0, (keys, collations, [0] * len(options), options)),
                expressions, show(found.predicate, found.table) or None,
            )  # fmt: skip


_INDEX = (
    "indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, indisunique bool, indnullsnotdistinct bool,"
    " indisprimary bool,"
    " indisexclusion bool, indimmediate bool, indisclustered bool, indisvalid bool, indcheckxmin bool,"
    " indisready bool, indislive bool,"
    " indisreplident bool, indkey int2vector, indcollation oidvector, indclass oidvector, indoption int2vector,"
    " indexprs text, indpred text"
)


def constraints(env: Any) -> Rows:
    """pg_constraint."""
    catalog: Catalog = env.catalog
    show = env.session.describe.expression
    for number, found in catalog.objects.items():
        if not isinstance(found, records.Table | records.UserType):
            continue
        schema, table = schema_oid(catalog, number), isinstance(found, records.Table)
        for each in found.constraints:
            foreign = each.kind == records.FOREIGN
            yield (
                each.number, each.name, schema, _CONTYPES[each.kind], each.deferrable, each.deferred, not each.unvalidated,
                number if table else 0, 0 if table else number, each.index, 0, each.parent,
                _DELETES[each.on_update] if foreign else " ",
                _DELETES[each.on_delete] if foreign else " ", ("f" if each.match_full else "s") if foreign else " ",
                True, 0, True,
                list(each.columns) or None, list(each.parent_columns) or None, show(each.check, number) or None,
            )  # fmt: skip


_CONSTRAINT = (
    "oid oid, conname name, connamespace oid, contype char, condeferrable bool, condeferred bool,"
    " convalidated bool, conrelid oid,"
    " contypid oid, conindid oid, conparentid oid, confrelid oid, confupdtype char, confdeltype char,"
    " confmatchtype char, conislocal bool,"
    " coninhcount int4, connoinherit bool, conkey int2[], confkey int2[], conbin text"
)


def sequences(env: Any) -> Rows:
    """pg_sequence."""
    for number, found in env.catalog.objects.items():
        if isinstance(found, records.Sequence):
            kind = kinds.of_record(found.kind).oid
            yield number, kind, found.start, found.increment, found.max, found.min, found.cache, found.cycle


def enums(env: Any) -> Rows:
    """pg_enum."""
    for number, found in env.catalog.objects.items():
        if isinstance(found, records.UserType) and found.form == records.ENUM:
            labels = env.catalog.labels(number) or {}
            for label in found.labels:
                yield number * 64 + label.number & 0x7FFFFFFF, number, labels[label.name], label.name


def databases(_env: Any) -> Rows:
    """pg_database."""
    for place, name in enumerate(("hyperdb", "postgres")):
        yield DATABASE + place, name, ROLE, 6, "c", False, True, -1, 0, 1, 1663, "C", "C", None, None


def roles(env: Any) -> Rows:
    """pg_roles."""
    for name, record in env.session.roles.records.items():
        if name == PUBLIC:
            continue
        shown = env.session.role_name(ROLE) if name == BOOTSTRAP_ROLE else name
        yield role_oid(name), shown, *_flags(record), record.connection_limit, "********", _until(record), None


def _until(record: RoleRecord) -> int | None:
    return None if record.valid_until == FOR_EVER else record.valid_until


def _flags(record: RoleRecord) -> Sequence[bool]:
    """Superuser, inherits, makes roles, makes databases, logs in, replicates, passes policies."""
    if record.attributes & SUPERUSER and record == RoleRecord(SUPERUSER | LOGIN | INHERIT, verifier=record.verifier):
        return [True] * 7
    bits = (SUPERUSER, INHERIT, CREATE_ROLE, CREATE_DATABASE, LOGIN)
    return [*[bool(record.attributes & bit) for bit in bits], False, bool(record.attributes & BYPASS_POLICIES)]


def members(env: Any) -> Rows:
    """pg_auth_members."""
    for name, record in env.session.roles.records.items():
        for group, options in record.memberships:
            yield role_oid(group), role_oid(group), role_oid(name), ROLE, bool(options & 1)


def users(env: Any) -> Rows:
    """pg_user."""
    for name, record in env.session.roles.records.items():
        if record.attributes & LOGIN:
            shown = env.session.role_name(ROLE) if name == BOOTSTRAP_ROLE else name
            is_super, _, _, makes, _, replicates, passes = _flags(record)
            yield shown, role_oid(name), makes, is_super, replicates, passes, "********", _until(record), None


def settings(env: Any) -> Rows:
    """pg_settings."""
    for name, value, about in env.session.settings():
        yield name, value, None, "Preset", about, None, "user", "string", "session", None, None, None, value, value, False


def cursors(env: Any) -> Rows:
    """pg_cursors."""
    for cursor in env.session.cursors():
        said = cursor.declared
        yield said.name, said.text, said.hold, said.binary, cursor.scrolls, cursor.created


def prepared_statements(env: Any) -> Rows:
    """pg_prepared_statements."""
    for name, prepared, at, said in env.session.prepared():
        yield name, said or str(prepared.text), at, list(prepared.parameters), said is not None, 0, 0


def _owner(env: Any, found: Any) -> str:
    name: str = env.session.role_name(role_oid(found.owner))
    return name


def relation_views(word: str) -> Callable[[Any], Rows]:
    """pg_tables, pg_views, pg_indexes, pg_sequences."""

    def rows(env: Any) -> Rows:
        catalog: Catalog = env.catalog
        for number, found in catalog.objects.items():
            if isinstance(found, records.App):
                continue
            schema = catalog.schema_of(number)
            if word == "matview" and isinstance(found, records.Table) and found.source:
                indexed, populated = bool(catalog.indexes.get(number)), not found.source.unfilled
                yield schema, found.name, _owner(env, found), None, indexed, populated, found.source.query.text
            elif word == "table" and isinstance(found, records.Table) and not found.source:
                yield schema, found.name, _owner(env, found), None, bool(catalog.indexes.get(number)), False, False, False
            elif word == "view" and isinstance(found, records.View):
                yield schema, found.name, _owner(env, found), found.query.text
            elif word == "index" and isinstance(found, records.Index):
                yield schema, catalog.objects[found.table].name, found.name, None, env.session.describe.index_definition(number)
            elif word == "sequence" and isinstance(found, records.Sequence):
                yield (
                    schema,
                    found.name,
                    env.session.role,
                    kinds.of_record(found.kind).oid,
                    found.start,
                    found.min,
                    found.max,
                    found.increment,
                    found.cycle,
                    found.cache,
                )

    return rows


RELATIONS: dict[str, tuple[str, Callable[[Any], Rows]]] = {
    "pg_namespace": ("oid oid, nspname name, nspowner oid, nspacl aclitem[]", namespaces),
    "pg_class": (_CLASS, classes),
    "pg_type": (_TYPE, types),
    "pg_index": (_INDEX, indexes),
    "pg_constraint": (_CONSTRAINT, constraints),
    "pg_sequence": (
        "seqrelid oid, seqtypid oid, seqstart int8, seqincrement int8, seqmax int8, seqmin int8, seqcache int8, seqcycle bool",
        sequences,
    ),
    "pg_enum": ("oid oid, enumtypid oid, enumsortorder float4, enumlabel name", enums),
    "pg_database": (
        "oid oid, datname name, datdba oid, encoding int4, datlocprovider char, datistemplate bool, datallowconn bool,"
        " datconnlimit int4,"
        " datfrozenxid xid, datminmxid xid, dattablespace oid, datcollate text, datctype text, daticulocale text,"
        " datacl aclitem[]",
        databases,
    ),
    "pg_roles": (
        "oid oid, rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, rolcanlogin bool,"
        " rolreplication bool, rolbypassrls bool, rolconnlimit int4, rolpassword text, rolvaliduntil timestamptz,"
        " rolconfig text[]",
        roles,
    ),
    "pg_auth_members": ("oid oid, roleid oid, member oid, grantor oid, admin_option bool", members),
    "pg_user": (
        "usename name, usesysid oid, usecreatedb bool, usesuper bool, userepl bool, usebypassrls bool, passwd text,"
        " valuntil timestamptz,"
        " useconfig text[]",
        users,
    ),
    "pg_settings": (
        "name text, setting text, unit text, category text, short_desc text, extra_desc text, context text,"
        " vartype text, source text,"
        " min_val text, max_val text, enumvals text[], boot_val text, reset_val text, pending_restart bool",
        settings,
    ),
    "pg_cursors": (
        "name text, statement text, is_holdable bool, is_binary bool, is_scrollable bool, creation_time timestamptz",
        cursors,
    ),
    "pg_prepared_statements": (
        "name text, statement text, prepare_time timestamptz, parameter_types regtype[], from_sql bool, generic_plans int8,"
        " custom_plans int8",
        prepared_statements,
    ),
    "pg_tables": (
        "schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool, hasrules bool, hastriggers bool,"
        " rowsecurity bool",
        relation_views("table"),
    ),
    "pg_matviews": (
        "schemaname name, matviewname name, matviewowner name, tablespace name, hasindexes bool, ispopulated bool,"
        " definition text",
        relation_views("matview"),
    ),
    "pg_views": ("schemaname name, viewname name, viewowner name, definition text", relation_views("view")),
    "pg_indexes": ("schemaname name, tablename name, indexname name, tablespace name, indexdef text", relation_views("index")),
    "pg_sequences": (
        "schemaname name, sequencename name, sequenceowner name, data_type regtype, start_value int8, min_value int8,"
        " max_value int8, increment_by int8,"
        " cycle bool, cache_size int8",
        relation_views("sequence"),
    ),
}
