"""What stands in the place of an argument: values that are right, and values at and beyond every limit.

A right value keeps a command from being refused for another reason than the one that is looked at. Offsets whose strings would be
hundreds of megabytes, and draws that would be answered by as many elements, are left out: both servers would obey.
"""

from __future__ import annotations

from collections.abc import Sequence

INTEGERS = (
    "0", "-1", "-2", "1000", "2147483647", "2147483648", "-2147483648", "4294967296", "9223372036854775807",
    "9223372036854775808", "-9223372036854775807", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
    "18446744073709551616", "99999999999999999999999", "1e400", "1e3", "+", "-", "", " 1", "1 ", "01", "-0", "+1", "0x10",
    "1.5", "abc", "\0", "1\0", "1\n",
)  # fmt: skip
FLOATS = (
    "0", "-0", "0.0", "-1", "nan", "NaN", "-nan", "nan(1)", "inf", "-inf", "+inf", "Infinity", "infinit", "1e308", "1e309",
    "-1e309", "1.7976931348623157e308", "0x1p3", "0x10", "0x", "5e-324", "2e-324", "1e-400", "1e", "e1", "1e+", ".", "1.", ".5",
    "-.5", "+1", "--1", "", " 1", "1 ", "1\0", "1,5", "1_0", "abc", "9223372036854775807", "9223372036854775808", "1e19",
    "0.1", "123456789012345678901234567890",
)  # fmt: skip
BYTES = ("", "\0", "\xff\xfe", "a b", "\r\n", "*", "%s%n", "x" * 300, "-", "+", "(", "[")
STREAM_IDS = (
    "0", "0-0", "-", "+", "*", "$", ">", "1", "1-1", "1-*", "9-*", "18446744073709551615-18446744073709551615",
    "18446744073709551615", "18446744073709551616-0", "1-18446744073709551616", "-1-1", "1-1-1", "(1-1", "(-", "(+", "(",
    "(18446744073709551615-18446744073709551615", "(0-0", "1-", "-1", "1-x", "01-01", "", "x", "1 -1", "9223372036854775808",
    "0-18446744073709551615", "1\x00",
)  # fmt: skip
SCORE_ENDS = (*FLOATS, "(1", "(inf", "(-inf", "(", "((1", "[1", "(nan", "( 1", "(1e400")
LEX_ENDS = ("-", "+", "[", "(", "[a", "(a", "a", "", "--", "+1", "[\xff", "(\0", "[a\0", "((a", "-inf")
BIT_TYPES = ("u0", "u1", "u63", "u64", "i64", "i65", "i0", "i1", "x8", "u8x", "u08", "", "u-1", "u+8", "i", "U8", "8", " u8")
BIT_OFFSETS = ("#", "#-1", "#0", "#1", "#+1", "#01", "#9223372036854775807", "#576460752303423488", "##1", "# 1", "#x")
LONGITUDES = (*FLOATS, "180", "180.0000001", "-180", "-180.1", "181")
LATITUDES = (*FLOATS, "85.05112878", "85.05112879", "-85.05112878", "-85.06", "90")

#: Right values, by the name that a description gives an argument; else by its type.
_RIGHT_NAMES = {
    "timeout": "0.001", "milliseconds": "100000", "seconds": "100", "cursor": "0", "unix-time-seconds": "4000000000",
    "unix-time-milliseconds": "4000000000000", "encoding": "u8", "offset": "0", "id": "9-1", "group": "g", "groupname": "g",
    "consumer": "c", "consumername": "c", "field": "f", "member": "a", "longitude": "13.3", "latitude": "38.1", "radius": "200",
    "width": "400", "height": "400", "script": "return 1", "function": "f", "protover": "3", "pattern": "*", "channel": "ch",
    "shardchannel": "ch", "index": "0", "index1": "0", "index2": "1", "sha1": "e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
    "count": "2", "rank": "1", "len": "3", "start": "0", "end": "1", "stop": "1", "min": "0", "max": "2", "threshold": "2",
    "min-idle-time": "0", "destination-db": "0", "username": "default", "client-id": "1", "lastid": "1-1", "version": "5",
    "ttl": "100000", "entriesadded": "10", "maxdeletedentryid": "1-1", "entries_read": "1", "bit": "1", "db": "0",
}  # fmt: skip
_RIGHT_TYPES = {"integer": "1", "double": "1.5", "unix-time": "4000000000", "pattern": "*"}

_STREAM_ID_NAMES = {
    "id",
    "start",
    "end",
    "lastid",
    "last-id",
    "maxdeletedentryid",
    "max-deleted-entry-id",
    "threshold",
    "id_or_auto",
}
#: Commands that make a string as long as the offset they are given.
_MAKES_ROOM = {"setbit", "setrange", "bitfield"}
#: Commands that draw with repetition as many as a negative number says.
_DRAWS = {"srandmember", "hrandfield", "zrandmember"}

#: Keys of the data set (see `data`), by the group of commands that they are for.
GROUP_KEYS = {
    "string": ("text", "number"), "bitmap": ("text",), "list": ("list",), "hash": ("hash",), "set": ("set", "ints"),
    "sorted-set": ("zset",), "geo": ("geo",), "stream": ("stream",), "hyperloglog": ("sketch",),
}  # fmt: skip
ALL_KEYS = ("text", "number", "list", "hash", "set", "ints", "zset", "geo", "stream", "sketch", "brief", "none", "")


def right(group: str, command: str, kind: str, name: str) -> str:
    """A value with which the command does what it is for."""
    if kind == "key":
        return GROUP_KEYS.get(group, ("text",))[0]
    if command in ("xread", "xreadgroup"):
        return {"milliseconds": "1", "id": "0"}.get(name, _RIGHT_NAMES.get(name, "1"))
    if "lex" in command and name in ("min", "max"):
        return {"min": "-", "max": "+"}[name]
    if group == "stream" and name in ("start", "end"):
        return {"start": "-", "end": "+"}[name]
    return _RIGHT_NAMES.get(name, _RIGHT_TYPES.get(kind, "a"))


def wrong(group: str, command: str, kind: str, name: str) -> Sequence[str]:
    """Values at and beyond the limits of what the argument may be."""
    if kind == "key":
        return ALL_KEYS
    if kind in ("integer", "unix-time"):
        return _integers(command, name)
    if group == "stream" and name in _STREAM_ID_NAMES:
        return STREAM_IDS
    if name in ("min", "max") or (command.startswith("zr") and name in ("start", "stop")):
        return LEX_ENDS if "lex" in command else SCORE_ENDS
    if kind == "double":
        return {"longitude": LONGITUDES, "latitude": LATITUDES}.get(name, FLOATS)
    if name == "encoding":
        return BIT_TYPES
    if group in ("scripting", "server", "connection") or name in ("value", "element", "arg"):
        return BYTES
    return (*BYTES, *INTEGERS[:14], *FLOATS[4:9])


def _integers(command: str, name: str) -> Sequence[str]:
    found: Sequence[str] = INTEGERS
    if command in _MAKES_ROOM and name == "offset":
        found = [word for word in INTEGERS if word not in ("2147483647", "2147483648")]
        found += BIT_OFFSETS if command == "bitfield" else ()
    elif command in _DRAWS:
        found = [word for word in INTEGERS if not (word.startswith("-") and len(word) > 4)]
    return found
