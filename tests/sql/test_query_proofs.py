"""Proofs of queries: what is proved is verified with a root or a key alone, and each forgery that we could think of is refused.

Theory: forgeries are made of honest parts wherever that is possible (bundles of other ranges, tables, frames and stores), since
those pass every check but the one that is meant for them; a flipped bit is the crude rest.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import psycopg
import pytest

import hyperdb
from hyperdb import Root, Seen, StoreKey, verify_query
from hyperdb.commitment.verify import Bounds, Element, Query, Rows, VerificationError
from hyperdb.errors import SqlError
from hyperdb.frontends.sql.proof.container import QueryProof
from hyperdb.frontends.sql.proof.names import rows_id

SETUP = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN share AS numeric(5, 4) CHECK (VALUE >= 0);
CREATE TABLE people (id int PRIMARY KEY, name text, mood mood, part share, at timestamptz, tags text[], CHECK (name <> ''));
CREATE TABLE orders (person int, number bigint, amount numeric(10, 2), PRIMARY KEY (person, number));
CREATE SCHEMA other;
CREATE TABLE other.places (name text PRIMARY KEY, person int);
CREATE INDEX by_name ON people (name);
CREATE VIEW rich AS SELECT p.name, sum(o.amount) AS total FROM people p JOIN orders o ON o.person = p.id GROUP BY p.name;
INSERT INTO people SELECT g, 'n' || g, (ARRAY['sad','ok','happy'])[g % 3 + 1]::mood, g / 1000.0,
    timestamptz '2020-01-01' + g * interval '1 h', ARRAY['a', g::text] FROM generate_series(1, 60) g;
INSERT INTO orders SELECT g % 20, g, g * 1.25 FROM generate_series(1, 100) g;
INSERT INTO other.places VALUES ('here', 1), ('there', 2);
"""
QUERIES: list[tuple[str, Sequence[Any] | None]] = [
    ("SELECT * FROM people WHERE id = 7", None),
    ("SELECT * FROM people WHERE id = 700", None),
    ("SELECT name, mood FROM people WHERE id BETWEEN %s AND %s AND mood > 'sad' ORDER BY mood DESC, id", [5, 20]),
    ("SELECT count(*), sum(amount), avg(amount) FROM orders WHERE person = $1 AND number < 90", [3]),
    ("SELECT * FROM orders WHERE person = 3 ORDER BY number LIMIT 2", None),
    ("SELECT p.name, o.number, l.name FROM people p JOIN orders o ON o.person = p.id LEFT JOIN other.places l ON l.person = p.id"
     " WHERE p.id < 4 ORDER BY 1, 2", None),
    ("SELECT * FROM rich WHERE total > 300 ORDER BY name;", None),
    ("WITH w AS (SELECT id, name FROM people WHERE id < 5)"
     " SELECT *, (SELECT max(amount) FROM orders WHERE person = w.id) FROM w", None),
    ("SELECT part, part::text, tags, at AT TIME ZONE 'UTC', now() >= at FROM people WHERE id IN (1, 2)", None),
    ("SELECT name FROM people WHERE name = 'n9' UNION SELECT name FROM other.places ORDER BY 1", None),
    ("SELECT person, rank() OVER (ORDER BY sum(amount) DESC) FROM orders GROUP BY person"
     " ORDER BY 2, 1 FETCH FIRST 3 ROWS ONLY", None),
    ("SELECT * FROM people WHERE false", None),
]  # fmt: skip


