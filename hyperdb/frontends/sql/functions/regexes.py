"""POSIX regular expressions, as Python's.

Theory: PostgreSQL's advanced regular expressions (documentation, 9.7.3) differ from Python's in letters behind a backslash, in
classes of brackets, in what `$` means and in the options; the pattern is rewritten piece by piece, and what is syntax for Python
alone is refused. Where alternatives of different length match at one place, PostgreSQL takes the longest and Python the first:
that is asked for where it costs nothing, outside of repetitions. Invariant: what cannot be read is 2201B.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import BOOL, INT4, TEXT, array_of
from hyperdb.frontends.sql.functions.matching import LONGEST, Match, Pattern
from hyperdb.frontends.sql.functions.model import Function
from hyperdb.frontends.sql.functions.texts import within

_TEXTS: int = array_of(TEXT) or 0
_OPTIONS = frozenset("bcegimnpqstwx")
_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "space": r"\s",
    "blank": r" \t",
    "upper": "A-Z",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9a-fA-F",
    "cntrl": r"\x00-\x1f\x7f",
    "print": r"\x20-\x7e\x80-\U0010ffff",
    "graph": r"\x21-\x7e\x80-\U0010ffff",
    "word": r"\w",
}
_ESCAPES = {
    "m": r"\b(?=\w)",
    "M": r"\b(?<=\w)",
    "y": r"\b",
    "Y": r"\B",
    "A": r"\A",
    "Z": r"\Z",
    "b": r"\x08",
    "B": r"\\",
    "e": r"\x1b",
    "a": r"\x07",
    "0": r"\x00",
}
_KEPT_ESCAPES = frozenset("dswDSWfnrtv123456789")
_CODE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{1,8}))")
_LEADING = re.compile(r"\(\?([a-z]+)\)")
_BRACKET_CLASS = re.compile(r"\[:(\w+|[<>]):\]")
_SIMILAR = {"%": ".*", "_": ".", "(": "(?:", ".": r"\.", "^": r"\^", "$": r"\$", "\\": r"\\"}
_BOUND = re.compile(r"\{\d+(,\d*)?\}")
_QUANTIFIER = re.compile(r"([*+?]|\{\d+(?:,\d*)?\})\??")
_GROUP = re.compile(r"\(\?(?::|=|!|<=|<!)")
_QUANTIFIED = "quantifier operand invalid"


def _invalid(why: object) -> SqlError:
    return SqlError("2201B", f"invalid regular expression: {why}")


def options(flags: str, function: str = "") -> str:
    """The flags of a function.

    Raises:
        SqlError: 22023 for an unknown one, or for `g` where `function` has no use for it.
    """
    for flag in flags:
        if flag not in _OPTIONS:
            raise SqlError("22023", f'invalid regular expression option: "{flag}"')
    if function and "g" in flags:
        raise SqlError("22023", f'{function}() does not support the "global" option')
    return flags


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    """A bracket expression that begins at `at`, and where it ends."""
    end = at + 1
    out = ["["]
    if pattern.startswith("^", end):
        out.append("^")
        end += 1
    first = end
    while end < len(pattern) and (pattern[end] != "]" or end == first):
        named = _BRACKET_CLASS.match(pattern, end)
        if named:
            name = named.group(1)
            if name not in _CLASSES:
                raise _invalid("invalid character class")
            out.append(_CLASSES[name])
            end = named.end()
        elif pattern[end] == "\\" and end + 1 < len(pattern):
            code = _CODE.match(pattern, end)
            out.append(_character(code) if code else pattern[end : end + 2])
            end = code.end() if code else end + 2
        else:
            out.append("\\" + pattern[end] if pattern[end] in "[&~|]" else pattern[end])
            end += 1
    if end >= len(pattern):
        raise _invalid("brackets [] not balanced")
    return "".join([*out, "]"]), end + 1


def _character(code: re.Match[str]) -> str:
    value = int(code.group(1) or code.group(2) or code.group(3), 16)
    if value > 0x10FFFF:
        raise _invalid("invalid escape \\ sequence")
    return re.escape(chr(value))


def _escaped(pattern: str, at: int) -> tuple[str, int]:
    """What a backslash at `at` begins, and where it ends."""
    following = pattern[at + 1 : at + 2]
    code = _CODE.match(pattern, at)
    if code:
        return _character(code), code.end()
    if following == "c" and at + 2 < len(pattern):
        return re.escape(chr(ord(pattern[at + 2]) & 31)), at + 3
    known = _ESCAPES.get(following)
    if known is None and (not following or (following.isalnum() and following not in _KEPT_ESCAPES)):
        raise _invalid("invalid escape \\ sequence")
    return known or pattern[at : at + 2], at + 2


def _rewritten(pattern: str, multiline: bool) -> str:
    out: list[str] = []
    at = 0
    while at < len(pattern):
        mark = pattern[at]
        if mark == "\\":
            made, at = _escaped(pattern, at)
            out.append(made)
        elif pattern.startswith(("[[:<:]]", "[[:>:]]"), at):
            out.append(_ESCAPES["m" if pattern[at + 3] == "<" else "M"])
            at += 7
        elif mark == "[":
            made, at = _bracket(pattern, at)
            out.append(made)
        elif mark in "*+?{" and (found := _QUANTIFIER.match(pattern, at)):
            at = found.end()
            if _QUANTIFIER.match(pattern, at):
                # Python reads some of these as possessive.
                raise _invalid(_QUANTIFIED)
            out.append(found.group())
        elif mark == "(" and pattern.startswith("(?", at):
            group = _GROUP.match(pattern, at)
            if group is None:
                raise _invalid(_QUANTIFIED)
            out.append(group.group())
            at = group.end()
        else:
            # Python's $ also stands before a line's end at the end of the text.
            out.append(r"\Z" if mark == "$" and not multiline else "\\{" if mark == "{" else mark)
            at += 1
    return "".join(out)


def _may_be_longest(source: str) -> bool:
    """Whether an expression has alternatives, none of them repeated, and nothing that wants to be short."""
    found, depths, at = False, [False], 0
    while at < len(source):
        mark = source[at]
        if mark == "\\":
            at += 1
        elif mark == "[":
            at = source.find("]", at + 2 + source.startswith("^", at + 1))
        elif mark == "(":
            depths.append(False)
        elif mark == "|":
            found = depths[-1] = True
        elif mark == ")" and len(depths) > 1:
            inside = depths.pop()
            depths[-1] |= inside
            if inside and source[at + 1 : at + 2] in ("*", "+", "{"):
                return False
        elif mark in "*+?}" and source[at + 1 : at + 2] == "?":
            return False
        at += 1
    return found


@lru_cache(1024)
def regex(pattern: str, flags: str = "") -> Pattern:
    """An advanced regular expression, compiled.

    Raises:
        SqlError: 2201B.
    """
    if pattern.startswith("***="):
        pattern, flags = pattern[4:], flags + "q"
    pattern = pattern.removeprefix("***:")
    leading = _LEADING.match(pattern)
    if leading and set(leading.group(1)) <= _OPTIONS - {"g"}:
        pattern, flags = pattern[leading.end() :], flags + leading.group(1)
    bits, multiline = re.DOTALL, False
    for flag in flags:
        if flag == "i":
            bits |= re.IGNORECASE
        elif flag == "c":
            bits &= ~re.IGNORECASE
        elif flag == "x":
            bits |= re.VERBOSE
        elif flag in "mnpsw":
            multiline = flag in "mnw"
            bits = bits & ~re.DOTALL if flag in "mnp" else bits | re.DOTALL
    bits = bits | re.MULTILINE if multiline else bits
    source = re.escape(pattern) if "q" in flags else _rewritten(pattern, multiline)
    return Pattern(source, bits | (LONGEST if _may_be_longest(source) else 0))


def _similar_source(pattern: str, escape: str) -> str:
    """SIMILAR TO's pattern, for Python."""
    out, at, inside = [], 0, False
    while at < len(pattern):
        mark = pattern[at]
        if escape and mark == escape and at + 1 < len(pattern):
            at += 1
            out.append(re.escape(pattern[at]))
        elif inside:
            inside = mark != "]"
            out.append("\\" + mark if mark in "\\[&~|" else mark)
        elif mark == "{" and not _BOUND.match(pattern, at):
            raise _invalid("invalid repetition count(s)")
        else:
            inside = mark == "["
            out.append(_SIMILAR.get(mark, mark))
        at += 1
    return "".join(out)


