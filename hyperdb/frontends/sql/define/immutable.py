"""What expressions that are kept with a table may say: nothing that depends on the moment, the session or other rows.

Theory: an index entry is found again, and a generated value is right, only while its expression gives the same of the same row.
What reads a session's settings (the time zone, how dates are written) does not, and neither does what asks other tables.
Invariant: an expression that passes depends on the row's columns alone.
"""

from __future__ import annotations

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import DATE, TIMESTAMP, TIMESTAMPTZ, TIMETZ
from hyperdb.frontends.sql.plan.expressions import Call, Convert, Expr, Subquery, parts

_SHOWN_BY_SETTINGS = frozenset({DATE, TIMESTAMP, TIMESTAMPTZ, TIMETZ})


def no_subquery(bound: Expr, what: str) -> None:
    """Refuses a query inside of an expression.

    Raises:
        SqlError: 0A000.
    """
    if any(isinstance(part, Subquery) for part in parts(bound)):
        raise SqlError("0A000", f"cannot use subquery in {what}")


def must_be_immutable(bound: Expr, what: str, refusal: str) -> None:
    """Refuses what depends on more than its columns.

    Raises:
        SqlError: 42P17 with `refusal`, 0A000 for a query.
    """
    no_subquery(bound, what)
    if not all(_is_immutable(part) for part in parts(bound)):
        raise SqlError("42P17", refusal)


def _is_immutable(part: Expr) -> bool:
    if isinstance(part, Call):
        return not part.function.volatile and not part.function.env
    if isinstance(part, Convert) and part.cast.depends:
        sides = {kinds.element(kind.oid) or kind.oid for kind in (part.kind, part.argument.kind)}
        return not sides & _SHOWN_BY_SETTINGS
    return True
