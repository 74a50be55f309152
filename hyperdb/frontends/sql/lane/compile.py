"""From a bound plan to a statement of the short way, where it is of one of its forms.

Theory: the forms are those of which a busy server sees most: one row read, changed or removed by its whole key, rows between two
ends of a key, rows added (with what they refer to, and what becomes of those that are there). Conditions must be on the key and
nothing else. Values are constants, parameters, columns, sums of integers, the transaction's time, values of sequences. Invariant:
whatever native code would not do exactly as the row operators is refused here (`None`): checks, generated columns, foreign
keys that a change touches, expressions in indexes, domains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.catalog.kinds import BPCHAR, INT2, INT4, INT8, TEXT, TIMESTAMP, TIMESTAMPTZ, VARCHAR, Kind
from hyperdb.frontends.sql.catalog.relations import Catalog, Relation, RelationColumn
from hyperdb.frontends.sql.contract import CopyOptions
from hyperdb.frontends.sql.functions.rowid import NEXT_ROW
from hyperdb.frontends.sql.functions.system import IDENTITY_NEXT
from hyperdb.frontends.sql.plan import expressions as e
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.lanes import CopyForm, Lanes, LaneStatement
from hyperdb.graph.catalog.tables import Layout

_INTEGERS = (INT2, INT4, INT8)
_TEXTS = (TEXT, VARCHAR)
_NOW = frozenset({"now", "transaction_timestamp"})
# Types whose values in a key are equal only if they are the same.
_KEYED = frozenset({INT2, INT4, INT8, TEXT, VARCHAR, 2950, 1082, TIMESTAMP, TIMESTAMPTZ})
# Rows of one INSERT; more are added by the ordinary way, on a worker.
_MOST_ROWS = 100
Native = tuple[Any, ...]


class _Unknown(Exception):
    """The form is not one of the short way's."""


@dataclass(frozen=True)
class Form:
    """What native code is told: its word, the relation, the index by its number, what the word wants, columns of the answer."""

    word: str
    relation: Relation
    index: int | None
    body: tuple[Any, ...]
    outputs: list[tuple[int, tuple[int, int]]] | None
    parents: tuple[records.Constraint, ...] = ()


