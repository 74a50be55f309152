"""The one exception of the verifier.

Theory: a verifier that can fail in many ways is used wrongly; it returns, or it raises this. Invariant: the only import from
outside this folder, and none at all where the folder was copied out of the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING or __name__.startswith("hyperdb."):
    from hyperdb.errors import HyperDBError as Base
else:
    Base = Exception

Check = Literal[
    "size",
    "format",
    "pin",
    "signature",
    "attestation",
    "history",
    "rollback",
    "point",
    "place",
    "row",
    "root",
    "opening",
    "claim",
]


class VerificationError(Base):
    """A proof does not show what it claims. `check` names what failed (docs/proof-format.md, Order of checks)."""

    def __init__(self, check: Check, detail: str) -> None:
        super().__init__(f"{check}: {detail}")
        self.check: Check = check
        self.detail = detail
