"""The engine's results as rows of our values.

Theory: what a type does not say there is put back here: the scale of a numeric, the blanks of a char(n). Quotients are divided
here, by the function of the row operators. Invariant: a row is what
the row operators would have made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from hyperdb.frontends.sql.analytic.forms import MOST_DIGITS
from hyperdb.frontends.sql.analytic.relational import Written
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.functions.numbers import EXACT, divide

_UNITS = [Decimal(1).scaleb(-digits) for digits in range(MOST_DIGITS + 1)]
Column = Callable[[Sequence[Any]], Any]


def reader(written: Written) -> Callable[[Sequence[tuple[Any, ...]]], Iterator[tuple[Any, ...]]]:
    """What turns a page of the engine's rows into ours."""
    width = len(written.columns)
    changes: list[tuple[int, Column]] = []
    for at, value in enumerate(written.columns):
        if at in written.divisors:
            changes.append((at, _divided(_operand(at, written), _operand(written.divisors[at], written))))
        elif at in written.digits:
            changes.append((at, _scaled(at, written.digits[at])))
        elif value.oid == kinds.BPCHAR:
            changes.append((at, _padded(at, value.length or 0)))
    if not changes:
        return lambda rows: iter(rows) if width else (() for _ in rows)

    def read(rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        for row in rows:
            made = list(row[:width])
            for at, change in changes:
                made[at] = change(row)
            yield tuple(made)

    return read


def _operand(at: int, written: Written) -> Column:
    return _scaled(at, written.digits[at]) if at in written.digits else lambda row: row[at]


def _divided(dividend: Column, divisor: Column) -> Column:
    def divided(row: Sequence[Any]) -> Decimal | None:
        left, right = dividend(row), divisor(row)
        return None if left is None or right is None else divide(left, right)

    return divided


def _scaled(at: int, digits: int) -> Column:
    return lambda row: None if row[at] is None else row[at].quantize(_UNITS[row[digits]], context=EXACT)


def _padded(at: int, length: int) -> Column:
    return lambda row: None if row[at] is None else row[at].ljust(length)
