"""The endpoints: a table of what can be asked for, and what answers each.

Theory: requests are refused by their size before anything of them is read, and by their ticket before anything is computed.
What a status says follows from sizes, names and load, so an error tells nobody what was asked. Invariant: the table is all that
there is, and the OpenAPI document is made of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hyperdb.commitment.verify import Element, Elements, Limits, Member, Query, Rows, VerificationError
from hyperdb.commitment.verify.queries import read_query
from hyperdb.commitment.verify.wire import Reader
from hyperdb.errors import BehindHorizonError, HyperDBError, NotProvableError
from hyperdb.oblivious.epochs import OVERFLOW, PAGES
from hyperdb.oblivious.http.batches import Batcher, BusyError
from hyperdb.oblivious.http.metrics import Metrics
from hyperdb.oblivious.http.openapi import Answer, Endpoint, document
from hyperdb.oblivious.http.publisher import Published, Publisher
from hyperdb.oblivious.http.ranges import Large, of_bytes, serve
from hyperdb.oblivious.http.work import CHALLENGE_BYTES, SOLUTION_BYTES, UNITS, Tickets, UnpaidError
from hyperdb.oblivious.levels import MOST_BLOCKS
from hyperdb.oblivious.pir import query_bytes

_LOG = logging.getLogger(__name__)
TICKET = "HyperDB-Ticket"
"""The header with a ticket, in hexadecimal digits."""
MOST_QUERY_BYTES = 64 << 10
"""Of a list of queries in the clear."""
_UNIT = 1 << 20
"""Bytes of a download that cost one unit of a ticket."""
_PROVED = 1 << 16
"""Bytes of a proof, likewise: it is computed, and a megabyte takes a quarter of a second."""


_PATIENCE = 2.0
"""Seconds that a request for what changed waits for a newer frame's."""


