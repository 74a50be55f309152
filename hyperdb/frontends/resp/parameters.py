"""Parameters of Redis's CONFIG about what is not there, or is always so, with the reason.

Theory: what a parameter asks for is so whatever it says, or it is about a part of Redis that this server has not. *Given* ones
have one value and refuse another with their reason. *Kept* ones take any valid value: no replica follows and no dump is due, so
that nothing would use them, in Redis neither; `save` asks for less than what the log always does. *Refused* ones are those that
Redis refuses too: immutable, or protected. Invariant: nothing here changes what the server does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hyperdb.frontends.resp.numbers import integer

_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1000**2, "mb": 1 << 20, "g": 1000**3, "gb": 1 << 30}
_INT = 2**31 - 1
_LONG = 2**63 - 1


class BadValue(ValueError):
    """A value that does not fit its parameter; the text follows Redis's after `CONFIG SET failed`."""


@dataclass(frozen=True)
class Given:
    """A parameter that Redis changes and this server does not: it may be set to what it is. `reason` says why to nothing else."""

    value: str
    reason: str
    known: tuple[str, ...] = ()

    def check(self, text: str) -> None:
        """Raises:
        BadValue: another value than the one it has.
        """
        if text.lower() == self.value:
            return
        if self.known and text.lower() not in self.known:
            raise one_of(self.known)
        raise BadValue(f"can't set immutable config: {self.reason}")


@dataclass(frozen=True)
class Kept:
    """A parameter that is shown as it was set: `parse` gives a value as it is shown."""

    name: str
    default: str
    parse: Callable[[str], str]


@dataclass(frozen=True)
class Refused:
    """A parameter that only tells; `how` says why in Redis's words."""

    value: str
    how: str = "can't set immutable config"


def one_of(words: tuple[str, ...]) -> BadValue:
    """The refusal of a word that is none of these."""
    return BadValue(f"argument(s) must be one of the following: {', '.join(words)}")


def count(low: int, high: int) -> Callable[[str], int]:
    """Reads an integer within bounds."""

    def parse(text: str) -> int:
        number = integer(text.encode())
        if number is None:
            raise BadValue("argument couldn't be parsed into an integer")
        if not low <= number <= high:
            raise BadValue(f"argument must be between {low} and {high} inclusive")
        return number

    return parse


def size(low: int, high: int, kind: str = "memory") -> Callable[[str], int]:
    """Reads a number of bytes, with a unit or without, within bounds."""

    def parse(text: str) -> int:
        digits = text.rstrip("bBkKmMgG")
        unit = _UNITS.get(text[len(digits) :].lower())
        number = integer(digits.lstrip("0").encode() or b"0")
        if number is None or number < 0 or unit is None:
            raise BadValue(f"argument must be a {kind} value")
        if not low <= number * unit <= high:
            raise BadValue(f"argument must be between {low} and {high} inclusive")
        return number * unit

    return parse


def yes_no(text: str) -> int:
    """Reads `yes` or `no`."""
    if text.lower() not in ("yes", "no"):
        raise BadValue("argument must be 'yes' or 'no'")
    return int(text.lower() == "yes")


def _switch(text: str) -> str:
    return "yes" if yes_no(text) else "no"


def _number(low: int, high: int) -> Callable[[str], str]:
    parse = count(low, high)
    return lambda text: str(parse(text))


def _size(low: int, high: int) -> Callable[[str], str]:
    parse = size(low, high)
    return lambda text: str(parse(text))


