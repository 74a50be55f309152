"""Random sequences of commands from several connections, to HyperDB and to Redis 7.2: the same replies, messages and keys.

Commands have all their options, from Redis's own `COMMAND DOCS`; between them transactions with WATCH, clients that wait,
tracking, subscriptions, scripts, functions, expiries that pass, and mistakes. What differs is cut down to the shortest
sequence that does. The peer is a Redis 7.2.
Run: `python compat-tests/resp/random_sequences.py [--seed N] [--sequences N] [--length N] [--ports OURS THEIRS]`.
`--commands GLOB ...` sends each of these commands in many combinations of its options instead, after a random state.
"""

from __future__ import annotations

import argparse
import collections
import fnmatch
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent / "differential"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import servers
from bad.sentences import Words
from bad.specs import read_specs
from sequences import comparing
from sequences.drawing import Drawer, Step
from sequences.players import Player

Found = tuple[Words, str, str]
#: What looks different at once may be on its way.
_SETTLES = 0.3


class Pair:
    """Both servers."""

    def __init__(self, ours: int, theirs: int) -> None:
        self.players = Player(ours), Player(theirs)
        self._known = comparing.reasons()
        self.steps = 0
        self.explained = 0

    def play(self, steps: list[Step]) -> tuple[int, Found] | None:
        """Plays a sequence; the place and nature of the first difference."""
        for player in self.players:
            player.begin()
        for at, step in enumerate(steps):
            if any(player.lines[step.connection].waits or player.lines[step.connection].closed for player in self.players):
                continue
            self.steps += 1
            for player in self.players:
                player.step(step)
            if (found := self._differs()) is not None:
                return None if self._is_known(found) else (at, found)
        for player in self.players:
            player.settle(0.002)
        found = comparing.keys_difference(*self.players)
        if found is None or self._is_known(found):
            return None
        return len(steps) - 1, found

    def _is_known(self, found: Found) -> bool:
        known = comparing.explained(found, self._known)
        self.explained += known
        return known

    def _differs(self) -> Found | None:
        if self._compare() is None:
            return None
        for player in self.players:
            player.settle(_SETTLES)
        return self._compare()

    def _compare(self) -> Found | None:
        ours, theirs = (player.lines for player in self.players)
        for compare in (comparing.first_difference, comparing.messages_difference):
            for pair in zip(ours, theirs, strict=True):
                if (found := compare(*pair)) is not None:
                    return found
        return None

    def shrink(self, steps: list[Step], found: Found) -> list[Step]:
        """The shortest sequence found that differs at the same command."""
        size = max(1, len(steps) // 2)
        while True:
            at, shorter = 0, False
            while at < len(steps):
                fewer = steps[:at] + steps[at + size :]
                played = self.play(fewer) if fewer else None
                if played is not None and played[1][0][0].upper() == found[0][0].upper():
                    steps, shorter = fewer[: played[0] + 1], True
                else:
                    at += size
            if size == 1 and not shorter:
                return steps
            size = max(1, size // 2)

    def close(self) -> None:
        """Ends all connections."""
        for player in self.players:
            player.close()


def main() -> int:
    """Prints what differs; 1 if anything does without a reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sequences", type=int, default=200)
    parser.add_argument("--length", type=int, default=60)
    parser.add_argument("--commands", nargs="*", help="globs of names: combinations of their options")
    parser.add_argument("--ports", nargs=2, type=int, help="of servers that run already: HyperDB's and Redis's")
    options = parser.parse_args()
    if options.ports:
        return run(*options.ports, options)
    with servers.hyperdb("--sync", "everysec") as ours, servers.redis() as theirs:
        return run(ours.port, theirs.port, options)


def run(ours: int, theirs: int, options: argparse.Namespace) -> int:
    """All sequences of these options."""
    pair, specs = Pair(ours, theirs), read_specs(theirs)
    drawer, kinds = Drawer(specs), collections.Counter[str]()
    for number in range(options.seed, options.seed + options.sequences):
        rng = random.Random(number)
        steps = drawer.sequence(rng, options.length)
        if options.commands:
            chosen = [spec for spec in drawer.specs if any(fnmatch.fnmatch(spec.name, glob) for glob in options.commands)]
            for _ in range(options.length):
                steps.append(Step(rng.randrange(2), drawer.combinations(rng.choice(chosen), rng, 1)[0]))
        played = pair.play(steps)
        if played is None:
            continue
        at, found = played
        kind = f"{found[0][0].lower()} {found[1][:12]} {found[2][:12]}"
        kinds[kind] += 1
        if kinds[kind] <= 2:
            shortest = pair.shrink(steps[: at + 1], found)
            again = pair.play(shortest)
            at, found = again if again is not None else (0, found)
            print(f"seed {number}{'' if again else ' (not again)'}: {' '.join(found[0])}")
            print(f"  hyperdb {found[1][:600]}\n  redis   {found[2][:600]}")
            print("".join(f"    {step}\n" for step in shortest), flush=True)
    print(f"{options.sequences} sequences, {pair.steps} steps: {sum(kinds.values())} differ, of {len(kinds)} kinds")
    print(f"{pair.explained} differences with a reason")
    pair.close()
    return 1 if kinds else 0


if __name__ == "__main__":
    raise SystemExit(main())
