"""How long a request may take.

Theory: its time counts from when its bytes were taken, so that what has waited too long for a worker is not begun any more: a
crowd of slow requests ends by itself, and whoever stood behind it is told. A read looks at the clock between chunks of rows, a
change before each try, and waits for no lock beyond its time. Errors are those of a coordinator that hears from no replica.
Invariant: a request that is told that it took too long has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import Consistency, ErrorCode
from hyperdb.graph.store import TransactionOptions
from hyperdb.values import CqlTimeouts

_TOLD = "Operation timed out - received only 0 responses."


@dataclass(frozen=True, slots=True)
class Limit:
    """Until when a request may run, by `clock`, and as what it is ended."""

    until: float
    code: ErrorCode
    extra: Mapping[str, object]
    clock: Callable[[], float] = field(repr=False)

    def check(self) -> None:
        """For whoever runs long.

        Raises:
            CqlError: the time is over.
        """
        if self.clock() >= self.until:
            raise CqlError(self.code, _TOLD, dict(self.extra))

    def within(self, options: TransactionOptions) -> TransactionOptions:
        """A transaction's options for what time is left.

        Raises:
            CqlError: none is.
        """
        self.check()
        if options.read_only:
            return options
        left = max(self.until - self.clock(), 0.001)
        return replace(options, lock_timeout=left if options.lock_timeout is None else min(options.lock_timeout, left))


@dataclass(frozen=True, slots=True)
class Patience:
    """What one request is given: `began` by `clock`, in seconds."""

    timeouts: CqlTimeouts
    began: float
    consistency: Consistency
    clock: Callable[[], float] = field(repr=False)

    def reading(self, *, is_range: bool) -> Limit:
        """Of a SELECT."""
        seconds = self.timeouts.range if is_range else self.timeouts.read
        return self._limit(seconds, ErrorCode.READ_TIMEOUT, {"data_present": False})

    def writing(self, write_type: str) -> Limit:
        """Of a change."""
        return self._limit(self.timeouts.write, ErrorCode.WRITE_TIMEOUT, {"write_type": write_type})

    def _limit(self, seconds: float, code: ErrorCode, extra: Mapping[str, object]) -> Limit:
        told = {"consistency": self.consistency, "received": 0, "block_for": 1, **extra}
        return Limit(self.began + seconds, code, told, self.clock)
