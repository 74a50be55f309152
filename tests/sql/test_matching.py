"""Patterns that end: bombs are refused within a bound, LIKE equals its definition, what is Python's alone is no syntax."""

from __future__ import annotations

import random
from functools import cache

import pytest

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.functions import matching, regexes
from hyperdb.frontends.sql.functions.matching import like
from hyperdb.frontends.sql.functions.regexes import regex

BOMBS = [("(a|aa)+$", "a" * 60 + "b"), ("(.*a){25}", "a" * 24 + "b" * 20_000)]
FOREIGN = [
    "(?R)", "(?P<n>a)", "(?i:a)", "a*+", "a++", "a?+", "a{2}+", "a**", r"\p{L}", r"\N{DIGIT ONE}", r"\X", r"\L<x>", r"a\K",
    "(?|a|b)", "(?>a)", "(a", "a)", "[a", "*a", "a{2,1}", "\\",
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "text"), BOMBS)
def test_a_bomb_is_refused_in_time(pattern: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "SECONDS", 0.05)
    for call in (lambda: regex(pattern).search(text), lambda: list(regex(pattern).finditer(text))):
        with pytest.raises(SqlError) as error:
            call()
        assert error.value.sqlstate == "2201B"


@pytest.mark.parametrize("pattern", FOREIGN)
def test_what_only_python_reads_is_refused(pattern: str) -> None:
    with pytest.raises(SqlError) as error:
        regex(pattern)
    assert error.value.sqlstate == "2201B"


def test_braces_without_a_bound_are_characters() -> None:
    found = regex("a{e}").search("xa{e}x")
    assert found is not None
    assert found.group() == "a{e}"
    assert regex("a{e<=1}").search("b") is None, "not a match with faults, as the module has them"


@cache
def by_definition(text: str, pattern: str) -> bool:
    """LIKE as the standard says it."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(by_definition(text[at:], pattern[1:]) for at in range(len(text) + 1))
    if pattern[0] == "\\":
        return text[:1] == pattern[1:2] and by_definition(text[1:], pattern[2:])
    return bool(text) and pattern[0] in ("_", text[0]) and by_definition(text[1:], pattern[1:])


def test_like_equals_its_definition() -> None:
    maker = random.Random(7)
    for _ in range(20_000):
        text = "".join(maker.choices("ab\n%", k=maker.randrange(8)))
        pattern = "".join(maker.choices(["a", "b", "%", "_", "\\%", "\\_", "\\a"], k=maker.randrange(7)))
        assert like(text, pattern) is by_definition(text, pattern), (text, pattern)


def test_like_of_many_percents_is_one_pass() -> None:
    text = "a" * 100_000
    assert not like(text, "%a" * 200 + "%b")
    assert like(text, "%a" * 200 + "%")
    assert like("ÄB", "ä%", ignore_case=True)


def test_the_longest_alternative_is_taken_where_it_is_not_repeated() -> None:
    for pattern, text, found in (
        ("foo|foobar", "foobar", "foobar"),
        ("x(a|ab)(c|bcd)", "xabcd", "xabcd"),
        ("(a|ab)*?", "ab", ""),
        ("a|[)]b|a[|]c", "a|c", "a|c"),
    ):
        match = regex(pattern).search(text)
        assert match is not None
        assert match.group() == found
    assert regexes.similar("(a|b)%c").fullmatch("bxxc")
