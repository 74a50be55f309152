"""Shapes: a text read by its shape is the same tree as the text read by the parser, whatever its literals are."""

from __future__ import annotations

import re
from collections.abc import Callable

import cql_trees
import pytest
from hypothesis import given, settings
from hypothesis import strategies as s

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.lane import CqlLane
from hyperdb.frontends.cql.parse import cache
from hyperdb.frontends.cql.parse.cache import Statements
from hyperdb.frontends.cql.parse.lift import Lifter
from hyperdb.frontends.cql.parse.parser import Grammar, Statement
from hyperdb.frontends.cql.parse.terms import Slot
from hyperdb.frontends.cql.parse.text_definitions import render
from hyperdb.frontends.cql.parse.walk import walk


def outcome(call: Callable[[str], object], text: str) -> tuple[object, str | None]:
    """What a call gives, or the message of its error."""
    try:
        return call(text), None
    except CqlError as error:
        return None, error.message


def error_of(call: Callable[[str], object], text: str) -> str:
    with pytest.raises(CqlError) as caught:
        call(text)
    return caught.value.message


def same(cql: Grammar, statements: Statements, text: str) -> None:
    expected, refused = outcome(cql.parse, text)
    if refused is not None:
        assert outcome(statements.parse, text) == (None, refused)
        return
    parsed = statements.parse(text)
    assert parsed.statement() == expected
    assert [marker.position for marker in parsed.shape.markers] == sorted(marker.position for marker in parsed.shape.markers)


LIFTS = (None, CqlLane.lift)
"""Who finds literals: the lexer's expression, native code."""
OTHERS = s.sampled_from(["7", "0", "123456789012345678901234567890"])


@settings(max_examples=25, deadline=None)
@given(tree=cql_trees.data, number=OTHERS, word=cql_trees.strings)
def test_a_shape_and_other_literals(cql: Grammar, tree: Statement, number: str, word: str) -> None:
    """The second text differs from the first in strings and numbers, where they are what the expression takes them for or not."""
    text = render(tree)
    quoted = "'" + word.replace("'", "''") + "'"
    for lift in LIFTS:
        statements = Statements(cql, lift)
        same(cql, statements, text)
        same(cql, statements, text)
        same(cql, statements, re.sub(r"\b[0-9]+\b", number, text))
        same(cql, statements, re.sub(r"'[^']*'", lambda _match: quoted, text))


PIECES = s.sampled_from(
    """SELECT * FROM t WHERE k = 5 IN (1, 'a', ?) 1.5 1..2 1. -1 - 1 'it''s' '' $$x'y$$ "a1" a1 _1 1a 0x1f 0xg 1h 1h2 P1Y P1Ya
    123e4567-e89b-12d3-a456-426614174000 a23e4567-e89b-12d3-a456-426614174000
    12a23e4567-e89b-12d3-a456-426614174000 -- // /* */ /*1*/
    ' " $ $$ 1e5 1e 1ee5 -5 --5 {1: 2} [1] (int)5 l[1] count(1) LIMIT 3 ; é ١ \0 AND k2 = 7""".split()
)


@settings(max_examples=60, deadline=None)
@given(pieces=s.lists(PIECES, max_size=8), glue=s.sampled_from(["", " ", "\n"]))
def test_texts_that_are_near_statements(cql: Grammar, pieces: list[str], glue: str) -> None:
    for lift in LIFTS:
        statements = Statements(cql, lift)
        for head in ("SELECT * FROM t WHERE k = ", "INSERT INTO t (a) VALUES (1,", "UPDATE t SET a = 1, b = "):
            same(cql, statements, head + glue.join(pieces))
            same(cql, statements, head + glue.join(pieces).replace("5", "678"))


def test_literals_are_lifted_in_the_order_of_the_text(cql: Grammar) -> None:
    parsed = Statements(cql).parse(
        "UPDATE t USING TTL 9 SET a = -1, m['x'] = 0xFF WHERE k = 'it''s' AND c IN (1.5, 1h) LIMIT 1"[:-8]
    )
    assert [literal.text for literal in parsed.literals] == ["9", "1", "x", "0xFF", "it's", "1.5", "1h"]
    assert [node for node in walk(parsed.shape.statement) if isinstance(node, Slot) and node.negative] == [Slot(1, True)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("SELECT * FROM t WHERE k = 1", "SELECT * FROM t WHERE k = 234"),
        ("INSERT INTO t (a, b) VALUES ('x', -1)", "INSERT INTO t (a, b) VALUES ('y''z', -20)"),
        ("BEGIN BATCH DELETE FROM t WHERE k = 1 APPLY BATCH", "BEGIN BATCH DELETE FROM t WHERE k = 2 APPLY BATCH"),
    ],
)
def test_one_shape(cql: Grammar, first: str, second: str) -> None:
    statements = Statements(cql)
    assert statements.parse(first).shape is statements.parse(second).shape


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("SELECT * FROM t WHERE k = 1", "SELECT * FROM t WHERE k = 'a'"),
        ("SELECT * FROM t WHERE k = 1", "SELECT * FROM t WHERE k = 1.0"),
        ("SELECT m['a'] FROM t", "SELECT m['b'] FROM t"),
        ("SELECT (int)5 FROM t WHERE k = 1", "SELECT (int)6 FROM t WHERE k = 1"),
        ("SELECT (vector<float, 2>)? FROM t", "SELECT (vector<float, 3>)? FROM t"),
        ('SELECT * FROM "t1"', 'SELECT * FROM "t2"'),
        ("SELECT * FROM t1", "SELECT * FROM t2"),
        ("CREATE TYPE a (b vector<int, 3>)", "CREATE TYPE a (b vector<int, 4>)"),
        ("ALTER TABLE t WITH gc_grace_seconds = 1", "ALTER TABLE t WITH gc_grace_seconds = 2"),
    ],
)
def test_no_shape_together(cql: Grammar, first: str, second: str) -> None:
    statements = Statements(cql)
    assert statements.parse(first).shape is not statements.parse(second).shape
    assert statements.parse(second).statement() == cql.parse(second)


def test_count_of_one_only(cql: Grammar) -> None:
    statements = Statements(cql)
    statements.parse("SELECT count(1) FROM t WHERE k = 1")
    assert "Only COUNT(1)" in error_of(statements.parse, "SELECT count(2) FROM t WHERE k = 1")


def test_a_known_text_is_not_read_again(cql: Grammar) -> None:
    statements = Statements(cql)
    text = "SELECT a FROM t WHERE k = 1"
    assert statements.parse(text) is statements.parse(text)


def test_what_is_kept_is_bounded(cql: Grammar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_KEPT", 10)
    statements = Statements(cql)
    for number in range(50):
        statements.parse(f"SELECT a{number} FROM t WHERE k = {number}")
        statements.parse(f"SELECT m[{number}] FROM t{number}")
    long = "SELECT a FROM t WHERE k = '" + "x" * cache.LONGEST_KEPT + "'"
    statements.parse(long)
    kept = [statements._texts, statements._shapes, statements._shapeless]
    assert [9 <= len(found) <= 10 for found in kept] == [True, True, True]
    assert long not in statements._texts


def test_lifting_knows_the_lexers_patterns(cql: Grammar) -> None:
    shape, found = Lifter(cql.machine.lexer).lift("a1 '2' \"3\" 4.5 -- 6\n/*7*/ 8 l[9..10]")
    assert [text for _, text, _ in found] == ["2", "4.5", "8", "9", "10"]
    assert '"3"' in shape
