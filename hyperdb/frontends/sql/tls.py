"""A server's certificate: for TLS, and for binding SCRAM to it.

Theory: RFC 5929, section 4: the hash of the certificate, by the hash function of its signature, SHA-256 instead of older ones.
Invariant: where that function is not known for certain there is no hash, and channel binding is not offered.
"""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from hyperdb.errors import InvalidError

# The DER forms of the signature algorithms that name their hash function.
_RSA, _ECDSA = bytes.fromhex("06092a864886f70d0101"), bytes.fromhex("06082a8648ce3d0403")
_HASHES = {
    _RSA + b"\x04": "sha256", _RSA + b"\x05": "sha256", _RSA + b"\x0b": "sha256",
    _RSA + b"\x0c": "sha384", _RSA + b"\x0d": "sha512",
    _ECDSA + b"\x02": "sha256", _ECDSA + b"\x03": "sha384", _ECDSA + b"\x04": "sha512",
}  # fmt: skip
_END = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows its clients."""

    context: ssl.SSLContext
    hash: bytes | None
    files: tuple[Path, Path]
    """The chain and its private key."""


def load(certificate: Path, key: Path) -> Certificate:
    """Reads a certificate chain and its private key, both PEM.

    Raises:
        InvalidError: when they cannot be read or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
        first = certificate.read_text().split(_END)[0] + _END
        der = ssl.PEM_cert_to_DER_cert(first[first.index("-----BEGIN CERTIFICATE-----") :])
    except (OSError, ssl.SSLError, ValueError) as error:
        raise InvalidError(f"cannot use the certificate {certificate} with the key {key}: {error}") from error
    return Certificate(context, _hash(der), (certificate, key))


def _hash(der: bytes) -> bytes | None:
    # The algorithm stands in front of the signature at the end, and once more inside; the last one counts.
    places = {name: der.rfind(mark) for mark, name in _HASHES.items() if mark in der}
    if not places:
        return None
    return hashlib.new(max(places, key=lambda name: places[name]), der).digest()
