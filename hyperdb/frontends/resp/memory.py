"""MEMORY STATS, DOCTOR, MALLOC-STATS and PURGE: what the process holds, and for what.

Theory: the store's memory is what was written and is not in tables yet, which `maxmemory` bounds together with clients'
buffers, and caches, which give way. What the interpreter and the other protocols hold shows in the resident size alone.
Invariant: a number that is not known is left out, never made up.
"""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hyperdb.frontends.resp.answers import Answer
from hyperdb.frontends.resp.control import Control

_PAGE = resource.getpagesize()
_UNWRITTEN = "memtable_bytes"
_CACHES = ("row_cache_bytes", "block_cache_bytes", "layer_bytes", "order_cache_bytes")
_BUFFERS = ("clients_input_bytes", "clients_output_bytes")
_NO_STATS = "Stats not supported for the current allocator"
_LARGE = 256 << 20
"""Below this nothing about memory is worth a complaint, bytes."""
_FULL = 0.9


@dataclass(frozen=True)
class Memory:
    """What is held, bytes."""

    resident: int
    peak: int
    unwritten: int
    caches: int
    clients: int
    budget: int

    @property
    def used(self) -> int:
        """What the server accounts for."""
        return self.unwritten + self.caches + self.clients


class _MallInfo(ctypes.Structure):
    """`struct mallinfo2` of the GNU C library."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    )


def resident() -> int:
    """Bytes of the process that are in memory."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    except OSError:
        # Without /proc the peak is what the system tells.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(control: Control) -> Memory:
    """What the process holds now."""
    storage, wire = control.storage_stats(), control.server_stats()

    def total(stats: Mapping[str, int], names: tuple[str, ...]) -> int:
        return sum(stats.get(name, 0) for name in names)

    now = resident()
    return Memory(
        resident=now,
        peak=max(now, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024),
        unwritten=total(storage, (_UNWRITTEN,)),
        caches=total(storage, _CACHES),
        clients=total(wire, _BUFFERS),
        budget=storage.get("memory_budget_bytes", 0),
    )


def stats(control: Control) -> Answer:
    """MEMORY STATS."""
    held = measure(control)
    keys = sum(space.keys for space in control.keyspaces())
    return {
        "peak.allocated": held.peak,
        "total.allocated": held.used,
        "replication.backlog": 0,
        "clients.slaves": 0,
        "clients.normal": held.clients,
        "cluster.links": 0,
        "keys.count": keys,
        "keys.bytes-per-key": held.unwritten // keys if keys else 0,
        "dataset.bytes": held.unwritten + held.caches,
        "dataset.percentage": 100.0 * (held.unwritten + held.caches) / max(held.used, 1),
        "peak.percentage": 100.0 * held.resident / max(held.peak, 1),
        "allocator.resident": held.resident,
        "fragmentation": held.resident / max(held.used, 1),
        "fragmentation.bytes": held.resident - held.used,
        **{f"hyperdb.{name}": value for name, value in control.storage_stats().items()},
    }


def doctor(control: Control) -> str:
    """MEMORY DOCTOR: what stands out."""
    held = measure(control)
    found = []
    if held.budget and held.unwritten > _FULL * held.budget:
        found.append("Almost all of the memory budget holds what is not in tables yet: the disk does not keep up with writes.")
    if held.clients > max(_LARGE, held.used // 2):
        found.append("Clients' buffers take most of the memory: CLIENT LIST tells by tot-mem which ones do not read.")
    if held.peak > _LARGE and held.peak > 1.5 * held.resident:
        found.append("The process was half as large again as it is now: something needed much for a while.")
    if not found:
        return "Nothing stands out: buffers of clients, memtables and caches are within their bounds.\n"
    return "".join(f"* {text}\n" for text in found)


def malloc_stats() -> str:
    """MEMORY MALLOC-STATS: the C library's own account of the process."""
    info = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if info is None:
        return _NO_STATS
    info.restype = _MallInfo
    seen = info()
    words = {
        "arena": "bytes from the system in arenas",
        "hblkhd": "bytes from the system in mappings of their own",
        "hblks": "such mappings",
        "uordblks": "bytes of arenas in use",
        "fordblks": "bytes of arenas free",
        "ordblks": "free pieces",
        "keepcost": "bytes at the top that could be given back",
    }
    return "".join(f"{name}: {getattr(seen, name)} ({what})\n" for name, what in words.items())


def purge() -> bool:
    """MEMORY PURGE: gives free memory back to the system; whether the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return False
    trim(ctypes.c_size_t(0))
    return True
