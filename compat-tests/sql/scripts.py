"""Scripts of SQL beside PostgreSQL 15: python compat-tests/sql/scripts.py [--write] [NAME ...]

Purpose: each script of tests/golden/sql/scripts is run by a real server. With --write its answers become the golden file
beside the script, which tests/sql/test_scripts.py compares ours with; without, what differs from the golden files is shown.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psycopg
from cluster import cluster

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "sql"))

from script_answers import SCRIPTS, named, statements


def theirs(connection: psycopg.Connection[Any], text: str) -> dict[str, Any]:
    """What PostgreSQL answers."""
    result = connection.pgconn.exec_(text.rstrip(";").encode())
    status = psycopg.pq.ExecStatus(result.status)
    if status == psycopg.pq.ExecStatus.FATAL_ERROR:
        state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
        message = result.error_field(psycopg.pq.DiagnosticField.MESSAGE_PRIMARY)
        assert state is not None
        return {"error": state.decode(), "message": (message or b"").decode()}
    assert result.command_status is not None
    found: dict[str, Any] = {"tag": result.command_status.decode()}
    if status == psycopg.pq.ExecStatus.TUPLES_OK:
        found["columns"] = named(((result.fname(place) or b"").decode(), result.ftype(place)) for place in range(result.nfields))
        found["rows"] = [
            [None if (value := result.get_value(row, place)) is None else value.decode() for place in range(result.nfields)]
            for row in range(result.ntuples)
        ]
    return found


def main() -> None:
    differ, asked = 0, 0
    with cluster() as (home, _):
        names = [word for word in sys.argv[1:] if not word.startswith("--")]
        for script in [SCRIPTS / f"{name}.sql" for name in names] or sorted(SCRIPTS.glob("*.sql")):
            database = f"s_{script.stem}"
            with psycopg.connect(host=home, dbname="postgres", user="postgres", autocommit=True) as connection:
                connection.execute(
                    f'CREATE DATABASE "{database}" TEMPLATE template0 ENCODING UTF8 LC_COLLATE "C" LC_CTYPE "C"'.encode()
                )
            with psycopg.connect(host=home, dbname=database, user="postgres", autocommit=True) as connection:
                connection.execute("SET timezone TO 'UTC'")
                answers = [{"sql": text, **theirs(connection, text)} for text in statements(script)]
            asked += len(answers)
            golden = script.with_suffix(".json")
            text = "[\n" + ",\n".join(json.dumps(answer, ensure_ascii=False) for answer in answers) + "\n]\n"
            if "--write" in sys.argv:
                golden.write_text(text)
            elif golden.read_text() != text:
                differ += 1
                print(f"{script.name}: PostgreSQL answers otherwise than the golden file says")
    print(f"{asked} statements asked of PostgreSQL; {differ} golden files hold another answer")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
