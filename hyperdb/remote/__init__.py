"""A database on the other side of a network: `hyperdb.connect("https://...", key=..., privacy=...)`.

Theory: the composition root of a client. It owns the connection, what is pinned and what is kept on disk; apps read through it
at the level that was chosen for all, or for one of them. Invariant: it writes nothing there.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hyperdb.commitment.verify import OwnerKey, Root, StoreKey, Trusted
from hyperdb.database import Database
from hyperdb.errors import HyperDBError, InvalidError, RemoteError
from hyperdb.graph.members import Text, encoded
from hyperdb.oblivious.explain import Explanation
from hyperdb.oblivious.levels import Level, parse_level
from hyperdb.oblivious.remote.moment import RemoteAppView
from hyperdb.oblivious.remote.service import Progress, nothing_shown
from hyperdb.oblivious.remote.state import State
from hyperdb.oblivious.remote.store import RemoteStore
from hyperdb.oblivious.remote.transport import Transport
from hyperdb.remote.explaining import explain_command
from hyperdb.remote.fetcher import Fetcher
from hyperdb.remote.overlay import Overlay
from hyperdb.remote.resp import RespProxy
from hyperdb.values import parse_address

if TYPE_CHECKING:
    from hyperdb.frontends.sql.embedded.placeholders import Parameters
    from hyperdb.frontends.sql.embedded.result import Result

_KEY_BYTES = 57
_DIGEST = re.compile(r"[0-9a-f]{64}")
SCHEMES = ("https://", "http://")


def _trusted(key: Trusted | bytes | str) -> Trusted:
    if isinstance(key, StoreKey | OwnerKey | Root):
        return key
    try:
        data = bytes.fromhex(key) if isinstance(key, str) else key
    except ValueError:
        raise InvalidError("a key is written in hexadecimal digits") from None
    if len(data) != _KEY_BYTES:
        raise InvalidError(f"a store's key has {_KEY_BYTES} bytes, not {len(data)}; an owner's is an OwnerKey, a root a Root")
    return StoreKey(data)


def _digest(text: str) -> str:
    """An epoch's name.

    Raises:
        InvalidError: it is none.
    """
    if not _DIGEST.fullmatch(text.lower()):
        raise InvalidError(f"an epoch is pinned by its manifest's digest, 64 hexadecimal digits, not {text[:80]!r}")
    return text.lower()


def _shown(progress: Progress | bool) -> Progress:
    if not isinstance(progress, bool):
        return progress
    if not progress:
        return nothing_shown
    # Loading what draws them takes longer than all else that is loaded here.
    from hyperdb.remote.bars import Bars

    return Bars().show


class Remote:
    """See `hyperdb.connect`. Thread-safe; a context manager that closes it."""

    def __init__(
        self,
        url: str,
        *,
        key: Trusted | bytes | str,
        privacy: Level | str,
        state: str | Path | None = None,
        ca: str | Path | None = None,
        refresh: float = 60.0,
        follow: float | None = 1.0,
        epochs: Mapping[str, str] | None = None,
        progress: Progress | bool = False,
    ) -> None:
        """See `hyperdb.connect`."""
        self.url = url
        self.privacy = parse_level(privacy) if isinstance(privacy, str) else privacy
        if refresh <= 0 or (follow is not None and follow <= 0):
            raise InvalidError("newer epochs, and what changed since, are looked for after a positive number of seconds")
        context = ssl.create_default_context(cafile=str(ca)) if ca is not None else None
        kept = State.of(url, None if state is None else Path(state))
        transport = Transport.to(url, tls=context)
        self._servers: list[RemoteServing] = []
        pinned = {app: _digest(epoch) for app, epoch in (epochs or {}).items()}
        self.store = RemoteStore(
            transport, _trusted(key), kept, refresh=refresh, follow=follow, epochs=pinned, progress=_shown(progress)
        )

    def app(self, name: str, *, privacy: Level | str | None = None) -> RemoteAppView:
        """An app that the store publishes, read at a level; at that of the connection if None."""
        level = parse_level(privacy) if isinstance(privacy, str) else privacy
        return RemoteAppView(self.store.app(name), level or self.privacy)

    def apps(self) -> tuple[str, ...]:
        """Names of the apps that the store says to publish."""
        return self.store.names()

    def refresh(self) -> None:
        """Goes on with the newest epochs, and what changed since, now: afterwards reads see all that was sealed before.

        Raises:
            VerificationError: what the server sent does not hold; what is read stays as it was.
            RemoteError: it could not be reached, or refused.
        """
        self.store.renew()

    def explain_privacy(self, app: str, *words: Text, privacy: Level | str | None = None) -> Explanation:
        """Who learns what of a read, and what it costs, before anything of it is sent: the epoch's manifest alone is looked at.

        Args:
            app: the app that is read.
            words: the read as a Redis command: `"GET", "user:42"` or `"HGETALL", "cart"`.
            privacy: at this level; at the connection's if None.

        Raises:
            PrivacyError: the command does not run on a remote store.
        """
        level = parse_level(privacy) if isinstance(privacy, str) else privacy or self.privacy
        return explain_command(self.store.app(app), [encoded(word) for word in words], level)

    def explain_sql(self, text: str, parameters: Parameters | None = None) -> list[str]:
        """Who learns what of an SQL query, and what it costs, in lines: as `EXPLAIN (PRIVACY)` says. Nothing of it is sent.

        Raises:
            SqlError: it is no query of the published tables.
        """
        return [str(line) for (line,) in self.sql(f"EXPLAIN (PRIVACY) {text}", parameters).fetchall()]

    def sql(self, text: str, parameters: Parameters | None = None) -> Result:
        """Runs an SQL query on the published tables, as `Database.sql`, at this connection's level.

        Raises:
            SqlError: 0A000 where it cannot be read at the level, XX001 where what the store sent does not hold.
        """
        return self._database.sql(text, parameters)

    def serve(self, *, resp: str | None = None, sql: str | None = None, cql: str | None = None) -> RemoteServing:
        """Runs servers in this process whose reads go to the store; stop them with `RemoteServing.stop` or by closing.

        Args:
            resp: `HOST:PORT` for Redis clients; port 0 takes a free one. Database N is the app `redis/N`.
            sql: `HOST:PORT` for PostgreSQL's clients, likewise.
            cql: `HOST:PORT` for Cassandra's clients, likewise.
        """
        fetcher = self._made_fetcher() if resp is not None else None
        try:
            serving = RemoteServing(fetcher, self._database, resp=resp, sql=sql, cql=cql)
        except HyperDBError:
            if fetcher is not None:
                fetcher.overlay.close()
            raise
        self._servers.append(serving)
        return serving

    @cached_property
    def _database(self) -> Database:
        """The store of this process, whose SQL and CQL read the remote one."""
        from hyperdb.frontends.cql.fetched import RemoteSession as CqlRemote
        from hyperdb.frontends.sql.fetched import RemoteSession as SqlRemote

        fetcher = self.fetcher
        database = fetcher.overlay.database
        database.sql_backend.opens = lambda backend, opening: SqlRemote(backend, opening, fetcher)
        database.cql_backend.opens = lambda backend, opening: CqlRemote(backend, opening, fetcher)
        return database

    @cached_property
    def fetcher(self) -> Fetcher:
        """What fetches for SQL and CQL, into a store of this process's own."""
        return self._made_fetcher()

    def _made_fetcher(self) -> Fetcher:
        names = self.apps()
        if not names:
            raise RemoteError("the server publishes nothing")
        frame = self.store.app(names[0]).frame
        definitions = {row.key: row for name in names for row in self.store.app(name).definitions()}
        return Fetcher(self.store, Overlay(frame.hash_key, frame.time_ms, definitions.values()), self.privacy)

    def close(self) -> None:
        """Stops servers, closes connections. A second call does nothing."""
        while self._servers:
            self._servers.pop().stop()
        self.__dict__.pop("_database", None)
        fetcher = self.__dict__.pop("fetcher", None)
        if fetcher is not None:
            fetcher.overlay.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class RemoteServing:
    """Running servers of a remote database on this machine. Stop them with `stop`, or by leaving the context."""

    def __init__(
        self, fetcher: Fetcher | None, database: Database, *, resp: str | None, sql: str | None, cql: str | None
    ) -> None:
        """`fetcher`: for Redis's protocol, with a store of its own, since that one has a password that nobody else knows."""
        self._fetcher = fetcher
        self._resp = None if resp is None or fetcher is None else RespProxy(fetcher, fetcher.level, parse_address(resp))
        self._others = database.serve(sql=sql, cql=cql, control=False)

    @property
    def resp_address(self) -> tuple[str, int] | None:
        """Where Redis clients connect, or None."""
        return None if self._resp is None else self._resp.address

    @property
    def sql_address(self) -> tuple[str, int] | None:
        """Where PostgreSQL's clients connect, or None."""
        return self._others.sql_address

    @property
    def cql_address(self) -> tuple[str, int] | None:
        """Where Cassandra's clients connect, or None."""
        return self._others.cql_address

    def stop(self) -> None:
        """Closes the connections and ends the threads. A second call does nothing."""
        self._others.stop()
        if self._resp is not None:
            self._resp.stop()
        fetcher, self._fetcher = self._fetcher, None
        if fetcher is not None:
            fetcher.overlay.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def connect(url: str, options: dict[str, Any]) -> Remote:
    """A remote database, by the options of `hyperdb.connect`.

    Raises:
        InvalidError: no key is given, or no level.
    """
    missing = [name for name in ("key", "privacy") if options.get(name) is None]
    if missing:
        raise InvalidError(f"a remote store is read with {' and '.join(missing)}: what is trusted of it, what it may learn")
    return Remote(url, **options)
