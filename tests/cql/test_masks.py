"""Masks of columns: what roles with and without UNMASK are shown, in CQL and in SQL, and what defines a mask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cql_session import Client, backend

import hyperdb
from hyperdb import dbapi
from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.parse.parser import Grammar

PATIENTS = """CREATE TABLE ks.patients (
    id int, place text MASKED WITH DEFAULT, name text MASKED WITH mask_inner(1, null), born date MASKED WITH mask_default(),
    tags set<text> MASKED WITH DEFAULT, weight int STATIC MASKED WITH mask_replace(-1), note text,
    PRIMARY KEY (id, place))"""
ROW = "INSERT INTO ks.patients (id, place, name, born, tags, weight, note) VALUES (1, 'x', 'alice', '2020-01-02', {'a'}, 70, 'n')"


@pytest.fixture
def database() -> Iterator[hyperdb.Database]:
    with hyperdb.open(":memory:") as made:
        yield made


@pytest.fixture
def client(cql: Grammar, database: hyperdb.Database) -> Client:
    made = Client(backend(database, cql))
    made.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    made.run(PATIENTS)
    made.run(ROW)
    made.run("CREATE ROLE nurse WITH PASSWORD = 'x' AND LOGIN = true")
    made.run("GRANT SELECT ON ks.patients TO nurse")
    made.run("GRANT MODIFY ON ks.patients TO nurse")
    return made


@pytest.fixture
def nurse(client: Client) -> Client:
    return Client(client.backend, role="nurse")


def test_values_are_hidden_from_who_may_not_see_them(client: Client, nurse: Client) -> None:
    text = "SELECT id, place, name, weight, note, tags FROM ks.patients"
    assert client.run(text) == [(1, "x", "alice", 70, "n", ("a",))]
    assert nurse.run(text) == [(1, "****", "a****", -1, "n", ())]
    assert nurse.execute(nurse.prepare(text)) == [(1, "****", "a****", -1, "n", ())]
    assert client.execute(client.prepare(text)) == [(1, "x", "alice", 70, "n", ("a",))]
    client.run("GRANT UNMASK ON ks.patients TO nurse")
    assert nurse.run(text) == client.run(text)
    client.run("REVOKE UNMASK ON ks.patients FROM nurse")
    assert nurse.run(text) == [(1, "****", "a****", -1, "n", ())]


def test_nothing_is_computed_of_what_is_hidden(nurse: Client) -> None:
    assert nurse.run("SELECT max(name), min(weight), count(tags) FROM ks.patients") == [("a****", -1, 1)]
    assert nurse.run("SELECT weight + 1, CAST(born AS text), to_json(name) FROM ks.patients") == [(0, "1970-01-01", '"a****"')]
    assert nurse.run("SELECT tags['a'] FROM ks.patients") == [(None,)]
    ((shown,),) = nurse.run("SELECT JSON name, place FROM ks.patients")
    assert shown == '{"name": "a****", "place": "****"}'


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM ks.patients WHERE id = 1 AND place = 'x'",
        "SELECT id FROM ks.patients WHERE name = 'alice' ALLOW FILTERING",
        "SELECT id FROM ks.patients WHERE id = 1 AND (place) > ('a')",
        "SELECT id FROM ks.patients WHERE tags CONTAINS 'a' ALLOW FILTERING",
        "UPDATE ks.patients SET note = 'm' WHERE id = 1 AND place = 'x' IF name = 'alice'",
        "DELETE FROM ks.patients WHERE id = 1 AND place = 'x' IF weight = 70",
        "BEGIN BATCH UPDATE ks.patients SET note = 'm' WHERE id = 1 AND place = 'x' IF name = 'alice' APPLY BATCH",
    ],
)
def test_questions_about_hidden_values_need_a_permission(client: Client, nurse: Client, text: str) -> None:
    with pytest.raises(CqlError, match="has no UNMASK nor SELECT_MASKED permission on table") as caught:
        nurse.run(text)
    assert caught.value.code == ErrorCode.UNAUTHORIZED
    client.run("GRANT SELECT_MASKED ON ks.patients TO nurse")
    nurse.run(text)


def test_a_refused_condition_tells_no_hidden_value(nurse: Client) -> None:
    found = nurse.run("INSERT INTO ks.patients (id, place, name) VALUES (1, 'x', 'bob') IF NOT EXISTS")
    assert found == [(False, 1, "****", -1, None if found[0][4] is None else found[0][4], "a****", "n", ())]
    assert found[0][4] != "2020-01-02"


def test_a_proof_is_for_who_may_see_all(nurse: Client) -> None:
    nurse.backend.tables.frames.seal()
    nurse.context = type(nurse.context)(5, payload={"hyperdb.prove": b""})
    with pytest.raises(CqlError) as caught:
        nurse.run("SELECT id FROM ks.patients WHERE id = 1")
    assert caught.value.code == ErrorCode.UNAUTHORIZED


def test_views_hide_what_their_table_hides(client: Client, nurse: Client) -> None:
    client.run(
        "CREATE MATERIALIZED VIEW ks.by_name AS SELECT id, place, name, note FROM ks.patients "
        "WHERE name IS NOT NULL AND place IS NOT NULL AND id IS NOT NULL PRIMARY KEY (name, id, place)"
    )
    assert client.run("SELECT name, place FROM ks.by_name") == [("alice", "x")]
    assert nurse.run("SELECT name, place FROM ks.by_name") == [("a****", "****")]
    client.run("ALTER TABLE ks.patients ALTER name DROP MASKED")
    assert nurse.run("SELECT name, place FROM ks.by_name") == [("alice", "****")]


def test_sql_shows_no_table_with_hidden_columns(client: Client, database: hyperdb.Database) -> None:
    client.run("CREATE TABLE ks.clerks (id int PRIMARY KEY, name text MASKED WITH DEFAULT)")
    client.run("INSERT INTO ks.clerks (id, name) VALUES (1, 'bob')")
    client.run("GRANT SELECT ON ks.clerks TO nurse")
    with dbapi.connect(database, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM ks.clerks")
        cursor.execute("GRANT USAGE ON SCHEMA ks TO nurse")
        cursor.execute("SET ROLE nurse")
        with pytest.raises(dbapi.Error, match="permission denied for table clerks"):
            cursor.execute("SELECT id FROM ks.clerks")
        client.run("GRANT UNMASK ON ks.clerks TO nurse")
        cursor.execute("SELECT name FROM ks.clerks")
        assert cursor.fetchall() == [("bob",)]


def test_masks_are_changed_and_described(client: Client, nurse: Client) -> None:
    client.run("ALTER TABLE ks.patients ALTER name MASKED WITH mask_outer(1, 2, '#')")
    assert nurse.run("SELECT name FROM ks.patients") == [("#li##",)]
    client.run("ALTER TABLE ks.patients ALTER note MASKED WITH system.mask_null()")
    client.run("ALTER TABLE ks.patients ALTER born DROP MASKED")
    client.run("ALTER TABLE ks.patients ALTER IF EXISTS nobody MASKED WITH DEFAULT")
    client.run("ALTER TABLE ks.patients ADD (more int MASKED WITH DEFAULT, also int)")
    client.run("ALTER TABLE ks.patients RENAME place TO spot")
    client.run("ALTER TABLE ks.patients WITH comment = 'c'")
    born = client.run("SELECT born FROM ks.patients")[0][0]
    assert nurse.run("SELECT spot, note, born FROM ks.patients") == [("****", None, born)]
    text = client.run("DESCRIBE TABLE ks.patients")[0][3]
    for line in (
        "spot text MASKED WITH system.mask_default()",
        "name text MASKED WITH system.mask_outer(1, 2, '#')",
        "weight int static MASKED WITH system.mask_replace(-1)",
        "more int MASKED WITH system.mask_default()",
        "also int,",
    ):
        assert line in text
    columns = "column_name, function_name, function_argument_types, function_argument_values, function_argument_nulls"
    rows = client.run(f"SELECT {columns} FROM system_schema.column_masks WHERE keyspace_name = 'ks'")
    assert ("name", "mask_outer", ("int", "int", "text"), ("1", "2", "#"), (False, False, False)) in rows
    assert {row[0] for row in rows} == {"spot", "name", "tags", "weight", "note", "more"}


def test_descriptions_make_the_same_masks(client: Client) -> None:
    text = client.run("DESCRIBE TABLE ks.patients")[0][3]
    client.run("DROP TABLE ks.patients")
    client.run(text)
    assert client.run("DESCRIBE TABLE ks.patients")[0][3] == text


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ("nobody()", "Unable to find masking function for c, no declared function matches the signature system.nobody()"),
        ("ks.own()", "Unable to find masking function for c"),
        ("max()", "Aggregate function system.max() cannot be used for masking table columns"),
        ("to_date()", "Not-masking function system.to_date() cannot be used for masking table columns"),
        ("mask_hash()", "return type is blob. This is different to the type of the masked column c of type int"),
        ("mask_inner(1, 1)", "none of its type signatures match"),
        ("mask_replace('x')", "Invalid STRING constant"),
        ("mask_default(1)", "none of its type signatures match"),
    ],
)
def test_what_cannot_mask_is_refused(client: Client, mask: str, words: str) -> None:
    assert words in client.refusal(f"CREATE TABLE ks.t (k int PRIMARY KEY, c int MASKED WITH {mask})")
    client.run("CREATE TABLE ks.t (k int PRIMARY KEY, c int)")
    assert words in client.refusal(f"ALTER TABLE ks.t ALTER c MASKED WITH {mask}")
    assert words in client.refusal(f"ALTER TABLE ks.t ADD d int MASKED WITH {mask}").replace("d, no", "c, no").replace(
        "column d", "column c"
    ).replace("for d", "for c")
