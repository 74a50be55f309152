"""The frames of an open database: sealing, headers, proofs.

Theory: a frame fixes everything that was durable when it was sealed under one signed root; a proof is made under a frame and
checked with nothing but a root or a key. Invariant: whoever asks for what lies behind the horizon is told the oldest frame left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hyperdb import _native
from hyperdb.errors import NotProvableError, NotSealedError

if TYPE_CHECKING:
    from hyperdb.commitment.verify import Frame, Query

_PAGE = 256
_HEADER = 206
_BEFORE_HEADER = 6
NO_MANIFEST = bytes(32)
_LARGE = 256 << 10
"""Bytes from which on a bundle may go beyond what the format allows of slots, points and rows."""


def _header(raw: bytes) -> Frame:
    # The verifier is loaded when a frame is looked at: servers start without it.
    from hyperdb.commitment.native import decode_header

    return decode_header(raw)


def _check_size(bundle: bytes) -> None:
    """Refuses to hand out what no verifier would take."""
    from hyperdb.commitment.native import verify
    from hyperdb.commitment.verify import Root, VerificationError

    try:
        verify(bundle, trusted=Root(_header(bundle[_BEFORE_HEADER:]).root))
    except VerificationError as error:
        if error.check != "size":
            raise
        raise NotProvableError(f"the proof would be more than verifiers accept ({error.detail}): prove less at a time") from error


@dataclass(frozen=True)
class Cost:
    """What sealing a frame took."""

    superseded: int
    """Bytes of entries that the frame replaced."""
    changed: int
    """Entries that changed."""
    seconds: float


@dataclass(frozen=True)
class AppRoot:
    """An app at a frame: what binds its four trees."""

    root: bytes
    hash_root: bytes
    leaves: int
    size: int
    """Bytes of keys and values."""


@dataclass(frozen=True)
class Shard:
    """A branch that is a unit of commitment work."""

    tree: int
    """0 vertex adds, 1 vertex removes, 2 hyperedge adds, 3 hyperedge removes."""
    path: bytes
    """6 bits a step, a byte each."""
    leaves: int
    size: int
    digest: bytes


@dataclass(frozen=True)
class Audit:
    """A frame's roots recomputed from the data alone."""

    frame: int
    leaves: int
    size: int
    """Bytes of keys and values."""
    problems: Sequence[str]
    """What is not as it should be: a root, a signature, a node."""


