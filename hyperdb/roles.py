"""Password verifiers: SCRAM-SHA-256, so that no password and nothing that replaces one is stored.

Theory: RFC 5802 section 3. StoredKey = H(HMAC(SaltedPassword, "Client Key")); a client proves that it knows the password
by one value from which StoredKey follows. RESP sends the password itself, which is checked by computing StoredKey anew.
Invariant: comparison takes the same time for every wrong password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from hyperdb.errors import InvalidError

BOOTSTRAP_ROLE = "hyperdb"
ALIASES = frozenset({"default", "cassandra", "postgres", BOOTSTRAP_ROLE})
ITERATIONS = 4096
SALT_BYTES = 16


@dataclass(frozen=True)
class Verifier:
    """What is stored of a password; written as `SCRAM-SHA-256$iterations:salt$stored:server` (as PostgreSQL does)."""

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

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Back from `str(verifier)`.

        Raises:
            InvalidError: when it is none.
        """
        try:
            scheme, parameters, keys = text.split("$")
            iterations, salt = parameters.split(":")
            stored, server = keys.split(":")
            if scheme != "SCRAM-SHA-256":
                raise ValueError(scheme)
            return cls(int(iterations), base64.b64decode(salt), base64.b64decode(stored), base64.b64decode(server))
        except ValueError as error:
            raise InvalidError("malformed password verifier") from error

    def __str__(self) -> str:
        salt, stored, server = (base64.b64encode(part).decode() for part in (self.salt, self.stored_key, self.server_key))
        return f"SCRAM-SHA-256${self.iterations}:{salt}${stored}:{server}"

    def accepts(self, password: bytes) -> bool:
        """Whether `password` is the one."""
        salted = hashlib.pbkdf2_hmac("sha256", password, self.salt, self.iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        return hmac.compare_digest(hashlib.sha256(client_key).digest(), self.stored_key)
