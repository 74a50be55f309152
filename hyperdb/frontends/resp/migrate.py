"""MIGRATE: keys go to another server that speaks Redis's protocol, and leave this one once they have arrived there.

Theory: a key is dumped, sent as RESTORE, and removed here in one turn with the look whether it still is what was sent (value and
expiry). One that was changed meanwhile is sent again, over what was sent before. Invariant: a key is never on neither server;
after an error it is still here. Commands and errors: redis.io's page of MIGRATE.
"""

from __future__ import annotations

import contextlib
import socket
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


def migrate(control: Control, client: Client, args: Sequence[bytes]) -> Answer:
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
    try:
        connection = socket.create_connection((order.host, order.port), order.seconds)
    except ConnectionRefusedError:
        return _NOT_WRITTEN
    except (OSError, OverflowError, UnicodeError):
        return _NOT_REACHED
    with contextlib.closing(connection):
        return _moved(control, client, order, _Target(connection), keys)


def _moved(control: Control, client: Client, order: _Order, target: _Target, keys: Sequence[bytes]) -> Answer:
    """Moves the keys: what the client is answered. One that the target refuses stays; the others go."""
    failure: Failure | None = None
    try:
        if order.credentials:
            target.ask(b"AUTH", *order.credentials)
        target.ask(b"SELECT", b"%d" % order.db)
        for key in keys:
            try:
                stayed = _move(control, client, order, target, key)
            except _TargetRefuses as refusal:
                stayed = _refused(refusal)
            failure = failure or stayed
    except _TargetRefuses as refusal:
        return _refused(refusal)
    except _Unread:
        return _NOT_READ
    except OSError:
        return _NOT_WRITTEN
    return failure or OK


def _refused(refusal: _TargetRefuses) -> Failure:
    return Failure(f"ERR Target instance replied with error: {refusal}")
