"""Cassandra's protocol on sockets: listeners, connections, who may log in, a clean stop.

Theory: one thread runs an event loop that owns all sockets and makes all calls of sessions that do not wait; those that do are
finished by worker threads. Passwords are checked by two threads of their own, so that guessing never takes a worker.
Invariant: after `stop` no thread and no socket of the server is left, and every session is closed.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from hyperdb.errors import AddressError
from hyperdb.frontends.cql.connection import LOG, Bounds, Connection
from hyperdb.frontends.cql.contract import Backend, Role
from hyperdb.frontends.cql.throttle import Throttle
from hyperdb.frontends.sockets import is_loopback, new_event_loop
from hyperdb.roles import BOOTSTRAP_ROLE

_PASSWORD_CHECKERS = 2
_BACKLOG = 512
_SECONDS_TO_PART = 1.0
"""How long a client may take to answer that TLS ends, and the loop to close its socket."""


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


class CqlServer:
    """A running server. The constructor returns once it listens; `stop` ends it."""

    def __init__(
        self,
        backend: Backend,
        addresses: Sequence[tuple[str, int]],
        find_role: Callable[[str], Role | None],
        *,
        tls: ssl.SSLContext | None = None,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Listens on `addresses`; port 0 takes a free one. With `tls` every connection is encrypted from its first byte.

        Raises:
            AddressError: when it cannot listen there.
        """
        self.backend = backend
        self.throttle = Throttle(clock)
        self._find_role = find_role
        self._settings = settings or Settings()
        self._tls = tls
        self.workers = ThreadPoolExecutor(self._settings.workers, thread_name_prefix="hyperdb-cql-worker")
        self.checkers = ThreadPoolExecutor(_PASSWORD_CHECKERS, thread_name_prefix="hyperdb-cql-password")
        self.loop = new_event_loop()
        self._connections: set[Connection] = set()
        self._clients: set[Connection] = set()
        self._all_gone = asyncio.Event()
        self._listeners: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._run, name="hyperdb-cql", daemon=True)
        self._thread.start()
        try:
            self.addresses = asyncio.run_coroutine_threadsafe(self._listen(addresses), self.loop).result()
        except OSError as error:
            self._end()
            raise AddressError(f"cannot listen on {', '.join(f'{host}:{port}' for host, port in addresses)}: {error}") from error

    @property
    def clients(self) -> int:
        """How many clients have sent STARTUP."""
        return len(self._clients)

    def stop(self) -> None:
        """Ends what runs, closes everything, ends the threads. A second call does nothing."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result()
        self._end()

    # On the loop's thread.

    def find_role(self, name: str) -> Role | None:
        """The role of this name or alias, if it may log in."""
        return self._find_role(name)

    def anonymous(self, *, is_local: bool) -> str | None:
        """Clients of this machine are the bootstrap role as long as that has no password."""
        if self._settings.always_authenticate or not is_local:
            return None
        role = self._find_role(BOOTSTRAP_ROLE)
        return role.name if role is not None and role.verifier is None else None

    def admit(self, connection: Connection) -> bool:
        """Counts a client in; False: there are too many."""
        if connection not in self._clients and len(self._clients) >= self._settings.connections:
            return False
        self._clients.add(connection)
        return True

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        self._clients.discard(connection)
        if not self._connections:
            self._all_gone.set()

    def begin(self, transport: asyncio.BaseTransport) -> Connection | None:
        """A connection for a new socket; None where there are too many."""
        settings = self._settings
        if len(self._connections) >= settings.connections + settings.sockets_beyond:
            return None
        host = str((transport.get_extra_info("peername") or ("",))[0])
        connection = Connection(self, settings.bounds, is_local=is_loopback(host))
        self._connections.add(connection)
        self._all_gone.clear()
        return connection

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def _listen(self, addresses: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        is_encrypted = self._tls is not None
        for host, port in addresses:
            listener = await self.loop.create_server(
                self._accept,
                host,
                port,
                backlog=_BACKLOG,
                ssl=self._tls,
                ssl_handshake_timeout=self._settings.bounds.seconds_to_log_in if is_encrypted else None,
                ssl_shutdown_timeout=_SECONDS_TO_PART if is_encrypted else None,
            )
            self._listeners.append(listener)
        return [socket.getsockname()[:2] for listener in self._listeners for socket in listener.sockets]

    def _accept(self) -> asyncio.Protocol:
        return _Arrival(self)

    async def _stop(self) -> None:
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections):
            connection.stop()
        if not self._connections:
            return
        try:
            await asyncio.wait_for(self._all_gone.wait(), self._settings.seconds_to_stop)
        except TimeoutError:
            LOG.warning("%d CQL clients did not end in time and were cut off", len(self._connections))
            for connection in list(self._connections):
                connection.abort()
            # Whose call still runs is closed when that has come back, which `_end` waits for.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), _SECONDS_TO_PART)

    def _end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.workers.shutdown(wait=True)
        self.checkers.shutdown(wait=True)
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        for connection in list(self._connections):
            connection.forget()
        self.loop.close()


class _Arrival(asyncio.Protocol):
    """A socket before it is known whether there is room for it."""

    def __init__(self, server: CqlServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hands the socket on, or closes it."""
        connection = self._server.begin(transport)
        if connection is None:
            transport.close()
            return
        transport = cast("asyncio.Transport", transport)
        transport.set_protocol(connection)
        connection.connection_made(transport)
