"""PRIMARY KEY, UNIQUE, CHECK, FOREIGN KEY: from syntax to records.

Invariant: a key's constraint names the index that keeps it; a foreign key names the index of its parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.privileges import REFERENCES
from hyperdb.frontends.sql.bind.names import fold
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.define.context import Context, object_name
from hyperdb.frontends.sql.define.immutable import no_subquery
from hyperdb.frontends.sql.parse.rescue import UNNAMED
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Column, Constraint, Index, KeyColumn, Table

_REFERENCE_ACTIONS = {
    "NO ACTION": records.NO_ACTION,
    "RESTRICT": records.RESTRICT,
    "CASCADE": records.CASCADE,
    "SET NULL": records.SET_NULL,
    "SET DEFAULT": records.SET_DEFAULT,
}

_KEYS = {records.PRIMARY: "PRIMARY KEY", records.UNIQUE: "UNIQUE"}


@dataclass
class Wanted:
    """A constraint as it is asked for. `columns` by name."""

    kind: int
    name: str | None
    columns: list[str]
    node: Any = None
    nulls_equal: bool = False
    unvalidated: bool = False
    """NOT VALID: rows that are there are not asked."""


@dataclass
class Build:
    """A table's constraints on their way to records."""

    context: Context
    number: int
    app: int
    name: str
    columns: list[Column]
    made: list[Constraint] = field(default_factory=list)
    indexes: list[tuple[int, Index]] = field(default_factory=list)
    key: tuple[KeyColumn, ...] = ()
    taken: set[str] = field(default_factory=set)

    def ids(self, names: Sequence[str], repeated: bool = False) -> list[int]:
        """Column ids; those of a foreign key may be `repeated`.

        Raises:
            SqlError: 42703, 42701.
        """
        by_name = {column.name: column.id for column in self.columns if not column.dropped}
        for name in names:
            if name not in by_name:
                raise SqlError("42703", f'column "{name}" named in key does not exist')
        if not repeated and len(set(names)) != len(names):
            raise SqlError("42701", "a column appears twice in a constraint")
        return [by_name[name] for name in names]

    def _named(self, wanted: Wanted, suffix: str) -> str:
        names = {constraint.name for constraint in self.made}
        if wanted.name is not None:
            if wanted.name in names:
                raise SqlError("42710", f'constraint "{wanted.name}" for relation "{self.name}" already exists')
            return wanted.name
        columns = "_".join(wanted.columns) if suffix != "pkey" else ""
        name, number = object_name(self.name, columns, suffix), 0
        while name in names or (suffix in ("pkey", "key") and self._is_taken(name)):
            number += 1
            name = object_name(self.name, columns, f"{suffix}{number}")
        return name

    def _is_taken(self, name: str) -> bool:
        schema = self.context.catalog.apps.get(self.app, "")
        return name in self.taken or self.context.catalog.find(name, schema, ()) is not None

    def add(self, wanted: Wanted, *, clustered: bool) -> Constraint:
        """One more constraint. `clustered`: a primary key is the table's own key."""
        if wanted.unvalidated and wanted.kind in _KEYS:
            raise SqlError("0A000", f"{_KEYS[wanted.kind]} constraints cannot be marked NOT VALID")
        makers = {records.PRIMARY: self._key, records.UNIQUE: self._key}
        if wanted.kind in makers:
            made = self._key(wanted, clustered=clustered and wanted.kind == records.PRIMARY)
        elif wanted.kind == records.CHECK:
            made = self._check(wanted)
        else:
            made = self._foreign(wanted)
        self.made.append(made)
        return made

    def _key(self, wanted: Wanted, *, clustered: bool) -> Constraint:
        primary = wanted.kind == records.PRIMARY
        if primary and any(constraint.kind == records.PRIMARY for constraint in self.made):
            raise SqlError("42P16", f'multiple primary keys for table "{self.name}" are not allowed')
        if wanted.name is not None and self._is_taken(wanted.name):
            raise SqlError("42P07", f'relation "{wanted.name}" already exists')
        name = self._named(wanted, "pkey" if primary else "key")
        self.taken.add(name)
        ids = self.ids(wanted.columns)
        index = self.context.transaction.reserve()
        nulls = records.NULLS_NEVER if clustered else records.NULLS_LAST
        parts = tuple(KeyColumn(column=each, nulls=nulls) for each in ids)
        record = Index(
            app=self.app,
            name=name,
            table=self.number,
            columns=parts,
            unique=True,
            clustered=clustered,
            nulls_equal=wanted.nulls_equal,
        )
        self.indexes.append((index, record))
        if clustered:
            self.key = parts
        return Constraint(
            number=self.context.transaction.reserve(),
            name=name,
            kind=wanted.kind,
            columns=tuple(ids),
            index=index,
            nulls_equal=wanted.nulls_equal,
        )

    def _check(self, wanted: Wanted) -> Constraint:
        live = [column for column in self.columns if not column.dropped]
        kinds_of = [kinds.of_record(column.kind) for column in live]
        scope = self.context.over(self.name, live, kinds_of, "check constraints")
        bound = self.context.binder.coercer.coerce(
            self.context.binder.expressions.truth(wanted.node, scope, "CHECK"), Kind(kinds.BOOL)
        )
        no_subquery(bound, "check constraint")
        by_slot = {place: column.id for place, column in enumerate(live)}
        expression = self.context.expression(wanted.node, bound, by_slot)
        used = [column.name for column in live if column.id in expression.columns]
        if wanted.name is None and not wanted.columns:
            wanted.columns = used if len(used) == 1 else []
        name = self._named(wanted, "check")
        number = self.context.transaction.reserve()
        return Constraint(
            number=number,
            name=name,
            kind=records.CHECK,
            columns=expression.columns,
            check=expression,
            unvalidated=wanted.unvalidated,
        )

    def _foreign(self, wanted: Wanted) -> Constraint:
        reference = wanted.node
        ids = self.ids(wanted.columns, repeated=True)
        target = reference.this
        names = [fold(each) for each in target.expressions] if isinstance(target, exp.Schema) else []
        actions = _actions(reference.args.get("options") or ())
        own = self._own(target)
        table, number, indexes = own if own is not None else self._other(target)
        if not names:
            primary = next((each for each in table.constraints if each.kind == records.PRIMARY), None)
            if primary is None:
                raise SqlError("42704", f'there is no primary key for referenced table "{table.name}"')
            parents = list(primary.columns)
        else:
            by_name = {column.name: column.id for column in table.columns if not column.dropped}
            for name in names:
                if name not in by_name:
                    raise SqlError("42703", f'column "{name}" referenced in foreign key constraint does not exist')
            parents = [by_name[name] for name in names]
        if len(parents) != len(ids):
            raise SqlError("42830", "number of referencing and referenced columns for foreign key disagree")
        index = next(
            (
                found
                for found, record in indexes
                if record.unique and not record.predicate and {part.column for part in record.columns} == set(parents)
            ),
            None,
        )
        if index is None:
            raise SqlError("42830", f'there is no unique constraint matching given keys for referenced table "{table.name}"')
        self._comparable(ids, table, parents, wanted)
        return Constraint(
            number=self.context.transaction.reserve(),
            name=self._named(wanted, "fkey"),
            kind=records.FOREIGN,
            columns=tuple(ids),
            index=index,
            parent=number,
            parent_columns=tuple(parents),
            unvalidated=wanted.unvalidated,
            **actions,
        )

    def _own(self, target: exp.Expr) -> tuple[Table, int, list[tuple[int, Index]]] | None:
        """The table itself, while it is being made."""
        node = target.this if isinstance(target, exp.Schema) else target
        schema = node.args.get("db")
        if fold(node.this) != self.name or (schema is not None and fold(schema) != self.context.catalog.apps.get(self.app)):
            return None
        table = Table(app=self.app, name=self.name, columns=tuple(self.columns), constraints=tuple(self.made))
        known = list(self.context.catalog.indexes.get(self.number, ()))
        return table, self.number, [*known, *self.indexes]

    def _other(self, target: exp.Expr) -> tuple[Table, int, list[tuple[int, Index]]]:
        relation = self.context.relation(target)
        self.context.session.rights.need(self.context.catalog, relation.oid, REFERENCES)
        return relation.table, relation.oid, self.context.catalog.indexes.get(relation.oid, [])

    def _comparable(self, ids: Sequence[int], table: Table, parents: Sequence[int], wanted: Wanted) -> None:
        own = {column.id: kinds.of_record(column.kind) for column in self.columns}
        other = {column.id: kinds.of_record(column.kind) for column in table.columns}
        for name, left, right in zip(wanted.columns, ids, parents, strict=True):
            one, two = self.context.catalog.base(own[left]), self.context.catalog.base(other[right])
            if one.oid != two.oid and not (
                {one.oid, two.oid} <= {kinds.TEXT, kinds.VARCHAR} or {one.oid, two.oid} <= {kinds.INT2, kinds.INT4, kinds.INT8}
            ):
                raise SqlError(
                    "42804",
                    f'foreign key constraint "{wanted.name or self.name}" cannot be implemented',
                    detail=f'Key column "{name}" is of another type than what it refers to.',
                )


