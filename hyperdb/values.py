"""Plain values that several layers pass on: options of opening, and what statistics look like.

Invariant: nothing here imports anything of the package but errors, so every layer may use it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from hyperdb.errors import InvalidError

Sync: TypeAlias = Literal["always", "everysec"]
RespDebug: TypeAlias = Literal["no", "local", "yes"]
EngineName: TypeAlias = Literal["native", "memory", "lmdb"]

SMALLEST_MEMORY = 8 << 20
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True)
class OpenOptions:
    """How a database is opened. `memory` in bytes covers memtables and caches together."""

    engine: EngineName = "native"
    sync: Sync = "always"
    memory: int = 512 << 20
    create: bool = True
    frames: float | None = 1.0
    """Seconds from frame to frame, when there is something to seal; None: not by time."""
    frames_count: int | None = None
    """Commits after which a frame is sealed; None: not by count."""


@dataclass(frozen=True)
class Publishing:
    """What the oblivious service publishes, and how."""

    apps: tuple[str, ...] = ()
    """Names of the apps. Whoever reaches the service may read all of them."""
    every: float = 3600.0
    """Seconds from one epoch of an app to the next."""
    work_bits: int = 16
    """A ticket for 256 private reads costs 2 to the power of this many hashes; 0: nothing has to be paid."""
    window: float = 0.0
    """Seconds that a private read waits for others to share its pass over the data."""
    threads: int = 1
    """That share a pass."""
    retained: int = 256 << 20
    """Bytes of what was superseded that frames of epochs may keep; beyond that they are let go (docs/epoch-format.md)."""


@dataclass(frozen=True)
class RespTls:
    """Where Redis's clients encrypt, and whether they must show certificates."""

    address: str
    """HOST:PORT, beside the one without TLS."""
    client_ca: Path | None = None
    """Certificates (PEM) of who signs those of clients; None: they are not asked for any."""
    required: bool = True
    """Whether a client without one is turned away."""


@dataclass(frozen=True)
class CqlTimeouts:
    """How long a request of a CQL client may take, in seconds: Cassandra's `read_request_timeout` and its like."""

    read: float = 10.0
    """A SELECT that names its partitions."""
    range: float = 10.0
    """A SELECT that scans, or looks into an index."""
    write: float = 10.0
    """A change or a batch, conditional or not."""


def quarter_of_ram() -> int:
    """A quarter of the machine's memory in bytes: the budget when none is given."""
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return max(int(fields["MemTotal"].split()[0]) * 1024 // 4, SMALLEST_MEMORY)


def parse_timeouts(text: str) -> CqlTimeouts:
    """Timeouts from `read=5,range=10,write=2`; what is not named keeps its default.

    Raises:
        InvalidError: another name, or no positive number of seconds.
    """
    found: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, seconds = part.partition("=")
        try:
            found[name] = float(seconds)
        except ValueError:
            found[name] = math.nan
        if name not in CqlTimeouts.__dataclass_fields__ or not 0 < found[name] < math.inf:
            raise InvalidError(f"timeouts are as 'read=5,range=10,write=2', in seconds; not '{part}'")
    return CqlTimeouts(**found)


def parse_bytes(text: str) -> int:
    """Bytes from `64m`, `2g`, `1048576`.

    Raises:
        InvalidError: when it is no such number.
    """
    cleaned = text.strip().lower().removesuffix("ib").removesuffix("b")
    digits = cleaned.rstrip("kmgt")
    unit = _UNITS.get(cleaned[len(digits) :])
    if not digits.isdigit() or unit is None:
        raise InvalidError(f"'{text}' is no number of bytes: write for instance 512m or 2g")
    return int(digits) * unit


def parse_address(text: str) -> tuple[str, int]:
    """Host and port from `127.0.0.1:6379`, `[::1]:6379` or `:6379` (loopback).

    Raises:
        InvalidError: when it is no such address.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65_535:
        raise InvalidError(f"'{text}' is no address: write HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)
