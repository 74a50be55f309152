"""Which apps are encrypted, and to whom: a record of the system's own app.

Theory: looked at by every way into an app, so it knows names and bytes of keys and loads nothing of encryption.
Invariant: a registry does not change: adding to it makes another one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hyperdb.errors import CorruptError, EncryptionError

RECORD = b"hyperdb/encrypted-apps"
"""The record's key."""


class EncryptedApps:
    """See the module."""

    def __init__(self, record: bytes | None) -> None:
        try:
            found: dict[str, Any] = {} if record is None else json.loads(record)
            self._apps = {name: tuple(bytes.fromhex(key) for key in keys) for name, keys in found.items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise CorruptError("the record of encrypted apps cannot be read") from error

    def recipients(self, name: str) -> tuple[bytes, ...] | None:
        """To whose public keys everything in an app is encrypted; None if it is an app like others."""
        return self._apps.get(name)

    def check_open(self, name: str) -> None:
        """Whether an app takes values that are not encrypted.

        Raises:
            EncryptionError: it does not.
        """
        # Whether it is a name at all says whoever looks for the app.
        if isinstance(name, str) and name in self._apps:
            raise EncryptionError(f"the app {name!r} is encrypted: Database.encrypted({name!r}) writes to it")

    def added(self, name: str, recipients: Sequence[bytes]) -> EncryptedApps:
        """These and one more."""
        more = EncryptedApps(None)
        more._apps = {**self._apps, name: tuple(recipients)}
        return more

    def __bytes__(self) -> bytes:
        return json.dumps({name: [key.hex() for key in keys] for name, keys in self._apps.items()}, sort_keys=True).encode()
