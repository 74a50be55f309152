"""How much a peer may send before it is refused, and have of the server at once.

Theory: a stranger gets little, whoever has logged in more. A length is checked when its bytes are there, before anything is
kept or unpacked for it. Invariant: `Wire` never holds more than one body, its unpacked form, and what came in the same read
behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Greatest lengths of a body in bytes, packed and unpacked."""

    stranger: int = 1 << 16
    """Until the client has logged in."""
    body: int = 256 << 20
    """The greatest that the specification allows (section 2.5)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one client may have of the server."""

    requests: int = 1024
    """In flight at once; what comes beyond waits, and the socket is read no more."""
    bytes: int = 64 << 20
    """Of their bodies; one request is always begun."""
    seconds_to_log_in: float = 60
    bodies: Limits = field(default_factory=Limits)
