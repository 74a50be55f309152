"""Few values of every type, so that statements meet: edges of the type, what sorts oddly, what is empty.

Invariant: a pool depends on the type alone.
"""

from __future__ import annotations

import ipaddress
import random
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from hyperdb.frontends.cql.types import codec, literals, names
from hyperdb.frontends.cql.types.durations import Duration
from hyperdb.frontends.cql.types.model import List, Map, Native, Set, Tuple, Type, Udt, Vector

NATIVE: dict[str, list[Any]] = {
    "ascii": ["", "a", "B", "ab", "~"],
    "bigint": [0, -1, 1, 2**63 - 1, -(2**63)],
    "blob": [b"", b"\0", b"\xff", b"a\0"],
    "boolean": [True, False],
    "counter": [1, -1, 2**63 - 1],
    "date": [0, -1, 19_000, 2**31 - 1, -(2**31)],
    "decimal": [
        Decimal(0),
        Decimal("0.00"),
        Decimal("-1.5"),
        Decimal("1E+3"),
        Decimal("1000"),
        Decimal("99999999999999999999.01"),
    ],
    "double": [0.0, 2.0, 1.5, -1e300, float("inf"), float("nan")],
    "duration": [Duration(0, 0, 0), Duration(1, 2, 3), Duration(-1, 0, -5), Duration(0, 30, 0)],
    "float": [0.0, 2.0, 1.5, -1e30, float("-inf"), float("nan")],
    "inet": [ipaddress.ip_address(text) for text in ("0.0.0.0", "127.0.0.1", "255.0.0.1", "::1", "ff02::1")],
    "int": [0, -1, 1, 2, 2**31 - 1, -(2**31)],
    "smallint": [0, -1, 1, 32767, -32768],
    "text": ["", "a", "B", "aé", "\U0001f600", "'"],
    "time": [0, 1, 43_200_000_000_000, 86_399_999_999_999],
    "timestamp": [0, -1, 1_600_000_000_123, 1_600_000_000_000],
    "timeuuid": [
        UUID("00000000-0000-1000-8000-000000000000"),
        UUID("d2177dd0-eaa2-11de-a572-001b779c76e3"),
        UUID("d2177dd0-eaa2-11de-a572-001b779c76e4"),
        UUID("13814000-1dd2-11b2-8080-808080808080"),
        UUID("ffffffff-ffff-1fff-bf7f-7f7f7f7f7f7f"),
    ],
    "tinyint": [0, -1, 1, 127, -128],
    "uuid": [
        UUID("00000000-0000-0000-0000-000000000000"),
        UUID("ffffffff-ffff-4fff-bfff-ffffffffffff"),
        UUID("d2177dd0-eaa2-11de-a572-001b779c76e3"),
        UUID("13814000-1dd2-11b2-8080-808080808080"),
        UUID("7f000000-0000-4000-8000-000000000000"),
    ],
    "varint": [0, -1, 128, -129, 2**70],
}


@cache
def pool(kind: Type) -> tuple[bytes, ...]:
    """The bytes of some values of a type."""
    chance = random.Random(names.show(kind))
    found = {codec.encode(kind, value): None for value in _values(kind, chance)}
    return tuple(data for data in found if data is not None)


def _values(kind: Type, chance: random.Random) -> list[Any]:
    match kind:
        case Native(name):
            return NATIVE[name]
        case List(element):
            return [(), *(tuple(_some(element, chance) for _ in range(chance.randint(1, 3))) for _ in range(3))]
        case Set(element):
            return [(), *(_distinct(element, chance) for _ in range(3))]
        case Map(key, value):
            keys = [_distinct(key, chance) for _ in range(3)]
            return [(), *(tuple((each, _some(value, chance)) for each in some) for some in keys)]
        case Tuple(elements):
            return [tuple(_maybe(each, chance) for each in elements) for _ in range(4)]
        case Udt(fields=fields):
            return [tuple(_maybe(field.type, chance) for field in fields) for _ in range(4)]
        case Vector(element, dimension):
            return [tuple(_some(element, chance) for _ in range(dimension)) for _ in range(3)]
    raise AssertionError(kind)


def _some(kind: Type, chance: random.Random) -> Any:
    return chance.choice(_values(kind, chance))


def _maybe(kind: Type, chance: random.Random) -> Any:
    return None if chance.random() < 0.15 else _some(kind, chance)


def _distinct(kind: Type, chance: random.Random) -> tuple[Any, ...]:
    """Members of a set, in its order: the codec takes them as they are."""
    found: dict[bytes | None, Any] = {}
    for _ in range(chance.randint(1, 3)):
        value = _some(kind, chance)
        found[codec.encode(kind, value)] = value
    return tuple(found.values())


def shown(kind: Type, data: bytes) -> str:
    """A value as CQL; the empty value of a type that has no text for it is told as bytes."""
    return literals.literal(kind, data)
