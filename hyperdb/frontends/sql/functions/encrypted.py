"""A function that a CHECK constraint makes a table of encrypted values with.

Theory: docs/encryption.md, In a table: `CHECK (hyperdb_encrypted(value, '<public key>', 'app', id))` lets in what is verifiably
encrypted to that key, whichever language writes. Invariant: it depends on its arguments alone; what does not verify is false,
with no reason told.
"""

from __future__ import annotations

from collections.abc import Iterator

from hyperdb.errors import EncryptionError, InvalidError
from hyperdb.frontends.sql.catalog.kinds import BOOL, BYTEA, TEXT
from hyperdb.frontends.sql.functions.model import Function


def _admitted(data: bytes, recipient: bytes, app: str, key: bytes) -> bool:
    from hyperdb.encryption import Place, PublicKey
    from hyperdb.encryption.admission import admit

    try:
        admit(bytes(data), Place(app, bytes(key)), [PublicKey(bytes(recipient))])
    except (EncryptionError, InvalidError):
        return False
    return True


def functions() -> Iterator[Function]:
    """The table."""
    yield Function("hyperdb_encrypted", (BYTEA, BYTEA, TEXT, BYTEA), BOOL, _admitted)
