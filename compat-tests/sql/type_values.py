"""Values of every type beside PostgreSQL 15: python compat-tests/sql/type_values.py [--write]

Purpose: what `hyperdb.frontends.sql.types` reads and writes is compared with what a real server answers, as text and as
binary, errors by their SQLSTATE. The literals are in tests/golden/sql/literals.json; with --write the server's answers become
types.json and casts.json beside it, so that CI needs no PostgreSQL.

Theory: a literal is sent as a parameter of the type and comes back in both formats, under each of the settings that the type
follows. Whatever differs on purpose is listed in DIFFERENT with its reason, and is checked to differ still.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from cluster import cluster

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "sql"))

from type_answers import DIFFERENT, GOLDEN, SETTINGS, answer, cast_answer

_UNSPECIFIED = 0


def asked() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Type, literal, settings."""
    for kind, literals in json.loads((GOLDEN / "literals.json").read_text()).items():
        for literal in literals:
            for settings in SETTINGS.get(kind, ({},)):
                yield kind, literal, settings


def recorded(connection: psycopg.Connection[Any], kind: str, literal: str) -> dict[str, str]:
    """What PostgreSQL makes of a literal."""
    cast = f'SELECT $1::pg_catalog."{kind}"'.encode()
    found: dict[str, str] = {}
    for code, name in ((0, "text"), (1, "binary")):
        result = connection.pgconn.exec_params(cast, [literal.encode()], [_UNSPECIFIED], result_format=code)
        if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
            state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
            assert state is not None
            return {"error": state.decode()}
        raw = result.get_value(0, 0)
        assert raw is not None
        found[name] = raw.hex() if code else raw.decode()
    return found


def cast(connection: psycopg.Connection[Any], kind: str, modified: str, literal: str) -> dict[str, Any]:
    """What PostgreSQL makes of a value under a type modifier, cast to it and assigned to it."""
    connection.execute(f"DROP TABLE IF EXISTS t; CREATE TEMP TABLE t (c {modified})")
    number = connection.execute("SELECT atttypmod FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'c'").fetchone()
    assert number is not None
    found: dict[str, Any] = {"type": kind, "modifier": number[0], "in": literal}
    # `bit` alone is bit(1), so its values come from the type without a length.
    source = "varbit" if kind == "bit" else kind
    for name, statement in (
        ("cast", f"SELECT ($1::{source})::{modified}"),
        ("assigned", f"INSERT INTO t VALUES ($1::{source}) RETURNING c"),
    ):
        result = connection.pgconn.exec_params(statement.encode(), [literal.encode()], [_UNSPECIFIED])
        if result.status == psycopg.pq.ExecStatus.TUPLES_OK:
            raw = result.get_value(0, 0)
            assert raw is not None
            found[name] = raw.decode()
        else:
            state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
            assert state is not None
            found[name] = {"error": state.decode()}
    return found


def compare_casts(connection: psycopg.Connection[Any]) -> tuple[list[dict[str, Any]], int]:
    """Every value under every modifier of its type; how many of ours differ."""
    connection.execute("RESET ALL; SET TimeZone = 'UTC'")
    asked_for = json.loads((GOLDEN / "modifiers.json").read_text())
    rows = [
        cast(connection, kind, modified, literal)
        for kind, (modifiers, literals) in asked_for.items()
        for modified in modifiers
        for literal in literals
    ]
    wrong = 0
    for row in rows:
        ours = cast_answer(row["type"], row["modifier"], row["in"])
        if ours != {"cast": row["cast"], "assigned": row["assigned"]}:
            wrong += 1
            print(f"{row}\n  ours {ours}")
    return rows, wrong


def write(name: str, rows: list[dict[str, Any]]) -> None:
    """One of the golden files, a row a line."""
    (GOLDEN / name).write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")


def main() -> None:
    rows: list[dict[str, Any]] = []
    with cluster() as (home, _), psycopg.connect(host=home, dbname="postgres", user="postgres", autocommit=True) as connection:
        current: dict[str, str] | None = None
        for kind, literal, settings in asked():
            if settings != current:
                connection.execute("RESET ALL")
                for name, value in {"TimeZone": "UTC", **settings}.items():
                    connection.execute("SELECT set_config(%s, %s, false)", (name, value))
                current = settings
            rows.append({"type": kind, "in": literal, "set": settings, **recorded(connection, kind, literal)})
        casts, wrong = compare_casts(connection)
    differing: set[tuple[str, str]] = set()
    for row in rows:
        ours = answer(row["type"], row["in"], row["set"])
        theirs = {key: row[key] for key in ("text", "binary", "error") if key in row}
        if ours == theirs:
            continue
        differing.add((row["type"], row["in"]))
        if (row["type"], row["in"]) not in DIFFERENT:
            wrong += 1
            print(f"{row['type']} {row['in']!r} {row['set']}\n  PostgreSQL {theirs}\n  ours       {ours}")
    for kind, literal in set(DIFFERENT) - differing:
        wrong += 1
        print(f"{kind} {literal!r} does not differ any more")
    print(f"{len(rows)} literals, {len(casts)} casts, {wrong} answered otherwise")
    if "--write" in sys.argv[1:]:
        write("types.json", rows)
        write("casts.json", casts)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
