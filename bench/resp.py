"""RESP against Redis: throughput at P16, server CPU per operation at P1, and a busy host process.

Question: does HyperDB serve stock clients at Redis's speed, like against like (everysec against AOF everysec,
always against AOF always, TLS against TLS)? Method: both servers run at once, `redis-benchmark` asks them in turn, rounds are
interleaved; the ratio is the median of the rounds' ratios. The server's CPU is read from /proc.
Run: `python bench/resp.py [--rounds 5] [--sync everysec always] [--sections tls plain cases fan host] [--tests get "MGET 100"]`.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compat-tests"))
import resp_cases
import servers
from resp_cases import CASES, Case

#: redis-benchmark's own tests, and a script.
TESTS = (
    *(
        Case(name, ("-t", name), (1_000_000, 200_000), resp_cases.nothing)
        for name in ("get", "set", "incr", "lpush", "hset", "zadd")
    ),
    next(case for case in CASES if case.name == "EVAL, a write"),
)
SECTIONS = ("tls", "plain", "cases", "fan", "host")
AOF = {
    "everysec": ("--appendonly", "yes", "--appendfsync", "everysec"),
    "always": ("--appendonly", "yes", "--appendfsync", "always"),
}
TICKS = os.sysconf("SC_CLK_TCK")
HOST_PROGRAM = """
import sys, threading, time
import hyperdb
db = hyperdb.open(sys.argv[1], sync="everysec")
server = db.serve(resp=f"127.0.0.1:{sys.argv[2]}")
def spin():
    n = 0
    while True:
        n += 1
if sys.argv[3] == "spin":
    threading.Thread(target=spin, daemon=True).start()
while True:
    time.sleep(3600)
