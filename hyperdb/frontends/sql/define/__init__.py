"""Statements that change the catalog.

Theory: each becomes records that are written in the statement's transaction; native code locks, keeps names unique and
references whole. What a definition says of rows (constraints, defaults) is kept as text and bound when rows are written.
Invariant: a definition that is accepted is kept in full, or refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.define import alter, create, drop, objects
from hyperdb.frontends.sql.define.context import Context
from hyperdb.frontends.sql.statement import SqlOutcome, Statement, Utility, done

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_CREATE: dict[str, Callable[[Context, Any], str]] = {
    "TABLE": create.table,
    "INDEX": objects.index,
    "VIEW": objects.view,
    "TYPE": objects.enum,
    "SCHEMA": objects.schema,
}


def _create(context: Context, node: exp.Create) -> str:
    kind = str(node.args["kind"]).upper()
    maker = _CREATE.get(kind)
    if maker is None:
        raise SqlError("0A000", f"CREATE {kind} is not supported")
    return maker(context, node)


_ACTIONS: list[tuple[type[exp.Expr], Callable[[Context, Any], str]]] = [
    (exp.Create, _create),
    (exp.Drop, drop.drop),
    (exp.Alter, alter.alter),
    (exp.TruncateTable, drop.truncate),
    (exp.Comment, objects.comment),
    (exp.Analyze, objects.analyze),
]


def definition(node: exp.Expr, text: Statement, path: Sequence[str]) -> Utility:
    """The statement that a syntax tree describes.

    Raises:
        SqlError: 0A000 where it is not supported.
    """
    action = next((run for kind, run in _ACTIONS if isinstance(node, kind)), None)
    if action is None and isinstance(node, exp.Condition | exp.Alias):
        # The grammar reads what is only an expression as well.
        raise SqlError("42601", f'syntax error at or near "{text.split()[0]}"', position=text.offset + 1)
    if action is None:
        raise SqlError("0A000", f"{type(node).__name__.upper()} is not supported", position=text.offset + 1)

    def run(session: SqlSession, values: Sequence[Any]) -> SqlOutcome:
        del values
        env = session.open_environment()
        return done(action(Context(session, env, path, text.offset), node))

    return Utility(run, catalog=True)
