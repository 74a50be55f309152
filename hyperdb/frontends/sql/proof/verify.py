"""Checking the proof of a query: verify the bundles, then run the query again on what they show.

Theory: the bundles, all under one header, show the definitions that the query's names stand for and all rows of some ranges. A
catalog of those definitions alone, and a transaction of those ranges alone, are enough to bind, plan and run the query by
the code that the server uses; a name, an object or a range that was not shown stops it. So whoever holds a root or a key gets
the answer that follows from the data under it, whatever the server said. Invariant: it returns, or raises VerificationError.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hyperdb.commitment import native
from hyperdb.commitment.verify import Absent, Complete, Element, Found, Frame, Rows, Seen, Trusted, VerificationError, Verified
from hyperdb.commitment.verify import verify as verify_in_python
from hyperdb.errors import HyperDBError, SqlError
from hyperdb.frontends.sql.catalog.builtin import built_in_relations
from hyperdb.frontends.sql.catalog.relations import BUILT_IN_SCHEMAS, Catalog, Relation
from hyperdb.frontends.sql.embedded.parameters import engine_value, types_of
from hyperdb.frontends.sql.embedded.placeholders import Parameters, ordered
from hyperdb.frontends.sql.embedded.values import python_row, reader
from hyperdb.frontends.sql.parse.split import split
from hyperdb.frontends.sql.proof import run
from hyperdb.frontends.sql.proof.container import QueryProof
from hyperdb.frontends.sql.proof.names import APPS, RELATIONS, SYSTEM, TYPES, name_id, object_id
from hyperdb.frontends.sql.proof.ranges import Proved, Range
from hyperdb.frontends.sql.settings import Settings
from hyperdb.frontends.sql.types import BUILT_IN, Style
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.tables import Image

_MALFORMED = (HyperDBError, ArithmeticError, LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError)
"""What records and rows that a lying signer made may end in."""
_ROWS_ID = b"\x00"
_OBJECT_ID = b"\x03"
_NUMBER = 8


@dataclass(frozen=True)
class VerifiedQuery:
    """The answer to a query, computed here from rows that were proved complete."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    frame: Frame
    """Under which header: `root`, `number`, `time_ms`."""


class _Elements:
    """What the system's own app was shown to hold: values by element, None where it was shown that there is none."""

    def __init__(self, shown: Verified) -> None:
        self._known: dict[bytes, bytes | None] = {}
        for answer in shown.answers:
            if isinstance(answer, Found) and isinstance(answer.query, Element):
                self._known[answer.query.id] = answer.row.value
            elif isinstance(answer, Absent) and isinstance(answer.query, Element):
                self._known[answer.query.id] = None

    def value(self, element: bytes, what: str) -> bytes | None:
        """An element's value; None: it is not there.

        Raises:
            VerificationError: nothing was shown of it.
        """
        if element not in self._known:
            raise VerificationError("claim", f"the proof says nothing of {what}")
        return self._known[element]

    def objects(self) -> list[tuple[int, bytes]]:
        """Objects of the catalog, numbers and records."""
        return [
            (int.from_bytes(element[1:], "big"), value)
            for element, value in self._known.items()
            if value is not None and element[:1] == _OBJECT_ID and len(element) == 1 + _NUMBER
        ]


class _Catalog(Catalog):
    """A catalog of what was shown; a name of which nothing was shown stops whoever asks."""

    def __init__(self, elements: _Elements) -> None:
        self._elements = elements
        super().__init__(Image.of(elements.objects()), built_in_relations)

    def find(self, name: str, schema: str | None, path: Sequence[str]) -> int | None:
        """See `Catalog`."""
        return self._shown(RELATIONS, name, schema, path)

    def user_type(self, name: str, schema: str | None, path: Sequence[str]) -> int | None:
        """See `Catalog`."""
        return self._shown(TYPES, name, schema, path)

    def _shown(self, space: int, name: str, schema: str | None, path: Sequence[str]) -> int | None:
        for each in [schema] if schema is not None else path:
            if each in BUILT_IN_SCHEMAS:
                continue
            place = self._number(name_id(APPS, 0, each), f'schema "{each}"')
            if place is None:
                continue
            app = self._object(place)
            if not isinstance(app, records.App) or app.name != each:
                raise VerificationError("claim", f'object {place} is not schema "{each}"')
            found = self._number(name_id(space, app.number, name), f'"{each}.{name}"')
            if found is not None:
                if getattr(self._object(found), "name", None) != name:
                    raise VerificationError("claim", f'object {found} is not "{name}"')
                return found
        return None

    def _number(self, element: bytes, what: str) -> int | None:
        value = self._elements.value(element, what)
        return None if value is None else int.from_bytes(value, "little")

    def _object(self, number: int) -> records.Object:
        self._elements.value(object_id(number), f"object {number}")
        found = self.objects.get(number)
        if found is None:
            raise VerificationError("claim", f"object {number} was shown to be absent")
        return found


def _one_header(shown: Iterable[Verified]) -> Frame:
    found = {each.frame.root: each.frame for each in shown}
    if len(found) != 1:
        raise VerificationError("root", "parts of the proof are of different frames")
    return next(iter(found.values()))


