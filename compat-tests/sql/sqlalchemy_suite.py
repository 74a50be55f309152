"""SQLAlchemy's own suite for dialects, on PostgreSQL and on HyperDB: python compat-tests/sql/sqlalchemy_suite.py [--home FOLDER]

Purpose: what PostgreSQL passes is the measure; at least 95 % of it must pass here, by the wire (`postgresql+psycopg://`) and in
the process (`hyperdb://`), and each rest has its reason. The suite (sqlalchemy.testing.suite) comes with SQLAlchemy; which
tests ask what of a database is said in its source distribution (test/requirements.py), which is fetched. The suite for
`hyperdb://` runs in this program's own environment, where HyperDB is. Theory: SQLAlchemy's README.dialects.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

from suites import arguments, compare, environment, fresh, hyperdb_server, postgresql, release, scratch

import hyperdb

VERSION = "2.1.9"
PINS = (f"SQLAlchemy=={VERSION}", "psycopg[binary]==3.3.9", "pytest==9.2.0", "setuptools==80.9.0", "cython==3.1.4")
SCHEMAS = "CREATE SCHEMA test_schema; CREATE SCHEMA test_schema_2"
NEEDED = 0.95
# Extensions are PostgreSQL's alone, and the suite asks nothing of them. What the suite prepares for a database goes by the name
# in its URL: that of the process is prepared as PostgreSQL's.
CONFTEST = """
import pytest
pytest.register_assert_rewrite("sqlalchemy.testing.assertions")
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql import provision
from sqlalchemy.testing import provision as provisions
provision._extensions.clear()
for name in ("hyperdb", "hyperdb.hyperdb"):
    registry.register(name, "hyperdb.sqlalchemy", "HyperDBDialect")
for step in vars(provisions).values():
    if isinstance(step, provisions.register) and "postgresql" in step.fns:
        step.fns["hyperdb"] = step.fns["postgresql"]
from sqlalchemy.testing.plugin.pytestplugin import *
"""


def prepared(source: Path, home: Path) -> Path:
    """The folder in which the suite runs: what the source says of databases, and the suite's tests."""
    folder = fresh(home / "run")
    shutil.copytree(source / "test", folder / "test")
    for settings in ("setup.cfg", "pyproject.toml"):
        shutil.copy(source / settings, folder)
    (folder / "test/conftest.py").unlink()
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_suite.py").write_text("from sqlalchemy.testing.suite import *\n")
    return folder


def passed(python: Path, folder: Path, url: str, report: Path, chosen: argparse.Namespace) -> dict[str, bool]:
    """The tests that ran, and whether each passed."""
    words = ["test_suite.py", "--dburi", url, "-q", "--tb=short", "--maxfail=10000", "-p", "no:cacheprovider"]
    options = [f"--junitxml={report}", "-o", "addopts=-p warnings -p logging --strict-markers"]
    asked = ["-k", " or ".join(chosen.rest)] if chosen.rest else []
    root = str(Path(__file__).resolve().parents[2])
    with report.with_suffix(".log").open("wb") as out:
        command = [str(python), "-m", "pytest", *words, *options, *asked]
        known = {**os.environ, "PYTHONPATH": root}
        subprocess.run(command, cwd=folder, env=known, check=False, stdout=out, stderr=out)
    found: dict[str, bool] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("skipped") is None:
            # The name of a class ends with the server's version.
            name = f"{case.get('classname', '').split('_postgresql')[0]}.{case.get('name')}"
            found[name] = found.get(name, True) and case.find("failure") is None and case.find("error") is None
    return found


def embedded(folder: Path, home: Path, chosen: argparse.Namespace) -> dict[str, bool]:
    """The suite in one process with a store in a file."""
    store = fresh(home / "stores") / "data"
    with hyperdb.open(store, frames=None) as database:
        database.sql(SCHEMAS)
    return passed(Path(sys.executable), folder, f"hyperdb:///{store}?frames=none", home / "embedded.xml", chosen)


def share(theirs: Mapping[str, bool], ours: Mapping[str, bool]) -> float:
    """What passes here of what passes there."""
    wanted = {name for name, good in theirs.items() if good}
    return sum(ours.get(name, False) for name in wanted) / max(1, len(wanted))


def main() -> None:
    chosen = arguments(__doc__ or "")
    with scratch("sqlalchemy", chosen.home) as home:
        python = chosen.python or environment(home, *PINS)
        folder = prepared(chosen.source or release(python, home, f"SQLAlchemy=={VERSION}"), home)
        with postgresql(SCHEMAS, "-c max_prepared_transactions=20") as peer:
            url = peer.url.replace("postgresql:", "postgresql+psycopg:")
            theirs = passed(python, folder, url, home / "PostgreSQL.xml", chosen)
        with hyperdb_server(SCHEMAS) as peer:
            url = peer.url.replace("postgresql:", "postgresql+psycopg:")
            wire = passed(python, folder, url, home / "HyperDB.xml", chosen)
        within = embedded(folder, home, chosen)
    whole = not chosen.rest
    explained = [compare("sqlalchemy", theirs, wire, whole), compare("sqlalchemy hyperdb://", theirs, within, whole)]
    enough = all(share(theirs, ours) >= NEEDED for ours in (wire, within))
    sys.exit(0 if all(explained) and enough else 1)


if __name__ == "__main__":
    main()
