"""MIGRATE: keys go to another server that speaks Redis's protocol, and leave this one once they have arrived there.

Theory: a key is dumped, sent as RESTORE, and removed here in one turn with the look whether it still is what was sent (value and
expiry). One that was changed meanwhile is sent again, over what was sent before. Invariant: a key is never on neither server;
after an error it is still here. Commands and errors: redis.io's page of MIGRATE.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from hyperdb.errors import CommandError
from hyperdb.frontends.resp.answers import OK, Answer, Failure, Simple
from hyperdb.frontends.resp.control import Client, Control, Dumped
from hyperdb.frontends.resp.numbers import integer

_SYNTAX = Failure("ERR syntax error")
_NO_INTEGER = Failure("ERR value is not an integer or out of range")
_KEY_AND_KEYS = Failure("ERR When using MIGRATE KEYS option, the key argument must be set to the empty string")
_IN_TRANSACTION = Failure("ERR MIGRATE is not possible in a transaction: it waits for another server")
_NOT_REACHED = Failure("IOERR error or timeout connecting to the client")
_NOT_WRITTEN = Failure("IOERR error or timeout writing to target instance")
_NOT_READ = Failure("IOERR error or timeout reading to target instance")
_TOO_FAST = Failure("ERR the key changes faster than it can be moved: it is here, and an older copy is on the target instance")
_NO_KEY = Simple("NOKEY")
_DEFAULT_SECONDS = 1.0
_ATTEMPTS = 8
_LONGEST_REPLY = 1 << 16
_MOST_SOCKETS = 64
_IDLE_SECONDS = 10.0
"""Connections that are kept, and for how long."""

_Peer = tuple[str, int, tuple[bytes, ...]]


@dataclass(frozen=True)
class _Order:
    """What is to go where."""

    host: str
    port: int
    db: int
    seconds: float
    keys: tuple[bytes, ...]
    credentials: tuple[bytes, ...] = ()
    copy: bool = False
    replace: bool = False

    @property
    def peer(self) -> _Peer:
        """Who is connected with what."""
        return self.host, self.port, self.credentials


class _TargetRefuses(Exception):
    """The target's error, in its words."""


class _Unread(Exception):
    """What was sent may have been done; the answer did not come."""


def _order(args: Sequence[bytes]) -> _Order | Failure:
    """The words of a command, or what is wrong with them."""
    copy = replace = False
    credentials: tuple[bytes, ...] = ()
    keys: tuple[bytes, ...] = (args[3],)
    at = 6
    while at < len(args):
        word, left = args[at].upper(), len(args) - at - 1
        if word == b"COPY":
            copy = True
        elif word == b"REPLACE":
            replace = True
        elif word == b"AUTH" and left >= 1:
            credentials, at = (args[at + 1],), at + 1
        elif word == b"AUTH2" and left >= 2:
            credentials, at = (args[at + 1], args[at + 2]), at + 2
        elif word == b"KEYS":
            if args[3]:
                return _KEY_AND_KEYS
            keys, at = tuple(args[at + 1 :]), len(args)
        else:
            return _SYNTAX
        at += 1
    timeout, db = integer(args[5]), integer(args[4])
    if timeout is None or db is None:
        return _NO_INTEGER
    seconds = timeout / 1000 if timeout > 0 else _DEFAULT_SECONDS
    port = integer(args[2])
    return _Order(args[1].decode("utf-8", "replace"), port or 0, db, seconds, keys, credentials, copy, replace)


