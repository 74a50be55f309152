"""Cassandra's protocol on sockets: connections, who may log in, how many clients there are.

Theory: requests that wait are finished by worker threads. Passwords are checked by two threads of their own, so that guessing
never takes a worker. Invariant: no more clients than were allowed are served; strangers have a bounded number of sockets more.
"""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from hyperdb.frontends.cql.connection import LOG, Connection
from hyperdb.frontends.cql.contract import Backend, Role
from hyperdb.frontends.cql.protocol.limits import Bounds
from hyperdb.frontends.listening import Encryption, SocketServer
from hyperdb.frontends.sockets import is_loopback
from hyperdb.frontends.throttle import Throttle
from hyperdb.roles import BOOTSTRAP_ROLE
from hyperdb.values import CqlTimeouts

_PASSWORD_CHECKERS = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """What strangers and clients may have of the server."""

    connections: int = 1000
    """Clients at once; one more is told so (overloaded). Drivers open several each."""
    sockets_beyond: int = 100
    """Sockets at once beyond those; one more is closed at once."""
    workers: int = 32
    """Threads for calls that wait."""
    seconds_to_stop: float = 5
    """How long what runs may take to end before clients are cut off."""
    always_authenticate: bool = False
    """Ask clients of this machine for a password too when the bootstrap role has none."""
    bounds: Bounds = field(default_factory=Bounds)
    timeouts: CqlTimeouts = field(default_factory=CqlTimeouts)


class CqlServer(SocketServer[Connection]):
    """A running server. The constructor returns once it listens; `stop` ends it."""

    def __init__(
        self,
        backend: Backend,
        addresses: Sequence[tuple[str, int]],
        find_role: Callable[[str], Role | None],
        *,
        tls: ssl.SSLContext | None = None,
        settings: Settings | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        """Listens on `addresses`; port 0 takes a free one. With `tls` every connection is encrypted from its first byte on.

        Raises:
            AddressError: when it cannot listen there.
        """
        self.backend = backend
        self.throttle = throttle or Throttle(time.monotonic)
        self._find_role = find_role
        self._settings = settings = settings or Settings()
        self.workers = ThreadPoolExecutor(settings.workers, thread_name_prefix="hyperdb-cql-worker")
        self.checkers = ThreadPoolExecutor(_PASSWORD_CHECKERS, thread_name_prefix="hyperdb-cql-password")
        self._clients: set[Connection] = set()
        self._free = settings.workers
        self._waiting: deque[Connection] = deque()
        """Those that have calls for which there was no worker."""
        super().__init__(
            "CQL",
            LOG,
            room=settings.connections + settings.sockets_beyond,
            seconds_to_stop=settings.seconds_to_stop,
            pools=(self.workers, self.checkers),
        )
        self.listen(addresses, Encryption(tls, settings.bounds.seconds_to_log_in) if tls is not None else None)

    @property
    def clients(self) -> int:
        """How many clients have sent STARTUP."""
        return len(self._clients)

    # On the loop's thread.

    def find_role(self, name: str) -> Role | None:
        """The role of this name or alias, if it may log in."""
        return self._find_role(name)

    def anonymous(self, *, is_local: bool) -> str | None:
        """Clients of this machine are the bootstrap role as long as that has no password."""
        return BOOTSTRAP_ROLE if not self._settings.always_authenticate and self.trusts(is_local=is_local) else None

    def trusts(self, *, is_local: bool) -> bool:
        """Clients of this machine need no password for a role that has none, as long as the bootstrap role is one of those."""
        role = self._find_role(BOOTSTRAP_ROLE) if is_local else None
        return role is not None and role.verifier is None

    def admit(self, connection: Connection) -> bool:
        """Counts a client in; False: there are too many."""
        if connection not in self._clients and len(self._clients) >= self._settings.connections:
            return False
        self._clients.add(connection)
        return True

    @property
    def timeouts(self) -> CqlTimeouts:
        """How long requests may take."""
        return self._settings.timeouts

    def engage(self, connection: Connection, at_work: int) -> bool:
        """Whether a client that has so many workers gets one more: no more than are still free, so that who comes next finds some
        (dynamic thresholds: Choudhury and Hahne, IEEE/ACM ToN 1998). Who gets none is told when one is back."""
        if at_work < self._free:
            self._free -= 1
            return True
        if connection not in self._waiting:
            self._waiting.append(connection)
        return False

    def disengage(self) -> None:
        """A worker is back."""
        self._free += 1
        waiting, self._waiting = self._waiting, deque()
        for connection in waiting:
            connection.employ()

    def connect(self, host: str) -> Connection:
        """See `SocketServer`."""
        return Connection(self, self._settings.bounds, is_local=is_loopback(host))

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._clients.discard(connection)
        super().lost(connection)
