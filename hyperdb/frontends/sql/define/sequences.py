"""CREATE and ALTER SEQUENCE, read from their words.

Theory: both take the same options; ALTER begins with what the sequence is. Where it stands is no part of its record: RESTART
sets that outside of the transaction, as nextval moves it. Invariant: least <= start <= most, and the position is among them.
"""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import INT2, INT4, INT8, Kind
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Sequence

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_LIMITS = {INT2: (1 << 15) - 1, INT4: (1 << 31) - 1, INT8: (1 << 63) - 1}
_TYPES = {"smallint": INT2, "int2": INT2, "integer": INT4, "int": INT4, "int4": INT4, "bigint": INT8, "int8": INT8}
UNBOUNDED = "no"


@dataclass
class Wanted:
    """The options that are given. `low` and `high` may be `UNBOUNDED`; `restart` None is START."""

    kind: int | None = None
    step: int | None = None
    low: int | str | None = None
    high: int | str | None = None
    start: int | None = None
    cache: int | None = None
    cycle: bool | None = None
    restarts: bool = False
    restart: int | None = None
    owner: list[str] | None = None
    path: list[str] = field(default_factory=list)


def _dotted(found: Words) -> list[str]:
    parts = [found.name()]
    while found.take("."):
        parts.append(found.name())
    return parts


def _integer(found: Words) -> int:
    text = found.value()
    if not text.lstrip("-").isdigit():
        raise found.error()
    return int(text)


def _options(found: Words) -> Wanted:
    wanted = Wanted()
    while found.peek():
        if found.take("as"):
            named = found.name()
            if named not in _TYPES:
                raise SqlError("22023", "sequence type must be smallint, integer, or bigint")
            wanted.kind = _TYPES[named]
        elif found.take("increment"):
            found.take("by")
            wanted.step = _integer(found)
        elif found.take("minvalue"):
            wanted.low = _integer(found)
        elif found.take("maxvalue"):
            wanted.high = _integer(found)
        elif found.take("no", "minvalue"):
            wanted.low = UNBOUNDED
        elif found.take("no", "maxvalue"):
            wanted.high = UNBOUNDED
        elif found.take("start"):
            found.take("with")
            wanted.start = _integer(found)
        elif found.take("restart"):
            wanted.restarts = True
            if found.take("with") or found.peek() == "-" or found.peek()[:1].isdigit():
                wanted.restart = _integer(found)
        elif found.take("cache"):
            wanted.cache = _integer(found)
        elif found.take("cycle"):
            wanted.cycle = True
        elif found.take("no", "cycle"):
            wanted.cycle = False
        elif found.take("owned", "by"):
            wanted.owner = [] if found.take("none") else _dotted(found)
        else:
            raise found.error()
    return wanted


def altered(record: Sequence, wanted: Wanted, *, fresh: bool) -> Sequence:
    """The record with the options.

    Raises:
        SqlError: 22023 where they do not fit together.
    """
    before = kinds.of_record(record.kind).oid
    oid = before if wanted.kind is None else wanted.kind
    limit, old = _LIMITS[oid], _LIMITS[before]
    step = record.increment if wanted.step is None else wanted.step
    if step == 0:
        raise SqlError("22023", "INCREMENT must not be zero")
    least, most = (1, limit) if step > 0 else (-limit - 1, -1)
    low, high = record.min, record.max
    # Bounds that were those of the old type become those of the new one.
    if fresh or wanted.low == UNBOUNDED or (oid != before and low == -old - 1):
        low = least
    if fresh or wanted.high == UNBOUNDED or (oid != before and high == old):
        high = most
    low = wanted.low if isinstance(wanted.low, int) else low
    high = wanted.high if isinstance(wanted.high, int) else high
    for value, word in ((low, "MINVALUE"), (high, "MAXVALUE")):
        if not -limit - 1 <= value <= limit:
            raise SqlError("22023", f"{word} ({value}) is out of range for sequence data type {kinds.BUILT_IN[oid].spoken}")
    if low >= high:
        raise SqlError("22023", f"MINVALUE ({low}) must be less than MAXVALUE ({high})")
    start = wanted.start if wanted.start is not None else (low if step > 0 else high) if fresh else record.start
    if start < low:
        raise SqlError("22023", f"START value ({start}) cannot be less than MINVALUE ({low})")
    if start > high:
        raise SqlError("22023", f"START value ({start}) cannot be greater than MAXVALUE ({high})")
    cache = record.cache if wanted.cache is None else wanted.cache
    if cache <= 0:
        raise SqlError("22023", f"CACHE ({cache}) must be greater than zero")
    return replace(
        record,
        kind=kinds.to_record(Kind(oid)),
        start=start,
        increment=step,
        min=low,
        max=high,
        cache=cache,
        cycle=record.cycle if wanted.cycle is None else wanted.cycle,
    )


