"""Random statements on a random table.

Theory: decisions are draws of Hypothesis, so that a sequence that shows a difference shrinks; values come from small pools
(pools.py), so that keys, elements and timestamps meet. One statement in some is wrong on purpose: refusals are compared too.
Invariant: the text and the values depend on the draws alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from cql_answers import Step
from cql_peer import UNSET, Settings, Value
from hypothesis import strategies as st
from pools import pool, shown
from schemas import Column, Table

from hyperdb.frontends.cql.types import json_text
from hyperdb.frontends.cql.types.model import Field, List, Map, Native, Set, Type, Udt

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[Any]], Any]
START = 2_000_000_000
"""The time of the first statement, in seconds: ahead of the machine's, by which stores work off what has ended."""
INT = Native("int")


class Sentence:
    """One statement in the making."""

    def __init__(self, draw: Draw, table: Table, now: int, settings: Settings) -> None:
        self.draw = draw
        self.table = table
        self.now = now
        self.settings = settings
        self.values: list[Value] = []
        self.binds = self.chance(0.4)
        self.is_wrong = self.chance(0.04)

    def step(self, text: str) -> Step:
        """What was made."""
        return Step(text, tuple(self.values), self.settings, prepares=self.chance(0.3))

    # Draws; the first of a choice is what examples shrink to.

    def pick(self, among: Sequence[T]) -> T:
        found: T = self.draw(st.sampled_from(list(among)))
        return found

    def chance(self, share: float) -> bool:
        return bool(self.draw(st.integers(0, 99)) >= 100 - share * 100)

    def some(self, among: Sequence[T], least: int = 0, most: int = 4) -> list[T]:
        """Some of them, in any order."""
        most = min(most, len(among))
        if most < least or not among:
            return list(among)
        found: list[T] = self.draw(
            st.lists(st.sampled_from(list(among)), min_size=least, max_size=most, unique_by=lambda each: str(each))
        )
        return found

    # Values.

    def value(self, kind: Type, nulls: float = 0.0, unset: float = 0.0) -> str:
        """A value as text, or a marker with the value beside."""
        if self.is_wrong and self.chance(0.3):
            kind = self.pick([INT, Native("text"), Native("boolean"), List(INT), Map(INT, INT)])
        absent = self.chance(nulls) if nulls else False
        if self.binds and self.chance(0.7):
            if unset and self.chance(unset):
                self.values.append(UNSET)
            else:
                self.values.append(None if absent else self.pick(pool(kind)))
                if self.is_wrong and self.chance(0.1):
                    self.values[-1] = self.pick([b"", b"\1", b"\0\0\0\1", b"\xff" * 8])
            return "?"
        return "null" if absent else shown(kind, self.pick(pool(kind)))

    def number(self, among: Sequence[int]) -> str:
        """A TTL, timestamp or limit."""
        found = self.pick(among)
        return str(found)

    # Clauses.

    def using(self, ttl: bool = True, timestamp: bool = True) -> str:
        """USING, or nothing."""
        parts = []
        if timestamp and self.chance(0.5):
            parts.append(f"TIMESTAMP {self.number([3, 1, 2, 4, 5, 6])}")
        if ttl and self.chance(0.2):
            parts.append(f"TTL {self.number([10, 30, 0, 1000])}")
        return f" USING {' AND '.join(parts)}" if parts else ""

    def equal(self, column: Column) -> str:
        """`column = value`."""
        return f"{column.name} = {self.value(column.type, nulls=0.01)}"

    def among(self, column: Column) -> str:
        """`column IN (...)`."""
        count = self.draw(st.integers(0 if self.is_wrong else 1, 3))
        return f"{column.name} IN ({', '.join(self.value(column.type) for _ in range(count))})"

    def key(self, columns: Sequence[Column], in_share: float = 0.0) -> list[str]:
        """Equality on columns."""
        return [self.among(each) if in_share and self.chance(in_share) else self.equal(each) for each in columns]

    # Changes.

    def change(self, conditional: bool = True, timed: bool = True) -> str:
        """A statement that writes."""
        kinds: list[Callable[[bool, bool], str]] = [self.insert, self.update, self.delete]
        if self.table.is_counter:
            # A counter that was deleted and is used again has any value in Cassandra.
            kinds = [self.update]
        elif self.chance(0.1):
            kinds = [self.insert_json]
        return self.pick(kinds)(conditional, timed)

    def insert(self, conditional: bool, timed: bool) -> str:
        keys = [c for c in self.table.columns if c.is_key]
        others = self.some(self.table.of("static", "regular"), most=5)
        if self.chance(0.08) and self.table.of("clustering"):
            keys, others = list(self.table.of("partition")), [c for c in others if c.role == "static"]
        if self.is_wrong and self.chance(0.3):
            keys = self.some(keys)
        columns = [*keys, *others]
        values = [self.value(c.type, 0.01 if c.is_key else 0.15, 0.0 if c.is_key else 0.1) for c in columns]
        text = f"INSERT INTO {self.table.full} ({', '.join(c.name for c in columns)}) VALUES ({', '.join(values)})"
        once = conditional and self.chance(0.1)
        return text + (" IF NOT EXISTS" if once else "") + self.using(timestamp=timed and not (once and not self.is_wrong))

    def insert_json(self, conditional: bool, timed: bool) -> str:
        keys = [c for c in self.table.columns if c.is_key]
        columns = [*keys, *self.some(self.table.of("static", "regular"), most=4)]
        parts = []
        for column in columns:
            data = None if not column.is_key and self.chance(0.1) else self.pick(pool(column.type))
            shown = "null" if data is None else json_text.write(column.type, data)
            parts.append(f'"{column.name}": {shown}')
        body = "{" + ", ".join(parts) + "}"
        unset = self.pick(["", " DEFAULT UNSET", " DEFAULT NULL"])
        once = conditional and self.chance(0.1)
        text = f"INSERT INTO {self.table.full} JSON '{body.replace(chr(39), chr(39) * 2)}'{unset}"
        return text + (" IF NOT EXISTS" if once else "") + self.using(timestamp=timed and not once)

    def update(self, conditional: bool, timed: bool) -> str:
        statics, regulars = self.table.of("static"), self.table.of("regular")
        is_static = bool(statics) and (not regulars or self.chance(0.25))
        columns = self.some(statics if is_static else [*regulars, *statics], least=1, most=3)
        decides = conditional and not self.table.is_counter and self.chance(0.15)
        using = self.using(ttl=not self.table.is_counter, timestamp=timed and not decides and not self.table.is_counter)
        changes = ", ".join(self.assignment(c) for c in columns) or "v9 = 1"
        where = self.row(static=all(c.role == "static" for c in columns), many=not decides)
        return f"UPDATE {self.table.full}{using} SET {changes} WHERE {where}" + (self.condition() if decides else "")

    def row(self, static: bool, many: bool = True) -> str:
        """The WHERE of a row, or of a partition's static columns."""
        share = 0.08 if many else 0.0
        parts = self.key(self.table.of("partition"), share)
        clustering = self.table.of("clustering")
        if not static or self.chance(0.15):
            parts += self.key(clustering, share)
        if self.is_wrong and self.chance(0.3):
            parts = self.some(parts, least=1)
        return " AND ".join(parts)

    def assignment(self, column: Column) -> str:
        """One of SET."""
        name, kind = column.name, column.type
        match kind:
            case Native("counter"):
                sign = self.pick("+-")
                amount = self.pick(["1", "2", "9223372036854775807"])
                return f"{name} = {name} {sign} {amount}" if self.chance(0.7) else f"{name} {sign}= {amount}"
            case List(element) if column.is_multi and self.chance(0.7):
                item = self.value(element, nulls=0.02)
                forms = [
                    f"{name} = {name} + [{item}]",
                    f"{name} = [{item}] + {name}",
                    f"{name} += [{item}]",
                    f"{name} = {name} - [{item}]",
                    f"{name}[{self.number([0, 1, 2, -1])}] = {item}",
                ]
                return self.pick(forms)
            case Set(element) if column.is_multi and self.chance(0.7):
                item = self.value(element, nulls=0.02)
                return self.pick([f"{name} = {name} + {{{item}}}", f"{name} = {name} - {{{item}}}", f"{name} += {{{item}}}"])
            case Map(key, value) if column.is_multi and self.chance(0.7):
                form = self.pick(["put", "add", "remove"])
                if form == "remove":
                    return f"{name} = {name} - {{{self.value(key)}}}"
                if form == "put":
                    return f"{name}[{self.value(key)}] = {self.value(value, nulls=0.2, unset=0.05)}"
                return f"{name} = {name} + {{{self.value(key)}: {self.value(value)}}}"
            case Udt(fields=fields) if column.is_multi and self.chance(0.6):
                field = self.pick(fields)
                return f"{name}.{field.name} = {self.value(field.type, nulls=0.2, unset=0.05)}"
        return f"{name} = {self.value(kind, nulls=0.15, unset=0.1)}"

    def condition(self) -> str:
        """IF of an UPDATE or DELETE."""
        if self.chance(0.2):
            return " IF EXISTS"
        columns = self.some(self.table.of("regular", "static"), least=1, most=2)
        return f" IF {' AND '.join(self.test(c) for c in columns)}" if columns else " IF EXISTS"

    def test(self, column: Column) -> str:
        """One condition."""
        name, kind = column.name, column.type
        match kind:
            case Map(key, value) if self.chance(0.4):
                return f"{name}[{self.value(key)}] {self.operator()} {self.value(value, nulls=0.2)}"
            case List(element) if self.chance(0.4):
                return f"{name}[{self.number([0, 1, 3])}] {self.operator()} {self.value(element, nulls=0.2)}"
            case Udt(fields=fields) if self.chance(0.4):
                field: Field = self.pick(fields)
                return f"{name}.{field.name} {self.operator()} {self.value(field.type, nulls=0.2)}"
        if self.chance(0.15):
            return self.among(column)
        return f"{name} {self.operator()} {self.value(kind, nulls=0.25)}"

    def operator(self) -> str:
        return self.pick(["=", "=", "=", "!=", "<", ">", "<=", ">="])

    def delete(self, conditional: bool, timed: bool) -> str:
        statics, regulars, clustering = self.table.of("static"), self.table.of("regular"), self.table.of("clustering")
        decides = conditional and not self.table.is_counter and self.chance(0.12)
        using = self.using(ttl=False, timestamp=timed and not decides and not self.table.is_counter)
        form = self.pick(["row", "columns", "partition", "range", "range"])
        columns: list[Column] = []
        if form == "columns":
            columns = self.some([*regulars, *statics], least=1, most=2)
        what = ", ".join(self.removed(c) for c in columns)
        if form == "partition":
            where = " AND ".join(self.key(self.table.of("partition"), 0.05))
        elif form == "range" and clustering and not decides:
            where = " AND ".join([*self.key(self.table.of("partition"), 0.05), *self.slice(clustering, orders=True)])
        else:
            where = self.row(static=bool(columns) and all(c.role == "static" for c in columns), many=not decides)
        text = f"DELETE {what} FROM" if what else "DELETE FROM"
        return f"{text} {self.table.full}{using} WHERE {where}" + (self.condition() if decides else "")

    def removed(self, column: Column) -> str:
        """What DELETE names of a column."""
        match column.type:
            case Map(key) if column.is_multi and self.chance(0.6):
                return f"{column.name}[{self.value(key)}]"
            case List() if column.is_multi and self.chance(0.4):
                return f"{column.name}[{self.number([0, 1])}]"
            case Set(element) if column.is_multi and self.chance(0.4):
                return f"{column.name}[{self.value(element)}]"
            case Udt(fields=fields) if column.is_multi and self.chance(0.4):
                return f"{column.name}.{self.pick(fields).name}"
        return column.name

    def slice(self, clustering: Sequence[Column], orders: bool = False) -> list[str]:
        """A prefix of the clustering columns, then bounds of the next."""
        fixed = self.draw(st.integers(0, len(clustering) - (1 if orders else 0)))
        parts = self.key(clustering[:fixed], 0.0 if orders else 0.15)
        if fixed == len(clustering):
            return parts
        rest = clustering[fixed:]
        if self.chance(0.25):
            width = self.draw(st.integers(1, len(rest)))
            names = ", ".join(c.name for c in rest[:width])
            if not orders and self.chance(0.3):
                rows = ", ".join(self.row_of(rest[:width]) for _ in range(self.draw(st.integers(1, 2))))
                return [*parts, f"({names}) IN ({rows})"]
            bounds = [op + " " + self.row_of(rest[:width]) for op in self.bounds()]
            return [*parts, *(f"({names}) {bound}" for bound in bounds)]
        column = rest[0]
        return [*parts, *(f"{column.name} {op} {self.value(column.type)}" for op in self.bounds())]

    def row_of(self, columns: Sequence[Column]) -> str:
        """`(value, ...)`."""
        return f"({', '.join(self.value(c.type) for c in columns)})"

    def bounds(self) -> list[str]:
        return list(self.pick([(">=",), (">",), ("<",), ("<=",), (">", "<"), (">=", "<="), (">", "<="), (">=", "<")]))

    def batch(self) -> str:
        """A BATCH as text."""
        kind = self.pick(["", "UNLOGGED "])
        if self.table.is_counter:
            kind = "COUNTER "
        timed = self.chance(0.3) and not self.table.is_counter
        decides = not timed and self.chance(0.15)
        using = f" USING TIMESTAMP {self.number([3, 1, 5])}" if timed else ""
        count = self.draw(st.integers(1, 4))
        body = "; ".join(self.change(conditional=decides, timed=not timed and not decides) for _ in range(count))
        return f"BEGIN {kind}BATCH{using} {body}; APPLY BATCH"
