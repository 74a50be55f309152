"""Who may log in to a server, with what, and how that is changed over RESP: ACL's users are the roles of all languages.

Theory: a role's record has the verifier that all languages check, hashes of passwords that RESP alone takes, and RESP's rules
(docs/resp.md, Users). The bootstrap role is RESP's user `default`; as long as nothing was said of it, whoever comes from this
machine is let in as it. Guesses are slowed down over all protocols together (`throttle`).
Invariant: a wrong password and a name that nobody has take the same time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hyperdb import _native, roles
from hyperdb.errors import CorruptError, HyperDBError, InvalidError
from hyperdb.frontends.throttle import EVEN, Throttle
from hyperdb.graph.roles import change_role, committed_roles
from hyperdb.graph.store import TransactionOptions
from hyperdb.roles import RoleRecord, Verifier

if TYPE_CHECKING:
    from hyperdb.graph.catalog.tables import Tables

DEFAULT = "default"
BUSY = ""
"""What a login is told that too many wait before."""
_OPEN = roles.SUPERUSER | roles.LOGIN | roles.INHERIT | roles.NO_PASSWORD
_NS_A_MICROSECOND = 1000
_RESERVED = frozenset({"public", "none", "current_user", "current_role", "session_user"})


class Accounts:
    """The roles of one database, for its servers. Thread-safe."""

    def __init__(self, tables: Tables, changes: roles.RoleChanges, throttle: Throttle, drop: Callable[[str], None]) -> None:
        """`drop` removes a role with all that SQL knows of it."""
        self._tables = tables
        self._changes = changes
        self._throttle = throttle
        self._drop = drop
        self._telling = threading.Lock()
        # Nobody knows this password: what is checked where there is none to be right.
        self._decoy = Verifier.of(secrets.token_hex(), secrets.token_bytes(roles.SALT_BYTES))
        self._records = self._read()

    def _read(self) -> dict[str, RoleRecord]:
        found = committed_roles(self._tables)
        found.pop("public", None)
        found[roles.BOOTSTRAP_ROLE] = _bootstrap(found.get(roles.BOOTSTRAP_ROLE))
        return found

    def refresh(self, tell: Callable[[Mapping[str, bytes]], None]) -> None:
        """Reads the roles anew and tells them; those of two changes are told in their order."""
        with self._telling:
            self._records = self._read()
            tell(self.encoded())

    def encoded(self) -> dict[str, bytes]:
        """The records by RESP's names of the roles."""
        return {_shown(name): record.encode() for name, record in self._records.items()}

    @property
    def is_open(self) -> bool:
        """Whether this machine's clients need no password."""
        return bool(self._records[roles.BOOTSTRAP_ROLE].attributes & roles.NO_PASSWORD)

    def verifier_of(self, name: str) -> tuple[str, Verifier | None, RoleRecord] | None:
        """Under which name a role or alias logs in, and what proves it; None: it may not."""
        own = _own(name)
        record = self._records.get(own)
        if record is None or not record.attributes & roles.LOGIN:
            return None
        verifier = record.verifier
        is_shut = own == roles.BOOTSTRAP_ROLE and verifier is None and not self.is_open
        if is_shut or (verifier is not None and _has_ended(record)):
            # VALID UNTIL: it looks like another password, as in PostgreSQL.
            verifier = self._decoy
        return own, verifier, record

    def authenticate(self, user: bytes, password: bytes, address: str, waited: bool) -> str | float | None:
        """RESP's name of the role that the password opens, or None; seconds until the attempt has its turn; BUSY."""
        name, host = user.decode("utf-8", "replace"), address.rpartition(":")[0].strip("[]")
        if not waited:
            seconds = self._throttle.turn(host, name, EVEN)
            if seconds is None:
                return BUSY
            if seconds > 0:
                return seconds
        found = self.verifier_of(name)
        if self._accepts(found, password):
            self._throttle.succeeded(host, name)
            return None if found is None else _shown(found[0])
        self._throttle.failed(host, name)
        return None

    def _accepts(self, found: tuple[str, Verifier | None, RoleRecord] | None, password: bytes) -> bool:
        record = RoleRecord() if found is None else found[2]
        if found is not None and record.attributes & roles.NO_PASSWORD:
            return True
        said = hashlib.sha256(password).digest()
        # All are compared, and a verifier is always computed.
        matches = [hmac.compare_digest(said, each) for each in record.hashes if not _has_ended(record)]
        verifier = None if found is None else found[1]
        proved = (verifier or self._decoy).accepts(password)
        return found is not None and (any(matches) or (verifier is not None and proved))

    def set_rules(self, name: str, rules: Sequence[bytes]) -> None:
        """ACL SETUSER.

        Raises:
            InvalidError: a rule is wrong; nothing is changed. Its text is Redis's.
        """
        own = _own(name)
        _refuse_reserved(name, own)

        self._change(own, lambda before: _ruled(own, before, rules))

    def said_of(self, name: str) -> RoleRecord | None:
        """The record of a role, if there is one; the bootstrap role's as soon as something was said of it."""
        own = _own(name)
        return committed_roles(self._tables).get(own)

    def by_rules(self, name: str, rules: Sequence[bytes]) -> RoleRecord:
        """What a new role becomes by these rules.

        Raises:
            InvalidError: a rule is wrong, in Redis's words, or the name is reserved.
        """
        own = _own(name)
        _refuse_reserved(name, own)
        return _ruled(own, None, rules)

    def set_password(self, password: str | None) -> None:
        """Sets (or takes away) the bootstrap role's password, the only one it then has; ACL GETUSER shows its hash, as of `>`."""

        def change(before: RoleRecord | None) -> RoleRecord:
            record = _bootstrap(before).with_password(_verifier(password.encode()) if password else None)
            hashes = (hashlib.sha256(password.encode()).digest(),) if password else ()
            open_ = 0 if password else roles.NO_PASSWORD
            return replace(record, hashes=hashes, attributes=record.attributes | roles.LOGIN | open_)

        self._change(roles.BOOTSTRAP_ROLE, change)

    def remove(self, names: Sequence[str]) -> int:
        """ACL DELUSER: how many there were.

        Raises:
            InvalidError: the default user, or one on whom something depends.
        """
        if any(_own(name) == roles.BOOTSTRAP_ROLE for name in names):
            raise InvalidError("The 'default' user cannot be removed")
        known = [name for name in dict.fromkeys(names) if name in self._records]
        for name in known:
            if self._tables.has_any() or self._tables.has_any(cql=True):
                try:
                    self._drop(name)
                except HyperDBError as error:
                    raise InvalidError(str(error)) from error
            else:
                self._change(name, lambda _: None)
        return len(known)

    def _change(self, own: str, change: Callable[[RoleRecord | None], RoleRecord | None]) -> None:
        transaction = self._tables.begin(TransactionOptions("read committed", False))
        try:
            change_role(transaction, own, change)
            transaction.commit()
        except BaseException:
            transaction.rollback()
            raise
        self._changes.tell()


