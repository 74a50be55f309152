"""`CAST(value AS type)`: which types become which, and how.

Theory: Cassandra's documentation of CQL has the table; conversions of numbers are Java's, texts are those of the types.
Invariant: every result is a value of the target; a cast to the own type changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.functions import moments
from hyperdb.frontends.cql.functions.arithmetic import BITS, NUMBERS, saturated, single, whole, wrapped
from hyperdb.frontends.cql.types import codec, numbers
from hyperdb.frontends.cql.types.compatible import assignable
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.literals import plain
from hyperdb.frontends.cql.types.model import (
    ASCII,
    BIGINT,
    BOOLEAN,
    COUNTER,
    DATE,
    DECIMAL,
    DOUBLE,
    FLOAT,
    INET,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMEUUID,
    UUID,
    VARINT,
    Native,
    Type,
)
from hyperdb.frontends.cql.types.names import show

_DAY = 86_400_000
Cast = Callable[[Any], Any]


def _to_integer(source: Native, bits: int) -> Cast:
    if source in (FLOAT, DOUBLE):
        # A double becomes an int first, and that is cut.
        return lambda number: wrapped(saturated(number, max(bits, 32)), bits)
    if source is DECIMAL:
        # A number that ends with so many zeros has none of the low bits.
        return lambda number: 0 if number.as_tuple().exponent >= bits else wrapped(whole(number), bits)
    return lambda number: wrapped(number, bits)


def _to_decimal(source: Native) -> Cast:
    def of_float(number: float) -> Decimal:
        found = numbers.decimal(numbers.float_text(number) if source is FLOAT else numbers.double_text(number))
        if found is None:
            raise invalid(f"{number} has no decimal form")
        return found

    return of_float if source in (FLOAT, DOUBLE) else Decimal


def _to_double(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _number(source: Native, target: Native) -> Cast:
    if target in BITS:
        return _to_integer(source, BITS[target])
    if target is VARINT:
        to_decimal = _to_decimal(source)
        return lambda number: whole(to_decimal(number))
    if target is DECIMAL:
        return _to_decimal(source)
    return _to_double if target is DOUBLE else lambda number: single(_to_double(number))


def _text(source: Native) -> Cast:
    encode = codec.codec(source).encode
    return lambda value: plain(source, encode(value))


def _table() -> dict[tuple[Native, Native], Cast]:
    found: dict[tuple[Native, Native], Cast] = {}
    for source in NUMBERS:
        for target in NUMBERS:
            if target not in (source, COUNTER):
                found[source, target] = _number(source, target)
    for source in (*NUMBERS, ASCII, BOOLEAN, DATE, INET, TIME, TIMESTAMP, TIMEUUID, UUID):
        found[source, TEXT] = _text(source)
        if source != ASCII:
            found[source, ASCII] = _text(source)
    found[DATE, TIMESTAMP] = lambda days: days * _DAY
    found[TIMESTAMP, DATE] = lambda millis: millis // _DAY
    found[TIMEUUID, TIMESTAMP] = moments.millis_of
    found[TIMEUUID, DATE] = lambda value: moments.millis_of(value) // _DAY
    return found


_CASTS = _table()


def ambiguous(name: str, known: str) -> CqlError:
    """For a call that several functions take."""
    return invalid(
        f"Ambiguous call to function {name} (can be matched by following signatures: {known}): use type casts to disambiguate"
    )


def is_target(target: Type) -> bool:
    """Whether anything is cast to a type."""
    return any(kind == target for _, kind in _CASTS)


def signatures(target: Type) -> str:
    """The casts to a type, as errors list them."""
    name = show(target)
    return ", ".join(f"system.cast_as_{name} : ({show(source)}) -> {name}" for source, kind in _CASTS if kind == target)


def cast(source: Type, target: Type) -> Cast:
    """The conversion of values that are not null.

    Raises:
        CqlError: invalid, when the types have none.
    """
    if source == target:
        return lambda value: value
    found = _CASTS.get((source, target)) if isinstance(source, Native) and isinstance(target, Native) else None
    if found is None:
        like = [other for other, kind in _CASTS if kind == target and assignable(source, other)]
        if len(like) > 1:
            known = ", ".join(f"system.cast_as_{show(target)} : ({show(other)}) -> {show(target)}" for other in like)
            raise ambiguous(f"system.cast_as_{show(target)}", known)
        found = _CASTS[like[0], target] if like else None  # type: ignore[index]
    if found is None and source == TIMESTAMP and target in (BIGINT, VARINT):
        return lambda value: value
    if found is None:
        raise invalid(f"{show(source)} cannot be cast to {show(target)}")
    return found
