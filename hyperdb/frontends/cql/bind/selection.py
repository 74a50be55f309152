"""What a SELECT selects: columns, parts of them, their times, functions, aggregates; and what is asked of the rows for it.

Theory: rows come with what the plan asks for, each question once (`Asked`), whoever asks: a selector, a filter, a group. An
aggregate is computed over a group's rows first; expressions around it see its result behind the columns of the group's first
row. Invariant: places in `asked` do not change once they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hyperdb.frontends.cql.bind.calls import Expressions
from hyperdb.frontends.cql.bind.frame import Frame, Row, Value
from hyperdb.frontends.cql.bind.markers import Markers, Receiver
from hyperdb.frontends.cql.bind.masking import masking
from hyperdb.frontends.cql.bind.terms import Expression
from hyperdb.frontends.cql.describe.schema import Column as TableColumn
from hyperdb.frontends.cql.describe.schema import Role
from hyperdb.frontends.cql.functions.aggregates import COUNT_ROWS, Aggregate, aggregate
from hyperdb.frontends.cql.functions.registry import AGGREGATES
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse import text
from hyperdb.frontends.cql.parse.statements import Selector
from hyperdb.frontends.cql.protocol.responses import Column
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.types import codec, containers, ordering
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BIGINT, INT, List, Map, Set, Type, Udt, frozen, is_multi_cell
from hyperdb.frontends.cql.types.names import show

VALUE, WRITETIME, TTL, MAXWRITETIME = range(4)
_TIMES = {"writetime": WRITETIME, "ttl": TTL, "maxwritetime": MAXWRITETIME}
_INT, _BIGINT = codec.codec(INT).encode, codec.codec(BIGINT).encode


@dataclass(frozen=True, slots=True)
class Aggregated:
    """An aggregate over the rows of a group; no argument where it is of the rows themselves."""

    aggregate: Aggregate
    argument: Expression | None


@dataclass(frozen=True, slots=True)
class Selected:
    """What goes out for each row, or each group."""

    columns: tuple[Column, ...]
    expressions: tuple[Expression, ...]
    aggregates: tuple[Aggregated, ...]
    picks: tuple[int, ...] | None
    """Places in the row, where all that is selected is columns as they are."""


class Selecting(Expressions):
    """Binds expressions over the columns of a table."""

    def __init__(self, markers: Markers, served: Served, find: Callable[[str | None, str], Udt]) -> None:
        super().__init__(markers, served.keyspace, served.name, find)
        self.served = served
        self.asked: list[tuple[str, int]] = []
        self.aggregates: list[Aggregated] = []
        self._is_within = False
        self.shows = False
        """Whether what is bound goes out to the client, so that columns are masked."""

    def column(self, name: str) -> TableColumn:
        """A column.

        Raises:
            CqlError: invalid: there is none.
        """
        found = self.served.columns.get(name)
        if found is None:
            raise invalid(f"Undefined column name {name} in table {self.keyspace}.{self.table}")
        return found

    def place(self, name: str, ask: int = VALUE) -> int:
        """Where in a row the answer to a question is."""
        question = name, ask
        if question not in self.asked:
            self.asked.append(question)
        return self.asked.index(question)

    def whole(self, name: str) -> Expression:
        """A column's value."""
        column = self.column(name)
        place = self.place(name)
        if self.shows and column.mask is not None:
            mask = masking(column)
            return Expression(column.type, lambda frame, row: mask(frame, row[place]), is_constant=False)
        return Expression(column.type, lambda _frame, row: row[place], is_constant=False)

    def compute(self, term: tm.Term, receiver: Receiver | None) -> Expression:
        """See `Terms`."""
        match term:
            case tm.Column(name):
                return self.whole(name)
            case tm.Field(value, name):
                return self._field(value, name)
            case tm.Element(value, key):
                return self._element(value, key)
            case tm.Slice(value, first, last):
                return self._slice(value, first, last)
            case tm.CountRows():
                return self._aggregated(COUNT_ROWS, None)
            case tm.Call(name="token", keyspace=None, arguments=arguments):
                return self._token(arguments)
            case tm.Call(name=name, arguments=arguments) if name in _TIMES:
                return self._times(name, arguments)
            case tm.Call(name=name, arguments=arguments, keyspace=None | "system") if name in AGGREGATES:
                return self._aggregate(term, name, arguments)
            case _:
                return super().compute(term, receiver)

    def _inner(self, term: tm.Term) -> Expression:
        found = self.infer(term)
        if found is None:
            raise uninferable(term)
        return found

    def _field(self, value: tm.Term, name: str) -> Expression:
        inner = self._inner(value)
        kind = inner.type
        shown = title(value)
        if not isinstance(kind, Udt):
            raise invalid(f"Invalid field selection: {shown} of type {show(kind)} is not a user type")
        places = {field.name: at for at, field in enumerate(kind.fields)}
        if name not in places:
            raise invalid(f"{shown} of type {show(kind)} has no field {name}")
        at, count = places[name], len(kind.fields)

        def run(frame: Frame, row: Row) -> Value:
            data = inner.run(frame, row)
            return containers.unpack_fields(data, count, "UDT")[at] if isinstance(data, bytes) else None

        return Expression(kind.fields[at].type, run, is_constant=False)

    def _element(self, value: tm.Term, key: tm.Term) -> Expression:
        inner = self._inner(value)
        kind = inner.type
        shown = title(value)
        if not isinstance(kind, Map | Set):
            raise invalid(
                f"Invalid element selection: {shown} is of type {show(kind)} is not a collection"
                if not isinstance(kind, List)
                else f"Element selection is only allowed on sets and maps, but {shown} is a list"
            )
        of = kind.key if isinstance(kind, Map) else kind.element
        wanted = self.bind(key, Receiver(f"key({shown})" if isinstance(kind, Map) else f"value({shown})", of))
        order = ordering.order_key(of)

        def run(frame: Frame, row: Row) -> Value:
            data, given = inner.run(frame, row), wanted.run(frame, row)
            if not isinstance(data, bytes) or not isinstance(given, bytes):
                return None
            sought = order(given)
            return next((each for name, each in _entries(kind, data) if order(name) == sought), None)

        return Expression(kind.value if isinstance(kind, Map) else of, run, is_constant=False)

    def _slice(self, value: tm.Term, first: tm.Term | None, last: tm.Term | None) -> Expression:
        inner = self._inner(value)
        kind = inner.type
        shown = title(value)
        if not isinstance(kind, Map | Set):
            raise invalid(f"Slice selection is only allowed on sets and maps, but {shown} is a {show(kind).split('<')[0]}")
        of = kind.key if isinstance(kind, Map) else kind.element
        receiver = Receiver(f"key({shown})" if isinstance(kind, Map) else f"value({shown})", of)
        bounds = [None if bound is None else self.bind(bound, receiver) for bound in (first, last)]
        order = ordering.order_key(of)

        def run(frame: Frame, row: Row) -> Value:
            data = inner.run(frame, row)
            if not isinstance(data, bytes):
                return None
            low, high = (None if bound is None else bound.run(frame, row) for bound in bounds)
            found = [
                entry
                for entry in _entries(kind, data)
                if (not isinstance(low, bytes) or order(entry[0]) >= order(low))
                and (not isinstance(high, bytes) or order(entry[0]) <= order(high))
            ]
            if isinstance(kind, Map):
                return containers.pack_pairs(found)
            return containers.pack_items([name for name, _ in found])

        return Expression(frozen(kind), run, is_constant=False)

    def _token(self, arguments: Sequence[tm.Term]) -> Expression:
        self.served.refuse_tokens()
        key = self.served.partition
        if len(arguments) != len(key):
            raise invalid(
                f"Invalid number of arguments in call to function system.token: {len(key)} required but {len(arguments)} provided"
            )
        runs = [
            self.bind(part, Receiver(f"arg{at}(system.token)", column.type, _passed(part, at, column.type))).run
            for at, (part, column) in enumerate(zip(arguments, key, strict=True))
        ]
        served = self.served

        def run(frame: Frame, row: Row) -> Value:
            values = [each(frame, row) for each in runs]
            if not all(isinstance(value, bytes) for value in values):
                return None
            return _BIGINT(token_of(served, values))  # type: ignore[arg-type]

        return Expression(BIGINT, run, is_constant=False)

    def _times(self, name: str, arguments: Sequence[tm.Term]) -> Expression:
        if len(arguments) != 1:
            raise invalid(f"{name} takes one column")
        term = arguments[0]
        base = term.value if isinstance(term, tm.Element | tm.Field) else term
        if not isinstance(base, tm.Column):
            raise invalid(f"Cannot use selection function {name} on {text.term(term)}")
        column = self.column(base.name)
        if column.role in (Role.PARTITION, Role.CLUSTERING):
            raise invalid(f"Cannot use selection function {name} on PRIMARY KEY part {column.name}")
        ask = _TIMES[name]
        place = self.place(base.name, ask)
        of, encode = (INT, _INT) if ask == TTL else (BIGINT, _BIGINT)
        is_many = is_multi_cell(column.type) and ask != MAXWRITETIME
        if is_many and base is not term:
            return self._time_within(column, term, place, of)

        def run(_frame: Frame, row: Row) -> Value:
            found = row[place]
            if isinstance(found, int):
                return containers.pack_items([encode(found)]) if is_many else encode(found)
            if found is None:
                return None
            return containers.pack_items([None if each is None else encode(each) for each in found])

        return Expression(List(of, frozen=True) if is_many else of, run, is_constant=False)

    def _time_within(self, column: TableColumn, term: tm.Term, place: int, of: Type) -> Expression:
        """The time of one element or field."""
        kind, whole = column.type, self.place(column.name)
        encode = codec.codec(of).encode
        if isinstance(term, tm.Field):
            self._field(term.value, term.name)
            assert isinstance(kind, Udt)
            names = [field.name for field in kind.fields]
            at, count = names.index(term.name), len(names)

            def number(frame: Frame, data: bytes, row: Row) -> int | None:  # noqa: ARG001
                fields = containers.unpack_fields(data, count, "UDT")
                return None if fields[at] is None else at
        else:
            assert isinstance(term, tm.Element)
            self._element(term.value, term.key)
            assert isinstance(kind, Map | Set)
            key = kind.key if isinstance(kind, Map) else kind.element
            wanted = self.bind(term.key, Receiver(f"key({column.name})", key))
            order = ordering.order_key(key)

            def number(frame: Frame, data: bytes, row: Row) -> int | None:
                given = wanted.run(frame, row)
                if not isinstance(given, bytes):
                    return None
                sought = order(given)
                return next((at for at, (name, _) in enumerate(_entries(kind, data)) if order(name) == sought), None)

        def run(frame: Frame, row: Row) -> Value:
            data, times = row[whole], row[place]
            if not isinstance(data, bytes) or times is None:
                return None
            found = number(frame, data, row)
            if found is None:
                return None
            time = times if isinstance(times, int) else times[found]
            return None if time is None else encode(time)

        return Expression(of, run, is_constant=False)

    # Aggregates.

    def _aggregate(self, term: tm.Call, name: str, arguments: Sequence[tm.Term]) -> Expression:
        if len(arguments) != 1:
            raise invalid(f"Invalid number of arguments in call to function {name}: 1 required but {len(arguments)} provided")
        if self._is_within:
            raise invalid("aggregate functions cannot be used as arguments of aggregate functions")
        self._is_within = True
        try:
            argument = self._inner(arguments[0])
        finally:
            self._is_within = False
        found = aggregate(name, argument.type)
        assert found is not None, term
        return self._aggregated(found, argument)

    def _aggregated(self, found: Aggregate, argument: Expression | None) -> Expression:
        if self._is_within:
            raise invalid("aggregate functions cannot be used as arguments of aggregate functions")
        self.aggregates.append(Aggregated(found, argument))
        place = -len(self.aggregates)
        return Expression(found.returns, lambda _frame, row: row[place], is_constant=False)


