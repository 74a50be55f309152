"""Bit strings: operators, functions, aggregates (PostgreSQL's documentation, 9.6).

Theory: a value is a text of 0 and 1, its first bit first. What works on two of them wants the same length of both. Invariant: a
result of an operator on one or two is as long as they are, but for what puts them together.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import BIT, INT2, INT4, INT8, VARBIT
from hyperdb.frontends.sql.functions.model import Aggregate, Function

_Combine = Callable[[int, int], int]
_COMBINING: dict[str, tuple[str, _Combine]] = {
    "&": ("AND", operator.and_),
    "|": ("OR", operator.or_),
    "#": ("XOR", operator.xor),
}
_AGGREGATES: dict[str, str] = {"bit_and": "&", "bit_or": "|", "bit_xor": "#"}
_INVERTED = str.maketrans("01", "10")


def _combined(word: str, run: _Combine) -> Callable[[str, str], str]:
    def combine(left: str, right: str) -> str:
        if len(left) != len(right):
            raise SqlError("22026", f"cannot {word} bit strings of different sizes")
        return format(run(int(left, 2), int(right, 2)), f"0{len(left)}b") if left else ""

    return combine


def _shifted(value: str, by: int) -> str:
    """To the left, or to the right by a negative number; zeros come in."""
    if by < 0:
        return ("0" * -by + value)[: len(value)] if -by < len(value) else "0" * len(value)
    return (value + "0" * by)[by:] if by < len(value) else "0" * len(value)


def _place(value: str, place: int) -> int:
    if not 0 <= place < len(value):
        raise SqlError("2202E", f"bit index {place} out of valid range (0..{len(value) - 1})")
    return place


def _with_bit(value: str, place: int, bit: int) -> str:
    at = _place(value, place)
    if bit not in (0, 1):
        raise SqlError("22023", "new bit must be 0 or 1")
    return f"{value[:at]}{bit}{value[at + 1 :]}"


def _part(value: str, first: int, length: int | None = None) -> str:
    if length is None:
        return value[max(first - 1, 0) :]
    if length < 0:
        raise SqlError("22011", "negative substring length not allowed")
    return value[max(first - 1, 0) : max(first - 1 + length, 0)]


def _overlaid(value: str, put: str, first: int, length: int | None = None) -> str:
    if first <= 0 or (length is not None and length < 0):
        raise SqlError("22011", "negative substring length not allowed")
    return value[: first - 1] + put + value[first - 1 + (len(put) if length is None else length) :]


def operators() -> Iterator[Function]:
    """Those on bit; bit varying becomes it."""
    for name, (word, run) in _COMBINING.items():
        yield Function(name, (BIT, BIT), BIT, _combined(word, run))
    yield Function("~", (BIT,), BIT, lambda value: value.translate(_INVERTED))
    yield Function("<<", (BIT, INT4), BIT, _shifted)
    yield Function(">>", (BIT, INT4), BIT, lambda value, by: _shifted(value, -by))
    yield Function("||", (VARBIT, VARBIT), VARBIT, operator.add)


def functions() -> Iterator[Function]:
    """Lengths, single bits, parts."""
    for name in ("length", "bit_length"):
        yield Function(name, (BIT,), INT4, len)
    yield Function("octet_length", (BIT,), INT4, lambda value: (len(value) + 7) // 8)
    yield Function("bit_count", (BIT,), INT8, lambda value: value.count("1"))
    yield Function("get_bit", (BIT, INT4), INT4, lambda value, place: int(value[_place(value, place)]))
    yield Function("set_bit", (BIT, INT4, INT4), BIT, _with_bit)
    yield Function("substring", (BIT, INT4), BIT, _part)
    yield Function("substring", (BIT, INT4, INT4), BIT, _part)
    yield Function("overlay", (BIT, BIT, INT4), BIT, _overlaid)
    yield Function("overlay", (BIT, BIT, INT4, INT4), BIT, _overlaid)
    yield Function("position", (BIT, BIT), INT4, lambda value, part: value.find(part) + 1)


def aggregates() -> Iterator[Aggregate]:
    """AND, OR and XOR of all, of integers too."""
    for name, sign in _AGGREGATES.items():
        word, run = _COMBINING[sign]
        for oid in (INT2, INT4, INT8):
            yield Aggregate(name, (oid,), oid, _nothing, _folding(run), lambda state: state)
        yield Aggregate(name, (BIT,), BIT, _nothing, _folding(_combined(word, run)), lambda state: state)


def _nothing() -> None:
    return None


def _folding(run: Callable[..., object]) -> Callable[[object, object], object]:
    return lambda state, value: value if state is None else run(state, value)
