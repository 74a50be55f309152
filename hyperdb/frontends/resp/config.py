"""CONFIG: what can be read, what can be set, and what each value means here.

Theory: a table of parameters. *Live* ones change a limit of the wire at once; *fixed* ones tell how the server was started, and
*given* ones what this engine always does: these refuse to become something else. A name that is not in the table is unknown, as
in Redis: nothing is accepted and ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hyperdb.frontends.resp.answers import OK, Answer, Failure
from hyperdb.frontends.resp.control import Control
from hyperdb.frontends.resp.numbers import integer

_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1000**2, "mb": 1 << 20, "g": 1000**3, "gb": 1 << 30}
_CLASSES = ("normal", "replica", "pubsub")


class BadValue(ValueError):
    """A value that does not fit its parameter; the text follows Redis's after `CONFIG SET failed`."""


@dataclass(frozen=True)
class Live:
    """A parameter that is a setting of the wire: the native field, and how text becomes its value and back."""

    field: str
    parse: Callable[[str], int]
    show: Callable[[int], str] = str


@dataclass(frozen=True)
class Fixed:
    """A parameter that only tells; `value` reads the server's facts."""

    value: Callable[[Mapping[str, str]], str]


@dataclass(frozen=True)
class Given:
    """A parameter that Redis changes and this engine does not: it may be set to what it is. `reason` says why to nothing else."""

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
            raise BadValue(f"argument(s) must be one of the following: {', '.join(self.known)}")
        raise BadValue(f"can't set immutable config: {self.reason}")


