"""COPY's formats beside PostgreSQL 15: python compat-tests/sql/copy_formats.py [--write]

Purpose: every input of tests/golden/sql/copy_inputs.json is loaded by a real server; what it made of it (rows or a SQLSTATE)
and what it writes for those rows, is compared with `hyperdb.frontends.sql.copy`. With --write its answers become copy.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psycopg
from cluster import cluster

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "sql"))

from copy_answers import GOLDEN, loaded, written


def clause(options: dict[str, Any]) -> str:
    """COPY's options in PostgreSQL's words."""
    words = [f"FORMAT {options['format']}"]
    quoted = [name for name in ("delimiter", "null", "quote", "escape") if name in options]
    words += [f"{name} '{options[name].replace(chr(39), chr(39) * 2)}'" for name in quoted]
    if options.get("header"):
        words.append("HEADER")
    if options.get("match_header"):
        words.append("HEADER MATCH")
    forced = [name for name in ("force_null", "force_not_null") if name in options]
    words += [f"{name} ({', '.join(f'c{place + 1}' for place in options[name])})" for name in forced]
    return ", ".join(words)


def answer(connection: psycopg.Connection[Any], options: dict[str, Any], data: str) -> dict[str, Any]:
    """What PostgreSQL loads, and what it writes for that."""
    columns = [f"c{place + 1}" for place in range(options["columns"])]
    connection.execute(f"DROP TABLE IF EXISTS t; CREATE TEMP TABLE t (n serial, {', '.join(f'{one} text' for one in columns)})")
    names = ", ".join(columns)
    try:
        with connection.cursor().copy(f"COPY t ({names}) FROM STDIN ({clause(options)})") as copy:
            copy.write(data.encode())
    except psycopg.Error as error:
        return {"error": error.sqlstate}
    rows = [list(row) for row in connection.execute(f"SELECT {names} FROM t ORDER BY n").fetchall()]
    into = {key: value for key, value in options.items() if not key.startswith("force") and key != "match_header"}
    with connection.cursor().copy(f"COPY (SELECT {names} FROM t ORDER BY n) TO STDOUT ({clause(into)})") as copy:
        return {"rows": rows, "written": b"".join(copy).decode()}


def main() -> None:
    answers: list[dict[str, Any]] = []
    wrong = 0
    with cluster() as (home, _), psycopg.connect(host=home, dbname="postgres", user="postgres", autocommit=True) as connection:
        for group in json.loads((GOLDEN / "copy_inputs.json").read_text()):
            options = {key: value for key, value in group.items() if key != "data"}
            for data in group["data"]:
                theirs = answer(connection, options, data)
                ours = loaded(options, data.encode())
                if "rows" in ours:
                    ours["written"] = written(options, ours["rows"])
                answers.append({"options": options, "data": data, **theirs})
                if ours != theirs:
                    wrong += 1
                    print(f"{options} {data!r}\n  PostgreSQL {theirs}\n  ours       {ours}")
    print(f"{len(answers)} inputs, {wrong} loaded otherwise")
    if "--write" in sys.argv[1:]:
        lines = ",\n".join(json.dumps(one) for one in answers)
        (GOLDEN / "copy.json").write_text(f"[\n{lines}\n]\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