def _actions(options: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for option in options:
        text = str(option).upper()
        if text.startswith(("ON DELETE ", "ON UPDATE ")):
            action = _REFERENCE_ACTIONS.get(text[10:])
            if action is None:
                raise SqlError("0A000", f"{text} is not supported")
            found["on_delete" if text.startswith("ON DELETE") else "on_update"] = action
        elif text == "MATCH FULL":
            found["match_full"] = True
        elif text in ("DEFERRABLE", "INITIALLY DEFERRED"):
            found["deferrable"] = True
            found["deferred"] = found.get("deferred", False) or text != "DEFERRABLE"
        elif text in ("NOT DEFERRABLE", "INITIALLY IMMEDIATE", "MATCH SIMPLE"):
            continue
        else:
            raise SqlError("0A000", f"{text} constraints are not supported")
    if found.get("deferrable") and "NOT DEFERRABLE" in {str(option).upper() for option in options}:
        raise SqlError("42601", "constraint declared INITIALLY DEFERRED must be DEFERRABLE")
    return found


def at_once(node: exp.Expr) -> None:
    """Refuses keys that are not looked at at once: rows with the same key cannot be stored, not even for a while."""
    for option in node.args.get("options") or ():
        if str(option).upper() not in ("NOT DEFERRABLE", "INITIALLY IMMEDIATE"):
            raise SqlError("0A000", f"{str(option).upper()} is not supported for PRIMARY KEY and UNIQUE")


def of_table(node: exp.Expr) -> list[Wanted]:
    """The constraints that an element of CREATE TABLE or ALTER TABLE ADD asks for."""
    name: str | None = None
    found = [node]
    if isinstance(node, exp.Constraint):
        name, found = fold(node.this), node.expressions
        name = None if name == UNNAMED else name
    wanted = []
    for each in found:
        at_once(each)
        if isinstance(each, exp.PrimaryKey):
            wanted.append(Wanted(records.PRIMARY, name, [fold(part) for part in each.expressions]))
        elif isinstance(each, exp.UniqueColumnConstraint):
            columns = [fold(part) for part in each.this.expressions] if each.this is not None else []
            wanted.append(Wanted(records.UNIQUE, name, columns, nulls_equal=bool(each.args.get("nulls"))))
        elif isinstance(each, exp.CheckColumnConstraint):
            wanted.append(Wanted(records.CHECK, name, [], each.this))
        elif isinstance(each, exp.ForeignKey):
            wanted.append(Wanted(records.FOREIGN, name, [fold(part) for part in each.expressions], each.args["reference"]))
        else:
            raise SqlError("0A000", f"{type(each).__name__} constraints are not supported")
    return wanted
