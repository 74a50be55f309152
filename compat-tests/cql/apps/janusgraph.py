"""JanusGraph, a graph database that keeps its data in Cassandra, on this server: python compat-tests/cql/apps/janusgraph.py

It comes from Maven's repository and runs unchanged; janusgraph/Graph.java defines a schema with a unique index, loads a graph,
traverses it, opens it again and changes it with several writers. Invariant: every step is printed as ok.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import hyperdb

HERE = Path(__file__).with_name("janusgraph")
STEPS = 5


def main() -> int:
    """Runs it; 0 if all steps are as they should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jars", type=Path, help="a folder with its jars, or in which to keep them")
    parser.add_argument("--port", help="of a server on this machine, instead of a new one")
    given = parser.parse_args()
    if shutil.which("mvn") is None:
        sys.exit("mvn is not here: install maven and a JDK 17.")
    with tempfile.TemporaryDirectory(prefix="janusgraph-") as scratch:
        jars = given.jars or Path(scratch) / "jars"
        if not jars.exists():
            fetch = ["mvn", "-q", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
            subprocess.run(fetch, check=True)
        with (
            hyperdb.open(Path(scratch) / "data", frames=None) as database,
            database.serve(cql="127.0.0.1:0", control=False) as serving,
        ):
            assert serving.cql_address is not None
            environment = {**os.environ, "CQL_PORT": given.port or str(serving.cql_address[1])}
            words = ["java", "-Xmx1g", "-cp", f"{jars}/*", str(HERE / "Graph.java")]
            done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout, end="")
    passed = done.stdout.count("ok ")
    if passed < STEPS:
        print(done.stderr[-6000:])
    print(f"janusgraph: {passed} steps passed, {STEPS - passed} failed")
    return 0 if passed == STEPS else 1


if __name__ == "__main__":
    sys.exit(main())