class Frames:
    """See `Database.frames`."""

    def __init__(self, store: _native.Store) -> None:
        self._native = _native.Frames(store)

    @property
    def public_key(self) -> bytes:
        """The key that signs this store's frames: what `StoreKey` pins. 57 bytes, Ed448."""
        return self._native.public_key()

    def seal(self) -> Frame:
        """Seals a frame of everything that is durable now, also if nothing changed."""
        return _header(self._native.seal())

    def newest(self) -> Frame | None:
        """The newest frame; None if none was sealed yet."""
        try:
            return _header(self._native.header())
        except NotSealedError:
            return None

    def get(self, number: int) -> Frame:
        """A frame's header, also of one that can no longer be read.

        Raises:
            NotSealedError: there is none of this number yet.
        """
        return _header(self._native.header(number))

    def root(self, number: int | None = None) -> bytes | None:
        """The root of a frame, of the newest one if None; None if there is none of this number."""
        newest = self.newest()
        if newest is None or number is None:
            return None if newest is None else newest.root
        return self.get(number).root if 1 <= number <= newest.number else None

    def signed(self, number: int | None = None) -> tuple[bytes, bytes, bytes]:
        """Header (206 bytes), public key (57) and signature (114) of a frame, of the newest one if None."""
        raw = self._native.header(number)
        return raw[:_HEADER], raw[_HEADER : _HEADER + 57], raw[_HEADER + 57 :]

    def each(self, first: int = 1) -> Iterator[Frame]:
        """Headers in order, those that can no longer be read too."""
        while page := self._native.headers(first, _PAGE):
            for raw in page:
                yield _header(raw)
            first += len(page)

    def cost(self, number: int) -> Cost:
        """What sealing a frame took."""
        superseded, changed, micros = self._native.cost(number)
        return Cost(superseded, changed, micros / 1e6)

    def prove(
        self,
        app: str | bytes | None,
        *queries: Query,
        columns: Sequence[int] | None = None,
        frame: int | None = None,
        contains: int | None = None,
    ) -> bytes:
        """A bundle that shows the answers to queries on one app, to be checked by `hyperdb.verify`.

        Args:
            app: its name; None for a bundle about the frame alone.
            queries: see `hyperdb.commitment.verify`: `Element`, `Member`, `Rows`, `Count` ...
            columns: of rows of tables disclose only these columns; none at all if it is empty.
            frame: under which frame; the newest one if None.
            contains: an earlier frame that is shown to belong to this one's history.

        Raises:
            NotProvableError: something is not so that was to be shown (a removal, when the element is there), or the bundle would
                be more than verifiers accept.
            BehindHorizonError: the frame can no longer be read; the text names the oldest that can.
            NotSealedError: there is no such frame yet.
        """
        name = app.encode() if isinstance(app, str) else app
        from hyperdb.commitment.claim import encode_queries

        bundle = self._native.prove(name, encode_queries(queries), None if columns is None else list(columns), frame, contains)
        if len(bundle) >= _LARGE:
            _check_size(bundle)
        return bundle

    def app(self, name: str, frame: int | None = None) -> AppRoot | None:
        """An app's roots at a frame; None if it was not there."""
        found = self._native.app(name.encode(), frame)
        return None if found is None else AppRoot(*found)

    def apps(self, frame: int | None = None) -> tuple[str, ...]:
        """Names of the apps of a frame; the system's own app has the empty name."""
        return tuple(name.decode(errors="replace") for name in self._native.apps(frame))

    def changed_keys(self, app: str | bytes, since: int, most: int, frame: int | None = None) -> list[bytes] | None:
        """Logical keys of elements and members that changed up to a frame, the newest if None; None if they are more than `most`.

        Members that went with their collection are not among them; the collection is.

        Raises:
            BehindHorizonError: one of the frames can no longer be read.
            NotSealedError: there is no such frame yet.
        """
        return self._native.changed_keys(app.encode() if isinstance(app, str) else app, since, most, frame)

    def shards(self, name: str, limit: int = 1 << 30, frame: int | None = None) -> tuple[Shard, ...]:
        """The shards of an app: the largest branches of at most `limit` bytes."""
        return tuple(Shard(*shard) for shard in self._native.shards(name.encode(), limit, frame))

    def attest(self, name: str, seed: bytes, frame: int | None = None, manifest: bytes = NO_MANIFEST) -> tuple[int, bytes]:
        """Recomputes an app's root from this copy's data and signs it with the owner's secret seed (57 bytes).

        Returns:
            The frame's number and the attestation, which `keep_attestation` takes on any copy of the store.
        """
        return self._native.attest(name.encode(), seed, manifest, frame)

    def keep_attestation(self, name: str, frame: int, attestation: bytes) -> None:
        """Keeps an owner's attestation, so that proofs of the app at this frame carry it.

        Raises:
            InvalidError: it is no attestation of this app at this frame.
        """
        self._native.keep_attestation(name.encode(), frame, attestation)

    def attestation(self, name: str, frame: int) -> bytes | None:
        """What an owner said of an app at a frame, as `attest` gives it; None if nothing was."""
        return self._native.attestation(name.encode(), frame)

    def hold(self, number: int) -> _native.HeldFrame:
        """Keeps a frame readable, wherever the horizon goes, until the handle is released: what it shows stays on the disk.

        Raises:
            BehindHorizonError: it can no longer be read.
            NotSealedError: there is no such frame yet.
        """
        return self._native.hold(number)

    def audit(self, progress: Callable[[int, int], object] = lambda _done, _total: None, frame: int | None = None) -> Audit:
        """Recomputes a frame's roots from the data alone and compares. `progress` gets bytes done and in all."""
        return Audit(*self._native.audit(progress, frame))

    def stats(self) -> Mapping[str, int]:
        """Gauges of sealing: the newest frame, how far behind it is, what sealing took."""
        return dict(self._native.stats()[0])

    def failure(self) -> str | None:
        """Why the last try to seal failed, if it did."""
        return self._native.stats()[1]
