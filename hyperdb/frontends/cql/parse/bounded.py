"""What is kept of statements that clients send: so many, of so much weight.

Theory: a tree takes hundreds of times the memory of its text, so a number of statements bounds nothing; each is kept with its
weight, which is about how many bytes it takes, and what has been there for longest goes when there are too many or all together
are too heavy. What is heavier than an eighth of all that may be kept would push out the rest, and is not kept. Invariant: the
weights of what is kept are never more than was allowed; readers need no lock.
"""

from __future__ import annotations

import threading
from itertools import islice
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
_AT_ONCE = 8
"""Which part of all goes at once: a dictionary's first key is the slower to find the more were deleted before it."""


class Bounded(Generic[Key, Value]):
    """A dictionary that forgets; for many threads."""

    def __init__(self, most: int, most_weight: int) -> None:
        self._most, self._most_weight = most, most_weight
        self._values: dict[Key, Value] = {}
        self._weights: dict[Key, int] = {}
        self.weight = 0
        """Of all that is kept."""
        self._changing = threading.Lock()
        self.get = self._values.get

    def keep(self, key: Key, value: Value, weight: int) -> bool:
        """Keeps a value as the newest; False: it is too heavy, and what the key had is forgotten."""
        with self._changing:
            self._drop(key)
            if weight > self._most_weight // _AT_ONCE:
                return False
            self._values[key] = value
            self._weights[key] = weight
            self.weight += weight
            while len(self._values) > self._most or self.weight > self._most_weight:
                for old in list(islice(self._values, max(len(self._values) // _AT_ONCE, 1))):
                    self._drop(old)
            return True

    def renew(self, key: Key) -> Value | None:
        """The value of a key, which becomes the newest; None: there is none. Whoever uses this does not use `get`."""
        with self._changing:
            value = self._values.pop(key, None)
            if value is not None:
                self._values[key] = value
                self._weights[key] = self._weights.pop(key)
            return value

    def forget(self, key: Key) -> None:
        """Takes a key away, if it is there."""
        with self._changing:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        if self._values.pop(key, None) is not None:
            self.weight -= self._weights.pop(key)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values
