"""COMMENT ON CONSTRAINT, which names two things and which the grammar does not know.

Theory: a constraint is part of its table's or domain's record, and so is its comment. Invariant: an empty text is no comment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession


def on_constraint(found: Words) -> Utility | None:
    """The statement, if it is about a constraint."""
    found.expect("comment", "on")
    if not found.take("constraint"):
        return None
    name = found.name()
    found.expect("on")
    domain = found.take("domain")
    target = [found.name()]
    while found.take("."):
        target.append(found.name())
    found.expect("is")
    text = "" if found.take("null") else found.value()
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        context = Context(session, session.open_environment(), session.schemas_in_path(), found.text.offset)
        schema = target[-2] if len(target) > 1 else None
        finder = context.catalog.user_type if domain else context.catalog.find
        number = finder(target[-1], schema, context.path)
        record = context.catalog.objects.get(number or 0)
        kind, what = (records.UserType, "type") if domain else (records.Table, "relation")
        if number is None or not isinstance(record, kind):
            raise SqlError("42704" if domain else "42P01", f'{what} "{".".join(target)}" does not exist')
        assert isinstance(record, records.Table | records.UserType)
        if all(each.name != name for each in record.constraints):
            shown = f'constraint "{name}" for {"domain" if domain else "table"} "{target[-1]}" does not exist'
            raise SqlError("42704", shown)
        parts = tuple(replace(each, comment=text) if each.name == name else each for each in record.constraints)
        context.change(number, replace(record, constraints=parts))
        return done("COMMENT")

    return Utility(run, catalog=True)
