"""Bundles are cut and joined without loss; whatever a page holds, nothing but `VerificationError` comes out."""

from __future__ import annotations

import random

import pytest

from hyperdb import Database
from hyperdb.commitment.verify import Bounds, Element, Elements, Query, Rows, VerificationError
from hyperdb.oblivious import page
from hyperdb.oblivious.bundles import Cut, cut, join, split

from .conftest import APP

QUERIES: tuple[tuple[Query, ...], ...] = (
    (Elements(),),
    (Elements(Bounds(b"\x40", b"\x50")),),
    (Elements(Bounds(b"\x40", b"\x40\x01")),),
    (Rows(b"hash:5"),),
    (Rows(b"hash:0"), Rows(b"list"), Rows(b"scores", Bounds(companion=True)), Rows(b"set")),
    (Element(b"nobody"),),
)


@pytest.mark.parametrize("queries", QUERIES)
def test_joined_is_what_was_cut(db: Database, queries: tuple[Query, ...]) -> None:
    bundle = db.frames.prove(APP, *queries)
    head, body = split(bundle)
    parts = cut(head, body)
    assert join(head, parts) == body and head.bundle(body) == bundle
    assert len(parts.rows) + len(parts.proof) == len(body)


@pytest.mark.parametrize("elements", [0, 1])
def test_apps_of_one_entry_are_cut_too(db: Database, elements: int) -> None:
    """Their trees are over one slot, which has a form of its own."""
    if elements:
        db.app("lone").put("one", b"alone")
    else:
        db.app("lone").hash("only").update({"field": "x"})
    db.seal()
    for query in (Elements(), Elements(Bounds(b"\x00", b"\x01")), Elements(Bounds(b"\x01"))):
        head, body = split(db.frames.prove("lone", query))
        assert join(head, cut(head, body)) == body


def test_an_attestation_is_no_part_of_the_head(db: Database) -> None:
    before = db.frames.prove(APP, Elements())
    number, record = db.frames.attest(APP, bytes(57))
    db.frames.keep_attestation(APP, number, record)
    after = db.frames.prove(APP, Elements())
    assert len(after) > len(before) and split(after) == split(before)
    head, body = split(after)
    assert head.bundle(body, record[64:121] + record[32:64] + record[121:]) == after


def test_spoiled_bytes_are_refused_or_still_a_cut(db: Database) -> None:
    source = random.Random(7)
    head, body = split(db.frames.prove(APP, *QUERIES[4]))
    parts = cut(head, body)
    refused = 0
    for _ in range(400):
        rows, proof = bytearray(parts.rows), bytearray(parts.proof)
        target = source.choice([rows, proof])
        for _ in range(source.randrange(1, 4)):
            place = source.randrange(len(target))
            match source.randrange(3):
                case 0:
                    target[place] = source.randrange(256)
                case 1:
                    del target[place:]
                    target += bytes(1)
                case _:
                    target[place:place] = source.randbytes(3)
        try:
            joined = join(head, Cut(bytes(rows), bytes(proof)))
        except VerificationError:
            refused += 1
        else:
            assert cut(head, joined) == Cut(bytes(rows), bytes(proof))
    assert refused > 50


def test_pages_hold_what_fits_and_say_where_the_rest_is() -> None:
    small, large = Cut(b"r" * 50, b"p" * 30), Cut(b"r" * 500, b"p" * 30)
    assert page.free(small, 128) == 128 - 12 - 80 and page.free(large, 128) < 0
    fits = page.encode(small, 128)
    assert len(fits) == 128 and page.decode(fits, b"") == small
    goes_on = page.encode(large, 128, 3)
    inline = page.read_trailer(goes_on).inline(128)
    assert len(goes_on) == 128 and page.decode(goes_on, large.rows[inline:] + bytes(9)) == large
    with pytest.raises(VerificationError, match="beyond its overflow"):
        page.decode(goes_on, large.rows[inline:-1])


def test_pages_that_cannot_be_are_refused() -> None:
    with pytest.raises(VerificationError, match="a proof longer than itself"):
        page.read_trailer(bytes(120) + (200).to_bytes(4, "little") + bytes(4))
    with pytest.raises(VerificationError, match="neither fit nor go on"):
        page.read_trailer(bytes(128))
    source = random.Random(3)
    for _ in range(300):
        try:
            parts = page.decode(source.randbytes(116) + b"".join(source.choice([bytes(4), b"\x20\0\0\0"]) for _ in range(3)), b"")
        except VerificationError:
            continue
        assert len(parts.rows) + len(parts.proof) <= 116
