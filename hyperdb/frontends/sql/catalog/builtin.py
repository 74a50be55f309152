"""pg_catalog and information_schema: relations that are made from the one catalog whenever they are read.

Theory: each relation is a row of a table: its name, its columns, and what makes its rows. Clients read them to show what there
is, so a relation is there with PostgreSQL 15's columns that clients ask for. Invariant: nothing of them is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hyperdb.frontends.sql.catalog import attributes, information, kinds, objects
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


_EMPTY = {
    "pg_policy": "oid oid, polname name, polrelid oid, polcmd char, polpermissive bool, polroles oid[], polqual text,"
    " polwithcheck text",
    "pg_trigger": "oid oid, tgrelid oid, tgparentid oid, tgname name, tgfoid oid, tgtype int2, tgenabled char, tgisinternal bool,"
    " tgconstrrelid oid, tgconstrindid oid, tgconstraint oid, tgdeferrable bool, tginitdeferred bool, tgnargs int2, tgqual text",
    "pg_inherits": "inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending bool",
    "pg_statistic_ext": "oid oid, stxrelid oid, stxname name, stxnamespace oid, stxowner oid, stxstattarget int4, stxkeys int2[],"
    " stxkind char[]",
    "pg_publication": "oid oid, pubname name, pubowner oid, puballtables bool, pubinsert bool, pubupdate bool, pubdelete bool",
    "pg_publication_rel": "oid oid, prpubid oid, prrelid oid, prqual text, prattrs int2[]",
    "pg_publication_namespace": "oid oid, pnpubid oid, pnnspid oid",
    "pg_partitioned_table": "partrelid oid, partstrat char, partnatts int2, partdefid oid, partexprs text",
    "pg_foreign_table": "ftrelid oid, ftserver oid, ftoptions text[]",
    "pg_foreign_server": "oid oid, srvname name, srvowner oid, srvfdw oid, srvtype text, srvversion text, srvoptions text[]",
    "pg_extension": "oid oid, extname name, extowner oid, extnamespace oid, extrelocatable bool, extversion text",
    "pg_rewrite": "oid oid, rulename name, ev_class oid, ev_type char, ev_enabled char, is_instead bool",
    "pg_depend": "classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, deptype char",
    "pg_proc": "oid oid, proname name, pronamespace oid, proowner oid, prolang oid, prokind char, proretset bool, prorettype oid,"
    " pronargs int2, proargtypes oidvector, proisstrict bool, provolatile char, prosrc text",
    "pg_range": "rngtypid oid, rngsubtype oid, rngmultitypid oid, rngcollation oid, rngsubopc oid",
    "pg_event_trigger": "oid oid, evtname name, evtevent name, evtowner oid, evtfoid oid, evtenabled char, evttags text[]",
    "pg_shdescription": "objoid oid, classoid oid, description text",
}
_CATALOG: dict[str, tuple[str, Rows]] = {**objects.RELATIONS, **attributes.RELATIONS}


def built_in_relations(catalog: Catalog) -> dict[tuple[str, str], Relation]:
    """By schema and name. Their numbers are the same in every catalog."""
    del catalog
    return _ALL


def _make() -> dict[tuple[str, str], Relation]:
    found: dict[tuple[str, str], Relation] = {}
    number = _FIRST_OID
    tables = {**_CATALOG, **{name: (text, _nothing) for name, text in _EMPTY.items()}}
    for schema, relations in (("pg_catalog", tables), ("information_schema", information.RELATIONS)):
        for name, (text, rows) in sorted(relations.items()):
            columns = columns_of(text)
            oid = objects.KNOWN_OIDS.get(name, number)
            found[schema, name] = Relation(oid, schema, name, columns, None, len(columns), rows)
            number += 1
    return found


_ALL = _make()
