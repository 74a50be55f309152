"""CREATE, ALTER and DROP ROLE, GRANT, REVOKE: from words to role records.

Invariant: as for other statements that are read word by word, every word means something or is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access import privileges as p
from hyperdb.frontends.sql.access.rights import PUBLIC
from hyperdb.frontends.sql.access.role_options import ADMIN, MEMBER, applied, names_of, options_of
from hyperdb.frontends.sql.catalog import keyspace
from hyperdb.frontends.sql.catalog.relations import Catalog
from hyperdb.frontends.sql.contract import Column, Notice
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done
from hyperdb.graph.catalog import records
from hyperdb.roles import (
    ALIASES,
    BOOTSTRAP_ROLE,
    BYPASS_POLICIES,
    SUPERUSER,
    Grant,
    RoleRecord,
)

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

Made = tuple[Utility, Sequence[Column] | None]
Change = Callable[[RoleRecord], RoleRecord]
_RESERVED = frozenset({PUBLIC, "none", "current_user", "session_user", "current_role"})
_OF_SUPERUSERS = SUPERUSER | BYPASS_POLICIES


def _must_be(record: RoleRecord | None, name: str) -> RoleRecord:
    if record is None:
        raise SqlError("42704", f'role "{name}" does not exist')
    return record


def _change(session: SqlSession, name: str, change: Change) -> None:
    if name in ALIASES:
        name = BOOTSTRAP_ROLE
        raise SqlError("0A000", f'role "{name}" is the bootstrap role: it has everything and stays as it is')
    session.rights.change(name, lambda record: change(_must_be(record, name)))


def _check_name(name: str) -> None:
    """Refuses names that no role may have: those that statements mean somebody else by, and none at all."""
    if not name:
        raise SqlError("42601", "zero-length delimited identifier")
    if name in _RESERVED or name.startswith("pg_"):
        raise SqlError("42939", f'role name "{name}" is reserved')


def create(found: Words) -> Made:
    """CREATE ROLE, USER, GROUP."""
    found.expect("create")
    word = found.name()
    name = found.name()
    options = options_of(found, login=word == "user")

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        session.rights.need_create_role()
        _check_name(name)
        if options.on & _OF_SUPERUSERS and not session.rights.is_super:
            raise SqlError("42501", "must be superuser to create superusers")
        if name in session.rights.roles.records or name in ALIASES:
            raise SqlError("42710", f'role "{name}" already exists')
        for other in options.belongs_to:
            session.rights.roles.find(other)
            session.rights.need_over(other, "alter")
        memberships = tuple((other, MEMBER) for other in options.belongs_to)
        record = replace(applied(session, options, RoleRecord()), memberships=memberships)
        session.rights.change(name, lambda _record: record)
        for member, how in options.members:
            _join(session, member, name, how)
        return done("CREATE ROLE")

    return Utility(run), None


def alter(found: Words) -> Made:
    """ALTER ROLE, USER."""
    found.expect("alter")
    found.name()
    name = found.name()
    if found.take("rename", "to"):
        other = found.name()
        found.end()
        return Utility(lambda session, _values: _rename(session, name, other)), None
    if found.peek() in ("set", "reset", "in"):
        raise SqlError("0A000", "settings of roles are not supported")
    options = options_of(found, login=False)
    if options.belongs_to or options.members:
        raise SqlError("42601", "memberships are changed by GRANT and REVOKE")

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        own = name == session.login_role and options.has_password and not (options.on | options.off or options.changes_more)
        session.rights.roles.find(name)
        if (options.on | options.off) & _OF_SUPERUSERS and not session.rights.is_super:
            raise SqlError("42501", "must be superuser to alter superuser roles or change superuser attribute")
        if not own:
            session.rights.need_over(name, "alter")
        _change(session, name, lambda record: applied(session, options, record))
        return done("ALTER ROLE")

    return Utility(run), None


def _rename(session: SqlSession, name: str, other: str) -> SqlOutcome:
    session.rights.need_create_role()
    roles = session.rights.roles
    roles.find(name)
    session.rights.need_over(name, "rename")
    _check_name(other)
    if name in ALIASES or name in (session.login_role, session.role):
        raise SqlError("0A000", "the bootstrap role, session user and current user cannot be renamed")
    if other in roles.records or other in ALIASES:
        raise SqlError("42710", f'role "{other}" already exists')
    if any(name == owner for _, owner in session.look(_owners)):
        raise SqlError("0A000", f'role "{name}" owns objects: its name is kept with them')
    kept = roles.records[name]
    session.rights.change(name, lambda _record: None)
    session.rights.change(other, lambda _record: kept)
    for each, record in list(session.rights.roles.records.items()):
        if any(group == name for group, _ in record.memberships):
            moved = tuple((other if group == name else group, how) for group, how in record.memberships)
            _move(session, each, moved)
    return done("ALTER ROLE")


def _move(session: SqlSession, name: str, memberships: tuple[tuple[str, int], ...]) -> None:
    session.rights.change(name, lambda record: replace(_must_be(record, name), memberships=memberships))


def _owners(catalog: Catalog) -> list[tuple[str, str]]:
    return [(found.name, getattr(found, "owner", "")) for found in catalog.objects.values()]


def drop(found: Words) -> Made:
    """DROP ROLE, USER, GROUP."""
    found.expect("drop")
    found.name()
    tolerated = found.take("if", "exists")
    names = names_of(found)
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        session.rights.need_create_role()
        for name in names:
            record = session.rights.roles.records.get(name)
            if record is None and name not in ALIASES:
                if not tolerated:
                    raise SqlError("42704", f'role "{name}" does not exist')
                session.notice(Notice(f'role "{name}" does not exist, skipping'))
                continue
            if name in ALIASES or name == session.login_role or name == session.role:
                raise SqlError("55006", "current user cannot be dropped")
            session.rights.need_over(name, "drop")
            owned = [shown for shown, owner in session.look(_owners) if owner == name]
            known = session.look(lambda catalog: catalog.objects)
            granted = record is not None and any(_number(each.object) in known for each in record.grants)
            if owned or granted:
                detail = f"owner of {owned[0]}" if owned else "privileges on some objects"
                raise SqlError("2BP01", f'role "{name}" cannot be dropped because some objects depend on it', detail=detail)
            session.rights.change(name, lambda _record: None)
            for other, held in list(session.rights.roles.records.items()):
                if any(group == name for group, _ in held.memberships):
                    _leave(session, other, name)
        return done("DROP ROLE")

    return Utility(run), None


def _number(key: str) -> int:
    """The object of a grant; 0 for what only CQL grants: all keyspaces, roles."""
    number = key.partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _join(session: SqlSession, member: str, group: str, how: int) -> None:
    roles = session.rights.roles
    roles.find(group)
    roles.find(member)
    if member == group or member in roles.memberships(group, inherited=False):
        raise SqlError("0LP01", f'role "{group}" is a member of role "{member}"')

    def change(record: RoleRecord) -> RoleRecord:
        before = dict(record.memberships)
        return replace(record, memberships=tuple({**before, group: before.get(group, 0) | how}.items()))

    _change(session, member, change)


def _leave(session: SqlSession, member: str, group: str, *, admin_only: bool = False) -> None:
    def change(record: RoleRecord) -> RoleRecord:
        kept = [(name, how) for name, how in record.memberships if name != group]
        if admin_only:
            kept = [(name, how & ~ADMIN if name == group else how) for name, how in record.memberships]
        return replace(record, memberships=tuple(kept))

    _change(session, member, change)


@dataclass
class _Granted:
    """What GRANT and REVOKE name: privileges with columns, objects, roles."""

    privileges: list[tuple[str, list[str]]]
    kind: int
    every_in: bool
    objects: list[list[str]]
    roles: list[str]
    option: bool


def _privileges(found: Words) -> list[tuple[str, list[str]]]:
    made = []
    while True:
        word = found.name()
        if word == "all":
            found.take("privileges")
        columns = [Words(each).name() for each in found.inside()] if found.peek() == "(" else []
        made.append((word, columns))
        if not found.take(","):
            return made


def _path(found: Words) -> list[str]:
    parts = [found.name()]
    while found.take("."):
        parts.append(found.name())
    return parts


def _objects(found: Words) -> tuple[int, bool, list[list[str]]]:
    for word, kind in (("tables", p.RELATION), ("sequences", p.SEQUENCE)):
        if found.take("all", word, "in", "schema"):
            return kind, True, [[name] for name in names_of(found)]
    kind = p.RELATION
    if found.take("schema"):
        kind = p.SCHEMA
    elif found.take("sequence"):
        kind = p.SEQUENCE
    elif not found.take("table") and found.peek() in _OTHERS:
        raise SqlError("0A000", f"privileges on {found.peek().upper()} are not supported")
    paths = [_path(found)]
    while found.take(","):
        paths.append(_path(found))
    return kind, False, paths


_OTHERS = frozenset("database function procedure routine all type domain language tablespace foreign large parameter".split())


def grant(found: Words) -> Made:
    """GRANT and REVOKE."""
    word = found.name()
    gives = word == "grant"
    option = not gives and (found.take("grant", "option", "for") or found.take("admin", "option", "for"))
    privileges = _privileges(found)
    if not found.take("on"):
        return _membership(found, [name for name, _ in privileges], gives=gives, option=option)
    kind, every_in, objects = _objects(found)
    found.expect("to" if gives else "from")
    found.take("group")
    roles = names_of(found)
    if gives:
        option = found.take("with", "grant", "option")
    else:
        found.take("restrict")
        if found.take("cascade"):
            raise SqlError("0A000", "REVOKE ... CASCADE is not supported")
    found.end()
    wanted = _Granted(privileges, kind, every_in, objects, roles, option)

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        _grant(session, wanted, gives=gives)
        return done(word.upper())

    return Utility(run), None


def _membership(found: Words, groups: list[str], *, gives: bool, option: bool) -> Made:
    found.expect("to" if gives else "from")
    members = names_of(found)
    if gives:
        option = found.take("with", "admin", "option")
    else:
        found.take("restrict")
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        for group in groups:
            roles, own = session.rights.roles, session.role
            roles.find(group)
            admin = any((name, how & ADMIN) == (group, ADMIN) for name, how in roles.records.get(own, RoleRecord()).memberships)
            if not admin or roles.reaches_super(group):
                session.rights.need_over(group, "alter")
            for member in members:
                if gives:
                    _join(session, member, group, MEMBER | (ADMIN if option else 0))
                else:
                    _leave(session, member, group, admin_only=option)
        return done("GRANT ROLE" if gives else "REVOKE ROLE")

    return Utility(run), None


def _numbers(session: SqlSession, catalog: Catalog, wanted: _Granted) -> list[int]:
    path = session.schemas_in_path()
    found: list[int] = []
    for each in wanted.objects:
        if wanted.every_in or wanted.kind == p.SCHEMA:
            number = catalog.schemas.get(each[0])
            if number is None:
                raise SqlError("3F000", f'schema "{each[0]}" does not exist')
            if not wanted.every_in:
                found.append(number)
                continue
            found += [
                inner
                for inner, record in catalog.objects.items()
                if isinstance(record, records.Table | records.View | records.Sequence)
                and catalog.schema_of(inner) == each[0]
                and p.kind_of(record) == wanted.kind
            ]
            continue
        schema = each[0] if len(each) > 1 else None
        number = catalog.find(each[-1], schema, path)
        if number is None and schema == keyspace.SCHEMA and each[-1] in keyspace.RELATIONS:
            number = keyspace.RELATIONS[each[-1]].oid
        if number is None:
            raise SqlError("42P01", f'relation "{".".join(each)}" does not exist')
        found.append(number)
    return found


def _grant(session: SqlSession, wanted: _Granted, *, gives: bool) -> None:
    catalog = session.look(lambda catalog: catalog)
    for role in wanted.roles:
        if role != PUBLIC:
            session.rights.roles.find(role)
    for number in _numbers(session, catalog, wanted):
        if number in keyspace.NUMBERS:
            _grant_redis(session, wanted, number, gives=gives)
            continue
        record = catalog.objects[number]
        kind = p.kind_of(record) if number in catalog.objects else wanted.kind
        if wanted.kind == p.SEQUENCE and kind != p.SEQUENCE:
            raise SqlError("42809", f'"{record.name}" is not a sequence')
        given: dict[int, int] = {}
        for word, names in wanted.privileges:
            for column in _columns(record, names):
                given[column] = given.get(column, 0) | p.bits([word], kind, columns=bool(column))
        for column, bits in given.items():
            key = p.key(number, column)
            bits = _grantable(session, record, kind, key, bits)
            for role in wanted.roles:
                _give(session, role, kind, key, bits, wanted.option, gives=gives)


def _grant_redis(session: SqlSession, wanted: _Granted, number: int, *, gives: bool) -> None:
    """A relation of Redis's data, which is the bootstrap role's and can only be read."""
    name = keyspace.NUMBERS[number]
    if not session.rights.is_super:
        raise SqlError("42501", f"permission denied for table {name}")
    for word, columns in wanted.privileges:
        if columns or word not in ("select", "all"):
            raise SqlError("0A000", f"of {name} only SELECT on all of it is granted")
    for role in wanted.roles:
        _give(session, role, p.RELATION, p.key(number), p.SELECT, wanted.option, gives=gives)


def _columns(record: records.Object, names: list[str]) -> list[int]:
    if not names:
        return [0]
    if not isinstance(record, records.Table | records.View):
        raise SqlError("0LP01", "column privileges are only valid for relations")
    by_name = {column.name: column.id for column in record.columns if not column.dropped}
    for name in names:
        if name not in by_name:
            raise SqlError("42703", f'column "{name}" of relation "{record.name}" does not exist')
    return [by_name[name] for name in names]


def _grantable(session: SqlSession, record: records.Object, kind: int, key: str, bits: int) -> int:
    """Those of the privileges that the session's role may pass on."""
    roles, role = session.rights.roles, session.role
    if roles.owns(role, record):
        return bits
    if not roles.privileges(role, kind, key):
        raise SqlError("42501", f"permission denied for {p.WORDS[kind]} {record.name}")
    found = bits & roles.privileges(role, kind, key, grantable=True)
    if found != bits:
        some = "not all" if found else "no"
        session.notice(Notice(f'{some} privileges were granted for "{record.name}"', "01007", "WARNING"))
    return found


def _give(session: SqlSession, role: str, kind: int, key: str, bits: int, option: bool, *, gives: bool) -> None:
    if role in ALIASES:
        # It has everything as it is.
        return

    def change(record: RoleRecord | None) -> RoleRecord | None:
        held = RoleRecord() if record is None and role == PUBLIC else _must_be(record, role)
        before = next((each for each in held.grants if (each.kind, each.object) == (kind, key)), Grant(kind, key, 0))
        if gives:
            after = replace(before, privileges=before.privileges | bits, grantable=before.grantable | (bits if option else 0))
        else:
            after = replace(before, privileges=before.privileges & (~0 if option else ~bits), grantable=before.grantable & ~bits)
        rest = tuple(each for each in held.grants if (each.kind, each.object) != (kind, key))
        return replace(held, grants=(*rest, after) if after.privileges else rest)

    session.rights.change(role, change)


MAKERS: dict[str, Callable[[Words], Made]] = {"grant": grant, "revoke": grant}
BY_TWO: dict[tuple[str, str], Callable[[Words], Made]] = {
    (verb, noun): maker
    for verb, maker in (("create", create), ("alter", alter), ("drop", drop))
    for noun in ("role", "user", "group")
}
