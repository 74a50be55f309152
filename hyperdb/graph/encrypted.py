"""An app that keeps nothing but what is verifiably encrypted to its recipients.

Theory: `hyperdb.encryption.admission` says what may be written. The rest is an app like others: it is read, walked, sealed and
proved the same way. Only whole values are kept in it, so no other way of writing is offered, and `Database.app` refuses such an
app.
Invariant: nothing is written that does not verify.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hyperdb.encryption import Place, PublicKey
from hyperdb.encryption.admission import admit
from hyperdb.graph.command import Command
from hyperdb.graph.reader import AppReader
from hyperdb.graph.store import AppStore, Moment

if TYPE_CHECKING:
    from hyperdb.database import Database


class EncryptedApp(AppReader):
    """See the module; `Database.encrypted` gives it. Keys are bytes as the store sees them, so blinded (`BlindingKey`)."""

    def __init__(self, database: Database, name: str, graph: AppStore, recipients: Sequence[bytes], run: Command) -> None:
        self._database = database
        self._graph = graph
        self._run = run
        self.name = name
        self.recipients = tuple(map(PublicKey, recipients))
        """To whom everything in it is encrypted; single objects may be shared with others, too."""

    def _reader(self) -> Moment:
        with self._database.snapshot() as snapshot:
            return snapshot.read(self._graph)

    def put(self, key: bytes, data: bytes) -> None:
        """Keeps an object or a secret that was encrypted for this app and key, replacing what was there.

        Raises:
            EncryptionError: it does not verify; nothing is written.
        """
        admit(data, Place(self.name, key), self.recipients)
        self._run("SET", key, data)

    def remove(self, key: bytes) -> bool:
        """Removes what is kept under a key; whether there was anything."""
        return self._run("DEL", key) == 1

    def __contains__(self, key: bytes) -> bool:
        return self._run("EXISTS", key) == 1

    def __len__(self) -> int:
        return self.count()