def _passed(part: tm.Term, at: int, kind: Type) -> Callable[[], str]:
    return lambda: (
        f"Type error: {text.term(part)} cannot be passed as argument {at} of function system.token of type {show(kind)}"
    )


def _entries(kind: Map | Set, data: bytes) -> list[tuple[bytes, bytes | None]]:
    if isinstance(kind, Map):
        return containers.unpack_pairs(data)  # type: ignore[return-value]
    return [(each, each) for each in containers.unpack_items(data, "set")]  # type: ignore[misc]


def token_of(served: Served, partition: Sequence[bytes]) -> int:
    """The token of a partition key."""
    from hyperdb.frontends.cql.schema.token import token

    return token(partition) if served.source is not None else served.wide.token(partition)


def uninferable(term: tm.Term) -> Exception:
    """For what does not say its type."""
    shown = "NULL" if isinstance(term, tm.Literal) and term.kind is tm.Kind.NULL else text.term(term)
    return invalid(f"Cannot infer type for term {shown} in selection clause (try using a cast to force a type)")


def select(selecting: Selecting, selectors: Sequence[Selector] | None) -> Selected:
    """Binds what is selected.

    Raises:
        CqlError: invalid.
    """
    served = selecting.served
    if selectors is None:
        selectors = [Selector(tm.Column(name)) for name in served.columns]
    columns, expressions = [], []
    selecting.shows = True
    for selector in selectors:
        if isinstance(selector.value, tm.Literal) and selector.value.kind in _UNTYPED:
            raise uninferable(selector.value)
        found = selecting.infer(selector.value)
        if found is None:
            raise uninferable(selector.value)
        name = _title_of(selecting, selector.value) if selector.alias is None else selector.alias
        columns.append(Column(served.keyspace, served.name, name, found.type))
        expressions.append(found)
    selecting.shows = False
    aggregates = tuple(selecting.aggregates)
    names = [selector.value.name for selector in selectors if isinstance(selector.value, tm.Column)]
    is_plain = len(names) == len(selectors) and all(served.columns[name].mask is None for name in names)
    picks = tuple(map(selecting.place, names)) if is_plain else None
    return Selected(tuple(columns), tuple(expressions), aggregates, picks)