class RefusedError(Exception):
    """A request that gets no answer; a status and one sentence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Settings:
    """What of the service may be chosen."""

    window: float = 0.0
    """Seconds that a private query waits for others to share a pass with."""
    proofs_at_once: int = 2
    scans_at_once: int = 1


class Oblivious:
    """The service as an ASGI application: `app`. Belongs to one event loop."""

    def __init__(self, publisher: Publisher, tickets: Tickets, settings: Settings) -> None:
        self.publisher = publisher
        self.tickets = tickets
        self.metrics = Metrics()
        self._settings = settings
        self._scans = ThreadPoolExecutor(settings.scans_at_once, "hyperdb-scan")
        self._proofs = ThreadPoolExecutor(settings.proofs_at_once, "hyperdb-proof")
        self._deltas = ThreadPoolExecutor(1, "hyperdb-delta")
        self._batchers: dict[tuple[str, int], Batcher] = {}
        self.metrics.gauge("epochs", "Epochs that can be asked.", self._epochs)
        self._document = document(ENDPOINTS)
        self.app = Starlette(routes=[self._route(endpoint) for endpoint in ENDPOINTS])

    def close(self) -> None:
        """Ends the threads."""
        self._scans.shutdown()
        self._proofs.shutdown()
        self._deltas.shutdown()

    def _epochs(self) -> float:
        return sum(self.publisher.newest(app) is not None for app in self.publisher.apps)

    def _route(self, endpoint: Endpoint) -> Route:
        handler: Callable[[Oblivious, Request], Awaitable[Response]] = endpoint.handler

        async def handle(request: Request) -> Response:
            try:
                self._pay(request, endpoint.units)
                response = await handler(self, request)
            except RefusedError as error:
                response = JSONResponse({"error": str(error)}, error.status)
            except UnpaidError as error:
                self.metrics.unpaid.inc()
                response = JSONResponse({"error": str(error)}, 402)
            except BusyError:
                response = JSONResponse({"error": "too many queries wait"}, 503, {"Retry-After": "1"})
            except ClientDisconnect:
                response = Response(status_code=400)
            except HyperDBError:
                # Its text could say what was asked to whoever reads it on the way.
                response = JSONResponse({"error": "the store could not answer"}, 500)
            except Exception as error:
                # A defect: what it was may be known, but not what it was about.
                _LOG.error("%s failed: %s", endpoint.name, type(error).__name__)
                response = JSONResponse({"error": "the store could not answer"}, 500)
            self.metrics.requests.labels(endpoint.name, response.status_code).inc()
            self.metrics.sent.labels(endpoint.name).inc(int(response.headers.get("content-length", 0)))
            return response

        return Route(endpoint.path, handle, methods=[endpoint.method], name=endpoint.name)

    def _pay(self, request: Request, units: int) -> None:
        if units:
            text = request.headers.get(TICKET, "")
            try:
                ticket = bytes.fromhex(text)
            except ValueError:
                raise UnpaidError("the ticket is not written in hexadecimal digits") from None
            self.tickets.spend(ticket, units)

    # The endpoints.

    async def describe(self, _request: Request) -> Response:
        """GET /v1/openapi.json."""
        return JSONResponse(self._document)

    async def apps(self, _request: Request) -> Response:
        """GET /v1/apps."""
        newest, attested = self.publisher.newest, self.publisher.newest_attested
        found = {app: (newest(app), attested(app)) for app in self.publisher.apps}
        return JSONResponse(
            {
                "store_key": self.publisher.source.frames.public_key.hex(),
                "work_bits": self.tickets.bits,
                "apps": {app: None if made is None else _described(made, owned) for app, (made, owned) in found.items()},
            },
            headers={"Cache-Control": "no-store"},
        )

    async def challenge(self, _request: Request) -> Response:
        """GET /v1/work."""
        return Response(self.tickets.challenge(), media_type=_BYTES, headers={"Cache-Control": "no-store"})

    async def redeem(self, request: Request) -> Response:
        """POST /v1/work."""
        body = await _body(request, CHALLENGE_BYTES + SOLUTION_BYTES)
        return Response(self.tickets.redeem(body[:CHALLENGE_BYTES], body[CHALLENGE_BYTES:]), media_type=_BYTES)

    async def manifest(self, request: Request) -> Response:
        """GET /v1/epochs/{epoch}/manifest."""
        made = self._published(request)
        return self._large(request, of_bytes(made.manifest, made.id))

    async def attestation(self, request: Request) -> Response:
        """GET /v1/epochs/{epoch}/attestation."""
        return Response(self._published(request).attestation, media_type=_BYTES)

    async def delta(self, request: Request) -> Response:
        """GET /v1/epochs/{epoch}/delta."""
        made = self._published(request)
        # Whoever asks wants what is newest: a moment's wait for it is less than another request.
        if (due := made.following.due()) and due <= _PATIENCE:
            await asyncio.sleep(due)
        found = await asyncio.get_running_loop().run_in_executor(self._deltas, made.following.newest)
        tag = f'"{made.id}-l{found.frame}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        self._pay(request, 1 + _units(len(found.data)))
        return Response(found.data, headers={"ETag": tag, "Cache-Control": "no-cache"}, media_type=_BYTES)

    async def definitions(self, request: Request) -> Response:
        """GET /v1/epochs/{epoch}/definitions."""
        made = self._published(request)
        return self._large(request, of_bytes(made.definitions, f"{made.id}-d"))

    async def hint(self, request: Request) -> Response:
        """GET /v1/epochs/{epoch}/hints/{matrix}."""
        made, number = self._published(request), _matrix(request)
        return self._large(request, of_bytes(made.hints[number], f"{made.id}-h{number}"))

    async def changes(self, request: Request) -> Response:
        """GET /v1/epochs/{epoch}/changes/{matrix}."""
        made, number = self._published(request), _matrix(request)
        if not made.changes[number]:
            raise RefusedError(404, "no changes are kept, or they are more than the hint: fetch that")
        return self._large(request, of_bytes(made.changes[number], f"{made.id}-r{number}"))

    async def columns(self, request: Request) -> Response:
        """GET /v1/epochs/{epoch}/columns/{matrix}."""
        made, number = self._published(request), _matrix(request)
        stack = made.epoch.matrix(number)
        shape = (made.epoch.manifest.pages, made.epoch.manifest.overflow)[number]

        def read(start: int, end: int) -> bytes:
            first = start // shape.rows
            found = b"".join(stack.column(column) for column in range(first, -(-end // shape.rows)))
            return found[start - first * shape.rows : end - first * shape.rows]

        return self._large(request, Large(shape.rows * shape.columns, read, f"{made.id}-c{number}"))

    async def answer(self, request: Request) -> Response:
        """POST /v1/epochs/{epoch}/answers/{matrix}."""
        made, number = self._published(request), _matrix(request)
        shape = (made.epoch.manifest.pages, made.epoch.manifest.overflow)[number]
        if not shape.columns:
            raise RefusedError(404, "the epoch has no such matrix")
        query = await _body(request, query_bytes(shape.columns))
        return Response(await self._batcher(made, number).ask(query), media_type=_BYTES)

    async def proof(self, request: Request) -> Response:
        """POST /v1/epochs/{epoch}/proofs."""
        made = self._published(request)
        queries = _queries(await _body(request, None))
        loop = asyncio.get_running_loop()
        try:
            bundle = await loop.run_in_executor(self._proofs, made.service.prove, queries)
        except BehindHorizonError:
            raise RefusedError(410, "the epoch's frame can no longer be read: fetch its pages, or ask the newest epoch") from None
        except NotProvableError:
            raise RefusedError(400, "the proof would be more than verifiers accept") from None
        # What it took is seen from its size; a proof of some blocks is paid by the request.
        self._pay(request, len(bundle) // _PROVED)
        is_body = request.query_params.get("part") == "body"
        return Response(made.epoch.manifest.head.body_of(bundle) if is_body else bundle, media_type=_BYTES)

    async def history(self, request: Request) -> Response:
        """GET /v1/epochs/{epoch}/history."""
        made = self._published(request)
        own, newest = made.epoch.manifest.frame.number, self.publisher.source.frames.newest()
        number = _frame(request, "at", own) if "at" in request.query_params else own
        if not own <= number <= (own if newest is None else newest.number):
            raise RefusedError(400, "`at` is the number of a frame from the epoch's on")
        seen = _frame(request, "seen", 0)
        if not 1 <= seen < number:
            raise RefusedError(400, f"`seen` is the number of a frame below {number}")
        prove = partial(self.publisher.source.frames.prove, None, frame=number, contains=seen)
        try:
            bundle = await asyncio.get_running_loop().run_in_executor(self._proofs, prove)
        except BehindHorizonError:
            raise RefusedError(410, "the frame can no longer be read") from None
        return Response(bundle, media_type=_BYTES)

    async def measured(self, request: Request) -> Response:
        """GET /metrics."""
        # Whoever sees sums grow sees when somebody else reads, and how much: that is for the store's own people.
        if request.client is not None and not _is_here(request.client.host):
            raise RefusedError(403, "sums are told on the server's own machine")
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    # What they share.

    def _large(self, request: Request, large: Large) -> Response:
        response = serve(request, large)
        self._pay(request, _units(int(response.headers.get("content-length", 0))))
        return response

    def _published(self, request: Request) -> Published:
        found = self.publisher.find(request.path_params["epoch"])
        if found is None:
            raise RefusedError(404, "there is no such epoch any more: GET /v1/apps names the newest")
        return found

    def _batcher(self, made: Published, number: int) -> Batcher:
        key = made.id, number
        found = self._batchers.get(key)
        if found is None:
            known = {each for each in self._batchers if self.publisher.find(each[0]) is None}
            for each in known:
                del self._batchers[each]
            answer = self._counted(made.epoch.matrix(number).answer)
            found = Batcher(answer, self._scans, time.perf_counter, self._settings.window)
            self._batchers[key] = found
        return found

    def _counted(self, answer: Callable[..., list[bytes]]) -> Callable[..., list[bytes]]:
        def count(queries: list[bytes]) -> list[bytes]:
            began = time.perf_counter()
            found = answer(queries)
            self.metrics.scanning.inc(time.perf_counter() - began)
            self.metrics.batch.observe(len(queries))
            return found

        return count


_BYTES = "application/octet-stream"


def _described(made: Published, owned: Published | None) -> dict[str, object]:
    manifest = made.epoch.manifest
    shapes = {"pages": manifest.pages, "overflow": manifest.overflow}
    return {
        "epoch": made.id,
        "before": made.before,
        "frame": manifest.frame.number,
        "time_ms": manifest.frame.time_ms,
        "root": manifest.frame.root.hex(),
        "attested": bool(made.attestation),
        "attested_epoch": None if owned is None else owned.id,
        "manifest_bytes": len(made.manifest),
        **{name: {"rows": shape.rows, "columns": shape.columns} for name, shape in shapes.items()},
    }


def _frame(request: Request, name: str, otherwise: int) -> int:
    """A frame's number in the query."""
    text = request.query_params.get(name, str(otherwise))
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise RefusedError(400, f"`{name}` is the number of a frame")
    return int(text)


