"""A session without a database: a few statements with fixed meanings, so that the wire is tested alone.

Statements: `select N` (one int), `rows N` (integers below N, in pages), `fat N` (N texts of 10,000 characters), `echo` (the
values that came, as blobs), `use NAME`, `create` (a schema change, told to listeners too), `warn`, `trace`, `payload` (gives
the payload back), `wait` (ends on a worker), `later` (announces its end itself), `hold` and `release` (the first waits until
the second comes), `block` (on a worker until it is cancelled), `fail CODE` (hex), `defect`, `insert`. And the queries that
drivers begin with.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from uuid import UUID

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode, EventKind
from hyperdb.frontends.cql.contract import Context, Lane, Opening, WouldWait
from hyperdb.frontends.cql.protocol.requests import Batch, Execute, Parameters, Prepare, Query
from hyperdb.frontends.cql.protocol.responses import Column, Event, Prepared, Reply, Rows, SchemaChange, SetKeyspace, Void
from hyperdb.frontends.cql.types import model
from hyperdb.frontends.cql.types.model import Type

HOST = UUID(int=7)
_LOCAL: dict[str, tuple[Type, bytes]] = {
    "key": (model.TEXT, b"local"),
    "cluster_name": (model.TEXT, b"fake"),
    "data_center": (model.TEXT, b"here"),
    "rack": (model.TEXT, b"one"),
    "partitioner": (model.TEXT, b"org.apache.cassandra.dht.Murmur3Partitioner"),
    "release_version": (model.TEXT, b"5.0.0-hyperdb"),
    "host_id": (model.UUID, HOST.bytes),
    "schema_version": (model.UUID, HOST.bytes),
    "rpc_address": (model.INET, bytes([127, 0, 0, 1])),
    "broadcast_address": (model.INET, bytes([127, 0, 0, 1])),
    "listen_address": (model.INET, bytes([127, 0, 0, 1])),
    "tokens": (model.Set(model.TEXT), (1).to_bytes(4, "big") + (1).to_bytes(4, "big") + b"0"),
}


def _columns(*named: tuple[str, Type]) -> list[Column]:
    return [Column("ks", "t", name, kind) for name, kind in named]


def _int(number: int) -> bytes:
    return number.to_bytes(4, "big", signed=True)


class Session:
    def __init__(self, backend: Backend, opening: Opening) -> None:
        self.backend = backend
        self.opening = opening
        self.closed = 0
        self.cancelled = threading.Event()
        self.counting = threading.Lock()
        self.blocked = 0
        self.held: list[Callable[[], None]] = []
        self.prepared: dict[bytes, str] = {}
        self.push: Callable[[Event], None] | None = None
        self.batches: list[Batch] = []

    def query(self, query: Query, context: Context) -> Reply:
        return self._run(query.text, query.parameters, context)

    def prepare(self, prepare: Prepare, context: Context) -> Reply:
        made = hashlib.md5(prepare.text.encode()).digest()
        self.prepared[made] = prepare.text
        markers = _columns(*[(f"c{place}", model.INT) for place in range(prepare.text.count("?"))])
        columns = _columns(("n", model.INT)) if prepare.text.startswith(("select", "rows")) else None
        return Reply(Prepared(made, made, markers, [0] if markers else [], columns))

    def execute(self, execute: Execute, context: Context) -> Reply:
        text = self.prepared.get(execute.id)
        if text is None:
            raise CqlError(ErrorCode.UNPREPARED, "Prepared query with ID not found", {"id": execute.id})
        return self._run(text, execute.parameters, context)

    def batch(self, batch: Batch, context: Context) -> Reply:
        self.batches.append(batch)
        return Reply(Void())

    def lane(self, version: int) -> Lane | None:
        return self.backend.lanes.pop(0) if self.backend.lanes and version in (4, 5) else None

    def register(self, events: frozenset[EventKind], push: Callable[[Event], None]) -> None:
        self.push = push

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.closed += 1
        assert self.closed == 1

    def _run(self, text: str, parameters: Parameters, context: Context) -> Reply:
        word, _, rest = text.rstrip(";").partition(" ")
        found = getattr(self, f"_do_{word.lower()}", None)
        if found is None:
            raise CqlError(ErrorCode.SYNTAX, f"line 1:0 no viable alternative at input '{word}'")
        reply = found(rest, parameters, context)
        assert isinstance(reply, Reply)
        return reply

    def _do_select(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        system = re.search(r"from (system\w*)\.(\w+)", rest, re.IGNORECASE)
        if system is None:
            number = int.from_bytes(parameters.values[0], "big", signed=True) if rest == "?" else int(rest)  # type: ignore[arg-type]
            return Reply(Rows(_columns(("n", model.INT)), [[_int(number)]], skip_metadata=parameters.skip_metadata))
        if system[2] == "local":
            columns = [Column("system", "local", name, kind) for name, (kind, _) in _LOCAL.items()]
            return Reply(Rows(columns, [[value for _, value in _LOCAL.values()]]))
        return Reply(Rows([Column(system[1], system[2], "peer", model.INET)], []))

    def _do_rows(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        first = int.from_bytes(parameters.paging_state or b"", "big")
        end = int(rest)
        last = min(end, first + parameters.page_size) if parameters.page_size else end
        state = last.to_bytes(4, "big") if last < end else None
        rows = [[_int(number)] for number in range(first, last)]
        return Reply(Rows(_columns(("n", model.INT)), rows, state, skip_metadata=parameters.skip_metadata))

    def _do_fat(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        return Reply(Rows(_columns(("t", model.TEXT)), [[b"x" * 10_000]] * int(rest)))

    def _do_echo(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        columns = _columns(*[(f"v{place}", model.BLOB) for place in range(len(parameters.values))])
        values = [value if isinstance(value, bytes) else None for value in parameters.values]
        return Reply(Rows(columns, [values]))

    def _do_use(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        return Reply(SetKeyspace(rest))

    def _do_create(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        change = SchemaChange("CREATED", "TABLE", "ks", rest or "t")
        if self.push is not None:
            self.push(change)
        return Reply(change)

    def _do_insert(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        return Reply(Void())

    def _do_warn(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        return Reply(Void(), warnings=["be careful", "very"])

    def _do_trace(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        return Reply(Void(), tracing=HOST if context.tracing else None)

    def _do_payload(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        return Reply(Void(), payload=context.payload)

    def _do_fail(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        raise CqlError(int(rest, 16), "as asked")

    def _do_defect(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        raise ValueError("a defect")

    def _do_wait(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        raise WouldWait(lambda: self._do_select(rest or "1", parameters, context))

    def _do_later(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        def notify(ready: Callable[[], None]) -> None:
            threading.Thread(target=ready).start()

        raise WouldWait(lambda: self._do_select(rest or "1", parameters, context), notify)

    def _do_hold(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        raise WouldWait(lambda: self._do_select(rest or "1", parameters, context), self.held.append)

    def _do_release(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        for ready in self.held:
            ready()
        self.held.clear()
        return Reply(Void())

    def _do_block(self, rest: str, parameters: Parameters, context: Context) -> Reply:
        def resume() -> Reply:
            with self.counting:
                self.blocked += 1
            assert self.cancelled.wait(30)
            raise CqlError(ErrorCode.SERVER, "cancelled")

        raise WouldWait(resume)


class Backend:
    def __init__(self) -> None:
        self.opened: list[Session] = []
        self.lanes: list[Lane] = []

    def open(self, opening: Opening) -> Session:
        self.opened.append(Session(self, opening))
        return self.opened[-1]
