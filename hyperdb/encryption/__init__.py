"""Encrypted apps: what a store keeps without being able to read it, and still checks.

Theory: docs/encryption.md. An *object* is encrypted by a fresh key, and that key verifiably to Ed448 keys, so that everybody
can check, without any secret, that its recipients can open it; a small *secret* is so encrypted itself. Keys under which they
lie are blinded. Nothing here is audited.
Invariant: nothing is returned from bytes that do not verify; randomness is passed in.

    key = SecretKey.generate()
    place = Place("vault", BlindingKey.of(key, "vault").blind("users", "ada"))
    sealed = encrypt(b"...", place, [key.public])
    verify(sealed, place, [key.public])
    decrypt(sealed, key, place)
"""

from __future__ import annotations

from hyperdb.encryption.blinding import BLINDED_BYTES, BlindingKey
from hyperdb.encryption.envelope import Header, Place
from hyperdb.encryption.keys import PublicKey, SecretKey
from hyperdb.encryption.objects import decrypt, encrypt, rotate, share, verify
from hyperdb.encryption.small_secrets import decrypt_secret, encrypt_secret, verify_secret
from hyperdb.encryption.streams import decrypt_file, encrypt_file, share_file, verify_file

__all__ = [
    "BLINDED_BYTES",
    "BlindingKey",
    "Header",
    "Place",
    "PublicKey",
    "SecretKey",
    "decrypt",
    "decrypt_file",
    "decrypt_secret",
    "encrypt",
    "encrypt_file",
    "encrypt_secret",
    "rotate",
    "share",
    "share_file",
    "verify",
    "verify_file",
    "verify_secret",
]
