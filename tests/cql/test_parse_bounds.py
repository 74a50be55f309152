"""Texts that a stranger would send to hurt: each is refused as syntax, near its begin, whatever its length."""

from __future__ import annotations

import re

import pytest

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.parse import lexer
from hyperdb.frontends.cql.parse.cache import Statements
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.parse.statements import Insert
from hyperdb.frontends.cql.parse.terms import MapTerm
from hyperdb.frontends.cql.parse.text_definitions import render

MEGABYTE = 1 << 20
HEAD = "INSERT INTO t (a) VALUES ("
BOMBS = {
    "parentheses": HEAD + "(" * MEGABYTE,
    "parentheses alone": "(" * MEGABYTE,
    "brackets": HEAD + "[" * MEGABYTE,
    "braces": HEAD + "{" * MEGABYTE,
    "entries": HEAD + "{1:" * (MEGABYTE // 3),
    "calls": HEAD + "f(" * (MEGABYTE // 2),
    "minuses": HEAD + "- " * (MEGABYTE // 2),
    "sums": "SELECT a" + "+a" * (MEGABYTE // 2) + " FROM t",
    "fields": "SELECT a" + ".a" * (MEGABYTE // 2) + " FROM t",
    "elements": "SELECT a" + "[1]" * (MEGABYTE // 3) + " FROM t",
    "casts": HEAD + "(int)" * (MEGABYTE // 5) + "1)",
    "types": "CREATE TABLE t (a " + "list<" * (MEGABYTE // 5),
    "maps of types": "CREATE TABLE t (a " + "map<int," * (MEGABYTE // 8),
    "relations": "SELECT * FROM t WHERE " + "(" * MEGABYTE,
    "sums of sums": "SELECT " + "(1+" * (MEGABYTE // 3) + " FROM t",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_depth_is_refused_before_it_is_built(cql: Grammar, bomb: str) -> None:
    with pytest.raises(CqlError) as caught:
        Statements(cql).parse(BOMBS[bomb])
    found = re.match(r"line 1:(\d+) ", caught.value.message)
    assert found is not None
    assert int(found[1]) < 1_000
    assert len(caught.value.message) < 2_000


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "'" + "x" * MEGABYTE,
        HEAD + "$$" + "x" * MEGABYTE,
        HEAD + '"' * (MEGABYTE + 1),
        "/*" * MEGABYTE,
        "\0" * MEGABYTE,
        "é" * MEGABYTE,
        ";" * MEGABYTE,
    ],
    ids=["quote", "dollars", "names", "comments", "zeros", "letters", "semicolons"],
)
def test_what_never_ends_is_refused(cql: Grammar, text: str) -> None:
    with pytest.raises(CqlError) as caught:
        Statements(cql).parse(text)
    assert len(caught.value.message) < 2_000


def test_the_deepest_that_is_read_can_be_walked(cql: Grammar) -> None:
    deep = lexer.MOST_NESTING - 1
    for text in (
        HEAD + "[" * deep + "1" + "]" * deep + ")",
        "SELECT a" + " + a" * (lexer.MOST_OPERATORS - 1) + " FROM t",
        "SELECT a" + ".a" * (lexer.MOST_OPERATORS - 1) + " FROM t",
        "CREATE TABLE t (a " + "list<" * lexer.MOST_NESTING + "int" + ">" * lexer.MOST_NESTING + " PRIMARY KEY)",
    ):
        found = cql.parse(text)
        assert cql.parse(render(found)) == found
        assert hash(found) == hash(cql.parse(text))


def test_long_is_not_deep(cql: Grammar) -> None:
    texts = [f"{HEAD}[{', '.join(['-1'] * 2_000)}])", "BEGIN BATCH " + "DELETE a FROM t WHERE k = - 1; " * 200 + "APPLY BATCH"]
    for text in texts:
        assert Statements(cql).parse(text).statement() == cql.parse(text)
    blob = cql.parse(HEAD + "0x" + "ab" * MEGABYTE + ")")
    assert isinstance(blob, Insert)


def test_how_many_lexemes(cql: Grammar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexer, "MOST_LEXEMES", 20)
    with pytest.raises(CqlError, match="more than 20 lexemes in one statement"):
        cql.parse("SELECT " + "a, " * 20 + "a FROM t")


def test_a_map_of_as_many_constants_as_the_protocol_counted(cql: Grammar) -> None:
    entries = ", ".join(f"'{number}': {number}" for number in range(65_535))
    found = cql.parse(f"INSERT INTO t (k, m) VALUES (1, {{{entries}}})")
    assert isinstance(found, Insert)
    assert isinstance(found.values[1], MapTerm)
    assert len(found.values[1].entries) == 65_535
