"""How much a peer may send before it is refused.

Theory: a stranger gets little, whoever has logged in more. A length is checked when its bytes are there, before anything is
kept or unpacked for it. Invariant: `Wire` never holds more than one body, its unpacked form, and what came in the same read
behind it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Greatest lengths of a body in bytes, packed and unpacked."""

    stranger: int = 1 << 16
    """Until the client has logged in."""
    body: int = 256 << 20
    """The greatest that the specification allows (section 2.5)."""
