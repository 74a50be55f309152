"""cqlsh as a person uses it: keys on a terminal, files, and a schema that is written out and read again.

    python compat-tests/cql/cqlsh_session.py [--cqlsh PATH] [STEP ...]

Theory: completion needs a terminal, so cqlsh runs on one of its own (a pseudo terminal) and what it shows is looked at; SOURCE,
CAPTURE, TRACING, LOGIN and the demo's data the same way. What DESCRIBE writes of a schema that has everything makes the same
schema on a new server. Invariant: each step begins with a server that has nothing in it.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hyperdb
from hyperdb.cli.demo import Package, load_tables
from hyperdb.cli.target import target

SCHEMA = Path(__file__).with_name("everything.cql")
CQLSH = "cqlsh==6.2.2"
_PROMPT = rb"cqlsh[^>\n]*> $"
_SECONDS = 60
_LINE_KILL, _TAB = b"\x15", b"\t"
_COLORS = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x07")


class Failed(AssertionError):
    """A step showed something else."""


class Terminal:
    """cqlsh on a terminal."""

    def __init__(self, words: list[str], home: Path) -> None:
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.execve(words[0], words, {"HOME": str(home), "TERM": "dumb", "PATH": os.environ["PATH"]})
        self.shown(_PROMPT)

    def shown(self, until: bytes) -> str:
        """What is shown up to where `until` matches its end."""
        found = b""
        deadline = time.monotonic() + _SECONDS
        while not re.search(until, found):
            if time.monotonic() > deadline:
                raise Failed(f"waited for {until!r}, was shown {found.decode(errors='replace')!r}")
            if select.select([self._fd], [], [], 0.2)[0]:
                found = _COLORS.sub(b"", found + os.read(self._fd, 1 << 16))
        return found.decode(errors="replace").replace("\r", "")

    def say(self, line: str, until: bytes = _PROMPT) -> str:
        """What a line and its end show."""
        os.write(self._fd, line.encode() + b"\n")
        return self.shown(until)

    def complete(self, keys: str, wanted: str) -> None:
        """What keys and tabs show must have `wanted`; the line is then taken away."""
        os.write(self._fd, keys.encode() + _TAB * 2)
        self.shown(re.escape(wanted).encode())
        os.write(self._fd, _LINE_KILL + b"\n")
        self.shown(_PROMPT)

    def close(self) -> None:
        """Ends it."""
        os.write(self._fd, b"exit\n")
        time.sleep(0.2)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._fd)


def expect(text: str, *wanted: str) -> None:
    """All of `wanted` must be in a text."""
    for each in wanted:
        if each not in text:
            raise Failed(f"{each!r} is not in {text!r}")


class Shell:
    """cqlsh, and servers with nothing in them to run it on."""

    def __init__(self, cqlsh: Path, home: Path) -> None:
        self._cqlsh, self.home = cqlsh, home

    @contextmanager
    def server(self, password: str | None = None) -> Iterator[list[str]]:
        """The words that begin cqlsh on a new server."""
        with (
            hyperdb.open(":memory:", frames=None) as database,
            database.serve(cql="127.0.0.1:0", control=False, password=password) as serving,
        ):
            yield self.on(serving)

    def on(self, serving: hyperdb.Serving) -> list[str]:
        """The words that begin cqlsh on a server."""
        assert serving.cql_address is not None
        host, port = serving.cql_address
        return [str(self._cqlsh), host, str(port), "--connect-timeout", "60", "--request-timeout", "60", "--no-color"]

    @contextmanager
    def terminal(self, words: list[str]) -> Iterator[Terminal]:
        """cqlsh on a terminal."""
        made = Terminal(words, self.home)
        try:
            yield made
        finally:
            made.close()

    def run(self, words: list[str], text: str) -> str:
        """What statements show."""
        done = subprocess.run([*words, "-e", text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.stdout

    def define(self, words: list[str], text: str) -> None:
        """Runs a file of definitions, none of which may fail."""
        script = self.home / "schema.cql"
        script.write_text(text)
        done = subprocess.run(
            [*words, "-f", str(script)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode or "schema.cql:" in done.stdout:
            raise Failed(done.stdout)


MAKE = "CREATE KEYSPACE tour WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};"


def completion(shell: Shell) -> None:
    """Names of keyspaces, tables, columns, types, roles, words."""
    with shell.server() as words, shell.terminal(words) as cqlsh:
        cqlsh.say(MAKE)
        cqlsh.say("CREATE TYPE tour.address (street text);")
        cqlsh.say("CREATE TABLE tour.users (id int, surname text, seen timestamp, PRIMARY KEY (id, surname));")
        cqlsh.complete("SELECT * FROM to", "tour.")
        cqlsh.complete("SELECT * FROM tour.us", "tour.users ")
        cqlsh.complete("SELECT * FROM tour.users WHERE i", "id ")
        cqlsh.complete("SELECT * FROM tour.users WHERE id = 1 AND su", "surname ")
        cqlsh.complete("SELECT * FROM system_sch", "system_schema.")
        cqlsh.complete("INSERT INTO tour.users (id, su", "surname")
        cqlsh.complete("UPDATE tour.users SET se", "seen ")
        cqlsh.complete("DESCRIBE TABLE tour.us", "tour.users")
        cqlsh.complete("DESCRIBE KEYSPACE to", "tour")
        cqlsh.complete("CREATE TABLE tour.x (a times", "timestamp")
        cqlsh.complete("DROP TYPE tour.ad", "address")
        cqlsh.complete("SELECT * FROM tour.users ORD", "ORDER BY")
        cqlsh.say("USE tour;")
        cqlsh.complete("SELECT * FROM us", "users ")


def files(shell: Shell) -> None:
    """SOURCE and CAPTURE."""
    script, output = shell.home / "script.cql", shell.home / "output"
    script.write_text(f"{MAKE}\nCREATE TABLE tour.t (k int PRIMARY KEY, v text);\nINSERT INTO tour.t (k, v) VALUES (1, 'one');\n")
    with shell.server() as words, shell.terminal(words) as cqlsh:
        cqlsh.say(f"SOURCE '{script}'")
        expect(cqlsh.say(f"CAPTURE '{output}'"), "Now capturing query output")
        cqlsh.say("SELECT * FROM tour.t;")
        cqlsh.say("CAPTURE OFF")
        expect(output.read_text(), "k | v", "1 | one", "(1 rows)")
        expect(cqlsh.say("SOURCE 'nothing.cql'"), "Could not open")


def traces(shell: Shell) -> None:
    """TRACING, CONSISTENCY, SERIAL CONSISTENCY, EXPAND, PAGING, ELAPSED."""
    with shell.server() as words, shell.terminal(words) as cqlsh:
        expect(cqlsh.say("TRACING ON"), "TRACING set to ON")
        expect(cqlsh.say("SELECT key FROM system.local;"), "Tracing session:", "Execute CQL3 query", "Request complete")
        expect(cqlsh.say("TRACING OFF"), "TRACING set to OFF")
        expect(cqlsh.say("CONSISTENCY ALL"), "Consistency level set to ALL")
        expect(cqlsh.say("SERIAL CONSISTENCY LOCAL_SERIAL"), "Serial consistency level set to LOCAL_SERIAL")
        expect(cqlsh.say("EXPAND ON"), "EXPAND set to ON")
        expect(cqlsh.say("SELECT key, cluster_name FROM system.local;"), "@ Row 1")
        expect(cqlsh.say("PAGING 10"), "Page size: 10")
        expect(cqlsh.say("SELECT table_name FROM system_schema.tables LIMIT 15;", rb"---MORE---"), "table_name")
        expect(cqlsh.say(""), "Row 15")
        expect(cqlsh.say("SHOW SESSION 00000000-0000-1000-8000-000000000000"), "wasn't found")


def roles(shell: Shell) -> None:
    """LOGIN, and cqlsh with a user's name."""
    with shell.server("secret") as words, shell.terminal([*words, "-u", "cassandra", "-p", "secret"]) as cqlsh:
        cqlsh.say("CREATE ROLE ada WITH PASSWORD = 'x' AND LOGIN = true;")
        expect(cqlsh.say("LOGIN ada 'wrong'"), "AuthenticationFailed")
        cqlsh.say("LOGIN ada 'x'")
        expect(cqlsh.say("CREATE ROLE bob;"), "Unauthorized")
        expect(cqlsh.say("SELECT key FROM system.local;"), "local")
        expect(shell.run([*words, "-u", "ada", "-p", "x"], "SELECT cluster_name FROM system.local"), "HyperDB")


