"""PostgreSQL's protocol on sockets: connections, cancelling, how many clients there are.

Theory: calls that wait are finished by worker threads, of which there are as many as connections, so that whoever holds a
lock can always go on to release it. Invariant: a cancel request reaches only the connection whose secret it knows.
"""

from __future__ import annotations

import hmac
import itertools
import secrets
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from hyperdb.errors import SqlError
from hyperdb.frontends.listening import SocketServer
from hyperdb.frontends.sockets import is_loopback
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
    ) -> None:
        """Listens on `addresses`; port 0 takes a free one.

        Raises:
            AddressError: when it cannot listen there.
        """
        self._backend = backend
        self._find_role = find_role
        self._settings = settings = settings or Settings()
        self._random = random
        self._decoy_secret = random(_DECOY_BYTES)
        self._certificate = certificate
        self.tls: ssl.SSLContext | None = certificate.context if certificate is not None else None
        self.workers = ThreadPoolExecutor(settings.connections, thread_name_prefix="hyperdb-sql-worker")
        self._logged_in: dict[int, tuple[bytes, Connection]] = {}
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
