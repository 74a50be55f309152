"""What the system's own app says of a published one: its number, the definitions of its tables, their names; proved, in bundles.

Theory: to bind a query a client needs the definitions, and to fetch them one by one would tell what the query names. They are
few, so all of them are downloaded, for whatever is asked later. Nothing else of the system's app goes out: it holds roles and
their verifiers. Invariant: what is read was proved at the epoch's frame. That a definition is *not* there is the store's word.
"""

from __future__ import annotations

from collections.abc import Iterator

from hyperdb.commitment.claim import blob, varint
from hyperdb.commitment.native import verify
from hyperdb.commitment.verify import Element, Found, Limits, Root, Row, VerificationError
from hyperdb.commitment.verify.wire import Reader
from hyperdb.graph.catalog import records
from hyperdb.oblivious.epochs import Source

SYSTEM = ""
_AT_ONCE = 32
"""Elements of a bundle."""
_APP, _OBJECT, _NAME = 1, 3, 4
_NAMES_OF_APPS = 3
_SYSTEM_NUMBER = 0
_PAGE = 256
_PLACE_BYTES = 8
"""Elements come by hash64, which stands before their ids."""
MOST_BYTES = 16 << 20


def prove_definitions(source: Source, app: str, frame: int) -> bytes:
    """The definitions of an app at a frame: how many bundles, and each as a blob."""
    wanted = list(_elements(source, app, source.frames.get(frame).commit))
    cut = [wanted[at : at + _AT_ONCE] for at in range(0, len(wanted), _AT_ONCE)]
    bundles = [source.frames.prove(SYSTEM, *map(Element, part), frame=frame) for part in cut]
    return varint(len(bundles)) + b"".join(map(blob, bundles))


def read_definitions(data: bytes, root: Root) -> list[Row]:
    """The elements of the system's app that were proved.

    Raises:
        VerificationError: something of it does not hold.
    """
    if len(data) > MOST_BYTES:
        raise VerificationError("size", f"definitions of {len(data)} bytes")
    reader = Reader(data, Limits.FORMAT)
    rows = []
    for _ in range(reader.varint()):
        shown = verify(reader.blob(), trusted=root, app=SYSTEM)
        rows += [answer.row for answer in shown.answers if isinstance(answer, Found)]
    reader.end()
    if any(row.name[:1] not in (bytes([tag]) for tag in (_APP, _OBJECT, _NAME)) for row in rows):
        raise VerificationError("claim", "elements that define nothing")
    return rows


def _elements(source: Source, app: str, commit: int) -> Iterator[bytes]:
    """Ids of the elements that define an app and what is in it."""
    transaction = source.store.begin_at(commit)
    try:
        number = transaction.app(app.encode())
        after: bytes | None = None
        while page := transaction.elements(_SYSTEM_NUMBER, after, _PAGE):
            for place, _ in page:
                element = place[_PLACE_BYTES:]
                value = transaction.get_vertex(_SYSTEM_NUMBER, element) if element[0] in (_APP, _OBJECT, _NAME) else None
                if value is not None and _belongs(element, value, app, number):
                    yield element
            after = page[-1][0]
    finally:
        transaction.rollback()


def _belongs(element: bytes, value: bytes, app: str, number: int | None) -> bool:
    name = app.encode()
    if element[0] == _APP:
        return element[1:] == name
    if element[0] == _NAME:
        of = int.from_bytes(element[2:6], "big")
        return element[6:] == name if element[1] == _NAMES_OF_APPS else of == number
    found = records.decode(value)
    return found.name == app if isinstance(found, records.App) else getattr(found, "app", None) == number
