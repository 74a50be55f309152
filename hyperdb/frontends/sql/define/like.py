"""CREATE TABLE (LIKE ...): columns of another relation, and what goes with them.

Invariant: what is copied is as if it had been written out; the new table does not depend on the old one.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.define.constraints import Wanted
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.parse.dialect import parse
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Column, Expression, Index

_PARTS = frozenset(
    {"comments", "compression", "constraints", "defaults", "generated", "identity", "indexes", "statistics", "storage"}
)
Columns = list[tuple[Column, records.Sequence | None]]
_IDENTITIES = (records.IDENTITY_ALWAYS, records.IDENTITY_BY_DEFAULT)


def included(node: exp.LikeProperty) -> frozenset[str]:
    """The parts that INCLUDING and EXCLUDING leave."""
    found: set[str] = set()
    for each in node.expressions:
        word = str(each.args["value"].name).lower()
        chosen = _PARTS if word == "all" else {word}
        if not chosen <= _PARTS:
            raise SqlError("42601", f'syntax error at or near "{word}"')
        found = found | chosen if str(each.this).upper() == "INCLUDING" else found - chosen
    return frozenset(found)


def columns(context: Context, node: exp.LikeProperty, first: int) -> tuple[Relation, Columns]:
    """The columns, with ids from `first`, and the sequence of identity ones."""
    relation = context.relation(node.this)
    parts = included(node)
    made: Columns = []
    for place, column in enumerate(relation.columns):
        record = column.record
        assert record is not None
        kind = kinds.to_record(column.kind, context.catalog.domains)
        copy = Column(id=first + place, name=column.name, kind=kind, not_null=record.not_null, collation=record.collation)
        sequence = None
        if record.generation in _IDENTITIES:
            found = context.catalog.objects.get(record.sequence)
            if "identity" in parts and isinstance(found, records.Sequence):
                copy, sequence = replace(copy, generation=record.generation), found
        elif record.generation == records.STORED:
            if "generated" in parts:
                copy = replace(copy, generation=records.STORED, default=record.default)
        elif "defaults" in parts:
            copy = replace(copy, default=record.default)
        if "comments" in parts:
            copy = replace(copy, comment=record.comment)
        made.append((copy, sequence))
    return relation, made


def constraints(relation: Relation, node: exp.LikeProperty) -> list[Wanted]:
    """CHECK, PRIMARY KEY and UNIQUE constraints as if they were written; foreign keys are never copied."""
    if not isinstance(relation.record, records.Table):
        return []
    parts = included(node)
    names = {column.id: column.name for column in relation.record.columns}
    wanted = []
    for each in relation.record.constraints:
        if each.kind == records.CHECK and "constraints" in parts:
            check = parse(f"SELECT {each.check.text}").expressions[0]
            wanted.append(Wanted(records.CHECK, each.name, [], check))
        elif each.kind in (records.PRIMARY, records.UNIQUE) and "indexes" in parts:
            wanted.append(Wanted(each.kind, None, [names[number] for number in each.columns], nulls_equal=each.nulls_equal))
    return wanted


def indexes(relation: Relation, node: exp.LikeProperty, by_name: dict[str, int]) -> list[Index]:
    """Indexes that no constraint made, for the new table; `by_name` are its columns' ids. Names are those of their columns."""
    if not isinstance(relation.record, records.Table) or "indexes" not in included(node):
        return []
    names = {column.id: column.name for column in relation.record.columns}
    owned = {each.index for each in relation.record.constraints if each.kind in (records.PRIMARY, records.UNIQUE)}
    places = {number: by_name[shown] for number, shown in names.items() if shown in by_name}
    made = []
    for number, record in relation.indexes:
        if number in owned:
            continue
        keys = tuple(
            replace(key, column=places.get(key.column, 0), expression=_moved(key.expression, places)) for key in record.columns
        )
        shown = "_".join(names[key.column] if key.column else "expr" for key in record.columns)
        made.append(
            replace(
                record,
                name=shown,
                columns=keys,
                included=tuple(places[each] for each in record.included),
                predicate=_moved(record.predicate, places),
                comment=record.comment if "comments" in included(node) else "",
            )
        )
    return made


def _moved(expression: Expression, places: dict[int, int]) -> Expression:
    return replace(expression, columns=tuple(sorted(places[each] for each in expression.columns)))
