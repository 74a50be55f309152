"""Redis's own Tcl test suite, in its mode for servers that run already, on HyperDB and on Redis, test by test.

Theory: each unit (a file of the suite) runs on a server that was started for it, so what one unit leaves behind, or ends, is
nothing to the next. Tests that only a server of the suite's own starting can pass (tag `external:skip`) the suite leaves out.
Invariant: a unit that breaks off is a failure of its own, "UNIT: broke off", and so is every test that it did not reach.
They come with Redis's sources: a tag of github.com/redis/redis is cloned, or `REDIS_TCL_DIR` (or `--sources`) names a checkout.
With `--own` the suite starts its servers itself (`tcl_server.py` in the place of redis-server), also several at a time.
Run: `python compat-tests/resp/redis_tcl.py [--own] [--only hyperdb|redis] [unit/type/zset ...]` (tclsh; a peer of 7.2).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
import suites

SUITE = suites.Suite("redis-tcl", "https://github.com/redis/redis", "7.2.6")
HELPERS = ("redis-cli", "redis-benchmark", "redis-check-rdb", "redis-check-aof")
OPTIONS = {
    "hyperdb": (*suites.DURABILITY, "--resp-debug", "yes"),
    "redis": ("--enable-debug-command", "yes", "--enable-protected-configs", "yes", "--enable-module-command", "yes"),
}
# These set `appendfsync always`, which HyperDB is told when it is started.
SYNCED = ("unit/type/stream-cgroups",)
OWN = Path(__file__).with_name("tcl_server.py")
LEFT_OUT = ("unit/printver",)
SECONDS_WITHOUT_WORD = 900
LONGEST = 3600.0
TOLD = re.compile(r"^\[(ok|err|skip|ignore|exception)\]: (.*)$")
TIMED = re.compile(r" \(\d+ ms\)$")
PLACED = re.compile(r"^(.*) in tests/(\S+)\.tcl$")
OUTCOMES = {"ok": suites.PASSED, "skip": suites.SKIPPED, "ignore": suites.SKIPPED}


def prepared(given: Path | None) -> Path:
    """A copy of the tests, with the programs of Redis on this machine where the suite looks for them."""
    source = suites.copied(SUITE, suites.sources(SUITE, given), "tests", "redis.conf", "utils")
    (source / "src").mkdir()
    for name in HELPERS:
        with contextlib.suppress(servers.ServerFailed):
            (source / "src" / name).symlink_to(servers.peer_tool(name))
    return source


def units(source: Path, tclsh: str, chosen: list[str]) -> list[str]:
    """The units to run: those chosen, or all that the suite lists."""
    if chosen:
        return chosen
    listed = subprocess.run(
        [tclsh, "tests/test_helper.tcl", "--list-tests"], cwd=source, capture_output=True, text=True, check=True
    )
    return [unit for unit in listed.stdout.split() if unit not in LEFT_OUT]


def read(unit: str, text: str) -> Iterator[tuple[str, str]]:
    """Name and outcome of each test of the suite's words on one unit."""
    for line in text.splitlines():
        told = TOLD.match(line)
        if told is None:
            if line.startswith("[TIMEOUT]"):
                yield f"{unit}: broke off", suites.FAILED
            continue
        kind, words = told.groups()
        if kind == "ok":
            yield f"{unit}: {TIMED.sub('', words)}", suites.PASSED
        elif kind in OUTCOMES:
            yield f"{unit}: {words}", OUTCOMES[kind]
        else:
            placed = PLACED.match(words) if kind == "err" else None
            yield f"{unit}: {placed.group(1) if placed else 'broke off'}", suites.FAILED


def base_port() -> int:
    """Where the suite begins to look for ports, apart from that of another run; it takes those 10000 higher too."""
    return 21111 + os.getpid() % 60 * 500


def tested(peer: str, port: int | None, source: Path, tclsh: str, unit: str) -> list[tuple[str, str]]:
    """Name and outcome of each test of one unit; the suite's own words are in its folder of work.

    Args:
        port: of the server that runs; without one the suite starts its own.
    """
    log = SUITE.work / peer / f"{unit.replace('/', '_')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    place = ["--baseport", str(base_port()), *([] if port is None else ["--host", "127.0.0.1", "--port", str(port)])]
    pace = ["--clients", "1", "--timeout", str(SECONDS_WITHOUT_WORD), "--durable"]
    command = [tclsh, "tests/test_helper.tcl", *place, *pace, "--single", unit]
    env = {**os.environ, "TERM": "dumb", "HYPERDB": servers.binary()}
    with log.open("w+b") as out:
        try:
            status = subprocess.run(command, cwd=source, env=env, stdout=out, stderr=out, timeout=LONGEST).returncode
        except subprocess.TimeoutExpired:
            status = -1
        out.seek(0)
        found = list(read(unit, out.read().decode("utf-8", "replace")))
    if status != 0 and all(outcome != suites.FAILED for _, outcome in found):
        found.append((f"{unit}: broke off", suites.FAILED))
    return found


def started(peer: str, source: Path) -> None:
    """Puts what the suite starts as its server where it looks for it."""
    place = source / "src" / "redis-server"
    place.unlink(missing_ok=True)
    place.symlink_to(servers.peer() if peer == "redis" else OWN)


def run(peer: str, source: Path, tclsh: str, chosen: argparse.Namespace) -> suites.Outcomes:
    """What became of each test on one of the two servers."""
    outcomes: suites.Outcomes = {}
    started(peer, source)
    for unit in units(source, tclsh, chosen.rest):
        if chosen.own:
            found = tested(peer, None, source, tclsh, unit)
        else:
            options = (*OPTIONS[peer], "--sync", "always") if unit in SYNCED and peer == "hyperdb" else OPTIONS[peer]
            with servers.redis(*options) if peer == "redis" else servers.hyperdb(*options) as server:
                found = tested(peer, server.port, source, tclsh, unit)
        failed = sum(outcome == suites.FAILED for _, outcome in found)
        print(f"{peer}: {unit}: {len(found)} tests, {failed} failed", flush=True)
        for name, outcome in found:
            outcomes[suites.unused(name, outcomes)] = outcome
    return outcomes


def main() -> int:
    """0 when what fails here and passes on Redis has its reason."""
    parser = suites.arguments(__doc__)
    parser.add_argument("--own", action="store_true", help="the suite starts its servers")
    chosen = parser.parse_args()
    tclsh = suites.needed("tclsh", "Debian: tcl")
    source = prepared(chosen.sources)
    peers = [name for name in suites.PEERS if chosen.only in (None, name)]
    found = {peer: run(peer, source, tclsh, chosen) for peer in peers}
    if len(found) > 1:
        # What a unit that broke off did not reach counts as failed, and needs its reason.
        for name, outcome in found["redis"].items():
            if outcome == suites.PASSED:
                found["hyperdb"].setdefault(name, suites.FAILED)
    return suites.concluded(SUITE, chosen, found)


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
