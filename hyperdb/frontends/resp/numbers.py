"""Numbers as Redis's administration reads them: one form each, 64 bits at most.

Theory: Redis takes an integer only in the form in which it would write it (`string2ll`): no `+1`, no `01`, no blanks.
Invariant: text of any length and any characters gives a number or `None`, and never an exception.
"""

from __future__ import annotations

import re

_CANONICAL = re.compile(rb"0|-?[1-9][0-9]{0,18}")


def integer(text: bytes) -> int | None:
    """A signed integer of 64 bits; `None` when the text is none."""
    if _CANONICAL.fullmatch(text) is None:
        return None
    number = int(text)
    return number if -(1 << 63) <= number < 1 << 63 else None
