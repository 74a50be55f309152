"""Select lists that are written when it is known what is used of them.

Theory: every derived table has a name of its own, so a column is used if its name `tN.cK` stands anywhere in the text outside.
Tables are written into the text as marks and filled in from the outermost inwards; a table waits while another one that is not
filled in may still name it. Invariant: the text names exactly the columns that it uses, so that engines and scans read no others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hyperdb.errors import NotColumnarError

_MARK = re.compile("\x01(\\d+)\x01")


class Listings:
    """The lists of one text."""

    def __init__(self) -> None:
        self._lists: list[tuple[Sequence[str], Sequence[tuple[str, str]]]] = []

    def add(self, tables: Sequence[str], columns: Sequence[tuple[str, str]]) -> str:
        """A mark for the list of a table by all its names: expressions and their names."""
        self._lists.append((tables, columns))
        return f"\x01{len(self._lists) - 1}\x01"

    def fill(self, text: str) -> str:
        """The text with every mark filled in."""
        while found := {int(mark) for mark in _MARK.findall(text)}:
            ready = [number for number in found if not self._waits(number, found)]
            if not ready:
                raise NotColumnarError("tables that name each other")
            for number in ready:
                text = text.replace(f"\x01{number}\x01", self._written(number, text))
        return text

    def _waits(self, number: int, found: set[int]) -> bool:
        tables = self._lists[number][0]
        pattern = re.compile(rf"\b(?:{'|'.join(tables)})\.")
        others = (self._lists[other] for other in found - {number})
        return any(pattern.search(text) for other, columns in others if other is not tables for text, _ in columns)

    def _written(self, number: int, text: str) -> str:
        tables, columns = self._lists[number]
        used = set().union(*[used_columns(text, table) for table in tables])
        return ", ".join(f"{each} AS {name}" for each, name in columns if name in used) or "1 AS nothing"


def used_columns(text: str, table: str) -> set[str]:
    """The columns of a table that a text names."""
    return set(re.findall(rf"\b{table}\.(\w+)", text))
