"""Finding the operator or function that a call means.

Theory: PostgreSQL's rules (documentation, 10.2 and 10.3): an exact match wins; else of those whose arguments can be had by
implicit casts the one with most exact matches, then with most preferred types, then by the category of the literals without
type. Invariant: an ambiguous call is refused (42725), never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import ANY, ANYARRAY, ANYELEMENT, ANYNONARRAY, TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.functions import (
    activity,
    addresses,
    advisory,
    aggregates,
    arrays,
    bits,
    casts,
    degrees,
    encrypted,
    fields,
    jsons,
    more,
    number_patterns,
    numbers,
    patterns,
    powers,
    proving,
    regexes,
    rights,
    system,
    texts,
    times,
)
from hyperdb.frontends.sql.functions.model import Aggregate, Function, Table, table

_WITH_OPERATORS = (numbers, powers, texts, regexes, times, arrays, jsons, bits, addresses)
_ALL: Table = table(
    chain(
        *(module.operators() for module in _WITH_OPERATORS),
        *(
            module.functions()
            for module in (
                *_WITH_OPERATORS,
                degrees,
                fields,
                patterns,
                number_patterns,
                more,
                proving,
                encrypted,
                rights,
                system,
                advisory,
                activity,
            )
        ),
    )
)
OPERATORS: Table = {name: found for name, found in _ALL.items() if not name[0].isidentifier()}
FUNCTIONS: Table = {name: found for name, found in _ALL.items() if name[0].isidentifier()}
AGGREGATES: dict[str, list[Aggregate]] = {}
for _each in chain(aggregates.all_aggregates(), bits.aggregates()):
    AGGREGATES.setdefault(_each.name, []).append(_each)

_OVER_ARRAYS_TOO = frozenset({"array_agg"})
"""Aggregates that PostgreSQL has twice, of values and of arrays: which one a literal without a type means is not known."""
POLYMORPHIC = frozenset({ANY, ANYELEMENT, ANYARRAY, ANYNONARRAY})


@dataclass(frozen=True, slots=True)
class Match:
    """The entry, what each argument is cast to, and the type of the result."""

    entry: Function | Aggregate
    targets: tuple[int, ...]
    result: int


def _wanted(entry: Function | Aggregate, count: int) -> tuple[int, ...] | None:
    """The types of `count` arguments; None if it does not take so many."""
    arguments = entry.arguments
    if isinstance(entry, Function):
        if entry.variadic and count >= len(arguments):
            return (*arguments, *[arguments[-1]] * (count - len(arguments)))
        if len(arguments) - entry.optional <= count <= len(arguments):
            return arguments[:count]
        return None
    return arguments if len(arguments) == count else None


def _polymorphic(wanted: Sequence[int], given: Sequence[int]) -> tuple[int, ...] | None:
    """`wanted` with the element type filled in; None if the arguments do not agree."""
    found = UNKNOWN
    for want, have in zip(wanted, given, strict=True):
        inner = kinds.element(have) if want == ANYARRAY else have if want in (ANYELEMENT, ANYNONARRAY) else None
        if want == ANYARRAY and inner is None and have != UNKNOWN:
            return None
        if want == ANYNONARRAY and kinds.is_array(have):
            return None
        if inner is None or have == UNKNOWN:
            continue
        if found not in (UNKNOWN, inner):
            if castable(inner, found):
                continue
            if not castable(found, inner):
                return None
        found = inner
    array = kinds.array_of(TEXT if found == UNKNOWN else found)
    filled = {
        ANYELEMENT: TEXT if found == UNKNOWN else found,
        ANYNONARRAY: TEXT if found == UNKNOWN else found,
        ANYARRAY: array or 0,
    }
    return tuple(
        (TEXT if have == UNKNOWN else have) if want == ANY else filled.get(want, want)
        for want, have in zip(wanted, given, strict=True)
    )


def castable(source: int, target: int) -> bool:
    """Whether an implicit cast leads there."""
    if source in (target, UNKNOWN):
        return True
    cast = casts.find(source, Kind(target))
    return cast is not None and cast.context == casts.IMPLICIT


def _result(entry: Function | Aggregate, wanted: Sequence[int], targets: Sequence[int]) -> int:
    if entry.result not in POLYMORPHIC:
        return entry.result
    for want, have in zip(wanted, targets, strict=True):
        if want in POLYMORPHIC - {ANY}:
            inner = (kinds.element(have) if want == ANYARRAY else have) or have
            return inner if entry.result != ANYARRAY else kinds.array_of(inner) or have
    return TEXT


def resolve(candidates: Sequence[Function | Aggregate], given: Sequence[int]) -> Match | None:
    """The one that is meant; None: none fits.

    Raises:
        SqlError: 42725 if several fit equally well.
    """
    fitting: list[Match] = []
    for entry in candidates:
        wanted = _wanted(entry, len(given))
        targets = None if wanted is None else _polymorphic(wanted, given)
        if wanted is None or targets is None:
            continue
        if all(castable(have, want) for have, want in zip(given, targets, strict=True)):
            fitting.append(Match(entry, targets, _result(entry, wanted, targets)))
    if len(fitting) > 1 and len(given) == 2 and UNKNOWN in given:
        known = given[0] if given[1] == UNKNOWN else given[1]
        same = [match for match in fitting if match.targets == (known, known)]
        if known != UNKNOWN and same:
            return same[0]
    fitting = _most(fitting, lambda match: sum(map(_same, given, match.targets)))
    fitting = _most(fitting, lambda match: sum(_preferred(have, want) for have, want in zip(given, match.targets, strict=True)))
    if len(fitting) > 1:
        fitting = _by_category(fitting, given)
    if len(fitting) > 1 and len({match.targets for match in fitting}) == 1:
        fitting = fitting[:1]
    if len(fitting) > 1:
        types = {have for have in given if have != UNKNOWN}
        if len(types) == 1:
            (only,) = types
            narrowed = [match for match in fitting if all(castable(only, want) for want in match.targets)]
            fitting = narrowed or fitting
    if fitting and (len(fitting) > 1 or (fitting[0].entry.name in _OVER_ARRAYS_TOO and UNKNOWN in given)):
        raise SqlError("42725", "the call is not unique", hint="Could not choose a best candidate. Add explicit type casts.")
    return fitting[0] if fitting else None


def _same(have: int, want: int) -> int:
    return have == want


def _preferred(have: int, want: int) -> int:
    found = kinds.BUILT_IN.get(want)
    return have == want or (have != UNKNOWN and found is not None and found.preferred)


def _most(matches: list[Match], score: Callable[[Match], int]) -> list[Match]:
    if len(matches) < 2:
        return matches
    scores = [score(match) for match in matches]
    return [match for match, got in zip(matches, scores, strict=True) if got == max(scores)]


def _by_category(matches: list[Match], given: Sequence[int]) -> list[Match]:
    """Literals without type take the string category if any candidate does, else the one that all agree on."""
    for place, have in enumerate(given):
        if have != UNKNOWN or len(matches) < 2:
            continue
        categories = {kinds.category(match.targets[place]) for match in matches}
        wanted = "S" if "S" in categories else next(iter(categories)) if len(categories) == 1 else None
        if wanted is None:
            continue
        matches = [match for match in matches if kinds.category(match.targets[place]) == wanted]
        preferred = [match for match in matches if _preferred(0, match.targets[place])]
        matches = preferred or matches
    return matches
