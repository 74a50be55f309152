"""PostgreSQL's protocol on sockets: connections, cancelling, how many clients there are.

Theory: calls that wait are finished by worker threads, of which there are as many as connections, so that whoever holds a
lock can always go on to release it. Whether there is room is decided when a client has proved who it is. Invariant: no more
clients are let in than there are workers; a cancel request reaches only the connection whose secret it knows.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import secrets
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from hyperdb.errors import SqlError
from hyperdb.frontends.listening import SocketServer
from hyperdb.frontends.sockets import is_loopback
from hyperdb.frontends.sql import tls
from hyperdb.frontends.sql.connection import LOG, Connection
from hyperdb.frontends.sql.contract import Backend, Opening, Session
from hyperdb.frontends.sql.conversation import Bounds, Conversation, Guard, Role, Terms
from hyperdb.frontends.throttle import Throttle
from hyperdb.graph.catalog.lanes import merge_copy_data

_DECOY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """What strangers and clients may have of the server."""

    connections: int = 100
    """Clients at once; one more is told so (53300)."""
    reserved: int = 3
    """Of those, for superusers."""
    sockets_beyond: int = 100
    """Sockets at once beyond those, for strangers and cancel requests; one more is closed at once."""
    seconds_to_log_in: float = 60
    seconds_to_stop: float = 5
    """How long clients may take to hear of a stop before they are cut off."""
    bounds: Bounds = field(default_factory=Bounds)
    demands_tls: bool = False
    """Who does not encrypt is not let in."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Settings that sessions begin with, where their clients say nothing else."""


class _Guarded(Guard):
    """An address, by what the throttle knows of it."""

    def __init__(self, throttle: Throttle, loop: asyncio.AbstractEventLoop, address: str) -> None:
        self._throttle = throttle
        self._loop = loop
        self._address = address

    def turn(self, role: str) -> float | None:
        return self._throttle.turn(self._address, role)

    def later(self, seconds: float, ready: Callable[[], None]) -> None:
        self._loop.call_later(seconds, ready)

    def failed(self, role: str) -> None:
        self._throttle.failed(self._address, role)

    def succeeded(self, role: str) -> None:
        self._throttle.succeeded(self._address, role)


class _Door:
    """Opens sessions as long as there is room."""

    def __init__(
        self, backend: Backend, find_role: Callable[[str], Role | None], room: Callable[[], int], settings: Settings
    ) -> None:
        self._backend = backend
        self._find_role = find_role
        self._room = room
        self._settings = settings

    def open(self, opening: Opening) -> Session:
        """See `Backend`."""
        room = self._room()
        if room <= 0:
            raise SqlError("53300", "sorry, too many clients already")
        if room <= self._settings.reserved:
            role = self._find_role(opening.role)
            if role is None or not role.is_superuser:
                message = "remaining connection slots are reserved for non-replication superuser connections"
                raise SqlError("53300", message)
        return self._backend.open(replace(opening, defaults=self._settings.defaults))


class SqlServer(SocketServer[Connection]):
    """A running server. The constructor returns once it listens; `stop` ends it, telling the clients (57P01)."""

    def __init__(
        self,
        backend: Backend,
        addresses: Sequence[tuple[str, int]],
        find_role: Callable[[str], Role | None],
        *,
        certificate: tls.Certificate | None = None,
        settings: Settings | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
        throttle: Throttle | None = None,
    ) -> None:
        """Listens on `addresses`; port 0 takes a free one.

        Raises:
            AddressError: when it cannot listen there.
        """
        self._find_role = find_role
        self._settings = settings = settings or Settings()
        self._random = random
        self._throttle = throttle or Throttle(time.monotonic)
        self._decoy_secret = random(_DECOY_BYTES)
        self._certificate = certificate
        self.tls: ssl.SSLContext | None = certificate.context if certificate is not None else None
        self.workers = ThreadPoolExecutor(settings.connections, thread_name_prefix="hyperdb-sql-worker")
        self._logged_in: dict[int, tuple[bytes, Connection]] = {}
        self._door = _Door(backend, find_role, lambda: settings.connections - len(self._logged_in), settings)
        self._numbers = itertools.count(1)
        super().__init__(
            "SQL",
            LOG,
            room=settings.connections + settings.sockets_beyond,
            seconds_to_stop=settings.seconds_to_stop,
            pools=(self.workers,),
        )
        self.listen(addresses)

    @property
    def clients(self) -> int:
        """How many clients are logged in."""
        return len(self._logged_in)

    # On the loop's thread.

    def connect(self, host: str) -> Connection:
        """See `SocketServer`."""
        number = next(self._numbers)
        made: list[Connection] = []
        terms = Terms(
            merge_copied=merge_copy_data,
            backend=self._door,
            find_role=self._find_role,
            random=self._random,
            process_id=number,
            decoy_secret=self._decoy_secret,
            is_local=is_loopback(host),
            address=host,
            offers_tls=self.tls is not None,
            demands_tls=self._settings.demands_tls,
            certificate_hash=self._certificate.hash if self._certificate is not None else None,
            cancel=self._cancel,
            began=lambda secret: self._began(number, secret, made[0]),
            wake=lambda: made[0].wake(),
            terminate=lambda: made[0].terminate(),
            guard=_Guarded(self._throttle, self.loop, host),
            bounds=self._settings.bounds,
        )
        connection = Connection(self, number, Conversation(terms), self._settings.seconds_to_log_in)
        made.append(connection)
        return connection

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        self._logged_in.pop(connection.number, None)
        super().lost(connection)

    def _began(self, number: int, secret: bytes, connection: Connection) -> None:
        self._logged_in[number] = secret, connection
        connection.logged_in()

    def _cancel(self, number: int, secret: bytes) -> None:
        found = self._logged_in.get(number)
        if found is not None and hmac.compare_digest(found[0], secret):
            found[1].cancel()
