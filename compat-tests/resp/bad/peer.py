"""A server under bad input: what it answers to a case, whether it waits, closes or goes silent, and what its keys hold after it.

Invariant: a case never leaves its mark on the next. A connection that a case may have changed is closed, and data that a case
changed is made again.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "differential"))
from wire import Connection, Reply

from bad.sentences import Words

_MARK = b"end-of-case"
#: How long a reply may take before the case counts as one that waits.
WAITS_AFTER = 0.25
#: How long a server may take to answer at all.
PATIENCE = 20.0

#: The data set: every kind of value, small enough that both servers list hashes and sorted sets in one order.
DATA = r"""
SET text hello\x20world
SET number 10
RPUSH list a b c 1 2
HSET hash f v n 10 g 2.5
SADD set a b c
SADD ints 1 2 3
ZADD zset 1 a 2 b 3.5 c
GEOADD geo 13.361389 38.115556 a 15.087269 37.502669 b
XADD stream 1-1 f v
XADD stream 2-1 f w g x
XADD stream 3-1 f y
XGROUP CREATE stream g 0
XREADGROUP GROUP g c COUNT 2 STREAMS stream >
PFADD sketch a b c
SET brief x EX 100000
"""
_READERS = {
    "string": "GET {}", "list": "LRANGE {} 0 -1", "hash": "HGETALL {}", "set": "SMEMBERS {}", "zset": "ZRANGE {} 0 -1 WITHSCORES",
    "stream": "XRANGE {} - +",
}  # fmt: skip
_HELD = {
    "text": "string", "number": "string", "list": "list", "hash": "hash", "set": "set", "ints": "set", "zset": "zset",
    "geo": "zset", "stream": "stream", "sketch": "string", "brief": "string",
}  # fmt: skip


def _bytes(words: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(word.encode("latin-1") for word in words)


_LOAD = [("FLUSHALL",)] + [tuple(word.replace(r"\x20", " ") for word in line.split(" ")) for line in DATA.strip().splitlines()]
_LOOK = [_bytes(("KEYS", "*"))]
for _key, _kind in _HELD.items():
    _LOOK += [_bytes(line.format(_key).split()) for line in ("TYPE {}", _READERS[_kind], "PTTL {}")]
_LOOK += [_bytes(line.split()) for line in ("XINFO GROUPS stream", "XPENDING stream g - + 10", "XLEN stream")]


def _in_order(reply: Reply) -> Reply:
    if isinstance(reply.payload, list):
        return Reply(reply.kind, sorted(reply.payload, key=str))
    return reply


def _rough(reply: Reply) -> Reply:
    """A time to live without what passes between two questions."""
    if isinstance(reply.payload, int) and reply.payload > 0:
        return Reply(reply.kind, round(reply.payload / 20_000))
    return reply


class Peer:
    """One server, seen by one connection that cases go to and one that looks after it."""

    def __init__(self, name: str, port: int, protocol: int, rules: str | None = None) -> None:
        """With `rules`, cases come from a user who has these alone."""
        self.name, self._port, self._protocol, self._rules = name, port, protocol, rules
        self._control = Connection(port, 3)
        self._case: Connection | None = None
        self._identity = b""
        if rules is not None:
            self._control.call(*_bytes(("ACL", "SETUSER", "limited", "reset", "on", "nopass", *rules.split())))

    def close(self) -> None:
        """Ends both connections."""
        self._control.close()
        self.forget()

    def forget(self) -> None:
        """Closes the connection of the cases: what it was set to goes with it."""
        if self._case is not None:
            self._case.close()
            self._case = None

    def load(self) -> None:
        """Makes the data set, and nothing else, be there."""
        self._control.pipeline([_bytes(words) for words in _LOAD])
        self._control.call(b"SCRIPT", b"LOAD", b"return 1")

    def state(self) -> list[Reply]:
        """What the keys hold: equal on two servers when nothing differs, in whatever order they list it."""
        replies = self._control.pipeline(_LOOK)
        found = [_in_order(replies[0])]
        for at, reply in enumerate(replies[1:]):
            found.append(_rough(reply) if at % 3 == 2 else _in_order(reply))
        others = [key.payload for key in found[0].payload if key.payload.decode("latin-1") not in _HELD]  # type: ignore[union-attr]
        kinds = self._control.pipeline([(b"TYPE", key) for key in others])
        for key, kind in zip(others, kinds, strict=True):
            words = [part.encode() if part != "{}" else key for part in _READERS[kind.payload.decode()].split()]  # type: ignore[union-attr]
            found.append(_in_order(self._control.call(*words)))
        return found

    def ask(self, requests: list[Words], may_wait: bool) -> list[Reply]:
        """What the connection of the cases answers to requests sent at once, none of which but the last may leave it in `MULTI`.

        A reply of kind `waits`, `closed` or `silent` says what came instead of one; the connection is then a new one.
        """
        case = self._connected()
        with contextlib.suppress(OSError):
            case.send([*map(_bytes, requests), (b"ECHO", _MARK)])
        found: list[Reply] = []
        try:
            if not case.readable(WAITS_AFTER if may_wait else PATIENCE):
                found.append(Reply("waits", None))
                self._control.call(b"CLIENT", b"UNBLOCK", self._identity)
                if not case.readable(WAITS_AFTER * 4):
                    return [Reply("silent", None)]
            while True:
                reply = case.read()
                if self._is_mark(reply) or (len(found) >= len(requests) and reply.payload == b"QUEUED"):
                    return found
                found.append(reply)
        except TimeoutError:
            found.append(Reply("silent", None))
        except (ConnectionError, OSError):
            found.append(Reply("closed", None))
        finally:
            if found and found[-1].kind in ("closed", "silent", "waits"):
                self.forget()
        return found

    def alive(self) -> bool:
        """Whether the server still answers another client."""
        with contextlib.suppress(OSError):
            return self._control.call(b"PING").payload == b"PONG"
        return False

    @staticmethod
    def _is_mark(reply: Reply) -> bool:
        if reply.kind == "-":
            return reply.payload.startswith(b"ERR Can't execute 'echo'")  # type: ignore[union-attr]
        return reply.payload == _MARK

    def _connected(self) -> Connection:
        if self._case is None:
            self._case = Connection(self._port, self._protocol)
            self._identity = str(self._case.call(b"CLIENT", b"ID").payload).encode()
            if self._rules is not None:
                self._case.call(b"AUTH", b"limited", b"any")
        return self._case
