"""SQLAlchemy's own suite for dialects, on HyperDB and on PostgreSQL: python compat-tests/sql/sqlalchemy_suite.py

Purpose: what PostgreSQL passes is the measure; at least 95 % of it must pass here. The suite (sqlalchemy.testing.suite) comes
with SQLAlchemy; which tests ask what of a database is said in its source distribution (test/requirements.py), which is fetched.
Both runs take a minute or more each; the servers are thrown away.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from cluster import cluster

import hyperdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from servers import free_port

PINS = ("SQLAlchemy==2.1.9", "psycopg[binary]==3.3.9", "pytest==9.2.0", "setuptools==80.9.0", "cython==3.1.4")
SCHEMAS = "CREATE SCHEMA test_schema; CREATE SCHEMA test_schema_2"
NEEDED = 0.95
# Extensions are PostgreSQL's alone, and the suite asks nothing of them.
CONFTEST = """
import pytest
pytest.register_assert_rewrite("sqlalchemy.testing.assertions")
from sqlalchemy.dialects.postgresql import provision
provision._extensions.clear()
from sqlalchemy.testing.plugin.pytestplugin import *
"""


def environment(home: Path) -> Path:
    """An environment with the pins, and the suite's files beside it; its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(home / "env")], check=True)
    python = home / "env/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PINS], check=True)
    fetch = ["pip", "download", "-q", "--no-deps", "--no-build-isolation", "--no-binary", "SQLAlchemy", "-d", str(home), PINS[0]]
    subprocess.run([python, "-m", *fetch], check=True)
    (archive,) = home.glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(home), "--strip-components=1"], check=True)
    (home / "test/conftest.py").unlink()
    (home / "conftest.py").write_text(CONFTEST)
    (home / "test_suite.py").write_text("from sqlalchemy.testing.suite import *\n")
    return python


def passed(python: Path, home: Path, url: str) -> dict[str, bool]:
    """The tests that ran, and whether each passed."""
    report = home / "report.xml"
    words = [
        "test_suite.py",
        "--dburi",
        url,
        "-q",
        "--tb=no",
        "--maxfail=10000",
        "-p",
        "no:cacheprovider",
        f"--junitxml={report}",
    ]
    options = ["-o", "addopts=-p warnings -p logging --strict-markers"]
    subprocess.run([python, "-m", "pytest", *words, *options], cwd=home, check=False, stdout=subprocess.DEVNULL)
    found: dict[str, bool] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("skipped") is None:
            # The name of a class ends with the server's version.
            name = f"{case.get('classname', '').split('_postgresql')[0]}.{case.get('name')}"
            found[name] = found.get(name, True) and case.find("failure") is None and case.find("error") is None
    return found


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hyperdb-sqlalchemy-") as scratch:
        home = Path(scratch)
        python = environment(home)
        port = free_port()
        with cluster(f"-c fsync=off -c listen_addresses=127.0.0.1 -c port={port} -c max_prepared_transactions=20") as (
            socket,
            run,
        ):
            psql = ("psql", "-h", socket, "-p", str(port), "-qAt")
            run(*psql, "-d", "postgres", text="CREATE DATABASE test")
            run(*psql, "-d", "test", text=SCHEMAS)
            theirs = passed(python, home, f"postgresql+psycopg://postgres@127.0.0.1:{port}/test")
        with hyperdb.open(":memory:", frames=None) as database:
            database.sql(SCHEMAS)
            serving = database.serve(sql="127.0.0.1:0", control=False)
            assert serving.sql_address is not None
            ours = passed(python, home, f"postgresql+psycopg://postgres@127.0.0.1:{serving.sql_address[1]}/hyperdb")
    wanted = {name for name, good in theirs.items() if good}
    missed = sorted(name for name in wanted if not ours.get(name, False))
    for name in missed:
        print(f"not passed: {name}")
    share = 1 - len(missed) / max(1, len(wanted))
    print(f"SQLAlchemy's suite: PostgreSQL passes {len(wanted)}, HyperDB {len(wanted) - len(missed)} of these ({share:.2%})")
    sys.exit(0 if len(wanted) > 1_000 and share >= NEEDED else 1)


if __name__ == "__main__":
    main()
