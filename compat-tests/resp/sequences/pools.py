"""What stands in the place of an argument in a random sequence: few keys, few members, few numbers, so that commands meet.

Each kind of value has its keys, and now and then a command gets a key of another kind, a key that is not there, or a number at a
limit. Invariant: the same random numbers draw the same words, so that a sequence is its seed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

KEYS = {
    "string": ("t1", "t2"), "bitmap": ("t1", "b1"), "list": ("l1", "l2"), "hash": ("h1", "h2"), "set": ("s1", "s2"),
    "sorted-set": ("z1", "z2"), "geo": ("g1", "g2"), "stream": ("x1", "x2"), "hyperloglog": ("p1", "p2"),
}  # fmt: skip
EVERY_KEY = (*sorted({key for keys in KEYS.values() for key in keys}), "none")
_MEMBERS = ("a", "b", "c", "1", "2", "10", "-3", "3.5", "", "hello", "x" * 70, "\xff\0")
_INTEGERS = ("0", "1", "2", "3", "-1", "-2", "5", "10", "100")
_AT_LIMITS = ("9223372036854775807", "-9223372036854775808", "9223372036854775808", "1.5", "abc", "", "+1", "01", "-0")
_FLOATS = ("0", "1", "-1", "1.5", "-2.25", "0.1", "3", "1e3", "10")
_FLOATS_AT_LIMITS = ("inf", "-inf", "nan", "abc", "", "1e400", "1e-400", "9007199254740993")
_SCORES = ("-inf", "+inf", "0", "1", "(1", "(2", "2", "1.5", "10")
_LEX = ("-", "+", "[a", "(a", "[b", "(c", "[")
_IDS = ("1-1", "1-2", "2-0", "3", "3-1", "5-5", "0", "0-1", "9-*")
_RANGE_IDS = ("-", "+", "1", "2", "(1-1", "(3", "0", "5-5")
_SCRIPTS = (
    "return redis.call('get', KEYS[1])",
    "redis.call('set', KEYS[1], ARGV[1]) return redis.call('incr', KEYS[1])",
    "return redis.pcall('lpush', KEYS[1], 'a', 'b')",
    "redis.call('sadd', 's1', 'a') error('boom')",
    "return {1, 'a', {2, {ok='fine'}}, false, {err='no'}}",
    "redis.call('rename', 'l1', 'l2') return redis.call('lrange', 'l2', 0, -1)",
    "redis.call('zadd', KEYS[1], 1, 'q') return redis.call('blpop', 'l1', 0)",
    "redis.setresp(3) return redis.call('hgetall', 'h1')",
    "return redis.call('type', KEYS[1])",
    "redis.call('del', 't1') redis.call('lpush', 'l1', 'z') redis.call('lpush', 't1', 'z') redis.call('set','t2','7')",
    "return redis.call('multi')",
    "redis.call('expire', KEYS[1], 1000) return redis.call('ttl', KEYS[1])",
)
_NAMED = {
    "numkeys": ("1",), "timeout": ("0", "0", "0.05", "-1", "x"), "milliseconds": ("0", "40", "x"), "seconds": ("100", "1000"),
    "cursor": ("0",), "encoding": ("u8", "i5", "u1", "i64", "u63", "i16"), "group": ("g", "g2"), "groupname": ("g", "g2"),
    "consumer": ("c", "d"), "consumername": ("c", "d"), "field": ("a", "b", "c", "1"), "unix-time-seconds": ("4000000000",),
    "unix-time-milliseconds": ("4000000000000",), "longitude": ("13.361389", "15.087269", "0", "-122.4", "181"),
    "latitude": ("38.115556", "37.502669", "0", "86"), "radius": ("100", "200", "5000", "-1"), "width": ("400", "0", "9000"),
    "height": ("400", "9000"), "pattern": ("*", "a*", "[ab]", "s*", "?1", "", "h1->*", "t*", "#"), "script": _SCRIPTS,
    "channel": ("ch", "d"), "shardchannel": ("ch", "d"), "index": ("0", "1", "-1", "-2", "3", "100"), "db": ("0", "1"),
    "index1": ("0", "1"), "index2": ("0", "1"), "destination-db": ("0", "1"), "bit": ("0", "1", "2"),
    "function": ("echo", "put", "nope"),
    "count": ("1", "2", "3", "-2", "0", "10", "x"), "rank": ("1", "-1", "2", "0"), "min-idle-time": ("0", "100000", "-1"),
    "ttl": ("0", "100000", "-1"), "offset": ("0", "1", "-1", "7", "20"), "threshold": ("0", "1", "2", "1-2"), "sha1": ("0" * 40,),
    "end": ("-1", "0", "1", "5"), "start": ("0", "1", "-2"), "stop": ("-1", "0", "2"), "id": _IDS, "lastid": _IDS,
    "entriesadded": ("0", "3", "100"), "maxdeletedentryid": ("0-0", "1-1"), "entries_read": ("0", "2", "-1"), "version": ("1",),
}  # fmt: skip
_STREAM_ENDS = {"start", "end"}
_TYPES: dict[str, Sequence[str]] = {
    "integer": _INTEGERS, "double": _FLOATS, "unix-time": ("4000000000",), "pattern": ("*", "a*", "[ab]"), "string": _MEMBERS,
}  # fmt: skip


def draw(group: str, command: str, kind: str, name: str, rng: random.Random) -> str:
    """A word for an argument, nearly always one with which the command does something."""
    if kind == "key":
        own = KEYS.get(group, EVERY_KEY)
        return rng.choice(own if rng.random() < 0.88 else EVERY_KEY)
    odd = rng.random() < 0.04
    if odd and kind in ("integer", "unix-time"):
        return rng.choice(_AT_LIMITS)
    if odd and kind == "double":
        return rng.choice(_FLOATS_AT_LIMITS)
    return rng.choice(_usual(group, command, kind, name))


def _usual(group: str, command: str, kind: str, name: str) -> Sequence[str]:
    if name in ("min", "max") or (command.startswith("zr") and name in ("start", "stop")):
        if "lex" in command:
            return _LEX
        return (*_SCORES, *_LEX) if command in ("zrange", "zrangestore") else _SCORES
    if command == "xread" and name == "id":
        return ("0", "$", "1-1", "2")
    if command == "xreadgroup" and name == "id":
        return (">", ">", "0", "1-1")
    if group == "stream" and name in _STREAM_ENDS:
        return _RANGE_IDS
    if kind in ("integer", "double") and command in ("setbit", "bitfield", "setrange", "getbit") and name == "offset":
        return ("0", "7", "8", "20", "100", "-1")
    return _NAMED.get(name, _TYPES.get(kind, _MEMBERS))
