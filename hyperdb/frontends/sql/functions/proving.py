"""Functions about frames and proofs.

Invariant: they ask the session, which asks the store; none of them is part of a query that is proved.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hyperdb.frontends.sql.catalog.kinds import BYTEA, INT8, TEXT
from hyperdb.frontends.sql.functions.model import Function


def _root(env: Any, number: int | None = None) -> str | None:
    frame = env.session.proofs.frame(number)
    return None if frame is None else str(frame.root.hex())


def _asked(name: str, arguments: tuple[int, ...], result: int, run: Any) -> Function:
    return Function(name, arguments, result, run, env=True, volatile=True)


def functions() -> Iterator[Function]:
    """The table."""
    for arguments in ((), (INT8,)):
        yield _asked("hyperdb_root", arguments, TEXT, _root)
    yield _asked("hyperdb_store_key", (), TEXT, lambda env: env.session.proofs.frames.public_key.hex())
    yield _asked("hyperdb_seal", (), INT8, lambda env: env.session.proofs.seal())
    yield _asked("hyperdb_prove", (TEXT,), BYTEA, lambda env, text: env.session.proofs.of_text(text, None, env.catalog))
    yield _asked(
        "hyperdb_prove", (TEXT, INT8), BYTEA, lambda env, text, frame: env.session.proofs.of_text(text, frame, env.catalog)
    )
    yield _asked("hyperdb_last_proof", (), BYTEA, lambda env: env.session.proofs.last())