def _title_of(selecting: Selecting, term: tm.Term) -> str:
    """A cast to a column's own type is the column."""
    if isinstance(term, tm.CastAs) and isinstance(term.value, tm.Column):
        kind = selecting.column(term.value.name).type
        if show(kind) == text.type_name(term.type):
            return term.value.name
    return title(term)


_UNTYPED = frozenset({tm.Kind.STRING, tm.Kind.INTEGER, tm.Kind.FLOAT})


def title(term: tm.Term) -> str:
    """What a column of a result is called that nobody has named."""
    match term:
        case tm.Column(name):
            return name
        case tm.CountRows():
            return "count"
        case tm.Field(value, name):
            return f"{title(value)}.{name}"
        case tm.Element(value, key):
            return f"{title(value)}[{title(key)}]"
        case tm.Slice(value, first, last):
            return f"{title(value)}[{'' if first is None else title(first)}..{'' if last is None else title(last)}]"
        case tm.Call(name, arguments) if name in _TIMES:
            return f"{name}({', '.join(map(title, arguments))})"
        case tm.Literal(kind=tm.Kind.NULL):
            return "NULL"
        case tm.Call(name, arguments):
            name = "tojson" if name == "to_json" else name
            return f"system.{name}({', '.join(map(title, arguments))})"
        case tm.CastAs(value, kind):
            return f"cast({title(value)} as {text.type_name(kind)})"
        case tm.TypeHint(kind, value):
            return f"({text.type_name(kind)}){title(value)}"
        case tm.Arithmetic(sign, left, right):
            return f"{title(left)} {sign.value} {title(right)}"
        case tm.Negated(value):
            return f"-{title(value)}"
        case tm.TupleTerm(items):
            return f"({', '.join(map(title, items))})"
        case tm.ListTerm(items):
            return f"[{', '.join(map(title, items))}]"
        case _:
            return text.term(term)
