"""LOCK TABLE.

Theory: the engine has four of PostgreSQL's eight modes of tables. A mode that it does not have becomes the next stronger one,
which keeps out whatever the mode itself would. Invariant: what two sessions may not hold together in PostgreSQL, they may not
hold together here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hyperdb.errors import DeadlockError, LockTimeoutError, SqlError
from hyperdb.frontends.sql.access.privileges import DELETE, INSERT, SELECT, TRUNCATE, UPDATE
from hyperdb.frontends.sql.catalog.kinds import REGCLASS
from hyperdb.frontends.sql.contract import Column, Status
from hyperdb.frontends.sql.functions.texts import quote_ident
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_MODES = {
    "access share": "access share",
    "row share": "row exclusive",
    "row exclusive": "row exclusive",
    "share update exclusive": "access exclusive",
    "share row exclusive": "access exclusive",
    "share": "share",
    "access exclusive": "access exclusive",
    "exclusive": "access exclusive",
}


def lock(found: Words) -> tuple[Utility, Sequence[Column] | None]:
    """The statement."""
    found.expect("lock")
    found.take("table")
    names = []
    while True:
        found.take("only")
        parts = [found.name()]
        while found.take("."):
            parts.append(found.name())
        found.take("*")
        names.append(".".join(quote_ident(part) for part in parts))
        if not found.take(","):
            break
    mode = "access exclusive"
    if found.take("in"):
        spoken = next((each for each in _MODES if found.take(*each.split())), None)
        if spoken is None:
            raise found.error()
        mode = _MODES[spoken]
        found.expect("mode")
    waits = not found.take("nowait")
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        if session.status is Status.IDLE:
            raise SqlError("25P01", "LOCK TABLE can only be used in transaction blocks")
        session.cursors.settle()

        def body(env: Any) -> None:
            if not waits:
                session.patience.lose()
            for name in names:
                number = session.facade.relation_oid(REGCLASS, name)
                if isinstance(env.catalog.objects.get(number), records.View):
                    raise SqlError("0A000", f'"{name}" is a view: lock the tables that it reads')
                if not isinstance(env.catalog.objects.get(number), records.Table):
                    raise SqlError("42809", f'"{name}" is not a table or view')
                bits = SELECT if mode == "access share" else INSERT if mode == "row exclusive" else 0
                allowed = [bit for bit in (bits, UPDATE, DELETE, TRUNCATE) if bit]
                if not any(session.rights.may(env.catalog, number, bit) for bit in allowed):
                    raise SqlError("42501", f"permission denied for table {env.catalog.objects[number].name}")
                try:
                    env.transaction.lock_object(number, mode)
                except (LockTimeoutError, DeadlockError) as error:
                    if waits:
                        raise
                    name = env.catalog.objects[number].name
                    raise SqlError("55P03", f'could not obtain lock on relation "{name}"') from error

        try:
            session.statement(body)
        finally:
            session.patience.heed()
        return done("LOCK TABLE")

    return Utility(run), None