class LaneCompiler:
    """Compiles statements under one version of the catalog. `layout_of` gives a relation's layout, `may_use` tells whether the
    role may take values of a sequence; without `is_utc` nothing whose meaning depends on the time zone is compiled."""

    def __init__(
        self,
        lanes: Lanes,
        catalog: Catalog,
        parameters: Sequence[int],
        layout_of: Callable[[Relation], Layout] | None = None,
        *,
        may_use: Callable[[int], bool] = lambda _number: True,
        is_utc: bool = True,
    ) -> None:
        self._lanes = lanes
        self._catalog = catalog
        self._parameters = parameters
        self._layout_of = layout_of
        self._may_use = may_use
        self._is_utc = is_utc

    def compile(self, plan: p.Plan, description: bytes | None) -> LaneStatement | None:
        """The statement; None: it takes the ordinary way."""
        forms = {
            p.Project: self._read,
            p.Limit: self._read,
            p.Sort: self._read,
            p.Insert: self._insert,
            p.Update: self._update,
            p.Delete: self._delete,
        }
        form = forms.get(type(plan))
        if form is None or self._layout_of is None or (not self._is_utc and TIMESTAMPTZ in self._parameters):
            return None
        try:
            found = form(plan)
            parents = [self._parent(found.relation, each, self._layout_of) for each in found.parents]
        except _Unknown:
            return None
        layout = self._layout_of(found.relation)
        place = None if found.index is None else layout.indexes().index(found.index)
        version, parameters, required = self._catalog.version, self._parameters, _required(found.relation)
        return self._lanes.row(
            found.word, layout, version, parameters, place, found.body, found.outputs, required, parents, description
        )

    def copy_form(
        self,
        writes: p.Writes,
        layout: Layout,
        fields: Sequence[RelationColumn],
        others: Sequence[tuple[int, e.Expr]],
        options: CopyOptions,
    ) -> CopyForm | None:
        """How records of COPY's formats become rows: a column each of `fields`, `others` are slots without one."""
        relation = writes.relation
        kinds = {column.slot: column.kind for column in relation.columns}
        try:
            self._simple(writes)
            if any(constraint.kind == records.FOREIGN for constraint in relation.table.constraints):
                return None
            found = [(slot, self._value(value, kinds.get(slot))) for slot, value in others]
        except _Unknown:
            return None
        if any(column.kind.oid in self._catalog.domains for column in fields):
            return None
        given = [(column.slot, _typed(column.kind)) for column in fields]
        if options.force_not_null or options.force_null:
            return None
        marks = (options.delimiter, options.null, options.quote, options.escape)
        delimiter, null, quote, escape = (mark.encode() for mark in marks)
        form = (options.format, delimiter, null, quote, escape)
        return self._lanes.copy_form(layout, given, found, _required(relation), form)

    # Forms.

    def _read(self, plan: Any) -> Form:
        shown: Sequence[e.Expr] | None = None
        limit: Native | None = None
        order: p.Order = ()
        child = plan
        if isinstance(child, p.Project) and isinstance(child.child, p.Limit | p.Sort) and not child.sets:
            # What is sorted by and not shown is cut off at the end.
            shown, child = child.columns, child.child
        if isinstance(child, p.Limit):
            limit, child = self._limit(child), child.child
        if isinstance(child, p.Sort):
            order, child = child.order, child.child
        if not isinstance(child, p.Project) or child.sets:
            raise _Unknown
        columns, child = child.columns, child.child
        outputs = self._outputs(columns if shown is None else [_through(columns, value) for value in shown])
        order = tuple((_through(columns, value), descending, nulls) for value, descending, nulls in order)
        if limit is None and not order and isinstance(child, p.Filter):
            try:
                relation, (index, key) = self._keyed(child)
                return Form("get", relation, index, (key,), outputs)
            except _Unknown:
                pass
        relation, index, span = self._span(child, order)
        if limit is None and not span[0] and span[1] is None and span[2] is None:
            raise _Unknown
        return Form("range", relation, index, (*span, limit), outputs)

    def _limit(self, plan: p.Limit) -> Native:
        if plan.count is None or plan.offset is not None or plan.ties is not None or e.slots(plan.count):
            raise _Unknown
        native, own = self._expression(plan.count), plan.count.kind.oid
        if own not in _INTEGERS:
            raise _Unknown
        return native if own == INT8 else ("integer", native, (own, -1), (INT8, -1))

    def _outputs(self, columns: Sequence[e.Expr]) -> list[tuple[int, tuple[int, int]]]:
        outputs = []
        for column in columns:
            if not isinstance(column, e.Slot) or (column.kind.oid == TIMESTAMPTZ and not self._is_utc):
                raise _Unknown
            outputs.append((column.place, _typed(column.kind)))
        return outputs

    def _returned(self, plan: Any) -> list[tuple[int, tuple[int, int]]] | None:
        return None if plan.returning is None else self._outputs(plan.returning)

    def _insert(self, plan: Any) -> Form:
        relation, child = self._simple(plan.writes), plan.child
        if not isinstance(child, p.Values) or len(child.rows) > _MOST_ROWS:
            raise _Unknown
        kinds = {column.slot: column.kind for column in relation.columns}
        rows = [[self._value(value, kinds.get(slot)) for slot, value in enumerate(row)] for row in child.rows]
        conflict = None if plan.conflict is None else self._conflict(plan.conflict, relation, kinds)
        parents = tuple(each for each in relation.table.constraints if each.kind == records.FOREIGN)
        return Form("insert", relation, None, (rows, conflict), self._returned(plan), parents)

    def _conflict(self, conflict: p.Conflict, relation: Relation, kinds: dict[int, Kind]) -> tuple[list[int | None], Any]:
        if conflict.where is not None:
            raise _Unknown
        unique: list[tuple[int | None, tuple[records.KeyColumn, ...]]] = [(None, relation.table.key)]
        places: list[int | None] = []
        numbers = [number for number, _ in relation.indexes]
        unique += [(number, index.columns) for number, index in relation.indexes if index.unique]
        for number, columns in unique:
            if conflict.index is None or (number or 0) == conflict.index:
                found = dict(relation.indexes).get(number or 0)
                if not all(part.column for part in columns) or (found is not None and (found.predicate or found.building)):
                    raise _Unknown
                places.append(None if number is None else numbers.index(number))
        if not places:
            raise _Unknown
        if conflict.sets is None:
            return places, None
        changed = {slot for slot, _ in conflict.sets}
        if changed & self._referring(relation):
            raise _Unknown
        return places, [(slot, self._value(value, kinds[slot])) for slot, value in conflict.sets]

    def _parent(self, relation: Relation, constraint: records.Constraint, layout_of: Callable[[Relation], Layout]) -> Native:
        """What a new row refers to: the parent's layout, its index by place, and where the row has the values in its order."""
        if constraint.match_full and len(constraint.columns) > 1:
            raise _Unknown
        parent = self._catalog.relation(constraint.parent)
        numbers = [number for number, _ in parent.indexes]
        place = numbers.index(constraint.index) if constraint.index in numbers else None
        key = parent.table.key if place is None else parent.indexes[place][1].columns
        order = [constraint.parent_columns.index(part.column) for part in key]
        slots = [relation.slot_of[constraint.columns[at]] for at in order]
        return (layout_of(parent), place, slots)

    def _update(self, plan: Any) -> Form:
        relation = self._simple(plan.writes)
        if plan.child.width != relation.width:
            raise _Unknown
        found, (index, key) = self._keyed(plan.child)
        changed = {slot for slot, _ in plan.sets}
        if found is not relation or changed & self._referring(relation):
            raise _Unknown
        kinds = {column.slot: column.kind for column in relation.columns}
        sets = [(slot, self._value(value, kinds[slot])) for slot, value in plan.sets]
        return Form("update", relation, index, (key, sets), self._returned(plan))

    def _delete(self, plan: Any) -> Form:
        relation = self._simple(plan.writes)
        if plan.child.width != relation.width:
            raise _Unknown
        found, (index, key) = self._keyed(plan.child)
        if found is not relation or self._is_parent(relation):
            raise _Unknown
        return Form("delete", relation, index, (key,), self._returned(plan))

    def _simple(self, writes: p.Writes) -> Relation:
        """The relation, if its rows are only stored."""
        if writes.extras or writes.checks or writes.generated:
            raise _Unknown
        if any(constraint.deferrable for constraint in writes.relation.table.constraints):
            raise _Unknown
        return writes.relation

    def _is_parent(self, relation: Relation) -> bool:
        tables = (found for found in self._catalog.objects.values() if isinstance(found, records.Table))
        return any(
            constraint.kind == records.FOREIGN and constraint.parent == relation.oid
            for table in tables
            for constraint in table.constraints
        )

    def _referring(self, relation: Relation) -> set[int]:
        """Slots whose change matters to a foreign key or moves the row."""
        columns = {part.column for part in relation.table.key}
        for constraint in relation.table.constraints:
            if constraint.kind == records.FOREIGN:
                columns.update(constraint.columns)
        if self._is_parent(relation):
            for _, index in relation.indexes:
                columns.update(part.column for part in index.columns)
        return {relation.slot_of[column] for column in columns if column}

    # A row by its key.

    def _keyed(self, plan: p.Plan) -> tuple[Relation, tuple[int | None, list[Native]]]:
        """The relation, and the values of its key's columns, or of those of a unique index, whose number comes first."""
        if not isinstance(plan, p.Filter) or not isinstance(plan.child, p.Scan) or plan.child.frame is not None:
            raise _Unknown
        scan = plan.child
        relation = scan.relation
        if relation.table.partition or relation.table.source:
            raise _Unknown
        columns = relation.table.key
        if scan.index is not None:
            index = dict(relation.indexes)[scan.index]
            columns = index.columns
            if not index.unique or index.predicate or index.building or not all(part.column for part in columns):
                raise _Unknown
        slots = [relation.slot_of[part.column] for part in columns]
        kinds = {column.slot: column.kind for column in relation.columns}
        given: dict[int, e.Expr] = {}
        for test in e.conjuncts(plan.condition):
            if not isinstance(test, e.Compare) or test.sign != "=":
                raise _Unknown
            left, right = (test.left, test.right) if isinstance(test.left, e.Slot) else (test.right, test.left)
            if not isinstance(left, e.Slot) or left.place in given or e.slots(right) or left.kind.oid not in _KEYED:
                raise _Unknown
            given[left.place] = right
        if set(given) != set(slots) or not all(slot in kinds for slot in slots):
            raise _Unknown
        return relation, (scan.index, [self._comparable(given[slot], kinds[slot]) for slot in slots])

    # Rows between two ends.

    def _span(self, plan: p.Plan, order: p.Order) -> tuple[Relation, int | None, tuple[list[Native], Any, Any, bool]]:
        """The relation, the index, and from where to where, if nothing else is asked of its rows."""
        conjuncts = e.conjuncts(plan.condition) if isinstance(plan, p.Filter) else []
        scan = plan.child if isinstance(plan, p.Filter) else plan
        if not isinstance(scan, p.Scan) or scan.frame is not None:
            raise _Unknown
        relation = scan.relation
        columns = relation.table.key
        if scan.index is not None:
            index = dict(relation.indexes)[scan.index]
            columns = index.columns
            if index.predicate or index.building:
                raise _Unknown
        if relation.table.partition or relation.table.source or any(not part.column or part.descending for part in columns):
            raise _Unknown
        slots = [relation.slot_of[part.column] for part in columns]
        kinds = {column.slot: column.kind for column in relation.columns}
        tests = _tests(conjuncts)
        equal: list[Native] = []
        while len(equal) < len(slots) and [sign for sign, _ in tests.get(slots[len(equal)], ())] == ["="]:
            slot = slots[len(equal)]
            ((_, value),) = tests.pop(slot)
            equal.append(self._comparable(value, kinds[slot]))
        ends: dict[str, tuple[Native, bool]] = {}
        if tests:
            slot = slots[len(equal)] if len(equal) < len(slots) else -1
            for sign, value in tests.pop(slot, ()):
                if sign not in _ENDS or _ENDS[sign][0] in ends:
                    raise _Unknown
                end, is_in = _ENDS[sign]
                ends[end] = (self._comparable(value, kinds[slot]), is_in)
        if tests or (slots[len(equal) : len(equal) + 1] and slots[len(equal)] not in kinds and ends):
            raise _Unknown
        # A null is in no range, but it is in an index, before the values or behind them.
        if len(ends) == 1 and not _is_not_null(relation, slots[len(equal)]):
            raise _Unknown
        reverse = self._reversed(order, slots, len(equal), relation) if order else scan.reverse
        return relation, scan.index, (equal, ends.get("low"), ends.get("high"), reverse)

    @staticmethod
    def _reversed(order: p.Order, slots: list[int], fixed: int, relation: Relation) -> bool:
        """Whether an order is that of the key from its last row, or (False) from its first."""
        wanted = [(value, descending) for value, descending, _ in order if not _is_slot(value, slots[:fixed])]
        free = slots[fixed : fixed + len(wanted)]
        for (value, _), slot in zip(wanted, [*free, *[-1] * len(wanted)], strict=False):
            if not _is_slot(value, [slot]) or not _is_not_null(relation, slot):
                raise _Unknown
        directions = {descending for _, descending in wanted}
        if len(directions) > 1:
            raise _Unknown
        return True in directions

    def _comparable(self, value: e.Expr, column: Kind) -> Native:
        """A value as the column's type has it, where equal means the same in both."""
        native = self._expression(value)
        own, wanted = value.kind.oid, column.oid
        if own in _INTEGERS and wanted in _INTEGERS:
            return native if own == wanted else ("integer", native, (own, -1), (wanted, -1))
        if own == wanted or (own in _TEXTS and wanted in _TEXTS):
            return native
        raise _Unknown

    # Expressions.

    def _value(self, value: e.Expr, column: Kind | None) -> Native:
        """What is stored in a column; None: in the hidden one."""
        if column is None:
            if isinstance(value, e.Call) and value.function is NEXT_ROW:
                return ("row key",)
            raise _Unknown
        if column.oid in self._catalog.domains or value.kind != column:
            raise _Unknown
        return self._expression(value)

    def _expression(self, value: e.Expr) -> Native:
        match value:
            case e.Const(kind, found):
                text = None if found is None else types.write_text(kind.oid, found).encode()
                return ("constant", _typed(kind), text)
            case e.Parameter(kind, place):
                if self._parameters[place] != kind.oid:
                    raise _Unknown
                return ("parameter", place)
            case e.Slot(_, place):
                return ("slot", place)
            case e.Call():
                return self._call(value)
            case e.Convert():
                return self._convert(value)
        raise _Unknown

    def _call(self, call: e.Call) -> Native:
        function, arguments = call.function, call.arguments
        if function.name in _NOW and not arguments:
            return ("now",)
        if function.name == "nextval" and len(arguments) == 1 and isinstance(arguments[0], e.Const):
            return self._next(call, arguments[0].value)
        oids = [argument.kind.oid for argument in arguments]
        if function.name == "-" and len(oids) == 1 and oids[0] in _INTEGERS and function.result == oids[0]:
            return ("negated", self._expression(arguments[0]), (oids[0], -1))
        integral = all(oid in _INTEGERS for oid in (*oids, function.result)) and tuple(oids) == function.arguments
        if function.name in ("+", "-", "*") and len(oids) == 2 and integral:
            left, right = (self._expression(argument) for argument in arguments)
            return (function.name, left, right, (oids[0], -1), (oids[1], -1), (function.result, -1))
        raise _Unknown

    def _next(self, call: e.Call, number: Any) -> Native:
        """The next value of a sequence that nobody keeps values of."""
        found = self._catalog.objects.get(number)
        is_allowed = call.function is IDENTITY_NEXT or self._may_use(number)
        if not isinstance(found, records.Sequence) or found.cache > 1 or not is_allowed:
            raise _Unknown
        return ("next", number, records.encode(found))

    def _convert(self, convert: e.Convert) -> Native:
        source, target = convert.argument.kind, convert.kind
        inner = self._expression(convert.argument)
        if source.oid == target.oid and target.oid in (VARCHAR, BPCHAR) and source.modifier < 0 <= target.modifier:
            if convert.explicit:
                # What is too long is cut off, where an assignment refuses it.
                raise _Unknown
            return ("fitted", inner, _typed(target))
        if target.modifier >= 0:
            raise _Unknown
        if source.oid in _INTEGERS and target.oid in _INTEGERS:
            return ("integer", inner, (source.oid, -1), (target.oid, -1))
        # Under UTC both are the same number.
        if (self._is_utc and (source.oid, target.oid) == (TIMESTAMPTZ, TIMESTAMP)) or (
            source.oid in _TEXTS and target.oid in _TEXTS
        ):
            return inner
        raise _Unknown


