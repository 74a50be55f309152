"""SQL and CQL on a remote store: the answers of the store itself, read at the session's level; nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cassandra import InvalidRequest
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import RoundRobinPolicy
from cassandra.query import SimpleStatement

import hyperdb
from hyperdb import Database, StoreKey
from hyperdb.errors import SqlError
from hyperdb.oblivious.http.publisher import Publisher
from hyperdb.remote import Remote
from hyperdb.values import Publishing

QUERIES = (
    "SELECT name, born FROM people WHERE id = 7",
    "SELECT name FROM people WHERE id BETWEEN 10 AND 14 ORDER BY id DESC",
    "SELECT name FROM people WHERE id IN (3, 5, 900)",
    "SELECT count(*), max(born), min(name) FROM people",
    "SELECT p.name, n.text FROM notes n JOIN people p ON p.id = n.person WHERE n.id < 4 ORDER BY n.id",
    "SELECT name FROM people WHERE born > 1890 ORDER BY name LIMIT 3",
    "SELECT 6 * 7",
    "SELECT count(*) FROM elder",
    "SELECT (SELECT count(*) FROM people), EXISTS (SELECT 1 FROM notes WHERE id = 3)",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT (SELECT count(*) FROM people), n FROM t",
    "SELECT p.name FROM people p, LATERAL (SELECT text FROM notes n WHERE n.person = p.id) x ORDER BY 1 LIMIT 2",
    "SELECT row_number() OVER (ORDER BY born DESC), name FROM people LIMIT 2",
    "SELECT count(*) FROM people UNION ALL SELECT count(*) FROM notes",
    "SELECT * FROM people WHERE id = 12345",
)
CQL = (
    "SELECT * FROM shop.items WHERE shelf = 2",
    "SELECT label FROM shop.items WHERE shelf = 3 AND place > 2 AND place < 6",
    "SELECT count(*) FROM shop.items",
    "SELECT shelf, place FROM shop.items WHERE shelf IN (1, 4) AND place = 2",
    "SELECT DISTINCT shelf FROM shop.items",
    "SELECT label FROM shop.items WHERE shelf = 99",
    "SELECT shelf, max(place) FROM shop.items GROUP BY shelf",
    "SELECT * FROM shop.items PER PARTITION LIMIT 1",
    "SELECT JSON * FROM shop.items WHERE shelf = 1 ORDER BY place DESC LIMIT 2",
    "SELECT writetime(label) FROM shop.items WHERE shelf = 1 AND place = 1",
)


@dataclass(frozen=True)
class Site:
    db: Database
    publisher: Publisher
    remote: Remote
    plain_cql: tuple[str, int]
    sql: tuple[str, int]
    cql: tuple[str, int]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    state: Path = tmp_path_factory.mktemp("state")
    with hyperdb.open(":memory:", frames=None) as db:
        db.sql("CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL, born int)")
        db.sql("CREATE INDEX by_born ON people (born)")
        db.sql("CREATE TABLE notes (id bigint PRIMARY KEY, person bigint REFERENCES people, text text)")
        db.sql("INSERT INTO people SELECT n, 'name ' || n, 1800 + n FROM generate_series(1, 120) n")
        db.sql("INSERT INTO notes SELECT n, n * 3, repeat('x', n::int) FROM generate_series(1, 20) n")
        db.sql("CREATE SEQUENCE counted")
        db.sql("CREATE VIEW elder AS SELECT * FROM people WHERE born < 1810")
        db.sql("CREATE SCHEMA hidden")
        db.sql("CREATE TABLE hidden.secrets (id int PRIMARY KEY)")
        publishing = Publishing(("public", "shop"), work_bits=0)
        with db.serve(http="127.0.0.1:0", cql="127.0.0.1:0", publish=publishing, control=False) as serving:
            assert serving.publisher is not None and serving.http_address is not None and serving.cql_address is not None
            with _cluster(serving.cql_address) as session:
                session.execute("CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
                session.execute("CREATE TABLE shop.items (shelf int, place int, label text, PRIMARY KEY (shelf, place))")
                session.execute("CREATE INDEX by_label ON shop.items (label)")
                session.execute(
                    "CREATE MATERIALIZED VIEW shop.labels AS SELECT * FROM shop.items WHERE label IS NOT NULL "
                    "AND shelf IS NOT NULL AND place IS NOT NULL PRIMARY KEY (label, shelf, place)"
                )
                for number in range(40):
                    session.execute(f"INSERT INTO shop.items (shelf, place, label) VALUES ({number % 5}, {number}, 'l{number}')")
                session.execute("DELETE FROM shop.items WHERE shelf = 3 AND place = 3")
            for app in publishing.apps:
                serving.publisher.renew(app)
            url = "http://{}:{}".format(*serving.http_address)
            with (
                hyperdb.connect(url, key=StoreKey(db.frames.public_key), privacy="pir", state=state, follow=None) as remote,
                remote.serve(sql="127.0.0.1:0", cql="127.0.0.1:0") as proxy,
            ):
                assert proxy.sql_address is not None and proxy.cql_address is not None
                yield Site(db, serving.publisher, remote, serving.cql_address, proxy.sql_address, proxy.cql_address)


class _cluster:  # noqa: N801 - used as a function
    def __init__(self, address: tuple[str, int]) -> None:
        profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=60)
        self._cluster = Cluster(
            [address[0]],
            port=address[1],
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            protocol_version=5,
            connect_timeout=60,
        )

    def __enter__(self) -> Any:
        return self._cluster.connect()

    def __exit__(self, *_: object) -> None:
        self._cluster.shutdown()


@pytest.mark.parametrize("level", ["pir", "none", "full"])
def test_queries_answer_as_the_store_does(site: Site, level: str) -> None:
    host, port = site.sql
    with psycopg.connect(host=host, port=port, user="postgres", dbname="hyperdb", autocommit=True) as connection:
        assert connection.execute("SHOW hyperdb.privacy").fetchone() == ("pir",)
        connection.execute(f"SET hyperdb.privacy = '{level}'")
        for text in QUERIES:
            assert connection.execute(text).fetchall() == site.db.sql(text).fetchall(), text
        asked = connection.execute("SELECT name FROM people WHERE id = %s", [9])
        assert asked.fetchall() == [("name 9",)]
        connection.execute("PREPARE one(bigint) AS SELECT name FROM people WHERE id = $1")
        assert connection.execute("EXECUTE one(7)").fetchall() == [("name 7",)]


def test_sql_in_python_reads_the_same_way(site: Site) -> None:
    assert site.remote.sql("SELECT name FROM people WHERE id = %s", [11]).fetchall() == [("name 11",)]
    with pytest.raises(SqlError, match="hidden"):
        site.remote.sql("SELECT * FROM hidden.secrets")


def _run(connection: psycopg.Connection, text: str) -> None:
    if text.startswith("COPY"):
        with connection.cursor().copy(text) as copy:
            list(copy)
    else:
        connection.execute(text)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("INSERT INTO people VALUES (999, 'x', 1)", "25006"),
        ("UPDATE people SET born = 1 WHERE id = 1", "25006"),
        ("DELETE FROM people", "25006"),
        ("SELECT * FROM people FOR UPDATE", "0A000"),
        ("CREATE TABLE t (n int)", "25006"),
        ("DROP TABLE people", "25006"),
        ("TRUNCATE notes", "25006"),
        ("COPY people TO STDOUT", "0A000"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM people", "0A000"),
        ("SET hyperdb.privacy = 'much'", "22023"),
        ("CREATE TEMP TABLE t AS SELECT * FROM people", "25006"),
        ("CREATE TEMP TABLE t (n int)", "25006"),
        ("CREATE TABLE t AS SELECT * FROM people", "25006"),
        ("EXPLAIN ANALYZE SELECT * FROM people", "0A000"),
        ("SELECT nextval('counted')", "25006"),
        ("SELECT setval('counted', 5)", "25006"),
        ("MERGE INTO people USING notes ON people.id = notes.id WHEN MATCHED THEN DELETE", "25006"),
        ("SELECT id FROM people TABLESAMPLE BERNOULLI (50)", "0A000"),
    ],
)
def test_what_is_not_read_is_refused(site: Site, text: str, state: str) -> None:
    host, port = site.sql
    with psycopg.connect(host=host, port=port, user="postgres", dbname="hyperdb", autocommit=True) as connection:
        with pytest.raises(psycopg.Error) as error:
            _run(connection, text)
        assert error.value.sqlstate == state, error.value


def test_members_are_not_read_in_blocks(site: Site) -> None:
    host, port = site.sql
    with psycopg.connect(host=host, port=port, user="postgres", dbname="hyperdb", autocommit=True) as connection:
        connection.execute("SET hyperdb.privacy = 'bucket(16)'")
        with pytest.raises(psycopg.Error, match="blocks are of elements") as error:
            connection.execute("SELECT * FROM people WHERE id = 1")
        assert error.value.sqlstate == "0A000"


def test_cql_answers_as_the_store_does(site: Site) -> None:
    with _cluster(site.plain_cql) as plain, _cluster(site.cql) as private:
        # The view before anything of its table was read here.
        for text in ("SELECT * FROM shop.labels WHERE label = 'l7'", *CQL):
            assert sorted(private.execute(text)) == sorted(plain.execute(text)), text
        paged = SimpleStatement("SELECT * FROM shop.items", fetch_size=7)
        assert list(private.execute(paged)) == list(plain.execute(paged))
        prepared = private.prepare("SELECT label FROM shop.items WHERE shelf = ? AND place = ?")
        for _ in range(3):
            assert [row.label for row in private.execute(prepared, (2, 7))] == ["l7"]
        for level in (b"none", b"full"):
            assert sorted(private.execute(CQL[0], custom_payload={"hyperdb.privacy": level})) == sorted(plain.execute(CQL[0]))
        for text in ("INSERT INTO shop.items (shelf, place) VALUES (1, 1)", "DROP TABLE shop.items", "TRUNCATE shop.items"):
            with pytest.raises(InvalidRequest, match="nothing is written"):
                private.execute(text)
        with pytest.raises(InvalidRequest, match="indexes of a remote store"):
            private.execute("SELECT * FROM shop.items WHERE label = 'l7'")
        with pytest.raises(InvalidRequest, match="blocks are of elements"):
            private.execute(CQL[0], custom_payload={"hyperdb.privacy": b"bucket(16)"})


def test_a_newer_epoch_is_read(site: Site) -> None:
    site.db.sql("UPDATE people SET name = 'newer' WHERE id = 100")
    with _cluster(site.plain_cql) as plain:
        plain.execute("UPDATE shop.items SET label = 'newer' WHERE shelf = 4 AND place = 4")
    site.publisher.renew("public")
    site.publisher.renew("shop")
    site.remote.refresh()
    assert site.remote.sql("SELECT name FROM people WHERE id = 100").fetchall() == [("newer",)]
    with _cluster(site.cql) as private:
        assert [row.label for row in private.execute("SELECT label FROM shop.items WHERE shelf = 4 AND place = 4")] == ["newer"]


def test_rows_written_after_the_epoch_are_read(site: Site, tmp_path: Path) -> None:
    site.publisher.renew("public")
    site.publisher.renew("shop")
    url, key = site.remote.url, StoreKey(site.db.frames.public_key)
    with (
        hyperdb.connect(url, key=key, privacy="pir", state=tmp_path, follow=1e6, refresh=1e6) as remote,
        remote.serve(sql="127.0.0.1:0", cql="127.0.0.1:0") as proxy,
    ):
        assert proxy.cql_address is not None
        assert remote.sql("SELECT count(*) FROM people").fetchall() == [(120,)]
        site.db.sql("INSERT INTO people VALUES (121, 'late', 1999)")
        site.db.sql("UPDATE people SET name = 'renamed' WHERE id = 7")
        site.db.sql("DELETE FROM people WHERE id = 8")
        with _cluster(site.plain_cql) as plain:
            plain.execute("INSERT INTO shop.items (shelf, place, label) VALUES (4, 99, 'late')")
            plain.execute("DELETE FROM shop.items WHERE shelf = 4 AND place = 9")
        site.db.seal()
        remote.refresh()
        text = "SELECT id, name FROM people WHERE id > 5 AND id < 10 OR id > 119 ORDER BY id"
        assert remote.sql(text).fetchall() == site.db.sql(text).fetchall()
        with _cluster(proxy.cql_address) as private, _cluster(site.plain_cql) as plain:
            rows = [[tuple(row) for row in each.execute("SELECT * FROM shop.items WHERE shelf = 4")] for each in (private, plain)]
        assert rows[0] == rows[1] and (4, 99, "late") in rows[0]
        site.db.sql("DELETE FROM people WHERE id = 121")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT name FROM people WHERE id = 9", "public.people: one range of its key"),
        ("SELECT count(*) FROM people", "public.people: all of it"),
        ("SELECT 1", "nothing of the remote store is read"),
    ],
)
def test_queries_are_explained_before_they_are_sent(site: Site, text: str, said: str) -> None:
    lines = site.remote.explain_sql(text)
    assert lines[0] == said
    if "people" in text:
        assert any(line.startswith("SELECT at pir") for line in lines)
        assert any("2 pages" in line for line in lines) and any("H-infinity" in line for line in lines)


def test_explaining_a_join_says_what_is_not_known(site: Site) -> None:
    text = "SELECT p.name, n.text FROM notes n JOIN people p ON p.id = n.person WHERE n.id = 3"
    lines = site.remote.explain_sql(text)
    assert any(line.startswith("public.notes: one range") for line in lines)
    assert any(line.startswith("public.people: ") for line in lines)
    [[tree]] = [
        json.loads(row) if isinstance(row, str) else row
        for (row,) in site.remote.sql(f"EXPLAIN (PRIVACY, FORMAT JSON) {text}").fetchall()
    ]
    assert len(tree["Reads"]) == 2 and tree["Privacy"][0]["level"] == "pir"
    assert "malicious" not in tree["Privacy"][0]["trusted"]


def test_a_store_explains_that_it_learns_all(site: Site) -> None:
    lines = [line for (line,) in site.db.sql("EXPLAIN (PRIVACY) SELECT name FROM people WHERE id = 9").fetchall()]
    assert lines[0] == "level none" and "learns the statement" in lines[1]
    with pytest.raises(SqlError, match="ANALYZE"):
        site.db.sql("EXPLAIN (PRIVACY, ANALYZE) SELECT name FROM people")
    assert site.db.sql("EXPLAIN (PRIVACY off) SELECT name FROM people").fetchall()[0] != (lines[0],)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("SELECT * FROM shop.items WHERE shelf = 2", "shop.items: one range of tokens"),
        ("SELECT label FROM shop.items WHERE shelf IN (1, 2, 3)", "shop.items: 3 ranges of tokens"),
        ("SELECT count(*) FROM shop.items", "shop.items: all of it"),
        ("SELECT cluster_name FROM system.local", "nothing of the remote store is read"),
    ],
)
def test_cql_is_explained_before_it_is_sent(site: Site, text: str, read: str) -> None:
    with _cluster(site.cql) as private:
        for form in (f"EXPLAIN PRIVACY {text}", f"explain (privacy) {text}"):
            lines = [row.privacy for row in private.execute(form)]
            assert lines[0] == read, form
            assert ("shop.items" not in text) or any(line.startswith("SELECT at pir") for line in lines)
            assert "4 pages" in str(lines) or "shelf = 2" not in text, "header and a range, and the headers of index and view"
        prepared = private.prepare(text)
        found = private.execute_async(prepared, custom_payload={"hyperdb.explain": b"privacy"})
        assert [row.privacy for row in found.result()] == lines
        tree = json.loads(found.custom_payload["hyperdb.explain"])
        assert ("shop.items" not in text) or (tree["level"] == "pir" and tree["store_learns"] and tree["bytes_up"] > 0)


def test_cql_is_explained_at_the_level_that_it_asks_for(site: Site) -> None:
    with _cluster(site.cql) as private:
        for level in ("full", "none", "bucket(16)"):
            asked = {"hyperdb.privacy": level.encode()}
            lines = [row.privacy for row in private.execute("EXPLAIN PRIVACY " + CQL[0], custom_payload=asked)]
            assert lines[1] == f"SELECT at {level}"
        for text in ("EXPLAIN PRIVACY INSERT INTO shop.items (shelf, place) VALUES (1, 1)", "EXPLAIN PRIVACY USE shop"):
            with pytest.raises(InvalidRequest, match="takes a SELECT"):
                private.execute(text)
        with pytest.raises(InvalidRequest, match="only 'privacy' is explained"):
            private.execute(CQL[0], custom_payload={"hyperdb.explain": b"plan"})


def test_a_store_explains_in_cql_that_it_learns_all(site: Site) -> None:
    with _cluster(site.plain_cql) as plain:
        lines = [row.privacy for row in plain.execute("EXPLAIN PRIVACY " + CQL[0])]
        assert lines[0] == "level none" and "learns the statement" in lines[1]
        prepared = plain.prepare("SELECT * FROM shop.items WHERE shelf = ?")
        for _ in range(3):
            found = plain.execute(prepared, (2,), custom_payload={"hyperdb.explain": b"privacy"})
            assert [row.privacy for row in found] == lines, "also once the short way knows the statement"
            assert len(list(plain.execute(prepared, (2,)))) == 8
        with pytest.raises(InvalidRequest):
            plain.execute("EXPLAIN PRIVACY SELECT nothing FROM shop.items")


def test_traces_of_a_remote_store_say_what_was_fetched(site: Site) -> None:
    with _cluster(site.cql) as private:
        trace = private.execute(CQL[0], trace=True).get_query_trace()
        said = [event.description for event in trace.events]
        assert any(line == "Fetching 1 ranges of shop.items at pir" for line in said)
        assert any(line.startswith("The store learns that") for line in said), said
