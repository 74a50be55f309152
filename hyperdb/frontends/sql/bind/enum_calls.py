"""enum_first, enum_last, enum_range: calls whose answer is the type of what they are given.

Theory: PostgreSQL's documentation, "Enum Support Functions". The labels are those of the catalog that the statement is bound
under, and a plan is bound anew when the catalog changes. Invariant: labels come in their order; a value counts only as the end of
a range.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.bind.scope import Scope
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import UNKNOWN, Kind
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.plan.expressions import Call, Expr

if TYPE_CHECKING:
    from hyperdb.frontends.sql.bind.calls import Calls


def enum_call(calls: Calls, node: exp.Expr, scope: Scope) -> Expr:
    """The call.

    Raises:
        SqlError: 42883 where it is no enum, 55000 for an enum without labels.
    """
    name = str(node.this).lower()
    arguments = [calls.bind(each, scope) for each in node.expressions]
    if len(arguments) not in _ARGUMENTS[name]:
        raise calls.no_function(name, arguments, node)
    known = [each.kind.oid for each in arguments if each.kind.oid != UNKNOWN]
    catalog = calls.coercer.catalog
    oid = catalog.base(Kind(known[0])).oid if known else UNKNOWN
    places = catalog.labels(oid)
    if places is None or any(catalog.base(Kind(each)).oid != oid for each in known):
        raise calls.no_function(name, arguments, node)
    labels = sorted(places, key=places.__getitem__)
    given = tuple(calls.coercer.coerce(each, Kind(oid)) for each in arguments)
    if name == "enum_range":
        array = kinds.array_of(oid)
        assert array is not None
        return Call(Kind(array), Function(name, (oid,) * len(given), array, _between(labels), strict=False), given)
    return Call(Kind(oid), Function(name, (oid,), oid, _end(labels, oid, -1 if name == "enum_last" else 0), strict=False), given)


def _end(labels: list[str], oid: int, place: int) -> Callable[[Any], Any]:
    def run(_value: Any) -> Any:
        if not labels:
            raise SqlError("55000", f"enum {kinds.name_of(Kind(oid))} contains no values")
        return labels[place]

    return run


def _between(labels: list[str]) -> Callable[..., list[str]]:
    def run(*ends: Any) -> list[str]:
        if len(ends) < 2:
            return list(labels)
        first, last = ends
        begin = 0 if first is None else labels.index(first)
        end = len(labels) if last is None else labels.index(last) + 1
        return labels[begin:end]

    return run


_ARGUMENTS = {"enum_first": (1,), "enum_last": (1,), "enum_range": (1, 2)}
NAMES = _ARGUMENTS.keys()