def _owned(context: Context, record: Sequence, owner: list[str]) -> Sequence:
    """The sequence as part of a column, whose table it goes with; [] of none."""
    if not owner:
        return replace(record, table=0, column=0)
    if len(owner) < 2:
        raise SqlError("42601", "invalid OWNED BY option", hint="Specify OWNED BY table.column or OWNED BY NONE.")
    relation = context.binder.relation(owner[-3] if len(owner) > 2 else None, owner[-2])
    column = relation.column(owner[-1])
    if column is None:
        raise SqlError("42703", f'column "{owner[-1]}" of relation "{relation.name}" does not exist')
    if relation.table.app != record.app:
        raise SqlError("55000", "sequence must be in same schema as table it is linked to")
    return replace(record, table=relation.oid, column=column.number)


def rename(context: Context, number: int, name: str) -> None:
    """Another name for a sequence.

    Raises:
        SqlError: 0A000 where a default names it: its text would name what is not there.
    """
    record = context.catalog.objects[number]
    assert isinstance(record, Sequence)
    for table in context.catalog.objects.values():
        for column in table.columns if isinstance(table, records.Table) else ():
            if not column.dropped and any(use.object == number for use in column.default.uses):
                detail = f"The default of column {column.name} of table {table.name} names it."
                raise SqlError("0A000", f"sequence {record.name} cannot be renamed", detail=detail)
    context.change(number, replace(record, name=name))


def restart(session: SqlSession, number: int, record: Sequence, value: int | None) -> None:
    """Moves a sequence to a value, or to where it starts.

    Raises:
        SqlError: 22023 where that is outside of its bounds.
    """
    value = record.start if value is None else value
    if not record.min <= value <= record.max:
        word = "less than MINVALUE" if value < record.min else "greater than MAXVALUE"
        bound = record.min if value < record.min else record.max
        raise SqlError("22023", f"RESTART value ({value}) cannot be {word} ({bound})")
    session.facade.set_value(number, value, False)


def create(found: Words) -> Utility:
    """The statement, whose first words are CREATE [TEMPORARY] SEQUENCE."""
    found.expect("create")
    temporary = found.take("temporary") or found.take("temp")
    found.expect("sequence")
    tolerated = found.take("if", "not", "exists")
    path = _dotted(found)
    wanted = _options(found)

    def run(session: SqlSession, _values: Rows[Any]) -> SqlOutcome:
        context = Context(session, session.open_environment(), session.schemas_in_path(), found.text.offset)
        schema, app = context.schema(path[-2] if len(path) > 1 else None, temporary=temporary)
        if context.catalog.find(path[-1], schema, ()) is not None:
            if not tolerated:
                raise SqlError("42P07", f'relation "{path[-1]}" already exists')
            context.notice(f'relation "{path[-1]}" already exists, skipping', "42P07")
            return done("CREATE SEQUENCE")
        record = Sequence(app=app, name=path[-1], kind=kinds.to_record(Kind(INT8)), increment=1, cache=1)
        record = altered(record, wanted, fresh=True)
        context.write(context.transaction.reserve(), record if wanted.owner is None else _owned(context, record, wanted.owner))
        return done("CREATE SEQUENCE")

    return Utility(run, catalog=True)


def alter(found: Words) -> Utility | None:
    """ALTER SEQUENCE with options; None where it is another form."""
    found.expect("alter", "sequence")
    tolerated = found.take("if", "exists")
    path = _dotted(found)
    if found.peek() in ("owner", "set"):
        return None
    name = None
    if found.take("rename"):
        found.expect("to")
        name = found.name()
        found.end()
    wanted = Wanted() if name is not None else _options(found)

    def run(session: SqlSession, _values: Rows[Any]) -> SqlOutcome:
        context = Context(session, session.open_environment(), session.schemas_in_path(), found.text.offset)
        number = context.catalog.find(path[-1], path[-2] if len(path) > 1 else None, context.path)
        if number is None:
            if not tolerated:
                raise SqlError("42P01", f'relation "{".".join(path)}" does not exist')
            context.notice(f'relation "{path[-1]}" does not exist, skipping')
            return done("ALTER SEQUENCE")
        record = context.catalog.objects[number]
        if not isinstance(record, records.Sequence):
            raise SqlError("42809", f'"{path[-1]}" is not a sequence')
        session.rights.need_owner(context.catalog, number)
        if name is not None:
            rename(context, number, name)
            return done("ALTER SEQUENCE")
        changed = altered(record, wanted, fresh=False)
        if wanted.owner is not None:
            changed = _owned(context, changed, wanted.owner)
        context.change(number, changed)
        context.refresh()
        if wanted.restarts:
            restart(session, number, changed, wanted.restart)
        return done("ALTER SEQUENCE")

    return Utility(run, catalog=True)
