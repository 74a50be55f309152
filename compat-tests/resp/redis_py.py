"""redis-py's own test files on HyperDB and on Redis, test by test.

The tests come with redis-py's source distribution, which pip brings; `REDIS_PY_DIR` (or `--sources`) names one that is there.
What needs a cluster, TLS or modules is left out.
Run: `python compat-tests/resp/redis_py.py [--only hyperdb|redis] [test_lock.py ...]`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "apps"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import environments
import servers
import suites

VERSION = "8.1.0"
SUITE = suites.Suite("redis-py", "https://github.com/redis/redis-py", f"v{VERSION}")
FILES = (
    "test_commands.py",
    "test_pipeline.py",
    "test_pubsub.py",
    "test_lock.py",
    "test_encoding.py",
    "test_connection_pool.py",
    "test_data_structure.py",
    "test_multiprocessing.py",
)
PACKAGES = (f"redis[jwt]=={VERSION}", "pytest", "pytest-asyncio", "pytest-timeout", "mock", "packaging", "numpy", "cachetools",
            "requests")  # fmt: skip
DEBUG = {"hyperdb": ("--resp-debug", "local"), "redis": ("--enable-debug-command", "local")}
LONGEST = 1800.0


def run(server: servers.Server, python: Path, source: Path, files: list[str]) -> suites.Outcomes:
    """What became of each test; pytest's own words are in the suite's folder of work."""
    report, log = SUITE.work / f"{server.name}.xml", SUITE.work / f"{server.name}.log"
    report.unlink(missing_ok=True)
    options = ["-m", "not onlycluster and not redismod and not ssl", "--timeout", "20", "-q", "-p", "no:cacheprovider"]
    command = [str(python), "-m", "pytest", *(f"tests/{name}" for name in files), *options]
    command += [f"--redis-url={server.url}/9", f"--junit-xml={report}"]
    with log.open("wb") as out:
        subprocess.run(command, cwd=source, stdout=out, stderr=out, timeout=LONGEST)
    if not report.exists():
        raise suites.SuiteMissing(f"redis-py's tests did not end by themselves on {server.name}: see {log}")
    return suites.junit_outcomes(report)


def main() -> int:
    """0 when each test that passes on Redis passes here."""
    chosen = suites.arguments(__doc__).parse_args()
    python = environments.environment(SUITE.name, *PACKAGES)
    given = suites.given(SUITE, chosen.sources)
    source = given if given is not None else environments.source(SUITE.name, python, f"redis=={VERSION}")
    return suites.beside(SUITE, chosen, lambda server: run(server, python, source, chosen.rest or list(FILES)), DEBUG)


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
