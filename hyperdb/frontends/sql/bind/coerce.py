"""Making an expression one of another type.

Theory: literals and parameters have no type until something asks for one; everything else goes by the table of casts, in the
context where it stands (implicit, assignment, explicit). Invariant: the result has the type asked for, or the statement is
refused (42804, 42846).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import BPCHAR, NUMERIC, RECORD, TEXT, UNKNOWN, VARCHAR, Kind
from hyperdb.frontends.sql.catalog.relations import Catalog
from hyperdb.frontends.sql.functions import casts
from hyperdb.frontends.sql.plan.expressions import Const, Constrain, Convert, Expr, Parameter

_FOLDED = frozenset("NSBUAVZ")
"""Categories whose literals mean the same whatever the settings."""


class Coercer:
    """Coercions under one catalog. `parameters` are the types of $1, $2 ..., filled in as they become known."""

    def __init__(
        self, catalog: Catalog, parameters: list[int], checks: Callable[[int], tuple[Any, ...]], names: Callable[[int, str], int]
    ) -> None:
        self.catalog = catalog
        self._env = _Env(replace(types.DEFAULT, relation_oid=names))
        self.parameters = parameters
        self._checks = checks

    def enum(self, oid: int) -> Any:
        """What reads and writes the labels of an enum, or arrays of them; None for other types."""
        inner = kinds.element(oid) if oid >= kinds.FIRST_USER else None
        labels = self.catalog.labels(inner or oid)
        if labels is None:
            return None
        found = EnumText(self.catalog.type_names().get(inner or oid, "?"), labels)
        return found if inner is None else types.array_of(types.enum_type(inner, oid, found.name, list(labels)))

    def name(self, kind: Kind) -> str:
        """A type's name for messages."""
        return kinds.name_of(kind, self.catalog.type_names())

    def coerce(self, expr: Expr, target: Kind, context: str = casts.IMPLICIT, position: int | None = None) -> Expr:
        """`expr` as a `target`.

        Raises:
            SqlError: 42846 for a cast that is not there, 42804 for one that is not made by itself.
        """
        if target.oid in self.catalog.domains:
            base = self.catalog.base(target)
            inner = self.coerce(expr, base, context, position) if expr.kind != target else expr
            return inner if expr.kind == target else Constrain(target, inner, *self._checks(target.oid))
        if isinstance(expr, Parameter) and expr.kind.oid == UNKNOWN and self.parameters[expr.place] not in (0, UNKNOWN):
            # The same one was asked before, and has a type since.
            expr = Parameter(Kind(self.parameters[expr.place]), expr.place)
        source = self.catalog.base(expr.kind)
        if isinstance(expr, Parameter) and self.parameters[expr.place] in (0, UNKNOWN):
            self.parameters[expr.place] = target.oid
            return self._sized(Parameter(Kind(target.oid), expr.place), target, context)
        if isinstance(expr, Const) and expr.value is None:
            return Const(target, None)
        if source.oid == target.oid:
            return self._sized(expr, target, context)
        if source.oid == UNKNOWN and target.oid == kinds.INTERVAL and target.modifier >= 0 and isinstance(expr, Const):
            # The modifier says what a number without a unit is.
            return Convert(target, casts.Cast(casts.IMPLICIT, _interval_reader(target.modifier), True), expr, True)
        cast = casts.find(source.oid, target, self.enum)
        if cast is None:
            raise SqlError("42846", f"cannot cast type {self.name(source)} to {self.name(target)}", position=position)
        if not casts.allowed(cast, context):
            raise SqlError("42804", f"expression is of type {self.name(source)} and not {self.name(target)}", position=position)
        if isinstance(expr, Const) and (not cast.depends or (source.oid == UNKNOWN and _is_fixed(target.oid))):
            value = self._folded(cast, expr.value, position)
            return self._sized(Const(Kind(target.oid), value), target, context)
        plain = Kind(target.oid)
        return self._sized(Convert(plain, cast, expr, context == casts.EXPLICIT), target, context)

    def _folded(self, cast: casts.Cast, value: Any, position: int | None) -> Any:
        try:
            return value if cast.run is None else cast.run(value, self._env)
        except SqlError as error:
            error.position = error.position or position
            raise

    def _sized(self, expr: Expr, target: Kind, context: str) -> Expr:
        """With what the modifier asks for: lengths, precisions."""
        if target.modifier < 0 or expr.kind == target:
            return expr
        explicit = context == casts.EXPLICIT
        inner = kinds.element(target.oid)
        if isinstance(expr, Const) and inner is None:
            return Const(target, None if expr.value is None else types.coerce(target.oid, expr.value, target.modifier, explicit))

        def run(value: Any, _env: Any) -> Any:
            return types.coerce(target.oid, value, target.modifier, explicit)

        return Convert(target, casts.Cast(casts.IMPLICIT, run), expr, explicit)

    def common(self, found: Sequence[Expr], what: str, position: int | None = None) -> Kind:
        """The type that CASE, UNION, VALUES, ARRAY and their like give (documentation, 10.5).

        Raises:
            SqlError: 42804 where there is none.
        """
        known = [self.catalog.base(expr.kind) for expr in found if expr.kind.oid != UNKNOWN]
        if not known:
            return Kind(TEXT)
        if all(kind == known[0] for kind in known) and len(known) == len(found):
            return known[0]
        best = known[0].oid
        for kind in known[1:]:
            if kind.oid == best:
                continue
            if kinds.category(kind.oid) != kinds.category(best):
                names = f"{self.name(Kind(best))} and {self.name(kind)}"
                raise SqlError("42804", f"{what} types {names} cannot be matched", position=position)
            found_type = kinds.BUILT_IN.get(best)
            preferred = found_type is not None and found_type.preferred
            if not preferred and _implicit(best, kind.oid) and not _implicit(kind.oid, best):
                best = kind.oid
            elif not _implicit(kind.oid, best) and not _implicit(best, kind.oid):
                names = f"{self.name(Kind(best))} and {self.name(kind)}"
                raise SqlError("42804", f"{what} types {names} cannot be matched", position=position)
        same = {kind.modifier for kind in known if kind.oid == best}
        return Kind(best, same.pop() if len(same) == 1 and len(known) == len(found) and all(k.oid == best for k in known) else -1)

    def all_as(self, found: Sequence[Expr], kind: Kind) -> tuple[Expr, ...]:
        """Each as that type."""
        return tuple(self.coerce(expr, kind) for expr in found)

    def comparable(self, left: Expr, right: Expr, sign: str, position: int | None = None) -> tuple[Expr, Expr, int]:
        """Both sides as one type, and which.

        Raises:
            SqlError: 42883 where they cannot be compared.
        """
        one, other = self.catalog.base(left.kind), self.catalog.base(right.kind)
        if one.oid == UNKNOWN and other.oid == UNKNOWN:
            target = TEXT
        elif UNKNOWN in (one.oid, other.oid):
            target = one.oid if other.oid == UNKNOWN else other.oid
        else:
            target = _comparison_type(one.oid, other.oid)
        if target in (kinds.JSON, 0) or (target == RECORD and one.oid != other.oid):
            raise SqlError(
                "42883",
                f"operator does not exist: {self.name(one)} {sign} {self.name(other)}",
                hint="No operator matches the given name and argument types. You might need to add explicit type casts.",
                position=position,
            )
        if target == NUMERIC and one.oid in INTEGERS and not isinstance(left, Const):
            return left, self.coerce(right, Kind(target)), target
        if target == NUMERIC and other.oid in INTEGERS and not isinstance(right, Const):
            return self.coerce(left, Kind(target)), right, target
        if target in INTEGERS and one.oid in INTEGERS and other.oid in INTEGERS:
            return left, right, target
        return self.coerce(left, Kind(target)), self.coerce(right, Kind(target)), target


