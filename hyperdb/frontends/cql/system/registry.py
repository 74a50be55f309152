"""All keyspaces that every server has.

Invariant: names of Cassandra's are Cassandra's tables; what is this store's own is in keyspace `hyperdb`.
"""

from __future__ import annotations

from collections.abc import Mapping

from hyperdb.frontends.cql.schema.model import Builtin, Served
from hyperdb.frontends.cql.system import local, schema_tables, traces
from hyperdb.frontends.cql.system.computed import Definition, keyspace, served

_LOCAL = {"class": "org.apache.cassandra.locator.LocalStrategy"}
_REAL: Mapping[str, tuple[Definition, ...]] = {
    "system": local.TABLES,
    "system_schema": schema_tables.TABLES,
    "system_traces": traces.TABLES,
}
_VIRTUAL: Mapping[str, tuple[Definition, ...]] = {
    "system_virtual_schema": schema_tables.VIRTUAL,
}


def _make() -> Builtin:
    tables: dict[tuple[str, str], Served] = {}
    for virtual, keyspaces in ((False, _REAL), (True, _VIRTUAL)):
        for name, definitions in keyspaces.items():
            for each in definitions:
                tables[name, each.name] = served(name, each, virtual=virtual)
    real, computed = (
        {name: keyspace(name, (each for (own, _), each in tables.items() if own == name), replication=_LOCAL) for name in names}
        for names in (_REAL, _VIRTUAL)
    )
    return Builtin(real, computed, tables)


BUILTIN = _make()
