"""All keyspaces that every server has.

Invariant: names of Cassandra's are Cassandra's tables; what is this store's own is in keyspace `hyperdb`.
"""

from __future__ import annotations

from collections.abc import Mapping

from hyperdb.frontends.cql.describe.schema import Keyspace
from hyperdb.frontends.cql.schema.model import Builtin, Served
from hyperdb.frontends.cql.schema.options import SIMPLE
from hyperdb.frontends.cql.system import auth, distributed, local, own, schema_tables, traces, views
from hyperdb.frontends.cql.system.computed import Definition, keyspace, served

_LOCAL = {"class": "org.apache.cassandra.locator.LocalStrategy"}
_REAL: Mapping[str, tuple[Definition, ...]] = {
    "system": local.TABLES,
    "system_auth": auth.TABLES,
    "system_distributed": distributed.TABLES,
    "system_schema": schema_tables.TABLES,
    "system_traces": traces.TABLES,
}
_VIRTUAL: Mapping[str, tuple[Definition, ...]] = {
    "hyperdb": own.TABLES,
    "system_views": views.TABLES,
    "system_virtual_schema": schema_tables.VIRTUAL,
}


_REPLICATED = frozenset(["system_auth", "system_distributed", "system_traces"])


def _keyspace(name: str, tables: Mapping[tuple[str, str], Served]) -> Keyspace:
    inside = (each for (within, _), each in tables.items() if within == name)
    return keyspace(name, inside, replication=SIMPLE if name in _REPLICATED else _LOCAL)


def _make() -> Builtin:
    tables: dict[tuple[str, str], Served] = {}
    for virtual, keyspaces in ((False, _REAL), (True, _VIRTUAL)):
        for name, definitions in keyspaces.items():
            for each in definitions:
                tables[name, each.name] = served(name, each, virtual=virtual)
    real, computed = ({name: _keyspace(name, tables) for name in names} for names in (_REAL, _VIRTUAL))
    return Builtin(real, computed, tables)


BUILTIN = _make()
