"""cqlsh's COPY both ways with a million rows, on this server or on one that is there.

    python compat-tests/cql/cqlsh_copy.py [--rows 1000000] [--cqlsh PATH] [--server HOST:PORT]

A CSV file is read into a table (COPY FROM), counted, and written out (COPY TO). Theory: lines written must be those that
were read, whatever their order: both files are compared by the sum of a digest of each line, which no order changes. The file is
as cqlsh writes it, so that equal values are equal lines. Invariant: the store is on disk, with its log synced as by default;
nothing is left behind.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

CQLSH = "cqlsh==6.2.2"
_SERVE = [sys.executable, "-c", "from hyperdb.cli import main; main()", "serve"]
_LISTENS = re.compile(r"^ready.* cql=(\S+)")
_KEYSPACE = "copying"
_COLUMNS = "sensor, at, level, value, note, tags"
_TABLE = """CREATE TABLE copying.readings (sensor int, at timestamp, level bigint, value double, note text, tags set<text>,
 PRIMARY KEY (sensor, at)) WITH CLUSTERING ORDER BY (at DESC)"""
_READINGS = 1000
"""Rows of a partition."""
_COUNTED = re.compile(r"^\s*(\d+)\s*$", re.MULTILINE)
_RATE = re.compile(r"(\d+) rows (?:im|ex)ported (?:from|to) \d+ files? in ([^\n]*?)(?: \(|\.\n|\.$)", re.MULTILINE)
_WORDS = ("calm", "storm, with rain", 'said "stop"', "größer", "")


class Failed(AssertionError):
    """Something is not as it was."""


@dataclass(frozen=True)
class Summary:
    """What a file of lines holds, whatever their order."""

    lines: int
    digest: int


def line(number: int) -> str:
    """A line of the file, as COPY TO writes it."""
    sensor, second = divmod(number, _READINGS)
    note = _WORDS[number % len(_WORDS)]
    quoted = note.replace('"', '\\"')
    shown = f'"{quoted}"' if "," in note else quoted
    minutes, seconds = divmod(second, 60)
    at = f"2026-01-01 {minutes // 60:02}:{minutes % 60:02}:{seconds:02}.000+0000"
    tags = f"\"{{'n{number % 7}', 'x{number % 3}'}}\""
    return f"{sensor},{at},{number * 7919},{number / 8:.12g},{shown},{tags}"


def generated(path: Path, rows: int) -> None:
    """Writes the file."""
    with path.open("w", newline="") as out:
        out.writelines(f"{line(number)}\r\n" for number in range(rows))


def summary(path: Path) -> Summary:
    """Of a file."""
    lines = digest = 0
    with path.open("rb") as found:
        for each in found:
            lines += 1
            digest += int.from_bytes(hashlib.blake2b(each.strip(), digest_size=16).digest())
    return Summary(lines, digest % (1 << 128))


def strangers(path: Path, source: Path) -> str:
    """A few lines of a file that another has not."""
    known = set(source.read_bytes().split())
    lines = (line.decode() for line in path.read_bytes().splitlines() if not set(line.split()) <= known)
    return "\n".join(islice(lines, 5))


class Shell:
    """cqlsh on a server."""

    def __init__(self, cqlsh: Path, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._words = [str(cqlsh), host, port, "--connect-timeout", "60", "--request-timeout", "600", "--no-color"]

    def run(self, text: str) -> str:
        """What a statement shows.

        Raises:
            Failed: an error is shown.
        """
        done = subprocess.run([*self._words, "-e", text], capture_output=True, text=True, check=False)
        if done.returncode or "Failed to" in done.stdout + done.stderr:
            raise Failed(f"{text}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def count(self) -> int:
        """Rows of the table."""
        found = _COUNTED.search(self.run(f"SELECT count(*) FROM {_KEYSPACE}.readings"))
        if found is None:
            raise Failed("no count")
        return int(found[1])


def _timed(shell: Shell, name: str, text: str, rows: int) -> None:
    began = time.monotonic()
    shown = shell.run(text)
    taken = time.monotonic() - began
    said = _RATE.search(shown)
    if said is None or int(said[1]) != rows:
        raise Failed(f"{text}\n{shown[-2000:]}")
    print(f"{name:10} {taken:8.1f} s {rows / taken:10.0f} rows a second ({said[1]} rows in {said[2]} by cqlsh)", flush=True)


def copy(shell: Shell, folder: Path, source: Path, rows: int) -> None:
    """All of it on one server.

    Raises:
        Failed: a row is not as it was.
    """
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    shell.run(f"DROP KEYSPACE IF EXISTS {_KEYSPACE}; CREATE KEYSPACE {_KEYSPACE} WITH replication = {replication}")
    wanted = summary(source)
    shell.run(_TABLE)
    table = f"{_KEYSPACE}.readings ({_COLUMNS})"
    _timed(shell, "COPY FROM", f"COPY {table} FROM '{source}'", rows)
    if (counted := shell.count()) != rows:
        raise Failed(f"there are {counted} rows, not {rows}")
    written = folder / "written.csv"
    _timed(shell, "COPY TO", f"COPY {table} TO '{written}'", rows)
    if (found := summary(written)) != wanted:
        raise Failed(f"{written.name} is {found}, not {wanted}, with lines as\n{strangers(written, source)}")
    shell.run(f"DROP KEYSPACE {_KEYSPACE}")
    print(f"{rows} rows there and back: the same lines", flush=True)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server with nothing in it; its address. It is a process of its own, as people run it."""
    words = [*_SERVE, str(folder), "--resp", "off", "--cql", "127.0.0.1:0"]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        said = next((found for each in running.stdout if (found := _LISTENS.search(each))), None)
        if said is None:
            raise Failed("the server did not start")
        yield said[1]
    finally:
        running.terminate()
        running.wait()


def main() -> int:
    """Runs it; 0 if all rows came back."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--cqlsh", type=Path, help="the program, instead of a new environment with it")
    parser.add_argument("--server", help="HOST:PORT of a server that is there, instead of a new one")
    parser.add_argument("--scratch", type=Path, help="where files lie meanwhile; here by default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cqlsh-copy-", dir=given.scratch) as scratch:
        folder = Path(scratch)
        cqlsh = given.cqlsh
        if cqlsh is None:
            venv.create(folder / "venv", with_pip=True)
            subprocess.run([str(folder / "venv/bin/pip"), "install", "--quiet", CQLSH], check=True)
            cqlsh = folder / "venv/bin/cqlsh"
        source = folder / "source.csv"
        generated(source, given.rows)
        with nullcontext(given.server) if given.server else serving(folder / "store") as address:
            try:
                copy(Shell(cqlsh, address), folder, source, given.rows)
            except Failed as error:
                print(error)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
