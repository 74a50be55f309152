"""Numbers as they are written, with the signs before them.

Theory: a number is an integer, a bigint or a numeric, whichever is the first that holds it, and a sign before a number is a part
of it (gram.y, doNegate): -9223372036854775808 is a bigint, which 9223372036854775808 is not. Invariant: signs before a number are
never applied as an operator, so none of them overflows.
"""

from __future__ import annotations

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.catalog.kinds import INT4, INT8, NUMERIC, Kind
from hyperdb.frontends.sql.plan.expressions import Const

_INT4_LIMIT, _INT8_LIMIT = 1 << 31, 1 << 63


def number(text: str) -> Const:
    """A number without quotes: integer, bigint, or numeric.

    Raises:
        SqlError: 42601 where it is none.
    """
    digits = text.lstrip("-")
    if digits.isdigit():
        value = int(text)
        if -_INT4_LIMIT <= value < _INT4_LIMIT:
            return Const(Kind(INT4), value)
        if -_INT8_LIMIT <= value < _INT8_LIMIT:
            return Const(Kind(INT8), value)
    try:
        return Const(Kind(NUMERIC), types.read_text(NUMERIC, text))
    except (SqlError, ArithmeticError):
        raise SqlError("42601", f'"{text}" is no number') from None


def signed(node: exp.Expr) -> Const | None:
    """A number with minus signs before it, also around parentheses; None where that is something else."""
    is_negative = False
    while isinstance(node, exp.Neg | exp.Paren):
        is_negative ^= isinstance(node, exp.Neg)
        node = node.this
    if not isinstance(node, exp.Literal) or node.args.get("is_string"):
        return None
    return number(f"{'-' * is_negative}{node.this}")
