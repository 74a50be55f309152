"""Histories of transactions over lists, and whether some order of the transactions explains them.

Theory: Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations" (VLDB 2020). Transactions
append unique values to lists and read them, so a read tells all versions of its list and their order. From them follow
dependencies: ww (appended next), wr (read what it appended), rw (read what was there before it appended). Serializable: no cycle,
also not with what ended before the other began (Adya's G2, and strictness). Snapshot isolation: no cycle of ww and wr edges, each
followed by at most one rw (Cerone and Gotsman, "Analysing Snapshot Isolation", JACM 2018). Invariant: what is reported is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Edges = dict[int, dict[int, str]]


@dataclass(frozen=True)
class Append:
    """A value put behind a list."""

    key: int
    value: int


@dataclass(frozen=True)
class Read:
    """A list as it was read."""

    key: int
    values: tuple[int, ...]


@dataclass
class Transaction:
    """What a client did, in nanoseconds of one clock. `committed` is known: nothing here breaks a connection."""

    client: int
    begin: int = 0
    end: int = 0
    operations: list[Append | Read] = field(default_factory=list)
    committed: bool = False


def as_lines(history: Iterable[Transaction]) -> str:
    """The history as tests/histories reads it: committed transactions, a line of JSON each."""
    lines = []
    for each in history:
        if each.committed:
            ops = [
                {"key": op.key, "append": op.value} if isinstance(op, Append) else {"key": op.key, "read": list(op.values)}
                for op in each.operations
            ]
            lines.append(json.dumps({"client": each.client, "begin": each.begin, "end": each.end, "ops": ops}))
    return "\n".join(lines) + "\n"


class Checker:
    """One history; it must end with a transaction that reads every list."""

    def __init__(self, history: Sequence[Transaction]) -> None:
        self.anomalies: list[str] = []
        self._done = [each for each in history if each.committed]
        self._writer = {
            op.value: number for number, each in enumerate(self._done) for op in each.operations if isinstance(op, Append)
        }
        self._aborted = {op.value for each in history if not each.committed for op in each.operations if isinstance(op, Append)}
        self._order: dict[int, tuple[int, ...]] = {}
        self.dependencies: Edges = {number: {} for number in range(len(self._done))}
        self.conflicts: Edges = {number: {} for number in range(len(self._done))}
        """The rw edges."""
        self._versions()
        self._edges()

    def _versions(self) -> None:
        for each in self._done:
            for op in each.operations:
                if isinstance(op, Read) and len(op.values) > len(self._order.get(op.key, ())):
                    self._order[op.key] = op.values
        for key, order in self._order.items():
            if len(set(order)) < len(order):
                self.anomalies.append(f"list {key} has a value twice: {order}")
        for number, each in enumerate(self._done):
            for op in each.operations:
                if not isinstance(op, Read):
                    continue
                order = self._order.get(op.key, ())
                if op.values != order[: len(op.values)]:
                    self.anomalies.append(f"{number} read {op.values} of list {op.key}, which is no begin of {order}")
                if bad := [value for value in op.values if value in self._aborted or value not in self._writer]:
                    self.anomalies.append(f"{number} read {bad} of list {op.key}, which no one committed")

    def _edges(self) -> None:
        for order in self._order.values():
            for before, after in pairwise(order):
                self._edge(self.dependencies, self._writer.get(before), self._writer.get(after), "ww")
        for number, each in enumerate(self._done):
            own = {op.value for op in each.operations if isinstance(op, Append)}
            so_far: set[int] = set()
            for op in each.operations:
                if isinstance(op, Append):
                    so_far.add(op.value)
                    continue
                foreign = [value for value in op.values if value not in own]
                seen_own = {value for value in op.values if value in own}
                if seen_own != {value for value in so_far if value in self._order.get(op.key, ())}:
                    self.anomalies.append(f"{number} read {op.values} of list {op.key} after it had appended {sorted(so_far)}")
                if foreign:
                    last = foreign[-1]
                    self._edge(self.dependencies, self._writer.get(last), number, "wr")
                    writer = self._writer.get(last)
                    mine = [value for value in self._order[op.key] if self._writer.get(value) == writer]
                    if writer is not None and writer != number and mine[-1] not in op.values:
                        self.anomalies.append(f"{number} read {op.values} of list {op.key} in the middle of {writer}")
                rest = [value for value in self._order.get(op.key, ()) if value not in op.values and value not in own]
                if rest:
                    self._edge(self.conflicts, number, self._writer.get(rest[0]), "rw")

    def _edge(self, edges: Edges, before: int | None, after: int | None, kind: str) -> None:
        if before is not None and after is not None and before != after:
            edges[before].setdefault(after, kind)

    def serializable(self, *, strict: bool = True) -> list[str]:
        """What no order of the transactions explains; with `strict`, none that keeps what was over before another began."""
        edges: Edges = {number: {**self.conflicts[number], **found} for number, found in self.dependencies.items()}
        if strict:
            for number, each in enumerate(self._done):
                for later, other in enumerate(self._done):
                    if each.end < other.begin:
                        edges[number].setdefault(later, "before")
        return self.anomalies + self._cycles(edges)

    def snapshot(self) -> list[str]:
        """What snapshot isolation forbids."""
        edges: Edges = {number: dict(found) for number, found in self.dependencies.items()}
        for number, found in self.dependencies.items():
            for middle, kind in found.items():
                for after in self.conflicts[middle]:
                    edges[number].setdefault(after, f"{kind} {middle} rw")
        return self.anomalies + self._cycles(edges)

    def _cycles(self, edges: Edges) -> list[str]:
        """A cycle, if there is one, as text."""
        state = dict.fromkeys(edges, 0)
        for start in edges:
            if state[start]:
                continue
            path, stack = [start], [iter(edges[start])]
            state[start] = 1
            while stack:
                following = next(stack[-1], None)
                if following is None:
                    state[path.pop()] = 2
                    stack.pop()
                elif state[following] == 1:
                    circle = [*path[path.index(following) :], following]
                    steps = [f"{one} -{edges[one][other]}-> " for one, other in pairwise(circle)]
                    return ["cycle: " + "".join(steps) + str(following)]
                elif state[following] == 0:
                    state[following] = 1
                    path.append(following)
                    stack.append(iter(edges[following]))
        return []