@lru_cache(256)
def similar(pattern: str, escape: str = "\\") -> Pattern:
    """SIMILAR TO's pattern.

    Raises:
        SqlError: 22025 for an escape of several characters, 2201B.
    """
    if len(escape) > 1:
        raise SqlError("22025", "invalid escape string", hint="Escape string must be empty or one character.")
    return Pattern(_similar_source(pattern, escape), re.DOTALL)


def _matched(text: str, pattern: str) -> str | None:
    found = regex(pattern).search(text)
    return None if found is None else found.group(1) if found.groups() else found.group()


def _filled(template: str, found: Match) -> str:
    """What stands in place of a match: \\1 is a part of it, \\& all of it."""
    out, at = [], 0
    while at < len(template):
        mark, following = template[at], template[at + 1 : at + 2]
        if mark != "\\" or not following:
            out.append(mark)
            at += 1
            continue
        if following.isdigit() and following != "0":
            out.append(found.group(int(following)) or "" if int(following) <= len(found.groups()) else "")
        else:
            out.append({"&": found.group(), "\\": "\\"}.get(following, mark + following))
        at += 2
    return "".join(out)


def _replaced(text: str, pattern: str, with_: str, flags: str = "") -> str:
    return _replace(text, pattern, with_, 1, 0 if "g" in options(flags) else 1, flags)


