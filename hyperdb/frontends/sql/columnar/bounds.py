"""Conditions that an engine pushes down, as bounds of a key.

Theory: Arrow gives an expression only as its text, in which each comparison of a conjunction stands in parentheses: `((k >= 5)
and (k < 10))`. What is understood narrows the range that is read; what is not, and any text with a quote in it, narrows
nothing. The expression itself is evaluated on what was read, so a bound that is too wide costs time and one is never too narrow.
"""

from __future__ import annotations

import re
from datetime import date

_COMPARISON = re.compile(r"(\w+) (>=|>|<=|<|==) (-?\d+|\d{4}-\d\d-\d\d)")
_EPOCH = date(1970, 1, 1).toordinal()


def _value(text: str) -> int:
    return date.fromisoformat(text).toordinal() - _EPOCH if text.count("-") == 2 else int(text)


def _parts(text: str) -> list[str]:
    """The operands of a conjunction in parentheses; the text itself if it is none."""
    if not text.startswith("("):
        return [text]
    parts, depth, start = [], 0, 1
    for at, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and at + 1 < len(text):
            return [text]
        if depth == 1 and text.startswith(" and ", at):
            parts.append(text[start:at])
            start = at + len(" and ")
    return [*parts, text[start:-1]]


def bounds(text: str, key: str) -> tuple[int | None, int | None]:
    """The least and the greatest value that column `key` may have under a condition; None: any."""
    low: int | None = None
    high: int | None = None
    if "'" in text or '"' in text or not key.isidentifier():
        return low, high
    todo = [text]
    while todo:
        part = todo.pop()
        parts = _parts(part)
        if parts != [part]:
            todo.extend(parts)
            continue
        found = _COMPARISON.fullmatch(part)
        if found is None or found[1] != key:
            continue
        operator, value = found[2], _value(found[3])
        if operator in (">=", ">", "=="):
            least = value + (operator == ">")
            low = least if low is None else max(low, least)
        if operator in ("<=", "<", "=="):
            greatest = value - (operator == "<")
            high = greatest if high is None else min(high, greatest)
    return low, high
