"""The options of CREATE and ALTER ROLE: what they say, and what they make of a role's record.

Invariant: an option that is not kept or not looked at is refused.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.roles import (
    BYPASS_POLICIES,
    CREATE_DATABASE,
    CREATE_ROLE,
    INHERIT,
    LOGIN,
    MOST_ITERATIONS,
    SALT_BYTES,
    SUPERUSER,
    RoleRecord,
    Verifier,
)

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_FLAGS = {
    "superuser": SUPERUSER,
    "createdb": CREATE_DATABASE,
    "createrole": CREATE_ROLE,
    "inherit": INHERIT,
    "login": LOGIN,
    "bypassrls": BYPASS_POLICIES,
}
MEMBER, ADMIN = 2 | 4, 1
"""Options of a membership: it inherits and may be become; it may be given to others."""


@dataclass
class Options:
    """What CREATE and ALTER ROLE ask for."""

    on: int = 0
    off: int = 0
    password: str | None = None
    has_password: bool = False
    limit: int | None = None
    """Connections of clients of SQL at once; -1: as many as there are."""
    until: str | None = None
    """As written: the time after which the password is none."""
    belongs_to: tuple[str, ...] = ()
    members: tuple[tuple[str, int], ...] = ()

    @property
    def changes_more(self) -> bool:
        """Whether it says more than attributes and a password."""
        return self.limit is not None or self.until is not None


def names_of(found: Words) -> list[str]:
    """Names between commas."""
    read = [found.name()]
    while found.take(","):
        read.append(found.name())
    return read


def options_of(found: Words, *, login: bool) -> Options:
    """What stands behind the name of CREATE or ALTER ROLE.

    Raises:
        SqlError: 42601, 22023, 0A000.
    """
    made = Options(on=LOGIN if login else 0)
    found.take("with")
    while found.peek():
        word = found.peek()
        if word in _FLAGS and found.take(word):
            made.on, made.off = made.on | _FLAGS[word], made.off & ~_FLAGS[word]
        elif word.startswith("no") and word[2:] in _FLAGS and found.take(word):
            made.on, made.off = made.on & ~_FLAGS[word[2:]], made.off | _FLAGS[word[2:]]
        elif found.take("noreplication"):
            continue
        elif word == "password" or (word == "encrypted" and found.peek(1) == "password"):
            found.take("encrypted")
            found.expect("password")
            made.has_password = True
            made.password = None if found.take("null") else found.value()
        elif found.take("in", "role") or found.take("in", "group"):
            made.belongs_to = tuple(names_of(found))
        elif found.take("role") or found.take("user"):
            made.members += tuple((name, MEMBER) for name in names_of(found))
        elif found.take("admin"):
            made.members += tuple((name, MEMBER | ADMIN) for name in names_of(found))
        elif found.take("connection", "limit"):
            made.limit = _limit(found)
        elif found.take("valid", "until"):
            made.until = found.value()
        elif word in ("replication", "sysid"):
            raise SqlError("0A000", f"{word.upper()} is not supported for roles")
        else:
            raise found.error()
    return made


def _limit(found: Words) -> int:
    text = found.value()
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise SqlError("42601", f'syntax error at or near "{text}"')
    if int(text) < -1:
        raise SqlError("22023", f"invalid connection limit: {text}")
    return int(text)


_MD5 = re.compile(r"md5[0-9a-f]{32}")


def applied(session: SqlSession, options: Options, record: RoleRecord) -> RoleRecord:
    """A role with these options.

    Raises:
        SqlError: 22007 and 22008 for a time that is none, 0A000, 22023 for a password.
    """
    record = replace(record, attributes=record.attributes & ~options.off | options.on)
    if options.limit is not None:
        record = replace(record, connection_limit=options.limit)
    if options.until is not None:
        record = replace(record, valid_until=types.read_text(kinds.TIMESTAMPTZ, options.until, style=session.style))
    if options.has_password:
        record = record.with_password(_verifier(options.password) if options.password else None)
    return record


def _verifier(password: str) -> Verifier:
    """Of a password, or what a client has made of it so that the server does not see it (libpq's PQchangePassword)."""
    if _MD5.fullmatch(password):
        raise SqlError("0A000", "MD5 hashes of passwords are not supported", hint="Use SCRAM-SHA-256.")
    given = Verifier.read(password)
    if given is None:
        return Verifier.of(password, secrets.token_bytes(SALT_BYTES))
    if given.iterations > MOST_ITERATIONS:
        # Clients who send the password itself would have the server compute for as long as somebody has chosen.
        raise SqlError("22023", f"a password verifier may have {MOST_ITERATIONS} iterations at most")
    return given
