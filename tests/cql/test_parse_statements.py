"""What statements read as, and what is refused with which words: a line for each rule that a reader of CQL would look for."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.parse import definitions as df
from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.parse.text_definitions import render

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cql" / "statements.txt"
# A text, and what it is when it is written canonically.
WRITTEN: dict[str, str] = dict(block.split("\n=> ") for block in GOLDEN.read_text(encoding="utf-8").strip().split("\n\n")[1:])


@pytest.mark.parametrize("text", WRITTEN, ids=str)
def test_reads(cql: Grammar, text: str) -> None:
    found = cql.parse(text)
    assert render(found) == WRITTEN[text]
    assert cql.parse(WRITTEN[text]) == found


REFUSED = {
    "": "line 1:0 no viable alternative at input '<EOF>'",
    "FOO": "line 1:0 no viable alternative at input 'FOO' ([FOO])",
    "SELECT * FORM t": "line 1:9 mismatched input 'FORM' expecting K_FROM (SELECT * [FORM]...)",
    "SELECT a,\n  FROM t": "line 2:2 no viable alternative at input 'FROM' (SELECT a,  [FROM]...)",
    "SELECT select FROM t": "line 1:7 no viable alternative at input 'select'",
    "SELECT * FROM t WHERE": "line 1:21 no viable alternative at input '<EOF>'",
    "SELECT * FROM t LIMIT 5 5": "line 1:24 missing EOF at '5'",
    "SELECT * FROM t WHERE a = b": "line 1:26 no viable alternative at input 'b'",
    "SELECT * FROM t WHERE 1 = a": "line 1:22 no viable alternative at input '1'",
    "SELECT * FROM t WHERE a + 1 = 2": "line 1:22 no viable alternative at input 'a'",
    "SELECT * FROM t WHERE x = 'abc": "line 1:26 mismatched character '<EOF>' expecting '''",
    "SELECT * FROM t WHERE x = @": "line 1:26 no viable alternative at character '@'",
    "SELECT count(2) FROM t": "Only COUNT(1) is supported, got COUNT(2)",
    "SELECT sum(*) FROM t": "line 1:7 no viable alternative at input 'sum'",
    "INSERT INTO t (a) VALUES (b)": "line 1:26 no viable alternative at input 'b'",
    "INSERT INTO t (a) VALUES ({a: 1, 'b': 2})": "line 1:27 no viable alternative at input 'a'",
    "INSERT INTO t (a) VALUES (1) USING TTL 1 AND TTL 2": "Multiple definition for property 'ttl'",
    "UPDATE t SET a = b + 1 WHERE k = 1": "Only expressions of the form X = X + <value> are supported.",
    "UPDATE t SET a = 1 + b WHERE k = 1": "Only expressions of the form X = <value> + X are supported.",
    "UPDATE t SET a = a - 1 + 2 WHERE k = 1": "no viable alternative",
    "UPDATE t SET a = 1": "line 1:18 no viable alternative at input '<EOF>'",
    "DELETE FROM t USING TTL 5 WHERE k = 1": "mismatched input 'TTL' expecting K_TIMESTAMP",
    "DELETE count(*) FROM t WHERE k = 1": "no viable alternative",
    "DELETE FROM t": "line 1:13 no viable alternative at input '<EOF>'",
    "BEGIN BATCH SELECT * FROM t APPLY BATCH": "line 1:12 no viable alternative at input 'SELECT'",
    "CREATE TABLE t (a int PRIMARY KEY, b int PRIMARY KEY)": "Multiple PRIMARY KEYs specified (exactly one required)",
    "CREATE TABLE t (a int PRIMARY KEY) WITH comment = ?": "no viable alternative at input '?'",
    "CREATE TABLE t (a int PRIMARY KEY) WITH CLUSTERING ORDER BY (a ANN OF [1])": "no viable alternative",
    "CREATE MATERIALIZED VIEW v AS SELECT * FROM t WHERE a = ? PRIMARY KEY (a)": "cannot be used here at input '?'",
    "CREATE ROLE r WITH LOGIN = true AND LOGIN = false": "Multiple definition for property 'login'",
    "GRANT FLY ON t TO r": "mismatched input 'ON' expecting K_TO",
    "DESCRIBE": "line 1:8 no viable alternative at input '<EOF>'",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=str)
def test_refuses(cql: Grammar, text: str) -> None:
    with pytest.raises(CqlError) as caught:
        cql.parse(text)
    assert caught.value.code == ErrorCode.SYNTAX
    assert REFUSED[text] in caught.value.message


def test_literals_keep_kind_and_text(cql: Grammar) -> None:
    found = cql.parse("INSERT INTO t (a) VALUES (1, -1.50, 'x', true, 0xAB, null, NaN, -Infinity, 1d)")
    assert isinstance(found, st.Insert)
    assert [(value.kind.value, value.text) for value in found.values if isinstance(value, tm.Literal)] == [
        ("integer", "1"),
        ("float", "-1.50"),
        ("string", "x"),
        ("boolean", "true"),
        ("hex", "0xAB"),
        ("null", "null"),
        ("nan", "NaN"),
        ("infinity", "-Infinity"),
        ("duration", "1d"),
    ]


def test_positions_say_where(cql: Grammar) -> None:
    text = "SELECT * FROM ks.t WHERE abc = ? AND d = :named"
    found = cql.parse(text)
    assert isinstance(found, st.Select)
    (first, second) = found.where
    assert isinstance(first.subject, tm.Column)
    assert text[first.subject.position :].startswith("abc")
    assert isinstance(first.value, tm.Marker)
    assert text[first.value.position] == "?"
    assert isinstance(second.value, tm.Marker)
    assert text[second.value.position :] == "named"
    assert text[found.table.position :].startswith("ks.t")


def test_passwords_are_not_shown(cql: Grammar) -> None:
    assert "secret" not in repr(cql.parse("CREATE ROLE r WITH PASSWORD = 'secret'"))


def test_key_of_a_column_or_of_the_table(cql: Grammar) -> None:
    found = cql.parse("CREATE TABLE t (a int, b int, c int, PRIMARY KEY ((a, b), c))")
    assert isinstance(found, df.CreateTable)
    assert found.primary_key == df.PrimaryKey(("a", "b"), ("c",))
