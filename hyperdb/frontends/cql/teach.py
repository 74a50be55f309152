"""Which statements the short way takes, and what it is told of them.

Theory: the forms are those of which a busy server sees most: rows of one partition, by a whole key or a slice; one row written or
removed. A statement has been bound before it comes here, so it is sound; what is read from its tree is where its values
come from: markers, constants, or the literals that native code finds in a text (native/cql, `text.rs`), which become markers
behind the others. Invariant: a statement of any other form, or with anything that native code would not do exactly as the
session, is refused here (`None`); of a text each literal is the value of one slot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hyperdb.frontends.cql.bind.frame import Clock, Frame
from hyperdb.frontends.cql.bind.markers import Markers, Receiver
from hyperdb.frontends.cql.bind.modify import ModifyPlan
from hyperdb.frontends.cql.bind.select import SelectPlan
from hyperdb.frontends.cql.bind.terms import Terms
from hyperdb.frontends.cql.describe.schema import Column, Role
from hyperdb.frontends.cql.lane import End, LaneSelect, LaneWrite, Source
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse.lift import Parsed
from hyperdb.frontends.cql.parse.statements import Comparison
from hyperdb.frontends.cql.prepared import Plan, metadata_id
from hyperdb.frontends.cql.protocol import encode
from hyperdb.frontends.cql.schema.model import Schema, Served
from hyperdb.frontends.cql.types.model import BIGINT, COUNTER, INT, Native, Type, is_multi_cell

_FROM = {Comparison.GREATER: False, Comparison.GREATER_EQUAL: True}
_UP_TO = {Comparison.LESS: False, Comparison.LESS_EQUAL: True}
_VERBS = {st.Change.ADD: "add", st.Change.SUBTRACT: "subtract"}


class _UnknownError(Exception):
    """The form is not one of the short way's."""


_PLAIN = {
    tm.Kind.STRING: frozenset({"ascii", "text"}),
    tm.Kind.INTEGER: frozenset(
        {"bigint", "counter", "double", "float", "int", "smallint", "timestamp", "tinyint", "varint"},
    ),
    tm.Kind.FLOAT: frozenset({"double", "float"}),
    tm.Kind.UUID: frozenset({"timeuuid", "uuid"}),
    tm.Kind.HEX: frozenset({"blob"}),
}
"""Types whose values native code makes of literals of a kind."""
_CELL = 24

Slot = tuple[str, bool]
"""The name of the type of a literal's value, and whether a minus stands before it."""


@dataclass(frozen=True, slots=True)
class TextLesson:
    """What is to be known of a text."""

    plan: LaneSelect | LaneWrite
    slots: Sequence[Slot]
    """Of its literals, whose values are markers behind its own."""


def lesson(parsed: Parsed, plan: Plan, schema: Schema, protocol: int) -> LaneSelect | LaneWrite | None:
    """What a lane of that version of the protocol learns of a statement; None: nothing.

    `plan` is the statement's under `schema`.
    """
    return _learned(_Teacher(parsed, plan.served, schema, ()), parsed, plan, protocol)


def text_lesson(parsed: Parsed, plan: Plan, schema: Schema, protocol: int, found: Sequence[tuple[str, int]]) -> TextLesson | None:
    """What a lane learns of a text in which native code has found literals of these kinds at these places; None: nothing."""
    teacher = _Teacher(parsed, plan.served, schema, found)
    learned = _learned(teacher, parsed, plan, protocol)
    slots = [slot for slot in teacher.slots if slot is not None]
    return None if learned is None or len(slots) < len(found) else TextLesson(learned, slots)


def _learned(teacher: _Teacher, parsed: Parsed, plan: Plan, protocol: int) -> LaneSelect | LaneWrite | None:
    served = plan.served
    if served.source is not None or served.is_masked or (isinstance(plan, SelectPlan) and served.privacy is not None):
        return None
    statement = parsed.statement()
    try:
        if isinstance(plan, SelectPlan):
            return teacher.select(statement, plan, protocol)
        return teacher.write(statement, plan)
    except _UnknownError:
        return None


