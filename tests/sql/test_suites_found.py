"""What the suites of stock drivers found (compat-tests/sql/psycopg_suite.py, asyncpg_suite.py), each cut down to one question.

Theory: the driver's call stands beside each test; the answers are PostgreSQL's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import asyncpg
import psycopg
import pytest
from connecting import Connect, one
from psycopg import generators, pq

import hyperdb


def test_a_pool_of_asyncpg_gives_connections_back(address: tuple[str, int]) -> None:
    """Its reset calls pg_advisory_unlock_all, CLOSE ALL, UNLISTEN and RESET ALL."""
    import asyncio

    async def run() -> list[int]:
        async with asyncpg.create_pool(
            f"postgresql://postgres@{address[0]}:{address[1]}/hyperdb", min_size=1, max_size=1
        ) as pool:
            found = [await pool.fetchval("SELECT $1::int", number) for number in range(3)]
            async with pool.acquire() as connection:
                await connection.execute("CREATE TABLE changing (a int); INSERT INTO changing VALUES (1)")
                await connection.fetch("SELECT * FROM changing")
                await connection.execute("ALTER TABLE changing ADD b int DEFAULT 2")
                # Prepared anew, as the error names RevalidateCachedQuery.
                rows = await connection.fetch("SELECT * FROM changing")
            return [*found, rows[0]["b"]]

    assert asyncio.run(run()) == [0, 1, 2, 2]


def test_advisory_locks_of_sessions(connect: Connect) -> None:
    first, second = connect(), connect()
    assert one(first, "SELECT pg_advisory_lock(1)") == ""
    assert one(first, "SELECT pg_try_advisory_lock(1)") is True
    assert one(second, "SELECT pg_try_advisory_lock(1)") is False
    # Two numbers are another lock than one.
    assert one(second, "SELECT pg_try_advisory_lock(0, 1)") is True
    assert one(first, "SELECT pg_advisory_unlock(1)") is True
    assert one(second, "SELECT pg_try_advisory_lock_shared(1)") is False
    assert one(first, "SELECT pg_advisory_unlock(1)") is True
    assert one(second, "SELECT pg_try_advisory_lock_shared(1)") is True
    assert one(first, "SELECT pg_try_advisory_lock_shared(1)") is True
    assert one(first, "SELECT pg_try_advisory_lock(1)") is False
    assert one(first, "SELECT pg_advisory_unlock(7)") is False
    second.close()
    for _ in range(200):
        # The server hears a little later that it is gone.
        if one(first, "SELECT pg_try_advisory_lock(1)"):
            break
        time.sleep(0.05)
    else:
        pytest.fail("the lock of a closed session is still held")
    first.execute("DISCARD ALL")
    assert one(connect(), "SELECT pg_try_advisory_lock(1)") is True


def test_advisory_locks_of_transactions(connect: Connect) -> None:
    first, second = connect(), connect()
    first.execute("BEGIN; SELECT pg_advisory_xact_lock(1); SAVEPOINT a; SELECT pg_advisory_xact_lock(2)")
    assert one(second, "SELECT pg_try_advisory_lock(2)") is False
    first.execute("ROLLBACK TO a")
    assert one(second, "SELECT pg_try_advisory_lock(2)") is True
    assert one(second, "SELECT pg_try_advisory_lock(1)") is False
    first.execute("COMMIT")
    assert one(second, "SELECT pg_try_advisory_lock(1)") is True


def test_waiting_for_advisory_locks(connect: Connect) -> None:
    first, second = connect(), connect()
    first.execute("SELECT pg_advisory_lock(1)")
    second.execute("SELECT pg_advisory_lock(2)")
    found: list[str] = []

    def wait() -> None:
        found.append(one(second, "SELECT 'got it' FROM pg_advisory_lock(1)"))

    waiting = threading.Thread(target=wait)
    waiting.start()
    first.execute("SET lock_timeout = 50")
    state = "55P03"
    while state == "55P03":
        # As soon as the other one stands in line this closes a circle.
        with pytest.raises(psycopg.OperationalError) as refused:
            first.execute("SELECT pg_advisory_lock(2)")
        state = str(refused.value.sqlstate)
    assert state == "40P01"
    first.execute("SELECT pg_advisory_unlock_all()")
    waiting.join(30)
    assert found == ["got it"]
    first.execute("RESET lock_timeout")
    # A wait ends when it is cancelled.
    cancelling = threading.Timer(0.2, first.cancel_safe)
    cancelling.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        first.execute("SELECT pg_advisory_lock(1)")
    cancelling.join()


def test_a_copy_that_sleeps_holds_up_nobody_and_is_cancelled(connect: Connect) -> None:
    """asyncpg's test_copy_from_query_cancellation_while_waiting_for_data: it ran on the event loop."""
    first, second = connect(), connect()
    failed: list[Exception] = []

    def copy() -> None:
        try:
            with first.cursor().copy("COPY (SELECT pg_sleep(60) FROM generate_series(1, 60)) TO STDOUT") as running:
                running.read()
        except psycopg.Error as error:
            failed.append(error)

    thread = threading.Thread(target=copy)
    thread.start()
    assert one(second, "SELECT 1") == 1
    while thread.is_alive():
        first.cancel_safe()
        thread.join(0.1)
    assert isinstance(failed[0], psycopg.errors.QueryCanceled)
    assert one(first, "SELECT 2") == 2