def _replace(text: str, pattern: str, with_: str, start: int = 1, n: int = 1, flags: str = "") -> str:
    """The nth match from `start` on, or with 0 all of them, replaced."""
    options(flags)
    if start < 1:
        raise SqlError("22023", f'invalid value for parameter "start": {start}')
    if n < 0:
        raise SqlError("22023", f'invalid value for parameter "n": {n}')
    out, at, size = [], 0, len(text)
    for number, found in enumerate(regex(pattern, flags).finditer(text, start - 1), 1):
        if n in (0, number):
            out += [text[at : found.start()], _filled(with_, found)]
            size += len(out[-1])
            within(size)
            at = found.end()
            if n:
                break
    return "".join([*out, text[at:]])


def _rows(text: str, pattern: str, flags: str = "") -> list[Any]:
    found = regex(pattern, options(flags)).finditer(text)
    rows: list[Any] = [list(each.groups()) if each.groups() else [each.group()] for each in found]
    return rows if "g" in flags else rows[:1]


def _row(text: str, pattern: str, flags: str = "") -> list[Any] | None:
    rows = _rows(text, pattern, options(flags, "regexp_match"))
    return rows[0] if rows else None


def _split(text: str, pattern: str, flags: str = "", *, name: str = "regexp_split_to_table") -> list[str]:
    """The parts between matches; an empty match at an end, or behind another match, parts nothing."""
    parts, at = [], 0
    for found in regex(pattern, options(flags, name)).finditer(text):
        if found.start() == found.end() and (found.start() in (0, len(text)) or found.start() == at):
            continue
        parts.append(text[at : found.start()])
        at = found.end()
    return [*parts, text[at:]]


def _found(text: str, pattern: str, start: int, flags: str) -> list[Match]:
    if start < 1:
        raise SqlError("22023", f'invalid value for parameter "start": {start}')
    return list(regex(pattern, flags).finditer(text, start - 1))


def _count(text: str, pattern: str, start: int = 1, flags: str = "") -> int:
    return len(_found(text, pattern, start, options(flags, "regexp_count")))


def _nth(text: str, pattern: str, start: int, n: int, flags: str, group: int) -> Match | None:
    if n < 1:
        raise SqlError("22023", f'invalid value for parameter "n": {n}')
    if group < 0:
        raise SqlError("22023", f'invalid value for parameter "subexpr": {group}')
    found = _found(text, pattern, start, flags)
    return found[n - 1] if n <= len(found) and group <= found[n - 1].re.groups else None


