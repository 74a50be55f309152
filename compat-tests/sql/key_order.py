"""Byte order of keys beside PostgreSQL's ORDER BY: python compat-tests/sql/key_order.py

Purpose: docs/file-format.md says that keys sort as PostgreSQL sorts values. Here it is asked, with a server of its own in a
temporary directory (Debian's `postgresql` is enough; nothing is installed, nothing listens but a socket there).

Theory: the keys are those of tests/unit/format_values.py, which is written from the document and agrees with the engine on
the golden files. Values are drawn from few parts, so that ties and near ties are many. Equal ranks must be equal keys.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "unit"))

from cluster import server
from format_values import Kind, ordered

SEED = 5
DRAWS = 300
HALF_DAY = 43_200_000_000


@dataclass(frozen=True)
class Subject:
    """A type of PostgreSQL and ours, values drawn at random, and how PostgreSQL reads them."""

    theirs: str
    ours: Kind
    draw: Callable[[random.Random], Any]
    literal: Callable[[Any], str]


def draw_address(dice: random.Random) -> Any:
    if dice.random() < 0.6:
        octets = ".".join(str(dice.choice([0, 10, 128, 129])) for _ in range(4))
        return ip_interface(f"{octets}/{dice.choice([0, 8, 9, 16, 24, 31, 32])}")
    groups = ":".join(dice.choice(["0", "1", "8000"]) for _ in range(8))
    return ip_interface(f"{groups}/{dice.choice([0, 10, 64, 127, 128])}")


def draw_decimal(dice: random.Random) -> Decimal:
    special = [
        "NaN",
        "Infinity",
        "-Infinity",
        "0",
        "0.00",
        "1.5",
        "1.50",
        "-0.001",
        "100",
        "99.99",
        "-1e20",
        "1e-20",
        "123456789.123",
    ]
    number = Decimal(dice.choice(special))
    return number * dice.choice([1, 7, Decimal("0.1")]) if number.is_finite() else number


def draw_double(dice: random.Random) -> float:
    special = [0.0, -0.0, 1.5, -1.5, 1e300, -1e-300, float("inf"), float("-inf"), float("nan")]
    return dice.choice([*special, dice.uniform(-5, 5)])


def draw_array(dice: random.Random) -> tuple[int, list[str | None]]:
    return dice.choice([0, 1, 2]), [dice.choice([None, "", "a", "ab", "b"]) for _ in range(dice.randint(1, 3))]


def array_literal(value: tuple[int, list[str | None]]) -> str:
    lower, texts = value
    body = ",".join("NULL" if text is None else f'"{text}"' for text in texts)
    return f"[{lower}:{lower + len(texts) - 1}]={{{body}}}"


def zoned_literal(value: tuple[int, int]) -> str:
    seconds, micros = divmod(value[0], 1_000_000)
    sign, hours = ("-" if value[1] > 0 else "+"), abs(value[1]) // 3600
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{micros:06}{sign}{hours:02}"


SUBJECTS = [
    Subject("inet", "inet", draw_address, str),
    Subject(
        "interval",
        ("interval", 6),
        lambda dice: (dice.randint(-2, 2), dice.randint(-61, 61), dice.randint(-3, 3) * dice.choice([1, HALF_DAY, 2 * HALF_DAY])),
        lambda v: f"{v[0]} months {v[1]} days {v[2]} microseconds",
    ),
    Subject("varbit", ("bit varying", 0), lambda dice: "".join(dice.choices("01", k=dice.randint(0, 18))), str),
    Subject(
        "timetz",
        ("timetz", 6),
        lambda dice: (dice.randint(0, 3) * 3_600_000_000 + dice.randint(0, 1), dice.randint(-3, 3) * 3600),
        zoned_literal,
    ),
    Subject("numeric", "decimal", draw_decimal, str),
    Subject("float8", "double", draw_double, repr),
    Subject("text[]", ("array", "text"), draw_array, array_literal),
    Subject("bytea", "bytes", lambda dice: bytes(dice.choices([0, 1, 255], k=dice.randint(0, 4))), lambda v: "\\x" + v.hex()),
    Subject(
        "pair",
        ("composite", 0),
        lambda dice: [dice.choice([None, "", "a", "ab", "b"]), dice.choice([None, -1, 0, 7])],
        lambda v: "(" + ("" if v[0] is None else f'"{v[0]}"') + "," + ("" if v[1] is None else str(v[1])) + ")",
    ),
]


def ranks(sql: Callable[[str], str], subject: Subject, values: list[Any]) -> list[int]:
    rows = ",".join("({}, '{}')".format(i, subject.literal(value).replace("'", "''")) for i, value in enumerate(values))
    answer = sql(
        f"CREATE TEMP TABLE t (i int, v {subject.theirs}); INSERT INTO t VALUES {rows};"
        " SELECT dense_rank() OVER (ORDER BY v) FROM t ORDER BY i;"
    )
    return [int(line) for line in answer.split()]


def main() -> None:
    dice, wrong = random.Random(SEED), 0
    with server() as sql:
        sql("CREATE TYPE pair AS (a text, b int);")
        for subject in SUBJECTS:
            values = [subject.draw(dice) for _ in range(DRAWS)]
            keys = [ordered(subject.ours, value) for value in values]
            places = {key: place for place, key in enumerate(sorted(set(keys)), 1)}
            theirs = ranks(sql, subject, values)
            differing = [value for value, key, rank in zip(values, keys, theirs, strict=True) if places[key] != rank]
            wrong += len(differing)
            print(f"{subject.theirs:10} {len(values)} values, {len(places)} distinct: {differing[:3] or 'the same order'}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