class Store:
    """A database with two frames; the second has other rows and another definition."""

    def __init__(self) -> None:
        self.db = hyperdb.open(":memory:", memory="32m", frames=None)
        self.db.sql(SETUP)
        self.first = self.db.seal()
        self.db.sql("UPDATE people SET name = 'changed' WHERE id = 7; DELETE FROM orders WHERE number = 43")
        self.db.sql("CREATE TABLE spare (id int PRIMARY KEY, name text); INSERT INTO spare VALUES (7, 'spare')")
        self.second = self.db.seal()
        self.key = self.db.frames.public_key

    def ask(self, text: str, values: Sequence[Any] | None = None, *, settings: str = "") -> tuple[list[tuple[Any, ...]], bytes]:
        """Rows as a client of this process gets them, and their proof."""
        with hyperdb.connect(self.db, autocommit=True) as connection:
            cursor = connection.cursor()
            cursor.execute("SET hyperdb.prove = on" + settings)
            cursor.execute(text, values)
            rows = cursor.fetchall()
            cursor.execute("SELECT hyperdb_last_proof()")
            return rows, cursor.fetchall()[0][0]

    def bundle(self, app: str, *queries: Query, frame: int | None = None) -> bytes:
        return self.db.frames.prove(app, *queries, frame=frame)

    def number(self, table: str) -> int:
        return int(next(iter(self.db.sql(f"SELECT '{table}'::regclass::oid::int")))[0])


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    made = Store()
    yield made
    made.db.close()


def refused(check: str, *args: Any, **options: Any) -> VerificationError:
    with pytest.raises(VerificationError) as error:
        verify_query(*args, **options)
    assert error.value.check == check, error.value
    return error.value


@pytest.mark.parametrize(("text", "values"), QUERIES)
def test_what_is_proved_verifies_and_is_what_the_server_said(store: Store, text: str, values: Sequence[Any] | None) -> None:
    rows, proof = store.ask(text, values)
    plain = [tuple(row) for row in store.db.sql(text, values)]
    assert sorted(map(repr, rows)) == sorted(map(repr, plain))
    for trusted in (Root(store.second.root), StoreKey(store.key)):
        shown = verify_query(proof, text, values, trusted=trusted, rows=rows)
        assert (shown.rows, shown.frame.number) == (rows, store.second.number)


def test_the_pure_verifier_agrees(store: Store) -> None:
    text = "SELECT name, mood FROM people WHERE id BETWEEN 5 AND 8"
    rows, proof = store.ask(text)
    assert verify_query(proof, text, trusted=Root(store.second.root), rows=rows, pure=True).rows == rows
    refused("pin", proof, text, trusted=Root(store.first.root), pure=True)


def test_an_answer_that_does_not_follow_is_refused(store: Store) -> None:
    text = "SELECT id, name FROM people WHERE id < 5 ORDER BY id"
    rows, proof = store.ask(text)
    trusted = Root(store.second.root)
    altered = [(1, "n1"), (2, "n2"), (3, "other"), (4, "n4")]
    for forged in (rows[:-1], [*rows, (5, "n5")], altered, rows[::-1], []):
        refused("claim", proof, text, trusted=trusted, rows=forged)


def test_a_proof_of_another_query_is_refused(store: Store) -> None:
    text = "SELECT name FROM people WHERE id < 5"
    _, proof = store.ask(text)
    trusted = Root(store.second.root)
    refused("claim", proof, "SELECT name FROM people WHERE id < 6", trusted=trusted)
    # Whatever text the container has: what the query reads has to be shown.
    wider = "SELECT name FROM people WHERE id < 6"
    forged = QueryProof(wider, QueryProof.decode(proof).bundles).encode()
    assert "does not show" in refused("claim", forged, wider, trusted=trusted).detail
    other = "SELECT name FROM spare WHERE id < 5"
    forged = QueryProof(other, QueryProof.decode(proof).bundles).encode()
    assert "says nothing" in refused("claim", forged, other, trusted=trusted).detail
    asked = "SELECT name FROM people WHERE id = %s"
    _, proof = store.ask(asked, [3])
    refused("claim", proof, asked, [4], trusted=trusted)
    refused("claim", proof, asked, [3, 4], trusted=trusted)
    refused("claim", proof, asked, trusted=trusted)


