"""The Python drivers' own integration tests against this server; each failure needs a reason.

    python compat-tests/cql/python_driver.py --source FOLDER --python PYTHON [--suite NAME] [TEST ...]

FOLDER is a checkout of github.com/apache/cassandra-python-driver (it is not kept here); PYTHON one that has a driver
(cassandra-driver or scylla-driver), pytest, pytest-timeout, ccm, scales, pytz, packaging, futurist, pure-sasl, cryptography and
numpy; the checkout's own folder `cassandra` has to be taken away, which would stand before that. For the
suite `scylla` FOLDER is a checkout of github.com/scylladb/python-driver, and PYTHON has scylla-driver.

Theory: the suite starts clusters of three nodes by itself unless it is told of one (USE_CASS_EXTERNAL). `standard` is the driver,
`older` the same in version 4 of the protocol, `passwords` its tests of logging in, `cqlengine` the object mapper. Port 9042 has
to be free.
Invariant: see reasons.py.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from reasons import FAILED, PASSED, SKIPPED, judge

import hyperdb

PLUGINS = Path(__file__).with_name("plugins")
STUB = 'class HcdCluster:\n    """Stands in for what the released ccm does not have."""\n'
PORT = 9042
"""Where some tests look for a server, whatever the suite was told."""
_FIND_CCM = "import ccmlib, os; print(os.path.dirname(ccmlib.__file__))"
_STANDARD = "tests/integration/standard"
_OF_SCYLLA = ("tablets", "tablets_routing_v2", "shard_aware", "client_routes", "ip_change", "rate_limit_exceeded",
              "rack_aware_policy", "scylla_metadata_id", "concurrent_schema_change_and_node_kill")  # fmt: skip
"""What ScyllaDB's suite asks of ScyllaDB's own nodes."""
_LOGGING_IN = "tests/integration/standard/test_authentication.py"


@dataclass(frozen=True)
class Suite:
    """What is run, and how the server is."""

    tests: tuple[str, ...]
    without: tuple[str, ...] = ()
    protocol: int = 5
    password: str | None = None
    cassandra: str = "5.0.2"
    """What version of Cassandra the tests are for."""
    is_other: bool = False
    """Whether it is of another checkout, and run only if it is named."""


SUITES = {
    "standard": Suite((_STANDARD,), (_LOGGING_IN,)),
    "older": Suite((_STANDARD,), (_LOGGING_IN,), protocol=4),
    "passwords": Suite((_LOGGING_IN,), password="cassandra"),
    "cqlengine": Suite(("tests/integration/cqlengine",)),
    "scylla": Suite(
        (_STANDARD,), (_LOGGING_IN, *(f"{_STANDARD}/test_{each}.py" for each in _OF_SCYLLA)), protocol=4, is_other=True
    ),
}


def run(suite: Suite, source: Path, python: Path, tests: list[str], server: str | None) -> dict[str, str]:
    """What became of each test."""
    ccm = subprocess.run([str(python), "-c", _FIND_CCM], capture_output=True, text=True, check=True).stdout.strip()
    stub = Path(ccm) / "hcd_cluster.py"
    if not stub.exists():
        stub.write_text(STUB)
    environment = {
        **os.environ,
        "PYTHONPATH": str(PLUGINS),
        "USE_CASS_EXTERNAL": "1",
        "CASSANDRA_VERSION": suite.cassandra,
        "PROTOCOL_VERSION": str(suite.protocol),
    }
    with tempfile.TemporaryDirectory(prefix="python-driver-") as scratch, serving(suite, server) as (host, port):
        environment |= {"CLUSTER_IP": host, "CLUSTER_PORT": port}
        report = Path(scratch) / "report.xml"
        words = [
            str(python),
            "-m",
            "pytest",
            "-q",
            "-rs",
            "-p",
            "no:warnings",
            "-p",
            "no:logging",
            "-p",
            "own_cluster",
            "--timeout=120",
        ]
        words += [f"--ignore={each}" for each in suite.without]
        words += [f"--junitxml={report}", "--tb=short", *(tests or suite.tests)]
        subprocess.run(words, cwd=source, env=environment, check=False)
        return outcomes(report)


@contextmanager
def serving(suite: Suite, server: str | None) -> Iterator[tuple[str, str]]:
    """A server with nothing in it, or the one that is there; its host and port."""
    if server is not None:
        host, port = server.split(":")
        yield host, port
        return
    with (
        hyperdb.open(":memory:", frames=None) as database,
        database.serve(cql=f"127.0.0.1:{PORT}", control=False, password=suite.password) as running,
    ):
        assert running.cql_address is not None
        yield running.cql_address[0], str(running.cql_address[1])


def outcomes(report: Path) -> dict[str, str]:
    """The outcome of each test of a report."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').removeprefix('tests.integration.')}.{case.get('name')}"
        kinds = {child.tag for child in case}
        found[name] = FAILED if kinds & {"failure", "error"} else SKIPPED if "skipped" in kinds else PASSED
    return found


def main() -> int:
    """Runs them; 0 if every failure has its reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--suite", choices=SUITES, help="only this one")
    parser.add_argument("--server", help="HOST:PORT of a server that is there, instead of a new one")
    parser.add_argument("tests", nargs="*", help="files or names, instead of all")
    given = parser.parse_args()
    good = True
    for name, suite in SUITES.items():
        if given.suite == name or (given.suite is None and not suite.is_other):
            found = run(suite, given.source, given.python.absolute(), given.tests, given.server)
            good &= judge(f"python-{name}", found, whole=not given.tests)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