def _refuse_reserved(name: str, own: str) -> None:
    if own in _RESERVED or own.startswith("pg_"):
        raise InvalidError(f"The name '{name}' is reserved")


def _ruled(own: str, before: RoleRecord | None, rules: Sequence[bytes]) -> RoleRecord:
    """The record that ACL's rules make of another."""
    record = _bootstrap(before) if own == roles.BOOTSTRAP_ROLE else before
    data = None if record is None else record.encode()
    encoded, gone, doubted, given = _native.change_acl(_shown(own), data, list(rules))
    after = RoleRecord.decode(encoded)
    if after is None:
        raise CorruptError(f"the record of role '{own}' is malformed")
    verifier = after.verifier
    if gone or (verifier is not None and any(verifier.accepts(password) for password in doubted)):
        verifier = None
    if given is not None:
        verifier = _verifier(given)
    return replace(after, verifier=verifier)


def _own(name: str) -> str:
    return roles.BOOTSTRAP_ROLE if name in roles.ALIASES else name


def _shown(own: str) -> str:
    return DEFAULT if own == roles.BOOTSTRAP_ROLE else own


def _verifier(password: bytes) -> Verifier | None:
    try:
        text = password.decode()
    except UnicodeDecodeError:
        # The other languages have no such passwords.
        return None
    return Verifier.of(text, secrets.token_bytes(roles.SALT_BYTES))


def _has_ended(record: RoleRecord) -> bool:
    """Whether the time is over in which a role's password is one."""
    return record.valid_until <= time.time_ns() // _NS_A_MICROSECOND


def _bootstrap(record: RoleRecord | None) -> RoleRecord:
    """The bootstrap role as it counts: as long as it has no password and ACL said nothing of it, it needs none."""
    if record is None:
        return RoleRecord(_OPEN)
    if not record.rules:
        needs = record.verifier is not None or bool(record.hashes)
        attributes = record.attributes | roles.SUPERUSER | roles.LOGIN
        return replace(record, attributes=attributes & ~roles.NO_PASSWORD if needs else attributes | roles.NO_PASSWORD)
    return record
