"""Nodes of statements on roles, users and permissions, and of DESCRIBE.

Invariant: equality is of what was written. A user is a role that may log in, so statements on users have nodes of their own only
where their words differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from hyperdb.frontends.cql.parse.terms import MapTerm, Name, TypeName


class PasswordKind(Enum):
    """How a password is given."""

    PLAIN = "PASSWORD"
    HASHED = "HASHED PASSWORD"
    GENERATED = "GENERATED PASSWORD"


@dataclass(frozen=True, slots=True)
class Password:
    """A password, or its hash (bcrypt); never shown in a repr."""

    kind: PasswordKind
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RoleOptions:
    """What is said of a role; None for what is not. `datacenters` and `cidrs`: `()` means all."""

    password: Password | None = None
    login: bool | None = None
    superuser: bool | None = None
    options: MapTerm | None = None
    datacenters: tuple[str, ...] | None = None
    cidrs: tuple[str, ...] | None = None


NO_ROLE_OPTIONS = RoleOptions()


@dataclass(frozen=True, slots=True)
class CreateRole:
    """CREATE ROLE, or USER."""

    name: str
    options: RoleOptions = NO_ROLE_OPTIONS
    if_not_exists: bool = False
    user: bool = False


@dataclass(frozen=True, slots=True)
class AlterRole:
    """ALTER ROLE, or USER."""

    name: str
    options: RoleOptions
    if_exists: bool = False
    user: bool = False


@dataclass(frozen=True, slots=True)
class DropRole:
    """DROP ROLE, or USER."""

    name: str
    if_exists: bool = False
    user: bool = False


@dataclass(frozen=True, slots=True)
class GrantRole:
    """GRANT of a role to a role, or its REVOKE."""

    role: str
    grantee: str
    revoke: bool = False


class Permission(Enum):
    """What may be done with a resource."""

    CREATE = "CREATE"
    ALTER = "ALTER"
    DROP = "DROP"
    SELECT = "SELECT"
    MODIFY = "MODIFY"
    AUTHORIZE = "AUTHORIZE"
    DESCRIBE = "DESCRIBE"
    EXECUTE = "EXECUTE"
    UNMASK = "UNMASK"
    SELECT_MASKED = "SELECT_MASKED"


class ResourceKind(Enum):
    """Kinds of resources, as CQL writes them."""

    ALL_KEYSPACES = "ALL KEYSPACES"
    KEYSPACE = "KEYSPACE"
    ALL_TABLES = "ALL TABLES IN KEYSPACE"
    TABLE = "TABLE"
    ALL_ROLES = "ALL ROLES"
    ROLE = "ROLE"
    ALL_FUNCTIONS = "ALL FUNCTIONS"
    FUNCTION = "FUNCTION"
    ALL_MBEANS = "ALL MBEANS"
    MBEAN = "MBEAN"
    MBEANS = "MBEANS"


@dataclass(frozen=True, slots=True)
class Resource:
    """What a permission is on: `name` is a keyspace, a role, a bean, or with its keyspace a table or function."""

    kind: ResourceKind
    name: str | None = None
    keyspace: str | None = None
    arguments: tuple[TypeName, ...] | None = None


@dataclass(frozen=True, slots=True)
class GrantPermissions:
    """GRANT of permissions, or their REVOKE; None for ALL."""

    permissions: tuple[Permission, ...] | None
    resource: Resource
    role: str
    revoke: bool = False


@dataclass(frozen=True, slots=True)
class ListPermissions:
    """LIST of permissions (None for ALL) on a resource, of a role, with what its roles have unless NORECURSIVE."""

    permissions: tuple[Permission, ...] | None
    resource: Resource | None = None
    role: str | None = None
    recursive: bool = True


@dataclass(frozen=True, slots=True)
class ListRoles:
    """LIST ROLES."""

    role: str | None = None
    recursive: bool = True


@dataclass(frozen=True, slots=True)
class ListUsers:
    """LIST USERS, or SUPERUSERS."""

    superusers: bool = False


class Described(Enum):
    """What DESCRIBE shows. ANY is whatever has the name: a keyspace, table, view or index."""

    ANY = ""
    CLUSTER = "CLUSTER"
    SCHEMA = "SCHEMA"
    FULL_SCHEMA = "FULL SCHEMA"
    KEYSPACES = "KEYSPACES"
    KEYSPACE = "KEYSPACE"
    ONLY_KEYSPACE = "ONLY KEYSPACE"
    TABLES = "TABLES"
    TABLE = "TABLE"
    INDEX = "INDEX"
    VIEW = "MATERIALIZED VIEW"
    TYPES = "TYPES"
    TYPE = "TYPE"
    FUNCTIONS = "FUNCTIONS"
    FUNCTION = "FUNCTION"
    AGGREGATES = "AGGREGATES"
    AGGREGATE = "AGGREGATE"


@dataclass(frozen=True, slots=True)
class Describe:
    """DESCRIBE. A keyspace that is not named is the one in use."""

    element: Described
    name: Name | None = None
    internals: bool = False


PermissionStatement = (
    CreateRole | AlterRole | DropRole | GrantRole | GrantPermissions | ListPermissions | ListRoles | ListUsers | Describe
)
