"""Changes of rows, with and without conditions.

Theory: a change is weighed against what is there by its time (native/graph's `wide`). One with conditions is decided on the row
as this transaction sees it, and the transaction is serializable: if anybody changes meanwhile what it has read, it is run again,
so that conditions hold at the moment at which the change counts. Invariant: nothing is written unless all conditions hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hyperdb.errors import InvalidError
from hyperdb.frontends.cql.bind.clustering import Values
from hyperdb.frontends.cql.bind.conditions import Condition
from hyperdb.frontends.cql.bind.frame import Frame
from hyperdb.frontends.cql.bind.masking import masking
from hyperdb.frontends.cql.bind.modify import ModifyPlan, time_of, time_to_live
from hyperdb.frontends.cql.bind.where import check_key
from hyperdb.frontends.cql.describe.schema import Role
from hyperdb.frontends.cql.protocol.responses import Column, Rows
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BOOLEAN
from hyperdb.graph.catalog.tables import TableTransaction

Row = tuple[bytes | int | list[int | None] | None, ...]
_APPLIED = "[applied]"
_TRUE, _FALSE = b"\1", b"\0"


@dataclass(frozen=True, slots=True)
class Change:
    """A plan with the values that it is to be run with. `timestamp` is that of its batch, if that has one."""

    plan: ModifyPlan
    frame: Frame


def apply(change: Change, transaction: TableTransaction, *, decided: bool = False) -> None:
    """Does what a plan says, whatever its conditions; with `decided` all of it counts as made when it was.

    Raises:
        CqlError: invalid, for values that cannot be.
    """
    try:
        _apply(change, transaction, decided=decided)
    except InvalidError as error:
        told = _OF_DELETE.get(str(error)) if change.plan.verb == "DELETE" else None
        if told is None:
            raise
        raise invalid(told) from None


_OF_DELETE = {"Attempted to set an element on a list which is null": "Attempted to delete an element from a list which is null"}
"""What is said of a change of a list, where it is a DELETE's."""


def _apply(change: Change, transaction: TableTransaction, *, decided: bool) -> None:
    plan, frame = change.plan, change.frame
    served, statements = plan.served, transaction.statements
    wide = served.wide
    moment = frame.now, served.options.gc_grace_seconds
    timestamp = frame.timestamp if decided else time_of(plan.timestamp, frame)
    keys = plan.keys(frame)
    rows = None if plan.rows is None else plan.rows(frame)
    slices = None if plan.slices is None else plan.slices(frame)
    ttl = time_to_live(plan, frame)
    for key in keys:
        check_key(key)
    static = [each for changes in plan.static for each in changes(frame)]
    regular = [each for changes in plan.regular for each in changes(frame)]
    wide.claim(statements)
    for key in keys:
        if plan.removes_partition:
            wide.remove_slice(statements, key, None, None, True, timestamp, moment)
        for low, high in slices or ():
            wide.remove_slice(statements, key, low, high, False, timestamp, moment)
        if static:
            # Once for each row, as Cassandra does, which adds to counters and lists as often.
            for _ in range(max(len(rows or ()), 1)):
                wide.write(statements, key, [], (timestamp, ttl, False), moment, static)
        for row in rows or ():
            if plan.removes_row:
                wide.remove(statements, key, row, timestamp, moment)
            elif regular or plan.inserts:
                wide.write(statements, key, row, (timestamp, ttl, plan.inserts), moment, regular)


# Conditions.


@dataclass(frozen=True, slots=True)
class _Seen:
    """The row that a condition is about: None where there is none."""

    row: Row | None
    """With the static columns of its partition."""
    is_there: bool
    """Whether what EXISTS asks for is there: the row, or static columns."""


def decide(changes: Sequence[Change], transaction: TableTransaction, *, is_batch: bool = False) -> Rows:
    """Applies changes if the conditions of all of them hold; the result with `[applied]`.

    Raises:
        CqlError: invalid.
    """
    asking = [change for change in changes if change.plan.condition is not None]
    names_rows = any(change.plan.condition.of_rows for change in asking if change.plan.condition is not None)
    seen = [(change, _see(change, transaction, names_rows=names_rows)) for change in asking]
    refused = [(change, found) for change, found in seen if not _holds(change, found)]
    if not refused:
        served = changes[0].plan.served
        for change in changes:
            apply(change, transaction, decided=True)
        return Rows([_column(served, _APPLIED)], [[_TRUE]])
    return _refusal(changes, seen, is_batch=is_batch, names_rows=names_rows)


def _column(served: Served, name: str) -> Column:
    return Column(served.keyspace, served.name, name, BOOLEAN)


def _see(change: Change, transaction: TableTransaction, *, names_rows: bool) -> _Seen:
    """What one condition is about. Where no condition of a request is about rows (`names_rows`), their partition's first row is
    looked at beside its static columns, as in Cassandra, whatever rows the statements change."""
    plan, frame = change.plan, change.frame
    condition, served = plan.condition, plan.served
    assert condition is not None
    wide, statements = served.wide, transaction.statements
    wide.claim(statements)
    asked = [(served.ids[name], ask) for name, ask in condition.asked]
    (key,) = plan.keys(frame)
    check_key(key)
    static: Row | None = None
    if served.statics:
        fixed = wide.fixed(statements, key, frame.now, asked)
        static = fixed[0] if fixed else None
    if not names_rows:
        found, _ = wide.rows(statements, key, None, None, False, None, 1, frame.now, asked)
        return _Seen(_merged(served, condition, found[0], static) if found else static, static is not None)
    if plan.rows is None:
        return _Seen(static, static is not None)
    (clustering,) = plan.rows(frame)
    if clustering:
        end = list(clustering), True
        rows, _ = wide.rows(statements, key, end, end, False, None, 1, frame.now, asked)
    else:
        rows = wide.fixed(statements, key, frame.now, asked)
    if not rows:
        # Static columns have been read if they are compared, or may be changed.
        reads_static = bool(plan.static) or any(column.role is Role.STATIC for column in condition.shown)
        return _Seen(static if condition.exists is None and reads_static else None, False)
    return _Seen(_merged(served, condition, rows[0], static), True)