def test_rows_that_are_left_out_are_missed(store: Store) -> None:
    text = "SELECT count(*) FROM people WHERE id <= 10"
    _, proof = store.ask(text)
    (system, catalog), (app, _) = QueryProof.decode(proof).bundles
    table = rows_id(store.number("people"))
    key = [row.name for row in verify_rows(store, table)]
    for bounds in (Bounds(key[0], key[8]), Bounds(key[1], key[10]), Bounds(below=key[5])):
        narrow = store.bundle("public", Rows(table, bounds))
        forged = QueryProof(text, ((system, catalog), (app, narrow))).encode()
        refused("claim", forged, text, trusted=Root(store.second.root))
    whole = QueryProof(text, ((system, catalog), (app, store.bundle("public", Rows(table))))).encode()
    assert verify_query(whole, text, trusted=Root(store.second.root)).rows == [(10,)], "more than is needed is no forgery"


def verify_rows(store: Store, table: bytes) -> Any:
    shown = hyperdb.verify(store.bundle("public", Rows(table)), trusted=Root(store.second.root))
    answer: Any = shown.answers[0]
    return answer.rows


def test_rows_of_another_table_are_refused(store: Store) -> None:
    text = "SELECT name FROM people WHERE id = 7"
    _, proof = store.ask(text)
    (system, catalog), (app, _) = QueryProof.decode(proof).bundles
    spare = store.bundle("public", Rows(rows_id(store.number("spare"))))
    refused("claim", QueryProof(text, ((system, catalog), (app, spare))).encode(), text, trusted=Root(store.second.root))
    refused("claim", QueryProof(text, ((system, catalog),)).encode(), text, trusted=Root(store.second.root))
    refused("claim", QueryProof(text, ((app, spare), (system, catalog))).encode(), text, trusted=Root(store.second.root))


def test_a_hash_of_redis_is_not_taken_for_a_tables_rows() -> None:
    """Redis's clients may use any key, also one that is a table's element elsewhere: no field of it is where the row is."""
    text = "SELECT name FROM t WHERE id = 7"
    with hyperdb.open(":memory:", memory="32m", frames=None) as db:
        db.sql("CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (7, 'there')")
        table = rows_id(int(next(iter(db.sql("SELECT 't'::regclass::oid::int")))[0]))
        db.execute("redis/0", "HSET", table, "f", "v")
        trusted = Root(db.seal().root)
        (system, catalog), (app, _) = QueryProof.decode(next(iter(db.sql("SELECT hyperdb_prove(%s)", [text])))[0]).bundles
        found: Any = hyperdb.verify(db.frames.prove("public", Rows(table)), trusted=trusted).answers[0]
        key = found.rows[0].name
        span = Bounds(key, (int.from_bytes(key, "big") + 1).to_bytes(len(key), "big"))
        empty = db.frames.prove("redis/0", Rows(table, span))
        for name in (b"redis/0", app):
            forged = QueryProof(text, ((system, catalog), (name, empty))).encode()
            with pytest.raises(VerificationError):
                verify_query(forged, text, trusted=trusted)


def test_an_older_frame_and_parts_of_two_are_refused(store: Store) -> None:
    text = "SELECT name FROM people WHERE id = 7"
    _, proof = store.ask(text)
    old = next(iter(store.db.sql("SELECT hyperdb_prove(%s, %s::bigint)", [text, store.first.number])))[0]
    assert verify_query(old, text, trusted=Root(store.first.root)).rows == [("n7",)]
    assert verify_query(proof, text, trusted=Root(store.second.root)).rows == [("changed",)]
    refused("pin", old, text, trusted=Root(store.second.root))
    refused("rollback", old, text, trusted=StoreKey(store.key), seen=Seen(store.second.number, store.second.root))
    new_parts, old_parts = QueryProof.decode(proof).bundles, QueryProof.decode(old).bundles
    for mixed in ((new_parts[0], old_parts[1]), (old_parts[0], new_parts[1])):
        refused("root", QueryProof(text, mixed).encode(), text, trusted=StoreKey(store.key))


