"""CREATE, ALTER and DROP ROLE (and USER), GRANT and REVOKE of roles, LIST ROLES and USERS.

Theory: the checks are those of Cassandra's statements. A password becomes a SCRAM verifier, which logs in over all languages;
a hash that only Cassandra can check is refused. Invariant: what an option says is so afterwards, or it was refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hyperdb.frontends.cql.access.context import Context, without
from hyperdb.frontends.cql.access.image import EVERYBODY, RoleImage, kept, shown
from hyperdb.frontends.cql.access.resources import ALL_ROLES, ROLE
from hyperdb.frontends.cql.parse import permissions as pm
from hyperdb.frontends.cql.parse.permissions import Permission, RoleOptions
from hyperdb.frontends.cql.protocol.responses import Column, Rows
from hyperdb.frontends.cql.schema.faults import unauthorized
from hyperdb.frontends.cql.types.codec import encode
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BOOLEAN, TEXT, Map, Type
from hyperdb.roles import ALIASES, LOGIN, SUPERUSER, RoleRecord

_MEMBER = 2 | 4
_RESERVED = frozenset([EVERYBODY, "none", "current_user", "session_user", "current_role"])


def _check_options(options: RoleOptions) -> None:
    """Refuses what cannot be meant here.

    Raises:
        CqlError: invalid.
    """
    if options.options is not None and options.options.entries:
        raise invalid("OPTIONS are not supported: roles have none besides PASSWORD, SUPERUSER and LOGIN")
    if options.datacenters:
        raise invalid("ACCESS TO DATACENTERS operations not supported by AllowAllNetworkAuthorizer")
    if options.cidrs:
        raise invalid("ACCESS FROM CIDRS operations not supported by AllowAllCIDRAuthorizer")
    if options.password is not None and options.password.kind is pm.PasswordKind.HASHED:
        raise invalid("Hashed passwords are not supported: roles keep SCRAM-SHA-256 verifiers, which are made of a password")
    if options.password is not None and options.password.kind is pm.PasswordKind.GENERATED:
        raise invalid("Generated passwords are not supported: give the password")


def _applied(context: Context, record: RoleRecord, options: RoleOptions) -> RoleRecord:
    for said, bit in ((options.login, LOGIN), (options.superuser, SUPERUSER)):
        if said is not None:
            record = replace(record, attributes=record.attributes | bit if said else record.attributes & ~bit)
    if options.password is not None:
        record = record.with_password(context.verifier(options.password.text))
    return record


def create(context: Context, statement: pm.CreateRole) -> None:
    """CREATE ROLE."""
    name, roles = statement.name, context.roles
    context.need(Permission.CREATE, [ALL_ROLES])
    if not name:
        raise invalid("Role name can't be an empty string")
    _check_options(statement.options)
    if statement.options.superuser and not roles.is_super(context.role):
        raise unauthorized("Only superusers can create a role with superuser status")
    if name in _RESERVED or name.startswith("pg_"):
        raise invalid(f"Role name {name} is reserved")
    if roles.find(name) is not None:
        if statement.if_not_exists:
            return
        raise invalid(f"{name} already exists")
    if statement.user and statement.options.login is None:
        record = _applied(context, replace(RoleRecord(), attributes=RoleRecord().attributes | LOGIN), statement.options)
    else:
        record = _applied(context, RoleRecord(), statement.options)
    context.change(name, lambda _record: record)


def alter(context: Context, statement: pm.AlterRole) -> None:
    """ALTER ROLE."""
    name, options, roles = statement.name, statement.options, context.roles
    found = roles.find(name)
    if found is None:
        if statement.if_exists:
            return
        raise invalid(f"{name} doesn't exist")
    _check_options(options)
    own, superuser = kept(name) == kept(context.role), roles.is_super(context.role)
    if options.superuser is not None and kept(name) in roles.all_of(context.role):
        raise unauthorized("You aren't allowed to alter your own superuser status or that of a role granted to you")
    if options.superuser is not None and not superuser:
        raise unauthorized("Only superusers are allowed to alter superuser status")
    if found.attributes & SUPERUSER and not superuser and not own:
        raise unauthorized("Only superusers can alter a role with superuser status")
    only_password = options.login is None and options.superuser is None
    if not (own and only_password):
        context.need_on_role(Permission.ALTER, name)
    if name in ALIASES:
        what = "is the bootstrap role of all languages: its password is set with `hyperdb serve --requirepass`"
        raise invalid(f"{shown(name)} {what}")
    context.change(name, lambda record: _applied(context, record, options))


def drop(context: Context, statement: pm.DropRole) -> None:
    """DROP ROLE: the role, and what others were granted on it or belonged to it."""
    name, roles = statement.name, context.roles
    found = roles.find(name)
    if found is None:
        if statement.if_exists:
            return
        raise invalid(f"{name} doesn't exist")
    context.need_on_role(Permission.DROP, name)
    if kept(name) == kept(context.role) or name in ALIASES:
        raise invalid("Cannot DROP primary role for current login")
    if found.attributes & SUPERUSER and not roles.is_super(context.role):
        raise unauthorized("Only superusers can drop a role with superuser status")
    owned = sorted(".".join(filter(None, place)) for place, owner in context.schema.owners.items() if owner == name)
    if owned:
        raise invalid(f"Role {name} cannot be dropped: it owns {', '.join(owned)}")
    context.change(name, lambda _record: None)
    for other, record in roles.records.items():
        rest = tuple(grant for grant in record.grants if (grant.kind, grant.object) != (ROLE, name))
        if other != name and (rest != record.grants or any(group == name for group, _ in record.memberships)):
            context.change(other, lambda held, rest=rest: replace(without(held, name), grants=rest))  # type: ignore[misc]


def grant(context: Context, statement: pm.GrantRole) -> None:
    """GRANT and REVOKE of a role."""
    role, grantee = statement.role, statement.grantee
    for each in (role, grantee):
        context.existing(each)
    context.need_on_role(Permission.AUTHORIZE, role)
    roles = context.roles
    if grantee in ALIASES:
        raise invalid(f"{shown(grantee)} is the bootstrap role: it has everything and stays as it is")
    direct = {group for group, _ in roles.records[kept(grantee)].memberships}
    if statement.revoke:
        if kept(role) not in direct:
            raise invalid(f"{grantee} is not a member of {role}")
        context.change(grantee, lambda record: without(record, kept(role)))
        return
    if kept(role) in roles.all_of(grantee):
        raise invalid(f"{grantee} is a member of {role}")
    if kept(grantee) in roles.all_of(role):
        raise invalid(f"{role} is a member of {grantee}")
    context.change(grantee, lambda record: replace(record, memberships=(*record.memberships, (kept(role), _MEMBER))))


# LIST


def _columns(table: str, *columns: tuple[str, Type]) -> list[Column]:
    return [Column("system_auth", table, name, kind) for name, kind in columns]


_OPTIONS = Map(TEXT, TEXT)
_ROLES = _columns("roles", ("role", TEXT), ("super", BOOLEAN), ("login", BOOLEAN), ("options", _OPTIONS), ("datacenters", TEXT))
_USERS = _columns("users", ("name", TEXT), ("super", BOOLEAN), ("datacenters", TEXT))


def _listed(context: Context, roles: RoleImage, role: str | None, *, recursive: bool) -> Sequence[str]:
    may_all = roles.may(context.role, Permission.DESCRIBE, [ALL_ROLES], context.schema)
    if role is None:
        return roles.names if may_all else sorted(map(shown, roles.all_of(context.role)))
    context.existing(role)
    if not may_all and kept(role) not in roles.all_of(context.role):
        raise unauthorized(f"You are not authorized to view roles granted to {role}")
    direct = [kept(role), *(group for group, _ in roles.records[kept(role)].memberships)]
    return sorted(map(shown, roles.all_of(role) if recursive else direct))


def list_roles(context: Context, statement: pm.ListRoles) -> Rows:
    """LIST ROLES."""
    roles = context.roles
    rows = []
    for name in _listed(context, roles, statement.role, recursive=statement.recursive):
        record = roles.records[kept(name)]
        login = bool(record.attributes & LOGIN)
        values: tuple[object, ...] = (name, roles.is_super(name), login, {}, "ALL" if login else "n/a")
        rows.append([encode(column.type, value) for column, value in zip(_ROLES, values, strict=True)])
    return Rows(_ROLES, rows)


def list_users(context: Context, statement: pm.ListUsers) -> Rows:
    """LIST USERS and SUPERUSERS."""
    roles = context.roles
    rows = []
    for name in _listed(context, roles, None, recursive=True):
        login = roles.records[kept(name)].attributes & LOGIN
        if login and (roles.is_super(name) or not statement.superusers):
            values = (name, roles.is_super(name), "ALL")
            rows.append([encode(column.type, value) for column, value in zip(_USERS, values, strict=True)])
    return Rows(_USERS, rows)
