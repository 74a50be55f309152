"""What people ask about frames and proofs, answered once: for a closed directory and over the control socket alike.

Theory: a report is a function from a database and named arguments to JSON values under stable names. Roots, keys and digests are
hex; ids, fields and bundles, which may be any bytes, are base64; sizes are bytes, times are UTC. Invariant: no report takes or
gives a secret but the address of a source that is imported from, and none writes but `seal`, `keep_attestation` and imports.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from hyperdb.commitment.asked import Asked, Form
from hyperdb.commitment.bounds import bounds
from hyperdb.commitment.native import verify
from hyperdb.commitment.verify import Bounds, Collection, Element, Found, Frame, Query, Root
from hyperdb.errors import InvalidError, NotFoundError, NotProvableError, NotSealedError

if TYPE_CHECKING:
    from hyperdb.database import Database

Json = dict[str, Any]
Progress = Callable[[int, int], object]
Report = Callable[["Database", Json, Progress], Any]

TREES = ("vertex adds", "vertex removes", "hyperedge adds", "hyperedge removes")
MOST_FRAMES = 10_000
"""Headers in one report."""
_LATEST = 20
_INTEGER_BYTES = 8
_LARGEST_INDEX = (1 << 63) - 1


def utc(time_ms: int) -> str:
    """Unix milliseconds as `2026-11-21T09:41:08.123Z`."""
    seconds, millis = divmod(time_ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{millis:03}Z"


def frame(header: Frame) -> Json:
    """What a header says, as far as people compare it."""
    return {
        "frame": header.number,
        "root": header.root.hex(),
        "time": utc(header.time_ms),
        "commit": header.commit,
        "horizon": header.horizon,
        "store": header.store.hex(),
    }


def _frame_of(database: Database, number: int | None) -> Frame:
    """A frame by its number; the newest one if None."""
    if number is not None:
        return database.frames.get(number)
    newest = database.frames.newest()
    if newest is None:
        raise NotSealedError("no frame is sealed yet: `hyperdb seal` and HYPER.SEAL seal one")
    return newest


def _number(arguments: Json, name: str) -> int | None:
    value = arguments.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or not 1 <= value < 1 << 64:
        raise InvalidError(f"{name} is a number from 1")
    return value


def _bytes(arguments: Json, name: str) -> bytes | None:
    value = arguments.get(name)
    return None if value is None else base64.b64decode(value)


def _text(arguments: Json, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidError(f"{name} is needed")
    return value


def _root(database: Database, arguments: Json, _: Progress) -> Json:
    header = _frame_of(database, _number(arguments, "frame"))
    told = frame(header) | {"store_key": database.frames.public_key.hex()}
    if arguments.get("app") is None:
        return told
    name = _text(arguments, "app")
    found = database.frames.app(name, header.number)
    if found is None:
        raise NotFoundError(f"there is no app '{name}' in frame {header.number}")
    app = {"app": name, "root": found.root.hex(), "hash_root": found.hash_root.hex(), "leaves": found.leaves, "bytes": found.size}
    return told | {"app": app}


def _frames(database: Database, arguments: Json, _: Progress) -> list[Json]:
    newest = database.frames.newest()
    if newest is None:
        return []
    first, last = _number(arguments, "first"), _number(arguments, "last") or newest.number
    last = min(last, newest.number)
    first = max(1, last - _LATEST + 1) if first is None else first
    if last - first >= MOST_FRAMES:
        raise InvalidError(f"frames {first} to {last} are more than {MOST_FRAMES}: ask for fewer")
    rows = []
    for header in islice(database.frames.each(first), max(0, last - first + 1)):
        cost = database.frames.cost(header.number)
        about = {
            "readable": header.number >= newest.horizon,
            "changed": cost.changed,
            "superseded_bytes": cost.superseded,
            "seconds": cost.seconds,
        }
        rows.append(frame(header) | about)
    return rows


def _seal(database: Database, _: Json, __: Progress) -> Json:
    return frame(database.seal()) | {"store_key": database.frames.public_key.hex()}


def prove(
    database: Database,
    app: str,
    asked: Asked,
    *,
    frame: int | None = None,
    contains: int | None = None,
    seal: bool = False,
) -> tuple[Frame, bytes]:
    """A bundle that shows what is asked, and the frame that it is under: the newest one unless told otherwise.

    Raises:
        InvalidError: as `Asked.checked`; the field of a list is no index, a bound is none of the collection's, or `contains` is
            no earlier frame.
        NotFoundError: there is no collection under a key of whose members a range was asked for.
        NotSealedError, BehindHorizonError, NotProvableError: as `Frames.prove`.
    """
    form = asked.checked()
    header = database.seal() if seal else _frame_of(database, frame)
    if contains is not None and contains >= header.number:
        raise InvalidError(f"frame {contains} is not earlier than frame {header.number}, so it is not in its history")
    queries = [_query(database, app, header, form, asked, key) for key in asked.keys or (b"",)]
    return header, database.frames.prove(app, *queries, frame=header.number, contains=contains)


def _query(database: Database, app: str, header: Frame, form: Form, asked: Asked, key: bytes) -> Query:
    """The query about one key."""
    name = b"" if asked.field is None else _member_name(database, header.number, app, key, asked.field)
    within = Bounds()
    if asked.ranged:
        collection = _collection(database, app, header, key) if form.of_keys else None
        within = bounds(collection, asked.low, asked.below)
    queries = form.queries(key, name, within)
    for query in queries[:-1]:
        try:
            database.frames.prove(app, query, frame=header.number)
        except NotProvableError:
            # Perhaps the next one holds; the last one says what is so.
            continue
        return query
    return queries[-1]


def _collection(database: Database, app: str, header: Frame, key: bytes) -> Collection:
    """What the frame says of a collection."""
    bundle = database.frames.prove(app, Element(key), frame=header.number)
    (answer,) = verify(bundle, trusted=Root(header.root)).answers
    found = answer.row.collection if isinstance(answer, Found) else None
    if found is None:
        raise NotFoundError("a range is of the members of a collection, and there is none under this key")
    return found


def _prove(database: Database, arguments: Json, _: Progress) -> Json:
    app = _text(arguments, "app")
    asked = Asked(
        _text(arguments, "form"),
        tuple(base64.b64decode(key) for key in arguments.get("keys") or ()),
        *(_bytes(arguments, name) for name in ("field", "low", "below")),
    )
    header, bundle = prove(
        database,
        app,
        asked,
        frame=_number(arguments, "frame"),
        contains=_number(arguments, "contains"),
        seal=bool(arguments.get("seal")),
    )
    return {
        "app": app,
        "frame": header.number,
        "root": header.root.hex(),
        "store_key": database.frames.public_key.hex(),
        "bytes": len(bundle),
        "bundle": base64.b64encode(bundle).decode(),
    }


def _member_name(database: Database, number: int, app: str, key: bytes, field: bytes) -> bytes:
    """What names a member in a query: of a list its index, as people write it, in 8 bytes."""
    with database.snapshot(frame=number) as snapshot:
        if snapshot.app(app).kind(key) != "list":
            return field
    if not field.isdigit() or int(field) > _LARGEST_INDEX:
        raise InvalidError("the field of a list is its index, counted from 0 at the head; a proof does not count from the end")
    return int(field).to_bytes(_INTEGER_BYTES, "little")


def _shards(database: Database, arguments: Json, _: Progress) -> Json:
    limit = arguments.get("limit")
    if not isinstance(limit, int) or limit < 1:
        raise InvalidError("a shard's limit is a positive number of bytes")
    header, app = _frame_of(database, _number(arguments, "frame")), _text(arguments, "app")
    shards = [
        {
            "tree": TREES[shard.tree],
            "path": list(shard.path),
            "leaves": shard.leaves,
            "bytes": shard.size,
            "digest": shard.digest.hex(),
        }
        for shard in database.frames.shards(app, limit, header.number)
    ]
    return {"app": app, "frame": header.number, "limit": limit, "shards": shards}


def _keep_attestation(database: Database, arguments: Json, _: Progress) -> Json:
    app, number = _text(arguments, "app"), _number(arguments, "frame")
    if number is None:
        raise InvalidError("frame is needed")
    database.frames.keep_attestation(app, number, base64.b64decode(arguments["attestation"]))
    return {"app": app, "frame": number}


def _check(database: Database, _: Json, progress: Progress) -> Json:
    examined = database.examine(progress)
    audit = examined.audit
    recomputed = None
    if audit is not None:
        root = database.frames.get(audit.frame).root.hex()
        recomputed = {"frame": audit.frame, "root": root, "leaves": audit.leaves, "bytes": audit.size}
    return {"problems": list(examined.problems), "recomputed": recomputed}


def stats(database: Database) -> dict[str, Json]:
    """Counters and gauges, those of frames by themselves."""
    frames = dict(database.frames.stats())
    storage = {name: value for name, value in database.stats().items() if name not in frames}
    return {"storage": storage, "frames": frames | {"frame_last_failure": database.frames.failure() or ""}}


def _moving(name: str) -> Report:
    """What moves data from Redis or to it; loaded when it is asked for."""

    def run(database: Database, arguments: Json, progress: Progress) -> Any:
        from hyperdb.transfer import files, live

        known: Mapping[str, Report] = {
            "import_rdb": files.import_file,
            "import_redis": live.import_server,
            "export_rdb": files.export_file,
        }
        return known[name](database, arguments, progress)

    return run


REPORTS: Mapping[str, Report] = {
    "check": _check,
    "export_rdb": _moving("export_rdb"),
    "frames": _frames,
    "import_rdb": _moving("import_rdb"),
    "import_redis": _moving("import_redis"),
    "keep_attestation": _keep_attestation,
    "prove": _prove,
    "root": _root,
    "seal": _seal,
    "shards": _shards,
}
