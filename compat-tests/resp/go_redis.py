"""go-redis's own Ginkgo suite on a single server, HyperDB and Redis, test by test.

Left out are the files about clusters, sentinels, rings of servers, TLS clusters and modules (search, JSON, time series,
probabilistic, vectors, hot keys, arrays). A tag of github.com/redis/go-redis is cloned, or `GO_REDIS_DIR` (or `--sources`)
names a checkout of it. Run: `python compat-tests/resp/go_redis.py [--only hyperdb|redis] [FOCUS ...]` (Go 1.24); FOCUS is part of
a test's name.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
import suites

SUITE = suites.Suite("go-redis", "https://github.com/redis/go-redis", "v9.22.0")
FIXED_PORT = '6379"'
SEVERAL_SERVERS = ("ring_test.go", "sentinel_test.go", "osscluster_test.go", "osscluster_router_test.go", "universal_test.go")
TLS_CLUSTERS = ("tls_test.go", "tls_cluster_test.go")
MODULES = ("search_", "json_test.go", "timeseries_", "probabilistic_test.go", "vectorset_", "hotkeys_", "array_")
OTHER_SERVERS = "cluster races|Cluster Client|ClusterClient"
# What is plain Go: unit tests, and tests of pipelines and client-side caches on the server.
LEFT_OUT = "TestGinkgoSuite|TestClusterMaint|TestTLS|TestSearch|TestFT|Sentinel|Digest|TestParseURL"
PLAIN = re.compile(r"^\s*--- (PASS|FAIL|SKIP): (\S+)", re.MULTILINE)
KINDS = {"PASS": suites.PASSED, "FAIL": suites.FAILED, "SKIP": suites.SKIPPED}
LONGEST = 1800.0


def built(given: Path | None, port: int) -> Path:
    """The suite as a program, with the port of its one server put in where it has a fixed one."""
    go = suites.needed("go", "https://go.dev/dl, 1.24 or newer")
    folder = suites.sources(SUITE, given)
    source = suites.copied(
        SUITE, folder, *sorted(path.name for path in folder.iterdir() if path.name not in (".git", "node_modules"))
    )
    for test in source.glob("*.go"):
        text = test.read_text()
        if FIXED_PORT in text:
            test.write_text(text.replace(FIXED_PORT, f'{port}"'))
    program = SUITE.work / "go-redis.test"
    if subprocess.run([go, "test", "-c", "-o", str(program), "."], cwd=source).returncode != 0:
        raise suites.SuiteMissing("go-redis's tests were not compiled")
    return program


def run(server: servers.Server, program: Path, focus: list[str], version: str) -> suites.Outcomes:
    """What became of each test; Ginkgo's own words are in the suite's folder of work."""
    report, log = SUITE.work / f"{server.name}.xml", SUITE.work / f"{server.name}.log"
    report.unlink(missing_ok=True)
    command = [str(program), "-test.run", "^TestGinkgoSuite$", f"-test.timeout={LONGEST:.0f}s", f"-ginkgo.junit-report={report}"]
    command += [f"-ginkgo.skip-file={name}" for name in (*SEVERAL_SERVERS, *TLS_CLUSTERS, *MODULES)]
    command += ["-ginkgo.no-color", f"-ginkgo.skip={OTHER_SERVERS}"]
    command += [f"-ginkgo.focus={words}" for words in focus]
    # A managed server, in its words: it does not look for the cluster and the sentinels of its containers.
    env = {**os.environ, "RE_CLUSTER": "true", "REDIS_VERSION": version}
    with log.open("wb") as out:
        subprocess.run(command, cwd=SUITE.work / "source", env=env, stdout=out, stderr=out, timeout=LONGEST + 60)
    if not report.exists():
        raise suites.SuiteMissing(f"go-redis's suite did not end by itself on {server.name}: see {log}")
    return suites.junit_outcomes(report) | (plain(server, program, env) if not focus else {})


def plain(server: servers.Server, program: Path, env: Mapping[str, str]) -> suites.Outcomes:
    """What became of the tests that are not Ginkgo's."""
    command = [str(program), "-test.v", f"-test.skip={LEFT_OUT}", f"-test.timeout={LONGEST:.0f}s"]
    with (SUITE.work / f"{server.name}.plain.log").open("w+b") as out:
        subprocess.run(command, cwd=SUITE.work / "source", env=env, stdout=out, stderr=out, timeout=LONGEST + 60)
        out.seek(0)
        text = out.read().decode("utf-8", "replace")
    return {f"go: {name}": KINDS[kind] for kind, name in PLAIN.findall(text)}


def main() -> int:
    """0 when what fails here and passes on Redis has its reason."""
    chosen = suites.arguments(__doc__).parse_args()
    port, version = servers.free_port(), suites.redis_version()
    program = built(chosen.sources, port)
    options = {"hyperdb": ("--resp-debug", "yes"), "redis": ("--enable-debug-command", "yes")}
    return suites.beside(SUITE, chosen, lambda server: run(server, program, chosen.rest, version), options, port)


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
