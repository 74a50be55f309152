"""SQLite's public sqllogictest suite: python compat-tests/sql/sqllogictest.py [--source FOLDER] [FILE ...]

Purpose: the statements of the suite's files are run in an embedded session, and every answer is compared with the file's. The
files are not part of this project: they are in FOLDER, or fetched; without FILE, select1 to select5 are run. Theory:
sqlite.org/sqllogictest/doc/trunk/about.wiki. Records for other databases are passed over as the files ask (`skipif postgresql`,
`onlyif`). Values: I as integers, R with three digits, T as text, NULL and (empty) by name.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from suites import repository, scratch

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.sql import types
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables

REPOSITORY, BRANCH = "https://github.com/gregrahn/sqllogictest", "master"
ENGINE = "postgresql"
DEFAULT = ["select1.test", "select2.test", "select3.test", "select4.test", "select5.test"]


@dataclass
class Record:
    """A statement or query with what is expected of it."""

    line: int
    kind: list[str]
    sql: str
    expected: list[str]


@dataclass
class Score:
    """What became of a file's records."""

    right: int = 0
    passed_over: int = 0
    wrong: list[str] = field(default_factory=list)


def records(path: Path) -> Iterator[Record]:
    """The records that are meant for us."""
    blocks: list[tuple[int, list[str]]] = [(1, [])]
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if line.startswith("#"):
            continue
        if line.strip():
            if not blocks[-1][1]:
                blocks[-1] = (number, [])
            blocks[-1][1].append(line)
        elif blocks[-1][1]:
            blocks.append((number, []))
    for line_number, lines in blocks:
        meant = True
        while lines and lines[0].split()[0] in ("skipif", "onlyif"):
            word, engine = lines.pop(0).split()[:2]
            meant = meant and (engine == ENGINE) is (word == "onlyif")
        if not lines or not meant:
            continue
        kind = lines[0].split()
        if kind[0] == "halt":
            return
        if kind[0] not in ("statement", "query"):
            continue
        body = lines[1:]
        cut = body.index("----") if "----" in body else len(body)
        yield Record(line_number, kind, "\n".join(body[:cut]), body[cut + 1 :])


def shown(value: Any, letter: str, kind: types.Type, style: types.Style) -> str:
    """A value as the suite writes it."""
    if value is None:
        return "NULL"
    if letter == "I":
        return str(int(value))
    if letter == "R":
        return f"{float(value):.3f}"
    text = value if isinstance(value, str) else kind.write_text(value, style)
    return "".join(mark if " " <= mark <= "~" else "@" for mark in text) or "(empty)"


def rows_of(session: SqlSession, sql: str) -> tuple[list[Any], list[types.Type]]:
    """All rows of a statement, and the types of its columns."""
    try:
        outcome = session.execute(session.prepare(sql, ()), ())
        rows = outcome.everything()
        kinds = [types.BUILT_IN[column.type] for column in outcome.columns or ()]
        outcome.close()
    except BaseException:
        session.sync(True)
        raise
    session.sync(False)
    return rows, kinds


def check(session: SqlSession, record: Record) -> str | None:
    """What is wrong with our answer; None: nothing."""
    wants_error = record.kind[:2] == ["statement", "error"]
    try:
        rows, kinds = rows_of(session, record.sql)
    except SqlError as error:
        return None if wants_error else f"{error.sqlstate} {error.message}"
    if record.kind[0] == "statement":
        return "an error was expected" if wants_error else None
    letters, mode = record.kind[1], (record.kind[2] if len(record.kind) > 2 else "nosort")
    if len(letters) != len(kinds):
        return f"{len(kinds)} columns instead of {len(letters)}"
    found = [
        [shown(value, letter, kind, session.style) for value, letter, kind in zip(row, letters, kinds, strict=True)]
        for row in rows
    ]
    if mode == "rowsort":
        found.sort()
    values = [value for row in found for value in row]
    if mode == "valuesort":
        values.sort()
    expected = record.expected
    if len(expected) == 1 and " values hashing to " in expected[0]:
        count, _, digest = expected[0].partition(" values hashing to ")
        own = hashlib.md5("".join(f"{value}\n" for value in values).encode()).hexdigest()
        return None if (len(values), own) == (int(count), digest.strip()) else f"{len(values)} values hashing to {own}"
    return None if values == expected else f"{values[:12]} instead of {expected[:12]}"


def run(path: Path, seconds: float) -> Score:
    """Runs a file in a store of its own."""
    score = Score()
    begin = time.monotonic()
    with hyperdb.open(":memory:", memory="256m") as database:
        session = SqlBackend(Tables(database.native)).open(Opening("postgres", "hyperdb"))
        for record in records(path):
            if time.monotonic() - begin > seconds:
                score.passed_over += 1
                continue
            wrong = check(session, record)
            if wrong is None:
                score.right += 1
            else:
                score.wrong.append(f"{path.name}:{record.line}: {wrong}\n    {record.sql}")
        session.close()
    return score


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, help="a folder in which the fetched files are kept")
    parser.add_argument("--source", type=Path, help="a folder with the files, instead of fetching them")
    parser.add_argument("files", nargs="*", default=DEFAULT)
    parser.add_argument("--show", type=int, default=5, help="how many wrong answers of each file are printed")
    parser.add_argument("--seconds", type=float, default=3600, help="at most so long a file; the rest is counted apart")
    options = parser.parse_args()
    missed, asked = 0, 0
    with scratch("sqllogictest", options.home) as home:
        folder: Path = options.source or repository(home, REPOSITORY, BRANCH) / "test"
        for name in options.files:
            begin = time.monotonic()
            score = run(folder / name, options.seconds)
            for each in score.wrong[: options.show]:
                print(each)
            total = score.right + len(score.wrong)
            over = f", {score.passed_over} not reached" if score.passed_over else ""
            print(f"{name}: {score.right} of {total} right{over} ({time.monotonic() - begin:.0f} s)", flush=True)
            missed += len(score.wrong) + score.passed_over
            asked += total + score.passed_over
    print(f"sqllogictest: {asked - missed} of {asked} records right")
    sys.exit(1 if missed or not asked else 0)


if __name__ == "__main__":
    main()