def test_another_definition_is_refused(store: Store) -> None:
    """The definitions are those of a store in which columns have changed places; its key is not the one that is pinned."""
    text = "SELECT name FROM people WHERE id = 7"
    _, proof = store.ask(text)
    with hyperdb.open(":memory:", memory="32m", frames=None) as other:
        other.sql(SETUP.replace(", CHECK (name <> '')", ""))
        other.sql("DROP VIEW rich")
        other.sql("ALTER TABLE people RENAME COLUMN name TO label; ALTER TABLE people ADD COLUMN name text DEFAULT 'forged'")
        other.seal()
        forged = next(iter(other.sql("SELECT hyperdb_prove(%s)", [text])))[0]
        assert verify_query(forged, text, trusted=StoreKey(other.frames.public_key)).rows == [("forged",)]
        refused("pin", forged, text, trusted=StoreKey(store.key))
        parts = (QueryProof.decode(forged).bundles[0], QueryProof.decode(proof).bundles[1])
        refused("pin", QueryProof(text, parts).encode(), text, trusted=StoreKey(store.key))


def test_a_definition_that_is_not_shown_is_missed(store: Store) -> None:
    text = "SELECT name FROM people WHERE id = 7"
    _, proof = store.ask(text)
    (system, catalog), rest = QueryProof.decode(proof).bundles
    shown = hyperdb.verify(catalog, trusted=Root(store.second.root))
    asked = [answer.query for answer in shown.answers]
    assert len(asked) >= 5 and all(isinstance(each, Element) for each in asked)
    for left_out in range(len(asked)):
        kept = [each for at, each in enumerate(asked) if at != left_out]
        forged = QueryProof(text, ((system, store.bundle("", *kept)), rest)).encode()
        if asked[left_out].id.startswith(b"\x03") and shown.answers[left_out].row.value.startswith(b"\x06"):  # type: ignore[union-attr]
            continue  # A type of a column that the query does not read.
        refused("claim", forged, text, trusted=Root(store.second.root))


def test_a_table_that_comes_first_on_the_path_cannot_be_hidden() -> None:
    with hyperdb.open(":memory:", memory="32m", frames=None) as db:
        db.sql("CREATE SCHEMA mine; CREATE TABLE t (n int PRIMARY KEY); CREATE TABLE mine.t (n int PRIMARY KEY)")
        db.sql("INSERT INTO t VALUES (1); INSERT INTO mine.t VALUES (2)")
        trusted = Root(db.seal().root)
        forged = next(iter(db.sql("SELECT hyperdb_prove('SELECT n FROM t')")))[0]
        assert verify_query(forged, "SELECT n FROM t", trusted=trusted).rows == [(1,)]
        assert "schema" in refused("claim", forged, "SELECT n FROM t", trusted=trusted, path=("mine", "public")).detail
        answer = [tuple(row) for row in db.sql("SET search_path = mine, public; SELECT hyperdb_prove('SELECT n FROM t')")]
        assert verify_query(answer[0][0], "SELECT n FROM t", trusted=trusted, path=("mine", "public")).rows == [(2,)]
        absent = [tuple(row) for row in db.sql("SET search_path = nobody, public; SELECT hyperdb_prove('SELECT n FROM t')")]
        assert verify_query(absent[0][0], "SELECT n FROM t", trusted=trusted, path=("nobody", "public")).rows == [(1,)]


