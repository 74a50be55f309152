"""An open database: the directory, its store, and what the host process does with it.

Theory: the composition root. It owns the native store; apps, snapshots and servers refer to it and are of no use once it
is closed. `:memory:` is a directory on the memory file system that goes with the database: the same code runs either way.
Invariant: one process owns a directory; the store below takes the lock.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar
from uuid import NAMESPACE_URL, uuid5

from hyperdb import _native
from hyperdb.commitment.frames import Audit, Frames
from hyperdb.errors import ClosedError, DeadlockError, InvalidError, NotBuiltError, NotFoundError, SerializationError
from hyperdb.graph.app import App
from hyperdb.graph.catalog.tables import Tables
from hyperdb.graph.command import Value, decode
from hyperdb.graph.encrypted_apps import RECORD, EncryptedApps
from hyperdb.graph.members import encoded, word
from hyperdb.graph.native import NativeGraphStore
from hyperdb.graph.snapshot import Snapshot
from hyperdb.graph.store import GraphStore
from hyperdb.graph.transaction import LOCK_TIMEOUT, Isolation, Transaction, TransactionOptions, now_ms, pause
from hyperdb.roles import RoleChanges
from hyperdb.values import CqlTimeouts, OpenOptions, Publishing, RespDebug, RespTls

if TYPE_CHECKING:
    from hyperdb.accounts import Accounts
    from hyperdb.commitment.verify import Frame
    from hyperdb.encryption import PublicKey
    from hyperdb.frontends.cql.backend import CqlBackend
    from hyperdb.frontends.sql.backend import SqlBackend
    from hyperdb.frontends.sql.embedded.placeholders import Parameters
    from hyperdb.frontends.sql.embedded.result import Result
    from hyperdb.frontends.throttle import Throttle
    from hyperdb.graph.encrypted import EncryptedApp
    from hyperdb.server import Serving

T = TypeVar("T")
MEMORY = ":memory:"
_MEMORY_FILE_SYSTEM = Path("/dev/shm")  # noqa: S108 - a private directory is made in it
_REDIS = "redis/"
_SYSTEM = b""


@dataclass(frozen=True)
class Examination:
    """What `Database.examine` found."""

    problems: Sequence[str]
    """All of them, those of the frame too."""
    audit: Audit | None
    """The newest frame, recomputed from the data alone; None if none was sealed yet."""


class Database:
    """See `hyperdb.open`. Thread-safe; a context manager that closes it."""

    def __init__(self, path: str | Path, options: OpenOptions) -> None:
        if not str(path):
            raise InvalidError("a database needs the path of its directory")
        self.options = options
        self.role_changes = RoleChanges()
        """Tells servers and languages of this database that roles were changed."""
        self._scratch: Path | None = None
        if str(path) == MEMORY:
            base = _MEMORY_FILE_SYSTEM if _MEMORY_FILE_SYSTEM.is_dir() else None
            self._scratch = Path(tempfile.mkdtemp(prefix="hyperdb-", dir=base))
            path = self._scratch / "data"
        self.path = Path(path)
        self._native: _native.Store | None = None
        self._graph: GraphStore
        if options.engine == "native":
            self._native = _native.Store(
                self.path,
                sync=options.sync,
                memory=options.memory,
                create=options.create,
                frames=options.frames,
                frames_count=options.frames_count,
            )
            self._frames = Frames(self._native)
            self._graph = NativeGraphStore(self._native)
        else:
            # Loaded with the engines that need them.
            from hyperdb.graph.portable.store import PortableGraphStore
            from hyperdb.storage import open_engine

            self._portable = PortableGraphStore(open_engine(options.engine, self.path, options), options.engine)
            self._graph = self._portable
        self._moments = self._graph.moments
        self._servers: list[Serving] = []
        self._closed = False

    @property
    def native(self) -> _native.Store:
        """The native store, for commands and the servers of this process.

        Raises:
            NotBuiltError: when the database is on another engine.
        """
        if self._native is None:
            raise NotBuiltError(f"commands, typed views and servers need the native engine, and this is '{self.options.engine}'")
        return self._native

    @property
    def frames(self) -> Frames:
        """Frames: what was sealed under signed roots, and proofs of it.

        Raises:
            NotBuiltError: when the database is on another engine.
        """
        self._check()
        if self._native is None:
            raise NotBuiltError(f"frames and proofs need the native engine, and this is '{self.options.engine}'")
        return self._frames

    def seal(self) -> Frame:
        """Seals a frame of everything that is durable now, also if nothing changed; its `root` is what to pin."""
        return self.frames.seal()

    def app(self, name: str) -> App:
        """The app `name`, made when it is first used; `redis/0` is what Redis clients see as database 0."""
        self._check()
        if not name:
            raise InvalidError("an app needs a name")
        self._encrypted_apps.check_open(name)
        if self._native is None:
            from hyperdb.graph.portable.app import PortableAppView

            return PortableAppView(self, name, self._portable.app(encoded(name)))
        return App(self, name, self._graph.app(encoded(name)))

    @cached_property
    def _encrypted_apps(self) -> EncryptedApps:
        return EncryptedApps(self.system_get(RECORD) if self._native is not None else None)

    def encrypted(self, name: str, recipients: Sequence[PublicKey] | None = None) -> EncryptedApp:
        """The encrypted app `name`, which keeps only what is verifiably encrypted to its recipients (docs/encryption.md).

        Args:
            recipients: makes the app, which must not hold anything yet; None opens one that was made.

        Raises:
            NotFoundError: it was not made.
            InvalidError: it holds something, or was made for others; Redis's apps cannot be encrypted.
        """
        self._check()
        from hyperdb.graph.encrypted import EncryptedApp

        keys = None if recipients is None else tuple(key.data for key in recipients)
        made = self._encrypted_apps.recipients(name)
        if made is None:
            if recipients is None or keys is None:
                raise NotFoundError(f"there is no encrypted app {name!r}: say who its recipients are")
            self._make_encrypted(name, recipients)
            made = keys
        elif keys is not None and set(keys) != set(made):
            raise InvalidError(f"the encrypted app {name!r} has other recipients")
        return EncryptedApp(self, name, self._graph.app(encoded(name)), made, partial(self._command, name))

    def _make_encrypted(self, name: str, recipients: Sequence[PublicKey]) -> None:
        from hyperdb.encryption.admission import check_recipients

        if not name or name.startswith(_REDIS):
            raise InvalidError(f"an app of Redis's clients cannot be encrypted, nor one without a name: {name!r}")
        check_recipients(name, recipients)
        if self.app(name).count():
            raise InvalidError(f"the app {name!r} cannot be encrypted: it holds something")
        more = self._encrypted_apps.added(name, [key.data for key in recipients])
        self.system_put(RECORD, bytes(more))
        self._encrypted_apps = more

    def transaction(
        self,
        *,
        isolation: Isolation = "serializable",
        read_only: bool = False,
        lock_timeout: float | None = LOCK_TIMEOUT,
    ) -> Transaction:
        """Begins a transaction: `with db.transaction() as tx: tx.app("shop").put(...)`.

        Args:
            isolation: `serializable`, `repeatable read` (one snapshot, allows write skew) or `read committed`.
            read_only: it may not write, and therefore never waits and never conflicts.
            lock_timeout: seconds to wait for one row lock; None for ever.
        """
        self._check()
        options = TransactionOptions(isolation, read_only, lock_timeout)
        return Transaction(self._graph.begin(options, now_ms()), options, self._encrypted_apps.check_open)

    def run(
        self,
        body: Callable[[Transaction], T],
        *,
        retries: int = 32,
        isolation: Isolation = "serializable",
        lock_timeout: float | None = LOCK_TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> T:
        """Runs `body` in a transaction and commits; again from its start if it lost a race or a deadlock.

        Args:
            body: gets the transaction; it may be called more than once, so it should do nothing else that lasts.
            retries: how often to try again before the conflict is raised.
            sleep: waits some seconds between two attempts.
        """
        for attempt in range(retries + 1):
            try:
                with self.transaction(isolation=isolation, lock_timeout=lock_timeout) as transaction:
                    return body(transaction)
            except (SerializationError, DeadlockError):
                if attempt == retries:
                    raise
            sleep(pause(attempt + 1))
        raise InvalidError("retries must not be negative")

    def execute(self, app: str, *args: bytes | str | float) -> Value:
        """Runs one RESP data command on an app, as one durable commit.

        Raises:
            CommandError: when the command is refused.
            WrongTypeError: when an argument is no text, bytes or number.
            EncryptionError: when the app is encrypted.
        """
        self._check()
        self._encrypted_apps.check_open(app)
        return self._command(app, *args)

    def _command(self, app: str, *args: bytes | str | float) -> Value:
        words = [word(arg) for arg in args]
        return decode(self.native.command(encoded(app), _number(app), words))

    def execute_raw(self, database: int, words: list[bytes]) -> bytes:
        """Runs one RESP data command on database `database`; the reply as RESP2 bytes, errors included."""
        self._check()
        return self.native.command(f"{_REDIS}{database}".encode(), database, words, False)

    def execute_if(self, database: int, conditions: Sequence[tuple[list[bytes], bytes]], words: list[bytes]) -> bool:
        """Runs a RESP data command on database `database` if each condition's command answers so (RESP2) at that very moment.

        Returns:
            Whether it was run. The conditions and the command are one durable commit.
        """
        self._check()
        return self.native.command_if(f"{_REDIS}{database}".encode(), database, conditions, words) is not None

    def system_get(self, key: bytes) -> bytes | None:
        """A record of the system's own app."""
        value = decode(self.native.command(_SYSTEM, 0, [b"GET", key]))
        return value if isinstance(value, bytes) else None

    def system_put(self, key: bytes, value: bytes | None) -> None:
        """Writes, or with `None` removes, a record of the system's own app."""
        words = [b"SET", key, value] if value is not None else [b"DEL", key]
        decode(self.native.command(_SYSTEM, 0, words))

    def commit(self) -> int:
        """The newest commit that everybody may see."""
        self._check()
        return self._moments.durable()

    def snapshot(self, at: int | None = None, *, frame: int | None = None) -> Snapshot:
        """A fixed view of all apps: of the newest commit, of commit `at` that is still kept (see `retain`), or of a sealed frame,
        from which proofs can be made.

        Raises:
            BehindHorizonError: when that commit or frame is no longer kept.
            NotSealedError: when there is no such frame yet.
            InvalidError: when the commit has not happened yet.
        """
        self._check()
        if frame is None:
            return Snapshot(self._graph, at)
        if at is not None:
            raise InvalidError("a snapshot is of a commit or of a frame, not of both")
        return Snapshot(self._graph, self.frames.get(frame).commit, partial(self.frames.prove, frame=frame))

    def retain(self) -> int:
        """Keeps the present readable until `release`; its commit. Survives a restart."""
        self._check()
        return self._moments.retain()

    def release(self, commit: int) -> None:
        """Ends the retention of every commit below `commit`."""
        self._check()
        self._moments.release(commit)

    def backup(self, dest: str | Path) -> int:
        """Writes a consistent copy to the new directory `dest` while others go on writing; its commit."""
        self._check()
        return self._moments.checkpoint(Path(dest))

    def check(self, progress: Callable[[int, int], object] = lambda _done, _total: None) -> list[str]:
        """Verifies every checksum and invariant, that rows of tables agree with their indexes, constraints and counts, and that
        the newest frame's root follows from the data alone; what was found.

        `progress` gets bytes done and in all, first of the files, then of the frame.
        """
        return list(self.examine(progress).problems)

    def examine(self, progress: Callable[[int, int], object] = lambda _done, _total: None) -> Examination:
        """As `check`, and which frame was recomputed."""
        self._check()
        found = [*self._moments.check(progress), *self._disagreements()]
        if self._native is None or self._frames.newest() is None:
            return Examination(found, None)
        audit = self._frames.audit(progress)
        return Examination([*found, *audit.problems], audit)

    def _disagreements(self) -> Iterator[str]:
        """What is wrong with the tables made in SQL and in CQL, if there are any."""
        if self._native is not None and self._tables.has_any():
            from hyperdb.frontends.sql.examine import examine

            yield from examine(self.sql_backend)
        if self._native is not None and self._tables.has_any(cql=True):
            from hyperdb.frontends.cql.examine import examine as examine_cql

            yield from examine_cql(self._tables)

    def stats(self) -> Mapping[str, int]:
        """Counters and gauges of the store; bytes, counts and microseconds as the name says."""
        self._check()
        stats = dict(self._moments.stats())
        if self._native is not None:
            stats |= self._native.order_gauges()
            stats |= self._frames.stats()
        return stats

    def sync(self) -> None:
        """Waits until every acknowledged write is on the disk."""
        self._check()
        self._moments.sync()

    def flush(self) -> None:
        """Writes the memtables out as sorted tables."""
        self._check()
        self._moments.flush()

    @cached_property
    def _tables(self) -> Tables:
        """What the languages share: one hears of the other's definitions."""
        return Tables(self.native)

    def accounts(self, throttle: Throttle) -> Accounts:
        """Who may log in to a server of this database, whose guesses `throttle` slows down."""
        from hyperdb.accounts import Accounts

        def drop(name: str) -> None:
            quoted = name.replace('"', '""')
            self.sql(f'DROP ROLE "{quoted}"')

        return Accounts(self._tables, self.role_changes, throttle, drop)

    @cached_property
    def sql_backend(self) -> SqlBackend:
        """What opens SQL sessions over this database's tables."""
        from hyperdb.frontends.sql.backend import SqlBackend

        directory = None if self._scratch else self.path
        return SqlBackend(self._tables, memory=self.options.memory, directory=directory, role_changes=self.role_changes)

    @cached_property
    def cql_backend(self) -> CqlBackend:
        """What opens CQL sessions over this database's tables."""
        from hyperdb.frontends.cql.backend import CqlBackend

        host = uuid5(NAMESPACE_URL, self.path.resolve().as_uri())
        directory = None if self._scratch else self.path
        return CqlBackend(self._tables, host, role_changes=self.role_changes, directory=directory)

    def sql(self, text: str, parameters: Parameters | None = None) -> Result:
        """Runs SQL as one transaction of its own; the result of the last statement, with its rows.

        Args:
            text: one statement; several where there are no parameters.
            parameters: a sequence for `%s` (or `$1`), a mapping for `%(name)s`.

        Raises:
            SqlError: by its class what PEP 249 calls it (IntegrityError, ProgrammingError ...).
        """
        from hyperdb.frontends.sql.embedded.result import sql

        self._check()
        return sql(self.sql_backend, text, parameters)

    def serve(
        self,
        *,
        resp: str | None = None,
        resp_tls: str | RespTls | None = None,
        resp_debug: RespDebug = "no",
        sql: str | None = None,
        cql: str | None = None,
        cql_timeouts: CqlTimeouts | None = None,
        http: str | None = None,
        publish: Publishing | Sequence[str] = (),
        tls: tuple[str | Path, str | Path] | None = None,
        sql_settings: Mapping[str, str] | None = None,
        sql_demands_tls: bool = False,
        control: bool = True,
        password: str | None = None,
    ) -> Serving:
        """Runs servers inside this process, on threads of their own; stop them with `Serving.stop` or by closing.

        Args:
            resp: `HOST:PORT` for Redis clients; port 0 takes a free one.
            resp_tls: `HOST:PORT` for those that encrypt, or a `RespTls` that says more.
            resp_debug: who may use DEBUG: `"no"` for nobody, `"local"` for clients on this machine, `"yes"` for all.
            sql: `HOST:PORT` for PostgreSQL's clients, likewise.
            cql: `HOST:PORT` for Cassandra's clients, likewise.
            cql_timeouts: how long their requests may take.
            http: `HOST:PORT` for the oblivious service, likewise; whoever reaches it may read all of what is published.
            publish: names of the apps that it publishes, or a `Publishing` that says more.
            tls: files of a certificate chain and its private key (PEM), with which SQL clients may encrypt, and CQL's,
                those of HTTP, and Redis's at `resp_tls` must.
            sql_settings: settings that SQL's sessions begin with, such as `{"log_statement": "ddl"}` (docs/sql.md).
            sql_demands_tls: SQL's clients must encrypt, too.
            control: whether the command line may reach this process through `DIR/control.sock`.
            password: sets the bootstrap role's password first.
        """
        from hyperdb.server import Serving

        self._check()
        certificate = None
        if tls is not None:
            from hyperdb.frontends.sql.tls import load

            certificate = load(Path(tls[0]), Path(tls[1]))
        publishing = publish if isinstance(publish, Publishing) else Publishing(tuple(publish))
        serving = Serving(
            self,
            resp=resp,
            resp_tls=RespTls(resp_tls) if isinstance(resp_tls, str) else resp_tls,
            resp_debug=resp_debug,
            sql=sql,
            cql=cql,
            cql_timeouts=cql_timeouts or CqlTimeouts(),
            http=None if http is None else (http, publishing),
            certificate=certificate,
            sql_settings=sql_settings,
            sql_demands_tls=sql_demands_tls,
            control=control,
            password=password,
        )
        self._servers.append(serving)
        return serving

    def close(self) -> None:
        """Stops servers, makes all durable, closes the files. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        for serving in self._servers:
            serving.stop()
        backend = self.__dict__.get("sql_backend")
        if backend is not None:
            backend.close()
        self._graph.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch)

    def _check(self) -> None:
        if self._closed:
            raise ClosedError("the database is closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _number(app: str) -> int:
    """What commands that tell their database's number are told."""
    digits = app.removeprefix(_REDIS)
    return int(digits) if app.startswith(_REDIS) and digits.isdigit() else 0
