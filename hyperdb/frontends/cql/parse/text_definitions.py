"""Trees as CQL again: statements that define, statements on roles and permissions, DESCRIBE; and `render` for any statement.

Invariant: what is written reads as the same tree; the text is the same for equal trees. Passwords are written out: what is
shown to people leaves these statements' options away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.parse import permissions as pm
from hyperdb.frontends.cql.parse.parser import Statement
from hyperdb.frontends.cql.parse.terms import Name, TypeName
from hyperdb.frontends.cql.parse.text import (
    DATA,
    listed,
    name,
    names,
    orderings,
    qualified,
    selectors,
    string,
    term,
    type_name,
    where,
)


def _unless(found: Any) -> str:
    return "IF NOT EXISTS " if found.if_not_exists else ""


def _if_exists(found: Any) -> str:
    return "IF EXISTS " if found.if_exists else ""


def properties(found: Iterable[df.Property]) -> list[str]:
    """Options, each as it stands after WITH or AND."""
    return [f"{name(part.name)} = {term(part.value)}" for part in found]


def _options(found: df.TableOptions) -> str:
    said = ["COMPACT STORAGE"] * found.compact_storage
    if found.clustering:
        said.append(f"CLUSTERING ORDER BY ({orderings(found.clustering)})")
    said += properties(found.properties)
    return f" WITH {' AND '.join(said)}" if said else ""


def _with(found: Iterable[df.Property]) -> str:
    return f" WITH {' AND '.join(properties(found))}"


def _mask(found: df.Mask) -> str:
    if found.function is None:
        return " MASKED WITH DEFAULT"
    return f" MASKED WITH {qualified(found.function)}({listed(found.arguments)})"


def _column(found: df.ColumnDefinition) -> str:
    mask = "" if found.mask is None else _mask(found.mask)
    return f"{name(found.name)} {type_name(found.type)}{' STATIC' * found.static}{mask}{' PRIMARY KEY' * found.primary_key}"


def primary_key(found: df.PrimaryKey) -> str:
    """PRIMARY KEY with its columns."""
    partition = name(found.partition[0]) if len(found.partition) == 1 else f"({names(found.partition)})"
    return f"PRIMARY KEY ({', '.join([partition, *map(name, found.clustering)])})"


def _create_table(found: df.CreateTable) -> str:
    parts = [_column(column) for column in found.columns]
    if found.primary_key is not None:
        parts.append(primary_key(found.primary_key))
    return f"CREATE TABLE {_unless(found)}{qualified(found.table)} ({', '.join(parts)}){_options(found.options)}"


def _rename(found: df.Rename) -> str:
    return f"RENAME {_if_exists(found)}{' AND '.join(f'{name(old)} TO {name(new)}' for old, new in found.names)}"


def _drop_columns(found: df.DropColumns) -> str:
    stamp = "" if found.timestamp is None else f" USING TIMESTAMP {term(found.timestamp)}"
    return f"DROP {_if_exists(found)}({names(found.names)}){stamp}"


_CHANGES: dict[type, Callable[[Any], str]] = {
    df.AddColumns: lambda found: f"ADD {_unless(found)}({', '.join(map(_column, found.columns))})",
    df.DropColumns: _drop_columns,
    df.DropCompactStorage: lambda _found: "DROP COMPACT STORAGE",
    df.Rename: _rename,
    df.AlterType: lambda found: f"ALTER {_if_exists(found)}{name(found.name)} TYPE {type_name(found.type)}",
    df.MaskColumn: lambda found: (
        f"ALTER {_if_exists(found)}{name(found.name)}{' DROP MASKED' if found.mask is None else _mask(found.mask)}"
    ),
    df.SetProperties: lambda found: _with(found.properties).lstrip(),
    df.AddField: lambda found: f"ADD {_unless(found)}{name(found.name)} {type_name(found.type)}",
}


def _fields(found: Iterable[tuple[str, TypeName]]) -> str:
    return ", ".join(f"{name(field)} {type_name(kind)}" for field, kind in found)


def _target(found: df.Target) -> str:
    own = name(found.column)
    return own if found.kind is df.TargetKind.SIMPLE else f"{found.kind.value}({own})"


def _create_index(found: df.CreateIndex) -> str:
    own = "" if found.name is None else qualified(found.name) + " "
    using = "" if found.using is None else f" USING {string(found.using)}"
    options = _with(found.properties) if found.properties else ""
    head = f"CREATE {'CUSTOM ' * found.custom}INDEX {_unless(found)}{own}ON {qualified(found.table)}"
    return f"{head} ({', '.join(map(_target, found.targets))}){using}{options}"


def _create_view(found: df.CreateView) -> str:
    query = " ".join(["SELECT", selectors(found.selectors), "FROM", qualified(found.table) + where(found.where)])
    key = primary_key(found.primary_key)
    return f"CREATE MATERIALIZED VIEW {_unless(found)}{qualified(found.name)} AS {query} {key}{_options(found.options)}"


def _replace(found: Any) -> str:
    return "OR REPLACE " if found.or_replace else ""


def _create_function(found: df.CreateFunction) -> str:
    null = "CALLED" if found.called_on_null else "RETURNS NULL"
    head = f"CREATE {_replace(found)}FUNCTION {_unless(found)}{qualified(found.name)} ({_fields(found.arguments)})"
    tail = f"RETURNS {type_name(found.returns)} LANGUAGE {name(found.language)} AS {string(found.body)}"
    return f"{head} {null} ON NULL INPUT {tail}"


def _signature(found: Iterable[TypeName]) -> str:
    return f"({', '.join(map(type_name, found))})"


def _create_aggregate(found: df.CreateAggregate) -> str:
    head = f"CREATE {_replace(found)}AGGREGATE {_unless(found)}{qualified(found.name)} {_signature(found.arguments)}"
    final = "" if found.final_function is None else f" FINALFUNC {name(found.final_function)}"
    initial = "" if found.initial is None else f" INITCOND {term(found.initial)}"
    return f"{head} SFUNC {name(found.state_function)} STYPE {type_name(found.state_type)}{final}{initial}"


def _drop_function(found: df.DropFunction) -> str:
    what = "AGGREGATE" if found.aggregate else "FUNCTION"
    return (
        f"DROP {what} {_if_exists(found)}{qualified(found.name)}{'' if found.arguments is None else _signature(found.arguments)}"
    )


DEFINITIONS: dict[type, Callable[[Any], str]] = {
    df.CreateKeyspace: lambda found: f"CREATE KEYSPACE {_unless(found)}{name(found.name)}{_with(found.properties)}",
    df.AlterKeyspace: lambda found: f"ALTER KEYSPACE {_if_exists(found)}{name(found.name)}{_with(found.properties)}",
    df.DropKeyspace: lambda found: f"DROP KEYSPACE {_if_exists(found)}{name(found.name)}",
    df.CreateTable: _create_table,
    df.AlterTable: lambda found: (
        f"ALTER TABLE {_if_exists(found)}{qualified(found.table)} {_CHANGES[type(found.change)](found.change)}"
    ),
    df.CreateType: lambda found: f"CREATE TYPE {_unless(found)}{qualified(found.name)} ({_fields(found.fields)})",
    df.AlterUserType: lambda found: (
        f"ALTER TYPE {_if_exists(found)}{qualified(found.name)} {_CHANGES[type(found.change)](found.change)}"
    ),
    df.CreateIndex: _create_index,
    df.CreateView: _create_view,
    df.AlterView: lambda found: f"ALTER MATERIALIZED VIEW {_if_exists(found)}{qualified(found.name)}{_with(found.properties)}",
    df.Drop: lambda found: f"DROP {found.element.value} {_if_exists(found)}{qualified(found.name)}",
    df.CreateFunction: _create_function,
    df.CreateAggregate: _create_aggregate,
    df.DropFunction: _drop_function,
    df.CreateTrigger: lambda found: (
        f"CREATE TRIGGER {_unless(found)}{name(found.name)} ON {qualified(found.table)} USING {string(found.using)}"
    ),
    df.DropTrigger: lambda found: f"DROP TRIGGER {_if_exists(found)}{name(found.name)} ON {qualified(found.table)}",
}


# Roles and permissions.


def _set(found: Iterable[str]) -> str:
    return "{" + ", ".join(map(string, found)) + "}"


def _password(found: pm.Password | None, between: str) -> list[str]:
    if found is None:
        return []
    return [found.kind.value + ("" if found.kind is pm.PasswordKind.GENERATED else between + string(found.text))]


def _role_options(found: pm.RoleOptions) -> str:
    said = _password(found.password, " = ")
    if found.superuser is not None:
        said.append(f"SUPERUSER = {str(found.superuser).lower()}")
    if found.login is not None:
        said.append(f"LOGIN = {str(found.login).lower()}")
    if found.options is not None:
        said.append(f"OPTIONS = {term(found.options)}")
    if found.datacenters is not None:
        said.append(f"ACCESS TO DATACENTERS {_set(found.datacenters)}" if found.datacenters else "ACCESS TO ALL DATACENTERS")
    if found.cidrs is not None:
        said.append(f"ACCESS FROM CIDRS {_set(found.cidrs)}" if found.cidrs else "ACCESS FROM ALL CIDRS")
    return f" WITH {' AND '.join(said)}" if said else ""


def _user_options(found: pm.RoleOptions) -> str:
    password = "".join(f" WITH {text}" for text in _password(found.password, " "))
    rank = {None: "", True: " SUPERUSER", False: " NOSUPERUSER"}[found.superuser]
    return password + rank


def _role(what: str, condition: Callable[[Any], str]) -> Callable[[Any], str]:
    def write(found: Any) -> str:
        options = _user_options if found.user else _role_options
        return f"{what} {'USER' if found.user else 'ROLE'} {condition(found)}{name(found.name)}{options(found.options)}"

    return write


def _permissions(found: tuple[pm.Permission, ...] | None) -> str:
    return "ALL PERMISSIONS" if found is None else ", ".join(permission.value for permission in found)


def _resource(found: pm.Resource) -> str:
    kind, own = found.kind, found.name
    if own is None:
        return kind.value
    match kind:
        case pm.ResourceKind.TABLE:
            return f"TABLE {qualified(Name(own, found.keyspace))}"
        case pm.ResourceKind.FUNCTION:
            return f"FUNCTION {qualified(Name(own, found.keyspace))}{_signature(found.arguments or ())}"
        case pm.ResourceKind.ALL_FUNCTIONS:
            return f"ALL FUNCTIONS IN KEYSPACE {name(own)}"
        case pm.ResourceKind.MBEAN | pm.ResourceKind.MBEANS:
            return f"{kind.value} {string(own)}"
        case _:
            return f"{kind.value} {name(own)}"


def _grant(found: pm.GrantPermissions) -> str:
    verb, to = ("REVOKE", "FROM") if found.revoke else ("GRANT", "TO")
    return f"{verb} {_permissions(found.permissions)} ON {_resource(found.resource)} {to} {name(found.role)}"


def _grant_role(found: pm.GrantRole) -> str:
    verb, to = ("REVOKE", "FROM") if found.revoke else ("GRANT", "TO")
    return f"{verb} {name(found.role)} {to} {name(found.grantee)}"


def _of_role(found: pm.ListPermissions | pm.ListRoles) -> str:
    return ("" if found.role is None else f" OF {name(found.role)}") + ("" if found.recursive else " NORECURSIVE")


def _list_permissions(found: pm.ListPermissions) -> str:
    resource = "" if found.resource is None else f" ON {_resource(found.resource)}"
    return f"LIST {_permissions(found.permissions)}{resource}{_of_role(found)}"


def _describe(found: pm.Describe) -> str:
    own = ""
    if found.name is not None:
        listing = found.element is pm.Described.ANY and found.name.keyspace is None
        own = f'"{found.name.name}"' if listing and found.name.name.upper() in pm.Described.__members__ else qualified(found.name)
    parts = ["DESCRIBE", found.element.value, own, "WITH INTERNALS" * found.internals]
    return " ".join(part for part in parts if part)


PERMISSIONS: dict[type, Callable[[Any], str]] = {
    pm.CreateRole: _role("CREATE", _unless),
    pm.AlterRole: _role("ALTER", _if_exists),
    pm.DropRole: lambda found: f"DROP {'USER' if found.user else 'ROLE'} {_if_exists(found)}{name(found.name)}",
    pm.GrantRole: _grant_role,
    pm.GrantPermissions: _grant,
    pm.ListPermissions: _list_permissions,
    pm.ListRoles: lambda found: f"LIST ROLES{_of_role(found)}",
    pm.ListUsers: lambda found: "LIST SUPERUSERS" if found.superusers else "LIST USERS",
    pm.Describe: _describe,
}

_WRITERS = DATA | DEFINITIONS | PERMISSIONS


def render(statement: Statement) -> str:
    """A statement as CQL, without a semicolon."""
    return _WRITERS[type(statement)](statement)
