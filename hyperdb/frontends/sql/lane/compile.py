"""From a bound plan to a statement of the short way, where it is of one of its forms.

Theory: the forms are those of which a busy server sees most: one row read, changed or removed by its whole key, one row added.
Conditions must be the key's equalities and nothing else. Values are constants, parameters, columns, sums of integers, the
transaction's time. Invariant: whatever native code would not do exactly as the row operators is refused here (`None`): checks,
generated columns, foreign keys that the statement touches, expressions in indexes, RETURNING, domains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.catalog.kinds import BPCHAR, INT2, INT4, INT8, TEXT, TIMESTAMP, TIMESTAMPTZ, VARCHAR, Kind
from hyperdb.frontends.sql.catalog.relations import Catalog, Relation, RelationColumn
from hyperdb.frontends.sql.contract import CopyOptions
from hyperdb.frontends.sql.functions.rowid import NEXT_ROW
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
Native = tuple[Any, ...]


class _Unknown(Exception):
    """The form is not one of the short way's."""


class LaneCompiler:
    """Compiles statements under one version of the catalog."""

    def __init__(self, lanes: Lanes, catalog: Catalog, parameters: Sequence[int]) -> None:
        self._lanes = lanes
        self._catalog = catalog
        self._parameters = parameters

    def compile(self, plan: p.Plan, layout_of: Any, description: bytes | None) -> LaneStatement | None:
        """The statement; None: it takes the ordinary way. `layout_of` gives a relation's layout."""
        forms = {p.Project: self._get, p.Insert: self._insert, p.Update: self._update, p.Delete: self._delete}
        form = forms.get(type(plan))
        if form is None:
            return None
        try:
            relation, word, (index, key), sets, outputs = form(plan)
        except _Unknown:
            return None
        layout: Layout = layout_of(relation)
        place = None if index is None else layout.indexes().index(index)
        required = _required(relation)
        version, parameters = self._catalog.version, self._parameters
        return self._lanes.row(word, layout, version, parameters, place, key, sets, outputs, required, description)

    def copy_form(
        self,
        writes: p.Writes,
        layout: Layout,
        fields: Sequence[RelationColumn],
        others: Sequence[tuple[int, e.Expr]],
        options: CopyOptions,
    ) -> CopyForm | None:
        """How lines of COPY's text format become rows: a column each of `fields`, `others` are slots without one."""
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
        delimiter, null = options.delimiter.encode(), options.null.encode()
        return self._lanes.copy_form(layout, given, found, _required(relation), delimiter[0], null)

    # Forms.

    def _get(self, plan: Any) -> Any:
        relation, key = self._keyed(plan.child)
        if plan.sets:
            raise _Unknown
        outputs = []
        for column in plan.columns:
            if not isinstance(column, e.Slot):
                raise _Unknown
            outputs.append((column.place, _typed(column.kind)))
        return relation, "get", key, [], outputs

    def _insert(self, plan: Any) -> Any:
        relation = self._written(plan)
        child = plan.child
        if not isinstance(child, p.Values) or len(child.rows) != 1 or plan.conflict is not None:
            raise _Unknown
        if any(constraint.kind == records.FOREIGN for constraint in relation.table.constraints):
            raise _Unknown
        kinds = {column.slot: column.kind for column in relation.columns}
        sets = [(slot, self._value(value, kinds.get(slot))) for slot, value in enumerate(child.rows[0])]
        return relation, "insert", (None, []), sets, []

    def _update(self, plan: Any) -> Any:
        relation = self._written(plan)
        if plan.child.width != relation.width:
            raise _Unknown
        found, key = self._keyed(plan.child)
        changed = {slot for slot, _ in plan.sets}
        if found is not relation or changed & self._referring(relation):
            raise _Unknown
        kinds = {column.slot: column.kind for column in relation.columns}
        return relation, "update", key, [(slot, self._value(value, kinds[slot])) for slot, value in plan.sets], []

    def _delete(self, plan: Any) -> Any:
        relation = self._written(plan)
        if plan.child.width != relation.width:
            raise _Unknown
        found, key = self._keyed(plan.child)
        if found is not relation or self._is_parent(relation):
            raise _Unknown
        return relation, "delete", key, [], []

    def _written(self, plan: Any) -> Relation:
        if plan.returning is not None:
            raise _Unknown
        return self._simple(plan.writes)

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
        oids = [argument.kind.oid for argument in arguments]
        if function.name == "-" and len(oids) == 1 and oids[0] in _INTEGERS and function.result == oids[0]:
            return ("negated", self._expression(arguments[0]), (oids[0], -1))
        integral = all(oid in _INTEGERS for oid in (*oids, function.result)) and tuple(oids) == function.arguments
        if function.name in ("+", "-", "*") and len(oids) == 2 and integral:
            left, right = (self._expression(argument) for argument in arguments)
            return (function.name, left, right, (oids[0], -1), (oids[1], -1), (function.result, -1))
        raise _Unknown

    def _convert(self, convert: e.Convert) -> Native:
        source, target = convert.argument.kind, convert.kind
        inner = self._expression(convert.argument)
        if convert.explicit:
            raise _Unknown
        if source.oid == target.oid and target.oid in (VARCHAR, BPCHAR) and source.modifier < 0 <= target.modifier:
            return ("fitted", inner, _typed(target))
        if target.modifier >= 0:
            raise _Unknown
        if source.oid in _INTEGERS and target.oid in _INTEGERS:
            return ("integer", inner, (source.oid, -1), (target.oid, -1))
        # A lane runs under the time zone UTC only, where both are the same number.
        if (source.oid, target.oid) == (TIMESTAMPTZ, TIMESTAMP) or (source.oid in _TEXTS and target.oid in _TEXTS):
            return inner
        raise _Unknown


def _required(relation: Relation) -> list[int]:
    """Slots that take no null."""
    keys = {relation.slot_of[part.column] for part in relation.table.key}
    return sorted(keys | {column.slot for column in relation.columns if column.not_null})


def _typed(kind: Kind) -> tuple[int, int]:
    return kind.oid, kind.modifier