def _merged(served: Served, condition: Condition, row: Row, static: Row | None) -> Row:
    if static is None:
        return row
    names = {column.name for column in served.statics}
    return tuple(static[at] if name in names else row[at] for at, (name, _) in enumerate(condition.asked))


def _holds(change: Change, found: _Seen) -> bool:
    condition = change.plan.condition
    assert condition is not None
    if condition.exists is not None:
        return condition.exists == found.is_there
    row = found.row or (None,) * len(condition.asked)
    # Each is looked at, so that one that cannot be is refused whatever the others say.
    found_true = [holds(change.frame, row) for holds in condition.holds]
    return all(found_true)


def _refusal(changes: Sequence[Change], seen: Sequence[tuple[Change, _Seen]], *, is_batch: bool, names_rows: bool) -> Rows:
    """What is told when a condition does not hold: the present values of what was compared."""
    served = seen[0][0].plan.served
    shown: dict[str, Column] = {}
    if is_batch:
        for column in (*served.partition, *served.clustering):
            shown[column.name] = Column(served.keyspace, served.name, column.name, column.type)
    for change, _ in seen:
        assert change.plan.condition is not None
        for column in change.plan.condition.shown:
            shown[column.name] = Column(served.keyspace, served.name, column.name, column.type)
    # Of a row that was asked for as such, only what the request may change has been read.
    unread: set[str] = set()
    if any(change.plan.condition.exists is not None for change, _ in seen if change.plan.condition is not None):
        if not any(change.plan.static for change in changes):
            unread.update(column.name for column in served.statics)
        if not any(change.plan.rows is not None for change in changes):
            unread.update(column.name for column in served.regulars)
    rows: list[list[bytes | None]] = []
    places: list[tuple[Values, ...]] = []
    # Static columns stand beside rows, and alone where none of the rows that are asked for is there.
    has_rows = any(found.row is not None for change, found in seen if change.plan.rows is not None)
    for change, found in seen:
        condition, plan = change.plan.condition, change.plan
        assert condition is not None
        if found.row is None or (names_rows and has_rows and plan.rows is None):
            continue
        of_row = plan.rows if names_rows else None
        place = (plan.keys(change.frame)[0], of_row(change.frame)[0] if of_row is not None else ())
        values = {
            name: masking(served.columns[name])(change.frame, None if name in unread else found.row[at])  # type: ignore[arg-type]
            for at, (name, ask) in enumerate(condition.asked)
            if ask == 0
        }
        if place in places:
            earlier = rows[places.index(place)]
            for at, name in enumerate(shown, 1):
                if name in values:
                    earlier[at] = values[name]  # type: ignore[assignment]
            continue
        places.append(place)
        rows.append([_FALSE, *(values.get(name) for name in shown)])  # type: ignore[list-item]
    if not rows:
        return Rows([_column(served, _APPLIED)], [[_FALSE]])
    return Rows([_column(served, _APPLIED), *shown.values()], rows)


_CELL = 24


def weight(change: Change) -> int:
    """About how many bytes a change writes."""
    frame, plan = change.frame, change.plan
    given = sum(len(value) for value in frame.values if isinstance(value, bytes))
    cells = 1 + len(plan.regular) + len(plan.static)
    return given + sum(len(literal.text) for literal in frame.literals) + _CELL * cells


def check_batch(changes: Sequence[Change], *, counters: bool, unlogged: bool) -> None:
    """What may be in one batch.

    Raises:
        CqlError: invalid.
    """
    has_counters = any(change.plan.is_counter for change in changes)
    has_others = any(not change.plan.is_counter for change in changes)
    if counters and has_others:
        raise invalid("Cannot include non-counter statement in a counter batch")
    if has_counters and has_others:
        raise invalid("Counter and non-counter mutations cannot exist in the same batch")
    if not counters and not unlogged and has_counters:
        raise invalid("Cannot include a counter statement in a logged batch")
    conditional = [change for change in changes if change.plan.condition is not None]
    if not conditional:
        return
    if counters or has_counters:
        raise invalid("Conditional statements cannot be used in a counter batch")
    tables = {(change.plan.served.keyspace, change.plan.served.name) for change in changes}
    if len(tables) > 1:
        raise invalid("Batch with conditions cannot span multiple tables")
    keys = {key for change in changes for key in change.plan.keys(change.frame)}
    if len(keys) > 1:
        raise invalid("Batch with conditions cannot span multiple partitions")
    _check_conditions(conditional)


def _check_conditions(changes: Sequence[Change]) -> None:
    """Conditions of one row: all of them compare, or all ask the same of its being."""
    kinds: dict[tuple[Values, ...], bool | None] = {}
    for change in changes:
        plan = change.plan
        assert plan.condition is not None
        exists = plan.condition.exists
        for row in [()] if plan.rows is None else plan.rows(change.frame):
            before = kinds.setdefault((row,), exists)
            if before == exists:
                continue
            if before is not None and exists is not None:
                raise invalid("Cannot mix IF EXISTS and IF NOT EXISTS conditions for the same row")
            asked = "NOT EXISTS" if exists is None or not exists else "EXISTS"
            raise invalid(f"Cannot mix IF conditions and IF {asked} for the same row")
