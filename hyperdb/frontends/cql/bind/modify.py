"""INSERT, UPDATE and DELETE bound: which rows, which changes, under which conditions, with which times.

Invariant: checks come in the order of Cassandra's ModificationStatement and StatementRestrictions; a plan names rows by whole
keys, or, for DELETE, by slices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.bind import assignments, conditions, json_rows
from hyperdb.frontends.cql.bind import clustering as rows
from hyperdb.frontends.cql.bind import where as wheres
from hyperdb.frontends.cql.bind.assignments import Changes
from hyperdb.frontends.cql.bind.clustering import Slice, Values
from hyperdb.frontends.cql.bind.conditions import Condition
from hyperdb.frontends.cql.bind.frame import Frame
from hyperdb.frontends.cql.bind.markers import Markers, Receiver
from hyperdb.frontends.cql.bind.pieces import pieces
from hyperdb.frontends.cql.bind.relations import Bound, Form, Relations
from hyperdb.frontends.cql.bind.select import partition_markers
from hyperdb.frontends.cql.bind.selection import Selecting
from hyperdb.frontends.cql.bind.terms import Expression
from hyperdb.frontends.cql.bind.where import Restrictions
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.describe.schema import Role
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse.statements import Comparison
from hyperdb.frontends.cql.protocol.responses import Column
from hyperdb.frontends.cql.schema.model import Served
from hyperdb.frontends.cql.types import codec
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BIGINT, INT, Udt

_POINTS = frozenset({Comparison.EQUAL, Comparison.IN})
_LONGEST_TTL = 630_720_000
_NONE = st.UNCONDITIONAL


@dataclass(frozen=True)
class ModifyPlan:
    """See the module."""

    served: Served
    verb: str
    """INSERT, UPDATE or DELETE."""
    keys: Callable[[Frame], list[Values]]
    """Partition keys."""
    rows: Callable[[Frame], list[Values]] | None
    """Clustering keys of the rows; None: no rows by their keys."""
    slices: Callable[[Frame], list[Slice]] | None = None
    """Of DELETE."""
    removes_partition: bool = False
    regular: tuple[Changes, ...] = ()
    static: tuple[Changes, ...] = ()
    inserts: bool = False
    removes_row: bool = False
    condition: Condition | None = None
    timestamp: Expression | None = None
    ttl: Expression | None = None
    markers: tuple[Column, ...] = ()
    partition_markers: tuple[int, ...] = ()

    @property
    def is_counter(self) -> bool:
        """Whether it changes counters."""
        return self.served.is_counter


class Modifying:
    """Binds one statement."""

    def __init__(
        self, statement: st.Insert | st.InsertJson | st.Update | st.Delete, served: Served, markers: Markers,
        find: Callable[[str | None, str], Udt],
    ) -> None:  # fmt: skip
        self._statement = statement
        self._served = served
        self._markers = markers
        self._terms = Selecting(markers, served, find)
        self._relations = Relations(self._terms, served)

    def plan(self) -> ModifyPlan:
        """The plan.

        Raises:
            CqlError: invalid.
        """
        served, statement = self._served, self._statement
        served.refuse_writes()
        has_conditions = self._has_conditions(statement)
        if self._compares(statement):
            self._refuse_timestamp()
        timestamp = self._amount(statement.using.timestamp, "[timestamp]", BIGINT)
        ttl = self._amount(statement.using.ttl, "[ttl]", INT)
        match statement:
            case st.Insert():
                made = self._insert(statement)
            case st.InsertJson():
                made = json_rows.insert(self._terms, statement)
            case st.Update():
                made = self._update(statement)
            case st.Delete():
                made = self._delete(statement)
        # The statement is sound; whether it may say these things is asked last.
        if has_conditions and served.is_counter and not self._compares(statement):
            raise invalid("Conditional updates are not supported on counter tables")
        if has_conditions:
            self._refuse_timestamp()
        if served.is_counter and statement.using.timestamp is not None:
            raise invalid("Cannot provide custom timestamp for counter updates")
        if served.is_counter and statement.using.ttl is not None:
            raise invalid("Cannot provide custom TTL for counter updates")
        return ModifyPlan(**{**made.__dict__, "timestamp": timestamp, "ttl": ttl, "markers": self._markers.specifications()})

    def _refuse_timestamp(self) -> None:
        if self._statement.using.timestamp is not None:
            raise invalid("Cannot provide custom timestamp for conditional updates")

    def _has_conditions(self, statement: object) -> bool:
        if isinstance(statement, st.Insert | st.InsertJson):
            return statement.if_not_exists
        assert isinstance(statement, st.Update | st.Delete)
        return statement.conditions != _NONE

    @staticmethod
    def _compares(statement: object) -> bool:
        return isinstance(statement, st.Update | st.Delete) and bool(statement.conditions.relations)

    def _amount(self, term: tm.Term | None, name: str, kind: object) -> Expression | None:
        return None if term is None else self._terms.bind(term, Receiver(name, kind))  # type: ignore[arg-type]

    # INSERT.

    def _insert(self, statement: st.Insert) -> ModifyPlan:
        served = self._served
        if served.is_counter:
            raise invalid("INSERT statements are not allowed on counter tables, use UPDATE instead")
        if len(statement.columns) != len(statement.values):
            raise invalid("Unmatched column names/values")
        if len(set(statement.columns)) < len(statement.columns):
            raise invalid("The column names contains duplicates")
        named: list[st.Relation] = []
        regular: list[Changes] = []
        static: list[Changes] = []
        for name, value in zip(statement.columns, statement.values, strict=True):
            column = self._terms.column(name)
            if column.role in (Role.PARTITION, Role.CLUSTERING):
                named.append(st.Relation(tm.Column(name), Comparison.EQUAL, value))
            else:
                changes = assignments.put(self._terms, served, column, value)
                (static if column.role is Role.STATIC else regular).append(changes)
        restrictions = wheres.gather(served, map(self._relations.bind, named), allow_filtering=False)
        only_static = bool(static) and not regular and not restrictions.clustering
        keys = self._keys(restrictions, "INSERT")
        clustering = None if only_static and served.clustering else self._rows(restrictions, "INSERT")
        condition = (
            conditions.bind(self._terms, _NONE, unless_exists=True, of_statics=clustering is None)
            if statement.if_not_exists
            else None
        )
        return ModifyPlan(
            served, "INSERT", keys, clustering, regular=tuple(regular), static=tuple(static),
            inserts=clustering is not None, condition=condition, partition_markers=partition_markers(served, restrictions.bounds),
        )  # fmt: skip

    # UPDATE.

    def _update(self, statement: st.Update) -> ModifyPlan:
        served = self._served
        condition = self._comparisons(statement)
        regular: list[Changes] = []
        static: list[Changes] = []
        seen: list[st.Assignment] = []
        for assignment in statement.assignments:
            target = assignment.target
            base = target if isinstance(target, tm.Column) else target.value  # type: ignore[union-attr]
            assert isinstance(base, tm.Column)
            column = self._terms.column(base.name)
            if column.role in (Role.PARTITION, Role.CLUSTERING):
                raise invalid(f"PRIMARY KEY part {column.name} found in SET part")
            if not all(assignments.go_together(assignment, other) for other in seen):
                raise CqlError(ErrorCode.SYNTAX, f"Multiple incompatible setting of column {column.name}")
            seen.append(assignment)
            changes = assignments.assign(self._terms, served, column, assignment)
            (static if column.role is Role.STATIC else regular).append(changes)
        found = wheres.gather(served, map(self._relations.bind, statement.where), allow_filtering=False)
        condition = condition or conditions.bind(
            self._terms, statement.conditions, unless_exists=False, of_statics=not regular and not found.clustering
        )
        conditions_on_rows = condition is not None and condition.exists is None and condition.of_rows
        only_static = bool(static) and not regular and not conditions_on_rows
        keys = self._keys(found, "UPDATE")
        clustering = None
        if only_static and served.clustering:
            if found.clustering:
                raise invalid(
                    "Invalid restrictions on clustering columns since the UPDATE statement modifies only static columns"
                )
        else:
            clustering = self._rows(found, "UPDATE")
        self._refuse_others(found)
        if condition is not None:
            self._refuse_in(found, "updates")
        return ModifyPlan(
            served, "UPDATE", keys, clustering, regular=tuple(regular), static=tuple(static), condition=condition,
            partition_markers=partition_markers(served, found.bounds),
        )  # fmt: skip

    # DELETE.

    def _delete(self, statement: st.Delete) -> ModifyPlan:
        served = self._served
        condition = self._comparisons(statement)
        regular: list[Changes] = []
        static: list[Changes] = []
        for term in statement.deleted:
            column, changes = assignments.delete(self._terms, served, term)
            (static if column.role is Role.STATIC else regular).append(changes)
        found = wheres.gather(served, map(self._relations.bind, statement.where), allow_filtering=False)
        condition = condition or conditions.bind(
            self._terms, statement.conditions, unless_exists=False, of_statics=bool(static) and not regular
        )
        keys = self._keys(found, "DELETE")
        only_static = bool(static) and not regular and not (condition and condition.exists is None and condition.of_rows)
        if only_static and served.clustering and found.clustering:
            raise invalid("Invalid restrictions on clustering columns since the DELETE statement modifies only static columns")
        equal, between, left = found.leading()
        wheres.check_clustering(found, left, may_filter=False, has_index=False)
        self._refuse_others(found)
        is_whole_key = not between and sum(len(bound.columns) for bound in equal) == len(served.clustering)
        if condition is not None:
            self._refuse_in(found, "deletions")
            self._refuse_timestamp()
            self._check_conditional(condition, removes_rows=not static or bool(regular), is_whole_key=is_whole_key)
        made = ModifyPlan(
            served, "DELETE", keys, None, static=tuple(static), condition=condition,
            partition_markers=partition_markers(served, found.bounds),
        )  # fmt: skip
        if only_static and served.clustering:
            return made
        if is_whole_key:
            of = rows.prefixes(served.clustering, equal)
            return _with(made, rows=of, regular=tuple(regular), removes_row=not statement.deleted)
        if statement.deleted:
            raise invalid("Range deletions are not supported for specific columns")
        if not found.clustering:
            return _with(made, removes_partition=True)
        return _with(made, slices=self._slices(equal, between))

    def _slices(self, equal: Sequence[Bound], between: Sequence[Bound]) -> Callable[[Frame], list[Slice]]:
        """Which rows a range names, as ranges of the rows as they lie."""
        columns = self._served.clustering
        widest = max((bound.columns for bound in between), key=len, default=())
        if not widest or rows.are_alike(widest):
            return rows.slices(columns, equal, between)
        of_prefixes = rows.prefixes(columns[: sum(len(bound.columns) for bound in equal)], equal)
        of_ends = rows.ends(between)
        return lambda frame: [piece for prefix in of_prefixes(frame) for piece in pieces(widest, prefix, of_ends(frame))]

    @staticmethod
    def _check_conditional(condition: Condition, *, removes_rows: bool, is_whole_key: bool) -> None:
        if is_whole_key:
            return
        if removes_rows:
            raise invalid(
                "DELETE statements must restrict all PRIMARY KEY columns with equality relations in order to delete non static "
                "columns"
            )
        if condition.exists is None and condition.of_rows:
            raise invalid(
                "DELETE statements must restrict all PRIMARY KEY columns with equality relations in order to use IF condition on "
                "non static columns"
            )

    # What all have.

    def _comparisons(self, statement: st.Update | st.Delete) -> Condition | None:
        """Conditions that compare, which are bound before anything else is; None: there are none."""
        if not statement.conditions.relations:
            return None
        return conditions.bind(self._terms, statement.conditions, unless_exists=False, of_statics=False)

    def _keys(self, found: Restrictions, verb: str) -> Callable[[Frame], list[Values]]:
        if found.token:
            raise invalid(f"The token function cannot be used in WHERE clauses for {verb} statements")
        if found.unrestricted:
            raise invalid(f"Some partition key parts are missing: {', '.join(found.unrestricted)}")
        if any(group[0].comparison not in _POINTS for group in found.partition.values()):
            raise invalid(
                "Only EQ and IN relation are supported on the partition key (unless you use the token() function) for "
                f"{verb} statements"
            )
        return wheres.keys(found)

    def _rows(self, found: Restrictions, verb: str) -> Callable[[Frame], list[Values]]:
        """Whole clustering keys."""
        columns = self._served.clustering
        if any(group[0].is_slice for group in found.clustering):
            raise invalid(f"Slice restrictions are not supported on the clustering columns in {verb} statements")
        given = {column.name for column in found.clustering_columns}
        missing = [column.name for column in columns if column.name not in given]
        if missing:
            raise invalid(f"Some clustering keys are missing: {', '.join(missing)}")
        equal = [group[0] for group in found.clustering]
        if any(bound.comparison not in _POINTS or bound.form is Form.ENTRY for bound in equal):
            raise invalid(f"Only EQ and IN relations are supported on the clustering columns in {verb} statements")
        of = rows.prefixes(columns, equal)

        def checked(frame: Frame) -> list[Values]:
            found = of(frame)
            for row in found:
                wheres.check_length(row)
            return found

        return checked

    @staticmethod
    def _refuse_others(found: Restrictions) -> None:
        if found.others:
            raise invalid(f"Non PRIMARY KEY columns found in where clause: {', '.join(found.others)} ")

    @staticmethod
    def _refuse_in(found: Restrictions, what: str) -> None:
        if any(group[0].comparison is Comparison.IN for group in found.partition.values()):
            raise invalid(f"IN on the partition key is not supported with conditional {what}")
        if any(group[0].comparison is Comparison.IN for group in found.clustering):
            raise invalid(f"IN on the clustering key columns is not supported with conditional {what}")


def _with(plan: ModifyPlan, **changed: object) -> ModifyPlan:
    return ModifyPlan(**{**plan.__dict__, **changed})


def time_to_live(plan: ModifyPlan, frame: Frame) -> int:
    """Seconds after which what is written ends; 0: never.

    Raises:
        CqlError: invalid.
    """
    default = plan.served.options.default_time_to_live
    if plan.ttl is None:
        return default
    value = plan.ttl.run(frame, ())
    if value is None:
        return 0
    if not isinstance(value, bytes):
        return default
    seconds = codec.codec(INT).decode(value)
    if seconds is None or seconds < 0:
        raise invalid(f"A TTL must be greater or equal to 0, but was {seconds}")
    if seconds > _LONGEST_TTL:
        raise invalid(f"ttl is too large. requested ({seconds}) maximum ({_LONGEST_TTL})")
    return int(seconds)


def time_of(found: Expression | None, frame: Frame) -> int:
    """Microseconds: when a write counts as made.

    Raises:
        CqlError: invalid.
    """
    value = None if found is None else found.run(frame, ())
    if found is None or not isinstance(value, bytes | None):
        return frame.timestamp
    number = None if value is None else codec.codec(BIGINT).decode(value)
    if number is None:
        raise invalid("Invalid null value of timestamp")
    if number == -(1 << 63):
        raise invalid(f"Out of bound timestamp, must be in [{-(1 << 63) + 1}, {(1 << 63) - 1}]")
    return int(number)


def bind_modify(
    statement: st.Insert | st.InsertJson | st.Update | st.Delete,
    served: Served,
    markers: Markers,
    find: Callable[[str | None, str], Udt],
) -> ModifyPlan:
    """The plan of a change.

    Raises:
        CqlError: invalid.
    """
    return Modifying(statement, served, markers, find).plan()
