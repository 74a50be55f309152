"""Aggregates: a start, a step for each row, an end.

Theory: PostgreSQL's result types: sums of bigint and averages of integers are numeric, of float4 float4 and float8. Sums of
floats go row by row as PostgreSQL's do; numerics are exact. Invariant: a strict aggregate never sees a null, and of no rows
gives null unless it counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import (
    ANY,
    ANYARRAY,
    ANYELEMENT,
    BOOL,
    BYTEA,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    NUMERIC,
    TEXT,
)
from hyperdb.frontends.sql.functions import numbers, powers, times
from hyperdb.frontends.sql.functions.model import Aggregate
from hyperdb.frontends.sql.functions.texts import within
from hyperdb.frontends.sql.types.arrays import lengths


def _nothing() -> None:
    return None


def _same(state: Any) -> Any:
    return state


def _sum_int(state: int | None, value: int) -> int:
    return value if state is None else state + value


def _bounded8(state: int | None) -> int | None:
    return None if state is None else numbers.bounded(INT8, state)


def _sum_numeric(state: Decimal | None, value: Decimal) -> Decimal:
    return value if state is None else numbers.add(state, value)


def _pair() -> list[Any]:
    return [0, None]


def _pair_step(add: Callable[[Any, Any], Any]) -> Callable[[list[Any], Any], list[Any]]:
    def step(state: list[Any], value: Any) -> list[Any]:
        state[0] += 1
        state[1] = value if state[1] is None else add(state[1], value)
        return state

    return step


def _mean(state: list[Any]) -> Decimal | None:
    return numbers.divide(Decimal(state[1]), Decimal(state[0])) if state[0] else None


def _mean_span(state: list[Any]) -> Any:
    by = Decimal(state[0] or 1)
    return times.spread(*(Decimal(part) / by for part in state[1])) if state[0] else None


def _moments() -> list[Any]:
    return [0, Decimal(0), Decimal(0)]


def _moments_step(state: list[Any], value: Any) -> list[Any]:
    number = Decimal(value)
    state[0] += 1
    if not number.is_finite() or state[1].is_nan():
        state[1] = Decimal("NaN")
        return state
    state[1] = numbers.EXACT.add(state[1], number)
    state[2] = numbers.EXACT.add(state[2], numbers.EXACT.multiply(number, number))
    return state


def _variance(*, sample: bool, root: bool) -> Callable[[list[Any]], Decimal | None]:
    def end(state: list[Any]) -> Decimal | None:
        count, total, squares = state
        if count < (2 if sample else 1):
            return None
        if total.is_nan():
            return Decimal("NaN")
        above = numbers.EXACT.subtract(numbers.EXACT.multiply(Decimal(count), squares), numbers.EXACT.multiply(total, total))
        if above <= 0:
            return Decimal(0)
        found = numbers.divide(above, Decimal(count * (count - 1) if sample else count * count))
        # The root is shown to as many digits as what it is of (numeric_stddev_internal).
        digits = numbers.scale(found)
        return powers.root(found, digits) if root else found

    return end


def _welford() -> list[Any]:
    return [0, 0.0, 0.0]


def _welford_step(state: list[Any], value: float) -> list[Any]:
    """Youngs and Cramer's update, as float8_accum does it."""
    state[0] += 1
    count = state[0]
    state[1] += value
    if count == 1 and not math.isfinite(value):
        state[2] = math.nan
    if count > 1:
        distance = value * count - state[1]
        state[2] += distance * distance / (count * (count - 1))
    return state


def _float_variance(*, sample: bool, root: bool) -> Callable[[list[Any]], float | None]:
    def end(state: list[Any]) -> float | None:
        count = state[0]
        if count < (2 if sample else 1):
            return None
        found = state[2] / (count - 1 if sample else count)
        return math.sqrt(found) if root else found

    return end


def _append(state: list[Any], *values: Any) -> list[Any]:
    state.append(values[0] if len(values) == 1 else values)
    return state


def _array(state: list[Any]) -> list[Any] | None:
    if any(isinstance(each, list) for each in state):
        if None in state:
            raise SqlError("22004", "cannot accumulate null arrays")
        if not all(state):
            raise SqlError("2202E", "cannot accumulate empty arrays")
        if len({tuple(lengths(each)) for each in state}) > 1:
            raise SqlError("2202E", "cannot accumulate arrays of different dimensionality")
    return state or None


def _joined(state: list[Any]) -> Any:
    if not state:
        return None
    kind = state[0][0]
    out = [kind]
    for text, by in state[1:]:
        out += [by if by is not None else kind[:0], text]
    within(sum(map(len, out)))
    return kind[:0].join(out)


