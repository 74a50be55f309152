"""Users of a running Redis: what its ACL LIST shows becomes roles here.

Theory: a line of ACL LIST is ACL SETUSER's rules, passwords as their SHA-256. Such a role logs in over RESP with the password
that it has at the source; SQL and CQL know it, and let it in once they have given it a password themselves, since no verifier of
theirs can be made of a hash. It owns nothing, and no table was granted to it. Invariant: all lines are read, and what each would
make of a role is known, before the first role is written; the source's `default` is left alone as long as it is as a new Redis
has it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hyperdb.errors import InvalidError, SourceError
from hyperdb.frontends.throttle import Throttle
from hyperdb.roles import ALIASES, RoleRecord
from hyperdb.transfer.files import Json, policy_of
from hyperdb.transfer.source import Source

if TYPE_CHECKING:
    from hyperdb.accounts import Accounts
    from hyperdb.database import Database

_DEFAULT = "default"
_NEW = frozenset({b"on", b"nopass", b"sanitize-payload", b"~*", b"&*", b"+@all"})
"""What a new Redis says of its default user."""


@dataclass(frozen=True)
class User:
    """A line of ACL LIST."""

    name: str
    rules: tuple[bytes, ...]

    @property
    def is_untouched(self) -> bool:
        """Whether it is the default user of a new Redis."""
        return self.name == _DEFAULT and _NEW.issuperset(self.rules)


def read(line: bytes) -> User:
    """The user of a line.

    Raises:
        SourceError: it is none.
    """
    words = line.split(b" ")
    try:
        kind, name, *rules = words
        if kind != b"user" or not name:
            raise ValueError
        return User(name.decode(), tuple(rule for rule in rules if rule))
    except UnicodeDecodeError as error:
        raise SourceError("the name of a user is no UTF-8: it has no role here") from error
    except ValueError as error:
        raise SourceError("ACL LIST gave a line that is no user") from error


def listed(source: Source) -> list[User]:
    """All users of a source.

    Raises:
        SourceError: it does not tell them: it is older than Redis 6, or who asks may not see them.
    """
    reply = source.ask("ACL", "LIST")
    if not isinstance(reply, list) or not all(isinstance(line, bytes) for line in reply):
        raise SourceError("ACL LIST gave no users")
    return [read(line) for line in reply if isinstance(line, bytes)]


class Users:
    """The users of one source on their way."""

    def __init__(self, database: Database, source: Source, arguments: Json) -> None:
        self._accounts: Accounts = database.accounts(Throttle(time.monotonic))
        self._policy = policy_of(arguments)
        self._users = [user for user in listed(source) if not user.is_untouched]
        self._refused: list[Json] = []
        self._ready: list[User] = []
        self._kept = 0

    def check(self) -> None:
        """Looks at all of them.

        Raises:
            InvalidError: a role of that name is there and another, and the policy is `refuse`.
        """
        for user in self._users:
            if user.name in ALIASES and user.name != _DEFAULT:
                self._refuse(user, "the name is one of the owner's here")
                continue
            try:
                after = self._accounts.by_rules(user.name, _anew(user))
            except InvalidError as error:
                self._refuse(user, str(error))
                continue
            before = self._accounts.said_of(user.name)
            if before is None or _same(before, after) or self._policy == "replace":
                self._ready.append(user)
            elif self._policy == "skip":
                self._kept += 1
            else:
                raise InvalidError(
                    f"there is a role '{user.name}' already: say whether to replace or to skip those that are there"
                )

    def write(self) -> Json:
        """Makes them; what became of them."""
        for user in self._ready:
            self._accounts.set_rules(user.name, _anew(user))
        return {"written": len(self._ready), "kept": self._kept, "refused": self._refused}

    def _refuse(self, user: User, why: str) -> None:
        self._refused.append({"user": user.name, "why": why})


def _anew(user: User) -> Sequence[bytes]:
    return (b"reset", *user.rules)


def _same(one: RoleRecord, other: RoleRecord) -> bool:
    """Whether an import has made it before: that goes on where it was cut off."""
    return one.rules == other.rules and set(one.hashes) == set(other.hashes)
