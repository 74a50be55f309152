"""Secret keys as the text of a file: plain, or behind a passphrase.

Theory: scrypt (RFC 7914) makes a key of passphrase and salt, which takes 128 MiB and a third of a second; AES-256-GCM encrypts
the seed under it, with the public key as associated data, so that the public key can be shown without the passphrase.
docs/encryption.md, Key files.
Invariant: what a file asks for is bounded before it is computed.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyperdb.encryption.keys import SEED_BYTES, PublicKey, Random, SecretKey
from hyperdb.errors import InvalidError, WrongKeyError

MOST_KEY_FILE = 1024
_FORMAT = 1
_SALT = 32
_NONCE = bytes(12)
"""One key of the derivation encrypts one seed, so no other nonce is needed."""
_COSTS = range(14, 21)
"""The logarithm of scrypt's n that a file may ask for: 16 MiB to 1 GiB."""
_COST = 17
_BLOCK = 8


@dataclass(frozen=True)
class Protected:
    """A secret key behind a passphrase."""

    public: PublicKey
    cost: int
    salt: bytes
    sealed: bytes = field(repr=False)

    def unlock(self, passphrase: str) -> SecretKey:
        """The key.

        Raises:
            WrongKeyError: it is another passphrase, or the file was changed.
        """
        try:
            seed = _cipher(passphrase, self.salt, self.cost).decrypt(_NONCE, self.sealed, self.public.data)
        except InvalidTag:
            raise WrongKeyError("the passphrase is not that of this key") from None
        key = SecretKey(seed)
        if key.public != self.public:
            raise WrongKeyError("the key is not that of the public key beside it")
        return key


def _cipher(passphrase: str, salt: bytes, cost: int) -> AESGCM:
    n = 1 << cost
    made = hashlib.scrypt(passphrase.encode(), salt=salt, n=n, r=_BLOCK, p=1, maxmem=2 * 128 * n * _BLOCK, dklen=32)
    return AESGCM(made)


def plain(key: SecretKey) -> str:
    """The text of a file that holds the key as it is."""
    return key.seed.hex() + "\n"


def protected(key: SecretKey, passphrase: str, random: Random = os.urandom, cost: int = _COST) -> str:
    """The text of a file that holds the key behind a passphrase.

    Raises:
        InvalidError: the passphrase is empty, or the cost out of bounds.
    """
    if not passphrase:
        raise InvalidError("a passphrase has a character at least")
    if cost not in _COSTS:
        raise InvalidError(f"the cost is from {_COSTS[0]} to {_COSTS[-1]}, not {cost}")
    salt, public = random(_SALT), key.public
    sealed = _cipher(passphrase, salt, cost).encrypt(_NONCE, key.seed, public.data)
    shown = {"hyperdb-key": _FORMAT, "public": str(public), "scrypt": cost, "salt": salt.hex(), "sealed": sealed.hex()}
    return json.dumps(shown) + "\n"


def read_key(text: bytes) -> SecretKey | Protected:
    """A secret key from the text of its file.

    Raises:
        InvalidError: it is none.
    """
    wrong = InvalidError(f"no secret key: {2 * SEED_BYTES} hexadecimal digits or a protected key are needed")
    if len(text) > MOST_KEY_FILE:
        raise wrong
    try:
        if not text.lstrip().startswith(b"{"):
            return SecretKey(bytes.fromhex(text.decode()))
        found: dict[str, Any] = json.loads(text)
        public, salt, sealed = (bytes.fromhex(found[name]) for name in ("public", "salt", "sealed"))
        cost = found["scrypt"]
        if found["hyperdb-key"] != _FORMAT or type(cost) is not int or cost not in _COSTS or len(salt) != _SALT:
            raise wrong
        return Protected(PublicKey(public), cost, salt, sealed)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise wrong from error
