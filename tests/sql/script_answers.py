"""Scripts of SQL and their answers: what tests and the recorder of golden files share.

Theory: a script is statements with semicolons at line ends, run one after another in one session. An answer is the SQLSTATE,
or the command tag with names, types and texts of the rows. Numbers of objects differ between servers and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.session import SqlSession

SCRIPTS = Path(__file__).resolve().parents[1] / "golden" / "sql" / "scripts"
FIRST_USER = 16_384


def statements(path: Path) -> list[str]:
    """The statements of a script; lines that begin with -- are remarks."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";\n") if part.strip().rstrip(";")]


def named(columns: Iterable[tuple[str, int]]) -> list[list[Any]]:
    """Columns as answers have them."""
    return [[name, oid if oid < FIRST_USER else 0] for name, oid in columns]


def ours(session: SqlSession, text: str) -> dict[str, Any]:
    """What we answer."""
    found: dict[str, Any] = {}
    try:
        for statement in session.statements(text.rstrip(";")):
            outcome = session.execute(session.prepare(statement, ()), ())
            rows, _ = outcome.rows(0)
            found = {"tag": outcome.tag}
            if outcome.columns is not None:
                kinds = [types.BUILT_IN.get(column.type) or session.type(column.type) for column in outcome.columns]
                found["columns"] = named((column.name, column.type) for column in outcome.columns)
                found["rows"] = [
                    [
                        None if value is None else kind.write_text(value, session.style)
                        for kind, value in zip(kinds, row, strict=True)
                    ]
                    for row in rows
                ]
            outcome.close()
            session.sync(False)
    except SqlError as error:
        session.sync(True)
        return {"error": error.sqlstate, "message": error.message}
    return found
