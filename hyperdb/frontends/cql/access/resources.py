"""Permissions as bits, and what they are on.

Theory: a resource lies in others (a table in the tables of its keyspace, these in the keyspace, that in all keyspaces), and has
what is granted on them. Invariant: bits and kinds are stored in role records and never change their meaning
(docs/file-format.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hyperdb.frontends.cql.parse.permissions import Permission, Resource, ResourceKind
from hyperdb.frontends.cql.schema.model import NO_KEYSPACE, Schema
from hyperdb.frontends.cql.types.faults import invalid

_INSERT, _UPDATE, _DELETE, _TRUNCATE = 2, 4, 8, 16
BITS: Mapping[Permission, int] = {
    Permission.SELECT: 1,
    Permission.MODIFY: _INSERT | _UPDATE | _DELETE | _TRUNCATE,
    Permission.CREATE: 256,
    Permission.ALTER: 512,
    Permission.DROP: 1024,
    Permission.AUTHORIZE: 2048,
    Permission.DESCRIBE: 4096,
    Permission.EXECUTE: 8192,
    Permission.UNMASK: 16384,
    Permission.SELECT_MASKED: 32768,
}
EVERYTHING, KEYSPACE, TABLE, ROLE, FUNCTION, BEAN = 0, 1, 2, 7, 8, 9
"""Kinds of objects in grants: those of the catalog, and CQL's own."""
_P = Permission
_OF_TABLE = (_P.ALTER, _P.DROP, _P.SELECT, _P.MODIFY, _P.AUTHORIZE, _P.UNMASK, _P.SELECT_MASKED)
_OF_ROLE = (_P.ALTER, _P.DROP, _P.AUTHORIZE)
_OF_FUNCTION = (_P.ALTER, _P.DROP, _P.AUTHORIZE, _P.EXECUTE)
_OF_BEAN = (_P.SELECT, _P.MODIFY, _P.AUTHORIZE, _P.DESCRIBE, _P.EXECUTE)
APPLICABLE: Mapping[ResourceKind, tuple[Permission, ...]] = {
    ResourceKind.ALL_KEYSPACES: (_P.CREATE, *_OF_TABLE),
    ResourceKind.KEYSPACE: (_P.CREATE, *_OF_TABLE),
    ResourceKind.ALL_TABLES: (_P.CREATE, *_OF_TABLE),
    ResourceKind.TABLE: _OF_TABLE,
    ResourceKind.ALL_ROLES: (_P.CREATE, *_OF_ROLE, _P.DESCRIBE),
    ResourceKind.ROLE: _OF_ROLE,
    ResourceKind.ALL_FUNCTIONS: (_P.CREATE, *_OF_FUNCTION),
    ResourceKind.FUNCTION: _OF_FUNCTION,
    ResourceKind.ALL_MBEANS: _OF_BEAN,
    ResourceKind.MBEAN: _OF_BEAN,
    ResourceKind.MBEANS: _OF_BEAN,
}
_CLASSES = {EVERYTHING: "DataResource", KEYSPACE: "DataResource", TABLE: "DataResource", ROLE: "RoleResource"}
_DATA, _ROLES = "data", "roles"


@dataclass(frozen=True, slots=True)
class Place:
    """What a grant is on: as it is stored, as messages show it, as `system_auth` has it; and the kind of resource."""

    kind: int
    key: str
    shown: str
    path: str
    resource: ResourceKind

    @property
    def class_name(self) -> str:
        """What Cassandra calls the kind."""
        return _CLASSES[self.kind]


ALL_KEYSPACES = Place(EVERYTHING, "", "<all keyspaces>", _DATA, ResourceKind.ALL_KEYSPACES)
ALL_ROLES = Place(ROLE, "", "<all roles>", _ROLES, ResourceKind.ALL_ROLES)


def of_role(name: str) -> Place:
    """A role."""
    return Place(ROLE, name, f"<role {name}>", f"{_ROLES}/{name}", ResourceKind.ROLE)


def of_keyspace(schema: Schema, name: str) -> Place:
    """A keyspace, by its number where it has one."""
    number = schema.numbers.get(name)
    return Place(
        KEYSPACE, name if number is None else str(number), f"<keyspace {name}>", f"{_DATA}/{name}", ResourceKind.KEYSPACE
    )


def of_tables(schema: Schema, keyspace: str) -> Place:
    """All tables of a keyspace."""
    inside = of_keyspace(schema, keyspace)
    return Place(KEYSPACE, f"{inside.key}.*", f"<all tables in {keyspace}>", f"{inside.path}/*", ResourceKind.ALL_TABLES)


def of_table(schema: Schema, keyspace: str, name: str) -> Place:
    """A table, by its number where it has one."""
    found = schema.find(keyspace, name)
    key = f"{keyspace}.{name}" if found is None or found.number == 0 else str(found.number)
    return Place(TABLE, key, f"<table {keyspace}.{name}>", f"{_DATA}/{keyspace}/{name}", ResourceKind.TABLE)


def chain(schema: Schema, keyspace: str | None, resource: Resource) -> list[Place]:
    """A resource and those that it lies in, from the inside.

    Raises:
        CqlError: invalid: a kind that this server has none of, or no keyspace.
    """
    kind, name = resource.kind, resource.name or ""
    match kind:
        case ResourceKind.ALL_KEYSPACES:
            return [ALL_KEYSPACES]
        case ResourceKind.ALL_ROLES:
            return [ALL_ROLES]
        case ResourceKind.ROLE:
            return [of_role(name), ALL_ROLES]
        case ResourceKind.KEYSPACE:
            return [of_keyspace(schema, name), ALL_KEYSPACES]
        case ResourceKind.ALL_TABLES:
            return [of_tables(schema, name), of_keyspace(schema, name), ALL_KEYSPACES]
        case ResourceKind.TABLE:
            within = resource.keyspace or keyspace
            if within is None:
                raise invalid(NO_KEYSPACE)
            found = schema.find(within, name)
            base = found.base if found is not None and found.base is not None else name
            return [of_table(schema, within, base), of_tables(schema, within), of_keyspace(schema, within), ALL_KEYSPACES]
        case _:
            raise invalid(f"Permissions on {kind.value} are not supported: this server has neither functions of users nor beans")


def exists(schema: Schema, place: Place) -> bool:
    """Whether there is what a place of tables or keyspaces names."""
    parts = place.path.split("/")
    if len(parts) == 1:
        return True
    return schema.has_keyspace(parts[1]) if len(parts) == 2 or parts[2] == "*" else schema.find(parts[1], parts[2]) is not None
