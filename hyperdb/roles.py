"""Password verifiers: SCRAM-SHA-256, so that no password and nothing that replaces one is stored.

Theory: RFC 5802 section 3. StoredKey = H(HMAC(SaltedPassword, "Client Key")); a client proves that it knows the password
by one value from which StoredKey follows. RESP sends the password itself, which is checked by computing StoredKey anew.
Invariant: comparison takes the same time for every wrong password.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

BOOTSTRAP_ROLE = "hyperdb"
ALIASES = frozenset({"default", "cassandra", "postgres", BOOTSTRAP_ROLE})
ITERATIONS = 4096
SALT_BYTES = 16


@dataclass(frozen=True)
class Verifier:
    """What is stored of a password; the record is written down in docs/file-format.md."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    @classmethod
    def of(cls, password: str, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
        """The verifier of `password`; `salt` must be random."""
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        return cls(iterations, salt, hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256"))

    def accepts(self, password: bytes) -> bool:
        """Whether `password` is the one."""
        salted = hashlib.pbkdf2_hmac("sha256", password, self.salt, self.iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        return hmac.compare_digest(hashlib.sha256(client_key).digest(), self.stored_key)