def _interval_reader(modifier: int) -> Callable[[Any, Any], Any]:
    return lambda text, env: types.read_text(kinds.INTERVAL, text, modifier, env.style)


def _is_fixed(oid: int) -> bool:
    """Whether literals of a type mean the same whatever the settings; arrays as what is in them."""
    inner = kinds.element(oid)
    return kinds.category(oid) in _FOLDED and (inner is None or kinds.category(inner) in _FOLDED)


INTEGERS = frozenset({kinds.INT2, kinds.INT4, kinds.INT8})
_TEXTS = frozenset({TEXT, VARCHAR, kinds.NAME, kinds.CHAR1})


def _implicit(source: int, target: int) -> bool:
    cast = casts.find(source, Kind(target))
    return source == target or (cast is not None and cast.context == casts.IMPLICIT)


def _comparison_type(left: int, right: int) -> int:
    """The type in which two types are compared; 0: they are not."""
    if left == right:
        return TEXT if left == VARCHAR else left
    if left in _TEXTS and right in _TEXTS:
        return TEXT
    if {left, right} <= _TEXTS | {BPCHAR}:
        return BPCHAR if VARCHAR not in (left, right) and TEXT not in (left, right) else TEXT
    inner, other = kinds.element(left), kinds.element(right)
    if inner is not None and other is not None:
        found = _comparison_type(inner, other)
        return kinds.array_of(found) or 0
    if kinds.category(left) != kinds.category(right):
        return 0
    if _implicit(left, right) and not (left == kinds.OID and right in INTEGERS):
        return right
    if _implicit(right, left):
        return left
    if {left, right} <= {kinds.OID, *INTEGERS}:
        return kinds.INT8
    if kinds.category(left) == "N" and kinds.OID not in (left, right):
        return kinds.FLOAT8 if kinds.FLOAT8 in (left, right) or kinds.FLOAT4 in (left, right) else kinds.OID
    return 0


@dataclass(frozen=True, slots=True)
class _Env:
    """For casts of literals, which depend on no setting but may name objects."""

    style: types.Style


class EnumText:
    """Reads labels of an enum."""

    def __init__(self, name: str, labels: dict[str, float]) -> None:
        self.name = name
        self._labels = labels

    def read_text(self, text: str, _style: object) -> str:
        """The label, if it is one."""
        if text not in self._labels:
            raise SqlError("22P02", f'invalid input value for enum {self.name}: "{text}"')
        return text