def test_a_result_that_nobody_reads_is_cancelled(connect: Connect) -> None:
    """psycopg's test_copy_out_error_with_copy_not_finished: the cancel came between two parts of the result."""
    connection = connect()

    def read_one() -> None:
        with connection.cursor().copy("COPY (SELECT n FROM generate_series(1, 1000000) AS s(n)) TO STDOUT") as running:
            running.read_row()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_one()
    assert one(connection, "SELECT 3") == 3


def test_statement_timeout(connect: Connect) -> None:
    connection = connect(options="-c statement_timeout=50ms")
    assert one(connection, "SHOW statement_timeout") == "50ms"
    with pytest.raises(psycopg.errors.QueryCanceled, match="due to statement timeout"):
        connection.execute("SELECT pg_sleep(60)")
    connection.execute("SET statement_timeout = '2min'")
    assert one(connection, "SHOW statement_timeout") == "2min"
    connection.execute("SET statement_timeout = 0")
    assert one(connection, "SELECT 'slept' FROM pg_sleep(0.1)") == "slept"


def test_prepared_statements_are_listed_and_described(connect: Connect) -> None:
    connection = connect(prepare_threshold=None)
    connection.execute("PREPARE plus (int) AS SELECT $1 + 1 AS more")
    found = connection.execute("SELECT name, statement, parameter_types::text[], from_sql FROM pg_prepared_statements")
    assert found.fetchall() == [("plus", "PREPARE plus (int) AS SELECT $1 + 1 AS more", ["integer"], True)]
    # EXECUTE by the extended protocol tells its columns before it runs.
    described = connection.execute("EXECUTE plus (1)", prepare=True).description
    assert described is not None
    assert [column.name for column in described] == ["more"]


def test_closing_a_portal_closes_the_cursor(connect: Connect) -> None:
    connection = connect()
    connection.execute("BEGIN; DECLARE walk CURSOR FOR SELECT 1")
    found = []
    for send in (connection.pgconn.send_close_portal, connection.pgconn.send_describe_portal):
        send(b"walk")
        found.append(connection.wait(generators.execute(connection.pgconn))[0].status)
    assert found == [pq.ExecStatus.COMMAND_OK, pq.ExecStatus.FATAL_ERROR]


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("+02:00", "1999-12-31 22:00:00-02"),
        ("-02:00", "2000-01-01 02:00:00+02"),
        ("5", "2000-01-01 05:00:00+05"),
        ("foo+3", "1999-12-31 21:00:00-03"),
    ],
)
def test_zones_by_specification(connect: Connect, zone: str, shown: str) -> None:
    connection = connect()
    connection.execute(f"SET TimeZone TO '{zone}'")
    assert one(connection, "SELECT (timestamptz '2000-01-01 00:00:00Z')::text") == shown


def test_what_is_no_statement(connect: Connect) -> None:
    connection = connect()
    with pytest.raises(psycopg.errors.SyntaxError, match='at or near "wat"'):
        connection.execute("wat")
    assert one(connection, "SELECT row()") == ()


