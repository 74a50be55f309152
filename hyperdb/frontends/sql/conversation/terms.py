"""What a server lends a conversation, and what a conversation may use.

Theory: everything that is not bytes (roles, randomness, other sessions, the address of the client) is passed in, so that tests
and fuzzers hold all of it. Invariant: a `Bounds` is never exceeded by more than one message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hyperdb.frontends.sql.contract import Backend
from hyperdb.frontends.sql.protocol.decode import Merge, merged
from hyperdb.frontends.sql.protocol.limits import Limits
from hyperdb.roles import Verifier


@dataclass(frozen=True, slots=True)
class Role:
    """A role as far as logging in goes. Without a verifier it has no password: only clients of this machine may use it, and only
    where no passwords are in use."""

    name: str
    verifier: Verifier | None
    is_superuser: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one client may hold. Bytes count the text of statements and the values of portals."""

    messages: Limits = field(default_factory=Limits)
    statements: int = 10_000
    portals: int = 10_000
    kept_bytes: int = 256 << 20
    pending_output: int = 1 << 15
    """Output in bytes at which a conversation pauses until what is there has been sent: others have their turn then, and some
    hundred rows are made into bytes in two milliseconds."""
    rows_at_once: int = 1_000
    """Rows asked of an outcome in one call, so that a client that does not read costs no more memory than these."""


class Guard:
    """Against guessing passwords, for the address that one client has. This one lets everybody guess."""

    def turn(self, _role: str) -> float | None:
        """In how many seconds an attempt may be looked at; None: not at all."""
        return 0.0

    def later(self, _seconds: float, ready: Callable[[], None]) -> None:
        """Calls `ready` then."""
        ready()

    def failed(self, _role: str) -> None:
        """A wrong password."""

    def succeeded(self, _role: str) -> None:
        """The right one."""


def _no_cancel(_process_id: int, _secret: bytes) -> None:
    """A server without other sessions."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one conversation is begun with."""

    backend: Backend
    find_role: Callable[[str], Role | None]
    """By its name or an alias; None: there is no such role."""
    random: Callable[[int], bytes]
    """So many bytes that nobody can foresee."""
    process_id: int
    decoy_secret: bytes
    """The server's own, from which roles that do not exist get their salt."""
    is_local: bool = False
    """Whether the client is of this machine."""
    address: str = ""
    offers_tls: bool = False
    demands_tls: bool = False
    """Nobody logs in without it."""
    certificate_hash: bytes | None = None
    """Of the server's certificate (RFC 5929, tls-server-end-point), for channel binding."""
    cancel: Callable[[int, bytes], None] = _no_cancel
    """Cancels what the session with this key does, if there is one."""
    began: Callable[[bytes], None] = lambda _secret: None
    """Told once the client has proved who it is: the secret that a CancelRequest must bring."""
    merge_copied: Merge = merged
    """Reads CopyData messages; a server has a faster one."""
    wake: Callable[[], None] = lambda: None
    """Thread-safe: notifications may wait for this client."""
    terminate: Callable[[], None] | None = None
    """Thread-safe: the client is told to go."""
    guard: Guard = field(default_factory=Guard)
    bounds: Bounds = field(default_factory=Bounds)
