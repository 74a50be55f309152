"""The server on real sockets, with the session that knows a few words: logging in, versions, requests in flight, a clean stop.

Theory: the stock driver is the client wherever a client may be anything; a bare socket where it must misbehave. No test waits
for time to pass but where a deadline is the subject.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_cql_session import Backend

from hyperdb.frontends.cql.contract import Role
from hyperdb.frontends.cql.server import CqlServer
from hyperdb.roles import Verifier

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the driver's imports are older than this interpreter
    import cassandra.cluster
    from cassandra.query import SimpleStatement

PASSWORD = "right"


class Running:
    """A server with its backend, and clients for it."""

    def __init__(self, *, password: str | None = None, **options: Any) -> None:
        verifier = Verifier.of(password, b"0123456789abcdef") if password else None
        self.backend = Backend()
        roles = {"hyperdb": Role("hyperdb", verifier), "cassandra": Role("hyperdb", verifier)}
        self.server = CqlServer(self.backend, [("127.0.0.1", 0)], roles.get, **options)
        self.port = self.server.addresses[0][1]
        self._clusters: list[Any] = []

    def connect(self, **options: Any) -> Any:
        cluster = cassandra.cluster.Cluster(["127.0.0.1"], port=self.port, monitor_reporting_enabled=False, **options)
        self._clusters.append(cluster)
        return cluster.connect()

    def stop(self) -> None:
        for cluster in self._clusters:
            cluster.shutdown()
        self.server.stop()


@pytest.fixture
def serving() -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def serve(**options: Any) -> Running:
        made.append(Running(**options))
        return made[-1]

    yield serve
    for running in made:
        running.stop()


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("compression", [False, "lz4"])
def test_the_driver_connects_asks_and_pages(serving: Callable[..., Running], version: int, compression: bool | str) -> None:
    session = serving().connect(protocol_version=version, compression=compression)
    assert session.execute("select 7").one().n == 7
    assert [row.n for row in session.execute(SimpleStatement("rows 500", fetch_size=100))] == list(range(500))
    assert len(list(session.execute("fat 40"))) == 40
    prepared = session.prepare("select ?")
    assert [session.execute(prepared, [number]).one().n for number in (1, -2)] == [1, -2]
