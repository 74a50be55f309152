"""Servers inside the host process: RESP on native threads, SQL, CQL and HTTP on event loops, administration, the control socket.

Theory: the native server owns its sockets and threads; this module gives it what only the host knows: settings, passwords,
facts for INFO, and how to stop. Invariant: nothing here runs per command of the keyspace.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hyperdb import _native, roles
from hyperdb.control import ControlSocket
from hyperdb.errors import AddressError, HyperDBError, InvalidError
from hyperdb.frontends.throttle import Throttle
from hyperdb.values import CqlTimeouts, Publishing, RespDebug, RespTls, parse_address

if TYPE_CHECKING:
    from hyperdb.commitment.asked import Asked
    from hyperdb.commitment.frames import Frames
    from hyperdb.database import Database
    from hyperdb.frontends.cql.contract import Role as CqlRole
    from hyperdb.frontends.cql.server import CqlServer
    from hyperdb.frontends.resp.admin import Admin
    from hyperdb.frontends.resp.answers import Answer
    from hyperdb.frontends.resp.control import CommandUsage, Dumped, Keyspace
    from hyperdb.frontends.sql.conversation import Role
    from hyperdb.frontends.sql.server import SqlServer
    from hyperdb.frontends.sql.tls import Certificate
    from hyperdb.oblivious.http.publisher import Publisher
    from hyperdb.oblivious.http.server import HttpServer
    from hyperdb.rows import RowCommands

REDIS_VERSION = "7.2.7"
_DATABASES = 16
_LARGEST_DATA_SET = 512 << 20
_DEBUG: Mapping[RespDebug, int] = {"no": 0, "local": 1, "yes": 2}


class Serving:
    """Running servers of one database. Stop them with `stop`, or by leaving the context."""

    def __init__(
        self,
        database: Database,
        *,
        resp: str | None,
        resp_tls: RespTls | None = None,
        resp_debug: RespDebug = "no",
        sql: str | None = None,
        cql: str | None = None,
        cql_timeouts: CqlTimeouts | None = None,
        http: tuple[str, Publishing] | None = None,
        certificate: Certificate | None = None,
        sql_settings: Mapping[str, str] | None = None,
        sql_demands_tls: bool = False,
        control: bool,
        password: str | None,
    ) -> None:
        self.database = database
        self._resp_debug: RespDebug = resp_debug
        self._kept: dict[str, str] = {"percentiles": "50 99 99.9"}
        self.started = time.time()
        self.run_id = secrets.token_hex(20)
        self.stopping = threading.Event()
        self._throttle = Throttle(time.monotonic)
        self.accounts = database.accounts(self._throttle)
        self._resp: _native.Server | None = None
        self._sql: SqlServer | None = None
        self._cql: CqlServer | None = None
        self._http: HttpServer | None = None
        self._control: ControlSocket | None = None
        if password is not None:
            self.set_password(password)
            self.accounts.refresh(lambda _: None)
        database.role_changes.listen(self, self._tell_roles)
        try:
            if resp is not None or resp_tls is not None:
                self._resp = self._serve_resp(resp, resp_tls, certificate)
                # Of what was changed meanwhile.
                self._tell_roles()
            if sql is not None:
                self._sql = self._serve_sql(sql, certificate, sql_settings or {}, demands_tls=sql_demands_tls)
            if cql is not None:
                self._cql = self._serve_cql(cql, certificate, cql_timeouts or CqlTimeouts())
            if http is not None:
                self._http = self._serve_http(*http, certificate)
            if control:
                self._control = ControlSocket(database, self)
        except HyperDBError:
            self.stop()
            raise

    @cached_property
    def admin(self) -> Admin:
        """Redis's administration: loaded by those who serve Redis's clients, or ask for what it counts."""
        from hyperdb.frontends.resp.admin import Admin

        return Admin(self)

    # What callers use.

    @property
    def resp_address(self) -> tuple[str, int] | None:
        """Where Redis clients connect, or None."""
        return next(iter(self._resp.addresses()), None) if self._resp is not None else None

    @property
    def resp_tls_address(self) -> tuple[str, int] | None:
        """Where Redis clients connect with TLS, or None."""
        return next(iter(self._resp.tls_addresses()), None) if self._resp is not None else None

    @property
    def sql_address(self) -> tuple[str, int] | None:
        """Where PostgreSQL's clients connect, or None."""
        return self._sql.addresses[0] if self._sql is not None else None

    @property
    def cql_address(self) -> tuple[str, int] | None:
        """Where Cassandra's clients connect, or None."""
        return self._cql.addresses[0] if self._cql is not None else None

    @property
    def http_address(self) -> tuple[str, int] | None:
        """Where clients of the oblivious service connect, or None."""
        return self._http.address if self._http is not None else None

    @property
    def publisher(self) -> Publisher | None:
        """What makes the epochs of the oblivious service, or None."""
        return self._http.publisher if self._http is not None else None

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until somebody asked for a stop (SHUTDOWN, `request_shutdown`); whether it was so."""
        return self.stopping.wait(seconds)

    def stop(self) -> None:
        """Closes the connections and ends the threads. A second call does nothing."""
        self.stopping.set()
        self.admin.sockets.close()
        self.database.role_changes.leave(self)
        if self._control is not None:
            self._control.close()
        if self._http is not None:
            self._http.stop()
        if self._cql is not None:
            self._cql.stop()
        if self._sql is not None:
            self._sql.stop()
        if self._resp is not None:
            self._resp.stop()

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve_resp(self, plain: str | None, tls: RespTls | None, certificate: Certificate | None) -> _native.Server:
        # LASTSAVE counts from here.
        self.admin.last_save = int(self.started)
        encrypted = None
        if tls is not None:
            if certificate is None:
                raise InvalidError("TLS for Redis clients needs a certificate and its key")
            encrypted = (_socket_address(tls.address), *certificate.files, tls.client_ca, tls.required)
        addresses = [] if plain is None else [_socket_address(plain)]
        settings = {"debug": _DEBUG[self._resp_debug]}
        roles = self.accounts.encoded()
        return _native.Server(self.database.native, self, addresses, settings=settings, roles=roles, tls=encrypted)

    # What the native server asks (`_core._Admin`).

    def call(self, client: tuple[int, int, str, bytes, str, bool, bool], args: list[bytes]) -> Answer:
        """Runs one administration command, or a command on rows of tables."""
        from hyperdb.frontends.resp import table
        from hyperdb.frontends.resp.control import Client

        who = Client(*client)
        name = args[0].decode("latin-1").lower()
        known = table.commands().get(name)
        if known is not None and known.executor is table.Executor.NATIVE and not any(table.subcommands(name)):
            return self._rows.call(roles.BOOTSTRAP_ROLE if who.role in roles.ALIASES else who.role, args)
        return self.admin.call(who, args)

    @cached_property
    def _rows(self) -> RowCommands:
        # Loaded when it is first needed, as SQL is.
        from hyperdb.rows import RowCommands

        return RowCommands(self.database.sql_backend)

    def authenticate(self, user: bytes, password: bytes, address: str, waited: bool) -> str | float | None:
        """See `Accounts.authenticate`."""
        return self.accounts.authenticate(user, password, address, waited)

    def _tell_roles(self) -> None:
        """Roles were changed: the native server goes on with those that there are now."""
        self.accounts.refresh(lambda records: None if self._resp is None else self._resp.set_roles(records))

    # What the SQL server asks.

    def _serve_sql(
        self, address: str, certificate: Certificate | None, defaults: Mapping[str, str], *, demands_tls: bool
    ) -> SqlServer:
        # Loaded by those who serve SQL only: its types and tables take longer to load than all the rest.
        from hyperdb.frontends.sql.server import Settings, SqlServer
        from hyperdb.frontends.sql.settings import check_defaults

        if demands_tls and certificate is None:
            raise InvalidError("TLS cannot be demanded of SQL's clients without a certificate")
        check_defaults(defaults)
        settings = Settings(demands_tls=demands_tls, defaults=dict(defaults))
        backend, listen = self.database.sql_backend, [_bound(address)]
        return SqlServer(backend, listen, self._find_role, certificate=certificate, settings=settings, throttle=self._throttle)

    def _find_role(self, name: str) -> Role | None:
        """The role of this name or alias, if there is one."""
        from hyperdb.frontends.sql.conversation import Role

        found = self.accounts.verifier_of(name)
        if found is None:
            return None
        own, verifier, record = found
        return Role(own, verifier, bool(record.attributes & roles.SUPERUSER))

    # What the CQL server asks.

    def _serve_cql(self, address: str, certificate: Certificate | None, timeouts: CqlTimeouts) -> CqlServer:
        # Loaded by those who serve CQL only.
        from hyperdb.frontends.cql.server import CqlServer, Settings

        backend = self.database.cql_backend
        tls = None if certificate is None else certificate.context
        settings = Settings(timeouts=timeouts)
        server = CqlServer(backend, [_bound(address)], self._find_cql_role, tls=tls, settings=settings, throttle=self._throttle)
        backend.listens_at(*server.addresses[0])
        return server

    def _find_cql_role(self, name: str) -> CqlRole | None:
        """The role of this name or alias, if it may log in."""
        from hyperdb.frontends.cql.contract import Role as CqlRole

        found = self.accounts.verifier_of(name)
        return None if found is None else CqlRole(found[0], found[1])

    def _serve_http(self, address: str, publishing: Publishing, certificate: Certificate | None) -> HttpServer:
        # Loaded by those who serve HTTP only.
        from hyperdb.oblivious.http.server import HttpServer, oblivious

        tls = None if certificate is None else certificate.files
        return HttpServer(oblivious(self.database.native, publishing), _bound(address), tls)

    # What administration asks (`hyperdb.frontends.resp.control.Control`).

    def server_stats(self) -> Mapping[str, int]:
        """Counters of the wire, with `calls:NAME` for each command."""
        if self._resp is None:
            return {}
        rows, usage, _ = self._resp.stats()
        return dict(rows) | {f"calls:{name}": calls for name, calls, *_ in usage}

    def command_stats(self) -> Sequence[CommandUsage]:
        """What is known of each command that was called or refused."""
        from hyperdb.frontends.resp.control import CommandUsage

        return [] if self._resp is None else [CommandUsage(*row) for row in self._resp.stats()[1]]

    def error_stats(self) -> Mapping[str, int]:
        """Error replies by class."""
        return {} if self._resp is None else dict(self._resp.stats()[2])

    def latencies(self, percents: Sequence[float]) -> Mapping[str, Sequence[float]]:
        """By command the microseconds within which these percentages of its calls ended."""
        if self._resp is None:
            return {}
        return {name: [nanos / 1000 for nanos in found] for name, found in self._resp.latencies(list(percents))}

    def storage_stats(self) -> Mapping[str, int]:
        """Counters and gauges of the store."""
        return self.database.stats()

    def frames(self) -> Frames:
        """Frames and proofs."""
        return self.database.frames

    def prove(self, db: int, asked: Asked) -> bytes:
        """A bundle under the newest frame."""
        from hyperdb import reports

        return reports.prove(self.database, f"redis/{db}", asked)[1]

    def keyspaces(self) -> list[Keyspace]:
        """The numbered databases that hold keys."""
        from hyperdb.frontends.resp.control import Keyspace

        with self.database.snapshot() as snapshot:
            apps = [snapshot.app(f"redis/{db}") for db in range(_DATABASES)]
            sizes = [Keyspace(db, app.count(), app.expiring()) for db, app in enumerate(apps)]
        return [space for space in sizes if space.keys]

    def dumped(self, db: int, key: bytes) -> Dumped | None:
        """A key as DUMP gives it, with its expiry."""
        from hyperdb.frontends.resp.control import Dumped

        app = f"redis/{db}"
        payload, expires = self.database.execute(app, "DUMP", key), self.database.execute(app, "PEXPIRETIME", key)
        if not isinstance(payload, bytes) or not isinstance(expires, int):
            return None
        return Dumped(payload, expires, max(1, expires - int(self.now() * 1000)) if expires >= 0 else 0)

    def remove_if(self, db: int, key: bytes, held: Dumped) -> bool:
        """Removes a key in one turn with the look at its value and its expiry."""
        conditions = [
            ([b"DUMP", key], b"$%d\r\n%b\r\n" % (len(held.payload), held.payload)),
            ([b"PEXPIRETIME", key], b":%d\r\n" % held.expires),
        ]
        return self.database.execute_if(db, conditions, [b"DEL", key])

    def data_set(self) -> bytes:
        """All databases and functions at one moment, as a file of RDB: no larger than a bulk string may be."""
        from hyperdb.transfer.files import export_file

        with tempfile.TemporaryDirectory(prefix="hyperdb-") as folder:
            path = Path(folder) / "dump.rdb"
            export_file(self.database, {"path": str(path)}, lambda *_: None)
            if path.stat().st_size > int(self.settings().get("max_bulk", _LARGEST_DATA_SET)):
                raise InvalidError("the data set is larger than one reply may be: hyperdb export writes it to a file")
            return path.read_bytes()

    def settings(self) -> Mapping[str, int | str]:
        """The wire's present limits."""
        return {**dict(self._resp.settings()), **self._kept} if self._resp is not None else {}

    def configure(self, changes: Mapping[str, int | str]) -> None:
        """Changes limits while running."""
        if self._resp is None:
            raise InvalidError("no RESP server runs")
        numbers = {name: value for name, value in changes.items() if isinstance(value, int)}
        self._resp.configure(numbers)
        # What only CONFIG and INFO look at.
        self._kept |= {name: value for name, value in changes.items() if isinstance(value, str)}

    def reset_stats(self) -> None:
        """Sets the wire's counters to zero."""
        if self._resp is not None:
            self._resp.reset_stats()

    def set_password(self, password: str | None) -> None:
        """Sets (or takes away) the bootstrap role's password; only a verifier is stored."""
        self.accounts.set_password(password)

    def set_rules(self, name: str, rules: Sequence[bytes]) -> None:
        """See `Accounts.set_rules`."""
        self.accounts.set_rules(name, rules)

    def remove_users(self, names: Sequence[str]) -> int:
        """See `Accounts.remove`."""
        return self.accounts.remove(names)

    def reload_users(self) -> None:
        """Reads the roles again."""
        self._tell_roles()

    def sync(self) -> None:
        """Waits until every acknowledged write is on the disk."""
        self.database.sync()

    def flush_storage(self) -> None:
        """Writes the memtables out as tables."""
        self.database.flush()

    def request_shutdown(self) -> None:
        """Begins a clean stop: whoever waits in `wait` goes on."""
        self.stopping.set()

    @property
    def facts(self) -> Mapping[str, str]:
        """What does not change while running."""
        host, port = self.resp_address or ("", 0)
        return {
            "dir": str(self.database.path.resolve()),
            "sync": self.database.options.sync,
            "bind": host,
            "port": str(port),
            "tls_port": str((self.resp_tls_address or ("", 0))[1]),
            "unixsocket": "",
            "databases": str(_DATABASES),
            "debug": self._resp_debug,
            "version": _native.VERSION,
            "redis_version": REDIS_VERSION,
            "run_id": self.run_id,
            "pid": str(os.getpid()),
            "started": str(self.started),
            "last_save": str(self.admin.last_save),
            "saved_changes": str(self.admin.saved_changes),
            "migrate_sockets": str(self.admin.sockets.count()),
        }

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()


def _bound(address: str) -> tuple[str, int]:
    """Host and port to listen on, the few names that stand for an address replaced by it."""
    host, port = parse_address(address)
    return {"localhost": "127.0.0.1", "*": "0.0.0.0"}.get(host, host), port  # noqa: S104 - the user said so


def _socket_address(address: str) -> str:
    host, port = _bound(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


__all__ = ["AddressError", "Serving"]
