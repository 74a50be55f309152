"""What the roles are and what they may do, at one moment, and keeping that for a while.

Theory: a role has what it was granted and what the roles that it belongs to have; who made an object has all of it. Invariant: an
image does not change once it is made; the kept one is not older than the last change, in whichever language that was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from hyperdb.frontends.cql.access.resources import ALL_KEYSPACES, ALL_ROLES, BITS, Place
from hyperdb.frontends.cql.parse.permissions import Permission, ResourceKind
from hyperdb.frontends.cql.schema.faults import unauthorized
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.graph.catalog.tables import Tables
from hyperdb.graph.roles import committed_roles
from hyperdb.roles import (
    ALIASES,
    BOOTSTRAP_ROLE,
    CREATE_DATABASE,
    CREATE_ROLE,
    INHERIT,
    LOGIN,
    SUPERUSER,
    RoleChanges,
    RoleRecord,
)

SHOWN = "cassandra"
"""What the bootstrap role is called here."""
EVERYBODY = "public"
"""The record of what everybody may do; no role."""
_OF_ROLES = BITS[Permission.CREATE] | BITS[Permission.ALTER] | BITS[Permission.DROP] | BITS[Permission.DESCRIBE]


def kept(name: str) -> str:
    """The name under which a role is stored."""
    return BOOTSTRAP_ROLE if name in ALIASES or not name else name


def shown(name: str) -> str:
    """The name that clients are told."""
    return SHOWN if name in ALIASES or not name else name


class RoleImage:
    """The roles, by the names under which they are stored; the bootstrap role is always there."""

    def __init__(self, found: Mapping[str, RoleRecord]) -> None:
        own = found.get(BOOTSTRAP_ROLE, RoleRecord())
        bootstrap = RoleRecord(SUPERUSER | LOGIN | INHERIT, verifier=own.verifier)
        self.records: Mapping[str, RoleRecord] = {**found, BOOTSTRAP_ROLE: bootstrap}

    def find(self, name: str) -> RoleRecord | None:
        """A role by its name or alias."""
        return None if name == EVERYBODY else self.records.get(kept(name))

    @cached_property
    def names(self) -> Sequence[str]:
        """All roles, as clients are told of them, in order."""
        return sorted(shown(name) for name in self.records if name != EVERYBODY)

    def all_of(self, name: str, *, inherited: bool = False) -> list[str]:
        """The role and those that it belongs to, directly or not; `inherited`: only those whose permissions it has by itself,
        which a role of SQL's may have none of (NOINHERIT)."""
        found = [kept(name)]
        for each in found:
            record = self.records.get(each, RoleRecord())
            if record.attributes & INHERIT or not inherited:
                found += [other for other, _ in record.memberships if other not in found]
        return found

    def is_super(self, name: str) -> bool:
        """Whether a role, or one that it belongs to, passes every check."""
        return any(self.records.get(each, RoleRecord()).attributes & SUPERUSER for each in self.all_of(name, inherited=True))

    def bits(self, name: str, place: Place) -> int:
        """What was granted to a role itself on one place."""
        record = self.records.get(kept(name), RoleRecord())
        found = 0
        for grant in record.grants:
            if (grant.kind, grant.object) == (place.kind, place.key):
                found |= grant.privileges
        if place == ALL_ROLES and record.attributes & CREATE_ROLE:
            found |= _OF_ROLES
        if place == ALL_KEYSPACES and record.attributes & CREATE_DATABASE:
            found |= BITS[Permission.CREATE]
        return found

    def may(self, name: str, permission: Permission, places: Sequence[Place], schema: Schema) -> bool:
        """Whether a role has a permission on the first of `places`, or on one that it lies in."""
        if self.is_super(name):
            return True
        wanted = BITS[permission]
        roles = self.all_of(name, inherited=True)
        if any(owner(schema, place) in roles for place in places):
            return True
        return any(self.bits(role, place) & wanted == wanted for role in (*roles, EVERYBODY) for place in places)

    def need(self, name: str, permission: Permission, places: Sequence[Place], schema: Schema) -> None:
        """Refuses what a role may not do.

        Raises:
            CqlError: unauthorized.
        """
        if not self.may(name, permission, places, schema):
            who = f"User {shown(name)} has no {permission.value} permission"
            raise unauthorized(f"{who} on {places[0].shown} or any of its parents")


def owner(schema: Schema, place: Place) -> str | None:
    """Who made a keyspace or a table; None: the bootstrap role, or nobody."""
    parts = place.path.split("/")
    if place.resource not in (ResourceKind.KEYSPACE, ResourceKind.TABLE):
        return None
    if place.resource is ResourceKind.KEYSPACE:
        return schema.owners.get((parts[1], ""))
    return schema.owners.get((parts[1], parts[2]))


class RoleCache:
    """The newest image. Thread-safe."""

    def __init__(self, tables: Tables, changes: RoleChanges) -> None:
        self._tables = tables
        self._changes = changes
        self._kept: tuple[int, RoleImage] | None = None

    def image(self) -> RoleImage:
        """The roles as they were committed."""
        count, kept = self._changes.count, self._kept
        if kept is not None and kept[0] == count:
            return kept[1]
        made = RoleImage(committed_roles(self._tables))
        self._kept = count, made
        return made
