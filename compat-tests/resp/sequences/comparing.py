"""Whether two servers answered a sequence alike, and hold the same afterwards.

Errors are compared in full, values as `bad.judging` compares them: what has no order without one, times by their magnitude.
Messages of one connection are compared as a set: of what happens in one turn two servers may tell in two orders.
"""

from __future__ import annotations

import fnmatch
from pathlib import Path

from bad.sentences import Words
from compare import timeless
from wire import Reply

from sequences.players import Line, Player

_READERS = {
    b"string": ("GET",), b"list": ("LRANGE", "0", "-1"), b"hash": ("HGETALL",), b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", "0", "-1", "WITHSCORES"), b"stream": ("XINFO STREAM", "FULL", "COUNT", "100"),
}  # fmt: skip
_SCANS = ("scan", "sscan", "hscan", "zscan")
_NEAR = 4000
_TIMES = ("ttl", "pttl", "expiretime", "pexpiretime")
_UNORDERED = {"smembers", "sinter", "sunion", "sdiff", "keys", "hgetall", "hkeys", "hvals", "spop", "sort", "sort_ro"}


def flat(reply: Reply) -> Reply:
    """A reply whose arrays have no order."""
    if isinstance(reply.payload, list):
        return Reply(reply.kind, sorted(map(flat, reply.payload), key=str))
    return reply


def same(words: Words, ours: Reply, theirs: Reply) -> bool:
    """Whether two replies to a command are as good as equal."""
    if ours == theirs:
        return True
    name = words[0].lower() if words else ""
    if ours.kind != theirs.kind:
        return False
    if name in _TIMES and isinstance(ours.payload, int) and isinstance(theirs.payload, int):
        return min(ours.payload, theirs.payload) > 0 and abs(ours.payload - theirs.payload) <= _NEAR
    if name == "hello":
        # Its number and version are its own.
        return True
    if name in _SCANS and isinstance(ours.payload, list) and isinstance(theirs.payload, list):
        # Where a scan that is not through stopped is each server's own.
        through = ours.payload[0].payload == theirs.payload[0].payload == b"0"
        return not through or flat(ours) == flat(theirs)
    if name in _UNORDERED or name.startswith(("eval", "fcall")):
        return flat(ours) == flat(theirs)
    return timeless(ours, theirs)


def first_difference(ours: Line, theirs: Line) -> tuple[Words, str, str] | None:
    """The first command that two connections of the same history were answered differently; None if there is none so far."""
    queued: list[Words] = []
    for words, mine, redis in zip(ours.sent, ours.replies, theirs.replies, strict=False):
        pairs = [(words, mine, redis)]
        if mine.payload == b"QUEUED":
            queued.append(words)
        elif words[0].upper() in ("EXEC", "DISCARD", "RESET"):
            ran = mine.payload, redis.payload
            if isinstance(ran[0], list) and isinstance(ran[1], list) and len(ran[0]) == len(ran[1]) == len(queued):
                pairs = list(zip(queued, *ran, strict=True))
            queued = []
        for each, one, other in pairs:
            if not same(each, one, other):
                return each, str(one), str(other)
    if len(ours.replies) != len(theirs.replies):
        few = min(len(ours.replies), len(theirs.replies))
        shown = [str(line.replies[few]) if len(line.replies) > few else "waits" for line in (ours, theirs)]
        return ours.sent[min(few, len(ours.sent) - 1)], shown[0], shown[1]
    if ours.closed != theirs.closed:
        return ours.sent[-1], "closed" if ours.closed else "open", "closed" if theirs.closed else "open"
    return None


def messages_difference(ours: Line, theirs: Line) -> tuple[Words, str, str] | None:
    """The first message that only one of two connections got."""
    mine, redis = list(map(str, ours.messages)), list(map(str, theirs.messages))
    if mine == redis or sorted(mine) == sorted(redis):
        return None
    return ("MESSAGES",), *_windows(mine, redis)


def _windows(mine: list[str], redis: list[str]) -> tuple[str, str]:
    at = next((at for at, (a, b) in enumerate(zip(mine, redis, strict=False)) if a != b), min(len(mine), len(redis)))
    return " ".join(mine[at : at + 3]) or "nothing", " ".join(redis[at : at + 3]) or "nothing"


def keys_difference(ours: Player, theirs: Player) -> tuple[Words, str, str] | None:
    """The first key that two servers hold differently."""
    for database in ("0", "1"):
        for player in (ours, theirs):
            player.ask("SELECT", database)
        names = [sorted(key.payload for key in player.ask("KEYS", "*").payload) for player in (ours, theirs)]  # type: ignore[union-attr]
        if names[0] != names[1]:
            return ("KEYS",), str(names[0]), str(names[1])
        for name in names[0]:
            kinds = [player.ask("TYPE", name) for player in (ours, theirs)]
            if kinds[0] != kinds[1]:
                return ("TYPE", name.decode("latin-1")), str(kinds[0]), str(kinds[1])
            if kinds[0].payload == b"none":
                continue
            reader = _READERS[kinds[0].payload]  # type: ignore[index]
            words = (*reader[0].split(), name, *reader[1:])
            held = [player.ask(*words) for player in (ours, theirs)]
            agree = flat(held[0]) == flat(held[1]) if reader[0] in ("HGETALL", "SMEMBERS") else timeless(*held)
            if not agree:
                return (reader[0], name.decode("latin-1")), str(held[0]), str(held[1])
            times = [player.ask("PTTL", name) for player in (ours, theirs)]
            if not same(("pttl",), *times):
                return ("PTTL", name.decode("latin-1")), str(times[0]), str(times[1])
    return None


def reasons() -> list[tuple[str, str, str]]:
    """What is known to differ: command (a glob), texts that ours and theirs hold."""
    lines = (Path(__file__).parent / "reasons.tsv").read_text().splitlines()[1:]
    return [(row[0], row[1], row[2]) for row in (line.split("\t") for line in lines if line)]


def explained(found: tuple[Words, str, str], known: list[tuple[str, str, str]]) -> bool:
    """Whether a difference has its reason."""
    words, ours, theirs = found
    name = " ".join(words).lower()
    return any(fnmatch.fnmatch(name, command) and mine in ours and redis in theirs for command, mine, redis in known)
