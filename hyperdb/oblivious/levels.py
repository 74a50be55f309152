"""How much a store may learn of a question: two answers, chosen for each query.

Theory: *scope* says what may be known of where the answer lies (the shard, the app, nothing but the store). The *mechanism* says
what the store learns within it: everything (none); in which block of K the element lies (bucket); in which of c blocks, always
the same ones for all that lie in them (cover); how often was asked (pir); nothing but that everything was fetched (full).
K counts elements, and is not the posterior: whoever knows that some are popular knows more.
Invariant: a level is data, and a reader that cannot keep it refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from hyperdb.errors import InvalidError

Scope = Literal["shard", "app", "global"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
MOST_BLOCKS = 64
MOST_ELEMENTS = 1 << 20


@dataclass(frozen=True)
class Level:
    """A level: one of the classes below."""

    scope: Scope = "app"

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise InvalidError(f"a scope is one of {', '.join(SCOPES)}, not {self.scope!r}")

    @property
    def mechanism(self) -> str:
        """Without the scope, as people write it."""
        return type(self).__name__.lower()

    def __str__(self) -> str:
        return self.mechanism if self.scope == "app" else f"{self.mechanism}@{self.scope}"


@dataclass(frozen=True)
class Plain(Level):
    """`none`: the store learns the question and the answer."""

    @property
    def mechanism(self) -> str:
        """See `Level`."""
        return "none"


@dataclass(frozen=True)
class Bucket(Level):
    """`bucket(K)`: the store learns the block, of 0.9 to 1.8 K elements on average, and when it is asked for again."""

    k: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        _check("elements of a block", self.k, MOST_ELEMENTS)

    @property
    def mechanism(self) -> str:
        """See `Level`."""
        return f"bucket({self.k})"


@dataclass(frozen=True)
class Cover(Level):
    """`cover(c, K)`: the store learns c blocks of about K elements, one of which is meant; the same for whatever is in them."""

    c: int = 4
    k: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        _check("elements of a block", self.k, MOST_ELEMENTS)
        _check("blocks of a cover", self.c, MOST_BLOCKS)
        if self.c & (self.c - 1):
            raise InvalidError(f"a cover has a power of two of blocks, not {self.c}: each has to be of the same size")

    @property
    def mechanism(self) -> str:
        """See `Level`."""
        return f"cover({self.c}, {self.k})"


@dataclass(frozen=True)
class Pir(Level):
    """`pir`: the store learns that something was read, of which epoch, when and how often."""


@dataclass(frozen=True)
class Full(Level):
    """`full`: the store learns that everything was fetched; reads afterwards do not reach it."""


def _check(what: str, number: int, most: int) -> None:
    if not 1 <= number <= most:
        raise InvalidError(f"{what}: {number} is not between 1 and {most}")


_WRITTEN = re.compile(r"\s*(?P<name>[a-z]+)\s*(\(\s*(?P<numbers>\d+(\s*,\s*\d+)*)\s*\))?\s*(@\s*(?P<scope>[a-z]+))?\s*")
_CLASSES: dict[str, tuple[type[Level], tuple[str, ...]]] = {
    "none": (Plain, ()),
    "bucket": (Bucket, ("k",)),
    "cover": (Cover, ("c", "k")),
    "pir": (Pir, ()),
    "full": (Full, ()),
}


def parse_level(text: str) -> Level:
    """A level as people write it: `none`, `bucket(64)`, `cover(4, 64)`, `pir`, `full`, each also with `@shard` or `@global`.

    Raises:
        InvalidError: it is none.
    """
    found = _WRITTEN.fullmatch(text.lower())
    known = _CLASSES.get(found["name"]) if found else None
    if found is None or known is None:
        raise InvalidError(f"a privacy level is none, bucket(K), cover(c, K), pir or full, not {text[:64]!r}")
    made, names = known
    numbers = [int(number) for number in found["numbers"].split(",")] if found["numbers"] else []
    if numbers and len(numbers) != len(names):
        raise InvalidError(f"{found['name']} takes {len(names)} numbers, not {len(numbers)}")
    scope = {"scope": found["scope"]} if found["scope"] else {}
    return made(**scope, **dict(zip(names, numbers, strict=False)))  # type: ignore[arg-type]
