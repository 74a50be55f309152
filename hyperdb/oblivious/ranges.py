"""Parts of a collection: its header, and its members in ranges of their keys, shown to be all that there are.

Theory: where a range of keys lies follows from the manifest, so how many pages it takes is known before they are fetched. The
store sees how many are: that number is made a power of two by pages that nobody wants, so it tells the size to a factor of two.
Invariant: a range is answered by pages that together were proved to show all of it, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hyperdb.commitment.verify import Bounds, Collection, Complete, Row, Rows, VerificationError
from hyperdb.commitment.verify.places import member_key
from hyperdb.errors import PrivacyError
from hyperdb.oblivious.lookup import Shown
from hyperdb.oblivious.manifest import Manifest

MOST_PAGES = 64
"""Of one range at `pir`: beyond that, fetching everything is less work for both."""


_ACCOMPANIED = frozenset({"sorted set", "stream"})
"""Kinds that keep a second run of entries: members by their scores; groups of consumers, and what is pending."""


@dataclass(frozen=True)
class Part:
    """What was asked for of a collection."""

    header: Row | None
    """Its element; None if there is none of this name."""
    rows: tuple[Row, ...] = ()


def keys(header: Collection, bounds: Bounds) -> tuple[bytes, bytes]:
    """The logical keys from which on, and below which, a range of a collection lies."""
    cid = header.cid + bounds.companion
    return member_key(cid, bounds.low), member_key(cid, bounds.below) if bounds.below else member_key(cid + 1, b"")


def meant(header: Collection, wanted: Sequence[Bounds]) -> tuple[Bounds, ...]:
    """Those of some ranges that a collection of this kind has: few have a companion."""
    return tuple(bounds for bounds in wanted if not bounds.companion or header.kind in _ACCOMPANIED)


def columns(manifest: Manifest, header: Collection, wanted: Sequence[Bounds]) -> tuple[int, ...]:
    """The columns of some ranges, each once."""
    return tuple(dict.fromkeys(column for bounds in wanted for column in manifest.span(*keys(header, bounds))))


def padded(count: int) -> int:
    """How many pages are fetched where so many are wanted: the next power of two.

    Raises:
        PrivacyError: they are more than are fetched privately.
    """
    if count > MOST_PAGES:
        raise PrivacyError(
            f"a range of {count} pages, and {MOST_PAGES} are fetched privately at most: ask for less of it, or read at 'full'"
        )
    return 1 << max(count - 1, 0).bit_length()


def collect(pages: Iterable[Shown], name: bytes, header: Collection, wanted: Sequence[Bounds]) -> tuple[Row, ...]:
    """The rows of some ranges out of what pages show.

    Raises:
        VerificationError: the pages together do not show all of a range.
    """
    shown = [answer for page in pages for answer in page.answers if isinstance(answer, Complete)]
    rows: dict[bytes, Row] = {}
    for bounds in wanted:
        low, high = keys(header, bounds)
        reached = low
        ours = sorted(
            ((*keys(header, query.bounds), answer) for answer, query in _of(shown, name, bounds)), key=lambda each: each[0]
        )
        for first, below, answer in ours:
            if first > reached:
                break
            reached = max(reached, below)
            rows.update((row.key, row) for row in answer.rows if low <= row.key < high)
        if reached < high:
            raise VerificationError("claim", "what was fetched does not show all of that part of the collection")
    return tuple(rows[key] for key in sorted(rows))


def _of(shown: Iterable[Complete], name: bytes, bounds: Bounds) -> Iterable[tuple[Complete, Rows]]:
    for answer in shown:
        query = answer.query
        if isinstance(query, Rows) and query.collection == name and query.bounds.companion == bounds.companion:
            yield answer, query
