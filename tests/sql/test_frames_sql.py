"""AS OF FRAME: tables and Redis's data as they were sealed, and relations about frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import hyperdb
from hyperdb.errors import SqlError


@pytest.fixture
def db() -> Iterator[hyperdb.Database]:
    """Three frames: two rows; one changed, one gone, one more; another column and another index."""
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        database.sql("CREATE TABLE t (id int PRIMARY KEY, name text)")
        database.sql("INSERT INTO t VALUES (1, 'one'), (2, 'two')")
        database.execute("redis/0", "HSET", "h", "f", "1")
        database.seal()
        database.sql("UPDATE t SET name = 'eins' WHERE id = 1; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (3, 'three')")
        database.execute("redis/0", "HSET", "h", "f", "2", "g", "3")
        database.seal()
        database.sql("ALTER TABLE t ADD COLUMN more int DEFAULT 5; ALTER TABLE t RENAME COLUMN name TO label")
        database.sql("CREATE INDEX by_label ON t (label)")
        database.seal()
        yield database


def rows(db: hyperdb.Database, text: str, *values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.sql(text, values)]


def refused(db: hyperdb.Database, text: str) -> SqlError:
    with pytest.raises(SqlError) as error:
        db.sql(text)
    return error.value


def test_rows_and_definitions_are_those_of_the_frame(db: hyperdb.Database) -> None:
    assert rows(db, "SELECT * FROM t AS OF FRAME 1 ORDER BY id") == [(1, "one"), (2, "two")]
    assert rows(db, "SELECT * FROM t AS OF FRAME 2 ORDER BY id") == [(1, "eins"), (3, "three")]
    assert rows(db, "SELECT * FROM t AS OF FRAME 3 ORDER BY id") == [(1, "eins", 5), (3, "three", 5)]
    assert rows(db, "SELECT x.name FROM public.t AS OF FRAME 1 AS x WHERE x.id = 2") == [("two",)]
    assert refused(db, "SELECT name FROM t AS OF FRAME 3").sqlstate == "42703"


def test_frames_meet_in_one_query(db: hyperdb.Database) -> None:
    gone = "SELECT id, name FROM t AS OF FRAME 1 x EXCEPT SELECT id, label FROM t ORDER BY id"
    assert rows(db, gone) == [(1, "one"), (2, "two")]
    joined = "SELECT n.id, o.name, n.label FROM t n LEFT JOIN t AS OF FRAME 1 o ON o.id = n.id ORDER BY 1"
    assert rows(db, joined) == [(1, "one", "eins"), (3, None, "three")]
    assert rows(db, "SELECT (SELECT name FROM t AS OF FRAME 1 o WHERE o.id = t.id) FROM t ORDER BY id") == [("one",), (None,)]


def test_redis_data_as_of_a_frame(db: hyperdb.Database) -> None:
    assert rows(db, "SELECT field, value FROM redis.hashes AS OF FRAME 1") == [("f", "1")]
    assert rows(db, "SELECT count(*) FROM redis.hashes AS OF FRAME 1 h WHERE key = 'h'") == [(1,)]
    assert rows(db, "SELECT count(*) FROM redis.hashes WHERE key = 'h'") == [(2,)]


def test_a_frame_shows_what_had_expired_since(db: hyperdb.Database) -> None:
    db.execute("redis/0", "SET", "short", "v", "PX", "60000")
    number = db.seal().number
    db.execute("redis/0", "DEL", "short")
    assert rows(db, f"SELECT value FROM redis.strings AS OF FRAME {number} WHERE key = 'short'") == [("v",)]


def test_views_and_dropped_tables(db: hyperdb.Database) -> None:
    db.sql("CREATE VIEW v AS SELECT id, label FROM t WHERE id > 1")
    db.sql("CREATE VIEW first AS SELECT id FROM t AS OF FRAME 1 ORDER BY id")
    number = db.seal().number
    db.sql("DROP VIEW v")
    db.sql("DROP TABLE t")
    assert rows(db, f"SELECT * FROM v AS OF FRAME {number}") == [(3, "three")]
    assert rows(db, f"SELECT count(*) FROM t AS OF FRAME {number}") == [(2,)]
    assert refused(db, "SELECT * FROM t").sqlstate == "42P01"
    assert rows(db, "SELECT * FROM first") == [(1,), (2,)], "the view says itself of which frame it is"


def test_the_past_is_not_in_columns_and_not_in_the_short_way(db: hyperdb.Database) -> None:
    db.sql("INSERT INTO t SELECT n, 'n' || n FROM generate_series(10, 9000) n")
    number = db.seal().number
    db.sql("DELETE FROM t WHERE id >= 10")
    assert rows(db, f"SELECT count(*), sum(id) FROM t AS OF FRAME {number} WHERE label <> ''") == [
        (8993, sum(range(10, 9001)) + 4)
    ]
    plan = "\n".join(row[0] for row in db.sql(f"EXPLAIN SELECT sum(id) FROM t AS OF FRAME {number} WHERE id > 5"))
    assert f"as of frame {number}" in plan and "Tier: 2" in plan


def test_what_has_no_past(db: hyperdb.Database) -> None:
    assert refused(db, "SELECT * FROM t AS OF FRAME 4").sqlstate == "22023"
    assert refused(db, "SELECT * FROM t AS OF FRAME 0").sqlstate == "22023"
    assert refused(db, "SELECT * FROM t AS OF FRAME -1").sqlstate == "0A000"
    assert refused(db, "SELECT * FROM t AS OF FRAME 'x'").sqlstate == "0A000"
    assert refused(db, "SELECT * FROM pg_class AS OF FRAME 1").sqlstate == "0A000"
    assert refused(db, "SELECT * FROM generate_series(1, 2) AS OF FRAME 1").sqlstate in ("0A000", "42601")
    assert refused(db, "WITH c AS (SELECT 1) SELECT * FROM c AS OF FRAME 1").sqlstate == "0A000"
    assert refused(db, "SELECT * FROM t AS OF FRAME 1 FOR UPDATE").sqlstate == "0A000"
    assert refused(db, "UPDATE t AS OF FRAME 1 SET label = ''").sqlstate in ("0A000", "42601")
    assert refused(db, "DELETE FROM t AS OF FRAME 1").sqlstate in ("0A000", "42601")
    assert rows(db, "SELECT count(*) FROM t") == [(2,)]


def test_a_frame_that_is_no_longer_kept_is_refused_with_the_oldest(db: hyperdb.Database) -> None:
    for number in range(70):
        db.sql("UPDATE t SET label = %s WHERE id = 1", [f"n{number}"])
        db.seal()
    error = refused(db, "SELECT * FROM t AS OF FRAME 1")
    newest = db.frames.newest()
    assert newest is not None and error.sqlstate == "72000" and f"is {newest.horizon}" in error.message
    assert len(rows(db, f"SELECT * FROM t AS OF FRAME {newest.horizon}")) == 2


def test_past_rows_are_read_by_who_may_read_the_table(db: hyperdb.Database) -> None:
    db.sql("CREATE ROLE ann LOGIN; GRANT SELECT ON t TO ann; CREATE TABLE secret (n int); GRANT SELECT ON secret TO ann")
    db.seal()
    number = db.seal().number
    db.sql("DROP TABLE secret; CREATE TABLE other (n int)")
    with hyperdb.connect(db) as connection:
        connection.execute("SET ROLE ann")
        assert connection.execute(f"SELECT count(*) FROM t AS OF FRAME {number}").fetchall() == [(2,)]
        connection.commit()
        for text in (f"SELECT * FROM secret AS OF FRAME {number}", "SELECT * FROM other", "SELECT * FROM redis.keys"):
            with pytest.raises(SqlError) as error:
                connection.execute(text)
            assert error.value.sqlstate == "42501", text
            connection.rollback()


def test_grants_on_redis_data(db: hyperdb.Database) -> None:
    db.sql("CREATE ROLE bob LOGIN; GRANT SELECT ON redis.hashes TO bob")
    with hyperdb.connect(db, autocommit=True) as connection:
        connection.execute("SET ROLE bob")
        assert connection.execute("SELECT count(*) FROM redis.hashes").fetchall() == [(2,)]
        with pytest.raises(SqlError):
            connection.execute("SELECT * FROM redis.strings")
        with pytest.raises(SqlError):
            connection.execute("GRANT SELECT ON redis.keys TO bob")
        connection.execute("RESET ROLE")
        connection.execute("REVOKE SELECT ON redis.hashes FROM bob")
        connection.execute("SET ROLE bob")
        with pytest.raises(SqlError):
            connection.execute("SELECT * FROM redis.hashes")
    assert refused(db, "GRANT INSERT ON redis.hashes TO bob").sqlstate == "0A000"
    db.sql("DROP ROLE bob")
