"""A frame's header, who signed it, and how one frame contains an earlier one.

Theory: the digest of the header's bytes is the *root* that people pin: it binds number, time, hash key and every root. The
history is a Merkle mountain range over the headers before it. docs/commitment.md, Frame header.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import ed448
from .errors import VerificationError
from .hashing import digest, frame, u64
from .wire import Reader

SIZE = 206
SCHEME = 1


@dataclass(frozen=True)
class Frame:
    """What a header says."""

    root: bytes
    """The header's digest: what to pin, to keep and to compare."""
    store: bytes
    hash_key: bytes
    number: int
    time_ms: int
    """When it was sealed, Unix milliseconds, by the store's clock."""
    commit: int
    horizon: int
    """The oldest frame that could be read when this one was sealed."""
    removes_from: int
    app_tree: bytes
    globals: bytes
    history: bytes
    hash_root: bytes


def read_header(reader: Reader) -> tuple[Frame, bytes]:
    """A header and its bytes."""
    data = reader.take(SIZE)
    if data[:5] != b"HDBH\x01":
        raise VerificationError("format", "no header of a frame, or of a format not known here")
    if data[5] != SCHEME:
        raise VerificationError("format", f"commitment scheme {data[5]} is not known here")
    number, time_ms, commit, horizon, removes_from = (int.from_bytes(data[at : at + 8], "little") for at in range(38, 78, 8))
    if number == 0:
        raise VerificationError("format", "frames are numbered from 1")
    frame_ = Frame(
        root=digest("hyperdb/header", data),
        store=data[6:22],
        hash_key=data[22:38],
        number=number,
        time_ms=time_ms,
        commit=commit,
        horizon=horizon,
        removes_from=removes_from,
        app_tree=data[78:110],
        globals=data[110:142],
        history=data[142:174],
        hash_root=data[174:206],
    )
    return frame_, data


def check_signature(reader: Reader, header: bytes) -> bytes:
    """Reads public key and signature; the key, if it signed the header."""
    public, signature = reader.take(57), reader.take(114)
    if not ed448.verify(public, header, signature, b"hyperdb/frame"):
        raise VerificationError("signature", "the header was not signed by the key beside it")
    return public


@dataclass(frozen=True)
class Attestation:
    """What an owner signed: the app's root at a frame, recomputed on an own copy."""

    owner: bytes
    manifest: bytes | None


def check_attestation(
    owner: bytes, manifest: bytes, signature: bytes, frame_: Frame, address: bytes, app_root: bytes
) -> Attestation:
    """The attestation, if the owner signed this app root at this frame under this hash key."""
    message = frame(address) + frame(frame_.hash_key) + u64(frame_.number) + frame(app_root) + frame(manifest)
    if not ed448.verify(owner, message, signature, b"hyperdb/attest"):
        raise VerificationError("attestation", "the app's root at this frame was not signed by the owner's key beside it")
    return Attestation(owner, manifest if any(manifest) else None)


def check_history(reader: Reader, later: Frame) -> Frame:
    """Reads an earlier header and its path; the earlier frame, if the later one's history holds it."""
    earlier, data = read_header(reader)
    if earlier.store != later.store or earlier.number >= later.number:
        raise VerificationError("history", f"frame {earlier.number} is not an earlier frame of the store of frame {later.number}")
    place, leaves = earlier.number - 1, later.number - 1
    peaks: list[bytes] = []
    for height in reversed(range(leaves.bit_length())):
        if not leaves >> height & 1:
            continue
        if 0 <= place < 1 << height:
            peaks.append(b"")
            mine, index, levels = len(peaks) - 1, place, height
        else:
            peaks.append(b"peak")
        place -= 1 << height
    node = digest("hyperdb/header", data)
    for level in range(levels):
        sibling = reader.take(32)
        node = digest("hyperdb/history", sibling, node) if index >> level & 1 else digest("hyperdb/history", node, sibling)
    peaks = [node if at == mine else reader.take(32) for at in range(len(peaks))]
    if digest("hyperdb/peaks", u64(leaves), *peaks) != later.history:
        raise VerificationError("history", f"the history of frame {later.number} does not hold this frame {earlier.number}")
    return earlier
