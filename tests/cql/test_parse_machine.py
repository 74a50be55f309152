"""The loop that runs lark's table does what lark's own does."""

from __future__ import annotations

from pathlib import Path

import pytest
from lark.exceptions import UnexpectedToken

from hyperdb.frontends.cql.parse.lexer import RESERVED
from hyperdb.frontends.cql.parse.machine import Unexpected
from hyperdb.frontends.cql.parse.parser import Grammar

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cql" / "statements.txt"
TEXTS = [block.split("\n=> ")[0] for block in GOLDEN.read_text(encoding="utf-8").strip().split("\n\n")[1:]]


@pytest.mark.parametrize("text", TEXTS, ids=str)
def test_the_same_trees(cql: Grammar, text: str) -> None:
    assert cql.machine.run(text) == cql.lark.parse(text)


@pytest.mark.parametrize("text", TEXTS[::5], ids=str)
def test_the_same_places_of_errors(cql: Grammar, text: str) -> None:
    words = text.split(" ")
    for cut in range(len(words)):
        broken = " ".join([*words[:cut], "=", *words[cut + 1 :]])
        try:
            cql.machine.run(broken)
        except Unexpected as error:
            with pytest.raises(UnexpectedToken) as caught:
                cql.lark.parse(broken)
            theirs = caught.value.token
            ours = error.lexeme
            assert (ours.position if ours else None) == (None if theirs.type == "$END" else theirs.position)
        except Exception as error:
            with pytest.raises(type(error)):
                cql.lark.parse(broken)
        else:
            cql.lark.parse(broken)


def test_every_reserved_word_is_in_the_grammar(cql: Grammar) -> None:
    assert set(cql.machine.lexer.words) >= RESERVED
    for word in sorted(RESERVED):
        assert not cql.machine.lexer.words[word][0].islower()
        with pytest.raises((Unexpected, Exception)):
            cql.machine.run(f"USE {word}")


def test_words_that_are_not_reserved_are_names(cql: Grammar) -> None:
    for word in sorted(set(cql.machine.lexer.words) - RESERVED - {"true", "false"}):
        for text in ("USE {}", "SELECT a, {} FROM {} WHERE {} = 1", "CREATE TABLE {} ({} {}, PRIMARY KEY ({}))", "DROP INDEX {}"):
            cql.parse(text.replace("{}", word))


def test_the_table_is_kept_between_processes(cql: Grammar, kept_table: Path) -> None:
    text = "SELECT a FROM t WHERE k = 1"
    expected = cql.parse(text)
    before = kept_table.stat().st_mtime_ns
    assert Grammar(kept_table).parse(text) == expected
    assert kept_table.stat().st_mtime_ns == before
