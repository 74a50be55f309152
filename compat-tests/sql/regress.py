r"""PostgreSQL's own regression scripts beside PostgreSQL: python compat-tests/sql/regress.py [--source FOLDER] [SCRIPT ...]

Purpose: how much of what PostgreSQL tests itself with is answered the same. FOLDER is src/test/regress of the same version (not
part of this project; `apt-get source postgresql-15`, or it is fetched from its repository). Each script runs after test_setup on
an empty database of both servers; the run fails if fewer statements of one are the same than regress.md says. What is counted, a
statement each:

  same      the same rows (in any order where there is no ORDER BY), names and types of columns, and tag; or the same SQLSTATE
  order     the same rows in another order, in spite of an ORDER BY: rows that it leaves equal, or a fault
  refused   0A000 (not supported), 42883 (no such function) or 42704 (no such type), where PostgreSQL answers otherwise
  unread    42601, where PostgreSQL reads it
  after     about a relation, or in a transaction, where an earlier statement already had another outcome
  wrong     everything else: other rows, another SQLSTATE, slow, a lost connection

EXPLAIN shows plans, which are our own: left out, as are psql's own commands but for those that send statements.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cluster import cluster, programs
from peers import SLOW, Answer, Peer, hyperdb_server
from psql_script import Script, Step
from suites import repository, scratch

SCRIPTS = """
    boolean char name varchar text int2 int4 int8 float8 numeric uuid enum strings date time timetz timestamp timestamptz interval
    comments expressions unicode case join aggregates groupingsets subselect union select select_distinct select_distinct_on
    select_having select_implicit select_into window with insert insert_conflict returning update delete merge arrays json jsonb
    domain sequence identity generated constraints foreign_key transactions portals portals_p2 prepare copy2 copyselect errors
    limit rangefuncs alter_table create_table create_table_like create_view create_index truncate temp numerology matview
    tablesample
    namespace dependency drop_if_exists tidscan privileges index_including functional_deps hash_func regex json_encoding
    oid float4 bit txid horology async advisory_lock guc plancache typed_table btree_index updatable_views
""".split()
KEPT = Path(__file__).with_name("regress.md")
SETTINGS = (
    ("TimeZone", "PST8PDT"),
    ("DateStyle", "Postgres,MDY"),
    ("IntervalStyle", "postgres_verbose"),
)
_REFUSALS = frozenset({"0A000", "42883", "42704"})
_MADE = re.compile(
    r"""\b(?:table|view|function|procedure|type|domain|sequence|index|schema|trigger|rule|operator|aggregate|role|user|group|into|
        update|from|copy|cursor|declare|prepare|policy|collation|statistics)\s+(?:only\s+|concurrently\s+)?(?:if\s+(?:not\s+)?exists\s+)?
        ((?:\w+|"[^"]+")(?:\.(?:\w+|"[^"]+"))?)""",
    re.IGNORECASE | re.VERBOSE,
)
_SERVER_COPY = re.compile(r"^(\s*copy\s.*?)\b(from|to)\s+'(/[^']*)'(.*)$", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"\w+")


@dataclass
class Score:
    """What became of a script's statements."""

    counts: Counter[str] = field(default_factory=Counter)
    found: list[dict[str, object]] = field(default_factory=list)


def targets(text: str) -> set[str]:
    """Names that a statement makes or changes."""
    head = _MADE.findall(text[:300])
    return {part.strip('"').lower() for name in head[:1] for part in name.split(".")[-1:]}


def orders(text: str) -> bool:
    """Whether a statement orders its rows: an ORDER BY outside of parentheses."""
    plain = re.sub(r"'(?:[^']|'')*'", "", text)
    while (flat := re.sub(r"\([^()]*\)", " ", plain)) != plain:
        plain = flat
    return re.search(r"\border\s+by\b", plain, re.IGNORECASE) is not None


def same_rows(text: str, mine: Answer, theirs: Answer) -> bool:
    """Whether the rows are the same, in order if the statement orders them."""
    if orders(text):
        return mine.rows == theirs.rows
    return sorted(mine.rows, key=repr) == sorted(theirs.rows, key=repr)