def test_damaged_proofs_are_refused_and_nothing_else(store: Store) -> None:
    text = "SELECT p.name, l.name FROM people p JOIN other.places l ON l.person = p.id WHERE p.id < 3"
    rows, proof = store.ask(text)
    trusted = Root(store.second.root)
    draw = random.Random(4)
    damaged = [proof[:cut] for cut in (0, 3, 5, 20, len(proof) // 2, len(proof) - 1)] + [proof + b"\0", b"HDBQ\x02" + proof[5:]]
    for _ in range(150):
        at = draw.randrange(len(proof))
        damaged.append(proof[:at] + bytes([proof[at] ^ 1 << draw.randrange(8)]) + proof[at + 1 :])
    for each in damaged:
        with pytest.raises(VerificationError):
            verify_query(each, text, trusted=trusted, rows=rows)


def test_settings_say_how_values_are_written(store: Store) -> None:
    text = "SELECT at::text, at FROM people WHERE id = 1"
    rows, proof = store.ask(text, settings="; SET TimeZone = 'Asia/Kolkata'; SET DateStyle = German")
    settings = {"TimeZone": "Asia/Kolkata", "DateStyle": "German"}
    assert verify_query(proof, text, trusted=Root(store.second.root), settings=settings, rows=rows).rows == rows
    assert verify_query(proof, text, trusted=Root(store.second.root)).rows[0][0] == "2020-01-01 01:00:00+00"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT random() FROM people",
        "SELECT current_user, name FROM people",
        "SELECT name FROM people TABLESAMPLE BERNOULLI (50)",
        "SELECT name FROM people WHERE id = 1 FOR UPDATE",
        "SELECT name FROM people AS OF FRAME 1",
        "SELECT p.name FROM people p, pg_class c",
        "SELECT * FROM redis.keys",
        "SELECT p.name FROM people p, redis.keys",
        "DECLARE c CURSOR FOR SELECT name FROM people",
    ],
)
def test_what_is_not_proved_is_refused(store: Store, text: str) -> None:
    with hyperdb.connect(store.db) as connection:
        connection.execute("SET hyperdb.prove = on")
        with pytest.raises(SqlError) as error:
            connection.execute(text).fetchall()
        assert error.value.sqlstate == "0A000"
        connection.rollback()


def test_in_a_transaction(store: Store) -> None:
    with hyperdb.connect(store.db) as connection:
        connection.execute("SET hyperdb.prove = on")
        connection.execute("INSERT INTO spare VALUES (8, 'x')")
        with pytest.raises(SqlError) as error:
            connection.execute("SELECT * FROM spare")
        assert error.value.sqlstate == "25001"
        connection.rollback()
        assert connection.execute("SELECT relname FROM pg_class WHERE relname = 'spare'").fetchall() == [("spare",)]
        assert connection.execute("SELECT count(*) FROM hyperdb.proofs").fetchall() == [(0,)]
        connection.rollback()


def test_prepared_statements_and_cursors_from_before(store: Store) -> None:
    with hyperdb.connect(store.db) as connection:
        connection.execute("PREPARE p AS SELECT name FROM people WHERE id = $1")
        connection.execute("DECLARE c CURSOR FOR SELECT name FROM people")
        connection.execute("SET hyperdb.prove = on")
        rows = connection.execute("EXECUTE p(9)").fetchall()
        proof, text = connection.execute("SELECT proof, query FROM hyperdb.proofs").fetchall()[0]
        assert verify_query(proof, text, [9], trusted=Root(store.second.root), rows=rows).rows == [("n9",)]
        with pytest.raises(SqlError) as error:
            connection.execute("FETCH ALL FROM c")
        assert error.value.sqlstate == "0A000"
        connection.rollback()


def test_without_a_frame_and_too_much() -> None:
    with hyperdb.open(":memory:", memory="32m", frames=None) as db:
        db.sql("CREATE TABLE t (n int PRIMARY KEY, filling text)")
        with pytest.raises(SqlError) as error:
            db.sql("SELECT hyperdb_prove('SELECT n FROM t')")
        assert error.value.sqlstate == "22023"
        assert [tuple(row) for row in db.sql("SELECT hyperdb_root(), hyperdb_last_proof()")] == [(None, None)]
        db.sql("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 6000) g")
        assert next(iter(db.sql("SELECT hyperdb_seal()"))) == (1,)
        with pytest.raises(SqlError) as error:
            db.sql("SELECT hyperdb_prove('SELECT n FROM t')")
        assert error.value.sqlstate == "54000"


def test_who_may_not_read_gets_no_proof(store: Store) -> None:
    store.db.sql("CREATE ROLE eve LOGIN; GRANT SELECT ON spare TO eve")
    with hyperdb.connect(store.db, autocommit=True) as connection:
        connection.execute("SET ROLE eve")
        for text in ("SELECT hyperdb_prove('SELECT * FROM people')", "SELECT hyperdb_seal()"):
            with pytest.raises(SqlError) as error:
                connection.execute(text)
            assert error.value.sqlstate == "42501"
        proof = connection.execute("SELECT hyperdb_prove('SELECT name FROM spare')").fetchall()[0][0]
        assert verify_query(proof, "SELECT name FROM spare", trusted=Root(store.second.root)).rows == [("spare",)]


