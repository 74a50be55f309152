"""gocql's own tests (those that need a server) against this one; each failure needs a reason.

    python compat-tests/cql/gocql.py [--suite NAME] [--server HOST:PORT] [TEST ...]

Go fetches the driver from its module proxy. Theory: the driver's own runs are by build tag (cassandra, integration), with
snappy, over TLS, and with passwords; so are these, in versions 4 and 3 of the protocol. A test that ends the whole run is a
failure, and the others are run again. Invariant: see reasons.py.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reasons import FAILED, PASSED, SKIPPED, judge

import hyperdb

DRIVER = "github.com/gocql/gocql@v1.7.0"
_OUTCOMES = {"PASS": PASSED, "FAIL": FAILED, "SKIP": SKIPPED}
_LINE = re.compile(r"^\s*--- (PASS|FAIL|SKIP): (\S+)", re.MULTILINE)
_STARTED = re.compile(r"^=== RUN\s+(\S+)", re.MULTILINE)
_SECONDS = 300


@dataclass(frozen=True)
class Suite:
    """What is run, and how the server is."""

    tag: str
    options: tuple[str, ...] = ()
    only: str = "."
    tls: bool = False
    password: str | None = None


SUITES = {
    "cassandra": Suite("cassandra", ("-proto", "4")),
    "cassandra-snappy-tls": Suite("cassandra", ("-proto", "4", "-compressor", "snappy", "-runssl"), tls=True),
    "cassandra-3": Suite("cassandra", ("-proto", "3")),
    "integration": Suite("integration", ("-proto", "4")),
    "passwords": Suite("integration", ("-proto", "4", "-runauth"), "TestAuthentication", password="cassandra"),
}


@contextmanager
def serving(suite: Suite, source: Path) -> Iterator[str]:
    """A server with nothing in it; its address."""
    keys = source / "testdata/pki"
    tls = (keys / "cassandra.crt", keys / "cassandra.key") if suite.tls else None
    with (
        hyperdb.open(":memory:", frames=None) as database,
        database.serve(cql="127.0.0.1:0", control=False, tls=tls, password=suite.password) as running,
    ):
        assert running.cql_address is not None
        yield f"{running.cql_address[0]}:{running.cql_address[1]}"


def run(binary: Path, source: Path, address: str, suite: Suite, tests: list[str]) -> dict[str, str]:
    """What became of each test."""
    known = ["-cluster", address, "-rf", "1", "-clusterSize", "1", "-gocql.cversion", "4.1.9", "-gocql.timeout", "20s"]
    listed = subprocess.run([str(binary), "-test.list", suite.only], cwd=source, capture_output=True, text=True, check=True)
    left = [name for name in listed.stdout.split() if name.startswith("Test") and (not tests or name in tests)]
    found: dict[str, str] = {}
    while left:
        pattern = f"^({'|'.join(left)})$"
        words = [str(binary), "-test.v", f"-test.timeout={_SECONDS}s", "-test.run", pattern, *known, *suite.options]
        done = subprocess.run(
            words, cwd=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
        )
        mine = {name: _OUTCOMES[what] for what, name in _LINE.findall(done.stdout)}
        ended = [name for name in _STARTED.findall(done.stdout) if name not in mine][-1:]
        if not mine and not ended:
            sys.exit(done.stdout[-4000:])
        found.update(mine)
        found.update(dict.fromkeys(ended, FAILED))
        bad = [name for name, what in mine.items() if what == FAILED] + ended
        if bad:
            print(done.stdout if tests else "\n".join(_said(done.stdout, bad)))
        left = [name for name in left if name not in found]
    return found


def _said(output: str, names: list[str]) -> Iterator[str]:
    """What failing tests said."""
    for name in names:
        at = output.find(f"=== RUN   {name}\n")
        yield output[at : at + 1500].split("\n=== RUN", 1)[0]


def main() -> int:
    """Runs them; 0 if every failure has its reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", choices=SUITES, help="only this one")
    parser.add_argument("--server", help="the address of a server that is there, instead of a new one")
    parser.add_argument("tests", nargs="*", help="names, instead of all")
    given = parser.parse_args()
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        sys.exit("go is not here: install Go 1.21 or newer.")
    good = True
    with tempfile.TemporaryDirectory(prefix="gocql-") as scratch:
        told = subprocess.run([go, "mod", "download", "-json", DRIVER], cwd=scratch, capture_output=True, text=True, check=True)
        source = Path(json.loads(told.stdout)["Dir"])
        for name, suite in SUITES.items():
            if given.suite not in (None, name):
                continue
            binary = Path(scratch) / suite.tag
            if not binary.exists():
                subprocess.run([go, "test", "-c", "-vet=off", "-tags", suite.tag, "-o", str(binary), "."], cwd=source, check=True)
            if given.server is not None:
                found = run(binary, source, given.server, suite, given.tests)
            else:
                with serving(suite, source) as address:
                    found = run(binary, source, address, suite, given.tests)
            good &= judge(f"gocql-{name}", found, whole=not given.tests)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