def difference(text: str, mine: Answer, theirs: Answer) -> str:
    """What differs; empty where nothing does."""
    if mine.lost or mine.state == SLOW:
        return mine.state
    if mine.state != theirs.state:
        return f"state {mine.state or 'none'} instead of {theirs.state or 'none'}"
    if mine.failed:
        return ""
    if mine.tag != theirs.tag:
        return f"tag {mine.tag} instead of {theirs.tag}"
    if mine.columns != theirs.columns:
        names = [name for name, _ in mine.columns] == [name for name, _ in theirs.columns]
        return "types of columns" if names else "names of columns"
    if not same_rows(text, mine, theirs):
        return "order" if sorted(mine.rows, key=repr) == sorted(theirs.rows, key=repr) else "rows"
    return ""


class Run:
    """One script on both servers."""

    def __init__(self, name: str, mine: Peer, theirs: Peer, score: Score) -> None:
        self._name = name
        self._peers = (mine, theirs)
        self._score = score
        self._tainted: set[str] = set()
        self._adrift = False
        """The transaction went another way before."""

    def statement(self, text: str, line: int, data: str | None = None) -> tuple[Answer, Answer]:
        """Runs a statement on both and counts it."""
        if re.match(r"\s*explain\b", text, re.IGNORECASE):
            return Answer(), Answer()
        mine, theirs = self._asked(text, data)
        self._count(text, line, mine, theirs)
        return mine, theirs

    def _asked(self, text: str, data: str | None) -> tuple[Answer, Answer]:
        on_server = _SERVER_COPY.match(text)
        if on_server is None:
            mine, theirs = (peer.ask(text, data) for peer in self._peers)
            return mine, theirs
        # Files of the server are the client's here.
        head, way, path, rest = on_server.groups()
        if way.lower() == "from":
            file = Path(path)
            held = file.read_text() if file.exists() else ""
            mine, theirs = (peer.ask(f"{head} FROM STDIN {rest}", held) for peer in self._peers)
            return mine, theirs
        mine, theirs = (peer.ask(f"{head} TO STDOUT {rest}") for peer in self._peers)
        return mine, theirs

    def _count(self, text: str, line: int, mine: Answer, theirs: Answer) -> None:
        differs = difference(text, mine, theirs)
        kind = self._kind(text, differs, mine, theirs)
        self._score.counts[kind] += 1
        made = targets(text)
        if not differs:
            if re.match(r"\s*(create|drop)\b", text, re.IGNORECASE) and not mine.failed:
                self._tainted -= made
        else:
            reads = re.match(r"\s*(select|table|values|show|with)\b", text, re.IGNORECASE)
            if not reads or re.search(r"\binto\b", text, re.IGNORECASE):
                self._tainted |= made
            self._score.found.append(
                {
                    "script": self._name, "line": line, "kind": kind, "what": differs, "sql": text,
                    "mine": [mine.state, mine.message, mine.tag, mine.columns, mine.rows[:40]],
                    "theirs": [theirs.state, theirs.message, theirs.tag, theirs.columns, theirs.rows[:40]],
                }
            )  # fmt: skip
        self._adrift = mine.block != theirs.block

    def _kind(self, text: str, differs: str, mine: Answer, theirs: Answer) -> str:
        if not differs:
            return "same"
        if mine.lost:
            return "wrong"
        if differs == "order":
            return "order"
        if self._adrift or self._tainted & {word.lower() for word in _WORD.findall(text)}:
            return "after"
        if mine.state in _REFUSALS:
            return "refused"
        if mine.state == "42601":
            return "unread"
        return "wrong"

    def command(self, step: Step, script: Script) -> None:
        """psql's own commands, those that send statements or set variables."""
        word = step.command
        if word == "set":
            name, _, value = step.rest.partition(" ")
            script.variables[name] = _joined(value, script)
        elif word == "unset":
            script.variables.pop(step.rest, None)
        elif word == "getenv":
            name, _, variable = step.rest.partition(" ")
            script.variables[name] = os.environ.get(variable.strip(), "")
        elif word == "copy":
            self.statement(f"copy {step.rest.rstrip(';')}", step.line, "")
        elif word in ("g", "gx", "gset", "gexec", "crosstabview") and step.text:
            _, theirs = self.statement(step.text, step.line)
            if word == "gset" and theirs.rows:
                prefix = step.rest.strip()
                values = zip(theirs.columns, theirs.rows[0], strict=True)
                script.variables |= {prefix + name: value or "" for (name, _), value in values}
            elif word == "gexec":
                for row in theirs.rows:
                    for cell in row:
                        if cell:
                            self.statement(cell, step.line)
        elif word in ("c", "connect"):
            for peer in self._peers:
                peer.again()


