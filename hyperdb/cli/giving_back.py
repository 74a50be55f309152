"""Memory that the server has freed goes back to the system.

Theory: values of a megabyte are written to memtables, logged, flushed and read in pieces of that size. The C library keeps them
when they are freed, so that a process that had needed 500 MB for a moment kept them for good. To give them back costs some ten
milliseconds, in which threads that allocate wait, and who is busy needs them again at once: it is done when the process rests.
Invariant: nothing is asked of the C library while the process works, or when nothing has grown since it was asked last.
"""

from __future__ import annotations

import time

from hyperdb.frontends.resp import memory

_EVERY = 1.0
"""Seconds from look to look."""
_RESTS = 0.1
"""Parts of a processor; a process that takes less of it rests."""
_WORTH = 32 << 20
"""Growth since memory was given back last that makes it worth another try, bytes."""


class GivingBack:
    """Looks after the process's memory; `look` is called again and again."""

    def __init__(self) -> None:
        self._looked = time.monotonic()
        self._worked = time.process_time()
        self._least = memory.resident()

    def look(self) -> bool:
        """Gives memory back if it is time; whether the C library was asked."""
        now = time.monotonic()
        if now - self._looked < _EVERY:
            return False
        worked = time.process_time()
        rests = worked - self._worked < _RESTS * (now - self._looked)
        self._looked, self._worked = now, worked
        resident = memory.resident()
        self._least = min(self._least, resident)
        if not rests or resident - self._least < _WORTH:
            return False
        memory.purge()
        self._least = memory.resident()
        return True
