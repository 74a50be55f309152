"""ALTER TYPE of enums, read from its words.

Theory: a label's position is a number between those of its neighbours, so that rows keep what they have. Invariant: labels and
positions of an enum are unique.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.relations import place_bits
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Label, UserType

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_LONGEST = 63


def alter(found: Words) -> Utility:
    """The statement, whose first words are ALTER TYPE."""
    found.expect("alter", "type")
    path = [found.name()]
    while found.take("."):
        path.append(found.name())
    if found.take("add", "value"):
        tolerated = found.take("if", "not", "exists")
        label = found.value()
        side = "before" if found.take("before") else "after" if found.take("after") else ""
        other = found.value() if side else ""

        def change(_context: Context, record: UserType) -> UserType:
            return _added(_context, record, label, side, other, tolerated=tolerated)

    elif found.take("rename", "value"):
        old = found.value()
        found.expect("to")
        new = found.value()

        def change(_context: Context, record: UserType) -> UserType:
            return _renamed(record, old, new)

    elif found.take("rename", "to"):
        name = found.name()

        def change(_context: Context, record: UserType) -> UserType:
            return replace(record, name=name)

    else:
        raise SqlError("0A000", f"ALTER TYPE ... {found.peek().upper()} is not supported")
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        context = Context(session, session.open_environment(), session.schemas_in_path(), found.text.offset)
        number = context.catalog.user_type(path[-1], path[-2] if len(path) > 1 else None, context.path)
        record = context.catalog.objects.get(number or 0)
        if number is None or not isinstance(record, UserType):
            raise SqlError("42704", f'type "{".".join(path)}" does not exist')
        if record.form != records.ENUM:
            raise SqlError("42809", f"{path[-1]} is not an enum")
        session.rights.need_owner(context.catalog, number)
        context.change(number, change(context, record))
        return done("ALTER TYPE")

    return Utility(run, catalog=True)


def _added(context: Context, record: UserType, label: str, side: str, other: str, *, tolerated: bool) -> UserType:
    if len(label.encode()) > _LONGEST or not label:
        raise SqlError("42602", f'invalid enum label "{label}"', detail="Labels must be 63 bytes or less.")
    labels = context.catalog.labels(context.catalog.user_type(record.name, context.catalog.apps[record.app], ()) or 0) or {}
    if label in labels:
        if tolerated:
            context.notice(f'enum label "{label}" already exists, skipping', "42710")
            return record
        raise SqlError("42710", f'enum label "{label}" already exists')
    places = sorted(labels.values())
    if not side:
        place = places[-1] + 1 if places else 1.0
    elif other not in labels:
        raise SqlError("22023", f'"{other}" is not an existing enum label')
    else:
        at = places.index(labels[other]) + (side == "after")
        below = places[at - 1] if at else places[0] - 2
        above = places[at] if at < len(places) else places[-1] + 2
        place = (below + above) / 2
        if place in (below, above):
            raise SqlError("54000", "there is no place between these two labels any more")
    made = Label(number=record.next_label, name=label, position=place_bits(place))
    return replace(record, labels=(*record.labels, made), next_label=record.next_label + 1)


def _renamed(record: UserType, old: str, new: str) -> UserType:
    names = {label.name for label in record.labels}
    if old not in names:
        raise SqlError("22023", f'"{old}" is not an existing enum label')
    if new in names:
        raise SqlError("42710", f'enum label "{new}" already exists')
    return replace(record, labels=tuple(replace(each, name=new) if each.name == old else each for each in record.labels))
