"""CREATE DOMAIN, read from its words: the grammar of queries does not know it.

Invariant: every value that is cast to a domain or stored in a column of it passes its checks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.names import kind_of
from hyperdb.frontends.sql.bind.scope import Level, Named, Scope, Source
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.define.create import default_of
from hyperdb.frontends.sql.parse.dialect import parse
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.records import Constraint, Expression, UserType

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_CLAUSES = re.compile(r"\b(constraint|check|default|not\s+null|null|collate)\b", re.IGNORECASE)


@dataclass
class _Wanted:
    """What the words ask for."""

    kind: str
    not_null: bool = False
    default: str = ""
    checks: tuple[tuple[str, str], ...] = ()


def domain(found: Words) -> Utility:
    """The statement, whose first word is CREATE."""
    found.expect("create", "domain")
    parts = [found.name()]
    while found.take("."):
        parts.append(found.name())
    found.take("as")
    rest = found.rest()
    first = _CLAUSES.search(rest)
    wanted = _Wanted(rest[: first.start()] if first else rest)
    _clauses(Words(type(rest).at(rest[len(wanted.kind) :], rest.offset + len(wanted.kind))), wanted)

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        context = Context(session, session.open_environment(), session.schemas_in_path(), found.text.offset)
        _make(context, parts, wanted)
        return done("CREATE DOMAIN")

    return Utility(run, catalog=True)


def _clauses(found: Words, wanted: _Wanted) -> None:
    while found.peek():
        name = found.name() if found.take("constraint") else ""
        if found.take("not", "null"):
            wanted.not_null = True
        elif found.take("null"):
            wanted.not_null = False
        elif found.take("check"):
            wanted.checks = (*wanted.checks, (name, ", ".join(found.inside())))
        elif found.take("default"):
            wanted.default = found.value()
            if not wanted.default.lstrip("-").replace(".", "").isdigit():
                wanted.default = "'" + wanted.default.replace("'", "''") + "'"
        else:
            raise found.error()


def _make(context: Context, parts: list[str], wanted: _Wanted) -> None:
    _, app = context.schema(parts[0] if len(parts) > 1 else None)
    name = parts[-1]
    cast = parse(f"SELECT NULL::{wanted.kind}").expressions[0]
    if not isinstance(cast, exp.Cast):
        raise SqlError("42601", f'"{wanted.kind}" is no type')
    kind = kind_of(cast.args["to"], context.catalog, context.path)
    scope = Scope(Level(), [Source("", (Named("value", context.catalog.base(kind), 0),))], clause="a domain's check", width=1)
    constraints = []
    for place, (given, text) in enumerate(wanted.checks):
        node = parse(f"SELECT {text}").expressions[0]
        bound = context.binder.expressions.truth(node, scope, "CHECK")
        shown = given or f"{name}_check{place or ''}"
        check = context.expression(node, bound)
        constraints.append(Constraint(number=context.transaction.reserve(), name=shown, kind=records.CHECK, check=check))
    default = Expression()
    if wanted.default:
        default = default_of(context, parse(f"SELECT {wanted.default}").expressions[0], kind)
    record = UserType(
        app=app,
        name=name,
        form=records.DOMAIN,
        base=kinds.to_record(kind, context.catalog.domains),
        not_null=wanted.not_null,
        default=default,
        constraints=tuple(constraints),
    )
    context.write(context.transaction.reserve(), record)
