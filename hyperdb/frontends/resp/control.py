"""What administration may ask of the running server and its store.

The server passes an object of this shape in; tests pass a fake one. Invariant: administration reads and sets through this
alone, so nothing in this folder knows the native module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hyperdb.commitment.asked import Asked
from hyperdb.commitment.verify import Frame


@dataclass(frozen=True)
class Client:
    """Who sent a command."""

    id: int
    db: int
    role: str
    name: bytes
    address: str
    resp3: bool
    in_transaction: bool


@dataclass(frozen=True)
class CommandUsage:
    """What is known of one command since the start or CONFIG RESETSTAT."""

    name: str
    calls: int
    micros: int
    rejected: int
    failed: int


@dataclass(frozen=True)
class Keyspace:
    """One database that holds keys."""

    db: int
    keys: int
    expires: int


@dataclass(frozen=True)
class Dumped:
    """A key as it goes elsewhere: the payload of DUMP, when it expires (Unix milliseconds; negative: never), and in how many
    milliseconds (0: never)."""

    payload: bytes
    expires: int
    ttl: int


class Frames(Protocol):
    """Frames of the store; `hyperdb.commitment.frames.Frames` is one."""

    @property
    def public_key(self) -> bytes:
        """The key that verifies them."""

    def newest(self) -> Frame | None:
        """The newest one, if any."""

    def seal(self) -> Frame:
        """Seals one."""

    def signed(self, number: int | None = None) -> tuple[bytes, bytes, bytes]:
        """Header, public key and signature."""

    def stats(self) -> Mapping[str, int]:
        """Gauges of sealing by name; also among `storage_stats`."""

    def failure(self) -> str | None:
        """Why the last try to seal failed, if it did."""


class Control(Protocol):
    """The running server, as administration sees it."""

    def server_stats(self) -> Mapping[str, int]:
        """Counters and gauges of the wire, by name."""

    def command_stats(self) -> Sequence[CommandUsage]:
        """The commands that were called or refused."""

    def error_stats(self) -> Mapping[str, int]:
        """Error replies by class."""

    def latencies(self, percents: Sequence[float]) -> Mapping[str, Sequence[float]]:
        """By command the microseconds within which these percentages of its calls ended."""

    def storage_stats(self) -> Mapping[str, int]:
        """Counters and gauges of the store, by name; bytes, counts and microseconds as the name says."""

    def frames(self) -> Frames:
        """Frames and proofs."""

    def prove(self, db: int, asked: Asked) -> bytes:
        """A bundle that shows what is asked under the newest frame.

        Raises:
            HyperDBError: there is no frame, the field of a list is no index, a bound is none of the collection's, or what was to
                be shown is not so.
        """

    def keyspaces(self) -> list[Keyspace]:
        """The databases that hold keys."""

    def dumped(self, db: int, key: bytes) -> Dumped | None:
        """A key as DUMP gives it; None when it is not there.

        Raises:
            CommandError: the key is a row of a table.
        """

    def remove_if(self, db: int, key: bytes, held: Dumped) -> bool:
        """Removes a key if it still has this value and this expiry; whether it was so."""

    def data_set(self) -> bytes:
        """All databases and functions at one moment, as a file of RDB.

        Raises:
            HyperDBError: it is larger than one reply may be, or could not be written.
        """

    def settings(self) -> Mapping[str, int | str]:
        """The wire's present limits, by the native field's name."""

    def configure(self, changes: Mapping[str, int | str]) -> None:
        """Changes limits while running.

        Raises:
            ValueError: when a value is out of bounds; nothing is changed then.
        """

    def reset_stats(self) -> None:
        """Sets the wire's counters to zero."""

    def set_password(self, password: str | None) -> None:
        """Sets (or takes away) the bootstrap role's password."""

    def set_rules(self, name: str, rules: Sequence[bytes]) -> None:
        """Applies rules to a user, who is made if need be.

        Raises:
            InvalidError: a rule is wrong; nothing is changed.
        """

    def remove_users(self, names: Sequence[str]) -> int:
        """Removes users; how many there were.

        Raises:
            InvalidError: one of them must stay.
        """

    def reload_users(self) -> None:
        """Reads the users of the store again."""

    def sync(self) -> None:
        """Waits until every acknowledged write is on the disk."""

    def flush_storage(self) -> None:
        """Writes the memtables out as tables."""

    def request_shutdown(self) -> None:
        """Begins a clean stop."""

    @property
    def facts(self) -> Mapping[str, str]:
        """What does not change while running: `dir`, `sync`, `port`, `bind`, `version`, `run_id`, `pid`, `debug`."""

    def now(self) -> float:
        """Unix time in seconds, from the server's clock."""
