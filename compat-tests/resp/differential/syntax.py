"""Command syntax as data, and random commands from it.

A line such as `set KEY VALUE ?(nx|xx) ?(ex TTL|keepttl)` is a grammar:

    word        itself              NAME        a value of the kind NAME (see `KINDS`)
    ?x          x or nothing        +x          x one to four times
    (a b|c)     either branch       :how        (last) how replies are compared, see `compare.py`

Kinds draw from few keys and few values, so that commands meet; and now and then draw what does not belong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Words = tuple[bytes, ...]

_TOKEN = re.compile(r"\s*([?+()|]|:[a-z]+|[^\s?+()|:]+)")


def _choice(*texts: str | bytes) -> SearchStrategy[bytes]:
    return st.sampled_from([text if isinstance(text, bytes) else text.encode() for text in texts])


def _mostly(usual: SearchStrategy[bytes], odd: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    return st.integers(0, 11).flatmap(lambda roll: odd if roll == 0 else usual)


_INTEGERS = _choice("0", "1", "-1", "2", "3", "-3", "5", "10", "100")
_ODD_NUMBERS = _choice(
    "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775807",
    "1.5", "abc", "", " 1", "+1", "01", "-0", "1e3", "inf", "nan", "4294967296",
)  # fmt: skip
_FLOATS = _choice(
    "0", "1", "-1", "1.5", "-2.25", "0.1", "3.0e3", "1e-9", "123456789.123456789", "0.30000000000000004",
    "17179869184.5", "1e18", "99999999999999999999",
)  # fmt: skip
_ODD_FLOATS = _choice("inf", "-inf", "+inf", "nan", "abc", "", " 1", "1 ", "0x10", "1e400", "1e-400", "1e5000", "1_0")

#: What each kind of argument may be. Others add theirs: keep the ranges small, so that commands meet.
KINDS: dict[str, SearchStrategy[bytes]] = {
    "KEY": _choice("a", "b", "c", "h", "h2", "n"),
    "VALUE": _mostly(
        _choice("x", "y", "hello", "10", "-5", "3.5", "", b"\x00\xff", "12345678901234567890"),
        st.binary(max_size=80),
    ),
    "FIELD": _mostly(_choice("f", "g", "i", "1", ""), _choice("x" * 65, "long")),
    "INT": _mostly(_INTEGERS, _ODD_NUMBERS),
    # Redis would draw with repetition for as many times as there are numbers, so none of the far negative ones.
    "DRAWS": _mostly(_INTEGERS, _choice("9223372036854775807", "-9223372036854775808", "abc", "1.5", "", "+1")),
    "FLOAT": _mostly(_FLOATS, _ODD_FLOATS),
    "INDEX": _mostly(_choice("0", "1", "-1", "2", "-2", "4", "-6", "100", "-100"), _ODD_NUMBERS),
    # Far from now, so that two servers a few milliseconds apart agree.
    "SECONDS": _mostly(_choice("100", "1000", "5000"), _choice("0", "-1", "x", "9223372036854775807", "1.5")),
    "MILLISECONDS": _mostly(_choice("100000", "1000000"), _choice("0", "-1", "x", "9223372036854775807")),
    "UNIXTIME": _mostly(_choice("4000000000", "4000000500"), _choice("1", "0", "-1", "9223372036854775807", "x")),
    "UNIXMS": _mostly(_choice("4000000000000", "4000000500000"), _choice("1", "-1", "9223372036854775807", "x")),
    "COUNT": _mostly(_choice("1", "2", "5", "100"), _choice("0", "-1", "x", "9223372036854775807")),
    "PATTERN": _choice("*", "a*", "?", "h?", "[a-c]", "[^a]", "h\\*", "", "**", "f*", "[", "*2"),
    "BIT": _mostly(_choice("0", "1"), _choice("2", "-1", "x")),
    "BITOFFSET": _mostly(_choice("0", "1", "7", "8", "20", "100"), _choice("-1", "4294967296", "x")),
    "BITTYPE": _mostly(_choice("u1", "u8", "i8", "i5", "u63", "i64", "u16"), _choice("u64", "i65", "u0", "x8", "u")),
    "FIELDOFFSET": _mostly(_choice("0", "3", "#1", "#0", "10"), _choice("-1", "#-1", "x", "#", "4294967296")),
    "LIST": _mostly(_choice("l", "l2"), _choice("a", "h", "s", "none")),
    "SET": _mostly(_choice("s", "s2"), _choice("a", "h", "z", "none")),
    "ZSET": _mostly(_choice("z", "z2"), _choice("a", "s", "none")),
    "MEMBER": _mostly(_choice("f", "g", "1", "2", "30", ""), _choice("x" * 65, "long", b"\x00\xff")),
    "SCORE": _mostly(_FLOATS, _ODD_FLOATS),
    "SCOREEND": _mostly(_choice("-inf", "+inf", "0", "1", "(1", "1.5", "(-1", "10", "(3.0e3"), _ODD_FLOATS),
    "LEXEND": _mostly(_choice("-", "+", "[f", "(f", "[1", "(2", "[g", "["), _choice("f", "", "-x", "+1")),
    # Nobody will push: both servers must come back with the reply of a time that is over.
    "BRIEF": _mostly(_choice("0.001", "0.002"), _choice("-1", "x", "", "1e400", "9e18")),
    "LONGITUDE": _mostly(
        _choice("0", "13.361389", "15.087269", "-122.4", "179.99", "-179.99", "2.35", "-0.00001"),
        _choice("180", "-180", "180.1", "x", "", "inf", "nan", "1e5000"),
    ),
    "LATITUDE": _mostly(
        _choice("0", "38.115556", "37.502669", "37.8", "-33.9", "84.9", "-84.9", "70", "0.00001"),
        _choice("85.05112878", "-85.05112878", "85.06", "x", ""),
    ),
    "LENGTH": _mostly(_choice("0", "1", "100", "200.5", "5000", "20000", "1e7", "0.001"), _choice("-1", "x", "", "inf", "1e300")),
    "UNIT": _mostly(_choice("m", "km", "ft", "MI"), _choice("yd", "")),
    "PLACES": _mostly(_choice("pl", "pl2"), _choice("a", "s", "none")),
    "SKETCH": _mostly(_choice("pf", "pf2"), _choice("a", "s", "none")),
    #: Different elements, each some digits: enough of them leave the sparse encoding's corners behind.
    "MANY": st.integers(0, 999_999).map(lambda number: b"%d" % number),
    "STREAM": _mostly(_choice("st", "st2"), _choice("a", "s", "none")),
    "GROUP": _mostly(_choice("g", "g2"), _choice("none", "")),
    "CONSUMER": _choice("c", "d", ""),
    "ID": _mostly(
        _choice("1-1", "1-2", "2-0", "3", "3-1", "4-*", "5-5", "6-0", "7-*", "0-1", "0"),
        _choice(
            "0-0",
            "x",
            "",
            "-",
            "+",
            "5-",
            "-5",
            "1-x",
            " 1-1",
            "+1-1",
            "01-01",
            "(1-1",
            "1--1",
            "1--01",
            "1-1-1",
            "18446744073709551615-18446744073709551615",
            "18446744073709551616-0",
            "18446744073709551615",
            "9" * 128,
        ),
    ),
    "IDEND": _mostly(
        _choice("-", "+", "1-1", "1", "2", "(1-1", "(3", "5-5", "0"),
        _choice("(", "(-", "(0-0", "x", "", "(18446744073709551615-18446744073709551615", "18446744073709551615"),
    ),
    "BLOCKMS": _mostly(_choice("1", "2"), _choice("-1", "x", "1.5", "9223372036854775807")),
    "DB": _mostly(_choice("0", "1", "9"), _choice("-1", "16", "x")),
}


@dataclass(frozen=True)
class Command:
    """One line of a table: how to draw the command, and how to compare replies to it."""

    words: SearchStrategy[Words]
    comparison: str


@dataclass(frozen=True)
class Drawn:
    """A command that was drawn."""

    words: Words
    comparison: str

    def __repr__(self) -> str:
        return " ".join(repr(word)[1:] for word in self.words)


def _joined(parts: Iterable[SearchStrategy[Words]]) -> SearchStrategy[Words]:
    return st.tuples(*parts).map(lambda drawn: tuple(word for words in drawn for word in words))


class _Parser:
    def __init__(self, line: str) -> None:
        self._tokens: list[str] = _TOKEN.findall(line)
        self._at = 0

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> str:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def command(self) -> Command:
        comparison = self._tokens.pop()[1:] if self._tokens[-1].startswith(":") else "exact"
        return Command(self._branches(), comparison)

    def _branches(self) -> SearchStrategy[Words]:
        branches = [self._sequence()]
        while self._peek() == "|":
            self._take()
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else st.one_of(branches)

    def _sequence(self) -> SearchStrategy[Words]:
        parts = []
        while self._peek() not in (None, ")", "|"):
            parts.append(self._part())
        return _joined(parts)

    def _part(self) -> SearchStrategy[Words]:
        token = self._take()
        prefixes: dict[str, Callable[[SearchStrategy[Words]], SearchStrategy[Words]]] = {
            "?": lambda part: st.one_of(st.just(()), part),
            "+": lambda part: st.lists(part, min_size=1, max_size=4).map(
                lambda drawn: tuple(word for words in drawn for word in words)
            ),
        }
        if token in prefixes:
            return prefixes[token](self._part())
        if token == "(":
            inner = self._branches()
            self._take()
            return inner
        if token in KINDS:
            return KINDS[token].map(lambda word: (word,))
        if token.isupper():
            raise ValueError(f"no such kind of argument: {token}")
        return st.just((token.encode(),))


def commands(table: str) -> list[Command]:
    """The commands of a table, one a line; empty lines and those that begin with # do not count."""
    lines = (line.strip() for line in table.splitlines())
    return [_Parser(line).command() for line in lines if line and not line.startswith("#")]


def drawing(table: list[Command]) -> SearchStrategy[Drawn]:
    """Draws a command of the table."""

    def draw(command: Command) -> SearchStrategy[Drawn]:
        return command.words.map(lambda words: Drawn(words, command.comparison))

    return st.sampled_from(table).flatmap(draw)
