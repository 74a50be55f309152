"""has_table_privilege and its like.

Theory: PostgreSQL's documentation, 9.26.2. Each takes a role (or means the current one), an object by name or number, and
privileges separated by commas, of which one is enough. Invariant: of an object that is not there by number the answer is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import BOOL, INT2, NAME, OID, TEXT
from hyperdb.frontends.sql.functions.model import Function

_ANY = -1


def _relation(env: Any, named: Any) -> int | None:
    if isinstance(named, int):
        return named if named in env.catalog.objects else None
    found: int | None = env.session.describe.find_relation(named)
    if found is None:
        raise SqlError("42P01", f'relation "{named}" does not exist')
    return found


def _schema(env: Any, named: Any) -> int | None:
    if isinstance(named, int):
        return named if named in env.catalog.objects else None
    found: int | None = env.catalog.schemas.get(named)
    if found is None:
        raise SqlError("3F000", f'schema "{named}" does not exist')
    return found


def _column(env: Any, table: int | None, named: Any) -> int | None:
    if table is None:
        return None
    if isinstance(named, int):
        return named
    found = env.catalog.relation(table).column(named)
    if found is None:
        raise SqlError("42703", f'column "{named}" of relation "{env.catalog.objects[table].name}" does not exist')
    number: int = found.number
    return number


def _asked(find: Callable[[Any, Any], int | None], with_user: bool, column: int = 0) -> Callable[..., Any]:
    def run(env: Any, *given: Any) -> Any:
        user, named, names = given if with_user else (None, *given)
        return env.session.has_privilege(user, find(env, named), names, column)

    return run


def _asked_column(with_user: bool) -> Callable[..., Any]:
    def run(env: Any, *given: Any) -> Any:
        user, table, named, names = given if with_user else (None, *given)
        number = _relation(env, table)
        column = _column(env, number, named)
        return None if column is None else env.session.has_privilege(user, number, names, column)

    return run


def _belongs(env: Any, *given: Any) -> bool:
    user, group, how = given if len(given) == 3 else (env.session.role, *given)
    roles = env.session.roles
    roles.find(user)
    roles.find(group)
    if how.lower().split(" with ")[0] not in ("member", "usage", "set"):
        raise SqlError("22023", f'unrecognized privilege type: "{how}"')
    return bool(roles.is_super(user) or group in roles.memberships(user, inherited=how.lower() == "usage"))


def functions() -> Iterator[Function]:
    """The table."""
    finders: list[tuple[str, Callable[[Any, Any], int | None], int]] = [
        ("table", _relation, 0),
        ("any_column", _relation, _ANY),
        ("sequence", _relation, 0),
        ("schema", _schema, 0),
    ]
    for user in ((), (NAME,)):
        for named in (OID, TEXT):
            for word, find, column in finders:
                run = _asked(find, bool(user), column)
                yield Function(f"has_{word}_privilege", (*user, named, TEXT), BOOL, run, env=True)
            for by in (INT2, TEXT):
                yield Function("has_column_privilege", (*user, named, by, TEXT), BOOL, _asked_column(bool(user)), env=True)
            # Databases, functions and types have no privileges of their own here: everybody may use them.
            for word in ("database", "function", "type", "language", "tablespace"):
                yield Function(f"has_{word}_privilege", (*user, named, TEXT), BOOL, lambda *_given: True)
        yield Function("pg_has_role", (*user, NAME, TEXT), BOOL, _belongs, env=True)
    yield Function("pg_has_role", (OID, TEXT), BOOL, lambda env, oid, how: env.session.owns(oid, how), env=True)
