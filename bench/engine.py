"""The engine from Python against rocksdict (bloom filter and cache), lmdb and sqlite3.

Question: does the native engine hold its own as an embedded store? Method: random 16 B keys, 100 B incompressible values. In each
round every store is loaded on a fresh directory and left to finish its work in the background; then the reads of all stores
are interleaved slice by slice, so that what else runs on the machine hits all of them. Beside the rate stands the process's
CPU time per entry, background threads included, which a busy machine hardly changes. Written bytes are the kernel's count of
what the process sent to the disk (log, flush and compaction). Figures are medians, ratios medians of the rounds' ratios to
rocksdict. Both get the same block cache and the same write buffer.
Run: `python bench/engine.py [--keys 1000000] [--rounds 3] [--memory BYTES] [--peers rocksdict,lmdb,sqlite3]`.
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
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import lmdb
import rocksdict

from hyperdb.storage import NativeEngine
from hyperdb.values import OpenOptions

BATCH = 1000
SLICES = 10
ENTRY = 116
Pairs = list[tuple[bytes, bytes]]


def write_buffer(memory: int) -> int:
    """How large HyperDB lets a memtable grow within `memory` bytes."""
    return min(max(memory // 6, 256 << 10), 64 << 20)


def block_cache(memory: int) -> int:
    """What HyperDB leaves of `memory` to its block cache: three memtables and the cache of rows take the rest."""
    return max(memory - 3 * write_buffer(memory) - memory // 16, 1 << 20)


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
    def __init__(self, path: Path, memory: int) -> None:
        self.engine = NativeEngine(path, OpenOptions(memory=memory))
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
    def __init__(self, path: Path, memory: int) -> None:
        options = rocksdict.Options(raw_mode=True)
        table = rocksdict.BlockBasedOptions()
        table.set_bloom_filter(10, False)
        table.set_block_cache(rocksdict.Cache(block_cache(memory)))
        options.set_block_based_table_factory(table)
        options.set_write_buffer_size(write_buffer(memory))
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
        busy = ("rocksdb.compaction-pending", "rocksdb.num-running-compactions", "rocksdb.num-running-flushes")
        while any(self.db.property_int_value(name) for name in busy):
            time.sleep(0.01)

    def multi_get(self, keys: list[bytes]) -> object:
        return self.db.get(keys)


class Lmdb:
    def __init__(self, path: Path, memory: int) -> None:
        del memory  # the page cache is the system's
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
    def __init__(self, path: Path, memory: int) -> None:
        path.mkdir()
        self.db = sqlite3.connect(path / "db", isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute(f"PRAGMA cache_size = -{block_cache(memory) >> 10}")
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


@dataclass
class Meter:
    """What some work took: seconds by the clock, and of the process's CPU time."""

    clock: float = 0.0
    cpu: float = 0.0

    def run(self, work: Callable[[], object]) -> None:
        """Adds what `work` takes."""
        clock, cpu = time.perf_counter(), time.process_time()
        work()
        self.clock += time.perf_counter() - clock
        self.cpu += time.process_time() - cpu

    def rate(self, count: int) -> float:
        """Entries a second."""
        return count / self.clock

    def micros(self, count: int) -> float:
        """CPU microseconds an entry."""
        return self.cpu / count * 1e6


def _sent_to_disk() -> int:
    for line in Path("/proc/self/io").read_text().splitlines():
        name, count = line.split(": ")
        if name == "write_bytes":
            return int(count)
    raise RuntimeError("/proc/self/io does not tell write_bytes")


