"""Placeholders of PEP 249's `pyformat` (`%(name)s`, and `%s` by place) as PostgreSQL's `$1`.

Theory: as in psycopg, marks are looked for everywhere in the text, `%%` is a percent sign, and a text that is run without
parameters is left alone. A text without marks may number its parameters itself: `$1`. Invariant: each text is read once, the
result depends on nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from hyperdb.errors import SqlError

Parameters = Sequence[Any] | Mapping[str, Any]
_MARK = re.compile(r"%(?:(?P<one>[%s])|\((?P<name>[^)]*)\)s)?", re.DOTALL)
_TEXTS = 1024


@lru_cache(_TEXTS)
def numbered(text: str) -> tuple[str, tuple[str | int, ...] | None]:
    """The text with `$n` for marks, and what each `$n` stands for: a name or a place; None: it has no marks.

    Raises:
        SqlError: 42601 for a lone `%`, and for places and names in one text.
    """
    wanted: list[str | int] = []
    numbers: dict[str, int] = {}
    marks = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal marks
        name = match["name"]
        if match["one"] == "%":
            return "%"
        if match["one"] is None and name is None:
            raise SqlError(
                "42601", "a lone % in a statement with parameters: write %% for a percent sign", position=match.start() + 1
            )
        marks += 1
        if name is None:
            wanted.append(len(wanted))
            return f"${len(wanted)}"
        if name not in numbers:
            wanted.append(name)
            numbers[name] = len(wanted)
        return f"${numbers[name]}"

    made = _MARK.sub(replaced, text)
    if numbers and len(numbers) != len(wanted):
        raise SqlError("42601", "a statement has either %s or %(name)s, not both")
    return made, tuple(wanted) if marks else None


def ordered(text: str, parameters: Parameters) -> tuple[str, list[Any]]:
    """The statement that is run, and its parameters in their order.

    Raises:
        SqlError: 07001 where marks and parameters do not go together.
    """
    made, wanted = numbered(text)
    if isinstance(parameters, Mapping):
        missing = [name for name in wanted or () if name not in parameters]
        if missing:
            raise SqlError("07001", f"no parameter is given for {', '.join(map(repr, missing))}")
        return made, [parameters[name] for name in wanted or () if isinstance(name, str)]
    if isinstance(parameters, str | bytes) or not isinstance(parameters, Sequence):
        raise SqlError("07001", "parameters are a sequence or a mapping")
    if wanted is None:
        if parameters and "$" not in text:
            raise SqlError("07001", f"the statement has no placeholders, and {len(parameters)} parameters are given")
        return made, list(parameters)
    if wanted and isinstance(wanted[0], str):
        raise SqlError("07001", "the statement names its parameters: give a mapping")
    if len(wanted) != len(parameters):
        raise SqlError("07001", f"the statement has {len(wanted)} placeholders, and {len(parameters)} parameters are given")
    return made, list(parameters)
