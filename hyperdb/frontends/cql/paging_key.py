"""The key by which a store knows the paging states that it has made.

Theory: it lies beside the data, so that pages go on after a restart. Invariant: nobody but the owner of the data can read it; two
processes that make it at once have the same one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

NAME = "paging.key"
_LENGTH = 32


def kept(directory: Path | None) -> bytes:
    """A store's key; one of this process alone where there is no directory, or nothing can be written there."""
    if directory is None:
        return secrets.token_bytes(_LENGTH)
    path = directory / NAME
    with contextlib.suppress(OSError):
        _make(path)
        found = path.read_bytes()
        if len(found) == _LENGTH:
            return found
    return secrets.token_bytes(_LENGTH)


def _make(path: Path) -> None:
    """Makes the file whole, unless it is there."""
    if path.exists():
        return
    part = path.with_name(f"{NAME}.{os.getpid()}")
    opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(opened, secrets.token_bytes(_LENGTH))
        os.fsync(opened)
    finally:
        os.close(opened)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()