def test_deferrable_transactions(connect: Connect) -> None:
    """Reading at SERIALIZABLE neither waits nor fails here, which is what DEFERRABLE asks for."""
    reader, writer = connect(), connect()
    writer.execute("CREATE TABLE deferred (a int PRIMARY KEY, b int); INSERT INTO deferred VALUES (1, 1), (2, 2)")
    reader.execute("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE")
    assert one(reader, "SHOW transaction_deferrable") == "on"
    assert one(reader, "SELECT sum(b) FROM deferred") == 3
    writer.execute("UPDATE deferred SET b = 10")
    assert one(reader, "SELECT sum(b) FROM deferred") == 3
    reader.execute("COMMIT")
    assert one(reader, "SHOW transaction_deferrable") == "off"


def test_names_that_are_made_are_cut_in_the_middle() -> None:
    """Django's backends.VeryLongModelName: a table's name may be as long as a name can be."""
    table, column = "t" * 63, "c" * 50
    with hyperdb.open(":memory:", frames=None) as database:
        database.sql(f"CREATE TABLE {table} ({column} serial PRIMARY KEY, b int UNIQUE, CHECK (b > 0), CHECK (b < 9))")
        database.sql(f"CREATE INDEX ON {table} (b, {column}); CREATE INDEX ON {table} (b, {column})")
        made = database.sql(
            f"SELECT relname FROM pg_class WHERE relname <> '{table}' AND relnamespace = 'public'::regnamespace UNION"
            " SELECT conname FROM pg_constraint ORDER BY 1"
        )
        # As PostgreSQL 15 names them.
        assert [name for (name,) in made] == sorted(
            [
                f"{'t' * 29}_{'c' * 29}_seq",
                f"{'t' * 58}_pkey",
                f"{'t' * 57}_b_key",
                f"{'t' * 55}_b_check",
                f"{'t' * 54}_b_check1",
                f"{'t' * 29}_b_{'c' * 27}_idx",
                f"{'t' * 29}_b_{'c' * 26}_idx1",
            ]
        )


@pytest.fixture
def db() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:", frames=None) as opened:
        yield opened


def test_lengths_and_precisions_change(db: hyperdb.Database) -> None:
    """Alembic and Django: a longer varchar or another precision keeps the column, shorter ones cast its values."""
    db.sql("CREATE TABLE t (id int PRIMARY KEY, code varchar(3) NOT NULL, price numeric(6,2), note text)")
    db.sql("INSERT INTO t VALUES (1, 'abc', 1.25, 'long note'), (2, 'd', 2.5, 'x')")
    with pytest.raises(hyperdb.Error):
        db.sql("INSERT INTO t VALUES (3, 'abcd')")
    db.sql("ALTER TABLE t ALTER code TYPE varchar(10), ALTER price TYPE numeric(8,3)")
    db.sql("INSERT INTO t VALUES (3, 'abcdefgh', 3.0005)")
    assert db.sql("SELECT code, price::text FROM t ORDER BY id").fetchall() == [
        ("abc", "1.250"),
        ("d", "2.500"),
        ("abcdefgh", "3.001"),
    ]
    with pytest.raises(hyperdb.DataError):
        db.sql("ALTER TABLE t ALTER code TYPE varchar(4)")
    db.sql("ALTER TABLE t ALTER note TYPE varchar(2) USING note, ALTER code TYPE text")
    assert db.sql("SELECT note FROM t ORDER BY id").fetchall() == [("lo",), ("x",), (None,)]
    described = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 1"
    assert [kind for (kind,) in db.sql(f"{described} ORDER BY attnum")] == ["text", "numeric(8,3)", "character varying(2)"]
    with pytest.raises(hyperdb.IntegrityError):
        db.sql("INSERT INTO t VALUES (4, NULL)")


def test_columns_that_texts_name_are_renamed(db: hyperdb.Database) -> None:
    db.sql(
        "CREATE TABLE t (a int CHECK (a > 0 AND \"a\" < 100), b text, c text GENERATED ALWAYS AS (b || 'a' || a::text) STORED);"
        "CREATE INDEX by_a ON t (b) WHERE a < 50; INSERT INTO t (a, b) VALUES (1, 'x')"
    )
    db.sql('ALTER TABLE t RENAME a TO "The A"; ALTER TABLE t RENAME COLUMN b TO a')
    db.sql("INSERT INTO t (\"The A\", a) VALUES (2, 'y')")
    assert db.sql('SELECT "The A", a, c FROM t WHERE a = \'y\' AND "The A" < 50').fetchall() == [(2, "y", "ya2")]
    with pytest.raises(hyperdb.IntegrityError):
        db.sql('UPDATE t SET "The A" = 0')
    assert db.sql("SELECT pg_get_indexdef('by_a'::regclass)").fetchone() == (
        'CREATE INDEX by_a ON public.t USING btree (a) WHERE ("The A" < 50)',
    )


