"""Operators, functions and aggregates that give the same in the engine: the list, with how each is written there.

Theory: an entry is known by its name and the oids of its arguments, as the table of functions has it. Integer results have
PostgreSQL's widths because the operands have; sums are cast to PostgreSQL's types. Quotients of numerics are computed by macros
on 128-bit integers at PostgreSQL's scale (`MACROS`); of those that are only results, dividend and divisor go out. Not listed:
sums of floats, which depend on the order of addition, functions that give infinities where PostgreSQL raises, case mapping, what
depends on settings. Invariant: see the package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hyperdb.errors import NotColumnarError
from hyperdb.frontends.sql.analytic.forms import INTEGERS, MOST_DIGITS, Value, comparable, grouped
from hyperdb.frontends.sql.catalog.kinds import BOOL, DATE, INT2, INT4, INT8, NUMERIC, TEXT, TIMESTAMP

Writer = Callable[[Sequence[Value]], Value]

# A number is an unscaled 128-bit integer and a scale. Of a number: its decimal exponent, the exponent of its first group
# of four digits, and that group (numeric.c, select_div_scale).
_SCALE = 24
_LONG = 600
MACROS = (
    "CREATE MACRO hyper_ten(k) AS CAST('1' || repeat('0', CAST(k AS INTEGER)) AS HUGEINT)",
    "CREATE MACRO hyper_weight(n, s) AS CASE WHEN n = 0 THEN 0"
    " ELSE CAST(floor((length(CAST(abs(n) AS VARCHAR)) - 1 - s) / 4.0) AS INTEGER) END",
    "CREATE MACRO hyper_leading(n, s, w) AS CASE WHEN s + 4 * w >= 0 THEN abs(n) // hyper_ten(greatest(s + 4 * w, 0))"
    " ELSE abs(n) * hyper_ten(greatest(-(s + 4 * w), 0)) END",
    # Each list of one binds a value to a name, for a macro's arguments are copied to wherever they are named. A quotient of too
    # many digits ends in a cast that fails, a zero below in a division; error() would be volatile and hinder the optimizer.
    "CREATE MACRO hyper_weighed(p) AS list_transform([p], lambda x: {'a': x.a, 'sa': x.sa, 'b': x.b, 'sb': x.sb, 'da': x.da,"
    " 'db': x.db, 'wa': hyper_weight(x.a, x.sa), 'wb': hyper_weight(x.b, x.sb)})",
    "CREATE MACRO hyper_scaled(p) AS list_transform(hyper_weighed(p), lambda x: {'a': x.a, 'b': x.b, 'by': x.sb - x.sa,"
    " 'd': CAST(greatest(16 - 4 * (x.wa - x.wb - CASE WHEN hyper_leading(x.a, x.sa, x.wa) <= hyper_leading(x.b, x.sb, x.wb)"
    " THEN 1 ELSE 0 END), x.da, x.db, 0) AS INTEGER)})",
    "CREATE MACRO hyper_quotient(p) AS list_transform(hyper_scaled(p), lambda x: {'d': x.d,"
    " 'v': CAST(CASE WHEN (x.a < 0) = (x.b < 0) THEN 1 ELSE -1 END"
    " * ((2 * abs(x.a) * hyper_ten(x.d + x.by) + abs(x.b)) // (2 * abs(x.b)))"
    f" * hyper_ten(CASE WHEN x.d > {_SCALE} THEN 99 ELSE {_SCALE} - x.d END) AS DECIMAL(38,0))"
    f" * CAST('0.{'0' * (_SCALE - 1)}1' AS DECIMAL({_SCALE},{_SCALE}))}})[1]",
)


def _infix(sign: str, oid: int) -> Writer:
    return lambda values: Value(f"({values[0].text} {sign} {values[1].text})", oid)


def _cast(pattern: str, oid: int, name: str) -> Writer:
    """A call whose result the engine has wider."""
    return lambda values: Value(f"CAST({pattern.format(*[value.text for value in values])} AS {name})", oid)


def _plain(pattern: str, oid: int) -> Writer:
    return lambda values: Value(pattern.format(*[value.text for value in values]), oid)


def _limited(width: int, scale: int) -> tuple[int, int]:
    if scale > MOST_DIGITS:
        raise NotColumnarError("a numeric of more digits behind the point")
    return min(width, MOST_DIGITS), scale


def _digits(values: Sequence[Value], pattern: str) -> str | None:
    if all(value.digits is None for value in values):
        return None
    return pattern.format(*[value.shown for value in values])


def _sum(sign: str) -> Writer:
    def write(values: Sequence[Value]) -> Value:
        left, right = values
        scale = max(left.scale, right.scale)
        width, scale = _limited(max(left.width - left.scale, right.width - right.scale) + scale + 1, scale)
        digits = _digits(values, "greatest({}, {})")
        return Value(f"({left.text} {sign} {right.text})", NUMERIC, width, scale, digits)

    return write


def _product(values: Sequence[Value]) -> Value:
    left, right = values
    width, scale = _limited(left.width + right.width, left.scale + right.scale)
    return Value(f"({left.text} * {right.text})", NUMERIC, width, scale, _digits(values, "({} + {})"))


def _unscaled(value: Value) -> str:
    if value.scale == 0:
        return f"CAST({value.text} AS HUGEINT)"
    by = f"CAST({10**value.scale} AS DECIMAL({value.scale + 1},0))"
    wide = value.text if value.width == MOST_DIGITS else f"CAST({value.text} AS DECIMAL({MOST_DIGITS},{value.scale}))"
    return f"CAST({wide} * {by} AS HUGEINT)"


def quotient(values: Sequence[Value]) -> Value:
    """A numeric by a numeric; zero raises.

    Raises:
        NotColumnarError: the text would grow too long to be bound quickly.
    """
    left, right = values
    if len(left.text) + len(right.text) > _LONG:
        raise NotColumnarError("a quotient of long expressions")
    parts = {
        "a": _unscaled(left),
        "sa": left.scale,
        "b": _unscaled(right),
        "sb": right.scale,
        "da": left.shown,
        "db": right.shown,
    }
    listed = ", ".join(f"'{name}': {text}" for name, text in parts.items())
    made = f"hyper_quotient({{{listed}}})"
    return Value(f"({made}).v", NUMERIC, MOST_DIGITS, _SCALE, f"({made}).d", ratio=(left, right))


def _same(pattern: str) -> Writer:
    return lambda values: Value(pattern.format(values[0].text), NUMERIC, values[0].width, values[0].scale, values[0].digits)


def _not_empty(values: Sequence[Value]) -> Value:
    """replace(): nothing is replaced by what is not there."""
    text, old, new = (value.text for value in values)
    return Value(f"CASE WHEN {old} = '' THEN {text} ELSE replace({text}, {old}, {new}) END", TEXT)


def _like(negated: bool) -> Writer:
    word = "NOT LIKE" if negated else "LIKE"

    def write(values: Sequence[Value]) -> Value:
        pattern = values[1].text
        escape = "" if pattern.startswith("'") and "\\" not in pattern else " ESCAPE '\\'"
        return Value(f"({values[0].text} {word} {pattern}{escape})", BOOL)

    return write


CALLS: dict[tuple[str, tuple[int, ...]], Writer] = {
    **{
        (sign, (left, right)): _infix("//" if sign == "/" else sign, max(left, right, key=list(INTEGERS).index))
        for sign in "+-*/%"
        for left in INTEGERS
        for right in INTEGERS
    },
    **{("-", (oid,)): _cast("-({})", oid, name) for oid, (name, _) in INTEGERS.items()},
    **{("+", (oid,)): _plain("{}", oid) for oid in INTEGERS},
    **{(each, (oid,)): _cast("abs({})", oid, name) for oid, (name, _) in INTEGERS.items() for each in ("abs", "@")},
    ("+", (NUMERIC, NUMERIC)): _sum("+"),
    ("-", (NUMERIC, NUMERIC)): _sum("-"),
    ("*", (NUMERIC, NUMERIC)): _product,
    ("/", (NUMERIC, NUMERIC)): quotient,
    ("-", (NUMERIC,)): _same("(-({}))"),
    ("+", (NUMERIC,)): _same("{}"),
    ("abs", (NUMERIC,)): _same("abs({})"),
    ("@", (NUMERIC,)): _same("abs({})"),
    ("-", (DATE, DATE)): _cast("({} - {})", INT4, "INTEGER"),
    ("+", (DATE, INT4)): _plain("({} + {})", DATE),
    ("+", (INT4, DATE)): _plain("({1} + {0})", DATE),
    ("-", (DATE, INT4)): _plain("({} - {})", DATE),
    ("||", (TEXT, TEXT)): _infix("||", TEXT),
    ("~~", (TEXT, TEXT)): _like(False),
    ("!~~", (TEXT, TEXT)): _like(True),
    ("^@", (TEXT, TEXT)): _plain("starts_with({}, {})", BOOL),
    ("starts_with", (TEXT, TEXT)): _plain("starts_with({}, {})", BOOL),
    ("replace", (TEXT, TEXT, TEXT)): _not_empty,
    **{(name, (TEXT,)): _cast("length({})", INT4, "INTEGER") for name in ("length", "char_length", "character_length")},
    **{(name, (TEXT, TEXT)): _cast("strpos({}, {})", INT4, "INTEGER") for name in ("position", "strpos")},
}

PARTS = {"year", "month", "day", "quarter", "doy", "dow", "isodow", "hour", "minute"}
"""Of EXTRACT; years before the first are counted otherwise in the engine."""
_YEAR = "CASE WHEN isfinite({0}) AND {0} > DATE '0001-01-01' THEN {1} ELSE CAST('a day long ago' AS BIGINT) END"


def part(field: str, of: Value, oid: int) -> Value:
    """EXTRACT(field FROM date or timestamp), numeric; date_part, double."""
    taken = _YEAR.format(of.text, f"extract({field} FROM {of.text})")
    if oid == NUMERIC:
        return Value(f"CAST({taken} AS DECIMAL(10,0))", oid, 10, 0)
    return Value(f"CAST({taken} AS DOUBLE)", oid)


def shifted(sign: str, at: Value, span: str) -> Value:
    """A date or timestamp and a constant interval."""
    return Value(f"({at.text} {sign} {span})", TIMESTAMP)


def _minmax(name: str) -> Callable[[Sequence[Value], str, str], Value]:
    def write(values: Sequence[Value], distinct: str, where: str) -> Value:
        value = comparable(values[0])
        if value.digits is not None:
            raise NotColumnarError("a least one of equal values that are shown differently")
        return Value(f"{name}({distinct}{value.text}){where}", value.oid, value.width, value.scale, None, value.length)

    return write


def _count(values: Sequence[Value], distinct: str, where: str) -> Value:
    if distinct:
        grouped(values[0])
    return Value(f"count({distinct}{values[0].text if values else '*'}){where}", INT8)


def _total(values: Sequence[Value], distinct: str, where: str) -> Value:
    value = values[0]
    text = f"sum({distinct}{value.text}){where}"
    if value.oid in (INT2, INT4):
        return Value(f"CAST({text} AS BIGINT)", INT8)
    if value.oid == INT8:
        return Value(f"CAST({text} AS DECIMAL(38,0))", NUMERIC, MOST_DIGITS, 0)
    if value.oid != NUMERIC or (distinct and value.digits is not None):
        raise NotColumnarError("a sum of floats")
    digits = None if value.digits is None else f"max(CASE WHEN {value.text} IS NOT NULL THEN {value.digits} END){where}"
    return Value(text, NUMERIC, MOST_DIGITS, value.scale, digits)


def mean_parts(values: Sequence[Value], distinct: str, where: str) -> tuple[Value, Value]:
    """What avg is made of: a numeric sum and a count. Both are aggregates; `mean` is over their values."""
    total = _total(values, distinct, where)
    if total.oid == INT8:
        total = Value(f"CAST({total.text} AS DECIMAL(38,0))", NUMERIC, MOST_DIGITS, 0)
    return total, Value(f"CAST(count({distinct}{values[0].text}){where} AS DECIMAL(19,0))", NUMERIC, 19, 0)


def mean(total: Value, count: Value) -> Value:
    """Their quotient; of nothing null."""
    return quotient([total, Value(f"nullif({count.text}, 0)", NUMERIC, count.width, count.scale)])


def _truth(name: str) -> Callable[[Sequence[Value], str, str], Value]:
    return lambda values, distinct, where: Value(f"{name}({distinct}{values[0].text}){where}", BOOL)


AGGREGATES: dict[str, Callable[[Sequence[Value], str, str], Value]] = {
    "count": _count,
    "sum": _total,
    "min": _minmax("min"),
    "max": _minmax("max"),
    "bool_and": _truth("bool_and"),
    "every": _truth("bool_and"),
    "bool_or": _truth("bool_or"),
}
"""Arguments, DISTINCT and FILTER as text; all of them give the same in whatever order the rows come."""
