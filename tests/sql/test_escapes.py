r"""Escapes in literals and names: E'...', U&'...', U&"...", as PostgreSQL 15 reads and refuses them."""

from __future__ import annotations

import pytest
from connecting import Connect, one
from hypothesis import given
from hypothesis import strategies as st

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.parse.escapes import plain

READ = {
    r"E'it\'s \u0041\x41\101\n'": "it's AAA\n",
    r"E'\ud83d\ude00\U0001F600'": "😀😀",
    r"E'\xe2\x82\xac'": "€",
    r"E'abc\x\q'": "abcxq",
    r"U&'d\0061t\+000061'": "data",
    r"U&'d!0061t!+000061!!\' UESCAPE '!'": "data!\\",
    r"u&'\d83d\de00 it''s'": "😀 it's",
}
REFUSED = {
    r"E'\u12'": "22025",
    r"E'\U0001F60'": "22025",
    r"E'\ud83d'": "42601",
    r"E'\ud83dx'": "42601",
    r"E'\ude00'": "42601",
    r"E'\u0000'": "42601",
    r"E'\U00110000'": "42601",
    r"E'\0'": "22021",
    r"E'\400'": "22021",
    r"E'\xff'": "22021",
    r"U&'\d83d'": "42601",
    r"U&'\12'": "42601",
    r"U&'\0000'": "42601",
    r"U&'a' UESCAPE '+'": "42601",
    r"U&'a' UESCAPE 'ab'": "42601",
    r"U&'a' UESCAPE x": "42601",
    'U&""': "42601",
}


@pytest.mark.parametrize("written", READ)
def test_an_escape_says_a_character(connect: Connect, written: str) -> None:
    connection = connect()
    assert one(connection, f"SELECT {written}") == READ[written]
    connection.execute(f"SET application_name = {written}".encode())


@pytest.mark.parametrize("written", REFUSED)
def test_a_malformed_escape_is_refused(connect: Connect, written: str) -> None:
    import psycopg

    with pytest.raises(psycopg.Error) as caught:
        connect().execute(f"SELECT {written}".encode())
    assert caught.value.sqlstate == REFUSED[written]


def test_names_with_escapes(connect: Connect) -> None:
    connection = connect()
    connection.execute(r'CREATE TEMPORARY TABLE named (U&"d\0061ta" int, U&"!0022" UESCAPE ' + "'!' text)")
    connection.execute(r'INSERT INTO named (data, """") ' + "VALUES (1, 'x')")
    assert connection.execute(r'SELECT named.U&"d\0061ta", U&"\0022" FROM named').fetchone() == (1, "x")
    # With blanks between it is an operator.
    assert one(connection, "SELECT u & 5 FROM (SELECT 7 AS u) s") == 5


def test_literals_that_go_on_have_the_escapes_of_the_first(connect: Connect) -> None:
    assert one(connect(), "SELECT E'a\\n'\n 'b\\n'") == "a\nb\n"


@given(st.text(alphabet="aEeUu&'\"\\!+0041d8 xun\n-/*$", max_size=30))
def test_whatever_comes_is_as_long_as_before_or_refused(text: str) -> None:
    try:
        found = plain(text)
    except SqlError as error:
        found, refused = text, error.sqlstate
    else:
        refused = ""
    assert len(found) == len(text)
    assert refused in ("", "22025", "22021", "42601")
