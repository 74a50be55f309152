"""Commands as sentences of slots, from `COMMAND DOCS`, and what can be wrong with a sentence.

`COMMAND DOCS` describes arguments as a tree of blocks, choices and tokens. A sentence is one walk through it in which every slot
is right; a case is a sentence with something wrong, most with one thing, so that its error is the one of that thing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from bad import values

Tree = dict[str, object]
Words = tuple[str, ...]


@dataclass(frozen=True)
class Slot:
    """A word of a sentence and what it stands for; `token` for words of the command's own."""

    kind: str
    name: str
    word: str


@dataclass(frozen=True)
class Spec:
    """A command or subcommand as the server describes it."""

    name: str
    group: str
    arguments: tuple[Tree, ...] = ()
    flags: frozenset[str] = frozenset()
    tips: frozenset[str] = frozenset()

    @property
    def words(self) -> Words:
        """Its name as it is sent."""
        return tuple(self.name.split("|"))

    @property
    def may_write(self) -> bool:
        """Whether keys may be others afterwards."""
        return "write" in self.flags or self.group in ("scripting", "transactions")

    @property
    def may_wait(self) -> bool:
        """Whether a connection may be kept waiting."""
        return "blocking" in self.flags or self.words[0] in ("auth", "hello", "wait", "waitaof")

    @property
    def varies(self) -> bool:
        """Whether what it says differs from time to time, or tells of the server."""
        told = {"server", "connection", "cluster", "scripting", "pubsub", "transactions"}
        return self.group in told or self.may_wait or bool(self.tips) or self.name.endswith("|help") or "time" in self.name

    @property
    def changes_connection(self) -> bool:
        """Whether the connection may be another one afterwards."""
        return self.group in ("connection", "pubsub", "transactions")

    @property
    def anywhere(self) -> bool:
        """Whether it is a command like others in a transaction or beside a subscription."""
        return not self.changes_connection


@dataclass
class _Walk:
    """One walk: how likely an optional part is there, and how often one that may be repeated is."""

    spec: Spec
    chance: float
    rng: random.Random
    slots: list[Slot] = field(default_factory=list)

    def take(self, arguments: tuple[Tree, ...]) -> None:
        for tree in arguments:
            flags = tree.get("flags", ())
            assert isinstance(flags, (list, tuple))
            if "optional" in flags and self.rng.random() >= self.chance:
                continue
            times = self.rng.choice((1, 2, 3)) if "multiple" in flags and self.chance else 1
            for turn in range(times):
                if (token := tree.get("token")) is not None and (turn == 0 or "multiple_token" in flags):
                    self.slots.append(Slot("token", str(token), str(token) or '""'))
                self._one(tree)

    def _one(self, tree: Tree) -> None:
        kind, name = str(tree["type"]), str(tree["name"])
        inner = tree.get("arguments", ())
        assert isinstance(inner, (list, tuple))
        match kind:
            case "pure-token":
                return
            case "oneof":
                self.take((self.rng.choice(inner),))
            case "block":
                self.take(tuple(inner))
            case _:
                word = values.right(self.spec.group, self.spec.words[0], kind, name)
                self.slots.append(Slot(kind, name, word))


def sentence(spec: Spec, chance: float, rng: random.Random) -> list[Slot]:
    """A right sentence; `chance` is that of each optional part."""
    walk = _Walk(spec, chance, rng)
    walk.take(spec.arguments)
    slots = walk.slots
    for at, slot in enumerate(slots):
        if slot.name == "numkeys":
            keys = sum(1 for other in slots[at:] if other.kind == "key")
            slots[at] = replace(slot, word=str(keys))
    return slots


def _words(spec: Spec, slots: list[Slot]) -> Words:
    return spec.words + tuple(slot.word for slot in slots)


def single_faults(spec: Spec, slots: list[Slot]) -> Iterator[Words]:
    """The sentence with each one thing wrong."""
    words = tuple(slot.word for slot in slots)
    name = spec.words
    for at in range(len(words)):
        yield name + words[:at]
        yield name + words[:at] + words[at + 1 :]
        yield name + words[: at + 1] + words[at:]
        if at + 1 < len(words):
            yield name + words[:at] + (words[at + 1], words[at]) + words[at + 2 :]
        if slots[at].kind == "token":
            yield name + words[:at] + ("BOGUS",) + words[at + 1 :]
            yield name + words[:at] + (words[at].lower() + "x",) + words[at + 1 :]
            yield name + words + (words[at],)
        else:
            for value in values.wrong(spec.group, name[0], slots[at].kind, slots[at].name):
                yield name + words[:at] + (value,) + words[at + 1 :]
    yield name + words + ("BOGUS",)
    yield name + words + ("",)
    yield name + words + words


def _random_fault(spec: Spec, slots: list[Slot], rng: random.Random) -> Words:
    """The sentence with two or three things wrong."""
    slots = list(slots)
    for _ in range(rng.choice((2, 3))):
        at = rng.randrange(len(slots) + 1)
        match rng.randrange(5):
            case 0 if slots:
                del slots[min(at, len(slots) - 1)]
            case 1 if slots:
                slots.insert(at, slots[rng.randrange(len(slots))])
            case 2:
                slots.insert(at, Slot("token", "", rng.choice(("BOGUS", "", "LIMIT", "COUNT", "GET", "*", "1", "-1"))))
            case _ if slots:
                slot = slots[at := min(at, len(slots) - 1)]
                pool = values.wrong(spec.group, spec.words[0], slot.kind, slot.name) if slot.kind != "token" else ("BOGUS", "")
                slots[at] = replace(slot, word=rng.choice(tuple(pool)))
    return _words(spec, slots)


def cases(spec: Spec, rng: random.Random, most: int) -> list[Words]:
    """Bad sentences of a command, each once, `most` at most: a random choice if there are more."""
    found: dict[Words, None] = {}
    for chance in (0.0, 0.4, 0.4, 0.8):
        slots = sentence(spec, chance, rng)
        found[_words(spec, slots)] = None
        found.update(dict.fromkeys(single_faults(spec, slots)))
        found.update(dict.fromkeys(_random_fault(spec, slots, rng) for _ in range(most // 10)))
    every = list(found)
    return every if len(every) <= most else rng.sample(every, most)
