"""The coverage table of `docs/resp.md`, written from the command table.

Run `python -m hyperdb.frontends.resp.coverage docs/resp.md` after a change of the table; a test compares. Only what stands
between the two markers is written, the prose around them is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from hyperdb.frontends.resp.table import Command, Executor, commands

BEGIN = "<!-- coverage: written from commands.tsv, do not edit -->"
END = "<!-- end of coverage -->"
_STATE = {Executor.NATIVE: "yes", Executor.PYTHON: "yes", Executor.LATER: "not yet"}


def _row(command: Command) -> str:
    name = command.name.upper().replace("|", " ")
    syntax = command.syntax.replace("|", "\\|")
    return f"| {name} | {command.since} | {_STATE[command.executor]} | `{syntax}` |"


def _counted(rows: Iterable[Command]) -> str:
    found = list(rows)
    served = sum(1 for command in found if command.executor is not Executor.LATER)
    return f"{served} of {len(found)}"


def render() -> str:
    """The table of every group of commands, with a line of totals."""
    groups: dict[str, list[Command]] = {}
    for command in commands().values():
        groups.setdefault(command.group, []).append(command)
    parts = [f"Served: {_counted(commands().values())} commands and subcommands of Redis 7.2.", ""]
    for group, rows in sorted(groups.items()):
        parts += [f"### {group} ({_counted(rows)})", "", "| command | since | served | syntax |", "|---|---|---|---|"]
        parts += [_row(command) for command in rows]
        parts.append("")
    return "\n".join(parts)


def merged(text: str) -> str:
    """`text` with the part between the markers written anew.

    Raises:
        ValueError: when the markers are not there.
    """
    head, found_begin, rest = text.partition(BEGIN)
    _, found_end, tail = rest.partition(END)
    if not found_begin or not found_end:
        raise ValueError("the coverage markers are missing")
    return f"{head}{BEGIN}\n\n{render()}\n{END}{tail}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(merged(page.read_text("utf-8")), "utf-8")
