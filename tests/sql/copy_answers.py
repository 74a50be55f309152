"""What our codecs of COPY make of an input; for the test and for whoever records the golden file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import copy
from hyperdb.frontends.sql.contract import CopyOptions

GOLDEN = Path(__file__).parents[1] / "golden" / "sql"
_DEFAULTS = {"text": {}, "csv": {"delimiter": ",", "null": ""}}


def copy_options(asked: dict[str, Any]) -> CopyOptions:
    """COPY's options with PostgreSQL's defaults: the escape is the quote where it is not given."""
    given = {key: value for key, value in asked.items() if key != "columns"}
    if "quote" in given:
        given.setdefault("escape", given["quote"])
    for name in ("force_null", "force_not_null"):
        given[name] = frozenset(given.get(name, ()))
    return CopyOptions(**{**_DEFAULTS[given["format"]], **given})


def loaded(asked: dict[str, Any], data: bytes, size: int = 0) -> dict[str, Any]:
    """The rows of an input given in pieces of `size` bytes (0: whole), or the SQLSTATE."""
    reader = copy.reader(copy_options(asked), [f"c{place + 1}" for place in range(asked["columns"])])
    rows: list[Sequence[str | None]] = []
    try:
        for at in range(0, len(data), size or max(len(data), 1)):
            rows += reader.feed(data[at : at + size] if size else data)
        rows += reader.finish()
    except SqlError as error:
        return {"error": error.sqlstate}
    return {"rows": rows}


def written(asked: dict[str, Any], rows: Sequence[Sequence[str | None]]) -> str:
    """What is written for rows."""
    options = copy_options(asked)
    writer = copy.writer(options)
    head = writer.header([f"c{place + 1}" for place in range(asked["columns"])]) if options.header else b""
    return (head + b"".join(writer.line(row) for row in rows)).decode()
