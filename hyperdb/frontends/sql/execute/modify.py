"""Adding, replacing and removing rows, with everything that must hold of them.

Theory: a row is completed (generated columns), checked (NOT NULL, CHECK), and stored with its index entries by native code, which
also finds what must be unique. Foreign keys are looked at when the statement has done everything else: parents are locked so that
they stay, referring rows are looked for in the newest state. Invariant: after an error the statement is taken back as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.execute.conflicts import conflicting
from hyperdb.frontends.sql.execute.cql_values import checks, refusal
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.execute.foreign import ForeignKeys
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.execute.rows import Executor

Rows = Callable[[Environment], Iterator[Row]]
Extras = Callable[[Sequence[Any], Environment], tuple[Any, ...]]
_BATCH = 512


class Written:
    """A relation's `Writes`, compiled."""

    def __init__(self, executor: Executor, writes: p.Writes) -> None:
        compiler = executor.expressions
        self.relation = writes.relation
        self.extras = compiler.row(writes.extras)
        self.checks = [(check.name, compiler.compile(check.condition)) for check in writes.checks]
        self.generated = [(slot, compiler.compile(value)) for slot, value in writes.generated]
        self.bounds = checks(writes.relation)
        self.required = [(column.slot, column.name) for column in writes.relation.columns if column.not_null]

    def complete(self, row: Sequence[Any], env: Environment) -> tuple[Any, ...]:
        """The row as it is stored: generated columns computed, checked, extras behind.

        Raises:
            SqlError: 23502, 23514, and where a value is none of CQL's.
        """
        if self.generated:
            filled = list(row)
            for slot, value in self.generated:
                filled[slot] = value(filled, env)
            row = tuple(filled)
        for slot, name in self.required:
            if row[slot] is None:
                relation = self.relation
                raise SqlError(
                    "23502",
                    f'null value in column "{name}" of relation "{relation.name}" violates not-null constraint',
                    detail=f"Failing row contains ({self.shown(row, env)}).",
                    schema=relation.schema,
                    table=relation.name,
                    column=name,
                )
        for slot, name, (holds, state, words) in self.bounds:
            if row[slot] is not None and not holds(row[slot]):
                raise refusal(self.relation, name, state, words)
        for name, check in self.checks:
            if check(row, env) is False:
                relation = self.relation
                raise SqlError(
                    "23514",
                    f'new row for relation "{relation.name}" violates check constraint "{name}"',
                    detail=f"Failing row contains ({self.shown(row, env)}).",
                    schema=relation.schema,
                    table=relation.name,
                    constraint=name,
                )
        return (*row, *self.extras(row, env))

    def shown(self, row: Sequence[Any], env: Environment) -> str:
        """The row as messages show it."""
        return ", ".join(env.session.show(column.kind, row[column.slot]) for column in self.relation.columns)

    def whole(self, row: Sequence[Any], env: Environment) -> tuple[Any, ...]:
        """A row that is there, with its extras."""
        return (*row, *self.extras(row, env))


def _stored(write: Callable[..., tuple[int, int] | None], *rows: object) -> tuple[int, int] | None:
    """What `write` says of the rows. Timestamps are microseconds since 1970, where PostgreSQL's last years have no room."""
    try:
        return write(*rows)
    except OverflowError as error:
        raise SqlError("22008", "timestamp out of range") from error


