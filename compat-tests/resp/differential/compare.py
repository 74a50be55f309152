"""When two replies count as the same.

Errors are compared in full, text and all. A comparison never hides a difference in type or in length, except
`cursor` and `anything`, which say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from wire import Payload, Reply

#: Errors that Redis 7.2, whose words HyperDB has, words otherwise than the peer's 7.0.
_SINCE_7_2 = (
    (b"ERR Unbalanced XREAD list", b"ERR Unbalanced 'xread' list"),
    (b"ERR Unbalanced XREADGROUP list", b"ERR Unbalanced 'xreadgroup' list"),
)
#: Encodings of 7.0, when 7.2 may have packed the value.
_ENCODINGS = {b"quicklist": b"packed", b"hashtable": b"packed", b"listpack": b"packed"}
_DOUBLE = re.compile(rb"-?[0-9.]+(e[+-]?[0-9]+)?")
#: Whole numbers up to here are written as integers by 7.2.
_WHOLE = 1 << 62


def double_as_in_7_2(text: bytes) -> bytes:
    """A double as 7.0 writes it, with 17 digits, in the digits and the layout of 7.2; other texts as they are."""
    if not _DOUBLE.fullmatch(text) or len(text) > 32:
        return text
    try:
        value = float(text)
    except ValueError:
        return text
    if b"%.17g" % value != text:
        return text
    if value == int(value) and abs(value) <= _WHOLE:
        return b"%d" % int(value) if value else text
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    shown, size = "".join(map(str, digits)), len(digits) + int(exponent) - 1
    lead = "-" if sign else ""
    if exponent >= 0 and abs(size) < len(digits) + 7:
        shown += "0" * int(exponent)
    elif exponent < 0 and (exponent > -7 or abs(size) < 4):
        shown = f"{Decimal(repr(abs(value))):f}"
    else:
        rest = f".{shown[1:]}" if len(shown) > 1 else ""
        shown = f"{shown[0]}{rest}e{'-' if size < 0 else '+'}{abs(size)}"
    return (lead + shown).encode()


def as_in_7_2(reply: Reply, words: Sequence[bytes] = ()) -> Reply:
    """A reply of either server in the words of Redis 7.2, as far as these tell more than those of 7.0."""
    if isinstance(reply.payload, list):
        return Reply(reply.kind, [as_in_7_2(item) for item in reply.payload])
    if not isinstance(reply.payload, bytes):
        return reply
    text = reply.payload
    if [word.lower() for word in words[:2]] == [b"object", b"encoding"]:
        return Reply(reply.kind, _ENCODINGS.get(text, text))
    if reply.kind in "$,":
        return Reply(reply.kind, double_as_in_7_2(text))
    if text == b"ERR timeout is negative" and not any(word.startswith(b"-") for word in words):
        # What is too large had become negative.
        return Reply(reply.kind, b"ERR timeout is out of range")
    for before, now in _SINCE_7_2:
        if reply.kind == "-" and text.startswith(before):
            text = now + text.removeprefix(before)
    return Reply(reply.kind, text)


#: How far two servers' clocks and the time between two calls may lie apart, in the reply's unit.
NEAR = 2000


def exact(ours: Reply, theirs: Reply) -> bool:
    return ours == theirs


def _sorted(reply: Reply, width: int) -> Payload:
    if not isinstance(reply.payload, list):
        return reply.payload
    rows = [reply.payload[i : i + width] for i in range(0, len(reply.payload), width)]
    return [item for row in sorted(rows, key=repr) for item in row]


def unordered(ours: Reply, theirs: Reply) -> bool:
    """An array whose order is the server's own business."""
    return ours.kind == theirs.kind and _sorted(ours, 1) == _sorted(theirs, 1)


def pairs(ours: Reply, theirs: Reply) -> bool:
    """A flat array or map of pairs in the server's own order."""
    return ours.kind == theirs.kind and _sorted(ours, 2) == _sorted(theirs, 2)


def near(ours: Reply, theirs: Reply) -> bool:
    """A number that moves with the clock."""
    if isinstance(ours.payload, int) and isinstance(theirs.payload, int) and ours.payload >= 0:
        return theirs.payload >= 0 and abs(ours.payload - theirs.payload) <= NEAR
    return ours == theirs


def _scan(ours: Reply, theirs: Reply, items: Callable[[Reply, Reply], bool]) -> bool:
    if isinstance(ours.payload, list) and isinstance(theirs.payload, list):
        finished = ours.payload[0] == theirs.payload[0] == Reply("$", b"0")
        return finished and items(ours.payload[1], theirs.payload[1])
    return ours == theirs


def scan(ours: Reply, theirs: Reply) -> bool:
    """One call of SCAN that covers everything."""
    return _scan(ours, theirs, unordered)


def scanpairs(ours: Reply, theirs: Reply) -> bool:
    """One call of HSCAN or ZSCAN that covers everything."""
    return _scan(ours, theirs, pairs)


def shape(ours: Reply, theirs: Reply) -> bool:
    """A random choice: the same types and the same number of them."""
    if isinstance(ours.payload, list) and isinstance(theirs.payload, list):
        alike = len(ours.payload) == len(theirs.payload)
        return ours.kind == theirs.kind and alike and all(map(shape, ours.payload, theirs.payload))
    if ours.kind == "-":
        return ours == theirs
    return ours.kind == theirs.kind and (ours.payload is None) == (theirs.payload is None)


#: Times, which two servers read from two clocks; what a tree of the server's own looks like; what Redis has since 7.2.
_OWN = {b"idle", b"seen-time", b"active-time", b"inactive", b"radix-tree-keys", b"radix-tree-nodes"}


def _without_own(reply: Reply) -> Reply:
    """A reply in which maps, flat ones too, lack the names above, and pending entries their times."""
    if not isinstance(reply.payload, list):
        return reply
    items, at = [], 0
    while at < len(reply.payload):
        name = reply.payload[at].payload
        if isinstance(name, bytes) and name in _OWN:
            at += 2
        else:
            items.append(_without_own(reply.payload[at]))
            at += 1
    if len(items) in (3, 4) and [item.kind for item in items[-2:]] == [":", ":"] and items[0].kind == "$":
        # A pending entry: its time of delivery is a moment ago, or any the client gave.
        del items[-2]
    return Reply(reply.kind, items)


def timeless(ours: Reply, theirs: Reply) -> bool:
    """What is told of streams and their readers, without times."""
    return _without_own(ours) == _without_own(theirs)


COMPARISONS: dict[str, Callable[[Reply, Reply], bool]] = {
    "exact": exact,
    "unordered": unordered,
    "pairs": pairs,
    "near": near,
    "scan": scan,
    "scanpairs": scanpairs,
    "shape": shape,
    "timeless": timeless,
}
