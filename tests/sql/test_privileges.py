"""Every kind of statement asks for its privilege: refused (42501) to a role that has nothing, done for one that has just that."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

import hyperdb

Connection = psycopg.Connection[tuple[object, ...]]
SETUP = """
CREATE SCHEMA s;
CREATE TABLE s.t (a int PRIMARY KEY, b text, c int UNIQUE);
CREATE TABLE s.other (a int PRIMARY KEY);
INSERT INTO s.t VALUES (1, 'one', 10), (2, 'two', 20);
INSERT INTO s.other VALUES (1);
CREATE SEQUENCE s.q;
CREATE VIEW s.v AS SELECT a, b FROM s.t WHERE a = 1;
CREATE VIEW s.inner_v AS SELECT * FROM s.v;
CREATE MATERIALIZED VIEW s.m AS SELECT a FROM s.t;
CREATE TYPE s.mood AS ENUM ('sad', 'ok');
CREATE ROLE app LOGIN PASSWORD 'x';
CREATE ROLE owner LOGIN PASSWORD 'x';
GRANT USAGE ON SCHEMA s TO app;
"""
GRANTED = [
    ("SELECT * FROM s.t", "SELECT ON s.t"),
    ("SELECT a FROM s.t WHERE a = 1", "SELECT ON s.t"),
    ("SELECT a FROM s.t", "SELECT (a) ON s.t"),
    ("SELECT count(*) FROM s.t", "SELECT (b) ON s.t"),
    ("SELECT 1 FROM s.t", "SELECT (b) ON s.t"),
    ("SELECT t FROM s.t", "SELECT ON s.t"),
    ("TABLE s.t", "SELECT ON s.t"),
    ("SELECT a FROM s.t WHERE b = 'one'", "SELECT (a, b) ON s.t"),
    ("SELECT a FROM s.t ORDER BY b", "SELECT (a, b) ON s.t"),
    ("SELECT max(a) FROM s.t GROUP BY b HAVING min(c) > 1", "SELECT (a, b, c) ON s.t"),
    ("SELECT (SELECT max(b) FROM s.t)", "SELECT (b) ON s.t"),
    ("SELECT 1 WHERE EXISTS (SELECT FROM s.t)", "SELECT (a) ON s.t"),
    ("WITH x AS (SELECT a FROM s.t) SELECT 1", "SELECT (a) ON s.t"),
    ("SELECT 1 UNION SELECT a FROM s.t", "SELECT (a) ON s.t"),
    ("SELECT o.a FROM s.t JOIN LATERAL (SELECT t.a) o ON true", "SELECT (a) ON s.t"),
    ("SELECT a FROM s.t TABLESAMPLE BERNOULLI (100)", "SELECT (a) ON s.t"),
    ("SELECT a FROM s.v", "SELECT ON s.v"),
    ("SELECT b FROM s.inner_v", "SELECT (b) ON s.inner_v"),
    ("SELECT a FROM s.m", "SELECT ON s.m"),
    ("SELECT a FROM s.t FOR UPDATE", "SELECT, UPDATE ON s.t"),
    ("SELECT a FROM s.t FOR KEY SHARE", "SELECT, UPDATE ON s.t"),
    ("EXPLAIN SELECT a FROM s.t", "SELECT (a) ON s.t"),
    ("EXPLAIN ANALYZE DELETE FROM s.t", "DELETE ON s.t"),
    ("COPY s.t TO STDOUT", "SELECT ON s.t"),
    ("COPY s.t (a) TO STDOUT", "SELECT (a) ON s.t"),
    ("COPY (SELECT b FROM s.t) TO STDOUT", "SELECT (b) ON s.t"),
    ("COPY s.t FROM STDIN", "INSERT ON s.t"),
    ("COPY s.t (a) FROM STDIN", "INSERT (a) ON s.t"),
    ("INSERT INTO s.t VALUES (3, 'three', 30)", "INSERT ON s.t"),
    ("INSERT INTO s.t (a) VALUES (3)", "INSERT (a) ON s.t"),
    ("INSERT INTO s.t (a) SELECT 3", "INSERT (a) ON s.t"),
    ("INSERT INTO s.t (a) VALUES (3) RETURNING b", "INSERT (a), SELECT (b) ON s.t"),
    ("INSERT INTO s.t (a) VALUES (1) ON CONFLICT (a) DO NOTHING", "INSERT (a), SELECT (a) ON s.t"),
    (
        "INSERT INTO s.t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 'x'",
        "INSERT (a), SELECT (a), UPDATE (b) ON s.t",
    ),
    ("UPDATE s.t SET b = 'x'", "UPDATE (b) ON s.t"),
    ("UPDATE s.t SET b = 'x' WHERE a = 1", "UPDATE (b), SELECT (a) ON s.t"),
    ("UPDATE s.t SET c = c + 1", "UPDATE (c), SELECT (c) ON s.t"),
    ("UPDATE s.t SET b = 'x' FROM s.other o WHERE o.a = t.a", "UPDATE (b), SELECT (a) ON s.t; SELECT ON s.other"),
    ("DELETE FROM s.t", "DELETE ON s.t"),
    ("DELETE FROM s.t WHERE c = 10", "DELETE, SELECT (c) ON s.t"),
    ("DELETE FROM s.t USING s.other o WHERE o.a = t.a", "DELETE, SELECT (a) ON s.t; SELECT ON s.other"),
    ("WITH d AS (DELETE FROM s.t RETURNING a) SELECT * FROM d", "DELETE, SELECT (a) ON s.t"),
    (
        "MERGE INTO s.t USING s.other o ON o.a = t.a WHEN MATCHED THEN UPDATE SET b = '' "
        "WHEN NOT MATCHED THEN INSERT (a) VALUES (9)",
        "UPDATE (b), INSERT (a), SELECT (a) ON s.t; SELECT ON s.other",
    ),
    ("MERGE INTO s.t USING s.other o ON o.a = t.a WHEN MATCHED THEN DELETE", "DELETE, SELECT (a) ON s.t; SELECT ON s.other"),
    ("TRUNCATE s.t", "TRUNCATE ON s.t"),
    ("LOCK TABLE s.t IN ACCESS SHARE MODE", "SELECT ON s.t"),
    ("LOCK TABLE s.t", "UPDATE ON s.t"),
    ("DECLARE cur CURSOR FOR SELECT a FROM s.t", "SELECT (a) ON s.t"),
    ("DECLARE cur CURSOR WITH HOLD FOR SELECT a FROM s.t", "SELECT (a) ON s.t"),
    ("CREATE TEMP TABLE mine AS SELECT a FROM s.t", "SELECT (a) ON s.t"),
    ("SELECT nextval('s.q')", "USAGE ON SEQUENCE s.q"),
    ("SELECT setval('s.q', 5)", "UPDATE ON SEQUENCE s.q"),
    ("CREATE TABLE s.mine (a int)", "CREATE ON SCHEMA s"),
    ("CREATE VIEW s.mine AS SELECT 1", "CREATE ON SCHEMA s"),
    ("CREATE SEQUENCE s.mine", "CREATE ON SCHEMA s"),
    ("CREATE TYPE s.mine AS ENUM ('a')", "CREATE ON SCHEMA s"),
    ("CREATE DOMAIN s.mine AS int", "CREATE ON SCHEMA s"),
    ("CREATE TABLE s.mine AS SELECT 1 AS a", "CREATE ON SCHEMA s"),
    ("CREATE MATERIALIZED VIEW s.mine AS SELECT 1 AS a", "CREATE ON SCHEMA s"),
    ("CREATE TABLE s.mine (a int REFERENCES s.t)", "CREATE ON SCHEMA s; REFERENCES ON s.t"),
    ("SELECT * FROM redis.keys", "SELECT ON redis.keys"),
    ("SELECT a FROM s.t AS OF FRAME 1", "SELECT ON s.t"),
    ("SELECT hyperdb_prove('SELECT a FROM s.t')", "SELECT ON s.t"),
]
OWNED = [
    "ALTER TABLE s.t ADD d int",
    "ALTER TABLE s.t RENAME TO u",
    "ALTER TABLE s.t DROP b",
    "ALTER TABLE s.t ALTER b SET DEFAULT 'x'",
    "ALTER TABLE s.t ADD CHECK (a > 0)",
    "CREATE INDEX ON s.t (b)",
    "ALTER INDEX s.t_c_key RENAME TO k",
    "DROP INDEX s.t_c_key",
    "DROP TABLE s.t CASCADE",
    "DROP VIEW s.v CASCADE",
    "CREATE OR REPLACE VIEW s.v AS SELECT a, b FROM s.t",
    "REFRESH MATERIALIZED VIEW s.m",
    "DROP MATERIALIZED VIEW s.m",
    "ALTER SEQUENCE s.q RESTART",
    "DROP SEQUENCE s.q",
    "ALTER TYPE s.mood ADD VALUE 'good'",
    "DROP TYPE s.mood",
    "DROP SCHEMA s CASCADE",
    "COMMENT ON TABLE s.t IS 'x'",
    "COMMENT ON COLUMN s.t.a IS 'x'",
    "GRANT SELECT ON s.t TO app",
    "GRANT SELECT ON ALL TABLES IN SCHEMA s TO app",
    "CREATE SCHEMA mine",
    "CREATE ROLE more",
    "GRANT owner TO app",
    "SELECT hyperdb_seal()",
    "CREATE TABLE mine (a int PRIMARY KEY) WITH (resp_prefix = 'p:')",
]


@pytest.fixture(scope="module")
def clients() -> Iterator[tuple[Connection, Connection]]:
    with (
        hyperdb.open(":memory:", memory="48m", frames=None) as database,
        database.serve(sql="127.0.0.1:0", control=False) as serving,
    ):
        assert serving.sql_address is not None
        host, port = serving.sql_address
        said = f"host={host} port={port} dbname=hyperdb sslmode=disable password=x"
        with psycopg.connect(f"{said} user=postgres") as root:
            root.execute(SETUP)
            root.commit()
            root.execute("SELECT hyperdb_seal()")
            root.commit()
            with psycopg.connect(f"{said} user=app") as app:
                yield root, app


def run(client: Connection, text: str, prepare: bool = False) -> None:
    """As a client would, in a block that is undone."""
    try:
        if text.startswith("COPY"):
            with client.cursor() as cursor, cursor.copy(text.encode()) as copy:
                if "STDIN" not in text:
                    list(copy)
        else:
            client.execute(text.encode(), prepare=prepare)
    finally:
        client.rollback()


@pytest.mark.parametrize(("text", "granted"), GRANTED)
def test_one_privilege_is_enough_and_none_is_not(clients: tuple[Connection, Connection], text: str, granted: str) -> None:
    root, app = clients
    with pytest.raises(errors.InsufficientPrivilege):
        run(app, text)
    for each in granted.split("; "):
        root.execute(f"GRANT {each} TO app".encode())
    root.commit()
    try:
        for _ in range(4):
            # Often enough for the short way to have learned it.
            run(app, text)
    finally:
        for each in granted.split("; "):
            root.execute(f"REVOKE {each} FROM app".encode())
        root.commit()
    for _ in range(4):
        with pytest.raises(errors.InsufficientPrivilege):
            run(app, text)


@pytest.mark.parametrize("text", OWNED)
def test_what_only_an_owner_may(clients: tuple[Connection, Connection], text: str) -> None:
    _, app = clients
    with pytest.raises(errors.InsufficientPrivilege):
        run(app, text)


@pytest.mark.parametrize("text", [text for text, _ in GRANTED if "COPY" not in text and "DECLARE" not in text])
def test_a_statement_that_was_prepared_before_a_revoke(clients: tuple[Connection, Connection], text: str) -> None:
    root, app = clients
    granted = dict(GRANTED)[text].split("; ")
    for each in granted:
        root.execute(f"GRANT {each} TO app".encode())
    root.commit()
    try:
        for _ in range(3):
            run(app, text, prepare=True)
    finally:
        for each in granted:
            root.execute(f"REVOKE {each} FROM app".encode())
        root.commit()
    with pytest.raises(errors.InsufficientPrivilege):
        run(app, text, prepare=True)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT b FROM s.t",
        "SELECT * FROM s.t",
        "SELECT t FROM s.t",
        "SELECT t.* FROM s.t",
        "SELECT row_to_json(t) FROM s.t",
        "SELECT a FROM s.t WHERE b = 'one'",
        "SELECT a FROM s.t ORDER BY c",
        "COPY s.t TO STDOUT",
        "SELECT a FROM s.t FOR UPDATE",
        "SELECT hyperdb_prove('SELECT a FROM s.t')",
        "SELECT hyperdb_prove('SELECT a FROM s.v')",
        "DELETE FROM s.t WHERE a = 1",
        "UPDATE s.t SET a = 1",
    ],
)
def test_a_column_and_a_view_show_no_more_than_themselves(clients: tuple[Connection, Connection], text: str) -> None:
    root, app = clients
    root.execute("GRANT SELECT (a) ON s.t TO app")
    root.execute("GRANT SELECT ON s.v TO app")
    root.commit()
    try:
        run(app, "SELECT a FROM s.t")
        run(app, "SELECT b FROM s.v")
        with pytest.raises(errors.InsufficientPrivilege):
            run(app, text)
    finally:
        root.execute("REVOKE SELECT (a) ON s.t FROM app")
        root.execute("REVOKE SELECT ON s.v FROM app")
        root.commit()


def test_without_usage_of_its_schema_a_table_is_not_reached(clients: tuple[Connection, Connection]) -> None:
    root, app = clients
    root.execute("REVOKE USAGE ON SCHEMA s FROM app")
    root.execute("GRANT SELECT ON s.t TO app")
    root.commit()
    try:
        for text in ("SELECT a FROM s.t", "COPY s.t TO STDOUT", "EXPLAIN SELECT a FROM s.t"):
            with pytest.raises(errors.InsufficientPrivilege):
                run(app, text)
    finally:
        root.execute("GRANT USAGE ON SCHEMA s TO app")
        root.execute("REVOKE SELECT ON s.t FROM app")
        root.commit()