class Modifier:
    """Compiles and runs changes of rows."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._written: dict[int, tuple[p.Writes, Written]] = {}
        self.foreign = ForeignKeys(self)

    def written(self, writes: p.Writes) -> Written:
        """The compiled form."""
        found = self._written.get(id(writes))
        if found is None:
            found = self._written[id(writes)] = (writes, Written(self._executor, writes))
        return found[1]

    def extras(self, relation: Relation, env: Environment) -> Extras:
        """Rows of a relation with what its indexes need."""
        return self.written(env.writes(relation)).whole

    def compile(self, plan: p.Plan) -> Rows:
        """A change as a function that does it and gives the rows of RETURNING; without that, one row with the count."""
        makers: dict[type[p.Plan], Callable[[Any], Callable[[Environment], list[Row]]]] = {
            p.Insert: self._insert,
            p.Update: self._update,
            p.Delete: self._delete,
            p.Merge: self._merge,
        }
        run = makers[type(plan)](plan)
        return lambda env: iter(run(env))

    def _finish(self, rows: list[Row], returning: Any, env: Environment) -> list[Row]:
        return [(len(rows),)] if returning is None else [returning(row, env) for row in rows]

    def claim(self, relation: Relation, env: Environment) -> Any:
        """The layout of a relation that the transaction writes from now on."""
        layout = env.session.layout(relation, env)
        if relation.oid not in env.claimed:
            env.transaction.claim(layout)
            env.claimed.add(relation.oid)
        return layout

    def _insert(self, plan: p.Insert) -> Callable[[Environment], list[Row]]:
        child, written = self._executor.compile(plan.child), self.written(plan.writes)
        returning = None if plan.returning is None else self._executor.expressions.row(plan.returning)
        conflict = None if plan.conflict is None else conflicting(self, self._executor.expressions, plan.conflict, written)
        width = plan.writes.relation.width

        def run(env: Environment) -> list[Row]:
            self.claim(written.relation, env)
            holding = env.hold()
            rows = [written.complete(row, env) for row in list(holding.all(child(env)))]
            done: list[Row] = []
            if conflict is not None:
                for row in rows:
                    kept = conflict(row, env)
                    if kept is not None:
                        done.append(kept)
            else:
                self.insert_rows(written, rows, env)
                done = rows
            return self._finish([row[:width] for row in done], returning, env)

        return run

    def insert_rows(self, written: Written, rows: list[Row], env: Environment) -> None:
        """Stores new rows."""
        layout = self.claim(written.relation, env)
        for start in range(0, len(rows), _BATCH):
            env.check_cancelled()
            batch = rows[start : start + _BATCH]
            violated = _stored(env.transaction.insert, layout, batch)
            if violated is not None:
                raise self._duplicate(written, batch[violated[0]], violated[1], env)
        self.foreign.added(written.relation, rows, env)

    def _duplicate(self, written: Written, row: Sequence[Any], index: int, env: Environment) -> SqlError:
        relation = written.relation
        _, columns = self.key_of(relation, index)
        found = [relation.column(column) for column in columns]
        return self.duplicate(relation, index, [None if each is None else row[each.slot] for each in found], env)

    def duplicate(self, relation: Relation, index: int, key: Sequence[Any], env: Environment) -> SqlError:
        """A value is there twice: `key` are the values of the index's columns, of the primary key's for 0."""
        name, columns = self.key_of(relation, index)
        shown = ", ".join(columns)
        values = []
        for column, value in zip(columns, key, strict=True):
            found = relation.column(column)
            values.append("?" if found is None else env.session.show(found.kind, value))
        return SqlError(
            "23505",
            f'duplicate key value violates unique constraint "{name}"',
            detail=f"Key ({shown})=({', '.join(values)}) already exists.",
            schema=relation.schema,
            table=relation.name,
            constraint=name,
        )

    def key_of(self, relation: Relation, index: int) -> tuple[str, list[str]]:
        """Name and columns of a unique index, of the primary key for 0."""
        names = {column.number: column.name for column in relation.columns}
        table = relation.table
        if index == 0:
            columns = [names.get(part.column, "?") for part in table.key]
            named = [constraint.name for constraint in table.constraints if constraint.kind == records.PRIMARY]
            return (named[0] if named else f"{relation.name}_pkey"), columns
        for number, record in relation.indexes:
            if number == index:
                return record.name, [names.get(part.column, part.expression.text) for part in record.columns]
        return "?", []

    def _update(self, plan: p.Update) -> Callable[[Environment], list[Row]]:
        child, written = self._executor.compile(plan.child), self.written(plan.writes)
        sets = [(slot, self._executor.expressions.compile(value)) for slot, value in plan.sets]
        returning = None if plan.returning is None else self._executor.expressions.row(plan.returning)
        width = plan.writes.relation.width
        key = self._row_key(plan.writes.relation)

        def run(env: Environment) -> list[Row]:
            self.claim(written.relation, env)
            holding = env.hold()
            old: list[Row] = []
            new: list[Row] = []
            shown: list[Row] = []
            seen: set[Any] = set()
            for row in list(holding.all(child(env))):
                own = key(row)
                if own in seen or _is_touched(written.relation, own, env):
                    continue
                seen.add(own)
                changed = list(row[:width])
                for slot, value in sets:
                    changed[slot] = value(row, env)
                after = written.complete(changed, env)
                old.append(row[:width])
                new.append(after)
                shown.append((*after[:width], *row[width:]))
            self.replace_rows(written, old, new, env)
            return self._finish(shown, returning, env)

        return run

    def _row_key(self, relation: Relation) -> Callable[[Row], Any]:
        slots = [relation.slot_of[part.column] for part in relation.table.key]
        return lambda row: tuple(_hashable(row[slot]) for slot in slots)

    def _touch(self, relation: Relation, rows: Sequence[Row], env: Environment) -> None:
        """Other parts of the statement, which see rows as they were before it, change these no more (TM_SelfModified)."""
        if env.touched is not None:
            key = self._row_key(relation)
            env.touched.update((relation.oid, key(row)) for row in rows)

    def replace_rows(self, written: Written, old: list[Row], new: list[Row], env: Environment) -> None:
        """Stores changed rows; `old` without extras, `new` with them."""
        if not old:
            return
        layout = self.claim(written.relation, env)
        self._touch(written.relation, old, env)
        before = [written.whole(row, env) for row in old]
        for start in range(0, len(old), _BATCH):
            env.check_cancelled()
            end = start + _BATCH
            violated = _stored(env.transaction.replace, layout, before[start:end], new[start:end])
            if violated is not None:
                raise self._duplicate(written, new[start + violated[0]], violated[1], env)
        self.foreign.replaced(written.relation, old, new, env)

    def _delete(self, plan: p.Delete) -> Callable[[Environment], list[Row]]:
        child, written = self._executor.compile(plan.child), self.written(plan.writes)
        returning = None if plan.returning is None else self._executor.expressions.row(plan.returning)
        width = plan.writes.relation.width
        key = self._row_key(plan.writes.relation)

        def run(env: Environment) -> list[Row]:
            self.claim(written.relation, env)
            holding = env.hold()
            found = reversed(list(holding.all(child(env))))
            unique = {own: row for row in found if not _is_touched(written.relation, own := key(row), env)}
            rows = list(reversed(unique.values()))
            self.remove_rows(written, [row[:width] for row in rows], env)
            return self._finish(rows, returning, env)

        return run

    def _merge(self, plan: p.Merge) -> Callable[[Environment], list[Row]]:
        child, written = self._executor.compile(plan.child), self.written(plan.writes)
        expressions = self._executor.expressions
        whens = [
            (
                when,
                None if when.condition is None else expressions.compile(when.condition),
                [(slot, expressions.compile(value)) for slot, value in when.sets],
                expressions.row(when.values),
            )
            for when in plan.whens
        ]
        width = plan.writes.relation.width
        key = self._row_key(plan.writes.relation)

        def run(env: Environment) -> list[Row]:
            self.claim(written.relation, env)
            holding = env.hold()
            removed: list[Row] = []
            old: list[Row] = []
            new: list[Row] = []
            added: list[Row] = []
            seen: set[Any] = set()
            done = 0
            for row in list(holding.all(child(env))):
                own = key(row)
                matched = None not in own
                if matched and _is_touched(written.relation, own, env):
                    continue
                for when, test, sets, values in whens:
                    if when.matched is not matched or (test is not None and not test(row, env)):
                        continue
                    if when.action == "insert":
                        added.append(written.complete(values(row, env), env))
                    elif when.action != "nothing":
                        if own in seen:
                            message = "MERGE command cannot affect row a second time"
                            hint = "Ensure that not more than one source row matches any one target row."
                            raise SqlError("21000", message, hint=hint)
                        seen.add(own)
                        if when.action == "delete":
                            removed.append(row[:width])
                        else:
                            changed = list(row[:width])
                            for slot, value in sets:
                                changed[slot] = value(row, env)
                            old.append(row[:width])
                            new.append(written.complete(changed, env))
                    done += when.action != "nothing"
                    break
            self.remove_rows(written, removed, env)
            self.replace_rows(written, old, new, env)
            if added:
                self.insert_rows(written, added, env)
            return [(done,)]

        return run

    def remove_rows(self, written: Written, rows: list[Row], env: Environment) -> None:
        """Removes rows."""
        if not rows:
            return
        layout = self.claim(written.relation, env)
        self._touch(written.relation, rows, env)
        for start in range(0, len(rows), _BATCH):
            env.check_cancelled()
            env.transaction.remove(layout, [written.whole(row, env) for row in rows[start : start + _BATCH]])
        self.foreign.removed(written.relation, rows, env)


def _is_touched(relation: Relation, key: Any, env: Environment) -> bool:
    return bool(env.touched) and (relation.oid, key) in (env.touched or ())


def _hashable(value: Any) -> Any:
    """A value that tells rows apart: an array as a tuple."""
    return tuple(map(_hashable, value)) if isinstance(value, list) else value
