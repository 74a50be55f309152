"""Builders of statements on roles and permissions, and of DESCRIBE: a method for each rule or alias of cql.lark."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from hyperdb.frontends.cql.parse.build_definitions import constants
from hyperdb.frontends.cql.parse.build_terms import misplaced
from hyperdb.frontends.cql.parse.faults import Fault
from hyperdb.frontends.cql.parse.lexer import Lexeme
from hyperdb.frontends.cql.parse.permissions import (
    NO_ROLE_OPTIONS,
    AlterRole,
    CreateRole,
    Describe,
    Described,
    DropRole,
    GrantPermissions,
    GrantRole,
    ListPermissions,
    ListRoles,
    ListUsers,
    Password,
    PasswordKind,
    Permission,
    Resource,
    ResourceKind,
    RoleOptions,
)
from hyperdb.frontends.cql.parse.terms import MapTerm, Name, TypeName

# Words that DESCRIBE shows something of; in quotes they are names.
_LISTINGS = {
    kind.value.lower(): kind
    for kind in (
        Described.CLUSTER,
        Described.KEYSPACES,
        Described.TABLES,
        Described.TYPES,
        Described.FUNCTIONS,
        Described.AGGREGATES,
    )
}


class _PermissionBuilder:
    """Roles, users, permissions, DESCRIBE."""

    def role_name(self, parts: list[Lexeme]) -> str:
        return parts[0].value

    def role_string(self, parts: list[Lexeme]) -> str:
        return parts[0].value

    def strings(self, parts: list[Lexeme]) -> tuple[str, ...]:
        return tuple(sorted({part.value for part in parts}))

    # Options: each says one field.

    def password(self, parts: list[Lexeme]) -> RoleOptions:
        return RoleOptions(password=Password(PasswordKind.PLAIN, parts[0].value))

    def hashed_password(self, parts: list[Lexeme]) -> RoleOptions:
        return RoleOptions(password=Password(PasswordKind.HASHED, parts[0].value))

    def generated_password(self, _parts: list[Any]) -> RoleOptions:
        return RoleOptions(password=Password(PasswordKind.GENERATED))

    def login(self, parts: list[bool]) -> RoleOptions:
        return RoleOptions(login=parts[0])

    def superuser(self, parts: list[bool]) -> RoleOptions:
        return RoleOptions(superuser=parts[0])

    def options(self, parts: list[Any]) -> RoleOptions:
        found = constants(parts[0])
        if type(found) is not MapTerm:
            raise misplaced(found)
        return RoleOptions(options=found)

    def all_datacenters(self, _parts: list[Any]) -> RoleOptions:
        return RoleOptions(datacenters=())

    def datacenters(self, parts: list[tuple[str, ...]]) -> RoleOptions:
        return RoleOptions(datacenters=parts[0])

    def all_cidrs(self, _parts: list[Any]) -> RoleOptions:
        return RoleOptions(cidrs=())

    def cidrs(self, parts: list[tuple[str, ...]]) -> RoleOptions:
        return RoleOptions(cidrs=parts[0])

    def role_options(self, parts: list[Any]) -> RoleOptions:
        return _joined(parts) if parts[0] else NO_ROLE_OPTIONS

    def create_role(self, parts: list[Any]) -> CreateRole:
        return CreateRole(parts[1], parts[2], parts[0])

    def alter_role(self, parts: list[Any]) -> AlterRole:
        return AlterRole(parts[1], parts[2], parts[0])

    def drop_role(self, parts: list[Any]) -> DropRole:
        return DropRole(parts[1], parts[0])

    # Users: a password and a rank.

    def no_password(self, _parts: list[Any]) -> RoleOptions:
        return NO_ROLE_OPTIONS

    def no_rank(self, _parts: list[Any]) -> None:
        return None

    def create_user(self, parts: list[Any]) -> CreateRole:
        if_not_exists, name, password, superuser = parts
        return CreateRole(name, replace(password, superuser=superuser), if_not_exists, user=True)

    def alter_user(self, parts: list[Any]) -> AlterRole:
        if_exists, name, password, superuser = parts
        return AlterRole(name, replace(password, superuser=superuser), if_exists, user=True)

    def drop_user(self, parts: list[Any]) -> DropRole:
        return DropRole(parts[1], parts[0], user=True)

    # Permissions.

    def grant_role(self, parts: list[str]) -> GrantRole:
        return GrantRole(parts[0], parts[1])

    def revoke_role(self, parts: list[str]) -> GrantRole:
        return GrantRole(parts[0], parts[1], revoke=True)

    def all_permissions(self, _parts: list[Any]) -> None:
        return None

    def permission_word(self, parts: list[Lexeme]) -> Permission:
        return Permission(parts[0].value.upper())

    def permission(self, parts: list[Permission]) -> Permission:
        return parts[0]

    def permissions(self, parts: list[Permission]) -> tuple[Permission, ...]:
        return tuple(parts)

    def grant_permissions(self, parts: list[Any]) -> GrantPermissions:
        return GrantPermissions(*parts)

    def revoke_permissions(self, parts: list[Any]) -> GrantPermissions:
        return GrantPermissions(parts[0], parts[1], parts[2], revoke=True)

    def on_resource(self, parts: list[Any]) -> Resource | None:
        return parts[0]  # type: ignore[no-any-return]

    def of_role(self, parts: list[Any]) -> str | None:
        return parts[0]  # type: ignore[no-any-return]

    def list_permissions(self, parts: list[Any]) -> ListPermissions:
        return ListPermissions(*parts)

    def list_roles(self, parts: list[Any]) -> ListRoles:
        return ListRoles(*parts)

    def list_users(self, _parts: list[Any]) -> ListUsers:
        return ListUsers()

    def list_superusers(self, _parts: list[Any]) -> ListUsers:
        return ListUsers(superusers=True)

    # Resources.

    def on_all_keyspaces(self, _parts: list[Any]) -> Resource:
        return Resource(ResourceKind.ALL_KEYSPACES)

    def on_keyspace(self, parts: list[Lexeme]) -> Resource:
        return Resource(ResourceKind.KEYSPACE, parts[0].value)

    def on_all_tables(self, parts: list[Lexeme]) -> Resource:
        return Resource(ResourceKind.ALL_TABLES, parts[0].value)

    def on_table(self, parts: list[Name]) -> Resource:
        return Resource(ResourceKind.TABLE, parts[0].name, parts[0].keyspace)

    def on_all_roles(self, _parts: list[Any]) -> Resource:
        return Resource(ResourceKind.ALL_ROLES)

    def on_role(self, parts: list[str]) -> Resource:
        return Resource(ResourceKind.ROLE, parts[0])

    def on_all_functions(self, parts: list[Lexeme]) -> Resource:
        return Resource(ResourceKind.ALL_FUNCTIONS, parts[0].value if parts else None)

    def on_function(self, parts: list[Any]) -> Resource:
        name: Name = parts[0]
        arguments: tuple[TypeName, ...] = parts[1]
        return Resource(ResourceKind.FUNCTION, name.name, name.keyspace, arguments)

    def on_all_mbeans(self, _parts: list[Any]) -> Resource:
        return Resource(ResourceKind.ALL_MBEANS)

    def on_mbean(self, parts: list[Lexeme]) -> Resource:
        return Resource(ResourceKind.MBEAN, parts[0].value)

    def on_mbeans(self, parts: list[Lexeme]) -> Resource:
        return Resource(ResourceKind.MBEANS, parts[0].value)

    # DESCRIBE.

    def describe(self, parts: list[Any]) -> Describe:
        (element, name), internals = parts
        return Describe(element, name, internals)

    def described_word(self, parts: list[Lexeme]) -> tuple[Described, Name | None]:
        word = parts[0]
        if word.type != "QUOTED_NAME" and word.value in _LISTINGS:
            return _LISTINGS[word.value], None
        return Described.ANY, Name(word.value, None, word.position)

    def described_qualified(self, parts: list[Lexeme]) -> tuple[Described, Name]:
        return Described.ANY, Name(parts[1].value, parts[0].value, parts[0].position)

    def described_schema(self, _parts: list[Any]) -> tuple[Described, None]:
        return Described.SCHEMA, None

    def described_full_schema(self, _parts: list[Any]) -> tuple[Described, None]:
        return Described.FULL_SCHEMA, None

    def described_keyspace(self, parts: list[Lexeme]) -> tuple[Described, Name | None]:
        return Described.KEYSPACE, Name(parts[0].value, None, parts[0].position) if parts else None

    def described_only_keyspace(self, parts: list[Lexeme]) -> tuple[Described, Name | None]:
        return Described.ONLY_KEYSPACE, Name(parts[0].value, None, parts[0].position) if parts else None

    def described_table(self, parts: list[Name]) -> tuple[Described, Name]:
        return Described.TABLE, parts[0]

    def described_index(self, parts: list[Name]) -> tuple[Described, Name]:
        return Described.INDEX, parts[0]

    def described_view(self, parts: list[Name]) -> tuple[Described, Name]:
        return Described.VIEW, parts[0]

    def described_type(self, parts: list[Name]) -> tuple[Described, Name]:
        return Described.TYPE, parts[0]

    def described_function(self, parts: list[Name]) -> tuple[Described, Name]:
        return Described.FUNCTION, parts[0]

    def described_aggregate(self, parts: list[Name]) -> tuple[Described, Name]:
        return Described.AGGREGATE, parts[0]


def _joined(parts: list[RoleOptions]) -> RoleOptions:
    """Options said one by one as one.

    Raises:
        Fault: one was said twice.
    """
    said: dict[str, object] = {}
    for part in parts:
        for option in fields(part):
            found = getattr(part, option.name)
            if found is not None:
                if option.name in said:
                    raise Fault(0, f"Multiple definition for property '{option.name}'")
                said[option.name] = found
    return RoleOptions(**said)  # type: ignore[arg-type]
