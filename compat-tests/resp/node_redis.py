"""The specs of node-redis (@redis/client) against HyperDB and against Redis, spec by spec.

They start their servers with docker; containers.py stands in for it. What needs a cluster or sentinels is left out. The specs are
not in the npm package: a tag of github.com/redis/node-redis is cloned, or `NODE_REDIS_DIR` (or `--sources`) names a checkout.
Run: `python compat-tests/resp/node_redis.py [--only hyperdb|redis] [lib/commands/GET.spec.ts ...]` (Node 20, npm, openssl).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import containers
import suites

SUITE = suites.Suite("node-redis", "https://github.com/redis/node-redis", "client@6.2.1")
PACKAGES = {
    "@node-rs/xxhash": "1.7.6",
    "@opentelemetry/api": "1.9.0",
    "@opentelemetry/sdk-metrics": "2.2.0",
    "@types/node": "20.11.16",
    "cluster-key-slot": "1.1.2",
    "mocha": "10.2.0",
    "sinon": "17.0.1",
    "tsx": "4.23.0",
    "typescript": "5.3.3",
    "yargs": "17.7.2",
}
WORKSPACES = ("client", "test-utils", "bloom")
SEVERAL_SERVERS = ("lib/cluster/**", "lib/sentinel/**")
LONGEST = 3000.0


def prepared(given: Path | None) -> Path:
    """The folder of @redis/client, with its packages; the workspaces find each other's sources where the built files would be."""
    source = suites.copied(SUITE, suites.sources(SUITE, given), "packages", "tsconfig.base.json")
    modules = suites.npm(SUITE, PACKAGES)
    scope = modules / "@redis"
    scope.mkdir(exist_ok=True)
    for name in WORKSPACES:
        (source / "packages" / name / "dist").symlink_to(".")
        (scope / name).unlink(missing_ok=True)
        (scope / name).symlink_to(source / "packages" / name)
    (source / "node_modules").symlink_to(modules)
    return source / "packages" / "client"


def run(peer: str, client: Path, files: list[str]) -> suites.Outcomes:
    """What became of each test; mocha's own words are in the suite's folder of work."""
    report, log, home = SUITE.work / f"{peer}.json", SUITE.work / f"{peer}.log", SUITE.work / f"{peer}.servers"
    report.unlink(missing_ok=True)
    shutil.rmtree(home, ignore_errors=True)
    (home / "bin").mkdir(parents=True)
    docker = home / "bin" / "docker"
    docker.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(containers.__file__).resolve()} "$@"\n')
    docker.chmod(0o755)
    mocha = [str(client.parent.parent / "node_modules" / ".bin" / "mocha"), "--no-config"]
    mocha += ["--reporter", "json", "--reporter-option", f"output={report}", "--exit", "--redis-version", suites.redis_version()]
    mocha += ["--require", "tsx", "--file", str(suites.PRELOAD / "one_server.cjs")]
    for pattern in SEVERAL_SERVERS:
        mocha += ["--ignore", pattern]
    mocha += files or ["lib/**/*.spec.ts"]
    env = {**os.environ, "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}
    env |= {containers.PEER_VARIABLE: peer, containers.FOLDER_VARIABLE: str(home)}
    try:
        with log.open("wb") as out:
            subprocess.run(mocha, cwd=client, env=env, stdout=out, stderr=out, timeout=LONGEST)
    finally:
        containers.end_all(home)
    if not report.exists():
        raise suites.SuiteMissing(f"node-redis's specs did not end by themselves on {peer}: see {log}")
    return suites.mocha_outcomes(report, client)


def by_spec(outcomes: suites.Outcomes) -> Counter[str]:
    """How many tests of each spec passed."""
    return Counter(name.split(":")[0] for name, what in outcomes.items() if what == suites.PASSED)


def main() -> int:
    """0 when what fails here and passes on Redis has its reason."""
    chosen = suites.arguments(__doc__).parse_args()
    client = prepared(chosen.sources)
    found = {peer: run(peer, client, chosen.rest) for peer in suites.PEERS if chosen.only in (None, peer)}
    if chosen.only is None:
        ours, theirs = by_spec(found["hyperdb"]), by_spec(found["redis"])
        same = sum(1 for spec in theirs if ours[spec] >= theirs[spec])
        print(f"{same} of {len(theirs)} specs pass as many tests as on Redis")
        for spec in sorted(spec for spec in theirs if ours[spec] < theirs[spec]):
            print(f"{spec}: {ours[spec]} of the {theirs[spec]} that Redis passes")
    return suites.concluded(SUITE, chosen, found)


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
