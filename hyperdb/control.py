"""The control socket: how the command line speaks to the process that owns a directory.

Theory: `DIR/control.sock`, mode 0600. Each message is four bytes of length, big endian, and that many bytes of JSON. A
request is `{"op": NAME, ...}`; answers are any number of `{"progress": [done, total]}`, then one `{"result": ...}` or
`{"error": [CLASS, TEXT]}`. Limits: a message has at most 1 MiB, a connection 30 s between messages (12 h once it is
a shell of SQL), 16 connections at once.
Invariant: whatever a stranger sends, the owner goes on; a bad message costs its sender the connection.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperdb import errors
from hyperdb.errors import ControlError, HyperDBError, InvalidError
from hyperdb.graph.members import Vertex

if TYPE_CHECKING:
    from hyperdb.database import Database
    from hyperdb.frontends.sql.embedded.shells import RemoteShell, Shells
    from hyperdb.graph.app import App
    from hyperdb.server import Serving

SOCKET_NAME = "control.sock"
LONGEST_MESSAGE = 1 << 20
IDLE_SECONDS = 30.0
SHELL_IDLE_SECONDS = 12 * 3600.0
SQL_OPERATIONS = frozenset({"sql_open", "sql", "sql_more", "sql_cancel"})
MOST_CONNECTIONS = 16
_LENGTH = struct.Struct(">I")
# The kernel's limit on a socket's path (sun_path), with its final zero.
_LONGEST_PATH = 107

Progress = Callable[[int, int], object]
Json = dict[str, Any]
Operation = Callable[["Database", "Serving", Json, Progress], Any]


def socket_path(directory: Path) -> Path:
    """Where the owner of `directory` listens."""
    return directory / SOCKET_NAME


def _reachable(path: Path, directory: int) -> str:
    """The path as the kernel can take it: through the open directory when it is too long."""
    return str(path) if len(os.fsencode(path)) <= _LONGEST_PATH else f"/proc/self/fd/{directory}/{path.name}"


@contextlib.contextmanager
def _opened(path: Path) -> Any:
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield _reachable(path, descriptor)
    finally:
        os.close(descriptor)


def _send(connection: socket.socket, message: Json) -> None:
    raw = json.dumps(message).encode()
    connection.sendall(_LENGTH.pack(len(raw)) + raw)


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(count - len(parts))
        if not part:
            raise ControlError("the connection was closed")
        parts += part
    return bytes(parts)


def _receive(connection: socket.socket, limit: int = LONGEST_MESSAGE) -> Json:
    (length,) = _LENGTH.unpack(_receive_exactly(connection, _LENGTH.size))
    if length > limit:
        raise ControlError(f"a message of {length} bytes; the most is {limit}")
    try:
        message = json.loads(_receive_exactly(connection, length))
    except (ValueError, RecursionError) as error:
        raise ControlError("a message that is not JSON") from error
    if not isinstance(message, dict):
        raise ControlError("a message that is no JSON object")
    return message


class ControlSocket:
    """The owner's end. A thread accepts; each connection has a thread, as there are few and they wait for disks."""

    def __init__(self, database: Database, serving: Serving) -> None:
        self._database = database
        self._serving = serving
        self._path = socket_path(database.path)
        self._slots = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The directory's lock is ours, so a socket that lies here is of an owner that died.
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            with _opened(self._path) as reachable:
                self._listener.bind(reachable)
        finally:
            os.umask(before)
        self._listener.listen(MOST_CONNECTIONS)
        self._thread = threading.Thread(target=self._accept, name="hyperdb-control", daemon=True)
        self._thread.start()

    @cached_property
    def _shells(self) -> Shells:
        # Loaded when somebody comes, as SQL is.
        from hyperdb.frontends.sql.embedded.shells import Shells

        return Shells()

    def close(self) -> None:
        """Stops listening. A second call does nothing."""
        with contextlib.suppress(OSError):
            # Wakes the accepting thread; closed already is what is wanted.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink(missing_ok=True)
        self._thread.join(timeout=IDLE_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if not self._slots.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self._converse, args=(connection,), name="hyperdb-control-client", daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        from hyperdb.frontends.sql.embedded.shells import RemoteShell

        shell = RemoteShell(self._shells)
        try:
            with connection, contextlib.closing(shell):
                connection.settimeout(IDLE_SECONDS)
                while True:
                    request = _receive(connection)
                    _send(connection, self._answer(connection, request, shell))
                    if shell.is_open:
                        connection.settimeout(SHELL_IDLE_SECONDS)
        except (ControlError, OSError):
            # It left, or sent what is no message: the connection is all it loses.
            return
        finally:
            self._slots.release()

    def _answer(self, connection: socket.socket, request: Json, shell: RemoteShell) -> Json:
        try:
            if request.get("op") in SQL_OPERATIONS:
                return {"result": shell.answer(str(request["op"]), request, self._database.sql_backend)}
            run = _operation(str(request.get("op")))
            if run is None:
                raise InvalidError(f"no such operation: {str(request.get('op'))[:64]}")
            return {"result": run(self._database, self._serving, request, lambda *at: _send(connection, {"progress": at}))}
        except HyperDBError as error:
            return {"error": [type(error).__name__, str(error)]}
        except (KeyError, TypeError, ValueError) as error:
            return {"error": ["InvalidError", f"bad argument: {error}"]}


def _stats(database: Database, serving: Serving, _: Json, __: Progress) -> Any:
    from hyperdb import reports

    return {**reports.stats(database), "server": dict(serving.server_stats()), "facts": dict(serving.facts)}


def _operation(name: str) -> Operation | None:
    """What is called so."""
    # Loaded when somebody asks: servers start without.
    from hyperdb import reports

    report = reports.REPORTS.get(name)
    if report is None:
        return OPERATIONS.get(name)
    return lambda database, _, request, progress: report(database, request, progress)


def _backup(database: Database, _: Serving, request: Json, __: Progress) -> Any:
    return database.backup(Path(str(request["dest"])))


def _number(request: Json) -> int:
    number = int(request.get("db", 0))
    if not 0 <= number < _DATABASES:
        raise InvalidError("a database between 0 and 15 is needed")
    return number


def _command(database: Database, _: Serving, request: Json, __: Progress) -> Any:
    words = [base64.b64decode(word) for word in request["args"]]
    if not words:
        raise InvalidError("a command is needed")
    return base64.b64encode(database.execute_raw(_number(request), words)).decode()


def _app(database: Database, request: Json) -> App:
    return database.app(f"redis/{_number(request)}")


def _add_vertex(database: Database, _: Serving, request: Json, __: Progress) -> Any:
    return _app(database, request).add_vertex(str(request["id"]), str(request["value"]))


def _add_hyperedge(database: Database, _: Serving, request: Json, __: Progress) -> Any:
    members = {str(order_key): Vertex(str(vertex)) for order_key, vertex in dict(request["vertices"]).items()}
    _app(database, request).add_hyperedge(str(request["id"]), members)
    return True


def _incident(database: Database, _: Serving, request: Json, __: Progress) -> Any:
    found = islice(_app(database, request).incident(str(request["id"])), _MOST_INCIDENT)
    return [membership.hyperedge.decode(errors="replace") for membership in found]


def _shutdown(_: Database, serving: Serving, __: Json, ___: Progress) -> Any:
    serving.request_shutdown()
    return True


_DATABASES = 16
_MOST_INCIDENT = 10_000
OPERATIONS: Mapping[str, Operation] = {
    "stats": _stats,
    "backup": _backup,
    "command": _command,
    "add_vertex": _add_vertex,
    "add_hyperedge": _add_hyperedge,
    "incident": _incident,
    "shutdown": _shutdown,
}


class ControlClient:
    """The caller's end; a context manager."""

    def __init__(self, directory: Path) -> None:
        path = socket_path(directory)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _opened(path) as reachable:
                self._socket.connect(reachable)
        except OSError as error:
            self._socket.close()
            raise ControlError(f"no server answers on {path}: {error.strerror}") from error

    def call(self, op: str, progress: Progress | None = None, **arguments: object) -> Any:
        """Asks and waits for the result.

        Raises:
            HyperDBError: what the owner raised, as the same class.
        """
        try:
            _send(self._socket, {"op": op, **arguments})
            while True:
                message = _receive(self._socket, limit=64 * LONGEST_MESSAGE)
                if "progress" not in message:
                    break
                if progress is not None:
                    progress(*message["progress"])
        except OSError as error:
            raise ControlError(f"the server went away: {error}") from error
        if "error" in message:
            name, text = message["error"]
            kind = getattr(errors, name, ControlError)
            raise kind(text)
        return message["result"]

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
