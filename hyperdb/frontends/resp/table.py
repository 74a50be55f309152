"""The command table, read from the same data file as the native side.

`commands.tsv` holds one row a command or subcommand (`client|id`); its first row names the columns. Invariant: this file
only reads; what a command is called, takes and touches is decided in the data file alone.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType


class Executor(enum.Enum):
    """Who runs a command."""

    NATIVE = "native"
    PYTHON = "python"
    LATER = "later"


@dataclass(frozen=True)
class KeySpec:
    """Where a command's keys are: how to find the first one, then how to go on from there.

    `begin` is an argument's index, or `(keyword, index to search from)`, or `None` if it cannot be said; `find` is
    `("range", last, step, limit)`, `("keynum", count at, first at, step)`, or `None`.
    """

    flags: tuple[str, ...]
    begin: int | tuple[str, int] | None
    find: tuple[str, int, int, int] | None


@dataclass(frozen=True)
class Command:
    """One row."""

    name: str
    executor: Executor
    arity: int
    group: str
    flags: tuple[str, ...]
    keys: tuple[KeySpec, ...]
    categories: tuple[str, ...]
    tips: tuple[str, ...]
    since: str
    complexity: str
    syntax: str
    first: int
    last: int
    step: int
    summary: str

    @property
    def container(self) -> str | None:
        """The command that this one is a subcommand of."""
        head, bar, _ = self.name.partition("|")
        return head if bar else None


_FIND = re.compile(r"(range|keynum)\((-?\d+),(-?\d+),(-?\d+)\)")


def _words(cell: str) -> tuple[str, ...]:
    return tuple(word for word in cell.split(",") if word)


def _key_spec(text: str) -> KeySpec:
    flags, begin, find = text.split(":")
    where: int | tuple[str, int] | None = None
    if "@" in begin:
        keyword, index = begin.split("@")
        where = (keyword, int(index))
    elif begin != "?":
        where = int(begin)
    match = _FIND.fullmatch(find)
    how = (match[1], int(match[2]), int(match[3]), int(match[4])) if match else None
    return KeySpec(tuple(flags.split("+")), where, how)


def _command(row: Mapping[str, str]) -> Command:
    first, last, step = (int(number) for number in row["first,last,step"].split(","))
    return Command(
        name=row["name"],
        executor=Executor(row["executor"]),
        arity=int(row["arity"]),
        group=row["group"],
        flags=_words(row["flags"]),
        keys=tuple(_key_spec(text) for text in row["keys"].split(";") if text),
        categories=_words(row["categories"]),
        tips=_words(row["tips"]),
        since=row["since"],
        complexity=row["complexity"],
        syntax=row["syntax"],
        first=first,
        last=last,
        step=step,
        summary=row["summary"],
    )


@lru_cache(maxsize=1)
def commands() -> Mapping[str, Command]:
    """Every row by name, in the file's order.

    Raises:
        ValueError: if a row does not parse; tests read the file, so a release never does.
    """
    lines = files(__package__).joinpath("commands.tsv").read_text("utf-8").splitlines()
    names = lines[0].split("\t")
    rows = (dict(zip(names, line.split("\t"), strict=True)) for line in lines[1:] if line)
    return MappingProxyType({row["name"]: _command(row) for row in rows})


def served() -> Iterator[Command]:
    """The commands that exist for clients: all but those of a later release, containers before their own."""
    return (command for command in commands().values() if command.executor is not Executor.LATER)


def subcommands(name: str) -> Iterator[Command]:
    """The served subcommands of a container."""
    return (command for command in served() if command.container == name)
