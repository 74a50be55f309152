"""The drivers of Node's and Java's worlds on this server: python compat-tests/cql/drivers.py [node|java] [--source FOLDER]

node/check.test.js and java/Check.java connect, prepare, page, batch, decide conditions, and send every type there and back; over
TLS, with passwords, with compression. The drivers come from their registries by node/package.json and java/pom.xml, into FOLDER
if one is named, where they stay. Invariant: every check passes; what a driver itself cannot do is not asked.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hyperdb

HERE = Path(__file__).parent
CERTIFICATE, KEY = (HERE.parents[1] / "tests/sql/certificate" / name for name in ("certificate.pem", "key.pem"))


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Servers with nothing in them: as it comes, with a password, with TLS; their ports as variables of the environment."""
    with (
        hyperdb.open(":memory:", frames=None) as plain,
        hyperdb.open(":memory:", frames=None) as guarded,
        hyperdb.open(":memory:", frames=None) as encrypted,
    ):
        found = {
            "CQL_PORT": plain.serve(cql="127.0.0.1:0", control=False),
            "CQL_PASSWORD_PORT": guarded.serve(cql="127.0.0.1:0", control=False, password="secret"),
            "CQL_TLS_PORT": encrypted.serve(cql="127.0.0.1:0", control=False, tls=(CERTIFICATE, KEY)),
        }
        ports = {}
        for name, serving in found.items():
            assert serving.cql_address is not None
            ports[name] = str(serving.cql_address[1])
        yield {**ports, "CQL_CERTIFICATE": str(CERTIFICATE)}


def node(home: Path, environment: dict[str, str]) -> tuple[int, int]:
    """Checks that passed, and those that failed."""
    if shutil.which("npm") is None:
        sys.exit("npm is not here: install Node 20 or newer.")
    for each in (HERE / "node").iterdir():
        shutil.copy(each, home / each.name)
    if not (home / "node_modules").exists():
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=home, check=True)
    words = ["node", "--test", "--test-reporter=tap"]
    done = subprocess.run(words, cwd=home, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    good, bad = (int(re.findall(rf"^# {word} (\d+)", done.stdout, re.MULTILINE)[0]) for word in ("pass", "fail"))
    if bad:
        print(done.stdout)
    return good, bad


def java(home: Path, environment: dict[str, str]) -> tuple[int, int]:
    """See `node`."""
    if shutil.which("mvn") is None:
        sys.exit("mvn is not here: install maven and a JDK 17.")
    jars = home / "jars"
    if not jars.exists():
        fetch = ["mvn", "-q", "-f", str(HERE / "java/pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        subprocess.run(fetch, check=True)
    words = ["java", "-cp", f"{jars}/*", str(HERE / "java/Check.java")]
    done = subprocess.run(words, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    bad = [line for line in lines if line.startswith("failed ")]
    print("\n".join(bad))
    if done.returncode or not lines:
        print(done.stderr[-4000:])
    return sum(line.startswith("ok ") for line in lines), len(bad) + (done.returncode != 0)


DRIVERS = {"node": node, "java": java}


def main() -> int:
    """Runs them; 0 if all checks pass."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("driver", nargs="?", choices=DRIVERS, help="only this one")
    parser.add_argument("--source", type=Path, help="a folder in which drivers are kept")
    given = parser.parse_args()
    is_good = True
    for name, run in DRIVERS.items():
        if given.driver not in (None, name):
            continue
        with tempfile.TemporaryDirectory(prefix=f"cql-{name}-") as scratch, servers() as environment:
            home = given.source / name if given.source is not None else Path(scratch)
            home.mkdir(parents=True, exist_ok=True)
            good, bad = run(home, environment)
        print(f"{name}: {good} checks passed, {bad} failed")
        is_good &= bool(good) and not bad
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
