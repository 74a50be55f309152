"""Random steps: a connection and what it sends. Most come from the syntax that the server itself tells of every command.

A few are written down, because a syntax does not tell what makes them worth drawing: transactions, libraries of functions,
tracking, subscriptions, and expiries that pass.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from bad.sentences import Slot, Spec, Tree, Words

from sequences import pools

#: Connections of a sequence. The last one listens to events of keys.
CONNECTIONS = 4
#: A word in the place of the number that a server gave to connection N.
IDENTITY = "{id of %d}"

_GROUPS = {"string", "bitmap", "list", "hash", "set", "sorted-set", "geo", "stream", "hyperloglog", "generic"}
#: What two servers draw, time or encode for themselves, and what would need a third one.
_LEFT_OUT = {
    "migrate", "dump", "restore", "randomkey", "wait", "waitaof", "spop", "pfdebug", "pfselftest", "object|freq",
    "object|idletime", "object|refcount", "object|encoding", "restore-asking", "srandmember", "hrandfield",
    "zrandmember", "object|help", "xgroup|help", "xinfo|help",
}  # fmt: skip
_LIBRARY = (
    "#!lua name=lib\nredis.register_function('put', function(keys, args) redis.call('set', keys[1], args[1] or 'v')"
    " return redis.call('get', keys[1]) end)\nredis.register_function{function_name='echo', callback=function(keys, args)"
    " return {keys, args} end, flags={'no-writes'}}"
)
_WRITTEN: tuple[tuple[Words, int], ...] = (
    (("MULTI",), 8), (("EXEC",), 8), (("DISCARD",), 2), (("UNWATCH",), 1), (("WATCH", "t1", "l1"), 2),
    (("WATCH", "x1"), 1), (("WATCH", "s1", "none"), 1), (("WATCH", "z1", "h1"), 1), (("SELECT", "0"), 3),
    (("SELECT", "1"), 2), (("SWAPDB", "0", "1"), 1), (("FLUSHDB",), 1), (("PEXPIRE", "t1", "1"), 1),
    (("PEXPIRE", "l1", "1"), 1), (("PEXPIRE", "s1", "1"), 1), (("SET", "t2", "v", "PX", "1"), 1), (("RESET",), 1),
    (("HELLO", "2"), 1), (("HELLO", "3"), 2), (("CLIENT", "TRACKING", "ON"), 2), (("CLIENT", "TRACKING", "OFF"), 1),
    (("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "t", "PREFIX", "l"), 1),
    (("CLIENT", "TRACKING", "ON", "NOLOOP"), 1), (("CLIENT", "TRACKING", "ON", "OPTIN"), 1),
    (("CLIENT", "TRACKING", "ON", "OPTOUT"), 1), (("CLIENT", "CACHING", "YES"), 1), (("CLIENT", "CACHING", "NO"), 1),
    (("CLIENT", "TRACKINGINFO"), 1), (("SUBSCRIBE", "ch"), 1), (("PSUBSCRIBE", "c*"), 1), (("SSUBSCRIBE", "ch"), 1),
    (("UNSUBSCRIBE",), 1), (("PUNSUBSCRIBE",), 1), (("SUNSUBSCRIBE",), 1), (("PUBLISH", "ch", "m"), 2),
    (("SPUBLISH", "ch", "m"), 1), (("PUBSUB", "NUMSUB", "ch"), 1), (("SPOP", "s1", "100"), 1),
    (("SPOP", "s2", "100"), 1), (("FUNCTION", "LOAD", "REPLACE", _LIBRARY), 1), (("FUNCTION", "FLUSH"), 1),
    (("FCALL", "put", "1", "t1", "x"), 2), (("FCALL", "put", "1", "l1"), 1), (("FCALL_RO", "put", "1", "t1", "x"), 1),
    (("FCALL_RO", "echo", "1", "t1", "x"), 1), (("CLIENT", "UNBLOCK", IDENTITY % 0), 1),
    (("CLIENT", "UNBLOCK", IDENTITY % 1, "ERROR"), 1), (("CLIENT", "UNBLOCK", IDENTITY % 2, "TIMEOUT"), 1),
    (("PING",), 1), (("ECHO", "x"), 1), (("DBSIZE",), 1), (("NOSUCHCOMMAND", "a"), 1), (("GET",), 1),
    (("SET", "t1"), 1), (("BLPOP", "l1", "l2", "0"), 3), (("BRPOP", "l2", "0"), 1),
    (("BLMOVE", "l1", "l2", "LEFT", "RIGHT", "0"), 2), (("BZPOPMIN", "z1", "z2", "0"), 2),
    (("BZMPOP", "0", "1", "z1", "MAX", "COUNT", "2"), 1), (("BLMPOP", "0", "2", "l1", "l2", "LEFT"), 1),
    (("XREAD", "BLOCK", "0", "STREAMS", "x1", "$"), 2),
    (("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "x1", ">"), 2),
    (("XGROUP", "CREATE", "x1", "g", "$", "MKSTREAM"), 2), (("BRPOPLPUSH", "l1", "l2", "0"), 1), (("WATCH", "t1"), 1),
    (("DEL", "x1"), 1),
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """What one connection sends; both servers are then left alone until an expiry of it has passed, if it may have set one."""

    connection: int
    words: Words

    def __str__(self) -> str:
        return f"{self.connection}> {' '.join(word if word.isalnum() else repr(word) for word in self.words)}"

    @property
    def passes(self) -> bool:
        """Whether an expiry that it may have set is to pass before the next step."""
        return self.words[0] in ("PEXPIRE", "SET") and self.words[-1] == "1"


def _take(spec: Spec, arguments: tuple[Tree, ...], chance: float, rng: random.Random, into: list[Slot]) -> None:
    for tree in arguments:
        flags = tree.get("flags", ())
        assert isinstance(flags, (list, tuple))
        if "optional" in flags and rng.random() >= chance:
            continue
        for turn in range(rng.choice((1, 1, 2, 3)) if "multiple" in flags else 1):
            if (token := tree.get("token")) is not None and (turn == 0 or "multiple_token" in flags):
                into.append(Slot("token", str(token), str(token)))
            _one(spec, tree, chance, rng, into)


def _one(spec: Spec, tree: Tree, chance: float, rng: random.Random, into: list[Slot]) -> None:
    kind, name, inner = str(tree["type"]), str(tree["name"]), tree.get("arguments", ())
    assert isinstance(inner, (list, tuple))
    match kind:
        case "pure-token":
            return
        case "oneof":
            _take(spec, (rng.choice(inner),), chance, rng, into)
        case "block":
            _take(spec, tuple(inner), chance, rng, into)
        case _:
            into.append(Slot(kind, name, pools.draw(spec.group, spec.words[0], kind, name, rng)))


def sentence(spec: Spec, rng: random.Random) -> Words:
    """A command with some of its options, in another order now and then, or with something missing or doubled."""
    slots: list[Slot] = []
    _take(spec, spec.arguments, rng.choice((0.0, 0.2, 0.5, 0.8)), rng, slots)
    for at, slot in enumerate(slots):
        if slot.name == "numkeys" and rng.random() > 0.03:
            keys = sum(1 for other in slots[at:] if other.kind == "key")
            slots[at] = replace(slot, word=str(keys))
    words = [slot.word for slot in slots]
    if spec.name == "xadd":
        # Two servers read two clocks.
        words = ["9-*" if word == "*" else word for word in words]
    if words and rng.random() < 0.03:
        at = rng.randrange(len(words))
        words[at : at + 1] = rng.choice(([], [words[at]] * 2, ["BOGUS"]))
    return (*spec.words, *words)


class Drawer:
    """Draws sequences from the commands of a server."""

    def __init__(self, specs: list[Spec]) -> None:
        self.specs = [spec for spec in specs if self._is_drawn(spec)]
        self._written = [words for words, _ in _WRITTEN]
        self._weights = [weight for _, weight in _WRITTEN]

    @staticmethod
    def _is_drawn(spec: Spec) -> bool:
        if spec.name in ("eval", "eval_ro"):
            return True
        return spec.group in _GROUPS and spec.name not in _LEFT_OUT

    def sequence(self, rng: random.Random, length: int) -> list[Step]:
        """So many steps; often a connection goes on where it was, so that transactions come to something."""
        steps: list[Step] = []
        connection = 0
        for _ in range(length):
            if rng.random() < 0.4:
                connection = rng.randrange(CONNECTIONS - 1)
            written = rng.random() < 0.3
            words = rng.choices(self._written, self._weights)[0] if written else sentence(rng.choice(self.specs), rng)
            steps.append(Step(connection, words))
        return steps

    def combinations(self, spec: Spec, rng: random.Random, count: int) -> list[Words]:
        """Different sentences of one command."""
        return list(dict.fromkeys(sentence(spec, rng) for _ in range(count)))