def _required(relation: Relation) -> list[int]:
    """Slots that take no null."""
    keys = {relation.slot_of[part.column] for part in relation.table.key}
    return sorted(keys | {column.slot for column in relation.columns if column.not_null})


# The end of a range that a comparison with a column on its left makes, and whether the value is in it.
_ENDS = {">": ("low", False), ">=": ("low", True), "<": ("high", False), "<=": ("high", True)}
_TURNED = {"=": "=", ">": "<", ">=": "<=", "<": ">", "<=": ">="}


def _tests(conjuncts: Sequence[e.Expr]) -> dict[int, list[tuple[str, e.Expr]]]:
    """Comparisons with values, by the slot that is compared."""
    tests: dict[int, list[tuple[str, e.Expr]]] = {}
    for test in conjuncts:
        if not isinstance(test, e.Compare) or test.sign not in _TURNED:
            raise _Unknown
        left, right, sign = test.left, test.right, test.sign
        if not isinstance(left, e.Slot):
            left, right, sign = right, left, _TURNED[sign]
        if not isinstance(left, e.Slot) or e.slots(right) or left.kind.oid not in _KEYED:
            raise _Unknown
        tests.setdefault(left.place, []).append((sign, right))
    return tests


def _through(columns: Sequence[e.Expr], value: e.Expr) -> e.Expr:
    """What a column of a projection is below it."""
    if not isinstance(value, e.Slot):
        raise _Unknown
    return columns[value.place]


def _is_slot(value: e.Expr, places: Sequence[int]) -> bool:
    return isinstance(value, e.Slot) and value.place in places


def _is_not_null(relation: Relation, slot: int) -> bool:
    return slot in _required(relation)


def _typed(kind: Kind) -> tuple[int, int]:
    return kind.oid, kind.modifier
