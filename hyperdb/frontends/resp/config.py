"""CONFIG: what can be read, what can be set, and what each value means here.

Theory: a table of parameters. *Live* ones change a limit of the wire at once; *fixed* ones tell how the server was started; what
this engine always does, or has not, is in `parameters`. A name that is not in a table is unknown, as in Redis. Invariant: all of
a CONFIG SET is looked at before anything of it is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hyperdb.frontends.resp.answers import OK, Answer, Failure
from hyperdb.frontends.resp.control import Control
from hyperdb.frontends.resp.numbers import integer
from hyperdb.frontends.resp.parameters import GIVEN, HIDDEN, KEPT, REFUSED, BadValue, Given, Kept, Refused, count, size, yes_no

_CLASSES = ("normal", "replica", "pubsub")
_WHOLE = 100
_MOST_HZ = 500
_KEPT_AS = "kept:"
"""Goes before the names of parameters that are only kept, among the settings."""


@dataclass(frozen=True)
class Live:
    """A parameter that is a setting of the wire: the native field, and how text becomes its value and back."""

    field: str
    parse: Callable[[str], int]
    show: Callable[[int], str] = str


@dataclass(frozen=True)
class Fixed:
    """A parameter that only tells; `value` reads the server's facts. `refusal` is what who would change it is told."""

    value: Callable[[Mapping[str, str]], str]
    refusal: str = "can't set immutable config"


@dataclass(frozen=True)
class Started:
    """A parameter that Redis changes and that is fixed here when the server starts: it may be set to what it is."""

    name: str

    def check(self, facts: Mapping[str, str], text: str) -> None:
        """Raises:
        BadValue: another value than the one it has.
        """
        if text != facts[self.name]:
            raise BadValue("can't set immutable config: it is fixed when the server starts")


_count, _bytes, _yes_no = count, size, yes_no


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


Parameter = Live | Fixed | Started | Given | Kept | Refused

PARAMETERS: Mapping[str, Parameter] = {
    "maxclients": Live("max_clients", _count(1, 1_000_000)),
    "timeout": Live("timeout", _count(0, 2**31 - 1)),
    "tcp-keepalive": Live("tcp_keepalive", _count(0, 2**31 - 1)),
    "proto-max-bulk-len": Live("max_bulk", _bytes(1 << 20, 2**40)),
    "client-query-buffer-limit": Live("query_buffer", _bytes(1 << 20, 2**40)),
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
    "hz": Live("hz", lambda text: min(max(_count(0, 2**31 - 1)(text), 1), _MOST_HZ)),
    # There are no replicas: with one asked for, writes are refused.
    **dict.fromkeys(("min-replicas-to-write", "min-slaves-to-write"), Live("min_replicas", _count(0, 2**31 - 1))),
    **dict.fromkeys(("min-replicas-max-lag", "min-slaves-max-lag"), Live("replica_lag", _count(0, 2**31 - 1))),
    "bind": Started("bind"),
    "tls-port": Started("tls_port"),
    "port": Started("port"),
    "appendfsync": Started("sync"),
    "unixsocket": _fact("unixsocket"),
    "dir": Fixed(lambda facts: facts["dir"], "can't set protected config"),
    "databases": _fact("databases"),
    "enable-debug-command": _fact("debug"),
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
    **GIVEN,
    **KEPT,
    **REFUSED,
    **HIDDEN,
}
OUTPUT_LIMIT = "client-output-buffer-limit"
PASSWORD = "requirepass"
CLIENT_MEMORY = "maxmemory-clients"
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
        name, *limits = words[start : start + 4]
        name = {"slave": "replica"}.get(name.lower(), name.lower())
        if name not in _CLASSES:
            raise BadValue("Invalid client class specified in buffer limit configuration.")
        for what, limit in zip(("hard", "soft", "soft_seconds"), limits, strict=True):
            parse = _count(0, 2**31 - 1) if what == "soft_seconds" else _bytes(0, 2**40)
            try:
                changes[f"output_{name}_{what.removeprefix('soft_')}"] = parse(limit)
            except BadValue as error:
                raise BadValue(f"Error in {what} buffer limit setting in client-output-buffer-limit. {error}") from error
    return changes


