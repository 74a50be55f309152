"""Whether the time of a refusal tells if a key is there: one that is and one that is not, by turns, by a user who may not.

What is measured is the server's processor time for a pipeline of one command, again and again: what a spy sees at best, who has
no network between, and a machine where nothing else runs. For each command the times of both are ranked together. `tells` is how
often a guess by the time of a pipeline would be right: 50% is chance, and with N pairs chance strays by about 41%/sqrt(N).
`apart` is how far the medians are from each other, for one command. The last column asks the same as a user who may: there the
times do differ, so the measurement would show it. For SCAN and KEYS, the key is one among others whose name matches the pattern
or does not.

Numbers depend on the machine: this is run by hand, and what came of it stands in docs/resp.md.
Run: `python compat-tests/resp/denied_timing.py [--pairs N] [--redis]` (Linux).
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent / "differential"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import servers
from bad.sentences import Words
from wire import Connection

#: Keys that only others may use: a large hash, and strings, so that reading one takes time.
THERE, MISSING = "secret:there", "secret:gone!"
#: Commands of a pipeline.
LENGTH = 200
#: Commands about one key, which stands in place of {}.
ABOUT_KEYS: tuple[Words, ...] = (
    ("GET", "{}"), ("EXISTS", "{}"), ("TYPE", "{}"), ("TTL", "{}"), ("HGETALL", "{}"), ("OBJECT", "ENCODING", "{}"),
    ("DUMP", "{}"), ("MEMORY", "USAGE", "{}"), ("DEL", "{}"), ("SORT", "mine", "BY", "{}->*"), ("WATCH", "{}"),
    ("EVAL", "return 1", "1", "{}"), ("EVAL", "return redis.pcall('hgetall', ARGV[1])", "0", "{}"),
)  # fmt: skip
#: Commands that look for keys by a pattern.
ABOUT_PATTERNS: tuple[Words, ...] = (("KEYS", "{}*"), ("SCAN", "0", "MATCH", "{}*", "COUNT", "1000"), ("RANDOMKEY",))


@dataclass(frozen=True)
class Times:
    """Nanoseconds of each question."""

    there: list[int]
    missing: list[int]

    @property
    def tells(self) -> float:
        """How often a guess by the times of two pipelines is right: the share of pairs in which the key that is there took
        longer, or the other way round, whichever is more."""
        ranked = sorted([(at, 1) for at in self.there] + [(at, 0) for at in self.missing])
        below, wins, at = 0, 0.0, 0
        while at < len(ranked):
            end = at
            while end < len(ranked) and ranked[end][0] == ranked[at][0]:
                end += 1
            here = sum(kind for _, kind in ranked[at:end])
            others = end - at - here
            wins += here * (below + others / 2)
            below += others
            at = end
        share = wins / (len(self.there) * len(self.missing))
        return max(share, 1 - share)

    @property
    def apart(self) -> float:
        """Nanoseconds of one command between the medians."""
        return (statistics.median(self.there) - statistics.median(self.missing)) / LENGTH


def processor_time(pid: int) -> int:
    """Nanoseconds that all threads of a process have run."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def measure(pid: int, connection: Connection, words: Words, pairs: int) -> Times:
    """Asks about both keys by turns, in an order of chance."""
    requests = [[tuple(word.replace("{}", key).encode() for word in words)] * LENGTH for key in (THERE, MISSING)]
    found: tuple[list[int], list[int]] = ([], [])
    rng = random.Random(1)
    for _ in range(pairs):
        for which in rng.sample((0, 1), 2):
            began = processor_time(pid)
            connection.pipeline(requests[which])
            found[which].append(processor_time(pid) - began)
    return Times(*found)


def user(port: int, name: str) -> Connection:
    """A connection of a user."""
    connection = Connection(port, 3)
    connection.call(b"AUTH", name.encode(), b"any")
    return connection


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--redis", action="store_true")
    options = parser.parse_args()
    start = servers.redis() if options.redis else servers.hyperdb("--sync", "everysec")
    with start as server:
        control = Connection(server.port, 3)
        for rules in ("denied reset on nopass +@all ~mine*", "allowed reset on nopass +@all ~*"):
            control.call(b"ACL", b"SETUSER", *(rule.encode() for rule in rules.split()))
        for number in range(300):
            control.call(b"SET", b"mine%d" % number, b"v")
            control.call(b"SET", b"other%d" % number, b"v")
        control.call(b"RPUSH", b"mine", b"1", b"2")
        fields = [word for number in range(100) for word in (b"f%d" % number, b"x" * 50)]
        denied, allowed = user(server.port, "denied"), user(server.port, "allowed")
        print(f"{'command':52} {'tells':>7} {'apart':>9} {'allowed tells':>14}")
        for words in (*ABOUT_KEYS, *ABOUT_PATTERNS):
            control.call(b"HSET", THERE.encode(), *fields)
            ours = measure(server.process.pid, denied, words, options.pairs)
            control.call(b"HSET", THERE.encode(), *fields)
            base = measure(server.process.pid, allowed, words, options.pairs // 5)
            print(f"{' '.join(words)[:52]:52} {ours.tells:7.1%} {ours.apart:+6.0f} ns {base.tells:13.1%}", flush=True)
        for connection in (control, denied, allowed):
            connection.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
