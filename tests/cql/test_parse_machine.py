"""The loop that runs lark's table does what lark's own does."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from lark import Lark
from lark.exceptions import UnexpectedToken

from hyperdb.frontends.cql.parse import making
from hyperdb.frontends.cql.parse.lexer import RESERVED
from hyperdb.frontends.cql.parse.machine import Unexpected
from hyperdb.frontends.cql.parse.parser import Builder, Grammar, grammar
from hyperdb.frontends.cql.parse.table import read, written

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "cql" / "statements.txt"
TEXTS = [block.split("\n=> ")[0] for block in GOLDEN.read_text(encoding="utf-8").strip().split("\n\n")[1:]]


@pytest.fixture(scope="module")
def lark() -> Lark:
    return making.lark(grammar(), Builder())


@pytest.mark.parametrize("text", TEXTS, ids=str)
def test_the_same_trees(cql: Grammar, lark: Lark, text: str) -> None:
    assert cql.machine.run(text) == lark.parse(text)


@pytest.mark.parametrize("text", TEXTS[::5], ids=str)
def test_the_same_places_of_errors(cql: Grammar, lark: Lark, text: str) -> None:
    words = text.split(" ")
    for cut in range(len(words)):
        broken = " ".join([*words[:cut], "=", *words[cut + 1 :]])
        try:
            cql.machine.run(broken)
        except Unexpected as error:
            with pytest.raises(UnexpectedToken) as caught:
                lark.parse(broken)
            theirs = caught.value.token
            ours = error.lexeme
            assert (ours.position if ours else None) == (None if theirs.type == "$END" else theirs.position)
        except Exception as error:
            with pytest.raises(type(error)):
                lark.parse(broken)
        else:
            lark.parse(broken)


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


def test_the_table_is_that_of_the_grammar() -> None:
    # Else: python -m hyperdb.frontends.cql.parse.making
    text = grammar()
    kept = resources.files("hyperdb.frontends.cql.grammar").joinpath("cql.table").read_text(encoding="utf-8")
    found = read(kept, text)
    assert found == making.made(text)
    assert written(found, text) == kept
    assert read(kept, text + "\n") is None
