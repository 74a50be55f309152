"""Options of tables and keyspaces as the catalog keeps them: settings, of which each is a name and a text.

Theory: only what differs from Cassandra's default is kept, so a later default is every table's. Maps are JSON, bytes in them hex.
Invariant: `read(write(x)) == x`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any
from uuid import UUID, uuid5

from hyperdb.frontends.cql.describe.schema import Option, TableOptions
from hyperdb.graph.catalog.records import Setting

ID = "id"
PRIVACY = "hyperdb.privacy"
"""The extension that says how little a store may learn of reading the table."""
_SPACE = UUID("9c3ed6a8-6f43-5c86-9d5c-0a2f5d2d9a5e")
_DEFAULTS = TableOptions()
_NAMES = tuple(each.name for each in fields(TableOptions))
_REPLICATION = "replication"
_DURABLE = "durable_writes"
_COMMENT = "comment"
SIMPLE = {"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": "1"}
"""How a keyspace is replicated that nobody has said it of."""


def _write(value: Option) -> str:
    if isinstance(value, Mapping):
        return json.dumps({key: each.hex() if isinstance(each, bytes) else each for key, each in value.items()})
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read(name: str, text: str) -> Option:
    default = getattr(_DEFAULTS, name)
    if name == "extensions":
        return {key: bytes.fromhex(each) for key, each in json.loads(text).items()}
    if isinstance(default, Mapping):
        found: dict[str, str] = json.loads(text)
        return found
    if isinstance(default, bool):
        return text == "true"
    return text if isinstance(default, str) else type(default)(text)


def write_table(options: TableOptions, table_id: UUID) -> tuple[Setting, ...]:
    """A table's settings; its comment is a field of its record."""
    changed = [name for name in _NAMES if getattr(options, name) != getattr(_DEFAULTS, name) and name != _COMMENT]
    kept = [Setting(name=name, value=_write(getattr(options, name))) for name in changed]
    return (Setting(name=ID, value=str(table_id)), *kept)


def read_table(settings: Iterable[Setting], comment: str) -> TableOptions:
    """Back from `write_table`; what is not CQL's is left alone."""
    said: dict[str, Any] = {each.name: _read(each.name, each.value) for each in settings if each.name in _NAMES}
    return TableOptions(**{**said, _COMMENT: comment})


def is_own(name: str) -> bool:
    """Whether a setting is one of those that `write_table` makes."""
    return name == ID or name in _NAMES


def id_of(settings: Iterable[Setting], number: int) -> UUID:
    """A table's id: what was given out, or for one made in SQL what follows from its number."""
    said = next((each.value for each in settings if each.name == ID), None)
    return uuid5(_SPACE, str(number)) if said is None else UUID(said)


def write_keyspace(replication: Mapping[str, str], durable_writes: bool) -> tuple[Setting, ...]:
    """A keyspace's settings."""
    kept = [Setting(name=_REPLICATION, value=_write(replication))]
    if not durable_writes:
        kept.append(Setting(name=_DURABLE, value="false"))
    return tuple(kept)


def read_keyspace(settings: Iterable[Setting]) -> tuple[Mapping[str, str], bool]:
    """Back from `write_keyspace`: how it is replicated, and whether its writes are durable."""
    said = {each.name: each.value for each in settings}
    return json.loads(said[_REPLICATION]) if _REPLICATION in said else SIMPLE, said.get(_DURABLE) != "false"