"""


@dataclass(frozen=True)
class Sample:
    """One run of redis-benchmark: operations per second, and server CPU microseconds per operation."""

    rate: float
    cpu: float


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(server: servers.Server, case: Case, pipeline: int, more: Sequence[str] = ()) -> Sample:
    """One run against one server; `more` are options of redis-benchmark that count last."""
    requests = case.count(pipeline)
    case.prepare(server.port, requests)
    before = cpu_seconds(server.process.pid)
    command = ["redis-benchmark", "-p", str(server.port), "-c", "50", "-P", str(pipeline), "-r", "100000", *more]
    command += ["-d", "64", "-n", str(requests), "--csv", *case.command]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = float(output.strip().splitlines()[-1].split('","')[1])
    return Sample(rate, (cpu_seconds(server.process.pid) - before) / requests * 1e6)


def fan_out(server: servers.Server, pipeline: int) -> Sample:
    """One run of messages to 100 subscribers; rate and processor time are of each delivery."""
    before = cpu_seconds(server.process.pid)
    messages = 20_000 if pipeline > 1 else 5_000
    done = resp_cases.fan_out(server, pipeline, messages)
    used = cpu_seconds(server.process.pid) - before
    return Sample(done.rate, used / messages / resp_cases.SUBSCRIBERS * 1e6)


def interleaved(
    label: str, ours: servers.Server, theirs: servers.Server, rounds: int, run: Callable[[servers.Server], Sample]
) -> None:
    """Runs one test on both servers in turns and prints its row."""
    pairs: list[tuple[Sample, Sample]] = []
    for turn in range(rounds):
        order = (theirs, ours) if turn % 2 == 0 else (ours, theirs)
        samples = {each.name: run(each) for each in order}
        pairs.append((samples["redis"], samples["hyperdb"]))
    ratios = [mine.rate / peer.rate for peer, mine in pairs]
    peer_cpu = statistics.median(peer.cpu for peer, _ in pairs)
    cpu = statistics.median(mine.cpu for _, mine in pairs)
    row = [
        label,
        f"{statistics.median(peer.rate for peer, _ in pairs):,.0f}",
        f"{statistics.median(mine.rate for _, mine in pairs):,.0f}",
        f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}..{max(ratios):.2f})",
        f"{peer_cpu:.2f}",
        f"{cpu:.2f}",
        f"{cpu / peer_cpu:.2f}",
    ]
    print("| " + " | ".join(row) + " |", flush=True)


def head(pipeline: int) -> None:
    """Prints the head of a table."""
    print(f"\n| P{pipeline} | redis /s | hyperdb /s | ratio (min..max) | redis cpu us | hyperdb cpu us | cpu ratio |")
    print("|---|---|---|---|---|---|---|")


def compare(
    ours: servers.Server,
    theirs: servers.Server,
    pipeline: int,
    cases: Sequence[Case],
    rounds: int,
    more: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Prints one table: a row for each case. `more` has options of redis-benchmark by the server's name."""
    options = more or {}
    head(pipeline)
    for case in cases:

        def run(server: servers.Server, case: Case = case) -> Sample:
            return measure(server, case, pipeline, options.get(server.name, ()))

        interleaved(case.name.upper() if case in TESTS else case.name, ours, theirs, rounds, run)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost, signed by itself, and its key: for an elliptic curve, as both servers sign fastest."""
    made = folder / "tls.crt", folder / "tls.key"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-x509", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", *curve, *names, "-keyout", str(made[1]), "-out", str(made[0])]
    subprocess.run(command, check=True, capture_output=True)
    return made


def encrypted(pipelines: Sequence[int], cases: Sequence[Case], rounds: int, serve: Sequence[str]) -> None:
    """Prints both servers' rates over TLS, everysec."""
    cases = [dataclasses.replace(case, requests=(case.requests[0] // 2, case.requests[1] // 2)) for case in cases]
    with tempfile.TemporaryDirectory(prefix="hyperdb-bench-") as scratch:
        shown, key = certificate(Path(scratch))
        ports = {"hyperdb": servers.free_port(), "redis": servers.free_port()}
        files = ("--tls-cert", str(shown), "--tls-key", str(key))
        theirs_files = ("--tls-cert-file", str(shown), "--tls-key-file", str(key), "--tls-auth-clients", "no")
        more = {name: ("-p", str(port), "--tls", "--cacert", str(shown)) for name, port in ports.items()}
        print("### TLS, sync=everysec against appendfsync everysec")
        with (
            servers.hyperdb("--sync", "everysec", *serve, "--resp-tls-port", str(ports["hyperdb"]), *files) as ours,
            servers.redis(*AOF["everysec"], "--tls-port", str(ports["redis"]), *theirs_files) as theirs,
        ):
            for pipeline in pipelines:
                compare(ours, theirs, pipeline, cases, rounds, more)


@contextlib.contextmanager
def host_process(mode: str) -> Iterator[servers.Server]:
    """A Python program that embeds the database and serves RESP, idle or with a spinning thread."""
    python = servers.ROOT / ".venv/bin/python"
    with tempfile.TemporaryDirectory(prefix="hyperdb-bench-") as scratch:
        port = servers.free_port()
        command = [str(python), "-c", HOST_PROGRAM, f"{scratch}/data", str(port), mode]
        with servers.running(f"host-{mode}", command, port, Path(scratch)) as server:
            yield server


def busy_host(requests: int, rounds: int) -> None:
    """Prints what a spinning Python thread in the host process costs the clients, beside what a spinning process costs Redis.

    Load generator, server and spinning thread together want more than two cores; Redis's row says how much of the loss is
    that, the rest is the interpreter's lock.
    """
    case = Case("SET", ("-t", "set"), (requests, requests), resp_cases.nothing)
    print("\n| SET P1, everysec | idle /s | spinning /s | ratio (min..max) |")
    print("|---|---|---|---|")
    spinning = [sys.executable, "-c", "while True: pass"]
    with (
        host_process("idle") as idle,
        host_process("spin") as spin,
        servers.redis(*AOF["everysec"]) as redis,
        subprocess.Popen(spinning) as spinner,
    ):
        busy = {"hyperdb, thread of its process": spin.process, "redis, another process": spinner}
        for process in busy.values():
            process.send_signal(signal.SIGSTOP)
        try:
            for name, process in busy.items():
                quiet, loud = (redis, redis) if process is spinner else (idle, spin)
                pairs = []
                for _ in range(rounds):
                    first = measure(quiet, case, 1).rate
                    process.send_signal(signal.SIGCONT)
                    pairs.append((first, measure(loud, case, 1).rate))
                    process.send_signal(signal.SIGSTOP)
                idle_rate, spin_rate = (statistics.median(column) for column in zip(*pairs, strict=True))
                ratios = [second / first for first, second in pairs]
                spread = f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}..{max(ratios):.2f})"
                print(f"| {name} | {idle_rate:,.0f} | {spin_rate:,.0f} | {spread} |", flush=True)
        finally:
            for process in busy.values():
                process.send_signal(signal.SIGCONT)
            spinner.kill()


def main() -> int:
    """Prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sync", nargs="*", default=["everysec", "always"], choices=list(AOF))
    parser.add_argument("--pipelines", nargs="*", type=int, default=[16, 1])
    parser.add_argument("--sections", nargs="*", default=list(SECTIONS), choices=SECTIONS)
    parser.add_argument("--tests", nargs="*", help="only those whose names begin so")
    parser.add_argument(
        "--options", nargs="*", default=[], help="more options of `hyperdb serve`, without their dashes: frames=off"
    )
    options = parser.parse_args()
    wanted = set(options.sections)
    serve = [word for option in options.options for word in f"--{option}".split("=", 1)]
    prefixes = tuple(test.lower() for test in options.tests or [""])
    tests = [case for case in TESTS if case.name.lower().startswith(prefixes)]
    cases = [case for case in CASES if case.name.lower().startswith(prefixes)]
    if "tls" in wanted:
        encrypted(options.pipelines, tests, options.rounds, serve)
    if "plain" in wanted:
        for sync in options.sync:
            print(f"\n### sync={sync} against appendfsync {sync}")
            with servers.hyperdb("--sync", sync, *serve) as ours, servers.redis(*AOF[sync]) as theirs:
                for pipeline in options.pipelines:
                    compare(ours, theirs, pipeline, tests, options.rounds)
    if wanted & {"cases", "fan"}:
        print("\n### More commands, sync=everysec against appendfsync everysec")
        with servers.hyperdb("--sync", "everysec", *serve) as ours, servers.redis(*AOF["everysec"]) as theirs:
            for pipeline in options.pipelines:
                compare(ours, theirs, pipeline, cases if "cases" in wanted else [], options.rounds)
                if "fan" in wanted:
                    label = f"PUBLISH to {resp_cases.SUBSCRIBERS}, each"
                    interleaved(label, ours, theirs, options.rounds, functools.partial(fan_out, pipeline=pipeline))
    if "host" in wanted:
        busy_host(200_000, options.rounds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
