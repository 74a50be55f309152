"""Password verifiers: SCRAM-SHA-256, so that no password and nothing that replaces one is stored.

Theory: RFC 5802 section 3. StoredKey = H(HMAC(SaltedPassword, "Client Key")); a client proves that it knows the password
by one value from which StoredKey follows. RESP sends the password itself, which is checked by computing StoredKey anew.
Invariant: comparison takes the same time for every wrong password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

BOOTSTRAP_ROLE = "hyperdb"
ALIASES = frozenset({"default", "cassandra", "postgres", BOOTSTRAP_ROLE})
ITERATIONS = 4096
MOST_ITERATIONS = 600_000
"""Of a verifier that somebody else has made: checking a password against it takes a quarter of a second."""
SALT_BYTES = 16
_KEY_BYTES = 32
_WRITTEN = re.compile(r"SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class Verifier:
    """What is stored of a password; the record is written down in docs/file-format.md."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    @classmethod
    def of(cls, password: str, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
        """The verifier of `password`; `salt` must be random."""
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        return cls(iterations, salt, hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256"))

    @classmethod
    def read(cls, text: str) -> Verifier | None:
        """What a text of PostgreSQL's form says (`SCRAM-SHA-256$iterations:salt$stored:server`); None for other texts."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            return None
        try:
            salt, stored, server = (base64.b64decode(each, validate=True) for each in found.groups()[1:])
        except ValueError:
            return None
        iterations = int(found[1])
        fits = iterations > 0 and salt and len(stored) == len(server) == _KEY_BYTES
        return cls(iterations, salt, stored, server) if fits else None

    def accepts(self, password: bytes) -> bool:
        """Whether `password` is the one."""
        salted = hashlib.pbkdf2_hmac("sha256", password, self.salt, self.iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        return hmac.compare_digest(hashlib.sha256(client_key).digest(), self.stored_key)


SUPERUSER, LOGIN, CREATE_ROLE, CREATE_DATABASE, INHERIT, NO_PASSWORD, BYPASS_POLICIES = 1, 2, 4, 8, 16, 32, 64
FOR_EVER = (1 << 63) - 1
RECORD_TAG = b"\x02"
"""What the id of a role's record begins with, in the system's own app; its name follows."""
_VERSION = 1
_SHORT = 247


@dataclass(frozen=True)
class Grant:
    """Privileges on an object, by bit; `grantable` are those of them that may be passed on."""

    kind: int
    object: str
    privileges: int
    grantable: int = 0


@dataclass(frozen=True)
class RoleRecord:
    """A role as it is stored (docs/file-format.md, Role record); one set for all languages."""

    attributes: int = INHERIT
    connection_limit: int = -1
    valid_until: int = FOR_EVER
    verifier: Verifier | None = None
    hashes: tuple[bytes, ...] = ()
    memberships: tuple[tuple[str, int], ...] = ()
    """Roles that it belongs to, and options by bit: 1 admin, 2 inherit, 4 set."""
    grants: tuple[Grant, ...] = ()
    rules: tuple[str, ...] = ()

    def with_password(self, verifier: Verifier | None) -> RoleRecord:
        """The role with this as its only password over all protocols, or with none."""
        return replace(self, verifier=verifier, hashes=(), attributes=self.attributes & ~NO_PASSWORD)

    def encode(self) -> bytes:
        """The record's bytes."""
        out = [bytes([_VERSION]), self.attributes.to_bytes(2, "little"), self.connection_limit.to_bytes(4, "little", signed=True)]
        out.append(self.valid_until.to_bytes(8, "little", signed=True))
        if self.verifier is None:
            out.append(b"\0")
        else:
            found = self.verifier
            out += [b"\1", found.iterations.to_bytes(4, "little"), _blob(found.salt), found.stored_key, found.server_key]
        out += [_varint(len(self.hashes)), *self.hashes, _varint(len(self.memberships))]
        for name, options in self.memberships:
            out += [_blob(name.encode()), bytes([options])]
        out.append(_varint(len(self.grants)))
        for each in self.grants:
            out += [bytes([each.kind]), _blob(each.object.encode())]
            out += [each.privileges.to_bytes(4, "little"), each.grantable.to_bytes(4, "little")]
        out += [_varint(len(self.rules)), *[_blob(rule.encode()) for rule in self.rules]]
        return b"".join(out)

    @classmethod
    def decode(cls, data: bytes) -> RoleRecord | None:
        """Back from `encode`; None where it is no record of this version."""
        reader = _Reader(data)
        try:
            if reader.number(1) != _VERSION:
                return None
            attributes, limit, until = reader.number(2), reader.number(4, signed=True), reader.number(8, signed=True)
            verifier = None
            if reader.number(1):
                verifier = Verifier(reader.number(4), reader.blob(), reader.take(_KEY_BYTES), reader.take(_KEY_BYTES))
            hashes = tuple(reader.take(_KEY_BYTES) for _ in range(reader.varint()))
            memberships = tuple((reader.text(), reader.number(1)) for _ in range(reader.varint()))
            grants = tuple(
                Grant(reader.number(1), reader.text(), reader.number(4), reader.number(4)) for _ in range(reader.varint())
            )
            rules = tuple(reader.text() for _ in range(reader.varint()))
        except (IndexError, ValueError):
            return None
        return cls(attributes, limit, until, verifier, hashes, memberships, grants, rules) if reader.at == len(data) else None


class RoleChanges:
    """What all languages are told, once it is committed: that roles were made, changed or dropped. Thread-safe.

    What was read of the roles is as they are as long as `count` is what it was before reading.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard: dict[int, Callable[[], None]] = {}
        self.count = 0

    def listen(self, owner: object, hear: Callable[[], None]) -> None:
        """From now on `hear` is called after each change, on the thread of who changed."""
        self._heard[id(owner)] = hear

    def leave(self, owner: object) -> None:
        """No more."""
        self._heard.pop(id(owner), None)

    def tell(self) -> None:
        """A change is committed."""
        with self._lock:
            self.count += 1
            heard = list(self._heard.values())
        for hear in heard:
            hear()


def _varint(value: int) -> bytes:
    """An ordered varint (docs/file-format.md)."""
    if value <= _SHORT:
        return bytes([value])
    body = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([_SHORT + len(body)]) + body


def _blob(data: bytes) -> bytes:
    return _varint(len(data)) + data


class _Reader:
    """Takes fields from the front; raises IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        if self.at + size > len(self._data):
            raise IndexError
        found = self._data[self.at : self.at + size]
        self.at += size
        return found

    def number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def varint(self) -> int:
        (first,) = self.take(1)
        return first if first <= _SHORT else int.from_bytes(self.take(first - _SHORT), "big")

    def blob(self) -> bytes:
        return self.take(self.varint())

    def text(self) -> str:
        return self.blob().decode()
