"""The engine from Python against rocksdict (bloom filter and cache), lmdb and sqlite3.

Question: does the native engine hold its own as an embedded store? Method: random 16 B keys, 100 B incompressible values; rounds
are interleaved, each on a fresh directory; the figure is the median, the ratio the median of the rounds' ratios to rocksdict.
Run: `python bench/engine.py [--keys 1000000] [--rounds 3] [--cache-bytes N]`.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import lmdb
import rocksdict

from hyperdb.storage import NativeEngine
from hyperdb.values import OpenOptions

BATCH = 1000
Pairs = list[tuple[bytes, bytes]]


class Peer(Protocol):
    """One store under measurement."""

    def write(self, batch: Pairs) -> None:
        """One synced batch."""

    def settle(self) -> None:
        """Waits for work in the background."""

    def get(self, key: bytes) -> bytes | None: ...
    def multi_get(self, keys: list[bytes]) -> object: ...
    def scan(self) -> Iterator[object]: ...
    def close(self) -> None: ...


class HyperDB:
    def __init__(self, path: Path, cache: int) -> None:
        self.engine = NativeEngine(path, OpenOptions(memory=cache))
        self.get, self.multi_get, self.scan, self.close = (
            self.engine.get,
            self.engine.multi_get,
            self.engine.scan,
            self.engine.close,
        )

    def write(self, batch: Pairs) -> None:
        self.engine.write(batch)

    def settle(self) -> None:
        self.engine.compact()


class RocksDict:
    def __init__(self, path: Path, cache: int) -> None:
        options = rocksdict.Options(raw_mode=True)
        table = rocksdict.BlockBasedOptions()
        table.set_bloom_filter(10, False)
        table.set_block_cache(rocksdict.Cache(cache))
        options.set_block_based_table_factory(table)
        self.db = rocksdict.Rdict(str(path), options)
        self.synced = rocksdict.WriteOptions()
        self.synced.sync = True
        self.get, self.scan, self.close = self.db.get, self.db.items, self.db.close

    def write(self, batch: Pairs) -> None:
        writes = rocksdict.WriteBatch(raw_mode=True)
        for key, value in batch:
            writes.put(key, value)
        self.db.write(writes, self.synced)

    def settle(self) -> None:
        self.db.flush()

    def multi_get(self, keys: list[bytes]) -> object:
        return self.db.get(keys)


class Lmdb:
    def __init__(self, path: Path, cache: int) -> None:
        del cache  # the page cache is the system's
        self.env = lmdb.open(str(path), map_size=64 << 30)
        self.close = self.env.close

    def write(self, batch: Pairs) -> None:
        with self.env.begin(write=True) as writer:
            writer.cursor().putmulti(batch)

    def settle(self) -> None:
        self.env.sync(True)

    def get(self, key: bytes) -> bytes | None:
        with self.env.begin() as reader:
            return reader.get(key)

    def multi_get(self, keys: list[bytes]) -> object:
        with self.env.begin() as reader:
            return reader.cursor().getmulti(keys)

    def scan(self) -> Iterator[object]:
        with self.env.begin() as reader:
            yield from reader.cursor()


class Sqlite:
    def __init__(self, path: Path, cache: int) -> None:
        path.mkdir()
        self.db = sqlite3.connect(path / "db", isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute(f"PRAGMA cache_size = -{cache >> 10}")
        self.db.execute("CREATE TABLE t (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID")
        self.close = self.db.close

    def write(self, batch: Pairs) -> None:
        self.db.execute("BEGIN")
        self.db.executemany("INSERT OR REPLACE INTO t VALUES (?, ?)", batch)
        self.db.execute("COMMIT")

    def settle(self) -> None:
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def get(self, key: bytes) -> bytes | None:
        row = self.db.execute("SELECT v FROM t WHERE k = ?", (key,)).fetchone()
        return row and row[0]

    def multi_get(self, keys: list[bytes]) -> object:
        marks = ",".join("?" * len(keys))
        return self.db.execute(f"SELECT k, v FROM t WHERE k IN ({marks})", keys).fetchall()

    def scan(self) -> Iterator[object]:
        return iter(self.db.execute("SELECT k, v FROM t ORDER BY k"))


PEERS: dict[str, Callable[[Path, int], Peer]] = {"hyperdb": HyperDB, "rocksdict": RocksDict, "lmdb": Lmdb, "sqlite3": Sqlite}


def _rate(count: int, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def measure(make: Callable[[Path, int], Peer], directory: Path, keys: list[bytes], cache: int, seed: int) -> dict[str, float]:
    """Rates per second, and bytes on disk by bytes of data."""
    rng = random.Random(seed)
    values = [rng.randbytes(100) for _ in range(BATCH)]
    peer = make(directory, cache)
    batches = [list(zip(keys[at : at + BATCH], values, strict=False)) for at in range(0, len(keys), BATCH)]
    result = {"write": _rate(len(keys), lambda: [peer.write(batch) for batch in batches])}
    peer.settle()
    asked = rng.choices(keys, k=min(len(keys), 200_000))
    result["get"] = _rate(len(asked), lambda: [peer.get(key) for key in asked])
    parts = [asked[at : at + BATCH] for at in range(0, len(asked), BATCH)]
    result["multi_get"] = _rate(len(asked), lambda: [peer.multi_get(part) for part in parts])
    seen: list[int] = []
    result["scan"] = _rate(len(keys), lambda: seen.append(sum(1 for _ in peer.scan())))
    if seen != [len(keys)]:
        raise RuntimeError(f"a scan saw {seen[0]} of {len(keys)} entries")
    peer.close()
    stored = sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())
    return result | {"disk": stored / (len(keys) * 116)}


def main() -> None:
    """Prints a table of medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cache-bytes", type=int, default=512 << 20)
    options = parser.parse_args()
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(options.rounds):
        keys = [os.urandom(16) for _ in range(options.keys)]
        row = {}
        for name, make in PEERS.items():
            with tempfile.TemporaryDirectory(prefix="hyperdb-bench-") as scratch:
                row[name] = measure(make, Path(scratch) / "db", keys, options.cache_bytes, number)
        rounds.append(row)
    print(f"{options.keys} keys of 16 B with 100 B, {options.cache_bytes >> 20} MiB cache, {options.rounds} rounds; a second")
    for what in ("write", "get", "multi_get", "scan", "disk"):
        ratio = statistics.median(row["hyperdb"][what] / row["rocksdict"][what] for row in rounds)
        medians = {name: statistics.median(row[name][what] for row in rounds) for name in PEERS}
        shown = "  ".join(f"{name} {value:>12,.2f}" for name, value in medians.items())
        print(f"{what:<10} {shown}  hyperdb/rocksdict {ratio:.2f}")


if __name__ == "__main__":
    main()