class _Target:
    """A connection to the other server; one request at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._read = connection.makefile("rb")

    def ask(self, *words: bytes) -> None:
        """Sends a command, and reads its status or number.

        Raises:
            _TargetRefuses: it answers with an error.
            _Unread: its answer does not come.
            OSError: it could not be sent.
        """
        line = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
        self._connection.sendall(b"*%d\r\n%b" % (len(words), line))
        try:
            reply = self._read.readline(_LONGEST_REPLY)
        except OSError as error:
            raise _Unread from error
        if not reply.endswith(b"\r\n"):
            raise _Unread
        if reply.startswith(b"-"):
            raise _TargetRefuses(reply[1:-2].decode("utf-8", "replace"))

    def wait_at_most(self, seconds: float) -> None:
        """How long an answer may take."""
        self._connection.settimeout(seconds)

    def close(self) -> None:
        """Ends the connection."""
        self._read.close()
        self._connection.close()

    def take(self, key: bytes, held: Dumped, *, replace: bool) -> None:
        """Gives it a key; raises as `ask`."""
        options = (b"REPLACE",) if replace else ()
        self.ask(b"RESTORE", key, b"%d" % held.ttl, held.payload, *options)


def _move(control: Control, client: Client, order: _Order, target: _Target, key: bytes) -> Failure | None:
    """Moves one key: what went wrong that leaves the connection usable, if anything did; raises as `_Target.ask`."""
    replace = order.replace
    for _ in range(_ATTEMPTS):
        held = control.dumped(client.db, key)
        if held is None:
            if replace and not order.replace:
                # It was removed here after it was sent: then it never left.
                target.ask(b"DEL", key)
            return None
        target.take(key, held, replace=replace)
        if order.copy or control.remove_if(client.db, key, held):
            return None
        replace = True
    return _TOO_FAST


class Sockets:
    """Connections that were used a moment ago, for the next key to the same server by the same user.

    Invariant: one that is given out is not in here, so nobody else speaks on it.
    """

    def __init__(self) -> None:
        self._idle: dict[_Peer, tuple[_Target, float]] = {}
        self._lock = threading.Lock()

    def take(self, order: _Order) -> _Target | None:
        """An idle connection for the order, if there is one."""
        with self._lock:
            self._close_old()
            found = self._idle.pop(order.peer, None)
        return found[0] if found is not None else None

    def keep(self, order: _Order, target: _Target) -> None:
        """Takes a connection back on which everything was answered."""
        with self._lock:
            self._close_old()
            if order.peer in self._idle or len(self._idle) >= _MOST_SOCKETS:
                target.close()
            else:
                self._idle[order.peer] = (target, time.monotonic())

    def count(self) -> int:
        """How many there are."""
        with self._lock:
            self._close_old()
            return len(self._idle)

    def close(self) -> None:
        """Closes all."""
        with self._lock:
            for target, _ in self._idle.values():
                target.close()
            self._idle.clear()

    def _close_old(self) -> None:
        now = time.monotonic()
        for peer, (target, since) in list(self._idle.items()):
            if now - since > _IDLE_SECONDS:
                target.close()
                del self._idle[peer]


def migrate(sockets: Sockets, control: Control, client: Client, args: Sequence[bytes]) -> Answer:
    """MIGRATE host port key|"" db timeout [COPY] [REPLACE] [AUTH password | AUTH2 user password] [KEYS key ...]."""
    order = _order(args)
    if isinstance(order, Failure):
        return order
    if client.in_transaction:
        return _IN_TRANSACTION
    try:
        keys = [key for key in order.keys if control.dumped(client.db, key) is not None]
    except CommandError as error:
        return Failure(str(error))
    if not keys:
        return _NO_KEY
    target = sockets.take(order)
    if target is not None and _greeted(order, target) is not None:
        # The other server has closed it meanwhile, or is another one by now.
        target.close()
        target = None
    if target is None:
        try:
            target = _Target(socket.create_connection((order.host, order.port), order.seconds))
        except ConnectionRefusedError:
            return _NOT_WRITTEN
        except (OSError, OverflowError, UnicodeError):
            return _NOT_REACHED
        refusal = _greeted(order, target)
        if refusal is not None:
            target.close()
            return refusal
    answer = _moved(control, client, order, target, keys)
    if answer in (_NOT_READ, _NOT_WRITTEN):
        target.close()
    else:
        sockets.keep(order, target)
    return answer


def _greeted(order: _Order, target: _Target) -> Failure | None:
    """Logs in and selects the database; what went wrong, if anything did."""
    try:
        target.wait_at_most(order.seconds)
        if order.credentials:
            target.ask(b"AUTH", *order.credentials)
        target.ask(b"SELECT", b"%d" % order.db)
    except _TargetRefuses as refusal:
        return _refused(refusal)
    except _Unread:
        return _NOT_READ
    except OSError:
        return _NOT_WRITTEN
    return None


def _moved(control: Control, client: Client, order: _Order, target: _Target, keys: Sequence[bytes]) -> Answer:
    """Moves the keys: what the client is answered. One that the target refuses stays; the others go."""
    failure: Failure | None = None
    try:
        for key in keys:
            try:
                stayed = _move(control, client, order, target, key)
            except _TargetRefuses as refusal:
                stayed = _refused(refusal)
            failure = failure or stayed
    except _Unread:
        return _NOT_READ
    except OSError:
        return _NOT_WRITTEN
    return failure or OK


def _refused(refusal: _TargetRefuses) -> Failure:
    return Failure(f"ERR Target instance replied with error: {refusal}")
