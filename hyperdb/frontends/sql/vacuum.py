"""VACUUM: merges the files of the store.

Theory: files are shared by all tables, so whatever is named, all are merged. That costs everybody, so only those who own what
they name may ask for it; others are told so, as in PostgreSQL. Invariant: it runs in no transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.contract import Column, Notice, Status
from hyperdb.frontends.sql.functions.texts import quote_ident
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession


def vacuum(found: Words) -> tuple[Utility, Sequence[Column] | None]:
    """VACUUM."""
    found.expect("vacuum")
    options = found.inside() if found.peek() == "(" else []
    for word in [each.lower().split()[0] for each in options]:
        if word not in ("analyze", "full", "verbose", "freeze"):
            raise SqlError("0A000", f"VACUUM ({word.upper()}) is not supported")
    while found.peek() in ("full", "freeze", "verbose", "analyze"):
        found.name()
    names = []
    while found.peek():
        parts = [found.name()]
        while found.take("."):
            parts.append(found.name())
        names.append(".".join(quote_ident(part) for part in parts))
        if found.peek():
            found.expect(",")

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        if session.status is not Status.IDLE or session.transaction is not None:
            raise SqlError("25001", "VACUUM cannot run inside a transaction block")
        numbers = [session.facade.relation_oid(kinds.REGCLASS, name) for name in names]
        if _may_vacuum(session, dict(zip(names, numbers, strict=True))):
            session.backend.tables.compact()
        return done("VACUUM")

    return Utility(run), None


def _may_vacuum(session: SqlSession, tables: dict[str, int]) -> bool:
    """Whether the session owns all of the tables that are named; the client is told which ones it does not."""
    if session.rights.is_super:
        return True
    catalog = session.look(lambda catalog: catalog)
    roles, role = session.rights.roles, session.role
    foreign = [f'"{name}"' for name, number in tables.items() if not roles.owns(role, catalog.objects.get(number))]
    for shown in foreign if tables else ["the store"]:
        session.notice(Notice(f"permission denied to vacuum {shown}, skipping it", "01000", "WARNING"))
    return bool(tables) and not foreign
