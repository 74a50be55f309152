"""Random schemas, rows and queries, each query well typed: what the differential tests draw from.

Theory: a query is grown from its type downwards, as SQLsmith does; every choice is a number below another, taken from `below`, so
that a seed, or Hypothesis, which can shrink it, decides all of it. Queries that order their rows order by all columns, so that
only one order is right; floats are not added up, since the order of addition shows. Invariant: the same choices, the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")
Below = Callable[[int], int]

LITERALS: dict[str, tuple[str, ...]] = {
    "int2": ("0", "1", "-1", "7", "32767", "-32768"),
    "int4": ("0", "1", "-1", "2", "3", "10", "100", "2147483647", "-2147483648"),
    "int8": ("0", "1", "-5", "9223372036854775807", "-9223372036854775808", "10000000000"),
    "numeric": (
        "0",
        "0.0",
        "1.50",
        "-0.5",
        "123456789012345678901234567890.5",
        "NaN",
        "1e-10",
        "99.995",
        "-7",
        "Infinity",
        "2.500",
    ),
    "float8": ("0", "-0", "1.5", "-2.25", "NaN", "Infinity", "-Infinity", "1e300", "1e-300", "0.1"),
    "text": ("", "a", "b", "A", "ab", "a b", "é", "日本", "%", "_", "a_b", "\\", "''", " a ", "10", "-3", "true", "null"),
    "bool": ("true", "false"),
    "date": ("2020-02-29", "1999-12-31", "2000-01-01", "infinity", "0001-01-01 BC", "5874897-12-31"),
    "timestamp": ("2020-02-29 23:59:59.999999", "1999-12-31 00:00:00", "infinity", "-infinity", "2000-01-01 12:00:00"),
    "interval": ("1 day", "-1 mon", "00:00:01", "1 year 2 mons 3 days", "0", "36:00:00"),
}
DECLARED: dict[str, tuple[str, ...]] = {
    "int2": ("smallint",),
    "int4": ("integer",),
    "int8": ("bigint",),
    "numeric": ("numeric", "numeric(40,10)"),
    "float8": ("double precision",),
    "text": ("text", "varchar(40)"),
    "bool": ("boolean",),
    "date": ("date",),
    "timestamp": ("timestamp",),
    "interval": ("interval",),
}
TYPES = tuple(LITERALS)
_NUMBERS = ("int2", "int4", "int8", "numeric", "float8")
_SIGNS = {"float8": ("+", "-", "*", "/"), "interval": ("+", "-")}
_COMPARED = ("=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
CASTS: dict[str, tuple[str, ...]] = {
    "int2": ("int4", "bool_int"),
    "int4": ("int2", "int8", "numeric", "bool"),
    "int8": ("int4", "numeric"),
    "numeric": ("int4", "int8"),
    "float8": ("int4", "numeric"),
    "text": TYPES,
    "bool": ("int4",),
    "date": ("timestamp",),
    "timestamp": ("date",),
    "interval": (),
}


@dataclass(frozen=True)
class Table:
    """A table: columns with their types."""

    name: str
    columns: tuple[tuple[str, str], ...]
    declared: tuple[str, ...]
    indexed: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def statements(self) -> list[str]:
        """What makes and fills it."""
        columns = ", ".join(f"{name} {kind}" for (name, _), kind in zip(self.columns, self.declared, strict=True))
        made = [f"CREATE TABLE {self.name} (id integer PRIMARY KEY, {columns})"]
        made += [f"CREATE INDEX ON {self.name} ({name})" for name in self.indexed]
        values = ", ".join(f"({number}, {', '.join(row)})" for number, row in enumerate(self.rows))
        return [*made, *([f"INSERT INTO {self.name} VALUES {values}"] if values else [])]


@dataclass(frozen=True)
class Scope:
    """Columns that may be named, and whether aggregates and windows may stand here."""

    columns: tuple[tuple[str, str], ...]
    around: tuple[tuple[str, str], ...] = ()

    def of(self, kind: str) -> list[str]:
        """Columns of a type."""
        return [name for name, have in (*self.columns, *self.around) if have == kind]


def quoted(kind: str, value: str) -> str:
    """A literal of a type."""
    if kind in ("int2", "int4", "int8") or (kind == "numeric" and value[-1].isdigit()):
        return value if not value.startswith("-") else f"({value})"
    if kind == "bool":
        return value
    names = {"numeric": "numeric", "float8": "float8", "text": "text"}
    text = value if value == "''" else f"'{value}'"
    text = "''''''" if value == "''" else text
    return text if kind == "text" else f"{text}::{names.get(kind, kind)}"


@dataclass
class Maker:
    """Makes tables and queries."""

    below: Below
    tables: list[Table] = field(default_factory=list)
    kinds: tuple[str, ...] = TYPES
    _names: int = 0

    def pick(self, found: Sequence[T]) -> T:
        """One of several."""
        return found[self.below(len(found))]

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases."""
        return self.below(100) < percent

    def name(self, letter: str) -> str:
        """A name that is not taken."""
        self._names += 1
        return f"{letter}{self._names}"

    # Schemas and rows.

    def schema(self, rows: int = 12) -> list[Table]:
        """Two or three tables."""
        self.tables = [self._table(f"t{number}", rows) for number in range(2 + self.below(2))]
        return self.tables

    def _table(self, name: str, rows: int) -> Table:
        kinds = ["int4", *(self.pick(self.kinds) for _ in range(2 + self.below(4)))]
        columns = tuple((f"c{place}", kind) for place, kind in enumerate(kinds))
        declared = tuple(self.pick(DECLARED.get(kind, (kind,))) for kind in kinds)
        indexed = tuple(name for name, _ in columns if self.chance(20))
        found = tuple(
            tuple("NULL" if self.chance(20) else self._stored(kind, have) for kind, have in zip(kinds, declared, strict=True))
            for _ in range(self.below(rows + 1))
        )
        return Table(name, columns, declared, indexed, found)

    def _stored(self, kind: str, declared: str) -> str:
        # A numeric with a precision holds no infinity.
        fitting = [value for value in self.literals(kind) if "(" not in declared or kind != "numeric" or value != "Infinity"]
        return quoted(kind, self.pick(fitting))

    # Expressions.

    def makers(self, kind: str) -> tuple[Callable[[Maker, str, Scope, int], str], ...]:
        """What makes an expression of a type."""
        return MAKERS[kind]

    def literals(self, kind: str) -> tuple[str, ...]:
        """Values of a type as texts."""
        return LITERALS[kind]

    def casts(self, kind: str) -> tuple[str, ...]:
        """Types that are cast to a type."""
        return CASTS[kind]

    def expression(self, kind: str, scope: Scope, depth: int) -> str:
        """An expression of a type."""
        if depth <= 0 or self.chance(25):
            return self._leaf(kind, scope)
        maker = self.pick((*self.makers(kind), Maker._case, Maker._coalesce, Maker._cast, type(self)._scalar))
        return maker(self, kind, scope, depth - 1)

    def _leaf(self, kind: str, scope: Scope) -> str:
        columns = scope.of(kind)
        if columns and self.chance(75):
            return self.pick(columns)
        return f"NULL::{kind}" if self.chance(8) else quoted(kind, self.pick(self.literals(kind)))

    def _case(self, kind: str, scope: Scope, depth: int) -> str:
        test = self.truth(scope, depth)
        return f"CASE WHEN {test} THEN {self.expression(kind, scope, depth)} ELSE {self.expression(kind, scope, depth)} END"

    def _coalesce(self, kind: str, scope: Scope, depth: int) -> str:
        name = self.pick(("coalesce", "nullif", "greatest", "least"))
        return f"{name}({self.expression(kind, scope, depth)}, {self.expression(kind, scope, depth)})"

    def _cast(self, kind: str, scope: Scope, depth: int) -> str:
        sources = [each for each in self.casts(kind) if each in self.kinds]
        if not sources:
            return self._leaf(kind, scope)
        return f"({self.expression(self.pick(sources), scope, depth)})::{kind}"

    def _scalar(self, kind: str, scope: Scope, depth: int) -> str:
        table, alias = self.pick(self.tables), self.name("s")
        inside = self._inside(table, alias, scope)
        own = Scope(inside.columns)
        where = f" WHERE {self.truth(inside, depth)}" if self.chance(60) else ""
        if kind == "int8":
            return f"(SELECT count(*) FROM {table.name} {alias}{where})"
        if kind == "bool":
            return f"(SELECT bool_or({self._own(kind, own)}) FROM {table.name} {alias}{where})"
        return f"(SELECT {self.pick(('min', 'max'))}({self._own(kind, own)}) FROM {table.name} {alias}{where})"

    def _own(self, kind: str, scope: Scope) -> str:
        """An aggregate's argument: without a column of the subquery it might belong to the query around."""
        column = self.pick(scope.of("int4"))
        return f"CASE WHEN {column} IS NOT NULL THEN {self.expression(kind, scope, 1)} END"

    def _inside(self, table: Table, alias: str, scope: Scope) -> Scope:
        columns = tuple((f"{alias}.{name}", kind) for name, kind in (("id", "int4"), *table.columns))
        return Scope(columns, (*scope.columns, *scope.around))

    def _sum(self, kind: str, scope: Scope, depth: int) -> str:
        sign = self.pick(_SIGNS.get(kind, ("+", "-", "*", "/", "%")))
        return f"({self.expression(kind, scope, depth)} {sign} {self.expression(kind, scope, depth)})"

    def _rounded(self, kind: str, scope: Scope, depth: int) -> str:
        name = self.pick(("abs", "-") if kind.startswith("int") else ("abs", "-", "round", "floor", "ceil", "sign"))
        inner = self.expression(kind, scope, depth)
        return f"(- {inner})" if name == "-" else f"{name}({inner})"

    def _length(self, _kind: str, scope: Scope, depth: int) -> str:
        text = self.expression("text", scope, depth)
        made = (f"length({text})", f"position('a' in {text})", f"octet_length({text})", f"ascii({text})")
        return self.pick(made)

    def _days(self, _kind: str, scope: Scope, depth: int) -> str:
        return f"({self.expression('date', scope, depth)} - {self.expression('date', scope, depth)})"

    def _text(self, _kind: str, scope: Scope, depth: int) -> str:
        one, other = self.expression("text", scope, depth), self.expression("text", scope, depth)
        number = self.pick(("0", "1", "2", "-1", "3"))
        made = (
            f"({one} || {other})",
            f"substring({one} from 1 for 2)",
            f"upper({one})",
            f"lower({one})",
            f"replace({one}, 'a', {other})",
            f"left({one}, {number})",
            f"right({one}, {number})",
            f"trim({one})",
            f"repeat({one}, 2)",
            f"reverse({one})",
            f"lpad({one}, 4, '*')",
            f"split_part({one}, ' ', 1)",
            f"concat({one}, {self.expression(self.pick(('int4', 'bool', 'text')), scope, depth)})",
            f"md5({one})",
            f"translate({one}, 'ab', 'x')",
            f"initcap({one})",
        )
        return self.pick(made)

    def _moved(self, kind: str, scope: Scope, depth: int) -> str:
        if kind == "date":
            return f"({self.expression('date', scope, depth)} {self.pick('+-')} {self.expression('int2', scope, 0)})"
        return f"({self.expression(kind, scope, depth)} {self.pick('+-')} {self.expression('interval', scope, depth)})"

    def _truncated(self, kind: str, scope: Scope, depth: int) -> str:
        unit = self.pick(("year", "month", "day", "hour", "week", "quarter", "decade"))
        return f"date_trunc('{unit}', {self.expression(kind, scope, depth)})"

    def _extracted(self, _kind: str, scope: Scope, depth: int) -> str:
        unit = self.pick(("year", "month", "day", "dow", "doy", "week", "quarter", "century", "epoch"))
        return f"extract({unit} from {self.expression(self.pick(('date', 'timestamp')), scope, depth)})"

    def truth(self, scope: Scope, depth: int) -> str:
        """A condition."""
        return self.expression("bool", scope, depth)

    def _logic(self, _kind: str, scope: Scope, depth: int) -> str:
        if self.chance(25):
            return f"(NOT {self.truth(scope, depth)})"
        return f"({self.truth(scope, depth)} {self.pick(('AND', 'OR'))} {self.truth(scope, depth)})"

    def _compared(self, _kind: str, scope: Scope, depth: int) -> str:
        kind = self.pick(self.kinds)
        other = self.pick(_NUMBERS) if kind in _NUMBERS and self.chance(30) else kind
        return f"({self.expression(kind, scope, depth)} {self.pick(_COMPARED)} {self.expression(other, scope, depth)})"

    def _tested(self, _kind: str, scope: Scope, depth: int) -> str:
        kind = self.pick(self.kinds)
        value = self.expression(kind, scope, depth)
        other = [self.expression(kind, scope, 0) for _ in range(1 + self.below(3))]
        no = self.pick(("", "NOT "))
        made = (
            f"({value} IS {no}NULL)",
            f"({value} {no}IN ({', '.join(other)}))",
            f"({value} {no}BETWEEN {other[0]} AND {other[-1]})",
            f"({self.expression('text', scope, depth)} {no}LIKE {self.pick(LIKED)})",
            f"({self.truth(scope, depth)} IS {no}{self.pick(('TRUE', 'FALSE', 'UNKNOWN'))})",
            f"({value} = {self.pick(('ANY', 'ALL'))} (ARRAY[{', '.join(other)}]))",
        )
        return self.pick(made)

    def _existing(self, _kind: str, scope: Scope, depth: int) -> str:
        table, alias, no = self.pick(self.tables), self.name("e"), self.pick(("", "NOT "))
        inside = self._inside(table, alias, scope)
        where = f" WHERE {self.truth(inside, depth)}" if self.chance(70) else ""
        if self.chance(40):
            return f"({no}EXISTS (SELECT 1 FROM {table.name} {alias}{where}))"
        kind = self.pick(self.kinds)
        rows = f"SELECT {self.expression(kind, inside, depth)} FROM {table.name} {alias}{where}"
        if self.chance(30):
            return f"({self.expression(kind, scope, depth)} {self.pick(_COMPARED[:6])} {self.pick(('ANY', 'ALL'))} ({rows}))"
        return f"({self.expression(kind, scope, depth)} {no}IN ({rows}))"

    # Queries.

    def source(self, depth: int) -> tuple[str, Scope]:
        """FROM with its columns."""
        table, alias = self.pick(self.tables), self.name("x")
        text, scope = f"{table.name} {alias}", Scope(self._inside(table, alias, Scope(())).columns)
        for _ in range(self.below(3)):
            table, alias = self.pick(self.tables), self.name("x")
            both = Scope(scope.columns + self._inside(table, alias, Scope(())).columns)
            form = self.pick(("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"))
            on = ""
            if form != "CROSS JOIN":
                # FULL JOIN takes conditions that can be merged or hashed.
                equal = f"{self.pick(scope.of('int4'))} = {alias}.{self.pick(('id', 'c0'))}"
                on = f" ON {equal}" if form == "FULL JOIN" or self.chance(60) else f" ON {self.truth(both, depth)}"
            text, scope = f"{text} {form} {table.name} {alias}{on}", both
        return text, scope

    def query(self) -> str:
        """A query whose rows have one order."""
        depth = 1 + self.below(2)
        text, scope = self.source(depth)
        where = f" WHERE {self.truth(scope, depth)}" if self.chance(60) else ""
        kinds = [self.pick(self.kinds) for _ in range(1 + self.below(3))]
        if self.chance(35):
            made = self._grouped(text + where, scope, depth)
        else:
            shown = [self.expression(kind, scope, depth) for kind in kinds]
            if self.chance(20):
                shown.append(self._window(scope, depth))
            distinct = "DISTINCT " if self.chance(20) else ""
            made = f"SELECT {distinct}{', '.join(shown)} FROM {text}{where}"
            if self.chance(15):
                other, inside = self.source(1)
                more = ", ".join(self.expression(kind, inside, 1) for kind in kinds)
                form = self.pick(("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL"))
                first = ", ".join(self.expression(kind, scope, 1) for kind in kinds)
                made = f"SELECT {first} FROM {text}{where} {form} SELECT {more} FROM {other}"
        return made

    def _window(self, scope: Scope, depth: int) -> str:
        first = self.pick(scope.of("int4"))
        call = self.pick(("rank()", "dense_rank()", "count(*)", f"sum({first})", f"min({first})"))
        return f"{call} OVER (PARTITION BY {self.expression('bool', scope, depth)} ORDER BY {first})"

    def _grouped(self, text: str, scope: Scope, depth: int) -> str:
        keys = [self.expression(self.pick(self.kinds), scope, self.below(2)) for _ in range(self.below(3))]
        found = []
        for _ in range(1 + self.below(3)):
            kind = self.pick(self.kinds)
            value = self.expression(kind, scope, depth - 1)
            name = self.pick(("count", "min", "max", "count(DISTINCT"))
            if kind == "bool":
                name = self.pick(("count", "bool_and", "bool_or"))
            elif kind in ("int2", "int4", "int8", "numeric") and self.chance(60):
                name = self.pick(("sum", "avg"))
            call = f"{name} {value})" if name.endswith("DISTINCT") else f"{name}({value})"
            found.append(call + (f" FILTER (WHERE {self.truth(scope, 0)})" if self.chance(15) else ""))
        shown = [f"({key}) AS k{place}" for place, key in enumerate(keys)] + found
        # By places: an expression that holds a literal alone would be one.
        by = f" GROUP BY {', '.join(str(place + 1) for place in range(len(keys)))}" if keys else ""
        having = f" HAVING {found[0].split(' FILTER')[0]} IS NOT NULL" if self.chance(15) else ""
        return f"SELECT {', '.join(shown)} FROM {text}{by}{having}"


LIKED = ("'a%'", "'%b'", "'_'", "'%'", "''", "'a\\_b'", "'%é%'", "'\\\\'")
MAKERS: dict[str, tuple[Callable[[Maker, str, Scope, int], str], ...]] = {
    "int2": (Maker._sum, Maker._rounded),
    "int4": (Maker._sum, Maker._sum, Maker._rounded, Maker._length, Maker._days),
    "int8": (Maker._sum, Maker._sum, Maker._rounded),
    "numeric": (Maker._sum, Maker._sum, Maker._rounded, Maker._extracted),
    "float8": (Maker._sum, Maker._rounded),
    "text": (Maker._text, Maker._text),
    "bool": (Maker._logic, Maker._logic, Maker._compared, Maker._compared, Maker._tested, Maker._existing),
    "date": (Maker._moved,),
    "timestamp": (Maker._moved, Maker._truncated),
    "interval": (Maker._sum,),
}
