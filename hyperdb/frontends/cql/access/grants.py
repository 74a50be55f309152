"""GRANT, REVOKE and LIST of permissions.

Theory: as Cassandra's CassandraAuthorizer: of the permissions that are named those count which the resource can have; who grants
must have AUTHORIZE on it and what is granted. Invariant: what LIST shows is what `RoleImage.may` grants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hyperdb.frontends.cql.access.context import Context
from hyperdb.frontends.cql.access.image import RoleImage, kept, owner, shown
from hyperdb.frontends.cql.access.resources import (
    ALL_KEYSPACES,
    ALL_ROLES,
    APPLICABLE,
    BITS,
    ROLE,
    Place,
    chain,
    exists,
    of_keyspace,
    of_role,
    of_table,
    of_tables,
)
from hyperdb.frontends.cql.parse import permissions as pm
from hyperdb.frontends.cql.parse.permissions import Permission
from hyperdb.frontends.cql.protocol.responses import Column, Rows
from hyperdb.frontends.cql.schema.faults import unauthorized
from hyperdb.frontends.cql.schema.model import Schema
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import TEXT
from hyperdb.roles import ALIASES, Grant, RoleRecord

_COLUMNS = [Column("system_auth", "permissions", name, TEXT) for name in ("role", "username", "resource", "permission")]


def grant(context: Context, statement: pm.GrantPermissions) -> None:
    """GRANT and REVOKE of permissions."""
    places = chain(context.schema, context.keyspace, statement.resource)
    place = places[0]
    context.existing(statement.role)
    _check_exists(context, place)
    context.need(Permission.AUTHORIZE, places)
    possible = APPLICABLE[place.resource]
    wanted = possible if statement.permissions is None else [each for each in statement.permissions if each in possible]
    if not wanted:
        raise invalid(f"Resource type {place.class_name} does not support any of the requested permissions")
    roles = context.roles
    for each in wanted:
        roles.need(context.role, each, places, context.schema)
    if statement.role in ALIASES:
        raise invalid(f"{shown(statement.role)} is the bootstrap role: it has everything and stays as it is")
    held = roles.bits(statement.role, place)
    for each in wanted if statement.permissions is not None else ():
        has = held & BITS[each] == BITS[each]
        if has is not statement.revoke:
            how = "was not granted" if statement.revoke else "was already granted"
            context.warnings.append(f"Role '{statement.role}' {how} {each.value} on {place.shown}")
    bits = 0
    for each in wanted:
        bits |= BITS[each]
    context.change(statement.role, lambda record: _changed(record, place, bits, gives=not statement.revoke))


def _changed(record: RoleRecord, place: Place, bits: int, *, gives: bool) -> RoleRecord:
    before = next((each for each in record.grants if _is_on(each, place)), Grant(place.kind, place.key, 0))
    after = replace(before, privileges=before.privileges | bits if gives else before.privileges & ~bits)
    after = replace(after, grantable=after.grantable & after.privileges)
    rest = tuple(each for each in record.grants if not _is_on(each, place))
    return replace(record, grants=(*rest, after) if after.privileges else rest)


def _is_on(grant: Grant, place: Place) -> bool:
    return (grant.kind, grant.object) == (place.kind, place.key)


def _check_exists(context: Context, place: Place) -> None:
    if place.kind == ROLE:
        if place != ALL_ROLES and context.roles.find(place.key) is None:
            raise invalid(f"{place.shown} doesn't exist")
    elif not exists(context.schema, place):
        raise invalid(f"Resource {place.shown} doesn't exist")


def every_place(schema: Schema, roles: RoleImage) -> Iterator[Place]:
    """All that permissions can be on."""
    yield ALL_KEYSPACES
    for name in (*schema.keyspaces, *schema.virtual):
        yield of_keyspace(schema, name)
        yield of_tables(schema, name)
    for keyspace, name in schema.tables:
        yield of_table(schema, keyspace, name)
    yield ALL_ROLES
    for name in roles.names:
        yield of_role(name)


def held(schema: Schema, roles: RoleImage, role: str) -> Iterator[tuple[Place, list[Permission]]]:
    """What a role itself was granted, or has because it made it, by place."""
    for place in every_place(schema, roles):
        possible = APPLICABLE[place.resource]
        if owner(schema, place) == kept(role):
            yield place, list(possible)
            continue
        bits = roles.bits(role, place)
        found = [each for each in possible if bits & BITS[each] == BITS[each]]
        if found:
            yield place, found


def list_permissions(context: Context, statement: pm.ListPermissions) -> Rows | None:
    """LIST of permissions; None where there are none."""
    roles, schema = context.roles, context.schema
    if statement.role is not None:
        context.existing(statement.role)
    wanted: Sequence[Place] | None = None
    if statement.resource is not None:
        places = chain(schema, context.keyspace, statement.resource)
        _check_exists(context, places[0])
        wanted = places if statement.recursive else places[:1]
    _check_may_list(context, roles, statement)
    if statement.role is None:
        listed = [*roles.names]
    else:
        listed = list(map(shown, roles.all_of(statement.role))) if statement.recursive else [statement.role]
    rows = []
    for role in sorted(listed):
        for place, permissions in held(schema, roles, role):
            if wanted is None or place in wanted:
                asked = [each for each in permissions if statement.permissions is None or each in statement.permissions]
                rows += [[each.encode() for each in (role, role, place.shown, permission.value)] for permission in asked]
    return Rows(_COLUMNS, rows) if rows else None


def _check_may_list(context: Context, roles: RoleImage, statement: pm.ListPermissions) -> None:
    if roles.may(context.role, Permission.DESCRIBE, [ALL_ROLES], context.schema):
        return
    if statement.role is None:
        raise unauthorized("You are not authorized to view everyone's permissions")
    if kept(statement.role) not in roles.all_of(context.role):
        raise unauthorized(f"You are not authorized to view {statement.role}'s permissions")
