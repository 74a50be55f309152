"""PostgreSQL's protocol on sockets: listeners, connections, cancelling, a clean stop.

Theory: one thread runs an event loop (uvloop's where it can be had) that owns all sockets and makes all calls of sessions that
do not wait; those that do are finished by worker threads, of which there are as many as connections, so that whoever holds a
lock can always go on to release it. Invariant: after `stop` no thread and no socket of the server is left, and every session is
closed.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import secrets
import ssl
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import cast

from hyperdb.errors import AddressError, SqlError
from hyperdb.frontends.sockets import is_loopback, new_event_loop
from hyperdb.frontends.sql import tls
from hyperdb.frontends.sql.connection import LOG, Connection
from hyperdb.frontends.sql.contract import Backend, Opening, Session
from hyperdb.frontends.sql.conversation import Bounds, Conversation, Role, Terms
from hyperdb.graph.catalog.lanes import merge_copy_data

_DECOY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """What strangers and clients may have of the server."""

    connections: int = 100
    """Clients at once; one more is told so (53300)."""
    sockets_beyond: int = 100
    """Sockets at once beyond those, for strangers and cancel requests; one more is closed at once."""
    seconds_to_log_in: float = 60
    seconds_to_stop: float = 5
    """How long clients may take to hear of a stop before they are cut off."""
    bounds: Bounds = field(default_factory=Bounds)


class _Full:
    """What opens sessions for one client too many."""

    def open(self, _opening: Opening) -> Session:
        raise SqlError("53300", "sorry, too many clients already")


class SqlServer:
    """A running server. The constructor returns once it listens; `stop` ends it."""

    def __init__(
        self,
        backend: Backend,
        addresses: Sequence[tuple[str, int]],
        find_role: Callable[[str], Role | None],
        *,
        certificate: tls.Certificate | None = None,
        settings: Settings | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Listens on `addresses`; port 0 takes a free one.

        Raises:
            AddressError: when it cannot listen there.
        """
        self._backend = backend
        self._find_role = find_role
        self._settings = settings or Settings()
        self._random = random
        self._decoy_secret = random(_DECOY_BYTES)
        self._certificate = certificate
        self.tls: ssl.SSLContext | None = certificate.context if certificate is not None else None
        self.workers = ThreadPoolExecutor(self._settings.connections, thread_name_prefix="hyperdb-sql-worker")
        self.loop = new_event_loop()
        self._connections: set[Connection] = set()
        self._logged_in: dict[int, tuple[bytes, Connection]] = {}
        self._numbers = itertools.count(1)
        self._all_gone = asyncio.Event()
        self._listeners: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._run, name="hyperdb-sql", daemon=True)
        self._thread.start()
        try:
            self.addresses = asyncio.run_coroutine_threadsafe(self._listen(addresses), self.loop).result()
        except OSError as error:
            self._end()
            raise AddressError(f"cannot listen on {', '.join(f'{host}:{port}' for host, port in addresses)}: {error}") from error

    @property
    def clients(self) -> int:
        """How many clients are logged in."""
        return len(self._logged_in)

    def stop(self) -> None:
        """Tells the clients (57P01), closes everything, ends the threads. A second call does nothing."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result()
        self._end()

    # On the loop's thread.

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        self._logged_in.pop(connection.number, None)
        if not self._connections:
            self._all_gone.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def _listen(self, addresses: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        for host, port in addresses:
            self._listeners.append(await self.loop.create_server(self._accept, host, port, backlog=512))
        return [socket.getsockname()[:2] for listener in self._listeners for socket in listener.sockets]

    def _accept(self) -> asyncio.Protocol:
        return _Arrival(self)

    def begin(self, transport: asyncio.BaseTransport) -> Connection | None:
        """A connection for a new socket; None where there are too many."""
        if len(self._connections) >= self._settings.connections + self._settings.sockets_beyond:
            return None
        number = next(self._numbers)
        host = str((transport.get_extra_info("peername") or ("",))[0])
        is_full = len(self._logged_in) >= self._settings.connections
        made: list[Connection] = []
        terms = Terms(
            merge_copied=merge_copy_data,
            backend=_Full() if is_full else self._backend,
            find_role=self._find_role,
            random=self._random,
            process_id=number,
            decoy_secret=self._decoy_secret,
            is_local=is_loopback(host),
            address=host,
            offers_tls=self.tls is not None,
            certificate_hash=self._certificate.hash if self._certificate is not None else None,
            cancel=self._cancel,
            began=lambda secret: self._began(number, secret, made[0]),
            wake=lambda: made[0].wake(),
            terminate=lambda: made[0].terminate(),
            bounds=self._settings.bounds,
        )
        connection = Connection(self, number, Conversation(terms), self._settings.seconds_to_log_in)
        made.append(connection)
        self._connections.add(connection)
        self._all_gone.clear()
        return connection

    def _began(self, number: int, secret: bytes, connection: Connection) -> None:
        self._logged_in[number] = secret, connection
        connection.logged_in()

    def _cancel(self, number: int, secret: bytes) -> None:
        found = self._logged_in.get(number)
        if found is not None and hmac.compare_digest(found[0], secret):
            found[1].cancel()

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
            LOG.warning("%d SQL clients did not end in time and were cut off", len(self._connections))
            for connection in list(self._connections):
                connection.abort()
            await asyncio.sleep(0)

    def _end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.workers.shutdown(wait=True)
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


class _Arrival(asyncio.Protocol):
    """A socket before it is known whether there is room for it."""

    def __init__(self, server: SqlServer) -> None:
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
