"""The Python driver's integration tests (Apache-2.0) against this server on 127.0.0.1:9042; each failure needs a reason.

    python compat-tests/cql/python_driver.py --source FOLDER --python PYTHON [TEST ...]

FOLDER is a checkout of github.com/apache/cassandra-python-driver (it is not kept here), PYTHON one that has the driver, pytest,
ccm, scales, pytz, packaging and futurist.

Theory: the suite starts clusters of three nodes by itself unless it is told of one (USE_CASS_EXTERNAL); what needs more than one
node, or programs on the nodes, fails here and has a line in reasons.tsv (pattern, reason). Invariant: a failure without a line is
a finding, and so is a line that explains nothing any more.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree

import hyperdb

REASONS = Path(__file__).with_name("reasons.tsv")
STUB = 'class HcdCluster:\n    """Stands in for what the released ccm does not have."""\n'
_FIND_CCM = "import ccmlib, os; print(os.path.dirname(ccmlib.__file__))"


def run(source: Path, python: Path, tests: list[str]) -> dict[str, str]:
    """What became of each test: passed, failed, skipped."""
    ccm = subprocess.run([str(python), "-c", _FIND_CCM], capture_output=True, text=True, check=True).stdout.strip()
    stub = Path(ccm) / "hcd_cluster.py"
    if not stub.exists():
        stub.write_text(STUB)
    environment = {
        **os.environ,
        "USE_CASS_EXTERNAL": "1",
        "CASSANDRA_VERSION": "4.1.9",
        "CLUSTER_IP": "127.0.0.1",
        "PROTOCOL_VERSION": "5",
    }
    with (
        tempfile.TemporaryDirectory(prefix="python-driver-") as scratch,
        hyperdb.open(":memory:", frames=None) as database,
        database.serve(cql="127.0.0.1:9042", control=False),
    ):
        report = Path(scratch) / "report.xml"
        words = [str(python), "-m", "pytest", "-q", "-W", "ignore", "-p", "no:logging", f"--junitxml={report}"]
        subprocess.run([*words, *(tests or ["tests/integration/standard"])], cwd=source, env=environment, check=False)
        return outcomes(report)


def outcomes(report: Path) -> dict[str, str]:
    """The outcome of each test of a report."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').removeprefix('tests.integration.standard.')}.{case.get('name')}"
        kinds = {child.tag for child in case}
        found[name] = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
    return found


def reasons() -> dict[str, str]:
    """Why tests fail, by patterns of their names."""
    with REASONS.open(newline="") as rows:
        return dict(csv.reader(rows, delimiter="\t"))


def main() -> int:
    """Runs it; 0 if every failure has its reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("tests", nargs="*", help="files or names, instead of all")
    given = parser.parse_args()
    found = run(given.source, given.python, given.tests)
    print(", ".join(f"{number} {what}" for what, number in sorted(Counter(found.values()).items())))
    known = reasons()
    failed = [name for name, what in found.items() if what == "failed"]
    unexplained = [name for name in failed if not any(fnmatchcase(name, pattern) for pattern in known)]
    for name in unexplained:
        print(f"no reason: {name}")
    idle = [pattern for pattern in known if not any(fnmatchcase(name, pattern) for name in failed)]
    for pattern in [] if given.tests else idle:
        print(f"explains nothing: {pattern}")
    return 1 if unexplained or (idle and not given.tests) else 0


if __name__ == "__main__":
    sys.exit(main())