def test_sequences_by_the_texts_of_their_names(db: hyperdb.Database) -> None:
    """Django after every load of fixtures, with what pg_get_serial_sequence gave."""
    db.sql("CREATE TABLE t (id serial PRIMARY KEY)")
    asked = "SELECT setval(pg_get_serial_sequence('\"t\"', 'id'), coalesce(max(id), 7), max(id) IS NOT NULL) FROM t"
    assert db.sql(asked).fetchone() == (7,)
    assert db.sql("SELECT nextval(pg_get_serial_sequence('t', 'id')), nextval('t_id' || '_seq')").fetchone() == (7, 8)
    with pytest.raises(hyperdb.ProgrammingError):
        db.sql("SELECT nextval('no' || 'thing')")


def test_any_word_is_a_name_behind_as(db: hyperdb.Database) -> None:
    """Metabase names columns `update`, `select`, `insert`, `delete`."""
    found = db.sql("SELECT 1 AS select, 2 AS update, 3 AS table, 4 AS end")
    assert (found.columns, found.fetchone()) == (("select", "update", "table", "end"), (1, 2, 3, 4))
    db.sql("CREATE TABLE t AS SELECT 1 AS a; CREATE VIEW v AS SELECT a FROM t AS x")
    assert db.sql("WITH q AS (SELECT a FROM v) SELECT * FROM q").fetchall() == [(1,)]


def test_arrays_are_told_by_their_input_function(db: hyperdb.Database) -> None:
    """pgjdbc's TypeInfoCache."""
    db.sql("CREATE TYPE mood AS ENUM ('sad')")
    asked = (
        "SELECT typname FROM pg_type WHERE typinput = 'pg_catalog.array_in'::regproc AND typname IN ('_int4', 'int4', '_mood')"
    )
    assert sorted(db.sql(asked)) == [("_int4",), ("_mood",)]
    assert db.sql("SELECT DISTINCT typinput FROM pg_type WHERE typname IN ('_int4', 'mood')").fetchall() == [
        ("array_in",),
        ("enum_in",),
    ]
    (words,) = db.sql("SELECT count(*) FROM pg_get_keywords() WHERE catcode = 'R'").fetchone() or (0,)
    assert words > 70
    assert "tableoid" not in db.sql("SELECT n.* FROM pg_namespace n").columns