def describe(shell: Shell) -> None:
    """What DESCRIBE writes of everything makes everything again."""
    with shell.server() as words:
        shell.define(words, SCHEMA.read_text())
        first = shell.run(words, "DESCRIBE SCHEMA")
        inner = shell.run(words, "DESCRIBE FULL SCHEMA")
    with shell.server() as words:
        shell.define(words, first)
        second = shell.run(words, "DESCRIBE SCHEMA")
        for element in ("KEYSPACE everything", "TABLE everything.wide", "TYPE everything.outer_type", "INDEX everything.by_tag",
                        "MATERIALIZED VIEW everything.by_kind", "TABLES", "TYPES", "KEYSPACES", "CLUSTER"):  # fmt: skip
            if "not found" in shell.run(words, f"DESCRIBE {element}"):
                raise Failed(f"DESCRIBE {element}")
    if first != second:
        raise Failed(f"{first}\n---- became ----\n{second}")
    expect(inner, "CREATE KEYSPACE system_schema", "CREATE TABLE everything.wide")


def demo(shell: Shell) -> None:
    """The demo's tables."""
    directory = shell.home / "demo"
    with target(directory, create=True) as database:
        packages = [Package("app", "1", "an app", ("lib", "tool")), Package("lib", "2", "", ()), Package("tool", "3", "", ())]
        load_tables(database, packages)
    with hyperdb.open(directory) as database, database.serve(cql="127.0.0.1:0") as serving:
        words = shell.on(serving)
        expect(shell.run(words, "SELECT needs FROM public.dependencies WHERE package = 'app'"), "lib", "tool", "(2 rows)")
        expect(shell.run(words, "SELECT * FROM public.packages"), "an app", "(3 rows)")
        expect(shell.run(words, "DESCRIBE TABLE public.packages"), "CREATE TABLE public.packages")


STEPS: dict[str, Callable[[Shell], None]] = {
    "completion": completion, "files": files, "traces": traces, "roles": roles, "describe": describe, "demo": demo,
}  # fmt: skip


def main() -> int:
    """Runs the steps; 0 if all showed what they should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cqlsh", type=Path, help="the program, instead of a new environment with it")
    parser.add_argument("steps", nargs="*", help=f"of {', '.join(STEPS)}")
    given = parser.parse_args()
    failed = 0
    chosen = given.steps or list(STEPS)
    with tempfile.TemporaryDirectory(prefix="cqlsh-") as scratch:
        cqlsh = given.cqlsh
        if cqlsh is None:
            venv.create(scratch, with_pip=True)
            subprocess.run([f"{scratch}/bin/pip", "install", "--quiet", CQLSH], check=True)
            cqlsh = Path(scratch) / "bin/cqlsh"
        for name in chosen:
            home = Path(scratch) / name
            home.mkdir()
            try:
                STEPS[name](Shell(cqlsh, home))
            except Failed as error:
                failed += 1
                print(f"{name}: {error}")
            else:
                print(f"{name}: as it should be")
    print(f"cqlsh: {len(chosen) - failed} steps passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