def _parse_client_memory(text: str) -> dict[str, int | str]:
    """Bytes; or so many percent of `maxmemory`."""
    if not text.endswith("%"):
        return {"client_memory": _bytes(0, 2**63 - 1, "memory or percent")(text), "client_percent": 0}
    percent = integer(text[:-1].encode())
    if percent is None or percent < 0:
        raise BadValue("argument must be a memory or percent value")
    if percent > _WHOLE:
        raise BadValue(f"percentage argument must be less or equal to {_WHOLE}")
    return {"client_memory": 0, "client_percent": percent}


def _client_memory(settings: Mapping[str, int | str]) -> str:
    percent = int(settings.get("client_percent", 0))
    return f"{percent}%" if percent else str(settings["client_memory"])


def _values(control: Control) -> dict[str, str]:
    """Every parameter's present value."""
    settings, facts = control.settings(), control.facts

    def shown(parameter: Parameter) -> str:
        match parameter:
            case Live(field, _, show):
                return show(int(settings[field]))
            case Fixed(value):
                return value(facts)
            case Started(name):
                return facts[name]
            case Kept(name, default):
                return str(settings.get(f"{_KEPT_AS}{name}", default))
            case Given(text) | Refused(text):
                return text

    values = {name: shown(parameter) for name, parameter in PARAMETERS.items()}
    values[PERCENTILES] = str(settings["percentiles"])
    values[OUTPUT_LIMIT] = _output_limit(settings)
    values[CLIENT_MEMORY] = _client_memory(settings)
    # A verifier is kept, not the password: there is nothing to show.
    values[PASSWORD] = ""
    return values


def get(control: Control, patterns: Sequence[bytes]) -> Answer:
    """CONFIG GET: the parameters that match any of the glob patterns; hidden ones only by their names."""
    wanted = [pattern.decode("utf-8", "replace").lower() for pattern in patterns]

    def is_wanted(name: str) -> bool:
        return name in wanted or (name not in HIDDEN and any(fnmatchcase(name, pattern) for pattern in wanted))

    return {name: value for name, value in _values(control).items() if is_wanted(name)}


_SPECIAL: Mapping[str, Callable[[str], dict[str, int | str]]] = {
    OUTPUT_LIMIT: _parse_output_limit,
    PERCENTILES: lambda text: {"percentiles": _parse_percentiles(text)},
    CLIENT_MEMORY: _parse_client_memory,
    PASSWORD: lambda _: {},
}


def _refused(names: Sequence[str]) -> Failure | None:
    """Why CONFIG SET does not look at values at all."""
    for at, name in enumerate(names):
        parameter = PARAMETERS.get(name)
        match parameter:
            case Fixed(_, how) | Refused(_, how):
                return _failed(name, how)
            case None if name not in _SPECIAL:
                return Failure(f"ERR Unknown option or number of arguments for CONFIG SET - '{name}'")
        if name in names[:at]:
            return _failed(name, "duplicate parameter")
    return None


def _failed(name: str, reason: object) -> Failure:
    return Failure(f"ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")


def _change(name: str, text: str, facts: Mapping[str, str]) -> dict[str, int | str]:
    """What a new value changes.

    Raises:
        BadValue: it cannot be the value.
    """
    if name in _SPECIAL:
        return _SPECIAL[name](text)
    match PARAMETERS[name]:
        case Live(field, parse):
            return {field: parse(text)}
        case Kept(kept, _, parse):
            return {f"{_KEPT_AS}{kept}": parse(text)}
        case Started() as started:
            started.check(facts, text)
        case Given() as given:
            given.check(text)
    return {}


def set_(control: Control, pairs: Sequence[bytes]) -> Answer:
    """CONFIG SET: all of the pairs or none."""
    words = [word.decode("utf-8", "surrogateescape") for word in pairs]
    if len(words) < 2:
        return Failure("ERR wrong number of arguments for 'config|set' command")
    if len(words) % 2:
        return Failure("ERR syntax error")
    names = [name.lower() for name in words[0::2]]
    refused = _refused(names)
    if refused is not None:
        return refused
    changes: dict[str, int | str] = {}
    for name, value in zip(names, words[1::2], strict=True):
        try:
            changes |= _change(name, value, control.facts)
        except BadValue as error:
            return _failed(name, error)
    try:
        if changes:
            control.configure(changes)
    except ValueError as error:
        return Failure(f"ERR CONFIG SET failed - {error}")
    if PASSWORD in names:
        control.set_password(words[2 * names.index(PASSWORD) + 1] or None)
    return OK
