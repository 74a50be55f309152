"""Keyspace `system_auth`: roles and permissions, as the shared records have them.

Invariant: what is read here is what `access` decides by; passwords are not shown in any form.
"""

from __future__ import annotations

from collections.abc import Iterable

from hyperdb.frontends.cql.access.grants import held
from hyperdb.frontends.cql.access.image import RoleImage, kept, shown
from hyperdb.frontends.cql.schema.rows import Facts
from hyperdb.frontends.cql.system.computed import Definition, Values
from hyperdb.graph.roles import read_roles
from hyperdb.roles import LOGIN, SUPERUSER


def _image(facts: Facts) -> RoleImage:
    return RoleImage(read_roles(facts.transaction))


def _roles(facts: Facts, _first: object) -> Iterable[Values]:
    image = _image(facts)
    for name in image.names:
        record = image.records[kept(name)]
        yield {
            "role": name,
            "can_login": bool(record.attributes & LOGIN),
            "is_superuser": bool(record.attributes & SUPERUSER),
            "member_of": [shown(group) for group, _ in record.memberships] or None,
        }


def _members(facts: Facts, _first: object) -> Iterable[Values]:
    image = _image(facts)
    for name in image.names:
        for group, _ in image.records[kept(name)].memberships:
            yield {"role": shown(group), "member": name}


def _permissions(facts: Facts, _first: object) -> Iterable[Values]:
    image = _image(facts)
    for name in image.names:
        for place, permissions in held(facts.schema, image, name):
            yield {"role": name, "resource": place.path, "permissions": [each.value for each in permissions]}


def _resources(facts: Facts, _first: object) -> Iterable[Values]:
    for row in _permissions(facts, None):
        yield {"resource": row["resource"], "role": row["role"]}


TABLES = (
    Definition(
        "roles",
        "role text",
        "",
        "can_login boolean, is_superuser boolean, member_of set<text>, salted_hash text",
        _roles,
        "role definitions",
    ),
    Definition("role_members", "role text", "member text", "", _members, "role memberships lookup table"),
    Definition(
        "role_permissions", "role text", "resource text", "permissions set<text>", _permissions, "permissions granted to db roles"
    ),
    Definition(
        "resource_role_permissons_index",
        "resource text",
        "role text",
        "",
        _resources,
        "index of db roles with permissions granted on a resource",
    ),
    Definition("network_permissions", "role text", "", "dcs frozen<set<text>>", comment="user network permissions"),
    Definition("cidr_permissions", "role text", "", "cidr_groups frozen<set<text>>", comment="user cidr permissions"),
    Definition("cidr_groups", "cidr_group text", "", "cidrs frozen<set<frozen<tuple<inet, smallint>>>>", comment="cidr groups"),
    Definition("identity_to_role", "identity text", "", "role text", comment="mtls authorized identities lookup table"),
)