def _instr(text: str, pattern: str, start: int = 1, n: int = 1, end: int = 0, flags: str = "", group: int = 0) -> int:
    if end not in (0, 1):
        raise SqlError("22023", f'invalid value for parameter "endoption": {end}')
    found = _nth(text, pattern, start, n, options(flags, "regexp_instr"), group)
    return 0 if found is None else (found.end(group) if end else found.start(group)) + 1


def _substr(text: str, pattern: str, start: int = 1, n: int = 1, flags: str = "", group: int = 0) -> str | None:
    found = _nth(text, pattern, start, n, options(flags, "regexp_substr"), group)
    return None if found is None else found.group(group)


def _like(text: str, pattern: str, flags: str = "") -> bool:
    return regex(pattern, options(flags, "regexp_like")).search(text) is not None


def _similar_part(text: str, pattern: str, escape: str) -> str | None:
    """substring(text SIMILAR pattern ESCAPE escape): what lies between two escaped double quotes."""
    if len(escape) > 1:
        raise SqlError("22025", "invalid escape string", hint="Escape string must be empty or one character.")
    pieces = pattern.split(escape + '"') if escape else [pattern]
    if len(pieces) > 3:
        raise SqlError("2200C", "SQL regular expression may not contain more than two escape-double-quote separators")
    if len(pieces) == 1:
        return text if similar(pattern, escape).fullmatch(text) else None
    before, inside, behind = (*(_similar_source(piece, escape) for piece in pieces), "")[:3]
    # The part in front is as short as it can be, then the part between.
    lazy = before.replace(".*", ".*?")
    whole = f"(?:{lazy})({inside.replace('.*', '.*?') if behind else inside})(?:{behind})"
    found = Pattern(whole, re.DOTALL).fullmatch(text)
    return None if found is None else found.group(1)


def operators() -> Iterator[Function]:
    """Matching by a sign."""
    for name, flags, want in (("~", "", True), ("~*", "i", True), ("!~", "", False), ("!~*", "i", False)):

        def match(text: str, pattern: str, flags: str = flags, want: bool = want) -> bool:
            return (regex(pattern, flags).search(text) is not None) is want

        yield Function(name, (TEXT, TEXT), BOOL, match)


def functions() -> Iterator[Function]:
    """The table."""
    for size in (2, 3):
        match: Callable[..., bool] = lambda text, pattern, escape="\\": similar(pattern, escape).fullmatch(text) is not None  # noqa: E731
        yield Function("similar_to", (TEXT,) * size, BOOL, match)
    yield Function("substring", (TEXT, TEXT), TEXT, _matched)
    yield Function("substring", (TEXT, TEXT, TEXT), TEXT, _similar_part)
    yield Function("regexp_replace", (TEXT, TEXT, TEXT), TEXT, _replaced)
    yield Function("regexp_replace", (TEXT, TEXT, TEXT, TEXT), TEXT, _replaced)
    yield Function("regexp_replace", (TEXT, TEXT, TEXT, INT4, INT4, TEXT), TEXT, _replace, optional=2)
    for given in ((TEXT, TEXT), (TEXT, TEXT, TEXT)):
        yield Function("regexp_match", given, _TEXTS, _row)
        yield Function("regexp_matches", given, _TEXTS, _rows, rows=True)
        yield Function("regexp_split_to_array", given, _TEXTS, lambda *parts: _split(*parts, name="regexp_split_to_array"))
        yield Function("regexp_split_to_table", given, TEXT, _split, rows=True)
    yield Function("regexp_count", (TEXT, TEXT, INT4, TEXT), INT4, _count, optional=2)
    yield Function("regexp_like", (TEXT, TEXT, TEXT), BOOL, _like, optional=1)
    yield Function("regexp_instr", (TEXT, TEXT, INT4, INT4, INT4, TEXT, INT4), INT4, _instr, optional=5)
    yield Function("regexp_substr", (TEXT, TEXT, INT4, INT4, TEXT, INT4), TEXT, _substr, optional=4)
