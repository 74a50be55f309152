"""Checking an epoch against a copy of the store that it is of.

Theory: an epoch follows from a frame, its manifest's intervals and its shapes: whoever has a copy of the store (a backup keeps
frames and salts) lays it out again, makes the hints anew and compares. Then nothing that clients rely on is the store's word any
more: where fences are, that pages hold what the frame holds, that hints are of these pages. Invariant: only equal manifests pass.
"""

from __future__ import annotations

from hyperdb.commitment.verify import VerificationError
from hyperdb.errors import NotProvableError
from hyperdb.oblivious.epochs import GoOn, Source, always, recompute
from hyperdb.oblivious.manifest import Manifest, Shape


def audit(source: Source, manifest: Manifest, *, threads: int = 1, go_on: GoOn = always) -> tuple[str, ...]:
    """What is wrong with an epoch, in words; nothing if it is what the copy of the store makes of it.

    Raises:
        NotFoundError, BehindHorizonError, NotSealedError: the copy does not have the epoch's frame, or cannot read it any more.
        CancelledError: `go_on` gave up.
    """
    number = manifest.frame.number
    header = source.frames.get(number)
    if header.root != manifest.frame.root:
        return (f"frame {number} has another root in this copy",)
    try:
        own = recompute(source, manifest, threads=threads, go_on=go_on).manifest
    except (NotProvableError, VerificationError) as error:
        return (f"the frame cannot be laid out as the manifest says: {error}",)
    found = [
        (own.head != manifest.head, "what pages begin with is not the frame's"),
        (own.elements != manifest.elements, f"the frame has {own.elements} elements, not {manifest.elements}"),
        ((own.fences, own.columns) != (manifest.fences, manifest.columns), "pages do not fit into these intervals"),
        ((own.parts, own.stable) != (manifest.parts, manifest.stable), "reads need other numbers of columns"),
        *_differences("pages", own.pages, manifest.pages),
        *_differences("overflow", own.overflow, manifest.overflow),
    ]
    problems = tuple(text for wrong, text in found if wrong)
    return problems or (() if bytes(own) == bytes(manifest) else ("the manifest has other bytes",))


def _differences(name: str, own: Shape, told: Shape) -> list[tuple[bool, str]]:
    return [
        ((own.rows, own.columns) != (told.rows, told.columns), f"the matrix of {name} has another shape"),
        (own.data != told.data, f"the matrix of {name} holds other bytes than the frame"),
        (own.hint != told.hint, f"the hint of {name} is of another matrix"),
    ]
