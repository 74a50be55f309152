"""Foreign keys: parents that must be there, children that must not be left behind.

Theory: ISO/IEC 9075-2, 4.17.2. A new reference locks its parent FOR KEY SHARE, so that nobody removes it before the commit;
who removes a parent has locked it for himself, and then looks for children in the newest state. All of it happens when the
statement has done its own changes, so that rows of one statement may refer to each other. Invariant: no committed row refers
to a row that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.deferral import find
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Constraint

if TYPE_CHECKING:
    from hyperdb.frontends.sql.execute.modify import Modifier

_PAGE = 1024


class ForeignKeys:
    """See the module's head."""

    def __init__(self, modifier: Modifier) -> None:
        self._modifier = modifier

    def added(self, relation: Relation, rows: Sequence[Row], env: Environment) -> None:
        """New rows: their parents must be there."""
        for constraint in relation.table.constraints:
            if constraint.kind == records.FOREIGN:
                self.ask_for_parents(relation, constraint, rows, env)

    def replaced(self, relation: Relation, old: Sequence[Row], new: Sequence[Row], env: Environment) -> None:
        """Changed rows: new references need parents, keys that changed must not be referred to."""
        for constraint in relation.table.constraints:
            if constraint.kind == records.FOREIGN:
                slots = [relation.slot_of[number] for number in constraint.columns]
                changed_rows = [
                    after for before, after in zip(old, new, strict=True) if any(before[slot] != after[slot] for slot in slots)
                ]
                self.ask_for_parents(relation, constraint, changed_rows, env)
        for child, constraint in self._children(relation, env):
            slots = [relation.slot_of[number] for number in constraint.parent_columns]
            changed = [
                (before, after)
                for before, after in zip(old, new, strict=True)
                if any(before[slot] != after[slot] for slot in slots)
            ]
            for before, after in changed:
                gone = tuple(before[slot] for slot in slots)
                becomes = tuple(after[slot] for slot in slots)
                self._later(env, relation, child, constraint, gone, becomes)

    def removed(self, relation: Relation, rows: Sequence[Row], env: Environment) -> None:
        """Rows that went: nobody may refer to them."""
        for child, constraint in self._children(relation, env):
            slots = [relation.slot_of[number] for number in constraint.parent_columns]
            for row in rows:
                self._later(env, relation, child, constraint, tuple(row[slot] for slot in slots), None)

    def _children(self, relation: Relation, env: Environment) -> Iterator[tuple[int, Constraint]]:
        for number, found in env.catalog.objects.items():
            if isinstance(found, records.Table):
                for constraint in found.constraints:
                    if constraint.kind == records.FOREIGN and constraint.parent == relation.oid:
                        yield number, constraint

    def ask_for_parents(self, relation: Relation, constraint: Constraint, rows: Sequence[Row], env: Environment) -> None:
        """Wants the parents of rows held: at the end of the statement, or of the transaction where the constraint is deferred.

        Raises:
            SqlError: 23503, by MATCH FULL.
        """
        slots = [relation.slot_of[number] for number in constraint.columns]
        values = {tuple(row[slot] for slot in slots) for row in rows}
        wanted = [each for each in values if None not in each]
        if constraint.match_full and any(None in each and any(item is not None for item in each) for each in values):
            raise SqlError(
                "23503",
                f'insert or update on table "{relation.name}" violates foreign key constraint "{constraint.name}"',
                detail="MATCH FULL does not allow mixing of null and nonnull key values.",
                table=relation.name,
                constraint=constraint.name,
            )
        if wanted and env.session.is_deferred(constraint):
            keys = [relation.slot_of[part.column] for part in relation.table.key]
            by_key = {tuple(row[slot] for slot in keys): tuple(row[slot] for slot in slots) for row in rows}
            env.session.defer(constraint.number, lambda later: self._ask_later(constraint.number, by_key, later))
        elif wanted:
            env.deferred.append(lambda: self._hold_parents(relation, constraint, wanted, env))

    def _ask_later(self, number: int, by_key: dict[tuple[Any, ...], tuple[Any, ...]], env: Environment) -> None:
        """At the end of the transaction: those of the rows that are still the same need their parents."""
        found = find(env.catalog, number)
        if found is None:
            return
        relation, constraint = env.catalog.relation(found[0]), found[1]
        known: dict[tuple[Any, ...], SqlError | None] = {}
        for key, values in by_key.items():
            if None in values:
                continue
            if values not in known:
                known[values] = self._parent_error(relation, constraint, values, env)
            error = known[values]
            if error is not None and self._is_still_there(relation, constraint, key, values, env):
                raise error

    def _parent_error(
        self, relation: Relation, constraint: Constraint, values: tuple[Any, ...], env: Environment
    ) -> SqlError | None:
        try:
            self._hold_parents(relation, constraint, [values], env)
        except SqlError as error:
            return error
        return None

    def _is_still_there(
        self, relation: Relation, constraint: Constraint, key: tuple[Any, ...], values: tuple[Any, ...], env: Environment
    ) -> bool:
        numbers = [part.column for part in relation.table.key]
        keys = [relation.slot_of[number] for number in numbers]
        slots = [relation.slot_of[number] for number in constraint.columns]
        return any(
            tuple(row[slot] for slot in keys) == key and tuple(row[slot] for slot in slots) == values
            for row in self._search(relation, numbers, key, env)
        )

    def _hold_parents(self, relation: Relation, constraint: Constraint, values: list[tuple[Any, ...]], env: Environment) -> None:
        parent = env.catalog.relation(constraint.parent)
        layout = env.session.layout(parent, env)
        places = [number for number, _ in parent.indexes]
        place = places.index(constraint.index) if constraint.index in places else None
        key = parent.table.key if place is None else parent.indexes[place][1].columns
        order = [constraint.parent_columns.index(part.column) for part in key]
        for each in values:
            named = tuple(each[at] for at in order)
            if env.transaction.hold_parent(layout, place, named):
                continue
            if self._was_there(layout, place, named, env):
                raise SqlError("40001", "could not serialize access due to concurrent delete")
            raise self._missing(relation, parent, constraint, each, env)

    def _was_there(self, layout: Any, place: int | None, named: tuple[Any, ...], env: Environment) -> bool:
        """Whether a snapshot shows a parent that is gone in the newest state: another transaction removed it, so that run again
        this one would say the truth about it."""
        if env.session.setting("transaction_isolation") == "read committed":
            return False
        bound = (named, True)
        rows, _ = env.transaction.page(layout, place, bound, bound, False, False, None, 1)
        return bool(rows)

    def _missing(
        self, relation: Relation, parent: Relation, constraint: Constraint, values: tuple[Any, ...], env: Environment
    ) -> SqlError:
        names, shown = self._shown(relation, constraint.columns, values, env)
        return SqlError(
            "23503",
            f'insert or update on table "{relation.name}" violates foreign key constraint "{constraint.name}"',
            detail=f'Key ({names})=({shown}) is not present in table "{parent.name}".',
            schema=relation.schema,
            table=relation.name,
            constraint=constraint.name,
        )

    def _shown(self, relation: Relation, numbers: Sequence[int], values: Sequence[Any], env: Environment) -> tuple[str, str]:
        columns = [relation.by_number(number) for number in numbers]
        names = ", ".join(column.name for column in columns if column is not None)
        texts = ", ".join(
            env.session.show(column.kind, value) for column, value in zip(columns, values, strict=True) if column is not None
        )
        return names, texts

    def _later(
        self,
        env: Environment,
        parent: Relation,
        child: int,
        constraint: Constraint,
        gone: tuple[Any, ...],
        becomes: tuple[Any, ...] | None,
    ) -> None:
        if None in gone:
            return
        action = constraint.on_delete if becomes is None else constraint.on_update
        if action == records.NO_ACTION and env.session.is_deferred(constraint):
            number = constraint.number
            env.session.defer(number, lambda later: self._lost_later(number, gone, becomes, later))
        else:
            env.deferred.append(lambda: self._lost(parent, env.catalog.relation(child), constraint, gone, becomes, env))

    def _lost_later(self, number: int, gone: tuple[Any, ...], becomes: tuple[Any, ...] | None, env: Environment) -> None:
        """At the end of the transaction."""
        found = find(env.catalog, number)
        if found is not None:
            parent, child = env.catalog.relation(found[1].parent), env.catalog.relation(found[0])
            self._lost(parent, child, found[1], gone, becomes, env)

    def _lost(
        self,
        parent: Relation,
        child: Relation,
        constraint: Constraint,
        gone: tuple[Any, ...],
        becomes: tuple[Any, ...] | None,
        env: Environment,
    ) -> None:
        rows = self._referring(child, constraint, gone, env)
        if not rows:
            return
        action = constraint.on_delete if becomes is None else constraint.on_update
        written = self._modifier.written(env.writes(child))
        if action == records.CASCADE and becomes is None:
            self._modifier.remove_rows(written, rows, env)
            return
        if action in (records.NO_ACTION, records.RESTRICT):
            if action == records.NO_ACTION and self._there_again(parent, constraint, gone, env):
                return
            raise self._referred(parent, child, constraint, gone, env)
        values: dict[int, Any] = {}
        for place, number in enumerate(constraint.columns):
            slot = child.slot_of[number]
            if becomes is not None and action == records.CASCADE:
                values[slot] = becomes[place]
            elif not constraint.set_columns or number in constraint.set_columns:
                values[slot] = None if action == records.SET_NULL else env.session.default_of(child, number, env)
        changed = [written.complete([values.get(slot, value) for slot, value in enumerate(row)], env) for row in rows]
        self._modifier.replace_rows(written, rows, changed, env)
        if action != records.SET_DEFAULT or not self._referring(child, constraint, gone, env):
            return
        # A default that is the key that goes leaves rows as they were, for whose parents nobody else asks.
        if not self._there_again(parent, constraint, gone, env):
            raise self._referred(parent, child, constraint, gone, env)

    def _referred(
        self, parent: Relation, child: Relation, constraint: Constraint, gone: tuple[Any, ...], env: Environment
    ) -> SqlError:
        names, shown = self._shown(parent, constraint.parent_columns, gone, env)
        return SqlError(
            "23503",
            f'update or delete on table "{parent.name}" violates foreign key constraint "{constraint.name}"'
            f' on table "{child.name}"',
            detail=f'Key ({names})=({shown}) is still referenced from table "{child.name}".',
            schema=child.schema,
            table=child.name,
            constraint=constraint.name,
        )

    def _there_again(self, parent: Relation, constraint: Constraint, key: tuple[Any, ...], env: Environment) -> bool:
        """Whether another row of the statement took over the key."""
        slots = [parent.slot_of[number] for number in constraint.parent_columns]
        return any(tuple(row[slot] for slot in slots) == key for row in self._search(parent, constraint.parent_columns, key, env))

    def _referring(self, child: Relation, constraint: Constraint, key: tuple[Any, ...], env: Environment) -> list[Row]:
        slots = [child.slot_of[number] for number in constraint.columns]
        return [row for row in self._search(child, constraint.columns, key, env) if tuple(row[slot] for slot in slots) == key]

    def _search(self, relation: Relation, numbers: Sequence[int], key: tuple[Any, ...], env: Environment) -> Iterator[Row]:
        """Rows among which are all with that key, in the newest state: by an index if one begins with these columns."""
        layout = env.session.layout(relation, env)
        by_number = dict(zip(numbers, key, strict=True))
        place, bound = None, None
        candidates = [
            (None, relation.table.key),
            *[(at, record.columns) for at, (_, record) in enumerate(relation.indexes) if not record.predicate],
        ]
        for at, parts in candidates:
            first = [part.column for part in parts[: len(numbers)]]
            if set(first) == set(numbers) and len(first) == len(numbers):
                place, bound = at, (tuple(by_number[number] for number in first), True)
                break
        after: bytes | None = None
        while True:
            page, after = env.transaction.page(layout, place, bound, bound, False, True, after, _PAGE)
            yield from page
            if after is None:
                return
