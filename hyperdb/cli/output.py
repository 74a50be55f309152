"""How verbs speak: a table on a terminal or in a pipe, or JSON under `--json`.

Invariant: what `--json` prints is the report itself, so field names do not depend on how a table looks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_PIPE_COLUMNS = 200
"""Columns where nobody looks: roots and keys stay whole."""


def print_json(value: object) -> None:
    """A report as JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Rows under their names."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    _console().print(table)


def print_facts(rows: Sequence[tuple[str, Any]]) -> None:
    """Names and values, one a line; values are never cut or broken, so that they can be copied."""
    there = [(name, value) for name, value in rows if value is not None]
    width = max(len(name) for name, _ in there)
    console = _console()
    for name, value in there:
        console.print(Text.assemble((name.ljust(width), "bold"), f"  {value}"), soft_wrap=True)


def _console() -> Console:
    return Console(width=None if Console().is_terminal else _PIPE_COLUMNS, highlight=False)
