"""Clients that speak another character set than UTF-8 (`client_encoding`), by messages, values, COPY and errors."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from connecting import Connect

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types import charsets

EURO = "\u20ac"


def bytes_of(connection: psycopg.Connection[Any], text: bytes, binary: bool = False) -> bytes | None:
    """The first field of a query, as it came."""
    result = connection.pgconn.exec_params(text, None, result_format=int(binary))
    assert result.status == psycopg.pq.ExecStatus.TUPLES_OK, result.error_message
    return result.get_value(0, 0)


@pytest.mark.parametrize(
    ("name", "codec", "text"),
    [
        ("LATIN1", "iso8859-1", "na\u00efve \u00e9t\u00e9"),
        ("latin9", "iso8859-15", f"{EURO} 5"),
        ("WIN1252", "cp1252", f"{EURO} \u201cso\u201d"),
        ("koi8-r", "koi8-r", "\u041f\u0440\u0438\u0432\u0435\u0442"),
        ("EUC_JP", "euc_jp", "\u65e5\u672c\u8a9e"),
        ("SJIS", "cp932", "\u8868\u793a"),  # the second byte of the first one is a backslash
        ("GB18030", "gb18030", "\u4e2d\u6587 \U0001f600"),
    ],
)
def test_texts_go_and_come_in_the_clients_character_set(connect: Connect, name: str, codec: str, text: str) -> None:
    with connect(autocommit=True) as plain, connect(autocommit=True) as other:
        other.execute(f"SET client_encoding TO '{name}'".encode())
        said = text.encode(codec)
        plain.execute("DROP TABLE IF EXISTS t")
        plain.execute("CREATE TABLE t (id int PRIMARY KEY, v text, a text[], j jsonb)")
        result = other.pgconn.exec_(b"INSERT INTO t (id, v) VALUES (1, '" + said + b"')")
        assert result.status == psycopg.pq.ExecStatus.COMMAND_OK, result.error_message
        for binary in (0, 1):
            result = other.pgconn.exec_params(
                b"INSERT INTO t (id, v) VALUES ($1, $2)",
                [str(2 + binary).encode(), said],
                param_types=[23, 25],
                param_formats=[0, binary],
            )
            assert result.status == psycopg.pq.ExecStatus.COMMAND_OK, result.error_message
        assert plain.execute("SELECT DISTINCT v FROM t").fetchall() == [(text,)]
        plain.execute("UPDATE t SET a = ARRAY[v, NULL, 'x'], j = jsonb_build_object('k', v)")
        for binary in (False, True):
            assert bytes_of(other, b"SELECT v FROM t WHERE id = 1", binary) == said
            found = bytes_of(other, b"SELECT a FROM t WHERE id = 1", binary)
            assert found is not None
            assert said in found
            assert said in (bytes_of(other, b"SELECT j FROM t WHERE id = 1", binary) or b"")
            assert said in (bytes_of(other, b"SELECT ROW(id, v) FROM t WHERE id = 1", binary) or b"")
        assert bytes_of(other, b"SELECT count(*) FROM t WHERE v = '" + said + b"'") == b"3"
        assert bytes_of(other, b"SHOW client_encoding") == bytes_of(other, b"SELECT pg_client_encoding()")
        other.execute(b"RESET client_encoding")
        assert bytes_of(other, b"SELECT v FROM t WHERE id = 1") == text.encode()


def test_names_and_errors_are_in_it_too(connect: Connect) -> None:
    with connect(autocommit=True, client_encoding="LATIN1") as connection:
        assert connection.info.encoding == "iso8859-1"
        connection.execute('CREATE TABLE "\u00e9t\u00e9" ("\u00e0" int UNIQUE)')
        cursor = connection.execute('SELECT * FROM "\u00e9t\u00e9"')
        assert cursor.description is not None
        assert cursor.description[0].name == "\u00e0"
        with pytest.raises(psycopg.errors.UndefinedTable, match='relation "\u00f1" does not exist'):
            connection.execute('SELECT * FROM "\u00f1"')
        with pytest.raises(psycopg.errors.UntranslatableCharacter, match="0xe2 0x82 0xac"):
            connection.execute("SELECT chr(8364)")
        assert connection.execute("SELECT 1").fetchone() == (1,)
        # An error is said in any case.
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match=r"\?"):
            connection.execute("SELECT chr(8364)::int")


def test_the_short_way_is_left_and_taken_again(connect: Connect) -> None:
    with connect(autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS t")
        connection.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        connection.execute("INSERT INTO t VALUES (1, '\u00e9')")
        for name, want in (("UTF8", b"\xc3\xa9"), ("LATIN1", b"\xe9"), ("UTF8", b"\xc3\xa9"), ("SQL_ASCII", b"\xc3\xa9")):
            connection.execute(f"SET client_encoding TO '{name}'".encode())
            connection.pgconn.prepare(name.lower().encode() + b"x", b"SELECT v FROM t WHERE id = $1") if name != "UTF8" else None
            for _ in range(4):
                assert bytes_of(connection, b"SELECT v FROM t WHERE id = 1") == want
            assert bytes_of(connection, b"SHOW client_encoding") == name.encode()


@pytest.mark.parametrize("options", ["", "WITH CSV HEADER", "WITH BINARY"])
def test_copy_both_ways(connect: Connect, options: str) -> None:
    text = f"{EURO}\u00e9"
    with connect(autocommit=True) as plain, connect(autocommit=True, client_encoding="WIN1252") as other:
        plain.execute("DROP TABLE IF EXISTS t, u")
        plain.execute("CREATE TABLE t (id int, v text)")
        plain.execute("CREATE TABLE u (id int, v text)")
        plain.execute("INSERT INTO t SELECT n, %s || n FROM generate_series(1, 3000) n", (text,))
        with other.cursor().copy(f"COPY t TO STDOUT {options}") as out:
            data = b"".join(bytes(piece) for piece in out)
        assert text.encode("cp1252") in data
        assert text.encode() not in data
        with other.cursor().copy(f"COPY u FROM STDIN {options}") as into:
            for at in range(0, len(data), 7_001):
                into.write(data[at : at + 7_001])
        assert plain.execute("SELECT count(*) FROM (TABLE t EXCEPT TABLE u) x").fetchone() == (0,)
        assert plain.execute("SELECT count(*) FROM u").fetchone() == (3000,)


def test_the_encoding_of_a_copy(connect: Connect) -> None:
    with connect(autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS t")
        connection.execute("CREATE TABLE t (v text)")
        with connection.cursor().copy("COPY t FROM STDIN (ENCODING 'latin1')") as into:
            into.write(b"\xe9\n")
        assert connection.execute("SELECT v FROM t").fetchall() == [("\u00e9",)]
        with connection.cursor().copy("COPY t TO STDOUT ENCODING 'WIN1250'") as out:
            assert [bytes(piece) for piece in out] == [b"\xe9\n"]
        with (
            pytest.raises(psycopg.errors.CharacterNotInRepertoire),
            connection.cursor().copy("COPY t FROM STDIN (ENCODING 'EUC_JP')") as into,
        ):
            into.write(b"\xff\xff\n")
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            connection.execute("COPY t TO STDOUT (ENCODING 'nothing')")
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_what_is_no_character_set(connect: Connect) -> None:
    with connect(autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            connection.execute("SET client_encoding TO 'klingon'")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            connection.execute("SET client_encoding TO 'EUC_TW'")
        connection.execute("SET NAMES 'EUC_JP'")
        result = connection.pgconn.exec_(b"SELECT '\xff'")
        assert result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"22021"
        result = connection.pgconn.exec_params(b"SELECT $1", [b"\x8f"], param_types=[25])
        assert result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"22021"
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_every_name_leads_to_its_own_number() -> None:
    names = [charset.name for number in range(42) if (charset := charsets.numbered(number)) is not None]
    assert len(names) == len(set(names)) == 42
    for name in names:
        found = charsets.find(name.lower())
        assert found is not None
        assert found.name == name
        if found.codec and found.name != "SQL_ASCII":
            assert found.decoded(found.encoded("plain")) == "plain"
    assert charsets.numbered(42) is None
    with pytest.raises(SqlError, match="no equivalent"):
        charsets.Charset("LATIN1", 8, "iso8859-1").encoded(EURO)