class _Teacher:
    """Reads one statement."""

    def __init__(self, parsed: Parsed, served: Served, schema: Schema, found: Sequence[tuple[str, int]]) -> None:
        self._served = served
        self._schema = schema
        markers = parsed.shape.markers
        self._own = len(markers)
        self._count = len(markers) + len(found)
        self._found = {position: (number, kind) for number, (kind, position) in enumerate(found)}
        self._written = sum(len(literal.text) for literal in parsed.literals)
        self.slots: list[Slot | None] = [None] * len(found)
        self._numbers = {marker.position: number for number, marker in enumerate(markers)}
        self._terms = Terms(Markers(markers), served.keyspace, served.name, schema.find_type(served.keyspace))

    def _source(self, term: tm.Term | None, name: str, kind: Type) -> Source:
        match term:
            case tm.Marker(position=position):
                return self._numbers[position]
            case tm.Literal() if term.position in self._found:
                return self._slot(term, kind)
            case tm.Literal():
                value = self._terms.bind(term, Receiver(name, kind)).run(Frame(Clock(), 0, 0), ())
                assert value is None or isinstance(value, bytes)
                return value
            case _:
                raise _UnknownError

    def _slot(self, literal: tm.Literal, kind: Type) -> int:
        """The place behind the markers of a literal's value."""
        number, found = self._found[literal.position]
        if not isinstance(kind, Native) or kind.name not in _PLAIN.get(literal.kind, ()):
            raise _UnknownError
        if literal.kind.name != found or self.slots[number] is not None:
            raise _UnknownError
        negative = literal.kind is not tm.Kind.STRING and literal.text.startswith("-")
        self.slots[number] = kind.name, negative
        return self._own + number

    def _amount(self, term: tm.Term | None, kind: Type) -> Source:
        """What USING or LIMIT says; None: nothing."""
        if term is None:
            return None
        found = self._source(term, "", kind)
        if found is None:
            raise _UnknownError
        return found

    def _compared(self, where: Sequence[st.Relation]) -> Mapping[str, list[tuple[Comparison, Source]]]:
        """What columns of the key are compared with."""
        found: dict[str, list[tuple[Comparison, Source]]] = {}
        for relation in where:
            subject = relation.subject
            column = self._served.columns.get(subject.name) if isinstance(subject, tm.Column) else None
            if column is None or column.role not in (Role.PARTITION, Role.CLUSTERING):
                raise _UnknownError
            source = self._source(relation.value, column.name, column.type)
            found.setdefault(column.name, []).append((relation.comparison, source))
        return found

    @staticmethod
    def _equal(columns: Sequence[Column], compared: Mapping[str, list[tuple[Comparison, Source]]]) -> tuple[Source, ...]:
        """The values of columns, each of which is equal to one."""
        values = []
        for column in columns:
            match compared.get(column.name):
                case [(Comparison.EQUAL, source)]:
                    values.append(source)
                case _:
                    raise _UnknownError
        return tuple(values)

    # SELECT.

    def select(self, statement: object, plan: SelectPlan, protocol: int) -> LaneSelect:
        """A read of a slice."""
        served = self._served
        if not isinstance(statement, st.Select) or statement.distinct or statement.json or statement.group_by or served.statics:
            raise _UnknownError
        if statement.per_partition_limit is not None or plan.sorting or plan.warning is not None:
            raise _UnknownError
        if statement.selectors is None:
            names = [column.name for column in plan.columns]
        else:
            names = [each.value.name for each in statement.selectors if isinstance(each.value, tm.Column)]
            if len(names) != len(statement.selectors):
                raise _UnknownError
        compared = self._compared(statement.where)
        partition = self._equal(served.partition, compared)
        low, high = self._slice(compared)
        flags, specifications = encode.specifications(plan.columns, protocol)
        if not flags or len(names) != len(plan.columns):
            raise _UnknownError
        return LaneSelect(
            served.wide,
            self._schema.version,
            self._count,
            partition,
            low,
            high,
            plan.reverse,
            self._amount(statement.limit, INT),
            tuple((served.ids[name], 0) for name in names),
            specifications,
            metadata_id(plan.columns),
        )

    def _slice(self, compared: Mapping[str, list[tuple[Comparison, Source]]]) -> tuple[End, End]:
        """The ends of the rows as they lie."""
        prefix: list[Source] = []
        clustering = list(self._served.clustering)
        while clustering and [sign for sign, _ in compared.get(clustering[0].name, ())] == [Comparison.EQUAL]:
            prefix.append(compared[clustering.pop(0).name][0][1])
        low: End = (tuple(prefix), True) if prefix else None
        high = low
        if clustering:
            column = clustering.pop(0)
            for sign, source in compared.get(column.name, ()):
                values = (*prefix, source)
                if sign in (_UP_TO if column.descending else _FROM):
                    low = self._end(low, values, {**_FROM, **_UP_TO}[sign], len(prefix))
                elif sign in (_FROM if column.descending else _UP_TO):
                    high = self._end(high, values, {**_FROM, **_UP_TO}[sign], len(prefix))
                else:
                    raise _UnknownError
        if any(column.name in compared for column in clustering):
            raise _UnknownError
        return low, high

    @staticmethod
    def _end(known: End, values: tuple[Source, ...], included: bool, prefix: int) -> End:
        """An end where there was none but that of the columns before."""
        if known is not None and len(known[0]) > prefix:
            raise _UnknownError
        return values, included

    # INSERT, UPDATE, DELETE.

    def write(self, statement: object, plan: ModifyPlan) -> LaneWrite:
        """A write of one row."""
        if plan.condition is not None or plan.static or plan.slices is not None:
            raise _UnknownError
        match statement:
            case st.Insert(columns=columns, values=values, using=using):
                where = [
                    st.Relation(tm.Column(name), Comparison.EQUAL, value)
                    for name, value in zip(columns, values, strict=True)
                    if self._served.columns[name].role in (Role.PARTITION, Role.CLUSTERING)
                ]
                pairs = zip(columns, values, strict=True)
                changes = [self._set(name, value) for name, value in pairs if self._served.columns[name].role is Role.REGULAR]
            case st.Update(assignments=assignments, where=given, using=using):
                where = list(given)
                changes = [self._assign(each) for each in assignments]
            case st.Delete(deleted=deleted, where=given, using=using):
                where = list(given)
                changes = [self._unset(term) for term in deleted]
            case _:
                raise _UnknownError
        compared = self._compared(where)
        served = self._served
        return LaneWrite(
            served.wide,
            self._schema.version,
            self._count,
            self._equal(served.partition, compared),
            self._equal(served.clustering, compared),
            plan.inserts,
            isinstance(statement, st.Delete) and not statement.deleted,
            tuple(changes),
            self._amount(using.ttl, INT),
            self._amount(using.timestamp, BIGINT),
            served.options.default_time_to_live,
            served.options.gc_grace_seconds,
            _CELL * (1 + len(changes)) + (0 if self._found else self._written),
        )

    def _set(self, name: str, value: tm.Term) -> tuple[int, str, Source]:
        column = self._served.columns[name]
        return self._served.ids[name], "set", self._source(value, name, column.type)

    def _assign(self, assignment: st.Assignment) -> tuple[int, str, Source]:
        target = assignment.target
        if not isinstance(target, tm.Column):
            raise _UnknownError
        column = self._served.columns[target.name]
        if assignment.change is st.Change.SET and column.type != COUNTER:
            return self._set(target.name, assignment.value)
        if column.type != COUNTER or assignment.change not in _VERBS:
            raise _UnknownError
        return self._served.ids[target.name], _VERBS[assignment.change], self._source(assignment.value, target.name, BIGINT)

    def _unset(self, term: tm.Term) -> tuple[int, str, Source]:
        # A collection that is removed is more than one that becomes null.
        if not isinstance(term, tm.Column) or is_multi_cell(self._served.columns[term.name].type):
            raise _UnknownError
        return self._served.ids[term.name], "set", None
