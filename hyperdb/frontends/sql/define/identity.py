"""ALTER COLUMN of an identity: ADD GENERATED, SET and RESTART, DROP IDENTITY.

Theory: an identity is a column whose values come from a sequence that belongs to it (ISO 9075-2, 4.15.11). Invariant: a column is
an identity as long as it has that sequence, and the sequence goes with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.define import create, sequences
from hyperdb.frontends.sql.define.context import Context, with_column
from hyperdb.frontends.sql.define.drop import remove
from hyperdb.graph.catalog import records

_OPTIONS = {"increment": "step", "minvalue": "low", "maxvalue": "high", "start": "start", "cache": "cache"}
"""Options by their words, and what they are called of sequences."""


def alter(context: Context, number: int, column: records.Column, node: exp.AlterColumn) -> None:
    """One of the three.

    Raises:
        SqlError: 55000 where the column is an identity, or is none, and that is in the way; 22023.
    """
    action, wanted = node.args["action"], node.args.get("identity")
    table = context.table(number)
    where = f'column "{column.name}" of relation "{table.name}"'
    is_identity = column.generation in (records.IDENTITY_ALWAYS, records.IDENTITY_BY_DEFAULT)
    if action == "add":
        _add(context, number, column, wanted, is_identity)
    elif not is_identity:
        if not node.args.get("exists"):
            raise SqlError("55000", f"{where} is not an identity column")
        context.notice(f"{where} is not an identity column, skipping")
    elif action == "drop":
        context.change(number, with_column(table, replace(column, generation=0, sequence=0)))
        context.refresh()
        remove(context, column.sequence, cascade=False)
    else:
        _set(context, number, column, wanted)


def _add(context: Context, number: int, column: records.Column, wanted: Any, is_identity: bool) -> None:
    table = context.table(number)
    where = f'column "{column.name}" of relation "{table.name}"'
    if not column.not_null:
        raise SqlError("55000", f"{where} must be declared NOT NULL before identity can be added")
    if is_identity:
        raise SqlError("55000", f"{where} is already an identity column")
    if column.default:
        raise SqlError("55000", f"{where} already has a default value")
    columns = create.Columns()
    made = create.with_identity(context, columns, column, kinds.of_record(column.kind), wanted, table.app, table.name)
    context.change(number, with_column(table, made))
    for sequence, record, place in columns.sequences:
        context.change(sequence, replace(record, table=number, column=place))


def _set(context: Context, number: int, column: records.Column, wanted: Any) -> None:
    given = wanted.args
    if given.get("this") is not None:
        generation = records.IDENTITY_ALWAYS if given["this"] else records.IDENTITY_BY_DEFAULT
        context.change(number, with_column(context.table(number), replace(column, generation=generation)))
        context.refresh()
    record = context.catalog.objects[column.sequence]
    assert isinstance(record, records.Sequence)
    changes: dict[str, Any] = {name: int(given[word].sql()) for word, name in _OPTIONS.items() if given.get(word) is not None}
    changes |= {name: sequences.UNBOUNDED for word, name in _OPTIONS.items() if given.get(f"no_{word}")}
    changed = sequences.altered(record, sequences.Wanted(**changes, cycle=given.get("cycle")), fresh=False)
    context.change(column.sequence, changed)
    context.refresh()
    value = given.get("restart")
    if value is not None:
        at = None if isinstance(value, exp.Null) else int(value.sql())
        sequences.restart(context.session, column.sequence, changed, at)
