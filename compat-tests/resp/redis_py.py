"""Runs redis-py's own test files against HyperDB and against Redis, and compares test by test.

The tests come with redis-py's source distribution, which pip brings. A test counts against HyperDB only if it
fails there and passes on the Redis of this machine. Run: `python compat-tests/resp/redis_py.py [--files ...]`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import venv
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

VERSION = "8.1.0"
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
PACKAGES = ("pytest", "pytest-asyncio", "pytest-timeout", "mock", "packaging", "numpy", "cachetools", "requests")
WORK = servers.ROOT / "build" / "compat" / "redis-py"


def prepare() -> tuple[Path, Path]:
    """A virtual environment with redis-py and its test requirements, and the folder with its tests."""
    python = WORK / "venv" / "bin" / "python"
    source = WORK / f"redis-{VERSION}"
    if not python.exists():
        venv.create(WORK / "venv", with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", f"redis[jwt]=={VERSION}", *PACKAGES]
        subprocess.run(pip, check=True)
    if not source.exists():
        fetch = ["pip", "download", "--quiet", "--no-deps", "--no-binary", "redis"]
        subprocess.run([str(python), "-m", *fetch, "-d", str(WORK), f"redis=={VERSION}"], check=True)
        with tarfile.open(WORK / f"redis-{VERSION}.tar.gz") as archive:
            archive.extractall(WORK, filter="data")
    return python, source


def outcome(case: ElementTree.Element) -> str:
    """`passed`, `failed` or `skipped`, of one case of a JUnit report."""
    if case.find("skipped") is not None:
        return "skipped"
    return "failed" if case.find("failure") is not None or case.find("error") is not None else "passed"


def run(server: servers.Server, python: Path, source: Path, files: list[str], extra: list[str]) -> dict[str, str]:
    """Outcome by test name."""
    report = WORK / f"{server.name}.xml"
    selection = [f"tests/{name}" for name in files]
    options = ["-m", "not onlycluster and not redismod and not ssl", "--timeout", "20", "-q", "-p", "no:cacheprovider"]
    command = [str(python), "-m", "pytest", *selection, *options, f"--redis-url={server.url}/9"]
    log = WORK / f"{server.name}.log"
    with log.open("wb") as out:
        subprocess.run([*command, f"--junit-xml={report}", *extra], cwd=source, stdout=out, stderr=subprocess.STDOUT)
    cases = ElementTree.parse(report).iter("testcase")
    return {f"{case.get('classname')}.{case.get('name')}": outcome(case) for case in cases}


def main() -> int:
    """Prints the comparison; 1 if HyperDB fails a test that Redis passes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", nargs="*", default=list(FILES))
    parser.add_argument("--only-hyperdb", action="store_true", help="do not run the peer; list every failure")
    parser.add_argument("extra", nargs="*", help="more options for pytest, after --")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    python, source = prepare()
    with servers.hyperdb("--sync", "everysec", "--resp-debug", "local") as server:
        ours = run(server, python, source, options.files, options.extra)
    theirs: dict[str, str] = {}
    if not options.only_hyperdb:
        with servers.redis("--enable-debug-command", "local") as server:
            theirs = run(server, python, source, options.files, options.extra)
    for name, results in (("hyperdb", ours), ("redis", theirs)):
        counts = {kind: sum(1 for value in results.values() if value == kind) for kind in ("passed", "failed", "skipped")}
        print(f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    worse = sorted(name for name, value in ours.items() if value == "failed" and theirs.get(name, "passed") == "passed")
    for name in worse:
        print(f"  only hyperdb fails: {name}")
    return 1 if worse else 0


if __name__ == "__main__":
    raise SystemExit(main())
