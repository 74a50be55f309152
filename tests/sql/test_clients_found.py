"""What other clients found (compat-tests/sql: Django, Alembic, pgx, ADBC, pgjdbc), each cut down to one question.

Theory: the client's call stands beside each test; the answers are PostgreSQL's.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import asyncpg
import psycopg
import pytest
from connecting import Connect, one


def test_nulls_distinct_of_keys_and_indexes_may_be_said(connect: Connect) -> None:
    """As SQLAlchemy does when it brings back a constraint that it has reflected (Alembic's downgrade)."""
    connection = connect()
    connection.execute("CREATE TABLE nulled (a int UNIQUE NULLS DISTINCT, b int, c int, d int, UNIQUE NULLS NOT DISTINCT (b))")
    connection.execute("ALTER TABLE nulled ADD CONSTRAINT c_key UNIQUE NULLS DISTINCT (c)")
    connection.execute("CREATE UNIQUE INDEX nulled_d ON nulled (d) NULLS NOT DISTINCT")
    assert one(connection, "SELECT pg_get_indexdef('nulled_d'::regclass)").endswith("(d) NULLS NOT DISTINCT")
    connection.execute("INSERT INTO nulled (b, d) VALUES (1, 1), (NULL, NULL)")
    for values in ("(NULL, 2)", "(2, NULL)"):
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(f"INSERT INTO nulled (b, d) VALUES {values}")
    for clause in ("WITH (fillfactor = 70)", "TABLESPACE pg_default"):
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            connection.execute(f"CREATE INDEX ON nulled (d) {clause}")


def test_a_result_says_of_which_table_its_columns_are(connect: Connect) -> None:
    """pgjdbc's updatable results and DBeaver's editor look there."""
    connection = connect()
    connection.execute("CREATE TABLE origin (id int PRIMARY KEY, a text); CREATE VIEW origin_view AS SELECT a, id FROM origin")
    table, view = (int(one(connection, f"SELECT '{name}'::regclass::oid")) for name in ("origin", "origin_view"))

    def origins(text: str) -> list[tuple[int, int]]:
        result = connection.execute(text).pgresult  # type: ignore[call-overload]
        assert result is not None
        return [(result.ftable(place), result.ftablecol(place)) for place in range(result.nfields)]

    assert origins("SELECT a, id + 1, id FROM origin") == [(table, 2), (0, 0), (table, 1)]
    assert origins("SELECT * FROM origin_view") == [(view, 1), (view, 2)]
    nested = "WITH w AS (SELECT a, 1 FROM origin) SELECT * FROM (SELECT * FROM w) d ORDER BY 1 LIMIT 3"
    assert origins(nested) == [(table, 2), (0, 0)]
    assert origins("SELECT id, u.a FROM origin JOIN origin u USING (id)") == [(table, 1), (table, 2)]
    assert origins("SELECT id FROM origin FULL JOIN origin u USING (id)") == [(0, 0)]
    assert origins("SELECT a, count(*) FROM origin GROUP BY a") == [(table, 2), (0, 0)]
    assert origins("SELECT a FROM origin UNION SELECT a FROM origin") == [(0, 0)]
    lateral = "SELECT s.a FROM origin JOIN LATERAL (SELECT u.a FROM origin u WHERE u.id = origin.id) s ON true"
    assert origins(lateral) == [(table, 2)]
    for _ in range(4):
        assert origins("DELETE FROM origin WHERE id = 7 RETURNING a, id") == [(table, 2), (table, 1)]
    assert origins("SELECT relname FROM pg_class LIMIT 1") == [(1259, 2)]


def test_a_column_has_the_collation_of_the_database_unless_it_says_another(connect: Connect) -> None:
    """Django's inspectdb shows every other one."""
    connection = connect()
    connection.execute('CREATE TABLE collated (a text, b text COLLATE "C", c int, d text[])')
    connection.execute("CREATE INDEX collated_index ON collated (a, c, b)")
    columns = "SELECT attcollation::int FROM pg_attribute WHERE attrelid = 'collated'::regclass AND attnum > 0 ORDER BY attnum"
    assert connection.execute(columns).fetchall() == [(100,), (950,), (0,), (100,)]
    assert one(connection, "SELECT indcollation::text FROM pg_index WHERE indexrelid = 'collated_index'::regclass") == "100 0 950"
    types = "SELECT array_agg(typcollation::int ORDER BY oid) FROM pg_type WHERE typname IN ('text', '_text', 'name', 'int4')"
    assert one(connection, types) == [950, 0, 100, 100]


def test_the_array_of_a_type_is_called_by_its_name_too(connect: Connect) -> None:
    """pgx registers arrays of types by it."""
    connection = connect()
    connection.execute("CREATE TYPE feeling AS ENUM ('sad', 'ok')")
    assert one(connection, "SELECT '_feeling'::regtype::text") == "feeling[]"
    assert one(connection, "SELECT '{ok}'::_feeling::text || '{1}'::_int4::text || '_int4'::regtype::text") == "{ok}{1}integer[]"


def test_arrays_of_enums_are_cast_and_those_of_domains_refused(connect: Connect) -> None:
    connection = connect()
    connection.execute("CREATE TYPE colour AS ENUM ('red', 'blue'); CREATE DOMAIN small AS int CHECK (value < 10)")
    assert one(connection, "SELECT ARRAY['blue', NULL]::colour[]::text || '{red}'::colour[]::text") == "{blue,NULL}{red}"
    assert one(connection, "SELECT '{blue,red}'::text::colour[]::text[]") == ["blue", "red"]
    assert connection.execute("SELECT unnest('{blue,red}'::colour[])::text ORDER BY 1").fetchall() == [("blue",), ("red",)]
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        connection.execute("SELECT '{green}'::colour[]")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        connection.execute("CREATE TABLE refused (a small[])")


def test_rollback_ends_what_went_before_in_a_pipeline(address: tuple[str, int]) -> None:
    """asyncpg's executemany says ROLLBACK when its caller's values fail, without a Sync before it."""
    import asyncio

    async def run() -> list[Any]:
        connection = await asyncpg.connect(f"postgresql://postgres@{address[0]}:{address[1]}/hyperdb")
        await connection.execute("CREATE TABLE piped (a text, b int)")
        values = (("a" * 32768, 1 // (number - 2) + 1) for number in range(10, -1, -1))
        with pytest.raises(ZeroDivisionError):
            await connection.executemany("INSERT INTO piped VALUES ($1, $2)", values)
        found = [await connection.fetchval("SELECT count(*) FROM piped")]
        await connection.execute("INSERT INTO piped VALUES ('x', 1); ROLLBACK; INSERT INTO piped VALUES ('y', 2)")
        found.append(await connection.fetchval("SELECT string_agg(a, ',') FROM piped"))
        await connection.execute("DELETE FROM piped; COMMIT; INSERT INTO piped VALUES ('z', 3)")
        found.append(await connection.fetchval("SELECT string_agg(a, ',') FROM piped"))
        await connection.close()
        return found

    assert asyncio.run(run()) == [0, "y", "z"]


def test_who_is_terminated_is_told_so_and_no_more(connect: Connect) -> None:
    """asyncpg reports the reason of a connection's end, whether it was busy or not."""
    busy, idle, other = connect(), connect(), connect()
    failed: list[BaseException] = []

    def sleep() -> None:
        try:
            busy.execute("SELECT pg_sleep(30)")
        except psycopg.Error as error:
            failed.append(error)

    sleeping = threading.Thread(target=sleep)
    sleeping.start()
    until = time.monotonic() + 20
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {busy.info.backend_pid} AND state = 'active'"
    while not one(other, waiting) and time.monotonic() < until:
        time.sleep(0.01)
    for each in (busy, idle):
        assert one(other, f"SELECT pg_terminate_backend({each.info.backend_pid})") is True
    sleeping.join(20)
    with pytest.raises(psycopg.errors.AdminShutdown):
        idle.execute("SELECT 1")
    assert [type(error) for error in failed] == [psycopg.errors.AdminShutdown]
    assert busy.closed
    assert idle.closed


def test_domains_and_several_types_are_dropped(connect: Connect) -> None:
    connection = connect()
    connection.execute("CREATE DOMAIN low AS int; CREATE DOMAIN high AS int; CREATE TYPE way AS ENUM ('up')")
    connection.execute("CREATE TABLE lows (id int, a low, b way[])")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        connection.execute("DROP DOMAIN low")
    with pytest.raises(psycopg.errors.WrongObjectType):
        connection.execute("DROP DOMAIN way")
    connection.execute("DROP DOMAIN IF EXISTS nothing, low CASCADE")
    connection.execute("DROP TYPE high, way CASCADE")
    assert connection.execute("SELECT * FROM lows").description[0].name == "id"  # type: ignore[index]
    assert one(connection, "SELECT count(*) FROM pg_type WHERE typname IN ('low', 'high', 'way')") == 0


def test_formats_of_copy_may_be_quoted_and_times_get_a_zone(connect: Connect) -> None:
    connection = connect()
    with connection.cursor().copy("COPY (SELECT 'a,b', 1) TO STDOUT (FORMAT 'csv', HEADER)") as copy:
        assert b"".join(map(bytes, copy)) == b'?column?,?column?\n"a,b",1\n'
    connection.execute("SET TIME ZONE 'Europe/Berlin'")
    assert one(connection, "SELECT ('2024-07-01 10:00+00'::timestamptz::timetz)::text") == "12:00:00+02"
    assert one(connection, "SELECT ('10:00'::time::timetz)::text LIKE '10:00:00+0_'") is True
    sum_ = "SELECT (date '2024-07-01' + timetz '12:00+02') = timestamptz '2024-07-01 10:00Z'"
    assert one(connection, sum_) is True


def test_the_functions_of_types_are_called_as_they_are(connect: Connect) -> None:
    """ADBC and pgx find a type's codec by the name of its receive function."""
    connection = connect()
    found = connection.execute(
        "SELECT typname, typreceive::text, typinput::text, typalign, typstorage FROM pg_type"
        " WHERE typname IN ('date', 'int4', 'jsonb', '_text', 'numeric', 'bool', 'timestamptz') ORDER BY 1"
    ).fetchall()
    assert found == [
        ("_text", "array_recv", "array_in", "i", "x"),
        ("bool", "boolrecv", "boolin", "c", "p"),
        ("date", "date_recv", "date_in", "i", "p"),
        ("int4", "int4recv", "int4in", "i", "p"),
        ("jsonb", "jsonb_recv", "jsonb_in", "i", "x"),
        ("numeric", "numeric_recv", "numeric_in", "i", "m"),
        ("timestamptz", "timestamptz_recv", "timestamptz_in", "d", "p"),
    ]


def test_who_ends_itself_is_told_so(connect: Connect) -> None:
    """psycopg's tests of broken connections."""
    connection = connect()
    with pytest.raises(psycopg.errors.AdminShutdown):
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert connection.closed


def test_a_password_may_come_as_its_verifier(connect: Connect) -> None:
    """libpq's PQchangePassword sends no password."""
    connection = connect()
    verifier = psycopg.pq.PGconn.encrypt_password(connection.pgconn, b"secret", b"verified", b"scram-sha-256").decode()
    connection.execute(f"CREATE ROLE verified LOGIN PASSWORD '{verifier}'")
    logged_in = connect(user="verified", password="secret")
    assert one(logged_in, "SELECT current_user") == "verified"
    with pytest.raises(psycopg.OperationalError):
        connect(user="verified", password=verifier)
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        connection.execute("ALTER ROLE verified PASSWORD 'md5" + "0" * 32 + "'")
    logged_in.close()
    connection.execute("DROP ROLE verified")


def test_signs_of_long_numerics_change_and_nothing_else(connect: Connect) -> None:
    """psycopg's test_quote_int: beyond 28 digits they were rounded."""
    connection = connect()
    text = "1267650600228229401496703205376.0123456789"
    assert one(connection, f"SELECT (-({text}::numeric))::text") == f"-{text}"
    assert one(connection, f"SELECT abs(-{text})::text || (-(0.00))::text") == f"{text}0.00"
    assert one(connection, f"SELECT to_char(-{text}, 'FM{'9' * 31}.{'9' * 10}')") == f"-{text}"


def test_types_of_times_tell_all_their_digits(connect: Connect) -> None:
    """psycopg's Column shows time(6)."""
    result = connect().execute("SELECT NULL::time(6), NULL::timestamptz(0), NULL::timestamp(3), NULL::timestamp").pgresult
    assert result is not None
    assert [result.fmod(place) for place in range(4)] == [6, 0, 3, -1]


def test_the_schema_of_temporary_tables_is_known(connect: Connect) -> None:
    """ADBC lists schemas by it."""
    connection = connect()
    assert one(connection, "SELECT pg_my_temp_schema()::int") == 0
    connection.execute("CREATE TEMPORARY TABLE passing (a int)")
    assert one(connection, "SELECT nspname LIKE 'pg_temp_%' FROM pg_namespace WHERE oid = pg_my_temp_schema()") is True


def test_values_of_settings_may_be_in_double_quotes(connect: Connect) -> None:
    """pgcli begins with one."""
    connection = connect()
    connection.execute('SET TIME ZONE "Europe/Berlin"')
    assert one(connection, "SHOW TimeZone") == "Europe/Berlin"
    connection.execute('SET DateStyle TO "SQL"; SET search_path TO "$user", "Mine", public')
    assert one(connection, "SHOW DateStyle") == "SQL, MDY"
    assert one(connection, "SHOW search_path") == '"$user", "Mine", public'
    connection.execute("SET DateStyle TO german")
    assert one(connection, "SHOW DateStyle") == "German, DMY"
    connection.execute("SET DateStyle TO Postgres, YMD")
    assert one(connection, "SELECT '2000-01-02'::date::text") == "01-02-2000"
    connection.execute("RESET DateStyle")
    # pgcli leaves functions of triggers out of what it completes.
    assert one(connection, "SELECT 'trigger'::regtype::oid::int") == 2279
    connection.execute('CREATE ROLE "Some One"; SET ROLE "Some One"')
    assert one(connection, "SELECT current_user") == "Some One"
    connection.execute('RESET ROLE; DROP ROLE "Some One"')
