"""SASL PLAIN (RFC 4616), which drivers call PasswordAuthenticator, against the roles that all languages share.

Theory: the token is `authorization NUL name NUL password`, the first part mostly empty. A role without a password is let in
where no passwords are in use, from this machine only. A role that does not exist is checked like one with another password, so
that times tell nothing.
Invariant: every refusal says the same, whatever was wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.contract import Role
from hyperdb.roles import SALT_BYTES, Verifier

AUTHENTICATOR = "org.apache.cassandra.auth.PasswordAuthenticator"
MOST_TOKEN_BYTES = 4096
# Checked in place of a role that does not exist; nobody has its password.
_DECOY = Verifier(4096, bytes(SALT_BYTES), bytes(32), bytes(32))


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a token says."""

    name: str
    password: bytes


def credentials(token: bytes | None) -> Credentials:
    """Reads a token.

    Raises:
        CqlError: bad credentials, where there is no name or no password; protocol, where it is no token.
    """
    if token is None or len(token) > MOST_TOKEN_BYTES:
        raise CqlError(ErrorCode.PROTOCOL, "Invalid SASL token")
    parts = token.split(b"\0")
    if len(parts) != 3:
        raise CqlError(ErrorCode.PROTOCOL, "Credential format error: the token needs one name and one password")
    name, password = parts[1], parts[2]
    if not name:
        raise CqlError(ErrorCode.BAD_CREDENTIALS, "Authentication ID must not be null")
    try:
        return Credentials(name.decode(), password)
    except UnicodeDecodeError:
        raise CqlError(ErrorCode.BAD_CREDENTIALS, "Provided username and/or password are incorrect") from None


def check(given: Credentials, role: Role | None, *, is_trusted: bool) -> str:
    """The name of the role that `given` opens. Takes milliseconds: not for the event loop.

    Raises:
        CqlError: bad credentials.
    """
    if role is not None and role.verifier is None and is_trusted:
        return role.name
    verifier = role.verifier if role is not None else None
    if not (verifier or _DECOY).accepts(given.password) or role is None or verifier is None:
        raise CqlError(ErrorCode.BAD_CREDENTIALS, f"Provided username {given.name} and/or password are incorrect")
    return role.name
