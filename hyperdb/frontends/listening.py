"""A server's sockets on one event loop: listeners, who is connected, how much room there is, a clean stop.

Theory: one thread runs the loop, which owns all sockets and makes all calls that do not wait; calls that do are run by pools of
threads, which the loop outlives. A protocol's server adds what its connections are. Invariant: after `stop` no thread and no
socket of the server is left, and every connection has been told that it is gone.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from hyperdb.errors import AddressError
from hyperdb.frontends.sockets import new_event_loop

_BACKLOG = 512
_SECONDS_TO_PART = 1.0
"""How long a client may take to answer that TLS ends, and the loop to close its socket."""


class Member(asyncio.Protocol, ABC):
    """A connection, as its server sees it. Called on the loop's thread."""

    @abstractmethod
    def stop(self) -> None:
        """The server stops: what runs is cancelled, the client told, the socket closed when that is done."""

    @abstractmethod
    def abort(self) -> None:
        """Closes the socket without a word."""

    @abstractmethod
    def forget(self) -> None:
        """When nothing runs any more: closes what waits for an end that nobody has announced."""


@dataclass(frozen=True, slots=True)
class Encryption:
    """TLS from the first byte on."""

    context: ssl.SSLContext
    seconds_to_agree: float


Connected = TypeVar("Connected", bound=Member)


class SocketServer(ABC, Generic[Connected]):
    """The part of a server that knows no protocol. `listen` begins it, `stop` ends it."""

    def __init__(self, name: str, log: logging.Logger, *, room: int, seconds_to_stop: float, pools: Sequence[Executor]) -> None:
        """`room`: sockets at once, one more is closed at once; `pools` are shut down when the server has stopped."""
        self._name = name
        self._log = log
        self._room = room
        self._seconds_to_stop = seconds_to_stop
        self._pools = pools
        self.loop = new_event_loop()
        self.addresses: list[tuple[str, int]] = []
        self._connections: set[Connected] = set()
        self._all_gone = asyncio.Event()
        self._listeners: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._run, name=f"hyperdb-{name.lower()}", daemon=True)

    def listen(self, addresses: Sequence[tuple[str, int]], encryption: Encryption | None = None) -> None:
        """Begins: listens on `addresses`, port 0 takes a free one. `self.addresses` has those taken.

        Raises:
            AddressError: when it cannot listen there; the server is stopped then.
        """
        self._thread.start()
        try:
            self.addresses = asyncio.run_coroutine_threadsafe(self._listen(addresses, encryption), self.loop).result()
        except OSError as error:
            self._end()
            raise AddressError(f"cannot listen on {', '.join(f'{host}:{port}' for host, port in addresses)}: {error}") from error

    def stop(self) -> None:
        """Ends what runs, closes everything, ends the threads. A second call does nothing."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result()
        self._end()

    @abstractmethod
    def connect(self, host: str) -> Connected:
        """A connection for a new socket of a client at `host`. Called on the loop's thread, as all that follows."""

    def lost(self, connection: Connected) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._all_gone.set()

    def begin(self, transport: asyncio.BaseTransport) -> Connected | None:
        """The connection for a new socket; None where there are too many."""
        if len(self._connections) >= self._room:
            return None
        connection = self.connect(str((transport.get_extra_info("peername") or ("",))[0]))
        self._connections.add(connection)
        self._all_gone.clear()
        return connection

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    async def _listen(self, addresses: Sequence[tuple[str, int]], encryption: Encryption | None) -> list[tuple[str, int]]:
        for host, port in addresses:
            listener = await self.loop.create_server(
                lambda: _Arrival(self),
                host,
                port,
                backlog=_BACKLOG,
                ssl=encryption.context if encryption is not None else None,
                ssl_handshake_timeout=encryption.seconds_to_agree if encryption is not None else None,
                ssl_shutdown_timeout=_SECONDS_TO_PART if encryption is not None else None,
            )
            self._listeners.append(listener)
        return [socket.getsockname()[:2] for listener in self._listeners for socket in listener.sockets]

    async def _stop(self) -> None:
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections):
            connection.stop()
        if not self._connections:
            return
        try:
            await asyncio.wait_for(self._all_gone.wait(), self._seconds_to_stop)
        except TimeoutError:
            self._log.warning("%d %s clients did not end in time and were cut off", len(self._connections), self._name)
            for connection in list(self._connections):
                connection.abort()
            # Whose call still runs is closed when that has come back, which `_end` waits for.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), _SECONDS_TO_PART)

    def _end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        for pool in self._pools:
            pool.shutdown(wait=True)
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        for connection in list(self._connections):
            connection.forget()
        self.loop.close()


class _Arrival(asyncio.Protocol):
    """A socket before it is known whether there is room for it."""

    def __init__(self, server: SocketServer[Connected]) -> None:
        self._begin = server.begin

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hands the socket on, or closes it."""
        connection = self._begin(transport)
        if connection is None:
            transport.close()
            return
        transport = cast("asyncio.Transport", transport)
        transport.set_protocol(connection)
        connection.connection_made(transport)
