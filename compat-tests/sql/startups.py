"""What DBeaver, pgAdmin, Metabase and Grafana ask when they connect, here and on PostgreSQL: python compat-tests/sql/startups.py

Purpose: each statement of startups.sql (with its origin there) runs on both servers over the same tables. Columns
must have the same names and types; rows must be the same where the file says so.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from suites import Peer, hyperdb_server, postgresql

STATEMENTS = Path(__file__).with_name("startups.sql")
MADE = """
CREATE TABLE parent (id int PRIMARY KEY, a text NOT NULL DEFAULT 'x', b numeric(10,2) CHECK (b > 0), c timestamptz, UNIQUE (a));
CREATE TABLE child (id bigserial PRIMARY KEY, p int REFERENCES parent (id) ON DELETE CASCADE, e varchar(20)[]);
CREATE INDEX child_idx ON child (p, lower(e[1])) WHERE p > 0;
CREATE VIEW seen AS SELECT id, a FROM parent;
CREATE TYPE mood AS ENUM ('sad', 'ok');
COMMENT ON TABLE parent IS 'the parent'; INSERT INTO parent VALUES (1, 'one', 2.5, now())
"""


# Expressions (pg_node_tree) are told as the texts that they are here.
_TOLD = {194: 25}


@dataclass(frozen=True)
class Asked:
    """One statement of the file."""

    program: str
    mark: str
    origin: str
    text: str


def read(text: str) -> Iterator[Asked]:
    """The blocks of the file."""
    for block in text.split("\n--! ")[1:]:
        head, _, body = block.partition("\n")
        program, mark, origin = head.split(", ", 2)
        yield Asked(program, mark, origin, body.strip())


def answers(peer: Peer, asked: list[Asked]) -> list[Any]:
    """Of each statement: columns and rows, or its error."""
    found: list[Any] = []
    with psycopg.connect(peer.url, autocommit=True) as connection:
        row = connection.execute("SELECT 'parent'::regclass::oid").fetchone()
        assert row is not None
        for each in asked:
            text = each.text.replace("{table}", str(row[0])).replace("{schema}", "public")
            try:
                cursor = connection.execute(text)  # type: ignore[call-overload]
            except psycopg.Error as error:
                found.append(f"{error.sqlstate} {error}".splitlines()[0])
                continue
            columns = [(column.name, _TOLD.get(column.type_code, column.type_code)) for column in cursor.description or ()]
            found.append((columns, cursor.fetchall() if columns else cursor.statusmessage))
    return found


def is_same(mark: str, mine: Any, wanted: Any) -> bool:
    """Whether an answer is what its mark asks for."""
    if mark in ("rows", "run") or isinstance(mine, str) or isinstance(wanted, str):
        return bool(mine == wanted)
    return bool(mine[0] == wanted[0]) and (mark != "among" or all(row in mine[1] for row in wanted[1]))


def difference(mine: Any, wanted: Any) -> str:
    """The columns that are not the same, or the rows."""
    if not isinstance(mine, str) and mine[0] != wanted[0]:
        mine, wanted = [each for each in mine[0] if each not in wanted[0]], [each for each in wanted[0] if each not in mine[0]]
    return f"  HyperDB:    {str(mine)[:300]}\n  PostgreSQL: {str(wanted)[:300]}"


def main() -> None:
    asked = list(read(STATEMENTS.read_text()))
    with postgresql(MADE) as peer:
        theirs = answers(peer, asked)
    with hyperdb_server(MADE) as peer:
        ours = answers(peer, asked)
    good: Counter[str] = Counter()
    for each, mine, wanted in zip(asked, ours, theirs, strict=True):
        same = is_same(each.mark, mine, wanted)
        good[each.program] += same
        if not same:
            print(f"{each.program} ({each.origin}): {each.text[:120]}\n{difference(mine, wanted)}")
    total = Counter(each.program for each in asked)
    for program, count in total.items():
        print(f"{program}: {good[program]} of {count} statements answered as PostgreSQL does")
    print(f"start-up queries: {good.total()} of {total.total()} answered as PostgreSQL does")
    sys.exit(0 if good.total() == total.total() else 1)


if __name__ == "__main__":
    main()
