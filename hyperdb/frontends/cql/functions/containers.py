"""Functions of collections and vectors.

Invariant: values come and go as the codec has them: lists, sets and vectors as tuples, maps as tuples of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hyperdb.frontends.cql.functions.aggregates import aggregate
from hyperdb.frontends.cql.functions.arithmetic import NUMBERS, single
from hyperdb.frontends.cql.functions.model import Function, Run, Signature, Types
from hyperdb.frontends.cql.functions.similarities import Similarity, cosine, dot_product, euclidean
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import FLOAT, INT, List, Map, Set, Type, Vector


def _aggregated(name: str) -> Callable[[Any, Sequence[Any]], Any]:
    """An aggregate over the elements of one collection."""

    def run(kind: Any, values: Sequence[Any]) -> Any:
        found = aggregate(name, kind)
        assert found is not None
        accumulator = found.new()
        for value in values:
            accumulator.add(value)
        return accumulator.result()

    return run


def _one(name: str, shown: str, takes: str, of: Callable[[Type], tuple[Type, Run] | None]) -> list[Signature]:
    """A function of one argument whose type decides result and code."""

    def make(types: Types) -> Function | None:
        if len(types) != 1 or types[0] is None:
            return None
        found = of(types[0])
        return None if found is None else Function(name, (types[0],), found[0], found[1])

    return [Signature(f"{name} : {shown}", make, takes=takes)]


def _elements(kind: Type) -> Type | None:
    return kind.element if isinstance(kind, List | Set) else None


def _reduced(reduce: Callable[[Any, Sequence[Any]], Any], *, numeric: bool) -> Callable[[Type], tuple[Type, Run] | None]:
    def of(kind: Type) -> tuple[Type, Run] | None:
        element = _elements(kind)
        if element is None or (numeric and element not in NUMBERS):
            return None
        return element, lambda _environment, values: reduce(element, values[0])

    return of


def _counted(kind: Type) -> tuple[Type, Run] | None:
    return (INT, lambda _environment, values: len(values[0])) if isinstance(kind, List | Set | Map) else None


def _keys(kind: Type) -> tuple[Type, Run] | None:
    if not isinstance(kind, Map):
        return None
    return Set(kind.key, kind.frozen), lambda _environment, values: tuple(key for key, _ in values[0])


def _values(kind: Type) -> tuple[Type, Run] | None:
    if not isinstance(kind, Map):
        return None
    return List(kind.value, kind.frozen), lambda _environment, values: tuple(value for _, value in values[0])


# Vectors.


def _similarity(name: str, of: Similarity) -> list[Signature]:
    def run(_environment: object, values: Sequence[Any]) -> float:
        found = of(values[0], values[1])
        if found is None:
            raise invalid(f"Function system.{name} doesn't support all-zero vectors")
        return single(found)

    def make(types: Types) -> Function | None:
        known = [kind for kind in types if kind is not None]
        if len(types) != 2 or not known or any(kind != known[0] for kind in known):
            return None
        kind = known[0]
        if not isinstance(kind, Vector) or kind.element != FLOAT:
            return None
        return Function(name, (kind, kind), FLOAT, run)

    return [Signature(f"{name} : (vector<float, n>, vector<float, n>) -> float", make, takes="float vector")]


SIGNATURES: dict[str, list[Signature]] = {
    "collection_count": _one("collection_count", "(collection) -> int", "collection", _counted),
    "collection_min": _one(
        "collection_min",
        "(set or list) -> element",
        "set or list",
        _reduced(_aggregated("min"), numeric=False),
    ),
    "collection_max": _one(
        "collection_max",
        "(set or list) -> element",
        "set or list",
        _reduced(_aggregated("max"), numeric=False),
    ),
    "collection_sum": _one(
        "collection_sum", "(numeric set or list) -> element", "numeric set/list", _reduced(_aggregated("sum"), numeric=True)
    ),
    "collection_avg": _one(
        "collection_avg", "(numeric set or list) -> element", "numeric set/list", _reduced(_aggregated("avg"), numeric=True)
    ),
    "map_keys": _one("map_keys", "(map) -> set", "map", _keys),
    "map_values": _one("map_values", "(map) -> list", "map", _values),
    "similarity_cosine": _similarity("similarity_cosine", cosine),
    "similarity_euclidean": _similarity("similarity_euclidean", euclidean),
    "similarity_dot_product": _similarity("similarity_dot_product", dot_product),
}
