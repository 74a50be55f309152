"""Random queries over more types and forms: arrays, jsonb, times and zones, patterns, frames, grouping sets, recursion.

Theory: as `random_sql`, whose choices these extend. Only what has one right answer is made: windows and DISTINCT ON order by a
key of the joined rows, aggregates over rows in an order say which. Invariant: the same choices, the same text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from random_forms import CASTS as MORE_CASTS
from random_forms import LISTS, MORE, WIDE, literal
from random_forms import MAKERS as MORE_MAKERS
from random_sql import CASTS, LITERALS, MAKERS, Maker, Scope, quoted

_FRAMES = (
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
    "ROWS BETWEEN 2 FOLLOWING AND UNBOUNDED FOLLOWING",
    "ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING",
    "ROWS 2 PRECEDING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    "RANGE UNBOUNDED PRECEDING",
    "GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
    "GROUPS BETWEEN CURRENT ROW AND 2 FOLLOWING",
    "GROUPS BETWEEN 1 FOLLOWING AND 1 FOLLOWING",
)
_OFFSETS = {
    "int4": ("1", "0", "10"),
    "int8": ("5", "0"),
    "numeric": ("1.5", "0"),
    "float8": ("1.5", "0"),
    "date": ("'1 day'::interval", "'1 mon'::interval"),
    "timestamp": ("'36:00:00'::interval", "'1 year'::interval"),
    "interval": ("'1 day'::interval",),
}
_EXCLUDED = ("", " EXCLUDE CURRENT ROW", " EXCLUDE GROUP", " EXCLUDE TIES", " EXCLUDE NO OTHERS")


@dataclass
class Wide(Maker):
    """Makes queries of all forms."""

    kinds: tuple[str, ...] = WIDE

    def makers(self, kind: str) -> tuple[Callable[..., str], ...]:
        """As in `Maker`, with more."""
        return (*MAKERS.get(kind, ()), *MORE_MAKERS.get(kind, ()))

    def literals(self, kind: str) -> tuple[str, ...]:
        """As in `Maker`, with more."""
        return LITERALS.get(kind) or MORE[kind]

    def casts(self, kind: str) -> tuple[str, ...]:
        """As in `Maker`, with more."""
        return MORE_CASTS.get(kind) or CASTS[kind]

    def _leaf(self, kind: str, scope: Scope) -> str:
        if kind not in MORE:
            return super()._leaf(kind, scope)
        columns = scope.of(kind)
        if columns and self.chance(75):
            return self.pick(columns)
        return f"NULL::{kind}" if self.chance(8) else literal(kind, self.pick(MORE[kind]))

    def _scalar(self, kind: str, scope: Scope, depth: int) -> str:
        # There is no least value of these.
        return self._leaf(kind, scope) if kind == "jsonb" else super()._scalar(kind, scope, depth)

    def _of(self, forms: tuple[str, ...], scope: Scope, depth: int) -> str:
        """One of the forms, with `{type}` replaced by expressions of that type and `{#name}` by one of a list."""
        form = self.pick(forms)
        made, rest = "", form
        while "{" in rest:
            before, _, rest = rest.partition("{")
            what, _, rest = rest.partition("}")
            made += before
            made += self.pick(LISTS[what[1:]]) if what.startswith("#") else self.expression(what, scope, depth)
        return made + rest

    # Queries.

    def query(self) -> str:
        """A query of which each row is as it must be."""
        form = self.below(12)
        if form < 3:
            return super().query()
        makers = (
            self._framed,
            self._framed,
            self._sets,
            self._operations,
            self._recursive,
            self._lateral,
            self._first_of_each,
            self._derived,
            self._collected,
        )
        return makers[form - 3](1 + self.below(2))

    def _keyed(self, scope: Scope) -> str:
        """Columns by which the rows have one order."""
        return ", ".join(name for name, _ in scope.columns if name.endswith(".id"))

    def _framed(self, depth: int) -> str:
        text, scope = self.source(depth)
        where = f" WHERE {self.truth(scope, depth)}" if self.chance(40) else ""
        shown = [self._leaf(self.pick(self.kinds), scope), *(self._over(scope, depth) for _ in range(1 + self.below(2)))]
        return f"SELECT {', '.join(shown)} FROM {text}{where}"

    def _over(self, scope: Scope, depth: int) -> str:
        key = self._keyed(scope)
        kind = self.pick(tuple(_OFFSETS))
        by = self.expression(kind, scope, self.below(2))
        partition = f"PARTITION BY {self.expression(self.pick(self.kinds), scope, 1)} " if self.chance(50) else ""
        value = self.expression(self.pick(("int4", "numeric", "text")), scope, depth)
        number = self.pick(("1", "2", "0", "3"))
        if self.chance(35):
            # Rows that are equal in the order stand for each other in these.
            offset = self.pick(_OFFSETS[kind])
            ends = self.pick(
                (
                    f"{offset} PRECEDING AND {offset} FOLLOWING",
                    f"{offset} PRECEDING AND CURRENT ROW",
                    f"UNBOUNDED PRECEDING AND {offset} FOLLOWING",
                )
            )
            frame = f"RANGE BETWEEN {ends}{self.pick(_EXCLUDED)}"
            call = self.pick(("count(*)", f"min({value})", f"max({value})", f"count({value})"))
            ways = self.pick(("", " DESC")) + self.pick(("", " NULLS FIRST", " NULLS LAST"))
            return f"{call} OVER ({partition}ORDER BY {by}{ways} {frame})"
        order = f"ORDER BY {by}{self.pick(('', ' DESC'))}{self.pick(('', ' NULLS FIRST'))}, {key}"
        if self.chance(35):
            call = self.pick(
                (
                    "row_number()",
                    "rank()",
                    "dense_rank()",
                    "percent_rank()",
                    "cume_dist()",
                    f"ntile({self.pick('123')})",
                    f"lag({value}, {number})",
                    f"lead({value})",
                )
            )
            return f"{call} OVER ({partition}{order})"
        call = self.pick(
            (
                f"first_value({value})",
                f"last_value({value})",
                f"nth_value({value}, {self.pick('123')})",
                "count(*)",
                f"max({value})",
                f"sum({self.expression('int4', scope, 0)})",
                f"avg({self.expression('numeric', scope, 0)})",
                f"array_agg({self.expression('int4', scope, 0)})",
                f"string_agg({self.expression('text', scope, 0)}, ',')",
            )
        )
        return f"{call} OVER ({partition}{order} {self.pick(_FRAMES)}{self.pick(_EXCLUDED)})"

    def _sets(self, depth: int) -> str:
        text, scope = self.source(depth)
        names = [name for name, kind in scope.columns if kind != "jsonb"]
        keys = list(dict.fromkeys(self.pick(names) for _ in range(3)))
        where = f" WHERE {self.truth(scope, depth)}" if self.chance(40) else ""
        one, many = keys[0], ", ".join(keys)
        by = self.pick(
            (
                f"ROLLUP ({many})",
                f"CUBE ({many})",
                f"GROUPING SETS (({many}), ({one}), ())",
                f"GROUPING SETS (({one}), ROLLUP ({many}))",
                f"{one}, ROLLUP ({many})",
            )
        )
        call = self.pick(
            (
                "count(*)",
                f"sum({self.expression('int4', scope, 1)})",
                f"max({self.expression('text', scope, 1)})",
                f"count(DISTINCT {self.expression('int4', scope, 0)})",
            )
        )
        having = f" HAVING count(*) {self.pick(('>', '<'))} {self.pick('12')}" if self.chance(25) else ""
        return (
            f"SELECT {many}, grouping({many}), {call} FROM {text}{where} GROUP BY {self.pick(('', '', 'DISTINCT '))}{by}{having}"
        )

    def _operations(self, depth: int) -> str:
        kinds = [self.pick(self.kinds) for _ in range(1 + self.below(2))]
        kinds = [kind if kind != "jsonb" else "text" for kind in kinds]

        def part() -> str:
            text, scope = self.source(1)
            where = f" WHERE {self.truth(scope, 1)}" if self.chance(30) else ""
            return f"SELECT {', '.join(self.expression(kind, scope, depth - 1) for kind in kinds)} FROM {text}{where}"

        signs = ("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL")
        made = part()
        for _ in range(1 + self.below(3)):
            made = f"({made}) {self.pick(signs)} {part()}" if self.chance(50) else f"{part()} {self.pick(signs)} ({made})"
        if self.chance(40):
            order = ", ".join(str(place + 1) + self.pick(("", " DESC", " NULLS FIRST")) for place in range(len(kinds)))
            part = self.pick(("LIMIT 3", "OFFSET 2", "FETCH FIRST 2 ROWS WITH TIES", "LIMIT 4 OFFSET 1"))
            made = f"{made} ORDER BY {order} {part}"
        return made

    def _recursive(self, depth: int) -> str:
        table, alias = self.pick(self.tables), self.name("r")
        scope = Scope(self._inside(table, alias, Scope(())).columns)
        both = Scope((*scope.columns, ("w.n", "int4"), ("w.t", "text")))
        first = f"SELECT {self.expression('int4', scope, 0)}, {self.expression('text', scope, 0)} FROM {table.name} {alias}"
        sign = self.pick(("UNION", "UNION ALL"))
        step = f"SELECT w.n + 1, left(w.t || {self.expression('text', both, depth - 1)}, 3) FROM w"
        if self.chance(50):
            step += f" JOIN {table.name} {alias} ON {alias}.id = w.n"
        else:
            step = step.replace(f"{alias}.", "w.").replace("w.id", "w.n")
            step = f"SELECT w.n + 1, left(w.t || {quoted('text', self.pick(LITERALS['text']))}, 3) FROM w"
        common = f"WITH RECURSIVE w(n, t) AS ({first} {sign} {step} WHERE w.n BETWEEN 0 AND 6)"
        return f"{common} SELECT n, t, count(*) FROM w GROUP BY 1, 2"

    def _lateral(self, depth: int) -> str:
        text, scope = self.source(1)
        inner, alias = self.pick(self.tables), self.name("l")
        inside = self._inside(inner, alias, scope)
        one = self.expression("int4", inside, depth)
        form = self.pick(("CROSS JOIN LATERAL", "LEFT JOIN LATERAL"))
        on = " ON true" if form.startswith("LEFT") else ""
        kind = self.below(4)
        if kind == 0:
            where = f"WHERE {self.truth(inside, depth)} ORDER BY 1, 2 LIMIT 2"
            made = f"(SELECT {one} AS v, {alias}.id AS k FROM {inner.name} {alias} {where}) y"
        elif kind == 1:
            made = f"(SELECT count(*) AS v, max({alias}.id) AS k FROM {inner.name} {alias} WHERE {self.truth(inside, depth)}) y"
        elif kind == 2:
            made = f"generate_series(0, least({self.expression('int4', scope, 0)}, 3)) WITH ORDINALITY y(v, k)"
        else:
            made = f"unnest({self.expression('int4[]', scope, 1)}) WITH ORDINALITY y(v, k)"
        return f"SELECT {self._keyed(scope)}, y.v, y.k FROM {text} {form} {made}{on}"

    def _first_of_each(self, depth: int) -> str:
        text, scope = self.source(depth)
        by = self.expression(self.pick(tuple(kind for kind in self.kinds if kind != "jsonb")), scope, depth)
        shown = self.expression(self.pick(self.kinds), scope, depth)
        order = f"ORDER BY {by}{self.pick(('', ' DESC'))}, {self._keyed(scope)}{self.pick(('', ' DESC'))}"
        return f"SELECT DISTINCT ON ({by}) {by}, {shown} FROM {text} {order}{self.pick(('', '', ' LIMIT 2'))}"

    def _derived(self, depth: int) -> str:
        kinds = ["int4", *(self.pick(self.kinds) for _ in range(2))]
        text, scope = self.source(1)
        columns = ", ".join(f"{self.expression(kind, scope, depth - 1)} AS d{place}" for place, kind in enumerate(kinds))
        where = f" WHERE {self.truth(scope, 1)}" if self.chance(50) else ""
        query = f"SELECT {columns} FROM {text}{where}"
        alias = self.name("q")
        outer = Scope(tuple((f"{alias}.d{place}", kind) for place, kind in enumerate(kinds)))
        shown = ", ".join(self.expression(kind, outer, 1) for kind in kinds)
        test = f" WHERE {self.truth(outer, depth)}" if self.chance(60) else ""
        if self.chance(50):
            material = self.pick(("", "MATERIALIZED ", "NOT MATERIALIZED "))
            other = self.name("q")
            join = f" JOIN c {other} ON {other}.d0 = {alias}.d0" if self.chance(40) else ""
            return f"WITH c AS {material}({query}) SELECT {shown} FROM c {alias}{join}{test}"
        return f"SELECT {shown} FROM ({query}) {alias}{test}"

    def _collected(self, depth: int) -> str:
        text, scope = self.source(1)
        key = self._keyed(scope)
        by = self.expression(self.pick(("bool", "int2", "text")), scope, depth - 1)
        value = self.expression(self.pick(("text", "int4", "date")), scope, depth)
        word = self.expression("text", scope, depth)
        calls = (
            f"array_agg({value} ORDER BY {key})",
            f"string_agg({word}, '-' ORDER BY {key})",
            f"jsonb_agg({value} ORDER BY {key})",
            f"json_object_agg({key.split(', ')[0]}, {word} ORDER BY {key})",
            f"(array_agg(DISTINCT {value}))[1]",
            f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {value})",
            f"mode() WITHIN GROUP (ORDER BY {value})",
            f"bit_and({self.expression('int4', scope, 0)})",
            f"every({self.truth(scope, 1)})",
            f"count(*) FILTER (WHERE {self.truth(scope, 1)})",
            f"var_pop({self.expression('int4', scope, 0)})",
            f"stddev({self.expression('int4', scope, 0)})",
        )
        shown = ", ".join(self.pick(calls) for _ in range(2))
        return f"SELECT ({by}) AS k, {shown} FROM {text} GROUP BY 1"