def _ranges(shown: Verified, app: bytes, catalog: Catalog) -> dict[int, list[Range]]:
    """Complete ranges of tables of one app."""
    found: dict[int, list[Range]] = {}
    for answer in shown.answers:
        if not isinstance(answer, Complete) or not isinstance(answer.query, Rows) or answer.query.bounds.companion:
            continue
        element = answer.query.collection
        number = int.from_bytes(element[1:], "big")
        record = catalog.objects.get(number)
        if element[:1] != _ROWS_ID or not isinstance(record, records.Table) or catalog.apps[record.app].encode() != app:
            raise VerificationError("claim", "rows of something that is no table of the schema")
        if not answer.collection:
            raise VerificationError("claim", f"table {number} has no rows' collection")
        bounds = answer.query.bounds
        found.setdefault(number, []).append(Range((bounds.low, bounds.below), answer.rows))
    return found


def verify_query(
    proof: bytes,
    text: str,
    parameters: Parameters | None = None,
    *,
    trusted: Trusted,
    rows: Iterable[Sequence[Any]] | None = None,
    seen: Seen | None = None,
    path: Sequence[str] = ("public",),
    settings: dict[str, str] | None = None,
    pure: bool = False,
) -> VerifiedQuery:
    """Checks the proof of a query and computes its answer from it; no database is needed.

    Args:
        proof: what `SELECT hyperdb_last_proof()` gave.
        text: the query as it was sent, with `%s`, `%(name)s` or `$1` for parameters.
        parameters: their values.
        trusted: what the caller trusts: one root, or the store's key.
        rows: the answer as the server gave it, in values of Python; refused if it is another one.
        seen: refuse a frame that does not contain this one (rollback, fork).
        path: the schemas in which names are looked up.
        settings: of the session, where values depend on them: TimeZone, DateStyle, IntervalStyle.
        pure: verify the bundles by the verifier in pure Python.

    Raises:
        VerificationError: naming the first check that failed.
    """
    container = QueryProof.decode(proof)
    try:
        made, values = ordered(text, parameters) if parameters is not None else (text, [])
        is_same = _plain(container.text) == _plain(made)
    except SqlError as error:
        raise VerificationError("claim", f"the query cannot be read: {error.message}") from error
    if not is_same:
        raise VerificationError("claim", "the proof is of another query")
    check = verify_in_python if pure else native.verify
    # `seen` is asked of the first bundle; all have the same header.
    shown = {
        app: check(bundle, trusted=trusted, app=app, seen=seen if at == 0 else None)
        for at, (app, bundle) in enumerate(container.bundles)
    }
    if len(shown) != len(container.bundles) or container.bundles[0][0] != SYSTEM:
        raise VerificationError("claim", "the proof of a query begins with the catalog, and has an app once")
    frame = _one_header(shown.values())
    try:
        answer = _answer(shown, made, values, path, Settings(settings or {}, "").style(Style()), frame)
    except VerificationError:
        raise
    except SqlError as error:
        raise VerificationError("claim", f"the query cannot be run on what the proof shows: {error.message}") from error
    except _MALFORMED as error:
        raise VerificationError("claim", f"what the proof shows cannot be read: {error}") from error
    if rows is not None and [tuple(row) for row in rows] != answer.rows:
        raise VerificationError("claim", "the rows are not the answer that follows from the proved inputs")
    return answer


def _answer(
    shown: dict[bytes, Verified], text: str, values: Sequence[Any], path: Sequence[str], style: Style, frame: Frame
) -> VerifiedQuery:
    catalog = _Catalog(_Elements(shown[SYSTEM]))
    ranges: dict[int, list[Range]] = {}
    for app, each in shown.items():
        if app != SYSTEM:
            for number, found in _ranges(each, app, catalog).items():
                ranges.setdefault(number, []).extend(found)
    layouts: dict[int, Any] = {}

    def layout_of(relation: Relation) -> Any:
        if relation.oid not in layouts:
            layouts[relation.oid] = catalog.layout(relation, [])
        return layouts[relation.oid]

    proved = Proved(ranges, lambda layout: next(number for number, each in layouts.items() if each is layout))
    prepared = run.prepare(text, types_of(values), catalog, path, frame.number)
    if len(prepared.parameters) != len(values):
        raise VerificationError("claim", f"the query has {len(prepared.parameters)} parameters, and {len(values)} are given")
    if not all(oid in BUILT_IN for oid in prepared.parameters):
        raise VerificationError("claim", "parameters of types that users made are not supported: write them as literals")
    given = [engine_value(value, BUILT_IN[oid], style) for value, oid in zip(values, prepared.parameters, strict=True)]
    session = run.Session((proved, catalog), layout_of)
    answer = run.run(prepared, session, given, run.Moment(frame.time_ms * 1000, style))
    columns = prepared.bound.columns or ()
    types = [BUILT_IN.get(catalog.base(kind).oid) for _, kind in columns]
    readers = [None if kind is None else reader(kind, style) for kind in types]
    rows = [python_row(readers, row) for row in answer]
    return VerifiedQuery(tuple(name for name, _ in columns), rows, frame)


def _plain(text: str) -> str:
    """A text without what does not belong to its one statement."""
    parts = [part.strip() for part, _ in split(text)]
    return parts[0] if len(parts) == 1 else text
