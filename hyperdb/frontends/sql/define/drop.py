"""DROP and TRUNCATE.

Theory: native code refuses to drop what others need; CASCADE takes the others away first: foreign keys that refer to a table,
views and defaults that name it, tables inside a schema. Invariant: nothing that is left names what went.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.privileges import TRUNCATE
from hyperdb.frontends.sql.bind.names import fold, table_name
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.relations import BUILT_IN_SCHEMAS
from hyperdb.frontends.sql.define.context import Context, with_column
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_KINDS: dict[str, tuple[type[records.Object], str, str]] = {
    "TABLE": (records.Table, "table", "42P01"),
    "VIEW": (records.View, "view", "42P01"),
    "MATERIALIZED VIEW": (records.Table, "materialized view", "42P01"),
    "INDEX": (records.Index, "index", "42704"),
    "SEQUENCE": (records.Sequence, "sequence", "42P01"),
    "TYPE": (records.UserType, "type", "42704"),
    "DOMAIN": (records.UserType, "type", "42704"),
    "SCHEMA": (records.App, "schema", "3F000"),
}
_FORMS = {"DOMAIN": records.DOMAIN}
"""What a type must be: DROP TYPE takes domains too."""


def drop(context: Context, node: exp.Drop) -> str:
    """DROP TABLE, VIEW, INDEX, SEQUENCE, TYPE, SCHEMA."""
    kind = str(node.args["kind"]).upper()
    if node.args.get("materialized"):
        kind = f"MATERIALIZED {kind}"
    if kind not in _KINDS:
        raise SqlError("0A000", f"DROP {kind} is not supported")
    tables = node.args.get("tables") or [node.this]
    found = [_find(context, kind, each, bool(node.args.get("exists"))) for each in tables]
    _remove_all(context, list(dict.fromkeys(each for each in found if each is not None)), bool(node.args.get("cascade")))
    return f"DROP {kind}"


def types(found: Words) -> Utility:
    """DROP TYPE and DROP DOMAIN, read from their words: the grammar of queries knows one type a statement and no domain."""
    found.expect("drop")
    kind = found.name().upper()
    tolerated = found.take("if", "exists")
    named = [_named(found)]
    while found.take(","):
        named.append(_named(found))
    cascade = found.take("cascade")
    if not cascade:
        found.take("restrict")
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        context = Context(session, session.open_environment(), session.schemas_in_path(), found.text.offset)
        numbers = [_find(context, kind, each, tolerated) for each in named]
        _remove_all(context, list(dict.fromkeys(each for each in numbers if each is not None)), cascade)
        return done(f"DROP {kind}")

    return Utility(run, catalog=True)


def _named(found: Words) -> exp.Table:
    parts = [found.name()]
    while found.take("."):
        parts.append(found.name())
    names = [exp.to_identifier(part, quoted=True) for part in parts]
    return exp.Table(this=names[-1], db=names[-2] if len(names) > 1 else None)


def _remove_all(context: Context, numbers: list[int], cascade: bool) -> None:
    """Drops objects together: what only they need of each other holds up none of them."""
    for number in numbers if len(numbers) > 1 else ():
        found = context.catalog.objects[number]
        if isinstance(found, records.Table):
            changed = _without(found, set(numbers) - {number})
            if changed != found:
                context.change(number, changed)
                context.refresh()
    while numbers:
        left = []
        refusal: SqlError | None = None
        for number in numbers:
            try:
                remove(context, number, cascade=cascade)
            except SqlError as error:
                if error.sqlstate != "2BP01":
                    raise
                refusal = refusal or error
                left.append(number)
            context.refresh()
        if refusal is not None and len(left) == len(numbers):
            raise refusal
        numbers = left


def _find(context: Context, kind: str, node: exp.Expr, tolerated: bool) -> int | None:
    wanted, word, state = _KINDS[kind]
    form = _FORMS.get(kind)
    if kind == "SCHEMA":
        name = fold(node.args.get("db") or node.this)
        if name in BUILT_IN_SCHEMAS:
            raise SqlError("42501", f"permission denied: schema {name} is required by the database system")
        number = context.catalog.schemas.get(name)
    else:
        schema, name = table_name(node)
        finder = context.catalog.user_type if wanted is records.UserType else context.catalog.find
        number = finder(name, schema, context.path)
    if number is None:
        if not tolerated:
            raise SqlError(state, f'{word} "{name}" does not exist')
        context.notice(f'{word} "{name}" does not exist, skipping')
        return None
    found = context.catalog.objects[number]
    context.session.rights.need_owner(context.catalog, number)
    if form is not None and isinstance(found, records.UserType) and found.form != form:
        raise SqlError("42809", f'"{name}" is not a domain')
    if not isinstance(found, wanted) or (isinstance(found, records.Table) and bool(found.source) is (kind == "TABLE")):
        raise SqlError("42809", f'"{name}" is not {"an" if word == "index" else "a"} {word}')
    return number


def remove(context: Context, number: int, *, cascade: bool) -> None:
    """Drops an object; with `cascade` first whatever needs it."""
    found = context.catalog.objects.get(number)
    if found is None:
        return
    if isinstance(found, records.Index):
        _keep_constraints(context, number, found)
    if cascade:
        _remove_dependents(context, number, found)
    try:
        context.transaction.drop(number)
    except SqlError as error:
        if error.sqlstate == "2BP01":
            what = f"{type(found).__name__.lower()} {found.name}".replace("usertype", "type").replace("app ", "schema ")
            detail = error.message.partition(": ")[2]
            hint = "Use DROP ... CASCADE to drop the dependent objects too."
            raise SqlError("2BP01", f"cannot drop {what} because other objects depend on it", detail=detail, hint=hint) from None
        raise


def _keep_constraints(context: Context, number: int, index: records.Index) -> None:
    table = context.catalog.objects.get(index.table)
    if isinstance(table, records.Table):
        for constraint in table.constraints:
            if constraint.index == number and constraint.kind in (records.PRIMARY, records.UNIQUE):
                message = f"cannot drop index {index.name} because constraint {constraint.name} on table {table.name} requires it"
                raise SqlError("2BP01", message, hint=f"You can drop constraint {constraint.name} on table {table.name} instead.")


def _remove_dependents(context: Context, number: int, found: records.Object) -> None:
    """Takes away what names the object."""
    objects = dict(context.catalog.objects)
    if isinstance(found, records.App):
        inside = [
            each
            for each, other in objects.items()
            if not isinstance(other, records.App | records.Index) and other.app == found.number
            # A table's own sequences go with it, and not before.
            if not (isinstance(other, records.Sequence) and other.table in objects)
        ]
        for each in sorted(inside, reverse=True):
            if each in context.catalog.objects:
                remove(context, each, cascade=True)
                context.refresh()
        return
    parts = {number} | {
        each for each, other in objects.items() if isinstance(other, records.Index | records.Sequence) and other.table == number
    }
    for other_number, other in objects.items():
        if other_number in parts or other_number not in context.catalog.objects:
            continue
        filled = isinstance(other, records.Table) and any(use.object in parts for use in other.source.query.uses)
        if filled or (isinstance(other, records.View) and any(use.object in parts for use in other.query.uses)):
            remove(context, other_number, cascade=True)
            context.refresh()
        elif isinstance(other, records.Table):
            changed = _without(other, parts)
            if changed != other:
                context.change(other_number, changed)


def _without(table: records.Table, gone: set[int]) -> records.Table:
    """A table without foreign keys to, defaults by, and columns of what goes."""
    kept = tuple(each for each in table.constraints if not (each.kind == records.FOREIGN and each.parent in gone))
    table = replace(table, constraints=kept)
    for column in table.columns:
        if column.dropped:
            continue
        if any(use.object in gone for use in column.default.uses):
            table = with_column(table, replace(column, default=records.Expression()))
        kind = kinds.of_record(column.kind).oid
        if kind in gone or kinds.element(kind) in gone:
            table = with_column(table, replace(column, dropped=True))
    return table


def _views_of(context: Context, number: int) -> list[int]:
    """The materialized views of CQL that are filled from a table."""
    tables = ((each, found) for each, found in context.catalog.objects.items() if isinstance(found, records.Table))
    return [each for each, found in tables if found.source.base == number]


def truncate(context: Context, node: exp.TruncateTable) -> str:
    """TRUNCATE."""
    relations = [context.relation(each) for each in node.expressions]
    chosen = {relation.oid for relation in relations}
    cascade = str(node.args.get("option") or "").upper() == "CASCADE"
    added = True
    while added:
        added = False
        for number, found in context.catalog.objects.items():
            if isinstance(found, records.Table) and number not in chosen:
                for constraint in found.constraints:
                    if constraint.kind == records.FOREIGN and constraint.parent in chosen:
                        if not cascade:
                            raise SqlError(
                                "0A000",
                                "cannot truncate a table referenced in a foreign key constraint",
                                detail=f'Table "{found.name}" references it.',
                                hint="Truncate both at the same time, or use TRUNCATE ... CASCADE.",
                            )
                        chosen.add(number)
                        added = True
    for number in sorted(chosen):
        table = context.catalog.relation(number).table
        if table.source:
            raise SqlError("42809", f'"{table.name}" is not a table')
        context.session.rights.need(context.catalog, number, TRUNCATE)
        for each in (number, *_views_of(context, number)):
            context.transaction.truncate(each)
        if str(node.args.get("identity") or "").upper() == "RESTART":
            for sequence, found in context.catalog.objects.items():
                if isinstance(found, records.Sequence) and found.table == number:
                    context.session.facade.set_value(sequence, found.start, False)
    return "TRUNCATE TABLE"
