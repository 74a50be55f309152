"""Random SELECTs of a random table.

Invariant: none reads the clock: what would (`now()`, times of writes that nobody set) is left to written cases.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from schemas import Column, Table
from sentences import Sentence

from hyperdb.frontends.cql.types.model import List, Map, Native, Set, Udt

_NUMBERS = frozenset({"bigint", "decimal", "double", "float", "int", "smallint", "tinyint", "varint", "counter"})
_CASTS = ["text", "int", "bigint", "double", "decimal", "varint", "float", "timestamp", "date", "smallint", "tinyint", "ascii"]


class Question(Sentence):
    """A SELECT in the making."""

    def select(self, source: str | None = None) -> str:
        """A SELECT of the table, or of what else has its columns."""
        table = self.table
        shape = self.pick(["rows", "rows", "rows", "distinct", "group", "count"])
        what, tail = "", ""
        if shape == "distinct":
            what = "DISTINCT " + ", ".join(c.name for c in [*table.of("partition"), *self.some(table.of("static"))])
            where = self.partitions()
        elif shape == "group":
            grouped = self.grouping()
            what = ", ".join([*(c.name for c in grouped), *(self.aggregate() for _ in range(self.draw(st.integers(0, 2))))])
            where, tail = self.where(), f" GROUP BY {', '.join(c.name for c in grouped)}"
        else:
            what = ", ".join(self.aggregate() for _ in range(self.draw(st.integers(1, 3)))) if shape == "count" else self.what()
            where = self.where()
        if self.chance(0.06):
            what = f"JSON {what}"
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        tail += self.order() + self.limits()
        return f"SELECT {what} FROM {source or table.full}{condition}{tail}" + (" ALLOW FILTERING" if self.chance(0.5) else "")

    # What is selected.

    def what(self) -> str:
        """Columns, and functions of them."""
        if self.chance(0.5):
            return "*"
        return ", ".join(self.selector() for _ in range(self.draw(st.integers(1, 4))))

    def selector(self) -> str:
        """One of a SELECT's."""
        column = self.pick(self.table.columns)
        shown = self.of(column)
        return f"{shown} AS a{self.draw(st.integers(0, 2))}" if self.chance(0.1) else shown

    def of(self, column: Column) -> str:
        name, kind = column.name, column.type
        forms = [name, name, f"toJson({name})"]
        if not column.is_key or self.is_wrong:
            forms += [f"writetime({name})", f"ttl({name})", f"maxwritetime({name})"]
        match kind:
            case Native(native):
                forms += [f"CAST({name} AS {self.pick(_CASTS)})"] if native not in ("duration",) or self.is_wrong else []
                forms += [f"{native}AsBlob({name})"] if native not in ("blob", "counter") else []
                if native in _NUMBERS:
                    forms += [f"{name} + 1", f"-{name}", f"{name} * 2 - {name}", f"{name} / 2", f"{name} % 3", f"abs({name})"]
                if native in ("timestamp", "date", "timeuuid"):
                    forms += [f"toDate({name})", f"toTimestamp({name})", f"toUnixTimestamp({name})"]
            case Map(key) if not kind.frozen or self.chance(0.5):
                forms += [f"{name}[{self.value(key)}]", f"map_keys({name})", f"map_values({name})", f"collection_count({name})"]
                forms += [f"writetime({name}[{self.value(key)}])", f"{name}[{self.value(key)}..{self.value(key)}]"]
            case Set(element):
                forms += [f"{name}[{self.value(element)}]", f"{name}[{self.value(element)}..]", f"collection_min({name})"]
            case List():
                forms += [f"collection_count({name})", f"collection_max({name})"]
            case Udt(fields=fields):
                field = self.pick(fields)
                forms += [f"{name}.{field.name}", f"writetime({name}.{field.name})"]
        return self.pick(forms)

    def aggregate(self) -> str:
        column = self.pick(self.table.columns)
        forms = ["count(*)", f"count({column.name})", f"max({column.name})", f"min({column.name})"]
        if isinstance(column.type, Native) and (column.type.name in _NUMBERS or self.is_wrong):
            forms += [f"sum({column.name})", f"avg({column.name})"]
        return self.pick(forms)

    def grouping(self) -> list[Column]:
        keys = [*self.table.of("partition"), *self.table.of("clustering")]
        least = len(self.table.of("partition"))
        count = self.draw(st.integers(1 if self.is_wrong else least, len(keys)))
        return keys[:count]

    # Which rows.

    def partitions(self) -> list[str]:
        """Conditions on the partition key."""
        keys = self.table.of("partition")
        form = self.pick(["all", "one", "token"])
        if form == "one":
            return self.key(keys, 0.25)
        if form == "token":
            names = ", ".join(c.name for c in keys)
            return [f"token({names}) {op} token({', '.join(self.value(c.type) for c in keys)})" for op in self.bounds()]
        return []

    def where(self) -> list[str]:
        """Conditions."""
        clustering = self.table.of("clustering")
        form = self.pick(["all", "key", "key", "key", "slice", "any"])
        if form == "all":
            return self.partitions()
        if form == "any":
            return [self.restriction(c) for c in self.some(self.table.columns, least=1, most=3)]
        parts = self.key(self.table.of("partition"), 0.15)
        if clustering and form == "slice":
            parts += self.slice(clustering)
        if self.chance(0.15):
            parts += [self.restriction(c) for c in self.some(self.table.columns, most=2)]
        return parts

    def restriction(self, column: Column) -> str:
        """Any condition on any column."""
        name, kind = column.name, column.type
        match kind:
            case List(element) | Set(element) if self.chance(0.7):
                return f"{name} CONTAINS {self.value(element)}"
            case Map(key, value) if self.chance(0.8):
                forms = [
                    lambda: f"{name} CONTAINS {self.value(value)}",
                    lambda: f"{name} CONTAINS KEY {self.value(key)}",
                    lambda: f"{name}[{self.value(key)}] = {self.value(value)}",
                ]
                return self.pick(forms)()
        if self.chance(0.15):
            return self.among(column)
        return f"{name} {self.pick(['=', '=', '>', '<', '>=', '<=', '!='][: 7 if self.is_wrong else 6])} {self.value(kind)}"

    # Order and limits.

    def order(self) -> str:
        clustering = self.table.of("clustering")
        if not clustering or self.chance(0.75):
            return ""
        count = self.draw(st.integers(1, len(clustering)))
        turned = self.chance(0.5)
        parts = []
        for column in clustering[:count]:
            descends = column.descends != turned
            if self.is_wrong and self.chance(0.4):
                descends = not descends
            parts.append(f"{column.name} {'DESC' if descends else 'ASC'}")
        return f" ORDER BY {', '.join(parts)}"

    def limits(self) -> str:
        text = ""
        if self.chance(0.15):
            text += f" PER PARTITION LIMIT {self.number([1, 2, 3])}"
        if self.chance(0.2):
            text += f" LIMIT {self.number([1, 2, 3, 5])}"
        return text


def everything(table: Table) -> list[str]:
    """What is asked after every sequence: all rows, all times of writes, in both directions."""
    cells = table.of("static", "regular")
    asked = [f"SELECT * FROM {table.full}", *(f"SELECT * FROM {name}" for name, _ in table.views)]
    if cells:
        times = [f"writetime({c.name}), ttl({c.name})" for c in cells] if not table.is_counter else [c.name for c in cells]
        asked.append(f"SELECT {', '.join(times)} FROM {table.full}")
        asked.append(f"SELECT JSON * FROM {table.full}")
    asked.append(f"SELECT DISTINCT {', '.join(_names([*table.of('partition'), *table.of('static')]))} FROM {table.full}")
    return asked


def _names(columns: Sequence[Column]) -> list[str]:
    return [column.name for column in columns]