def test_sessions_see_and_end_each_other(connect: Connect) -> None:
    """pgAdmin's and DBeaver's lists of sessions; psycopg's tests of lost connections."""
    first, second = connect(application_name="the second"), connect(application_name="the first")
    pid = first.info.backend_pid
    asked = f"SELECT state, query, usename, client_addr::text, xact_start IS NULL FROM pg_stat_activity WHERE pid = {pid}"
    first.execute("SELECT 1 AS seen, $$quotes$$")
    user = "hyperdb"
    assert second.execute(asked).fetchone() == ("idle", "SELECT 1 AS seen, $$quotes$$", user, "127.0.0.1", True)
    first.execute("BEGIN; SELECT 2")
    row = second.execute(asked).fetchone()
    assert row is not None
    assert (row[0], row[4]) == ("idle in transaction", False)
    assert one(second, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'the %'") == 2
    assert one(second, f"SELECT pg_cancel_backend({pid})") is True
    assert one(second, "SELECT pg_cancel_backend(999999)") is False
    assert one(second, f"SELECT pg_terminate_backend({pid})") is True
    with pytest.raises(psycopg.OperationalError) as ended:
        first.execute("SELECT 3")
    assert ended.value.sqlstate in ("57P01", None)
    for _ in range(200):
        if second.execute(asked).fetchone() is None:
            break
        time.sleep(0.05)
    else:
        pytest.fail("an ended session is still there")


def test_keys_as_jdbc_asks_for_them(db: hyperdb.Database) -> None:
    """pgjdbc's getPrimaryKeys and getIndexInfo read the fields of _pg_expandarray's records."""
    db.sql("CREATE TABLE t (a int, b int, PRIMARY KEY (b, a))")
    inner = (
        "SELECT a.attname, a.attnum, (information_schema._pg_expandarray(i.indkey)).n AS place,"
        " information_schema._pg_expandarray(i.indkey) AS keys FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " WHERE i.indrelid = 't'::regclass AND a.attnum > 0"
    )
    asked = f"SELECT r.attname, r.place FROM ({inner}) AS r WHERE r.attnum = (r.keys).x ORDER BY r.place"
    assert db.sql(asked).fetchall() == [("b", 1), ("a", 2)]


def test_levels_outside_of_transactions(connect: Connect) -> None:
    """pgjdbc's getTransactionIsolation asks without a BEGIN: what counts is what the next transaction begins with."""
    connection = connect()
    connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY")
    assert one(connection, "SHOW transaction_isolation") == "serializable"
    assert one(connection, "SHOW transaction_read_only") == "on"
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ WRITE")
    assert one(connection, "SHOW transaction_isolation") == "repeatable read"
    assert one(connection, "SELECT current_setting('transaction_read_only')") == "off"
    connection.execute("COMMIT")


def test_copy_takes_the_rows_that_where_wants(connect: Connect) -> None:
    """asyncpg's copy_records_to_table(where=...)."""
    connection = connect()
    connection.execute("CREATE TABLE chosen (id int PRIMARY KEY, v text, n int DEFAULT 7)")
    lines = "".join(f"{number}\tv{number % 3}\n" for number in range(1, 2001))
    with connection.cursor() as cursor:
        with cursor.copy("COPY chosen (id, v) FROM STDIN WHERE id % 2 = 0 AND v <> 'v1' AND n = 7") as copy:
            copy.write(lines)
        assert cursor.rowcount == len([n for n in range(1, 2001) if n % 2 == 0 and n % 3 != 1])
    assert one(connection, "SELECT count(*) FROM chosen WHERE id % 2 = 1 OR v = 'v1'") == 0
    with connection.cursor().copy("COPY chosen FROM STDIN (FORMAT csv) WHERE chosen.v IS NULL") as copy:
        copy.write("3001,,1\n3002,x,2\n")
    assert connection.execute("SELECT id, v, n FROM chosen WHERE id > 3000").fetchall() == [(3001, None, 1)]
    for text, state in (
        ("COPY chosen FROM STDIN WHERE nothing > 1", "42703"),
        ("COPY chosen FROM STDIN WHERE id", "42804"),
        ("COPY chosen FROM STDIN WHERE id IN (SELECT 1)", "0A000"),
        ("COPY chosen TO STDOUT WHERE id > 1", "42601"),
    ):
        with pytest.raises(psycopg.Error) as error, connection.cursor().copy(text) as copy:
            copy.write("1\tx\t1\n")
        assert error.value.sqlstate == state, text


def test_exists_of_a_query_that_begins_with_a_parenthesis(connect: Connect) -> None:
    """Django's Exists(a.intersection(b))."""
    connection = connect()
    assert one(connection, "SELECT EXISTS((SELECT 1) INTERSECT (SELECT 2))") is False
    assert one(connection, "SELECT EXISTS((SELECT 1 AS a LIMIT 1) UNION (SELECT 2) LIMIT 1)") is True
    assert one(connection, "SELECT NOT EXISTS((SELECT 1))") is False
    assert one(connection, "SELECT EXISTS(VALUES (1))") is True
    text = "SELECT n FROM generate_series(1, 3) n WHERE EXISTS((SELECT n) EXCEPT (SELECT 2)) ORDER BY n"
    assert connection.execute(text).fetchall() == [(1,), (3,)]
    with pytest.raises(psycopg.errors.SyntaxError):
        connection.execute("SELECT EXISTS(1)")


def test_dependencies_say_what_belongs_to_what(connect: Connect) -> None:
    """Django's get_sequences, and pg_dump's way from an index to its constraint."""
    connection = connect()
    connection.execute("CREATE TABLE holder (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, code text UNIQUE, v int)")
    connection.execute("CREATE TABLE held (holder int REFERENCES holder); CREATE INDEX holder_v ON holder (v)")
    sequences = """
        SELECT s.relname, a.attname, d.deptype FROM pg_class s JOIN pg_depend d ON d.objid = s.oid
        AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
        JOIN pg_attribute a ON d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
        JOIN pg_class t ON t.oid = d.refobjid AND t.relname = 'holder' WHERE s.relkind = 'S' ORDER BY 1"""
    assert connection.execute(sequences).fetchall() == [("holder_id_seq", "id", "a"), ("holder_n_seq", "n", "i")]
    indexes = """
        SELECT i.relname, c.conname FROM pg_depend d JOIN pg_class i ON i.oid = d.objid JOIN pg_constraint c ON c.oid = d.refobjid
        WHERE d.refclassid = 'pg_constraint'::regclass AND d.deptype = 'i' AND c.conrelid = 'holder'::regclass ORDER BY 1"""
    assert connection.execute(indexes).fetchall() == [("holder_code_key", "holder_code_key"), ("holder_pkey", "holder_pkey")]
    keys = """
        SELECT c.conname, d.refobjid::regclass::text, d.refobjsubid, d.deptype FROM pg_depend d JOIN pg_constraint c
        ON c.oid = d.objid AND d.classid = 'pg_constraint'::regclass WHERE c.conrelid = 'held'::regclass ORDER BY 4, 3"""
    assert connection.execute(keys).fetchall() == [
        ("held_holder_fkey", "held", 1, "a"),
        ("held_holder_fkey", "holder_pkey", 0, "n"),
        ("held_holder_fkey", "holder", 1, "n"),
    ]
    connection.execute("DROP TABLE held, holder")


def test_long_statements_inside_of_others_are_theirs(connect: Connect) -> None:
    """Django's test_multi_page_text_explain: the statement was run in place of the EXPLAIN, COPY or PREPARE that holds it."""
    connection = connect()
    connection.execute("CREATE TABLE lengthy (id int PRIMARY KEY, name text); INSERT INTO lengthy VALUES (1, 'a'), (2, 'b')")
    query = "(SELECT id, name FROM lengthy WHERE name = 'a')" + " UNION (SELECT id, name FROM lengthy)" * 100
    assert len(connection.execute(f"EXPLAIN {query}").fetchall()) > 200
    removal = "DELETE FROM lengthy WHERE " + " OR ".join(f"name = 'x{n}'" for n in range(400))
    assert connection.execute(f"EXPLAIN {removal} OR true").fetchall()
    assert one(connection, "SELECT count(*) FROM lengthy") == 2
    with connection.cursor().copy(f"COPY ({query} ORDER BY 1) TO STDOUT") as out:
        assert [bytes(line) for line in out] == [b"1\ta\n", b"2\tb\n"]
    connection.execute(f"PREPARE long_one AS {query} ORDER BY 1")
    assert connection.execute("EXECUTE long_one").fetchall() == [(1, "a"), (2, "b")]
    with connection.transaction():
        connection.execute(f"DECLARE long_cursor CURSOR FOR {query} ORDER BY 1")
        assert connection.execute("FETCH ALL FROM long_cursor").fetchall() == [(1, "a"), (2, "b")]
    connection.execute("DROP TABLE lengthy")


def test_groups_of_distinct_on_come_in_their_order(connect: Connect) -> None:
    """Django's test_deep_distinct: `distinct("value__k")` without an order."""
    connection = connect()
    connection.execute("CREATE TABLE deep (id int PRIMARY KEY, v jsonb)")
    connection.execute('INSERT INTO deep VALUES (1, NULL), (2, \'{"k": "m"}\'), (3, \'{"k": "a"}\'), (4, \'{"k": "m"}\')')
    assert connection.execute("SELECT DISTINCT ON (v -> 'k') v ->> 'k' FROM deep").fetchall() == [("a",), ("m",), (None,)]
    found = connection.execute("SELECT DISTINCT ON (v ->> 'k', id % 2) id % 2, id FROM deep ORDER BY id % 2 DESC").fetchall()
    assert found == [(1, 3), (1, 1), (0, 2)]


def test_a_sequence_that_a_default_names_keeps_its_name(connect: Connect) -> None:
    connection = connect()
    connection.execute("CREATE TABLE counted (id serial, n int)")
    for text in ("ALTER SEQUENCE counted_id_seq RENAME TO other", "ALTER TABLE counted_id_seq RENAME TO other"):
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            connection.execute(text)
    assert one(connection, "INSERT INTO counted (n) VALUES (1) RETURNING id") == 1


def test_digests_by_name(connect: Connect) -> None:
    """Django's SHA1 and its like call pgcrypto's function."""
    connection = connect()
    assert one(connection, "SELECT encode(digest('abc', 'sha1'), 'hex')") == "a9993e364706816aba3e25717850c26c9cd0d89d"
    assert one(connection, "SELECT length(digest('abc'::bytea, 'SHA512'))") == 64
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        connection.execute("SELECT digest('abc', 'crc32')")


@pytest.mark.parametrize("source", ["SELECT generate_series(1, 3000)", "SELECT id FROM numbered ORDER BY id"])
def test_portals_are_cursors_that_go_forward(address: tuple[str, int], source: str) -> None:
    """asyncpg's Cursor.forward() is a MOVE on the portal that it has bound; FETCH and CLOSE know it too."""
    import asyncio

    async def run() -> None:
        connection = await asyncpg.connect(f"postgresql://postgres@{address[0]}:{address[1]}/hyperdb")
        await connection.execute("CREATE TABLE IF NOT EXISTS numbered AS SELECT n AS id FROM generate_series(1, 3000) AS n")
        async with connection.transaction():
            cursor = await connection.cursor(source)
            name = cursor._portal_name
            assert await cursor.forward(3) == 3
            assert await cursor.fetchrow() == (4,)
            assert await cursor.fetch(2) == [(5,), (6,)]
            assert await connection.fetch(f"FETCH 2 FROM {name}") == [(7,), (8,)]
            assert await connection.execute(f"MOVE ABSOLUTE 20 FROM {name}") == "MOVE 1"
            assert await connection.fetch(f"FETCH RELATIVE 2 FROM {name}") == [(22,)]
            assert await cursor.forward(5000) == 2978
            assert await cursor.fetch(2) == []
            assert await connection.execute(f"CLOSE {name}") == "CLOSE CURSOR"
            with pytest.raises(asyncpg.InvalidCursorNameError):
                async with connection.transaction():
                    await connection.execute(f"MOVE {name}")
            behind = (await connection.cursor(source))._portal_name
            for text, error in (
                (f"MOVE BACKWARD 1 FROM {behind}", asyncpg.ObjectNotInPrerequisiteStateError),
                (f"DECLARE {behind} CURSOR FOR SELECT 1", asyncpg.DuplicateCursorError),
            ):
                with pytest.raises(error):
                    async with connection.transaction():
                        await connection.execute(text)
        await connection.close()

    asyncio.run(run())


@pytest.mark.parametrize("wrong", ["SELECT 1 / 0", "SELECT nothing", "SELEC"])
def test_portals_of_before_a_savepoint_outlive_what_fails_behind_it(address: tuple[str, int], wrong: str) -> None:
    """A block in a block, while a cursor of the outer one is read: what fails inside takes only its own portals along."""
    import asyncio

    async def run() -> None:
        connection = await asyncpg.connect(f"postgresql://postgres@{address[0]}:{address[1]}/hyperdb")
        async with connection.transaction():
            outer = await connection.cursor("SELECT generate_series(1, 3000)")
            assert await outer.fetch(2) == [(1,), (2,)]
            await connection.execute("SAVEPOINT s")
            inner = await connection.cursor("SELECT generate_series(1, 3000)")
            assert await inner.fetchrow() == (1,)
            with pytest.raises(asyncpg.PostgresError):
                await connection.execute(wrong)
            await connection.execute("ROLLBACK TO s; RELEASE s")
            assert await outer.fetch(2) == [(3,), (4,)]
            with pytest.raises(asyncpg.InvalidCursorNameError):
                async with connection.transaction():
                    await inner.fetch(1)
            async with connection.transaction():
                released = await connection.cursor("SELECT generate_series(1, 3000)")
            with pytest.raises(asyncpg.DivisionByZeroError):
                async with connection.transaction():
                    await connection.execute("SELECT 1 / 0")
            assert await released.fetchrow() == (1,)
            await connection.execute("SAVEPOINT taken_back")
            behind = await connection.cursor("SELECT generate_series(1, 3000)")
            await connection.execute("ROLLBACK TO taken_back")
            with pytest.raises(asyncpg.InvalidCursorNameError):
                await behind.fetch(1)
            await connection.execute("ROLLBACK TO taken_back")
        await connection.close()

    asyncio.run(run())
