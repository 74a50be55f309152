"""ON CONFLICT: what becomes of a proposed row that meets one that is there.

Theory: each unique index that may be met is asked for the proposed row's values, in the newest state, before the row is added.
Values of expressions and predicates come with the row, as its extras (`Written.complete`). Invariant: a row that this statement
has written is not written a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hyperdb.errors import RowChangedError, SqlError
from hyperdb.frontends.sql.execute.environment import Environment, Row
from hyperdb.frontends.sql.plan import nodes as p

if TYPE_CHECKING:
    from hyperdb.frontends.sql.catalog.relations import Relation
    from hyperdb.frontends.sql.execute.compile import Compiler
    from hyperdb.frontends.sql.execute.modify import Modifier, Written


class Arbiter:
    """A unique index, by its number; 0: the primary key."""

    def __init__(self, relation: Relation, number: int) -> None:
        self._number, self._relation = number, relation
        numbers = [each for each, _ in relation.indexes]
        self._place = numbers.index(number) if number else None
        self._predicate: int | None = None
        """Where a row's extras tell whether the index has it."""
        self._is_equal_null = False
        parts = relation.table.key
        extra = relation.width
        for each, index in relation.indexes:
            own = [part for part in index.columns if not part.column]
            if each == number:
                parts, self._is_equal_null = index.columns, index.nulls_equal
                self._predicate = extra + len(own) if index.predicate else None
                break
            extra += len(own) + bool(index.predicate)
        self._slots = []
        for part in parts:
            if part.column:
                self._slots.append(relation.slot_of[part.column])
            else:
                self._slots.append(extra)
                extra += 1

    def values(self, row: Sequence[Any]) -> Row | None:
        """The values of a row, with its extras, that no other may have; None: any number of rows may."""
        if self._predicate is not None and row[self._predicate] is not True:
            return None
        values = tuple(row[slot] for slot in self._slots)
        return None if None in values and not self._is_equal_null else values

    def mark(self, row: Sequence[Any]) -> Any:
        """What tells a row, with its extras, from others of its table."""
        values = self.values(row)
        try:
            hash(values)
        except TypeError:
            return self._relation.oid, self._number, repr(values)
        return self._relation.oid, self._number, values

    def existing(self, row: Row, layout: Any, env: Environment) -> Row | None:
        """The row that a new one would meet."""
        values = self.values(row)
        if values is None:
            return None
        page, _ = env.transaction.page(layout, self._place, (values, True), (values, True), False, True, None, 1)
        return page[0] if page else None


def conflicting(
    modifier: Modifier, expressions: Compiler, conflict: p.Conflict, written: Written
) -> Callable[[Row, Environment], Row | None]:
    """Adds a row, or does what is said where one is in its way: the row that is there in the end, None if nothing was changed."""
    relation = written.relation
    sets = [(slot, expressions.compile(value)) for slot, value in conflict.sets or ()]
    where = None if conflict.where is None else expressions.compile(conflict.where)
    every = [0, *[number for number, index in relation.indexes if index.unique]]
    met = every if conflict.index is None else [conflict.index]
    arbiters = [Arbiter(relation, number) for number in met]
    names = {modifier.key_of(relation, number)[0] for number in met}

    def update(found: Row, row: Row, env: Environment) -> Row | None:
        layout = modifier.claim(relation, env)
        env.transaction.lock_rows(layout, [written.whole(found, env)], "no key update", "block")
        both = (*found, *row[: relation.width])
        if where is not None and not where(both, env):
            return None
        changed = list(found)
        for slot, value in sets:
            changed[slot] = value(both, env)
        after = written.complete(changed, env)
        modifier.replace_rows(written, [found], [after], env)
        env.claimed |= {each.mark(after) for each in arbiters}
        return after

    def run(row: Row, env: Environment) -> Row | None:
        layout = modifier.claim(relation, env)
        for arbiter in arbiters:
            found = arbiter.existing(row, layout, env)
            if found is None:
                continue
            if conflict.sets is None:
                return None
            if arbiter.mark(row) in env.claimed:
                raise SqlError(
                    "21000",
                    "ON CONFLICT DO UPDATE command cannot affect row a second time",
                    hint="Ensure that no rows proposed within the same command have duplicate constrained values.",
                )
            return update(found, row, env)
        try:
            modifier.insert_rows(written, [row], env)
        except SqlError as error:
            if error.sqlstate == "23505" and error.constraint in names:
                # Somebody was adding it, for whose commit this has waited: the statement looks again, and meets it.
                raise RowChangedError("a row with the same key was added meanwhile") from error
            raise
        if conflict.sets is not None:
            env.claimed |= {each.mark(row) for each in arbiters}
        return row

    return run
