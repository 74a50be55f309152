"""Who learns what of a command on a remote store: its shape, counted against the epoch's manifest.

Invariant: nothing of the command is sent; what it would fetch is decided by `needs`, as when it is run.
"""

from __future__ import annotations

from collections.abc import Sequence

from hyperdb.errors import PrivacyError
from hyperdb.oblivious.explain import Asked, Explanation, explain
from hyperdb.oblivious.levels import Bucket, Cover, Full, Level
from hyperdb.oblivious.remote.store import RemoteApp
from hyperdb.remote.needs import Need, Reading, reading


def explain_command(app: RemoteApp, words: Sequence[bytes], level: Level) -> Explanation:
    """Who learns what of a Redis command, and what it costs.

    Raises:
        PrivacyError: it does not run on a remote store, or not at this level.
    """
    wanted = reading(words)
    if not isinstance(wanted, Reading):
        raise PrivacyError(wanted.text.removeprefix("PRIVACY ") if wanted is not None else "that reads nothing of the store")
    if wanted.need is Need.APP and not isinstance(level, Full):
        raise PrivacyError(f"a list of all keys is read at 'full', not at '{level}'")
    keys, known = wanted.keys, 0
    if isinstance(level, Bucket | Cover):
        known = app.read(level, lambda reader: sum(map(reader.is_known, keys)))
    ranges = len(keys) if wanted.need is Need.WHOLE else 0
    operation = words[0].decode(errors="replace").upper()
    asked = Asked(operation, len(keys), len(wanted.members) * len(keys), ranges, known)
    return explain(app.manifest, level, app.store.trusted, asked)
