"""Literals in their other spellings, wherever a literal may stand: E'...', between dollars, with a type of several words."""

from __future__ import annotations

import pytest
from connecting import Connect, one

SPELLED = {
    r"E'a\'b'": "a'b",
    r"E'\\'": "\\",
    r"E'\x41\u0042\103\t|'": "ABC\t|",
    "$$it's$$": "it's",
    "$q$ $$ $q$": " $$ ",
}


@pytest.mark.parametrize("spelled", SPELLED)
def test_a_literal_is_one_wherever_it_stands(connect: Connect, spelled: str) -> None:
    connection, said = connect(), SPELLED[spelled]
    run = connection.execute
    assert one(connection, f"SELECT {spelled}") == said
    run(f"SET application_name = {spelled}".encode())
    assert one(connection, "SHOW application_name") == said
    run(f"CREATE TEMPORARY TABLE kept (v text DEFAULT {spelled} CHECK (v <> {spelled} || 'x'))".encode())
    run(f"COMMENT ON TABLE kept IS {spelled}".encode())
    assert one(connection, "SELECT obj_description('kept'::regclass)") == said
    run(b"INSERT INTO kept DEFAULT VALUES")
    run(f"CREATE TEMPORARY VIEW shown AS SELECT v = {spelled} AS same FROM kept".encode())
    assert one(connection, "SELECT same FROM shown") is True
    (again,) = run("SELECT pg_get_viewdef('shown'::regclass)").fetchone() or ("",)
    assert one(connection, again) is True
    assert one(connection, f"SELECT replace({spelled}, '\t', '') LIKE '%' ESCAPE E'\\\\'") is True
    run(f"CREATE TYPE mood AS ENUM ({spelled}, 'other')".encode())
    assert one(connection, f"SELECT {spelled}::mood::text") == said
    run("DROP TYPE mood")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("timestamp with time zone '2020-01-01 00:00:00+00'", "2020-01-01 00:00:00+00"),
        ("timestamp without time zone '2020-01-01'", "2020-01-01 00:00:00"),
        ("time with time zone '01:02:03+04'", "01:02:03+04"),
        ("time without time zone E'01:02:03'", "01:02:03"),
        ("double precision '1.50'", "1.5"),
        ("character varying 'a'", "a"),
        ("interval E'1 day'", "1 day"),
        ("jsonb E'{}'", "{}"),
    ],
)
def test_a_type_of_several_words_may_stand_before_a_literal(connect: Connect, text: str, shown: str) -> None:
    connection = connect()
    connection.execute("SET TIME ZONE E'UTC'")
    assert one(connection, f"SELECT ({text})::text") == shown
