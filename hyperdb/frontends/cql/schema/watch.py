"""What has changed between two schemas, as clients are told: for those who asked for events, whoever changed the catalog.

Theory: sessions of CQL know what they changed, but SQL changes the same catalog, so events come from comparing schemas and not
from statements. Invariant: who follows the changes from one schema knows all keyspaces, tables and types of the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hyperdb.frontends.cql.describe.schema import Keyspace, Table, View
from hyperdb.frontends.cql.protocol.responses import SchemaChange
from hyperdb.frontends.cql.schema.model import Schema

CREATED, UPDATED, DROPPED = "CREATED", "UPDATED", "DROPPED"


def changes(before: Schema, after: Schema) -> list[SchemaChange]:
    """What happened, in an order in which it can be followed."""
    found = [SchemaChange(DROPPED, "KEYSPACE", name) for name in before.apps if name not in after.apps]
    for name in after.apps:
        now = after.keyspaces[name]
        was = before.keyspaces.get(name) if name in before.apps else None
        if was is None:
            found.append(SchemaChange(CREATED, "KEYSPACE", name))
        elif (was.replication, was.durable_writes) != (now.replication, now.durable_writes):
            found.append(SchemaChange(UPDATED, "KEYSPACE", name))
        found += _inside(name, was, now)
    return found


def _inside(name: str, was: Keyspace | None, now: Keyspace) -> Iterator[SchemaChange]:
    types = _by_name(was.types) if was else {}, _by_name(now.types)
    tables = _tables(was) if was else {}, _tables(now)
    # Tables go before the types that they are made of, and come behind them.
    yield from (SchemaChange(DROPPED, "TABLE", name, table) for table in tables[0] if table not in tables[1])
    yield from (SchemaChange(DROPPED, "TYPE", name, kind) for kind in types[0] if kind not in types[1])
    for target, (old, new) in (("TYPE", types), ("TABLE", tables)):
        for each, found in new.items():
            if each not in old:
                yield SchemaChange(CREATED, target, name, each)
            elif old[each] != found:
                yield SchemaChange(UPDATED, target, name, each)


def _by_name(found: Any) -> dict[str, Any]:
    return {each.name: each for each in found}


def _tables(keyspace: Keyspace) -> Mapping[str, Any]:
    """Tables and views with what belongs to them."""
    found: dict[str, Any] = {}
    every: list[Table | View] = [*keyspace.tables, *keyspace.views]
    for table in every:
        indexes = tuple(index for index in keyspace.indexes if index.table == table.name)
        found[table.name] = table, indexes
    return found


class Watcher:
    """Tells of changes once each. `look` may be called by anybody, at any time, with a schema of what is committed."""

    def __init__(self, tell: Callable[[SchemaChange], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._seen: Schema | None = None

    def look(self, schema: Schema) -> None:
        """Tells what has changed since the newest schema that was looked at."""
        with self._lock:
            before = self._seen
            if before is not None and before.version >= schema.version:
                return
            self._seen = schema
            # Within the lock, so that what happened later is told later.
            for each in changes(before, schema) if before is not None else ():
                self._tell(each)