def load(peer: Peer, keys: list[bytes], values: list[bytes]) -> dict[str, float]:
    """Writes all keys in synced batches, and waits for what that leaves to do."""
    sent, waits, meter, whole = _sent_to_disk(), [], Meter(), Meter()

    def write() -> None:
        for at in range(0, len(keys), BATCH):
            batch = list(zip(keys[at : at + BATCH], values, strict=False))
            started = time.perf_counter()
            peer.write(batch)
            waits.append(time.perf_counter() - started)

    whole.run(lambda: (meter.run(write), peer.settle()))
    waits.sort()
    return {
        "write": len(keys) / sum(waits),
        "write cpu": whole.micros(len(keys)),
        "write p99 ms": waits[len(waits) * 99 // 100] * 1e3,
        "write p99.9 ms": waits[len(waits) * 999 // 1000] * 1e3,
        "write longest ms": waits[-1] * 1e3,
        "written": (_sent_to_disk() - sent) / (len(keys) * ENTRY),
    }


def _scan_part(walk: Iterator[object], count: int) -> int:
    return sum(1 for _ in islice(walk, count))


def read(peers: dict[str, Peer], keys: list[bytes], rng: random.Random) -> dict[str, dict[str, float]]:
    """Point reads, batched reads and a whole walk, the stores taking turns."""
    asked = rng.choices(keys, k=min(len(keys), 200_000))
    slices = [asked[at::SLICES] for at in range(SLICES)]
    rows: dict[str, dict[str, float]] = {name: {} for name in peers}
    meters = {(name, what): Meter() for name in peers for what in ("get", "multi_get", "scan")}
    for part in slices:
        for name, peer in peers.items():
            meters[name, "get"].run(lambda peer=peer, part=part: [peer.get(key) for key in part])
    for part in slices:
        groups = [part[at : at + BATCH] for at in range(0, len(part), BATCH)]
        for name, peer in peers.items():
            meters[name, "multi_get"].run(lambda peer=peer, groups=groups: [peer.multi_get(group) for group in groups])
    walks = {name: peer.scan() for name, peer in peers.items()}
    seen = dict.fromkeys(peers, 0)
    for _ in range(SLICES + 1):
        for name, walk in walks.items():
            meters[name, "scan"].run(
                lambda name=name, walk=walk: seen.update({name: seen[name] + _scan_part(walk, len(keys) // SLICES)})
            )
    if set(seen.values()) != {len(keys)}:
        raise RuntimeError(f"of {len(keys)} entries the scans saw {seen}")
    for (name, what), meter in meters.items():
        count = len(keys) if what == "scan" else len(asked)
        rows[name] |= {what: meter.rate(count), f"{what} cpu": meter.micros(count)}
    return rows


def measure(names: list[str], scratch: Path, count: int, memory: int, seed: int) -> dict[str, dict[str, float]]:
    """One round."""
    rng = random.Random(seed)
    keys = [os.urandom(16) for _ in range(count)]
    values = [rng.randbytes(100) for _ in range(BATCH)]
    peers, rows = {}, {}
    for name in names:
        peers[name] = PEERS[name](scratch / name, memory)
        rows[name] = load(peers[name], keys, values)
    for name, row in read(peers, keys, rng).items():
        rows[name] |= row
    for name, peer in peers.items():
        peer.close()
        stored = sum(path.stat().st_blocks * 512 for path in (scratch / name).rglob("*") if path.is_file())
        rows[name]["disk"] = stored / (count * ENTRY)
    return rows


COLUMNS = ("write", "get", "multi_get", "scan", "write cpu", "get cpu", "multi_get cpu", "scan cpu")
PLAIN = ("write p99 ms", "write p99.9 ms", "write longest ms", "written", "disk")


def main() -> None:
    """Prints a table of medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--memory", type=int, default=512 << 20, help="bytes for HyperDB; the peers get the same block cache and write buffer"
    )
    parser.add_argument("--peers", default="rocksdict,lmdb,sqlite3")
    options = parser.parse_args()
    names = ["hyperdb", *options.peers.split(",")]
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="hyperdb-bench-") as scratch:
            rounds.append(measure(names, Path(scratch), options.keys, options.memory, number))
    cache, buffer = block_cache(options.memory) / 2**20, write_buffer(options.memory) / 2**20
    print(f"{options.keys:,} keys of 16 B with 100 B; block cache {cache:.1f} MiB, write buffer {buffer:.1f} MiB")
    print(f"{options.rounds} rounds; per second, and CPU us per entry\n")
    print(f"| | {' | '.join(names)} | hyperdb / {names[1]} (min..max) |\n|{'---|' * (len(names) + 2)}")
    for what in COLUMNS + PLAIN:
        ratios = [row["hyperdb"][what] / row[names[1]][what] for row in rounds]
        digits = 0 if what in COLUMNS[:4] else 2
        shown = " | ".join(f"{statistics.median(row[name][what] for row in rounds):,.{digits}f}" for name in names)
        print(f"| {what} | {shown} | **{statistics.median(ratios):.2f}** ({min(ratios):.2f}..{max(ratios):.2f}) |")


if __name__ == "__main__":
    main()
