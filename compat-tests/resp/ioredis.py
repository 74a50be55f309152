"""ioredis's functional suite against HyperDB and against Redis, test by test.

The tests are not in its npm package: a tag of github.com/redis/ioredis is cloned, or `IOREDIS_DIR` (or `--sources`) names a
checkout of it. Run: `python compat-tests/resp/ioredis.py [--only hyperdb|redis] [test/functional/...]` (Node 20, npm).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
import suites

SUITE = suites.Suite("ioredis", "https://github.com/redis/ioredis", "v6.0.0")
PACKAGES = {
    "@ioredis/commands": "2.0.0",
    "@types/node": "20.19.41",
    "chai": "4.3.6",
    "chai-as-promised": "7.1.1",
    "cluster-key-slot": "1.1.1",
    "debug": "4.4.3",
    "denque": "2.1.0",
    "mocha": "11.7.6",
    "redis-errors": "1.2.0",
    "server-destroy": "1.0.1",
    "sinon": "13.0.1",
    "standard-as-callback": "2.1.0",
    "ts-node": "10.9.2",
    "typescript": "5.4.5",
    "uuid": "9.0.0",
}
FILES = ("test/helpers/*.ts", "test/functional/**/*.ts")
LONGEST = 1800.0


def run(server: servers.Server, source: Path, files: list[str]) -> suites.Outcomes:
    """What became of each test; mocha's own words are in the suite's folder of work."""
    report, log = SUITE.work / f"{server.name}.json", SUITE.work / f"{server.name}.log"
    report.unlink(missing_ok=True)
    mocha = [str(source / "node_modules" / ".bin" / "mocha"), "--reporter", "json", "--reporter-option", f"output={report}"]
    options = ["--require", "ts-node/register", "--require", str(suites.PRELOAD / "port.cjs"), "--timeout", "8000", "--exit"]
    chosen = [FILES[0], *files] if files else list(FILES)
    env = {**os.environ, "NODE_ENV": "test", "TS_NODE_TRANSPILE_ONLY": "true", "SUITE_PORT": str(server.port)}
    with log.open("wb") as out:
        subprocess.run([*mocha, *options, *chosen], cwd=source, env=env, stdout=out, stderr=subprocess.STDOUT, timeout=LONGEST)
    if not report.exists():
        raise suites.SuiteMissing(f"ioredis's suite did not end by itself on {server.name}: see {log}")
    return suites.mocha_outcomes(report, source)


def main() -> int:
    """0 when what fails here and passes on Redis has its reason."""
    chosen = suites.arguments(__doc__).parse_args()
    source = suites.copied(SUITE, suites.sources(SUITE, chosen.sources), "lib", "test", "package.json", "tsconfig.json")
    (source / "node_modules").symlink_to(suites.npm(SUITE, PACKAGES))
    return suites.beside(SUITE, chosen, lambda server: run(server, source, chosen.rest))


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
