"""Keys of recipients: those of Ed448, the same that owners sign with.

Theory: what is signed and what is encrypted under one key is told apart by the hashes on both sides, which have tags of their
own.
Invariant: a secret key is never shown by its repr; a public key is checked by whoever computes with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from hyperdb import _native
from hyperdb.errors import InvalidError

SEED_BYTES = 57
PUBLIC_BYTES = 57
Random = Callable[[int], bytes]
"""So many random bytes; `os.urandom` where nothing else is given."""


@dataclass(frozen=True)
class PublicKey:
    """To whom something is encrypted."""

    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != PUBLIC_BYTES:
            raise InvalidError(f"a public key has {PUBLIC_BYTES} bytes, not {len(self.data)}")

    def __str__(self) -> str:
        return self.data.hex()


@dataclass(frozen=True)
class SecretKey:
    """Who opens it: the 57 bytes that an Ed448 key is made of."""

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise InvalidError(f"a secret key has {SEED_BYTES} bytes, not {len(self.seed)}")

    @classmethod
    def generate(cls, random: Random = os.urandom) -> SecretKey:
        """A new key."""
        return cls(random(SEED_BYTES))

    @property
    def public(self) -> PublicKey:
        """The key to encrypt to."""
        return PublicKey(_native.public_key_of(self.seed))
