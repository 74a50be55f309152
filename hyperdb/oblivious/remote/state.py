"""What a client keeps on its disk: hints, the newest frame that it saw, and its secret for covers.

Theory: a hint is kept under its digest, so a part of an epoch that did not change is not fetched again, and what was fetched by
half goes on where it stopped. The newest frame has to outlive the process: a store that shows an older one, or another history,
is found out by it. The secret must stay the same, or covers intersect. Invariant: a file is replaced as a whole, and what is
read is checked.
"""

from __future__ import annotations

import enum
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hyperdb.commitment.verify import Seen
from hyperdb.commitment.verify.bundle import address
from hyperdb.commitment.verify.hashing import digest
from hyperdb.errors import CorruptError
from hyperdb.oblivious.ledger import Ledger

SECRET_BYTES = 32
_KEPT_HINTS = 8
_LEDGERS = "ledger"
_LEDGER_DIGITS = 32
_KEPT_LEDGERS = 16
"""Of all apps of a server together."""


class Kept(enum.Enum):
    """Which newest frame: they differ where some read epochs alone and others what changed since too."""

    EPOCH = "seen"
    FOLLOWED = "followed"


@dataclass(frozen=True)
class KnownEpoch:
    """An epoch by its name, and the digests of its hints."""

    name: str
    hints: tuple[bytes, bytes]


@dataclass(frozen=True)
class State:
    """A directory of one server's; made when something is first kept."""

    directory: Path

    @classmethod
    def of(cls, url: str, base: Path | None = None) -> State:
        """The directory of a server, below `base`; the user's own data directory if None."""
        root = base or Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "hyperdb" / "remote"
        return cls(root / digest("hyperdb/remote", url.rstrip("/").encode()).hex()[:32])

    def secret(self, random: Callable[[int], bytes]) -> bytes:
        """The client's key for covers, made when it is first needed."""
        path = self.directory / "secret"
        if not path.exists():
            self._write(path, random(SECRET_BYTES))
        found = path.read_bytes()
        if len(found) != SECRET_BYTES:
            raise CorruptError(f"{path}: not {SECRET_BYTES} bytes")
        return found

    def seen(self, app: str, kept: Kept) -> Seen | None:
        """The newest frame that was seen of an app."""
        path = self._seen(app, kept)
        if not path.exists():
            return None
        try:
            found = json.loads(path.read_text())
            return Seen(int(found["frame"]), bytes.fromhex(found["root"]))
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptError(f"{path}: {error}") from error

    def see(self, app: str, seen: Seen, kept: Kept) -> None:
        """Keeps the newest frame of an app; an older one than another process kept meanwhile is passed over."""
        known = self.seen(app, kept)
        if known is None or known.number < seen.number:
            self._write(self._seen(app, kept), json.dumps({"frame": seen.number, "root": seen.root.hex()}).encode())

    def epoch(self, app: str) -> KnownEpoch | None:
        """The epoch of an app whose hints were kept last."""
        path = self._epoch(app)
        if not path.exists():
            return None
        try:
            found = json.loads(path.read_text())
            pages, overflow = (bytes.fromhex(each) for each in found["hints"])
            return KnownEpoch(str(found["epoch"]), (pages, overflow))
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptError(f"{path}: {error}") from error

    def keep_epoch(self, app: str, known: KnownEpoch) -> None:
        """Keeps which hints are those of an app's newest epoch."""
        self._write(self._epoch(app), json.dumps({"epoch": known.name, "hints": [each.hex() for each in known.hints]}).encode())

    def ledger(self, epoch: str) -> Ledger:
        """Which blocks of an epoch were asked for; of the last epochs alone, since older ones answer nothing any more."""
        ledgers = self.directory / _LEDGERS
        if ledgers.is_dir():
            others = [path for path in ledgers.iterdir() if path.name != epoch[:_LEDGER_DIGITS]]
            for old in sorted(others, key=lambda path: path.stat().st_mtime_ns, reverse=True)[_KEPT_LEDGERS:]:
                shutil.rmtree(old, ignore_errors=True)
        return Ledger(ledgers / epoch[:_LEDGER_DIGITS])

    def hint(self, wanted: bytes) -> bytes | None:
        """A hint by its digest, if it is here and whole."""
        path = self._hint(wanted)
        if not path.exists():
            return None
        found = path.read_bytes()
        return found if digest("hyperdb/epoch-hint", found) == wanted else None

    def fetched(self, wanted: bytes) -> Path:
        """Where a hint is put while it is fetched."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._hint(wanted).with_suffix(".part")

    def keep_hint(self, wanted: bytes, data: bytes) -> None:
        """Keeps a hint that was checked, and forgets those that were used longest ago."""
        self._write(self._hint(wanted), data)
        self.fetched(wanted).unlink(missing_ok=True)
        hints = sorted(self.directory.glob("*.hint"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        _remove(hints[_KEPT_HINTS:])

    def _seen(self, app: str, kept: Kept) -> Path:
        return self.directory / f"{address(app.encode()).hex()[:32]}.{kept.value}"

    def _epoch(self, app: str) -> Path:
        return self.directory / f"{address(app.encode()).hex()[:32]}.epoch"

    def _hint(self, wanted: bytes) -> Path:
        return self.directory / f"{wanted.hex()}.hint"

    def _write(self, path: Path, data: bytes) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = path.with_suffix(f".{os.getpid()}.new")
        with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        staging.replace(path)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
