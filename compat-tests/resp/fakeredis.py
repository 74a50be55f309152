"""fakeredis's own tests on real servers, HyperDB and Redis; and its random histories of commands, HyperDB against Redis itself.

fakeredis imitates Redis, so its tests say what Redis does down to words of errors; those that are marked `real` are run on both
servers, test by test. Its Hypothesis machines compare a fake with a real server: here Redis is put in the fake's place, and
replies and errors must be the same (preload/fakeredis_peer.py). A tag of github.com/cunla/fakeredis-py is cloned, or
`FAKEREDIS_DIR` (or `--sources`) names a checkout.
Run: `python compat-tests/resp/fakeredis.py [--only hyperdb|redis] [--examples N] [test/...]`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "apps"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
import suites
from environments import environment

SUITE = suites.Suite("fakeredis", "https://github.com/cunla/fakeredis-py", "v2.37.0")
PACKAGES = (
    "redis==8.0.1", "valkey==6.1.1", "sortedcontainers==2.4.0", "lupa==2.6", "jsonpath-ng==1.7.0", "typing-extensions==4.15.0",
    "pyprobables==0.6.2", "pytest==8.4.2", "pytest-asyncio==1.2.0", "pytest-timeout==2.4.0", "pytest-mock==3.15.1",
    "hypothesis==6.138.0", "fakeredis==2.37.0",
)  # fmt: skip
FIXED_PORT = "6390"
FILES = ("test/test_mixins", "test/test_async", "test/test_keyspace_notifications.py")
LATER = "test/test_mixins/test_hash_expire_commands.py"
"""Commands of Redis 7.4, in hundreds of tests that fail on both."""
RANDOM = "test/test_hypothesis"
LONGEST = 3600.0


def prepared(given: Path | None, port: int) -> Path:
    """A copy of the sources whose one server listens on this port."""
    source = suites.copied(SUITE, suites.sources(SUITE, given), "fakeredis", "test", "pyproject.toml")
    for test in source.rglob("*.py"):
        text = test.read_text()
        if FIXED_PORT in text:
            test.write_text(text.replace(FIXED_PORT, str(port)))
    return source


def run(server: servers.Server, source: Path, chosen: list[str], more: list[str], env: dict[str, str]) -> suites.Outcomes:
    """What became of each test; pytest's own words are in the suite's folder of work."""
    kind = "random" if env else "tests"
    report, log = SUITE.work / f"{server.name}.{kind}.xml", SUITE.work / f"{server.name}.{kind}.log"
    report.unlink(missing_ok=True)
    options = ["-q", "-p", "no:cacheprovider", "--tb=line", f"--ignore={LATER}", f"--junit-xml={report}", *more]
    command = [str(environment("fakeredis", *PACKAGES)), "-m", "pytest", *options, *chosen]
    with log.open("wb") as out:
        subprocess.run(command, cwd=source, env={**os.environ, **env}, stdout=out, stderr=out, timeout=LONGEST)
    if not report.exists():
        raise suites.SuiteMissing(f"fakeredis's tests did not end by themselves on {server.name}: see {log}")
    return suites.junit_outcomes(report)


def histories(source: Path, port: int, examples: int) -> int:
    """Random histories of commands, HyperDB beside Redis; how many of the machines found a difference without a reason."""
    with servers.hyperdb(*suites.DURABILITY, port=port) as ours, servers.redis() as theirs:
        env = {"PYTHONPATH": str(suites.PRELOAD), "PEER_PORT": str(theirs.port), "EXAMPLES": str(examples)}
        found = run(ours, source, [RANDOM], ["-p", "fakeredis_peer"], env)
    differing = sorted(name for name, what in found.items() if what == suites.FAILED)
    for name in differing:
        print(f"differs from Redis: {name} (see {SUITE.work}/hyperdb.random.log)")
    print(f"fakeredis's machines, HyperDB against Redis: {suites.counted(found)}, {examples} histories each")
    return len(differing) if found else 1


def main() -> int:
    """0 when what fails here and passes on Redis has its reason, and no random history tells the two apart."""
    parser: argparse.ArgumentParser = suites.arguments(__doc__)
    parser.add_argument("--examples", type=int, default=300, help="random histories for each machine; 0 for none")
    chosen = parser.parse_args()
    port = servers.free_port()
    source = prepared(chosen.sources, port)
    files, only_real = chosen.rest or list(FILES), ["-m", "real and not slow", "--timeout", "60"]
    status = suites.beside(SUITE, chosen, lambda server: run(server, source, files, only_real, {}), port=port)
    if chosen.only is None and not chosen.rest and chosen.examples:
        status |= int(histories(source, port, chosen.examples) > 0)
    return status


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