def _word(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise one_of(words)
        return text.lower()

    return parse


def _save_points(text: str) -> str:
    """`seconds changes` pairs, or nothing."""
    words = text.split()
    numbers = [integer(word.encode()) for word in words]
    seconds, changes = numbers[0::2], numbers[1::2]
    if len(words) % 2 or any(number is None or number < 1 for number in seconds) or any(n is None or n < 0 for n in changes):
        raise BadValue("Invalid save parameters")
    return " ".join(words)


_ON_SIGNAL = ("default", "save", "nosave", "now", "force")

_KEPT: Mapping[tuple[str, ...], tuple[str, Callable[[str], str]]] = {
    # Of replicas.
    ("masterauth",): ("", str),
    ("masteruser",): ("", str),
    ("repl-ping-replica-period", "repl-ping-slave-period"): ("10", _number(1, _INT)),
    ("repl-timeout",): ("60", _number(1, _INT)),
    ("repl-disable-tcp-nodelay",): ("no", _switch),
    ("repl-diskless-sync",): ("yes", _switch),
    ("repl-diskless-sync-delay",): ("5", _number(0, _INT)),
    ("repl-diskless-sync-max-replicas",): ("0", _number(0, _INT)),
    ("repl-diskless-load",): ("disabled", _word("disabled", "on-empty-db", "swapdb")),
    ("repl-backlog-size",): ("1048576", _size(1, _LONG)),
    ("repl-backlog-ttl",): ("3600", _number(0, _LONG)),
    ("rdb-del-sync-files",): ("no", _switch),
    ("replica-announce-ip", "slave-announce-ip"): ("", str),
    ("replica-announce-port", "slave-announce-port"): ("0", _number(0, 65535)),
    ("replica-announced",): ("yes", _switch),
    ("replica-ignore-disk-write-errors",): ("no", _switch),
    ("replica-ignore-maxmemory", "slave-ignore-maxmemory"): ("yes", _switch),
    ("replica-lazy-flush", "slave-lazy-flush"): ("no", _switch),
    ("replica-priority", "slave-priority"): ("100", _number(0, _INT)),
    ("replica-read-only", "slave-read-only"): ("yes", _switch),
    ("replica-serve-stale-data", "slave-serve-stale-data"): ("yes", _switch),
    # Of a cluster of several nodes.
    ("cluster-allow-pubsubshard-when-down",): ("yes", _switch),
    ("cluster-allow-reads-when-down",): ("no", _switch),
    ("cluster-allow-replica-migration",): ("yes", _switch),
    ("cluster-announce-bus-port",): ("0", _number(0, 65535)),
    ("cluster-announce-hostname",): ("", str),
    ("cluster-announce-human-nodename",): ("", str),
    ("cluster-announce-ip",): ("", str),
    ("cluster-announce-port",): ("0", _number(0, 65535)),
    ("cluster-announce-tls-port",): ("0", _number(0, 65535)),
    ("cluster-link-sendbuf-limit",): ("0", _size(0, _LONG)),
    ("cluster-migration-barrier",): ("1", _number(0, _INT)),
    ("cluster-node-timeout",): ("15000", _number(0, _LONG)),
    ("cluster-preferred-endpoint-type",): ("ip", _word("ip", "hostname", "unknown-endpoint")),
    ("cluster-replica-no-failover", "cluster-slave-no-failover"): ("no", _switch),
    ("cluster-replica-validity-factor", "cluster-slave-validity-factor"): ("10", _number(0, _INT)),
    ("cluster-require-full-coverage",): ("yes", _switch),
    # Every payload is checked whole, whatever is asked for.
    ("sanitize-dump-payload",): ("yes", _word("no", "yes", "clients")),
    # What it asks for, dumps so often, is less than what the log does.
    ("save",): ("", _save_points),
    # Of files that Redis writes beside its memory: how a log begins, and how slowly a dump is written.
    ("aof-use-rdb-preamble",): ("yes", _switch),
    ("rdb-key-save-delay",): ("0", _number(-_INT - 1, _INT)),
}
KEPT: Mapping[str, Kept] = {name: Kept(names[0], *kept) for names, kept in _KEPT.items() for name in names}

_LOGGED = "the log is the store"
_NO_DUMPS = "there are no dumps beside the store"
_LAZY = "members of what is removed always go later"
_NO_EVICTION = "a durable store evicts nothing; memory is a cache of what is on the disk"
_NO_DEFRAGMENTATION = "the C library's allocator does not move what it gave"
_HOST = "the host process decides"

GIVEN: Mapping[str, Given] = {
    # The log is the store: it cannot be turned off, and there are no point-in-time dumps beside it.
    "appendonly": Given("yes", _LOGGED, ("yes", "no")),
    "aof-load-truncated": Given("yes", _LOGGED, ("yes", "no")),
    "aof-rewrite-incremental-fsync": Given("yes", _LOGGED, ("yes", "no")),
    "aof-timestamp-enabled": Given("no", _LOGGED, ("yes", "no")),
    "auto-aof-rewrite-min-size": Given("67108864", _LOGGED),
    "auto-aof-rewrite-percentage": Given("0", _LOGGED),
    "no-appendfsync-on-rewrite": Given("no", _LOGGED, ("yes", "no")),
    "rdb-save-incremental-fsync": Given("yes", _NO_DUMPS, ("yes", "no")),
    "rdbcompression": Given("yes", _NO_DUMPS, ("yes", "no")),
    "stop-writes-on-bgsave-error": Given("yes", "writes that cannot be made durable are refused", ("yes", "no")),
    "shutdown-timeout": Given("10", "there are no replicas to wait for"),
    "shutdown-on-sigint": Given("default", _HOST, _ON_SIGNAL),
    "shutdown-on-sigterm": Given("default", _HOST, _ON_SIGNAL),
    **dict.fromkeys(
        (
            "lazyfree-lazy-eviction",
            "lazyfree-lazy-expire",
            "lazyfree-lazy-server-del",
            "lazyfree-lazy-user-del",
            "lazyfree-lazy-user-flush",
        ),
        Given("yes", _LAZY, ("yes", "no")),
    ),
    "lfu-decay-time": Given("1", _NO_EVICTION),
    "lfu-log-factor": Given("10", _NO_EVICTION),
    "maxmemory-eviction-tenacity": Given("10", _NO_EVICTION),
    "maxmemory-samples": Given("5", _NO_EVICTION),
    "dynamic-hz": Given("no", "housekeeping runs as often as hz says", ("yes", "no")),
    "active-expire-effort": Given("1", "what has expired is removed without looking for it"),
    "activerehashing": Given("yes", "no table of keys is hashed anew", ("yes", "no")),
    "activedefrag": Given("no", _NO_DEFRAGMENTATION, ("yes", "no")),
    "active-defrag-cycle-max": Given("25", _NO_DEFRAGMENTATION),
    "active-defrag-cycle-min": Given("1", _NO_DEFRAGMENTATION),
    "active-defrag-ignore-bytes": Given("104857600", _NO_DEFRAGMENTATION),
    "active-defrag-max-scan-fields": Given("1000", _NO_DEFRAGMENTATION),
    "active-defrag-threshold-lower": Given("10", _NO_DEFRAGMENTATION),
    "active-defrag-threshold-upper": Given("100", _NO_DEFRAGMENTATION),
    "jemalloc-bg-thread": Given("no", _NO_DEFRAGMENTATION, ("yes", "no")),
    "propagation-error-behavior": Given("ignore", "there are no replicas", ("ignore", "panic", "panic-on-replicas")),
    "bind-source-addr": Given("", "it connects to no other server by itself"),
    "crash-log-enabled": Given("no", _HOST, ("yes", "no")),
    "crash-memcheck-enabled": Given("no", _HOST, ("yes", "no")),
    "ignore-warnings": Given("", _HOST),
    "locale-collate": Given("", "texts are compared by their bytes"),
    "loglevel": Given("notice", _HOST, ("debug", "verbose", "notice", "warning", "nothing")),
    "oom-score-adj": Given("no", _HOST, ("no", "yes", "relative", "absolute")),
    "oom-score-adj-values": Given("0 200 800", _HOST),
    "proc-title-template": Given("{title} {listen-addr} {server-mode}", _HOST),
}

REFUSED: Mapping[str, Refused] = {
    "always-show-logo": Refused("no"),
    "aof_rewrite_cpulist": Refused(""),
    "appenddirname": Refused(""),
    "appendfilename": Refused(""),
    "bgsave_cpulist": Refused(""),
    "bio_cpulist": Refused(""),
    "cluster-config-file": Refused(""),
    "cluster-port": Refused("0"),
    "disable-thp": Refused("no"),
    "enable-module-command": Refused("no"),
    "enable-protected-configs": Refused("no"),
    "io-threads": Refused("1"),
    "io-threads-do-reads": Refused("no"),
    "logfile": Refused(""),
    "pidfile": Refused(""),
    "rdbchecksum": Refused("yes"),
    "replicaof": Refused(""),
    "server_cpulist": Refused(""),
    "set-proc-title": Refused("no"),
    "slaveof": Refused(""),
    "socket-mark-id": Refused("0"),
    "supervised": Refused("no"),
    "syslog-enabled": Refused("no"),
    "syslog-facility": Refused("local0"),
    "syslog-ident": Refused(""),
    "tcp-backlog": Refused("1024"),
    "unixsocketperm": Refused("0"),
    "dbfilename": Refused("dump.rdb", "can't set protected config"),
}

HIDDEN: Mapping[str, Given] = {
    "aof-disable-auto-gc": Given("no", _LOGGED, ("yes", "no")),
    "key-load-delay": Given("0", _NO_DUMPS),
    "loading-process-events-interval-bytes": Given("2097152", _NO_DUMPS),
    "use-exit-on-panic": Given("no", _HOST, ("yes", "no")),
    "watchdog-period": Given("0", _HOST),
}
"""Shown only to those who ask for them by name."""