def _matrix(request: Request) -> int:
    number: int = request.path_params["matrix"]
    if number not in (PAGES, OVERFLOW):
        raise RefusedError(404, "matrices are 0 and 1")
    return number


async def _body(request: Request, size: int | None) -> bytes:
    """A body of just this size; of any up to what lists of queries may have if None. Refused before any of it is read."""
    text = request.headers.get("content-length", "")
    # Beside a transfer encoding the length says nothing (RFC 9112, section 6.1).
    if not text.isascii() or not text.isdigit() or len(text) > 18 or "transfer-encoding" in request.headers:
        raise RefusedError(411, "a body needs a Content-Length, and no other encoding")
    announced = int(text)
    if size is None and not 1 <= announced <= MOST_QUERY_BYTES:
        raise RefusedError(413, f"a list of queries has up to {MOST_QUERY_BYTES} bytes")
    if size is not None and announced != size:
        raise RefusedError(413 if announced > size else 400, f"{size} bytes are expected here, not {announced}")
    return await request.body()


def _units(size: int) -> int:
    """What a download costs besides its request: no more than a fresh ticket has, else nobody could pay for it."""
    return min(size // _UNIT, UNITS - 2)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _queries(body: bytes) -> tuple[Query, ...]:
    """Queries in the clear, of the kinds that readers ask.

    Raises:
        RefusedError: others, too many, or none.
    """
    reader = Reader(body, Limits.FORMAT)
    try:
        count = reader.varint()
        if not 1 <= count <= MOST_BLOCKS:
            raise RefusedError(400, f"up to {MOST_BLOCKS} queries are answered at once")
        queries = tuple(read_query(reader) for _ in range(count))
        reader.end()
    except VerificationError as error:
        raise RefusedError(400, f"no list of queries: {error.check}") from None
    if not all(isinstance(query, Element | Elements | Member | Rows) for query in queries):
        raise RefusedError(400, "elements, members and ranges of both are proved here")
    return queries


_EPOCH = (Answer(404, "The epoch is not kept any more."),)
_PAID = (Answer(402, "A ticket is needed."),)
_LARGE = (Answer(206, "A part of it.", _BYTES), Answer(416, "No such part."))
ENDPOINTS = (
    Endpoint("describe", "GET", "/v1/openapi.json", "This document.", Oblivious.describe, "application/json"),
    Endpoint("apps", "GET", "/v1/apps", "Published apps and their newest epochs.", Oblivious.apps, "application/json"),
    Endpoint("challenge", "GET", "/v1/work", "A challenge, to be solved for a ticket.", Oblivious.challenge),
    Endpoint(
        "redeem", "POST", "/v1/work", "A ticket for a challenge and its solution.", Oblivious.redeem,
        body="The challenge and the solution.", others=_PAID,
    ),
    Endpoint(
        "manifest", "GET", "/v1/epochs/{epoch}/manifest", "An epoch's manifest.", Oblivious.manifest,
        others=_LARGE + _EPOCH + _PAID,
    ),
    Endpoint(
        "attestation", "GET", "/v1/epochs/{epoch}/attestation", "The owner's attestation of it; empty if it is self-signed.",
        Oblivious.attestation, others=_EPOCH,
    ),
    Endpoint(
        "delta", "GET", "/v1/epochs/{epoch}/delta", "What changed since, proved; empty if nothing did.",
        Oblivious.delta, others=(*_EPOCH, *_PAID, Answer(304, "Nothing new since the ETag that was sent.")),
    ),
    Endpoint(
        "definitions", "GET", "/v1/epochs/{epoch}/definitions", "Definitions of the app's tables, proved.",
        Oblivious.definitions, others=_LARGE + _EPOCH + _PAID,
    ),
    Endpoint(
        "history", "GET", "/v1/epochs/{epoch}/history", "A proof that a frame contains an earlier one.",
        Oblivious.history, query={"seen": "The earlier frame's number.", "at": "The later frame's; the epoch's own without."},
        optional=("at",), others=_EPOCH, units=1,
    ),
    Endpoint(
        "hint", "GET", "/v1/epochs/{epoch}/hints/{matrix}", "The hint of a matrix.", Oblivious.hint,
        others=_LARGE + _EPOCH + _PAID, units=1,
    ),
    Endpoint(
        "changes", "GET", "/v1/epochs/{epoch}/changes/{matrix}", "Columns that changed since the epoch before, old and new.",
        Oblivious.changes, others=_LARGE + _EPOCH + _PAID, units=1,
    ),
    Endpoint(
        "columns", "GET", "/v1/epochs/{epoch}/columns/{matrix}", "All columns of a matrix, one behind the other.",
        Oblivious.columns, others=_LARGE + _EPOCH + _PAID, units=1,
    ),
    Endpoint(
        "answer", "POST", "/v1/epochs/{epoch}/answers/{matrix}", "The answer to a private query.", Oblivious.answer,
        body="28 bits for each column of the matrix (docs/pir-parameters.md).",
        others=(*_EPOCH, *_PAID, Answer(503, "Too many wait.")), units=1,
    ),
    Endpoint(
        "proof", "POST", "/v1/epochs/{epoch}/proofs", "A bundle that answers queries in the clear.", Oblivious.proof,
        body="A list of queries (docs/proof-format.md).",
        query={"part": "`body`: without what the manifest's head holds already."}, optional=("part",),
        others=(*_EPOCH, *_PAID, Answer(410, "Its frame is behind the horizon.")), units=1,
    ),
    Endpoint(
        "metrics", "GET", "/metrics", "Sums, for Prometheus.", Oblivious.measured, "text/plain",
        others=(Answer(403, "They are told on the server's own machine."),),
    ),
)  # fmt: skip
