"""Tickets against abuse: whoever asks much has computed something first.

Theory: a scan costs the server far more than a query costs who sends it, and queries cannot be told apart, so what limits them
must not look at what they ask. A *challenge* is random and carries its own proof that this server made it; a client finds a
number that gives SHA-256 so many leading zero bits (Dwork and Naor 1992; Back 2002) and is given a *ticket* for some units of
work. A ticket links the requests that it pays for, as their connection does: a client takes a new one when it wants to be
somebody else. When the table of tickets is full the oldest goes, which can be bought again: were newcomers refused, whoever once
bought as many as there are would keep everybody out. Invariant: a challenge buys one ticket, a ticket no more than its units; the
table is bounded.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

UNITS = 256
"""Of a ticket: a private answer is one unit, and so is each megabyte of a download."""
SECONDS = 3600
_PUZZLE_SECONDS = 120
MOST_TICKETS = 1 << 16
MOST_BITS = 32
_NONCE, _TIME, _MAC = 16, 8, 16
CHALLENGE_BYTES = _NONCE + _TIME + 1 + _MAC
SOLUTION_BYTES = 8


class UnpaidError(Exception):
    """The request carries no ticket, or one that is used up."""


def is_solved(challenge: bytes, solution: bytes, bits: int) -> bool:
    """Whether a number solves a challenge."""
    digest = hashlib.sha256(challenge + solution).digest()
    return int.from_bytes(digest, "big") >> 256 - bits == 0


def solve(challenge: bytes, bits: int) -> bytes:
    """A number that solves a challenge: about 2^bits hashes."""
    head = hashlib.sha256(challenge)
    for number in range(1 << 63):
        solution = number.to_bytes(SOLUTION_BYTES, "little")
        tried = head.copy()
        tried.update(solution)
        if int.from_bytes(tried.digest(), "big") >> 256 - bits == 0:
            return solution
    raise AssertionError("some number of 63 bits solves it")


@dataclass
class Tickets:
    """Challenges and tickets of one server."""

    bits: int
    """How hard challenges are; 0: nothing has to be paid."""
    secret: bytes
    """Of this process, 32 bytes."""
    random: Callable[[int], bytes]
    clock: Callable[[], float]
    """Unix time."""
    _left: dict[bytes, tuple[int, float]] = field(default_factory=dict)
    """Units left and when it ends, by ticket, the oldest first."""

    def challenge(self) -> bytes:
        """One to be solved within two minutes."""
        ends = int(self.clock()) + _PUZZLE_SECONDS
        body = self.random(_NONCE) + ends.to_bytes(_TIME, "little") + bytes([self.bits])
        return body + self._mac(b"challenge", body)

    def redeem(self, challenge: bytes, solution: bytes) -> bytes:
        """A ticket for a solved challenge, 16 bytes.

        Raises:
            UnpaidError: it is not solved, too old, not of this server, or was redeemed before.
        """
        if len(challenge) != CHALLENGE_BYTES or len(solution) != SOLUTION_BYTES:
            raise UnpaidError("a challenge or a solution of another size")
        body, mac = challenge[:-_MAC], challenge[-_MAC:]
        if not hmac.compare_digest(mac, self._mac(b"challenge", body)):
            raise UnpaidError("the challenge is not one of this server")
        now = self.clock()
        if int.from_bytes(body[_NONCE : _NONCE + _TIME], "little") < now or body[-1] != self.bits:
            raise UnpaidError("the challenge is too old")
        if not is_solved(challenge, solution, self.bits):
            raise UnpaidError("that does not solve the challenge")
        ticket = self._mac(b"ticket", body)
        self._drop_old(now)
        if ticket in self._left:
            raise UnpaidError("the challenge was redeemed before")
        if len(self._left) >= MOST_TICKETS:
            oldest = next(iter(self._left))
            if self._left[oldest][1] - SECONDS + _PUZZLE_SECONDS >= now:
                # Its challenge could be redeemed again.
                raise UnpaidError("too many tickets were taken within two minutes")
            del self._left[oldest]
        self._left[ticket] = (UNITS, now + SECONDS)
        return ticket

    def spend(self, ticket: bytes | None, units: int) -> None:
        """Takes units off a ticket; does nothing where nothing has to be paid.

        Raises:
            UnpaidError: there are not so many left.
        """
        if not self.bits:
            return
        left, ends = self._left.get(ticket or b"", (0, 0.0))
        if left < units or ends < self.clock():
            raise UnpaidError("a ticket is needed: GET /v1/work, solve, POST /v1/work")
        self._left[ticket or b""] = (left - units, ends)

    def _drop_old(self, now: float) -> None:
        while self._left:
            ticket = next(iter(self._left))
            if self._left[ticket][1] >= now:
                return
            del self._left[ticket]

    def _mac(self, purpose: bytes, body: bytes) -> bytes:
        return hmac.digest(self.secret, b"hyperdb/work/" + purpose + body, hashlib.sha256)[:_MAC]
