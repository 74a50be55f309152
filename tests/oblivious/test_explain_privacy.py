"""What `explain_privacy` says is what is then seen on the wire."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import hyperdb
from hyperdb.commitment.verify import OwnerKey, Root
from hyperdb.oblivious.epochs import Source, build
from hyperdb.oblivious.explain import Asked, explain
from hyperdb.oblivious.levels import Bucket, Cover, Full, Level, Pir, Plain
from hyperdb.oblivious.manifest import Manifest
from hyperdb.oblivious.reader import open_reader
from hyperdb.oblivious.service import LocalService, Recorder

from .conftest import APP, fill

LEVELS: tuple[Level, ...] = (Plain(), Bucket(k=16), Cover(c=2, k=16), Pir(), Full())


@dataclass(frozen=True)
class Served:
    manifest: Manifest
    service: LocalService
    root: Root


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=60)
        db.seal()
        source = Source.of(db.native)
        epoch = build(source, APP, size=2048)
        yield Served(epoch.manifest, LocalService(source, epoch), Root(epoch.manifest.frame.root))


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_bytes_and_requests_are_those_that_are_seen(served: Served, level: Level) -> None:
    said = explain(served.manifest, level, served.root, Asked())
    recorder = Recorder(served.service)
    reader = open_reader(recorder, level, served.root, secret=bytes(32))
    once = sum(event.received for event in recorder.trace)
    recorder.trace.clear()
    reader.get(b"user:7")
    assert said.requests == len(recorder.trace)
    down = sum(event.received for event in recorder.trace)
    assert said.bytes_down / 4 <= down <= said.bytes_down * 2 or said.bytes_down == down == 0
    assert said.bytes_once == once
    if level == Pir():
        headers = 300 * said.requests
        up = sum(event.shape[1] or 0 for event in recorder.trace)
        assert (said.bytes_up, said.bytes_down) == (up + headers, down + headers)


def test_k_and_entropy_grow_with_the_level(served: Served) -> None:
    said = [explain(served.manifest, level, served.root, Asked()) for level in LEVELS]
    assert [each.k for each in said] == sorted(each.k for each in said)
    assert said[0].k == 1 and said[-1].k == served.manifest.elements
    assert [each.h_infinity for each in said] == [math.log2(each.k) for each in said]
    assert all(0 <= each.h_infinity_zipf <= each.h_infinity for each in said)
    assert said[0].h_infinity_zipf == 0 < said[1].h_infinity_zipf < said[3].h_infinity_zipf


def test_what_it_holds_against_is_said(served: Served) -> None:
    assert "honest-but-curious server only" in explain(served.manifest, Pir(), served.root, Asked()).trusted
    assert "malicious" in explain(served.manifest, Pir(), OwnerKey(bytes(57)), Asked()).trusted
    assert "nobody" in explain(served.manifest, Plain(), OwnerKey(bytes(57)), Asked()).trusted
    text = "\n".join(explain(served.manifest, Pir(), served.root, Asked("HGETALL", ranges=True)).lines())
    assert "power of two" in text and "no level hides writes" in text