def _joined(value: str, script: Script) -> str:
    """\\set's arguments, one behind the other."""
    parts = re.findall(r"'((?:[^']|'')*)'|:(\w+)|(\S+)", value)
    return "".join(quoted.replace("''", "'") or script.variables.get(name, "") or plain for quoted, name, plain in parts)


def run(name: str, folder: Path, mine: Peer, theirs: Peer) -> Score:
    """Runs a script on both servers."""
    score = Score()
    script = Script((folder / "sql" / f"{name}.sql").read_text(errors="replace"))
    each = Run(name, mine, theirs, score)
    for step in script.steps():
        if step.command:
            each.command(step, script)
        else:
            each.statement(step.text, step.line, step.data)
    return score


def both(folder: Path, name: str, home: str, database: Callable[[str], str], log: Path | None, seconds: float) -> Score:
    """A script after test_setup, on new databases."""
    settings = " ".join(f"-c {key}={value}" for key, value in SETTINGS)
    with hyperdb_server(log) as known:
        mine = Peer(f"{known} options='{settings}'", seconds=seconds)
        theirs = Peer(f"host={home} user=postgres dbname={database(name)} options='{settings}'")
        try:
            if name != "test_setup":
                run("test_setup", folder, mine, theirs)
                for peer in (mine, theirs):
                    peer.again()
            return run(name, folder, mine, theirs)
        finally:
            mine.close()
            theirs.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--home", type=Path, help="a folder in which the source and report.jsonl, a line for each difference, are kept"
    )
    parser.add_argument("--source", type=Path, help="src/test/regress, instead of fetching it")
    parser.add_argument("scripts", nargs="*", default=SCRIPTS)
    parser.add_argument("--seconds", type=float, default=20, help="what takes longer is cancelled and counts as wrong")
    parser.add_argument("--log", type=Path, help="where the server's own messages go")
    options = parser.parse_args()
    with scratch("regress", options.home) as kept:
        folder = (options.source or source(kept)).resolve()
        total, fewer = everything(folder, options, kept / "report.jsonl")
    print(f"{'all':20}", _line(total))
    for name in fewer:
        print(f"fewer than {KEPT.name} says: {name}")
    sys.exit(1 if fewer else 0)


def source(home: Path) -> Path:
    """src/test/regress of the PostgreSQL that is here."""
    said = subprocess.run([programs() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"\d+\.\d+", said)
    assert version is not None
    return repository(home, "https://github.com/postgres/postgres", f"REL_{version[0].replace('.', '_')}") / "src/test/regress"


def known() -> dict[str, int]:
    """How many of a script's statements were the same when it was written down."""
    rows = re.findall(r"^\| (\w+) \| (\d+) / ", KEPT.read_text(), re.MULTILINE)
    return {name: int(same) for name, same in rows}


def everything(folder: Path, options: argparse.Namespace, report_path: Path) -> tuple[Counter[str], list[str]]:
    """All scripts that are asked for: their counts together, and those of which fewer statements are the same than were."""
    os.environ |= {"PG_ABS_SRCDIR": str(folder), "PG_ABS_BUILDDIR": str(folder), "PG_LIBDIR": "/nowhere", "PG_DLSUFFIX": ".so"}
    total: Counter[str] = Counter()
    fewer = []
    with cluster() as (home, _), report_path.open("w") as report:
        admin = Peer(f"host={home} user=postgres dbname=postgres")

        def database(name: str) -> str:
            admin.ask(f"CREATE DATABASE r_{name} TEMPLATE template0 ENCODING UTF8 LC_COLLATE 'C' LC_CTYPE 'C'")
            return f"r_{name}"

        for name in options.scripts:
            score = both(folder, name, home, database, options.log, options.seconds)
            total += score.counts
            print(f"{name:20}", _line(score.counts), flush=True)
            if score.counts["same"] < known().get(name, 0):
                fewer.append(name)
            report.writelines(json.dumps(each) + "\n" for each in score.found)
            report.flush()
        admin.close()
    return total, fewer


def _line(counts: Counter[str]) -> str:
    return "  ".join(f"{kind} {counts[kind]:5}" for kind in ("same", "order", "refused", "unread", "after", "wrong"))


if __name__ == "__main__":
    main()
