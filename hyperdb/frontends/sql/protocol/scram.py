"""SCRAM-SHA-256, the server's side, with channel binding to the server's certificate.

Theory: RFC 5802 and RFC 7677; the carriage in PostgreSQL's messages is its documentation's "SASL Authentication". An unknown role
gets a verifier derived from a secret, so that it looks like a known one with another password. Invariant: `final` returns only
for a proof that was right; every other end is a fatal `WireError`, which after the client's first message is 28P01 or 08P01.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

from hyperdb.errors import WireError
from hyperdb.frontends.sql.protocol.body import Body
from hyperdb.roles import ITERATIONS, SALT_BYTES, Verifier

PLAIN = "SCRAM-SHA-256"
BOUND = "SCRAM-SHA-256-PLUS"
_BINDING = "tls-server-end-point"
# Printable ASCII without the comma (RFC 5802, section 7, `printable`).
_NONCE = re.compile(r"[!-+\--~]+\Z")


def _malformed(detail: str) -> WireError:
    return WireError("08P01", f"malformed SCRAM message: {detail}", fatal=True)


def unknown_role(role: str, secret: bytes) -> Verifier:
    """A verifier that no password opens, the same each time for a role; `secret` is the server's own."""

    def derived(purpose: bytes) -> bytes:
        return hmac.digest(secret, purpose + role.encode(), "sha256")

    return Verifier(ITERATIONS, derived(b"salt")[:SALT_BYTES], derived(b"stored"), derived(b"server"))


def initial_response(body: bytes) -> tuple[str, bytes]:
    """The mechanism that a client chose and its first message, from the body of SASLInitialResponse."""
    fields = Body(body)
    try:
        mechanism, first = fields.text(), fields.value()
        fields.end()
    except WireError as error:
        raise WireError(error.sqlstate, error.message, fatal=True) from None
    if first is None:
        raise _malformed("the first message is missing")
    return mechanism, first


def _attributes(text: str, names: str) -> list[str]:
    """The values of exactly the attributes `names`, in their order."""
    parts = text.split(",")
    if len(parts) != len(names) or any(part[:2] != f"{name}=" for part, name in zip(parts, names, strict=True)):
        raise _malformed(f"the attributes {', '.join(names)} are expected")
    return [part[2:] for part in parts]


def _ascii(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise _malformed("not UTF-8") from None


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed("not base64") from None


class ScramServer:
    """One attempt: `first`, then `final`."""

    def __init__(self, verifier: Verifier, nonce: bytes, certificate_hash: bytes | None = None) -> None:
        """`nonce` is 18 random bytes or more; `certificate_hash` is that of the server's certificate (RFC 5929), under TLS."""
        self._verifier = verifier
        self._nonce = base64.b64encode(nonce).decode()
        self._certificate_hash = certificate_hash
        self._binding = b""
        self._signed = ""

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """What to offer, best first."""
        return (PLAIN,) if self._certificate_hash is None else (BOUND, PLAIN)

    def first(self, mechanism: str, message: bytes) -> bytes:
        """The server's first message, to the client's."""
        if mechanism not in self.mechanisms:
            raise WireError("08P01", "client selected an invalid SASL authentication mechanism", fatal=True)
        flag, comma, rest = _ascii(message).partition(",")
        identity, second, bare = rest.partition(",")
        if not comma or not second:
            raise _malformed("the header is cut short")
        self._binding = f"{flag},{identity},".encode() + self._bound(mechanism, flag)
        if identity:
            raise WireError("0A000", "client uses authorization identity, but it is not supported", fatal=True)
        if bare.startswith("m="):
            raise WireError("0A000", "client requires an unsupported SCRAM extension", fatal=True)
        # The name is not read: the startup packet has said it. Extensions behind the nonce may be ignored.
        name_and_nonce = ",".join(bare.split(",")[:2])
        _, nonce = _attributes(name_and_nonce, "nr")
        if not _NONCE.match(nonce):
            raise _malformed("the nonce holds what is not printable")
        self._nonce = nonce + self._nonce
        salt = base64.b64encode(self._verifier.salt).decode()
        answer = f"r={self._nonce},s={salt},i={self._verifier.iterations}"
        self._signed = f"{bare},{answer},"
        return answer.encode()

    def _bound(self, mechanism: str, flag: str) -> bytes:
        """What the client's final message must hold behind its header; refuses a flag that does not go with the mechanism."""
        if mechanism == BOUND and self._certificate_hash is not None:
            if flag != f"p={_BINDING}":
                raise _malformed(f"{BOUND} binds to {_BINDING}")
            return self._certificate_hash
        if flag == "y" and self._certificate_hash is not None:
            # The client thinks that we cannot bind, though we offered it: somebody in between took the offer away.
            raise WireError("28000", "channel binding was offered, and the client did not see the offer", fatal=True)
        if flag not in ("n", "y"):
            raise _malformed(f"{PLAIN} does not bind")
        return b""

    def final(self, message: bytes) -> bytes:
        """The server's final message, which proves that it knows the verifier."""
        text = _ascii(message)
        unproved, _, proof_text = text.rpartition(",p=")
        parts = unproved.split(",")
        if not self._signed or len(parts) < 2:
            raise _malformed("the attributes c, r, p are expected")
        binding, nonce = _attributes(",".join(parts[:2]), "cr")
        if not hmac.compare_digest(nonce.encode(), self._nonce.encode()):
            raise _malformed("the nonce is not the one of this exchange")
        if _unbase64(binding) != self._binding:
            raise WireError("28000", "SCRAM channel binding check failed", fatal=True)
        proof = _unbase64(proof_text)
        signed = (self._signed + unproved).encode()
        signature = hmac.digest(self._verifier.stored_key, signed, "sha256")
        if len(proof) != len(signature):
            raise _malformed("the proof is of a wrong length")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), self._verifier.stored_key):
            raise WireError("28P01", "password authentication failed", fatal=True)
        return b"v=" + base64.b64encode(hmac.digest(self._verifier.server_key, signed, "sha256"))
