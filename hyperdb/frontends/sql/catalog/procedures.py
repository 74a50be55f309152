"""Relations of pg_catalog about functions, operators and casts, made from the tables that calls are bound with.

Theory: what can be called stands in `functions`, so what is shown cannot differ from it. Numbers are given in the order of the
tables and mean the same as long as the process runs; PostgreSQL's own numbers of functions are not claimed. Comparisons
are no functions here and are not among the operators. Invariant: a number shown in one relation is found in the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.catalog.objects import ROLE
from hyperdb.frontends.sql.catalog.relations import PG_CATALOG
from hyperdb.frontends.sql.functions import casts
from hyperdb.frontends.sql.functions.model import Aggregate, Function
from hyperdb.frontends.sql.functions.registry import AGGREGATES, FUNCTIONS, OPERATORS

Rows = Iterator[Sequence[Any]]
_FIRST, _FIRST_OPERATOR, _FIRST_CAST = 5_000, 9_000, 10_500
_INTERNAL = 12

BY_OID: dict[int, Function | Aggregate] = dict(
    enumerate((each for table in (FUNCTIONS, AGGREGATES) for entries in table.values() for each in entries), _FIRST)
)
"""Functions and aggregates by the numbers that pg_proc shows."""
assert _FIRST + len(BY_OID) < _FIRST_OPERATOR


def arguments(entry: Function | Aggregate) -> str:
    """The arguments as declarations write them."""
    shown = [kinds.name_of(Kind(oid)) for oid in entry.arguments]
    if isinstance(entry, Function):
        first = len(shown) - entry.optional
        shown = [f"{text} DEFAULT NULL" if place >= first else text for place, text in enumerate(shown)]
        if entry.variadic and shown:
            shown[-1] = f"VARIADIC {shown[-1]}"
    return ", ".join(shown)


def result(entry: Function | Aggregate) -> str:
    """What it gives."""
    name = kinds.name_of(Kind(entry.result))
    return f"SETOF {name}" if isinstance(entry, Function) and entry.rows else name


def definition(oid: int) -> str | None:
    """pg_get_functiondef: it cannot be run, as with PostgreSQL's own functions."""
    entry = BY_OID.get(oid)
    if entry is None:
        return None
    volatile = "" if isinstance(entry, Function) and entry.volatile else " IMMUTABLE"
    strict = " STRICT" if entry.strict else ""
    head = f"CREATE OR REPLACE FUNCTION pg_catalog.{entry.name}({arguments(entry)})\n RETURNS {result(entry)}\n"
    return f"{head} LANGUAGE internal\n{volatile}{strict}\nAS $function${entry.name}$function$\n"


def named(name: str) -> list[int]:
    """The numbers of the functions of a name."""
    return [oid for oid, entry in BY_OID.items() if entry.name == name]


def procedures(_env: Any) -> Rows:
    """pg_proc."""
    for oid, entry in BY_OID.items():
        function = entry if isinstance(entry, Function) else None
        yield (
            oid, entry.name, PG_CATALOG, ROLE, _INTERNAL, "f" if function else "a", bool(function and function.rows),
            entry.result, len(entry.arguments), list(entry.arguments), entry.strict,
            "v" if function and function.volatile else "i", entry.name, 1.0, 1000.0 if function and function.rows else 0.0,
            entry.arguments[-1] if function and function.variadic and entry.arguments else 0, 0, False, False, "s",
            function.optional if function else 0,
        )  # fmt: skip


def operators(_env: Any) -> Rows:
    """pg_operator."""
    oid = _FIRST_OPERATOR
    for name, entries in OPERATORS.items():
        for entry in entries:
            if len(entry.arguments) in (1, 2):
                left = entry.arguments[0] if len(entry.arguments) == 2 else 0
                form = "b" if len(entry.arguments) == 2 else "l"
                yield oid, name, PG_CATALOG, ROLE, form, False, False, left, entry.arguments[-1], entry.result, 0, 0, 0, 0, 0
                oid += 1


_CONTEXTS = {casts.IMPLICIT: "i", casts.ASSIGNMENT: "a"}


def all_casts(_env: Any) -> Rows:
    """pg_cast."""
    for place, ((source, target), cast) in enumerate(casts.TABLE.items()):
        method = "b" if cast.run is None else "f"
        yield _FIRST_CAST + place, source, target, 0, _CONTEXTS.get(cast.context, "e"), method


def aggregates(_env: Any) -> Rows:
    """pg_aggregate."""
    for oid, entry in BY_OID.items():
        if isinstance(entry, Aggregate):
            yield oid, "n", 0


RELATIONS: dict[str, tuple[str, Callable[[Any], Rows]]] = {
    "pg_proc": (
        "oid oid, proname name, pronamespace oid, proowner oid, prolang oid, prokind char, proretset bool, prorettype oid,"
        " pronargs int2, proargtypes oidvector, proisstrict bool, provolatile char, prosrc text, procost float4, prorows float4,"
        " provariadic oid, prosupport oid, prosecdef bool, proleakproof bool, proparallel char, pronargdefaults int2",
        procedures,
    ),
    "pg_operator": (
        "oid oid, oprname name, oprnamespace oid, oprowner oid, oprkind char, oprcanmerge bool, oprcanhash bool, oprleft oid,"
        " oprright oid, oprresult oid, oprcom oid, oprnegate oid, oprcode oid, oprrest oid, oprjoin oid",
        operators,
    ),
    "pg_cast": ("oid oid, castsource oid, casttarget oid, castfunc oid, castcontext char, castmethod char", all_casts),
    "pg_aggregate": ("aggfnoid oid, aggkind char, aggnumdirectargs int2", aggregates),
}
