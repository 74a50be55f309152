"""How much a peer may send before it is refused.

Theory: a stranger gets little, whoever has proved a password more. A length is checked when its four bytes are there, before
anything is kept for the body. Invariant: `Decoder` never holds more than one message and what came in the same read behind it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Greatest lengths in bytes, the four length bytes included. The defaults but `message` are PostgreSQL's."""

    startup: int = 10_000
    password: int = 65_535
    small_message: int = 30_000
    message: int = 256 << 20