def test_relations_about_frames(store: Store) -> None:
    def rows(text: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in store.db.sql(text)]

    assert rows("SELECT frame, root, readable FROM hyperdb.frames WHERE frame <= 2 ORDER BY 1") == [
        (1, store.first.root.hex(), True), (2, store.second.root.hex(), True),
    ]  # fmt: skip
    assert rows("SELECT hyperdb_root(), hyperdb_root(1), hyperdb_store_key()") == [
        (store.second.root.hex(), store.first.root.hex(), store.key.hex())
    ]
    found = store.db.frames.app("public")
    assert found is not None
    assert rows("SELECT root, leaves FROM hyperdb.roots WHERE app = 'public'") == [(found.root.hex(), found.leaves)]
    assert rows("SELECT count(DISTINCT root) FROM hyperdb.roots WHERE frame IN (1, 2) AND app = 'public'") == [(2,)]
    assert rows("SELECT sum(leaves) FROM hyperdb.shards WHERE app = 'public'") == [(found.leaves,)]
    assert rows("SELECT * FROM hyperdb.frames WHERE frame = 99") == []
    for text in ("DELETE FROM hyperdb.frames", "CREATE TABLE hyperdb.t (n int)", "SELECT hyperdb_root(99)"):
        with pytest.raises(SqlError):
            store.db.sql(text)


@pytest.mark.parametrize("level", ["bucket", "cover(2, 64)", "pir", "full", "PIR@shard"])
def test_privacy_is_refused_and_never_taken_for_less(store: Store, level: str) -> None:
    with hyperdb.connect(store.db, autocommit=True) as connection:
        for text in (f"SET hyperdb.privacy = '{level}'", f"SELECT set_config('hyperdb.privacy', '{level}', false)"):
            with pytest.raises(SqlError) as error:
                connection.execute(text)
            assert error.value.sqlstate == "0A000" and "the store's own" in str(error.value)
        assert connection.execute("SHOW hyperdb.privacy").fetchall() == [("none",)]
        connection.execute("SET hyperdb.privacy = none")
        with pytest.raises(SqlError) as error:
            connection.execute("SET hyperdb.privacy = 'some'")
        assert error.value.sqlstate == "22023"
        with pytest.raises(SqlError) as error:
            connection.execute("SET hyperdb.prov = on")
        assert error.value.sqlstate == "42704"


@pytest.mark.parametrize("prepare", [False, True])
@pytest.mark.parametrize("simple", [False, True])
def test_psycopg_gets_rows_notice_and_proof(store: Store, simple: bool, prepare: bool) -> None:
    with store.db.serve(sql="127.0.0.1:0", control=False) as serving:
        host, port = serving.sql_address or ("", 0)
        factory = psycopg.ClientCursor if simple else psycopg.Cursor
        options: dict[str, Any] = {"user": "postgres", "dbname": "hyperdb", "sslmode": "disable", "autocommit": True}
        with psycopg.connect(host=host, port=port, cursor_factory=factory, **options) as connection:
            told: list[str] = []
            connection.add_notice_handler(lambda told_of: told.append(f"{told_of.message_primary} {told_of.message_hint}"))
            connection.execute("SET hyperdb.prove = on")
            text = "SELECT person, number, amount FROM orders WHERE person = %s"
            for _ in range(3 if prepare else 1):
                rows = connection.execute(text, [4], prepare=None if simple else prepare).fetchall()
            assert told and told[-1].startswith("proof ") and "hyperdb.proofs" in told[-1]
            found = connection.execute("SELECT proof, query FROM hyperdb.proofs ORDER BY id DESC LIMIT 1").fetchone()
            assert found is not None
            given = None if simple else [4]
            asked = found[1] if simple else text
            shown = verify_query(found[0], asked, given, trusted=Root(store.second.root), rows=rows)
            assert shown.rows == rows and rows[-1][2] == Decimal("105.00")
