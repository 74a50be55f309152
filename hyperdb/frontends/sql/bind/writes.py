"""INSERT, UPDATE, DELETE.

Theory: what is written is a row with one value a slot of its table, whatever columns the statement names: defaults, identity
and generated columns are filled in here, so the executor only stores. Invariant: every value has its column's type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.privileges import DELETE, INSERT, UPDATE
from hyperdb.frontends.sql.bind.merge import merge
from hyperdb.frontends.sql.bind.names import fold, table_name
from hyperdb.frontends.sql.bind.scope import Level, Named, Scope, Source
from hyperdb.frontends.sql.bind.subscripts import Subscripts, target_of
from hyperdb.frontends.sql.catalog import keyspace, kinds
from hyperdb.frontends.sql.catalog.kinds import BOOL, INT4, REGCLASS, UUID, Kind
from hyperdb.frontends.sql.catalog.relations import Relation, RelationColumn
from hyperdb.frontends.sql.functions.registry import FUNCTIONS
from hyperdb.frontends.sql.functions.rowid import NEXT_ROW
from hyperdb.frontends.sql.functions.system import IDENTITY_NEXT
from hyperdb.frontends.sql.parse.clauses import OVERRIDING
from hyperdb.frontends.sql.parse.dialect import CURRENT_OF
from hyperdb.frontends.sql.plan.expressions import TRUTH, And, Call, Compare, Const, Expr, Slot, conjuncts
from hyperdb.frontends.sql.plan.nodes import (
    Check,
    Conflict,
    Delete,
    Filter,
    Insert,
    Join,
    Plan,
    Project,
    Scan,
    Update,
    Values,
    Writes,
)
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.binder import Binder

Columns = list[tuple[str, Kind]]


class WriteBinder:
    """Binds statements that change rows."""

    def __init__(self, binder: Binder) -> None:
        self.binder = binder
        self._overriding = ""
        self._default_rows: dict[int, tuple[Expr, ...]] = {}
        self._returned: tuple[list[tuple[str, Expr]], Scope] = ([], Scope(Level()))

    def statement(self, node: exp.Expr, scope: Scope) -> tuple[Plan, Columns | None]:
        """The plan and what RETURNING gives."""
        if isinstance(node, exp.Merge):
            return merge(self, node, scope)
        if isinstance(node, exp.Insert):
            plan, columns = self._insert(node, scope)
        elif isinstance(node, exp.Update):
            plan, columns = self._update(node, scope)
        else:
            assert isinstance(node, exp.Delete)
            plan, columns = self._delete(node, scope)
        if columns is not None:
            self.binder.origins.note(plan, *self._returned)
        return plan, columns

    def writes(self, relation: Relation) -> Writes:
        """What each change of the relation's rows has to see to."""
        binder = self.binder
        extras: list[Expr] = []
        for _, index in relation.indexes:
            for part in (each for each in index.columns if not each.column):
                extras += [binder.over(relation, part.expression.text, "index expressions", path=part.expression.path)]
            if index.predicate:
                extras.append(binder.over(relation, index.predicate.text, "index predicates", Kind(BOOL), index.predicate.path))
        checks = tuple(
            Check(
                constraint.name,
                binder.over(relation, constraint.check.text, "check constraints", Kind(BOOL), constraint.check.path),
            )
            for constraint in relation.table.constraints
            if constraint.kind == records.CHECK
        )
        generated = tuple(
            (
                column.slot,
                binder.over(relation, column.record.default.text, "generated columns", column.kind, column.record.default.path),
            )
            for column in relation.columns
            if column.record is not None and column.record.generation == records.STORED
        )
        return Writes(relation, tuple(extras), checks, generated)

    def target(self, node: exp.Expr) -> tuple[Relation, str]:
        """The table and the name that it goes by."""
        table = node.this if isinstance(node, exp.Schema) else node
        schema, name = table_name(table)
        relation = self.binder.relation(schema, name, self.binder.expressions.at(table))
        if relation.schema == keyspace.SCHEMA and relation.restricted is not None:
            hint = "Redis's clients write it: schema redis shows their data and changes nothing."
            raise SqlError("0A000", f'cannot change "{relation.schema}.{name}"', hint=hint)
        if relation.rows is not None:
            raise SqlError("42501", f"permission denied for table {name}")
        if not isinstance(relation.record, records.Table):
            raise SqlError("0A000", f'cannot change view "{name}"', hint="Views cannot be written to.")
        if relation.record.source:
            raise SqlError("42809", f'cannot change materialized view "{name}"')
        alias = table.args.get("alias")
        return relation, fold(alias.this) if alias is not None else relation.name

    def source(self, relation: Relation, name: str) -> Source:
        """The table's columns under a name."""
        columns = tuple(
            Named(column.name, column.kind, column.slot, (relation.oid, column.number)) for column in relation.columns
        )
        return Source(name, columns, relation.schema, relation)

    def default(self, column: RelationColumn | None) -> Expr:
        """What a slot holds where nothing is given."""
        if column is None:
            return Call(Kind(UUID), NEXT_ROW, ())
        record = column.record
        assert record is not None
        if record.sequence and record.generation in (records.IDENTITY_ALWAYS, records.IDENTITY_BY_DEFAULT):
            value = Call(Kind(kinds.INT8), IDENTITY_NEXT, (Const(Kind(REGCLASS), record.sequence),))
            return self.binder.coercer.coerce(value, column.kind, "assignment")
        if record.default and record.generation != records.STORED:
            scope = Scope(Level(), clause="DEFAULT expressions")
            return self.binder.alone(record.default.text, scope, column.kind, record.default.path)
        if column.kind.oid in self.binder.catalog.domains:
            found = self.binder.catalog.objects[column.kind.oid]
            if isinstance(found, records.UserType) and found.default:
                return self.binder.alone(found.default.text, Scope(Level()), column.kind, found.default.path)
        return Const(column.kind, None)

    def _given(self, relation: Relation, column: RelationColumn, node: exp.Expr | None) -> bool:
        """Whether what is given for a column is taken; OVERRIDING decides about identity columns."""
        record = column.record
        assert record is not None
        if _is_default(node):
            return True
        identity = record.generation in (records.IDENTITY_ALWAYS, records.IDENTITY_BY_DEFAULT)
        if identity and self._overriding:
            return self._overriding == "system"
        if record.generation == records.STORED:
            raise SqlError(
                "428C9",
                f'cannot insert a non-DEFAULT value into column "{column.name}"',
                detail=f'Column "{column.name}" is a generated column.',
                table=relation.name,
                column=column.name,
            )
        if record.generation == records.IDENTITY_ALWAYS:
            raise SqlError(
                "428C9",
                f'cannot insert a non-DEFAULT value into column "{column.name}"',
                detail=f'Column "{column.name}" is an identity column defined as GENERATED ALWAYS.',
                hint="Use OVERRIDING SYSTEM VALUE to override.",
            )
        return True

    def columns(self, relation: Relation, nodes: list[exp.Expr]) -> list[RelationColumn]:
        """Columns of the table by name.

        Raises:
            SqlError: 42703, 42701.
        """
        found: list[RelationColumn] = []
        for node in nodes:
            column = relation.column(fold(node))
            if column is None:
                message = f'column "{fold(node)}" of relation "{relation.name}" does not exist'
                raise SqlError("42703", message, position=self.binder.expressions.at(node))
            if column in found:
                raise SqlError(
                    "42701", f'column "{column.name}" specified more than once', position=self.binder.expressions.at(node)
                )
            found.append(column)
        return found

    def _insert(self, node: exp.Insert, scope: Scope) -> tuple[Plan, Columns | None]:
        if node.args.get("overwrite") or node.args.get("ignore") or node.args.get("alternative"):
            raise SqlError("0A000", "this form of INSERT is not supported")
        with_ = node.args.get("with_")
        if with_ is not None:
            scope = scope.inner()
            self.binder.queries.common.bind(with_, scope)
        relation, name = self.target(node.this)
        self._overriding = str(node.args.get(OVERRIDING) or "")
        named = isinstance(node.this, exp.Schema)
        columns = self.columns(relation, node.this.expressions) if named else list(relation.columns)
        for column in columns:
            self.binder.need(relation, INSERT, column.number)
        child = self._proposed(node, relation, columns, named, scope)
        writes = self.writes(relation)
        conflict = node.args.get("conflict")
        bound = None if conflict is None else self._conflict(conflict, relation, name, scope)
        returning, shown = self._returning(
            node, Scope(scope.level, [self.source(relation, name)], outer_tables=scope, width=relation.width)
        )
        return Insert(len(returning or ()), child, writes, bound, returning), shown

    def _slots(self, relation: Relation, given: dict[int, Expr]) -> tuple[Expr, ...]:
        """One value a slot."""
        by_slot = {column.slot: column for column in relation.columns}
        return tuple(given[slot] if slot in given else self.default(by_slot.get(slot)) for slot in range(relation.width))

    def _proposed(self, node: exp.Insert, relation: Relation, columns: list[RelationColumn], named: bool, scope: Scope) -> Plan:
        query = node.expression
        if node.args.get("default") or query is None:
            if named or self._overriding:
                raise SqlError("42601", 'syntax error at or near "DEFAULT"')
            return Values(relation.width, (self._slots(relation, {}),))
        if isinstance(query, exp.Values) and not query.args.get("order") and not query.args.get("limit"):
            return self._values(query, relation, columns, named, scope)
        plan, shown = self.binder.queries.query(query, scope.inner())
        self._fits(len(shown), columns, named)
        given: dict[int, Expr] = {}
        for place, column in enumerate(columns[: len(shown)]):
            if self._given(relation, column, None):
                value = self.binder.queries.stand_in(plan, shown, place)
                given[column.slot] = self._assigned(value, column, None)
        return Project(relation.width, plan, self._slots(relation, given))

    def row(
        self, relation: Relation, columns: list[RelationColumn], cells: list[exp.Expr], named: bool, scope: Scope
    ) -> tuple[Expr, ...]:
        """One value a slot of a new row, from those given for some columns."""
        self._fits(len(cells), columns, named)
        given: dict[int, Expr] = {}
        for column, cell in zip(columns, cells, strict=False):
            if self._given(relation, column, cell) and not _is_default(cell):
                given[column.slot] = self._assigned(self.binder.expressions.bind(cell, scope), column, cell)
        defaults = self._defaults(relation)
        return tuple(given.get(slot, defaults[slot]) for slot in range(relation.width))

    def _defaults(self, relation: Relation) -> tuple[Expr, ...]:
        found = self._default_rows.get(relation.oid)
        if found is None:
            found = self._default_rows[relation.oid] = self._slots(relation, {})
        return found

    def _values(self, query: exp.Values, relation: Relation, columns: list[RelationColumn], named: bool, scope: Scope) -> Plan:
        inside = Scope(scope.level, outer_tables=scope, clause="VALUES")
        rows = []
        for row in query.expressions:
            cells = row.expressions if isinstance(row, exp.Tuple) else [row]
            rows.append(self.row(relation, columns, cells, named, inside))
        if len({len(row.expressions) for row in query.expressions if isinstance(row, exp.Tuple)}) > 1:
            raise SqlError("42601", "VALUES lists must all be the same length")
        return Values(relation.width, tuple(rows))

    def _fits(self, given: int, columns: list[RelationColumn], named: bool) -> None:
        if given > len(columns):
            raise SqlError("42601", "INSERT has more expressions than target columns")
        if given < len(columns) and named:
            raise SqlError("42601", "INSERT has more target columns than expressions")

    def _assigned(self, value: Expr, column: RelationColumn, node: exp.Expr | None) -> Expr:
        """A value as the column's type."""
        try:
            return self.binder.coercer.coerce(value, column.kind, "assignment")
        except SqlError as error:
            if error.sqlstate in ("42804", "42846"):
                names = (
                    f"{self.binder.coercer.name(column.kind)} but expression is of type {self.binder.coercer.name(value.kind)}"
                )
                raise SqlError(
                    "42804",
                    f'column "{column.name}" is of type {names}',
                    hint="You will need to rewrite or cast the expression.",
                    position=self.binder.expressions.at(node),
                ) from None
            raise

    def _conflict(self, node: exp.Expr, relation: Relation, name: str, scope: Scope) -> Conflict:
        anything, index = True, None
        keys = [each.this if isinstance(each, exp.Ordered) else each for each in node.args.get("conflict_keys") or ()]
        if node.args.get("constraint") is not None:
            anything, index = False, self._constraint_index(relation, fold(node.args["constraint"]))
        elif keys:
            anything, index = False, self._arbiter(relation, keys, node.args.get("index_predicate"))
        action = str(node.args["action"].name if node.args.get("action") else "").upper()
        if action == "DO NOTHING":
            return Conflict(index, anything, None, None)
        if anything:
            raise SqlError("42601", "ON CONFLICT DO UPDATE requires inference specification or constraint name")
        proposed = tuple(Named(column.name, column.kind, relation.width + column.slot) for column in relation.columns)
        sources = [self.source(relation, name), Source("excluded", proposed)]
        inside = Scope(Level(), sources, outer_tables=scope, clause="ON CONFLICT", width=2 * relation.width)
        sets = self.sets(node.expressions, relation, inside)
        where = node.args.get("where")
        condition = None if where is None else self.binder.expressions.truth(where.this, inside, "WHERE")
        return Conflict(index, False, sets, condition)

    def _constraint_index(self, relation: Relation, name: str) -> int:
        for constraint in relation.table.constraints:
            if constraint.name == name and constraint.kind in (records.PRIMARY, records.UNIQUE):
                return self._entry(relation, constraint.index)
        raise SqlError("42704", f'constraint "{name}" for table "{relation.name}" does not exist')

    def _entry(self, relation: Relation, number: int) -> int:
        """An index's number; 0 for the one that the rows are the entries of."""
        return number if any(found == number for found, _ in relation.indexes) else 0

    def _arbiter(self, relation: Relation, keys: list[exp.Expr], predicate: exp.Expr | None) -> int:
        """The unique index of these columns and expressions, by its number; a partial one if the predicate says what its own does
        (plancat.c, infer_arbiter_indexes)."""
        binder = self.binder
        inside = Scope(Level(), [self.source(relation, relation.name)], clause="ON CONFLICT", width=relation.width)
        named: list[exp.Expr] = [key for key in keys if isinstance(key, exp.Column | exp.Identifier)]
        columns = {column.number for column in self.columns(relation, named)}
        others = [binder.expressions.bind(key, inside) for key in keys if key not in named]
        given = [] if predicate is None else conjuncts(binder.expressions.truth(predicate.this, inside, "WHERE"))
        if not others and {part.column for part in relation.table.key} == columns:
            return 0
        for number, index in relation.indexes:
            if not index.unique or {part.column for part in index.columns if part.column} != columns:
                continue
            own = [
                binder.over(relation, part.expression.text, "index expressions", path=part.expression.path)
                for part in index.columns
                if not part.column
            ]
            if len(own) != len(others) or any(each not in own for each in others):
                continue
            if index.predicate:
                text, path = index.predicate.text, index.predicate.path
                asked = conjuncts(binder.over(relation, text, "index predicates", Kind(BOOL), path))
                if any(each not in given for each in asked):
                    continue
            return number
        raise SqlError("42P10", "there is no unique or exclusion constraint matching the ON CONFLICT specification")

    def sets(self, nodes: list[exp.Expr], relation: Relation, scope: Scope) -> tuple[tuple[int, Expr], ...]:
        """The slots that SET changes, and to what."""
        found: dict[int, Expr] = {}
        parts: set[int] = set()
        """Slots of which a part is changed."""
        for node in nodes:
            targets = node.this.expressions if isinstance(node.this, exp.Tuple) else [node.this]
            values = self._set_values(node, len(targets))
            for target, value in zip(targets, values, strict=True):
                base, given = target_of(target)
                (column,) = self.columns(relation, [base.this if isinstance(base, exp.Column) else base])
                if given and (column.slot not in found or column.slot in parts):
                    parts.add(column.slot)
                    self._updatable(column, value)
                    self.binder.need(relation, UPDATE, column.number)
                    before = found.get(column.slot) or self._old(relation, column, scope)
                    found[column.slot] = self._put(before, given, value, column, scope)
                    continue
                if column.slot in found:
                    raise SqlError("42601", f'multiple assignments to same column "{column.name}"')
                self._updatable(column, value)
                self.binder.need(relation, UPDATE, column.number)
                if isinstance(value, exp.Expr):
                    if _is_default(value):
                        found[column.slot] = self.default(column)
                    else:
                        found[column.slot] = self._assigned(self.binder.expressions.bind(value, scope), column, value)
                else:
                    found[column.slot] = self._assigned(value, column, None)
        return tuple(found.items())

    def _old(self, relation: Relation, column: RelationColumn, scope: Scope) -> Expr:
        """A column of the row that is changed."""
        source = next(source for source in scope.sources if source.relation is relation)
        named = next(each for each in source.columns if each.origin == (relation.oid, column.number))
        return Slot(named.kind, named.place)

    def _put(self, before: Expr, given: list[exp.Expr], value: Any, column: RelationColumn, scope: Scope) -> Expr:
        """The column with a part of it changed."""
        if isinstance(value, exp.Expr):
            if _is_default(value):
                raise SqlError("0A000", "cannot set an array element to DEFAULT")
            value = self.binder.expressions.bind(value, scope)
        made = Subscripts(self.binder.expressions).assign(before, given, value, scope)
        return self._assigned(made, column, None)

    def _set_values(self, node: exp.Expr, count: int) -> list[Any]:
        value = node.expression
        if not isinstance(node.this, exp.Tuple):
            return [value]
        if isinstance(value, exp.Anonymous) and str(value.this).lower() == "row":
            value = exp.Tuple(expressions=value.expressions)
        if isinstance(value, exp.Tuple) and len(value.expressions) == count:
            return list(value.expressions)
        if isinstance(value, exp.Subquery) and count > 1:
            raise SqlError("0A000", "SET of several columns from a subquery is not supported")
        raise SqlError("42601", "number of columns does not match number of values")

    def _updatable(self, column: RelationColumn, value: Any) -> None:
        record = column.record
        if record is not None and record.generation in (records.STORED, records.IDENTITY_ALWAYS) and not _is_default(value):
            raise SqlError("428C9", f'column "{column.name}" can only be updated to DEFAULT')

    def _update(self, node: exp.Update, scope: Scope) -> tuple[Plan, Columns | None]:
        with_ = node.args.get("with_")
        if with_ is not None:
            scope = scope.inner()
            self.binder.queries.common.bind(with_, scope)
        relation, name = self.target(node.this)
        inside, child = self._joined(relation, name, node.args.get("from_"), list(node.args.get("joins") or ()), scope)
        inside.clause = "UPDATE"
        sets = self.sets(node.expressions, relation, inside)
        child = self._where(node, child, inside)
        returning, shown = self._returning(node, inside)
        return Update(len(returning or ()), child, self.writes(relation), sets, returning), shown

    def _delete(self, node: exp.Delete, scope: Scope) -> tuple[Plan, Columns | None]:
        with_ = node.args.get("with_")
        if with_ is not None:
            scope = scope.inner()
            self.binder.queries.common.bind(with_, scope)
        relation, name = self.target(node.this)
        self.binder.need(relation, DELETE)
        using = node.args.get("using") or []
        first = exp.From(this=using[0]) if using else None
        inside, child = self._joined(relation, name, first, [exp.Join(this=each) for each in using[1:]], scope)
        child = self._where(node, child, inside)
        returning, shown = self._returning(node, inside)
        return Delete(len(returning or ()), child, self.writes(relation), returning), shown

    def _joined(
        self, relation: Relation, name: str, from_: exp.Expr | None, joins: list[exp.Expr], scope: Scope
    ) -> tuple[Scope, Plan]:
        """The target's rows with whatever FROM or USING adds."""
        inside = Scope(scope.level, [self.source(relation, name)], outer_tables=scope, width=relation.width)
        child: Plan = Scan(relation.width, relation)
        if from_ is not None:
            right = self.binder.sources.bind(from_.this, joins, inside)
            child = Join(child.width + right.width, "inner", child, right)
        return inside, child

    def _where(self, node: exp.Expr, child: Plan, scope: Scope) -> Plan:
        where = node.args.get("where")
        if where is None:
            return child
        scope.clause = "WHERE"
        test = where.this
        if isinstance(test, exp.Anonymous) and test.name == CURRENT_OF:
            return Filter(child.width, child, self._current_of(scope.sources[0].relation, str(test.expressions[0].this)))
        return Filter(child.width, child, self.binder.expressions.truth(where.this, scope, "WHERE"))

    def _current_of(self, relation: Relation | None, cursor: str) -> Expr:
        """WHERE CURRENT OF: the key is that of the row on which the cursor stands."""
        assert relation is not None
        tests = []
        for place, part in enumerate(relation.table.key):
            column = next(each for each in relation.table.columns if each.id == part.column)
            kind = kinds.of_record(column.kind)
            given = (Const(Kind(kinds.TEXT), cursor), Const(Kind(kinds.INT8), relation.oid), Const(Kind(INT4), place))
            value = Call(kind, FUNCTIONS[CURRENT_OF][0], given)
            tests.append(Compare(TRUTH, "=", Slot(kind, relation.slot_of[part.column]), value, kind.oid))
        return tests[0] if len(tests) == 1 else And(TRUTH, tuple(tests))

    def _returning(self, node: exp.Expr, scope: Scope) -> tuple[tuple[Expr, ...] | None, Columns | None]:
        returning = node.args.get("returning")
        if returning is None:
            return None, None
        if returning.args.get("into"):
            raise SqlError("0A000", "RETURNING INTO is not supported")
        scope.clause = "RETURNING"
        shown = self.binder.queries.shown(returning, scope)
        self._returned = shown, scope
        return tuple(expr for _, expr in shown), [(name, expr.kind) for name, expr in shown]


def _is_default(node: Any) -> bool:
    return (isinstance(node, exp.Var) and str(node.this).upper() == "DEFAULT") or (
        isinstance(node, exp.Column)
        and not node.args.get("table")
        and isinstance(node.this, exp.Identifier)
        and not node.this.args.get("quoted")
        and str(node.this.this).upper() == "DEFAULT"
    )