def _count(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = integer(text.encode())
        if number is None:
            raise BadValue("argument couldn't be parsed into an integer")
        if not low <= number <= high:
            raise BadValue(f"argument must be between {low} and {high} inclusive")
        return number

    return parse


def _bytes(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        digits = text.rstrip("bBkKmMgG")
        unit = _UNITS.get(text[len(digits) :].lower())
        number = integer(digits.lstrip("0").encode() or b"0")
        if number is None or number < 0 or unit is None:
            raise BadValue("argument must be a memory value")
        if not low <= number * unit <= high:
            raise BadValue(f"argument must be between {low} and {high} inclusive")
        return number * unit

    return parse


def _yes_no(text: str) -> int:
    if text.lower() not in ("yes", "no"):
        raise BadValue("argument must be 'yes' or 'no'")
    return int(text.lower() == "yes")


def _said(text: str) -> Fixed:
    return Fixed(lambda _: text)


def _fact(name: str) -> Fixed:
    return Fixed(lambda facts: facts[name])


_EVENT_BITS = {
    "K": 1 << 0, "E": 1 << 1, "g": 1 << 2, "$": 1 << 3, "l": 1 << 4, "s": 1 << 5, "h": 1 << 6, "z": 1 << 7, "x": 1 << 8,
    "e": 1 << 9, "t": 1 << 10, "m": 1 << 11, "d": 1 << 13, "n": 1 << 14,
}  # fmt: skip
"""Classes of keyspace events (`native/resp/src/events.rs`)."""
_ALL_CLASSES = "g$lshzxetd"
_ALL_BITS = sum(_EVENT_BITS[letter] for letter in _ALL_CLASSES)


def _event_classes(text: str) -> int:
    bits = 0
    for letter in text:
        if letter != "A" and letter not in _EVENT_BITS:
            raise BadValue("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
        bits |= _ALL_BITS if letter == "A" else _EVENT_BITS[letter]
    return bits


def _show_event_classes(bits: int) -> str:
    classes = "A" if bits & _ALL_BITS == _ALL_BITS else "".join(each for each in _ALL_CLASSES if bits & _EVENT_BITS[each])
    return classes + "".join(each for each in "KEmn" if bits & _EVENT_BITS[each])


_NEVER = 2**64 - 1
"""The native side's word for no bound."""
_POLICIES = (
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
)
_KEPT = "a durable store evicts nothing; memory is a cache of what is on the disk"
_LOGGED = "the log is the store"
_LENGTH = _count(0, 2**63 - 1)
_LENGTH_OR_BYTES = _bytes(0, 2**63 - 1)


def _or_never(text: str) -> int:
    """Microseconds; -1: never."""
    micros = _count(-1, 2**63 - 1)(text)
    return _NEVER if micros == -1 else micros


def _node_size(text: str) -> int:
    """Values of a node, or below 0 its size; as the 64 bits of a signed number."""
    return _count(-(2**31), 2**31 - 1)(text) % 2**64


def _show_node_size(value: int) -> str:
    return str(value - 2**64 if value >= 2**63 else value)


def _yes_or_no(value: int) -> str:
    return "yes" if value else "no"


PARAMETERS: Mapping[str, Live | Fixed | Given] = {
    "maxclients": Live("max_clients", _count(1, 1_000_000)),
    "timeout": Live("timeout", _count(0, 2**31 - 1)),
    "tcp-keepalive": Live("tcp_keepalive", _count(0, 2**31 - 1)),
    "proto-max-bulk-len": Live("max_bulk", _bytes(1 << 20, 2**40)),
    "client-query-buffer-limit": Live("query_buffer", _bytes(1 << 20, 2**40)),
    "maxmemory-clients": Live("client_memory", _bytes(1 << 20, 2**40)),
    # Two names of one limit, as in Redis.
    "busy-reply-threshold": Live("busy_reply_ms", _count(0, 2**31 - 1)),
    "lua-time-limit": Live("busy_reply_ms", _count(0, 2**31 - 1)),
    "protected-mode": Live("protected", _yes_no, _yes_or_no),
    "slowlog-log-slower-than": Live("slow_micros", _or_never, lambda value: "-1" if value == _NEVER else str(value)),
    "slowlog-max-len": Live("slow_most", _count(0, 2**63 - 1)),
    "latency-monitor-threshold": Live("latency_threshold_ms", _count(0, 2**63 - 1)),
    "latency-tracking": Live("latency_tracking", _yes_no, _yes_or_no),
    # Of what memory holds beside caches: writes beyond it are refused.
    "maxmemory": Live("max_memory", _bytes(0, 2**63 - 1)),
    "notify-keyspace-events": Live("events", _event_classes, _show_event_classes),
    "tracking-table-max-keys": Live("tracked_keys", _count(0, 2**63 - 1)),
    "acllog-max-len": Live("acl_log_most", _count(0, 2**31 - 1)),
    "bind": _fact("bind"),
    "tls-port": _fact("tls_port"),
    "port": _fact("port"),
    "unixsocket": _fact("unixsocket"),
    "dir": _fact("dir"),
    "databases": _fact("databases"),
    "appendfsync": _fact("sync"),
    "enable-debug-command": _fact("debug"),
    # The log is the store: it cannot be turned off, and there are no point-in-time dumps beside it.
    "appendonly": Given("yes", _LOGGED),
    "save": Given("", _LOGGED),
    "daemonize": _said("no"),
    # Users are records of the store.
    "aclfile": _said(""),
    "acl-pubsub-default": Given("resetchannels", "users are the roles of all languages"),
    "cluster-enabled": _said("no"),
    "maxmemory-policy": Given("noeviction", _KEPT, _POLICIES),
    # OBJECT ENCODING answers by these bounds; "ziplist" are the older names of the same.
    **dict.fromkeys(("hash-max-listpack-entries", "hash-max-ziplist-entries"), Live("hash_entries", _LENGTH)),
    **dict.fromkeys(("hash-max-listpack-value", "hash-max-ziplist-value"), Live("hash_value", _LENGTH_OR_BYTES)),
    **dict.fromkeys(("list-max-listpack-size", "list-max-ziplist-size"), Live("list_size", _node_size, _show_node_size)),
    "list-compress-depth": Live("list_depth", _count(0, 2**31 - 1)),
    "set-max-intset-entries": Live("set_integers", _LENGTH),
    "set-max-listpack-entries": Live("set_entries", _LENGTH),
    "set-max-listpack-value": Live("set_value", _LENGTH),
    **dict.fromkeys(("zset-max-listpack-entries", "zset-max-ziplist-entries"), Live("sorted_entries", _LENGTH)),
    **dict.fromkeys(("zset-max-listpack-value", "zset-max-ziplist-value"), Live("sorted_value", _LENGTH_OR_BYTES)),
    "stream-node-max-entries": Live("stream_entries", _count(0, 2**63 - 1)),
    "stream-node-max-bytes": Live("stream_bytes", _bytes(0, 2**63 - 1)),
    "hll-sparse-max-bytes": Live("sketch_bytes", _bytes(0, 2**63 - 1)),
}
OUTPUT_LIMIT = "client-output-buffer-limit"
PASSWORD = "requirepass"
PERCENTILES = "latency-tracking-info-percentiles"
"""Which percentiles INFO's section latencystats tells; `percentiles` among the settings."""


def _parse_percentiles(text: str) -> str:
    try:
        values = [float(word) for word in text.split()]
    except ValueError as error:
        raise BadValue(f"{PERCENTILES} parameters should be valid numbers") from error
    if not all(0 <= value <= 100 for value in values):
        raise BadValue(f"{PERCENTILES} parameters should sit between [0.0,100.0]")
    return " ".join(f"{value:g}" for value in values)


def _output_limit(settings: Mapping[str, int | str]) -> str:
    """`class hard soft seconds` for each class of clients."""
    parts: list[str] = []
    for name in _CLASSES:
        # Redis shows the older word.
        parts.append("slave" if name == "replica" else name)
        parts += [str(settings[f"output_{name}_{what}"]) for what in ("hard", "soft", "seconds")]
    return " ".join(parts)


def _parse_output_limit(text: str) -> dict[str, int | str]:
    words = text.split()
    if not words or len(words) % 4:
        raise BadValue("Wrong number of arguments in buffer limit configuration.")
    changes: dict[str, int | str] = {}
    for start in range(0, len(words), 4):
        name, hard, soft, seconds = words[start : start + 4]
        name = {"slave": "replica"}.get(name.lower(), name)
        if name.lower() not in _CLASSES:
            raise BadValue(f"{name}: there are limits for the classes {' and '.join(_CLASSES)}")
        changes[f"output_{name.lower()}_hard"] = _bytes(0, 2**40)(hard)
        changes[f"output_{name.lower()}_soft"] = _bytes(0, 2**40)(soft)
        changes[f"output_{name.lower()}_seconds"] = _count(0, 2**31 - 1)(seconds)
    return changes


def _values(control: Control) -> dict[str, str]:
    """Every parameter's present value."""
    settings, facts = control.settings(), control.facts

    def shown(parameter: Live | Fixed | Given) -> str:
        match parameter:
            case Live(field, _, show):
                return show(int(settings[field]))
            case Fixed(value):
                return value(facts)
            case Given(text):
                return text

    values = {name: shown(parameter) for name, parameter in PARAMETERS.items()}
    values[PERCENTILES] = str(settings["percentiles"])
    values[OUTPUT_LIMIT] = _output_limit(settings)
    # A verifier is kept, not the password: there is nothing to show.
    values[PASSWORD] = ""
    return values


def get(control: Control, patterns: Sequence[bytes]) -> Answer:
    """CONFIG GET: the parameters that match any of the glob patterns."""
    wanted = [pattern.decode("utf-8", "replace").lower() for pattern in patterns]
    return {name: value for name, value in _values(control).items() if any(fnmatchcase(name, pattern) for pattern in wanted)}


def set_(control: Control, pairs: Sequence[bytes]) -> Answer:
    """CONFIG SET: all of the pairs or none."""
    words = [word.decode("utf-8", "replace") for word in pairs]
    if len(words) < 2:
        return Failure("ERR wrong number of arguments for 'config|set' command")
    if len(words) % 2:
        return Failure("ERR syntax error")
    names = [name.lower() for name in words[0::2]]
    changes: dict[str, int | str] = {}
    password: str | None = None
    for name, value in zip(names, words[1::2], strict=True):
        parameter = PARAMETERS.get(name)
        if names.count(name) > 1:
            return Failure(f"ERR CONFIG SET failed (possibly related to argument '{name}') - duplicate parameter")
        try:
            if name == OUTPUT_LIMIT:
                changes |= _parse_output_limit(value)
            elif name == PERCENTILES:
                changes["percentiles"] = _parse_percentiles(value)
            elif name == PASSWORD:
                password = value
            elif isinstance(parameter, Live):
                changes[parameter.field] = parameter.parse(value)
            elif isinstance(parameter, Given):
                parameter.check(value)
            elif parameter is not None:
                raise BadValue("can't set immutable config")
            else:
                return Failure(f"ERR Unknown option or number of arguments for CONFIG SET - '{name}'")
        except BadValue as error:
            return Failure(f"ERR CONFIG SET failed (possibly related to argument '{name}') - {error}")
    try:
        if changes:
            control.configure(changes)
    except ValueError as error:
        return Failure(f"ERR CONFIG SET failed - {error}")
    if PASSWORD in names:
        control.set_password(password or None)
    return OK
