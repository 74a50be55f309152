"""Passwords over SQL and CQL together: who needs one, what strangers can find out, how often they may guess."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest

import hyperdb
from hyperdb.frontends.sql import server as sql_server
from hyperdb.frontends.throttle import GROWING
from hyperdb.server import Serving

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the driver's imports are older than this interpreter
    from cassandra import Unauthorized
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
    from cassandra.policies import WhiteListRoundRobinPolicy


@dataclass
class Live:
    serving: Serving

    def sql(self, user: str, password: str = "") -> psycopg.Connection[tuple[object, ...]]:
        host, port = self.serving.sql_address or ("", 0)
        said = {"user": user, "password": password, "dbname": "hyperdb", "sslmode": "disable", "gssencmode": "disable"}
        return psycopg.connect(host=host, port=port, autocommit=True, **said)  # type: ignore[arg-type]

    def refused(self, user: str, password: str = "wrong") -> str:
        with pytest.raises(psycopg.OperationalError) as caught:
            self.sql(user, password)
        return str(caught.value).split("FATAL:")[-1].strip()

    def cql(self, user: str, password: str) -> str:
        host, port = self.serving.cql_address or ("", 0)
        with cql_session(host, port, user, password) as session:
            return str(session.execute("SELECT cluster_name FROM system.local").one()[0])


@contextmanager
def cql_session(host: str, port: int, user: str, password: str) -> Iterator[Session]:
    profile = ExecutionProfile(WhiteListRoundRobinPolicy([host]))
    provider = PlainTextAuthProvider(user, password)
    options = {"auth_provider": provider, "execution_profiles": {EXEC_PROFILE_DEFAULT: profile}, "protocol_version": 4}
    cluster = Cluster([host], port=port, **options)
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


@pytest.fixture
def live() -> Iterator[Live]:
    with hyperdb.open(":memory:", memory="32m") as database:
        with database.serve(sql="127.0.0.1:0", control=False) as serving, Live(serving).sql("postgres") as owner:
            owner.execute("CREATE ROLE open LOGIN")
            owner.execute("CREATE ROLE app LOGIN PASSWORD 'right'")
            # As long as no passwords are in use this machine's clients need none.
            with Live(serving).sql("open") as client:
                assert client.execute("SELECT current_user").fetchone() == ("open",)
        with database.serve(sql="127.0.0.1:0", cql="127.0.0.1:0", control=False, password="secret") as serving:
            yield Live(serving)


def test_once_passwords_are_in_use_everybody_needs_one(live: Live) -> None:
    told = {name: live.refused(name).replace(name, "X") for name in ("open", "app", "nobody")}
    assert set(told.values()) == {'password authentication failed for user "X"'}
    for user in ("open", "nobody"):
        with pytest.raises(NoHostAvailable, match="incorrect"):
            live.cql(user, "")
    assert live.cql("app", "right")
    with live.sql("app", "right") as client:
        assert client.execute("SELECT 1").fetchone() == (1,)


def test_guesses_over_one_protocol_count_in_the_other(live: Live) -> None:
    for _ in range(GROWING.free_by_address):
        live.refused("app")
    throttle = live.serving._throttle
    assert throttle.turn("127.0.0.1", "another") == 0.0
    assert (throttle.turn("127.0.0.1", "another") or 0) > 0.2
    # Who waits is let in nevertheless, and then in good standing again.
    assert live.cql("app", "right")
    assert throttle.turn("127.0.0.1", "another") == 0.0


def test_a_line_that_is_too_long_is_not_joined(live: Live) -> None:
    throttle = live.serving._throttle
    for _ in range(30):
        throttle.failed("127.0.0.1", "app")
    while throttle.turn("127.0.0.1", "app") is not None:
        pass
    assert live.refused("app", "right") == "too many failed logins, try again later"
    with pytest.raises(NoHostAvailable, match="Too many failed logins"):
        live.cql("app", "right")


def test_the_last_places_are_for_superusers(live: Live) -> None:
    settings = sql_server.Settings(connections=2, reserved=1)
    backend = live.serving.database.sql_backend
    server = sql_server.SqlServer(backend, [("127.0.0.1", 0)], live.serving._find_role, settings=settings)
    try:
        live.serving._sql, kept = server, live.serving._sql
        with live.sql("app", "right"):
            assert "reserved" in live.refused("app", "right")
            with live.sql("postgres", "secret"):
                assert live.refused("postgres", "secret") == "sorry, too many clients already"
        live.serving._sql = kept
    finally:
        server.stop()


def test_nobody_comes_in_beyond_the_bound_however_many_try_at_once(live: Live) -> None:
    settings = sql_server.Settings(connections=2, reserved=0, sockets_beyond=10)
    backend = live.serving.database.sql_backend
    server = sql_server.SqlServer(backend, [("127.0.0.1", 0)], live.serving._find_role, settings=settings)
    host, port = server.addresses[0]
    conninfo = f"host={host} port={port} user=app password=right dbname=hyperdb sslmode=disable gssencmode=disable"
    try:
        # All have a socket before the first of them has proved anything.
        tries = [psycopg.pq.PGconn.connect_start(conninfo.encode()) for _ in range(6)]
        done: dict[int, bool] = {}
        deadline = time.monotonic() + 30
        while len(done) < len(tries) and time.monotonic() < deadline:
            for place, each in enumerate(tries):
                state = each.connect_poll() if place not in done else None
                if state in (psycopg.pq.PollingStatus.OK, psycopg.pq.PollingStatus.FAILED):
                    done[place] = state == psycopg.pq.PollingStatus.OK
            time.sleep(0.001)
        assert sorted(done.values()) == [False] * 4 + [True] * 2
        for each in tries:
            each.finish()
    finally:
        server.stop()


def test_what_is_granted_and_revoked_in_cql_counts_in_open_sessions_of_sql_and_back(live: Live) -> None:
    host, port = live.serving.cql_address or ("", 0)
    with live.sql("postgres", "secret") as owner, live.sql("app", "right") as app:
        owner.execute("CREATE TABLE t (a int PRIMARY KEY)")
        query = "SELECT * FROM t WHERE a = 1"

        def sees() -> bool:
            # Often enough for the short way to have learned it.
            found = set()
            for _ in range(5):
                try:
                    found.add(app.execute(query).fetchall() == [])
                except psycopg.errors.InsufficientPrivilege:
                    found.add(False)
            assert len(found) == 1
            return found.pop()

        assert not sees()
        with cql_session(host, port, "cassandra", "secret") as root, cql_session(host, port, "app", "right") as mine:
            root.execute("GRANT SELECT ON public.t TO app")
            assert sees()
            assert list(mine.execute("SELECT * FROM public.t")) == []
            root.execute("REVOKE SELECT ON public.t FROM app")
            assert not sees()
            with pytest.raises(Unauthorized):
                mine.execute("SELECT * FROM public.t")
            owner.execute("GRANT SELECT ON t TO app")
            assert list(mine.execute("SELECT * FROM public.t")) == []
            owner.execute("REVOKE SELECT ON t FROM app")
            with pytest.raises(Unauthorized):
                mine.execute("SELECT * FROM public.t")
            root.execute("ALTER ROLE app WITH SUPERUSER = true")
            assert sees()
            root.execute("ALTER ROLE app WITH SUPERUSER = false")
            assert not sees()
