"""Storage engines: versioned byte keys in byte order, behind one protocol.

`open_engine("native" | "memory" | "lmdb", path)` opens one; `hyperdb/storage/engine.py` says what each must do.
"""

from __future__ import annotations

from pathlib import Path

from hyperdb.errors import InvalidError
from hyperdb.storage.engine import Change, Engine, Entry, Snapshot, Transaction
from hyperdb.storage.lmdb import LmdbEngine
from hyperdb.storage.memory import MemoryEngine
from hyperdb.storage.native import NativeEngine
from hyperdb.values import EngineName, OpenOptions


def open_engine(name: EngineName, path: str | Path, options: OpenOptions | None = None) -> Engine:
    """Opens (or creates) a store; the memory engine forgets everything when it is closed and ignores the path."""
    options = options or OpenOptions(engine=name)
    if name == "memory":
        return MemoryEngine()
    if name == "lmdb":
        return LmdbEngine(Path(path), options)
    if name == "native":
        return NativeEngine(Path(path), options)
    raise InvalidError(f"engine is 'native', 'memory' or 'lmdb', not {name!r}")


__all__ = ["Change", "Engine", "Entry", "LmdbEngine", "MemoryEngine", "NativeEngine", "Snapshot", "Transaction", "open_engine"]
