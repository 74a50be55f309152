"""Replies of administration commands, before the wire spells them.

Plain Python values mean the obvious: `None` null, `bool`, `int`, `float`, `bytes` and `str` bulk strings, `list` an array,
`dict` a map. What plain values cannot say has a class here. The native server encodes them for
the client's protocol version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Simple:
    """A status such as `OK`."""

    text: str
    resp_kind: str = "simple"


@dataclass(frozen=True)
class Failure:
    """An error with its class: `ERR no such thing`."""

    text: str
    resp_kind: str = "error"


@dataclass(frozen=True)
class Verbatim:
    """Text meant for a person: INFO, LOLWUT."""

    text: str
    resp_kind: str = "verbatim"


@dataclass(frozen=True)
class Distinct:
    """A set, in the order in which it is written: clients compare flags as Redis orders them."""

    items: tuple[Simple, ...]
    resp_kind: str = "set"


Answer: TypeAlias = (
    "Simple | Failure | Verbatim | Distinct | bool | int | float | bytes | str | None | Sequence[Answer] | Mapping[str, Answer]"
)

OK = Simple("OK")