def all_aggregates() -> Iterator[Aggregate]:
    """Every aggregate but min and max, whose order the binder knows."""
    yield Aggregate("count", (), INT8, lambda: 0, lambda state: state + 1, _same)
    yield Aggregate("count", (ANY,), INT8, lambda: 0, lambda state, _value: state + 1, _same)
    for oid in (INT2, INT4):
        yield Aggregate("sum", (oid,), INT8, _nothing, _sum_int, _bounded8)
    yield Aggregate("sum", (INT8,), NUMERIC, _nothing, _sum_int, lambda state: None if state is None else Decimal(state))
    yield Aggregate("sum", (NUMERIC,), NUMERIC, _nothing, _sum_numeric, _same)
    for oid in (FLOAT4, FLOAT8):
        yield Aggregate("sum", (oid,), oid, _nothing, _float_sum(oid), _same)
        yield Aggregate(
            "avg", (oid,), FLOAT8, _pair, _pair_step(_float_sum(FLOAT8)), lambda state: state[1] / state[0] if state[0] else None
        )
    spans = _pair_step(times.plus)
    yield Aggregate("sum", (INTERVAL,), INTERVAL, _pair, spans, lambda state: state[1])
    yield Aggregate("avg", (INTERVAL,), INTERVAL, _pair, spans, _mean_span)
    for oid in (INT2, INT4, INT8):
        yield Aggregate("avg", (oid,), NUMERIC, _pair, _pair_step(lambda a, b: a + b), _mean)
    yield Aggregate("avg", (NUMERIC,), NUMERIC, _pair, _pair_step(_sum_numeric), _mean)
    names = (("variance", True, False), ("var_samp", True, False), ("var_pop", False, False))
    for name, sample, root in (*names, ("stddev", True, True), ("stddev_samp", True, True), ("stddev_pop", False, True)):
        for oid in (INT2, INT4, INT8, NUMERIC):
            yield Aggregate(name, (oid,), NUMERIC, _moments, _moments_step, _variance(sample=sample, root=root))
        yield Aggregate(name, (FLOAT8,), FLOAT8, _welford, _welford_step, _float_variance(sample=sample, root=root))
    for name in ("bool_and", "every"):
        yield Aggregate(name, (BOOL,), BOOL, _nothing, lambda state, value: value if state is None else state and value, _same)
    yield Aggregate("bool_or", (BOOL,), BOOL, _nothing, lambda state, value: value if state is None else state or value, _same)
    for oid in (TEXT, BYTEA):
        yield Aggregate(
            "string_agg",
            (oid, oid),
            oid,
            list,
            lambda state, *values: state if values[0] is None else _append(state, *values),
            _joined,
            strict=False,
        )
    yield Aggregate("array_agg", (ANYELEMENT,), ANYARRAY, list, _append, _array, strict=False)
    for name, end in _REGRESSIONS.items():
        yield Aggregate(name, (FLOAT8, FLOAT8), FLOAT8, list, _append, end)
    yield Aggregate("regr_count", (FLOAT8, FLOAT8), INT8, lambda: 0, lambda state, _y, _x: state + 1, _same)


def _float_sum(oid: int) -> Callable[[float | None, float], float]:
    def step(state: float | None, value: float) -> float:
        if state is None:
            return value
        found = state + value
        if math.isinf(found) and not (math.isinf(state) or math.isinf(value)):
            raise SqlError("22003", "value out of range: overflow")
        return numbers.single(found) if oid == FLOAT4 else found

    return step


def _sums(pairs: list[tuple[float, float]]) -> tuple[int, float, float, float, float, float]:
    """Count, means and sums of products, by Youngs and Cramer's update as float8_regr_accum does it."""
    sum_x = sum_y = xx = yy = xy = 0.0
    for count, (y, x) in enumerate(pairs, 1):
        sum_x, sum_y = sum_x + x, sum_y + y
        if count == 1:
            # Nothing deviates from the first; NaN where it is no number.
            xx, yy, xy = x - x, y - y, (x - x) * (y - y)
        else:
            dx, dy, scale = x * count - sum_x, y * count - sum_y, 1.0 / (count * (count - 1))
            xx, yy, xy = xx + dx * dx * scale, yy + dy * dy * scale, xy + dx * dy * scale
    return len(pairs), sum_x / len(pairs), sum_y / len(pairs), xx, yy, xy


def _regression(run: Callable[..., float | None], least: int = 1) -> Callable[[list[tuple[float, float]]], float | None]:
    return lambda pairs: run(*_sums(pairs)) if len(pairs) >= least else None


_REGRESSIONS: dict[str, Callable[[list[tuple[float, float]]], float | None]] = {
    "corr": _regression(lambda _n, _mx, _my, xx, yy, xy: xy / math.sqrt(xx * yy) if xx and yy else None),
    "covar_pop": _regression(lambda n, _mx, _my, _xx, _yy, xy: xy / n),
    "covar_samp": _regression(lambda n, _mx, _my, _xx, _yy, xy: xy / (n - 1), 2),
    "regr_slope": _regression(lambda _n, _mx, _my, xx, _yy, xy: xy / xx if xx else None),
    "regr_intercept": _regression(lambda _n, mx, my, xx, _yy, xy: my - mx * xy / xx if xx else None),
    "regr_avgx": _regression(lambda _n, mx, _my, _xx, _yy, _xy: mx),
    "regr_avgy": _regression(lambda _n, _mx, my, _xx, _yy, _xy: my),
    "regr_sxx": _regression(lambda _n, _mx, _my, xx, _yy, _xy: xx),
    "regr_syy": _regression(lambda _n, _mx, _my, _xx, yy, _xy: yy),
    "regr_sxy": _regression(lambda _n, _mx, _my, _xx, _yy, xy: xy),
    "regr_r2": _regression(lambda _n, _mx, _my, xx, yy, xy: None if not xx else xy * xy / (xx * yy) if yy else 1.0),
}
