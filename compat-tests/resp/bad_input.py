"""Bad input for every command, to HyperDB and to a Redis: the same replies, the same errors, the same keys afterwards.

Commands and their arguments come from Redis's own `COMMAND DOCS`. Each case is a command with something missing, doubled, of the
wrong kind, or at a limit; it is sent alone (RESP2 and RESP3), in `MULTI`, in a script, by a client that is subscribed, and by
users who may do little: what ACL refuses must be the same.
Run: `python compat-tests/resp/bad_input.py [--seed N] [--most CASES] [--commands GLOB ...] [--ways plain3 multi ...]`.
It fails when a reply's kind, its error or its value differs and `bad/reasons.tsv` names no reason, when a connection is lost that
Redis keeps, when a command hangs, or when a server ends.
"""

from __future__ import annotations

import argparse
import collections
import fnmatch
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent / "differential"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import servers
import suites
from bad.judging import Judge
from bad.peer import Peer
from bad.sentences import Spec, Words, cases
from bad.specs import read_specs


@dataclass(frozen=True)
class Way:
    """How a case reaches the server."""

    protocol: int
    before: tuple[Words, ...] = ()
    after: tuple[Words, ...] = ()
    scripted: bool = False
    rules: str | None = None

    def requests(self, words: Words) -> list[Words]:
        """What is sent for a case."""
        if self.scripted:
            words = ("EVAL", "return redis.pcall(unpack(ARGV))", "0", *words)
        return [*self.before, words, *self.after]


WAYS = {
    "plain2": Way(2),
    "plain3": Way(3),
    "multi": Way(2, (("MULTI",),), (("EXEC",),)),
    "script": Way(2, scripted=True),
    "subscribed2": Way(2, (("SUBSCRIBE", "ch"),)),
    "subscribed3": Way(3, (("SUBSCRIBE", "ch"),)),
    # Who may use no key, some keys in some ways, few commands: refused by the same words, and before anything else is looked at.
    "keyless": Way(2, rules="+@all &*"),
    "half": Way(2, rules="+@all %R~text %W~list ~hash %R~z* ~none resetchannels &c*"),
    "readers": Way(3, rules="+@read +@connection -get ~* &*"),
    "limited script": Way(2, scripted=True, rules="+@all %R~text %W~list ~hash ~none &c*"),
}


class Run:
    """All cases of all commands in one way, on a pair of servers."""

    def __init__(self, ours: int, theirs: int, way: Way, judge: Judge) -> None:
        self._way, self._judge = way, judge
        self._peers = (Peer("hyperdb", ours, way.protocol, way.rules), Peer("redis", theirs, way.protocol, way.rules))
        for peer in self._peers:
            peer.load()
        self._untouched = [peer.state() for peer in self._peers]
        self.cases = 0
        #: What both were asked and said, in the same words, of what says the same whenever it is asked.
        self.sample: list[tuple[Words, list[str]]] = []

    def command(self, spec: Spec, sentences: list[Words]) -> None:
        """Sends the cases of one command."""
        for words in sentences:
            self.cases += 1
            requests = self._way.requests(words)
            ours, theirs = (peer.ask(requests, spec.may_wait) for peer in self._peers)
            same = self._judge.replies(spec, words, ours, theirs)
            if ours == theirs and not spec.varies:
                self.sample.append((words, list(map(str, theirs))))
            if not self._peers[0].alive():
                raise SystemExit(f"HyperDB answers nobody after {words}")
            if spec.changes_connection or (self._way.before and not self._way.after):
                for peer in self._peers:
                    peer.forget()
            if spec.may_write:
                self._compare_keys(spec, words, same)

    def _compare_keys(self, spec: Spec, words: Words, same: bool) -> None:
        """Makes the data new if they changed; what a case that was answered otherwise did to them is no second difference."""
        states = [peer.state() for peer in self._peers]
        if states != self._untouched:
            if same:
                self._judge.states(spec, words, *states)
            for peer in self._peers:
                peer.load()

    def close(self) -> None:
        """Ends the connections."""
        for peer in self._peers:
            peer.close()


def main() -> int:
    """Prints what differs, by command and kind; 1 if anything does without a reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=200, help="cases of a command and way")
    parser.add_argument("--commands", nargs="*", default=["*"], help="globs of names, such as 'z*' or 'xgroup|create'")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument(
        "--record", type=Path, help="keeps so many cases (--size) of the first way that were answered alike, for tests"
    )
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--ports", nargs=2, type=int, help="of servers that run already: HyperDB's and Redis's")
    options = parser.parse_args()
    if options.ports:
        return run(*options.ports, options)
    with servers.hyperdb("--sync", "everysec") as ours, servers.redis() as theirs:
        return run(ours.port, theirs.port, options)


def run(ours: int, theirs: int, options: argparse.Namespace) -> int:
    """All that was asked for, on two servers."""
    specs = [spec for spec in read_specs(theirs) if any(fnmatch.fnmatch(spec.name, glob) for glob in options.commands)]
    counts: collections.Counter[str] = collections.Counter()
    judge = Judge()
    for name in options.ways:
        one = Run(ours, theirs, WAYS[name], judge)
        judge.way = name
        for spec in specs:
            if WAYS[name].before and not spec.anywhere:
                continue
            most = options.most if name.startswith("plain") else options.most // 5
            one.command(spec, cases(spec, random.Random(f"{options.seed} {spec.name} {name}"), most))
        counts[name] = one.cases
        if options.record and name == options.ways[0]:
            chosen = sorted(random.Random(options.seed).sample(one.sample, min(options.size, len(one.sample))))
            options.record.write_text("".join(f"{json.dumps(case)}\n" for case in chosen))
        one.close()
    print(f"{len(specs)} commands, cases: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    return judge.report()


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
