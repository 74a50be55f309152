"""What the bytes of a bundle are: commitments, salts, numbers and the rest, for whoever asks why a proof is as large as it is.

Theory: the verifier's own readers take the bundle apart, and a reader that keeps a ledger notes what each byte was taken as.
Invariant: the parts sum to the bytes read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from hyperdb.commitment.verify.wire import Reader

T = TypeVar("T")
_BY_SIZE = {1: "kinds and slots", 16: "salts", 32: "digests"}


@dataclass
class Ledger(Reader):
    """A reader that counts bytes by what they are."""

    parts: Counter[str] = field(default_factory=Counter)
    part: str | None = None
    """What bytes are, whatever they are taken as."""
    _busy: bool = False

    def take(self, count: int) -> bytes:
        """The next bytes, by how many they are."""
        return self._noted(_BY_SIZE.get(count, "keys and steps"), lambda: super(Ledger, self).take(count))

    def point(self) -> bytes:
        """A commitment."""
        return self._noted("commitments", super().point)

    def number(self) -> int:
        """A number of fixed size."""
        return self._noted("numbers", super().number)

    def varint(self) -> int:
        """A number of variable size."""
        return self._noted("numbers", super().varint)

    def blob(self) -> bytes:
        """A value behind its length."""
        length = self.varint()
        return self._noted("values", lambda: super(Ledger, self).take(length))

    def _noted(self, name: str, read: Callable[[], T]) -> T:
        if self._busy:
            return read()
        before, self._busy = self.at, True
        try:
            return read()
        finally:
            self._busy = False
            self.parts[self.part or name] += self.at - before
