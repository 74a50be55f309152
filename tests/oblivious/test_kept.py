"""What a client keeps: hints that follow from the last epoch's, blocks that were asked for, queries that are ready."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import hyperdb
from hyperdb.commitment.verify import Element, Elements, Query, VerificationError
from hyperdb.oblivious.ledger import Ledger
from hyperdb.oblivious.levels import Bucket, Cover, Level
from hyperdb.oblivious.pir import DIMENSION, Asker, Matrix, Place
from hyperdb.oblivious.refresh import changes, refreshed, stable_rows
from hyperdb.oblivious.remote import follower
from hyperdb.oblivious.remote.service import HttpService

from .conftest import APP, fill
from .sites import Site, publishing_site


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(follower.Follower, "_run", lambda _self: None)
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=300)
        yield from publishing_site(db)


def _fetched(site: Site, what: str, before: dict[str, float]) -> float:
    return site.requests().get(what, 0) - before.get(what, 0)


# Hints.


def test_hints_follow_from_few_changed_pages(site: Site, tmp_path: Path) -> None:
    shown: list[tuple[str, int, int]] = []
    with site.connect(tmp_path, progress=lambda *step: shown.append(step)) as remote:
        assert remote.app(APP).get("user:3") == site.db.app(APP).get("user:3")
        site.db.app(APP).put("user:3", b"now")
        site.publisher.renew(APP)
        shown.clear()
        remote.refresh()
        assert remote.app(APP).get("user:3") == b"now"
        assert remote.app(APP).get("user:5") == site.db.app(APP).get("user:5")
    published = site.publisher.newest(APP)
    assert published is not None and published.changes[0]
    manifest = published.epoch.manifest
    whole = 4 * DIMENSION * manifest.pages.rows
    fetched = {what: max(total for named, _, total in shown if named == what) for what in ("changed pages", "hint")}
    assert fetched["hint"] == whole - 4 * DIMENSION * manifest.stable
    assert fetched["changed pages"] < whole // 8
    # A process that comes later goes on from the disk.
    site.db.app(APP).put("user:4", b"later")
    site.publisher.renew(APP)
    before = site.requests()
    with site.connect(tmp_path) as remote:
        assert remote.app(APP).get("user:4") == b"later"
    assert _fetched(site, "changes", before) >= 1


def test_a_store_that_lies_about_changed_pages_is_asked_for_the_hint(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = HttpService._download

    def lie(service: HttpService, what: str, path: str, *rest: int) -> bytes:
        data = honest(service, what, path, *rest)
        return data[:-1] + bytes([data[-1] ^ 1]) if what == "changed pages" else data

    with site.connect(tmp_path) as remote:
        remote.app(APP).get("user:3")
        site.db.app(APP).put("user:3", b"now")
        site.publisher.renew(APP)
        monkeypatch.setattr(HttpService, "_download", lie)
        before = site.requests()
        remote.refresh()
        assert remote.app(APP).get("user:3") == b"now"
        assert _fetched(site, "changes", before) >= 1 and _fetched(site, "hint", before) >= 2


def test_who_missed_an_epoch_fetches_the_hint(site: Site, tmp_path: Path) -> None:
    with site.connect(tmp_path) as remote:
        remote.app(APP).get("user:3")
        for value in (b"one", b"two"):
            site.db.app(APP).put("user:3", value)
            site.publisher.renew(APP)
        before = site.requests()
        remote.refresh()
        assert remote.app(APP).get("user:3") == b"two"
        assert _fetched(site, "changes", before) == 0


@pytest.mark.parametrize("at", [0, 4, 8])
def test_malformed_changes_are_refused(site: Site, at: int) -> None:
    last = site.publisher.newest(APP)
    assert last is not None
    site.db.app(APP).put("user:3", b"now")
    now = site.publisher.renew(APP)
    data, manifest = now.changes[0], now.epoch.manifest
    place, hint = Place(manifest.address, 0), last.hints[0]
    lower = now.hints[0][4 * DIMENSION * stable_rows(data, manifest.pages.rows) :]
    assert refreshed(place, hint, data, manifest.pages.columns, lower) == now.hints[0]
    spoiled = data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]
    for wrong in (spoiled, data[:-1], data + b"\x00", data[:7], b""):
        with pytest.raises(VerificationError):
            refreshed(place, hint, wrong, manifest.pages.columns, lower)


def test_many_changes_are_not_sent(site: Site) -> None:
    last = site.publisher.newest(APP)
    assert last is not None
    assert changes(last.epoch.pages, last.epoch.pages, range(3 * DIMENSION)) == b""


# The ledger of repeats.


@pytest.mark.parametrize("level", [Bucket(k=8), Cover(c=4, k=8)], ids=str)
def test_blocks_are_asked_for_once_an_epoch(site: Site, tmp_path: Path, level: Level) -> None:
    names = [f"user:{number}" for number in range(0, 300, 7)]
    app = site.db.app(APP)
    with site.connect(tmp_path, privacy=level) as remote:
        view = remote.app(APP)
        assert [view.get(name) for name in names] == [app.get(name) for name in names]
        before = site.requests()
        assert [view.get(name) for name in names] == [app.get(name) for name in names]
        assert remote.explain_privacy(APP, "GET", names[0]).requests == 0
    with site.connect(tmp_path, privacy=level) as remote:
        assert [remote.app(APP).get(name) for name in names] == [app.get(name) for name in names]
        assert _fetched(site, "proof", before) == 0, "another process repeats nothing either"
        app.put(names[0], b"changed")
        site.db.seal()
        remote.refresh()
        assert remote.app(APP).get(names[0]) == b"changed" and _fetched(site, "proof", before) == 0
        site.publisher.renew(APP)
        remote.refresh()
        assert remote.app(APP).get(names[0]) == b"changed" and _fetched(site, "proof", before) == 1


def test_what_failed_is_not_asked_for_again(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the store that sent it would know that it was noticed."""
    honest = HttpService.prove

    def lie(service: HttpService, queries: Sequence[Query]) -> bytes:
        data = bytearray(honest(service, queries))
        data[len(data) // 2] ^= 1
        return bytes(data)

    monkeypatch.setattr(HttpService, "prove", lie)
    with site.connect(tmp_path, privacy="bucket(8)") as remote:
        before = site.requests()
        for _ in range(3):
            with pytest.raises(VerificationError):
                remote.app(APP).get("user:3")
        assert _fetched(site, "proof", before) == 1


def test_a_ledger_that_the_disk_spoiled_is_asked_anew(tmp_path: Path) -> None:
    asked: list[Sequence[Query]] = []

    def prove(queries: Sequence[Query]) -> bytes:
        asked.append(queries)
        return b"bundle"

    one, other = [Elements()], [Element(b"x")]
    ledger = Ledger(tmp_path / "epoch")
    assert not ledger.has(one)
    assert [ledger.ask(each, prove) for each in (one, other, one)] == [b"bundle"] * 3
    assert asked == [one, other] and ledger.has(one)
    assert Ledger(tmp_path / "epoch").ask(one, prove) == b"bundle" and len(asked) == 2
    for path in (tmp_path / "epoch").iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert Ledger(tmp_path / "epoch").ask(one, prove) == b"bundle" and len(asked) == 3
    full = Ledger(tmp_path / "small", room=5)
    assert [full.ask(one, prove) for _ in range(2)] == [b"bundle"] * 2 and len(asked) == 5
    assert len(Ledger().ask(one, prove)) == 6


# Queries that are ready.


def _asker(stock: int) -> tuple[Asker, Matrix, list[bytes]]:
    columns = [bytes([number] * 16) for number in range(40)]
    matrix = Matrix(Place(bytes(32), 0), 16, columns)
    return Asker(matrix.hint(), 40, stock=stock, ahead=True), matrix, columns


def test_queries_are_prepared_ahead_and_each_is_used_once() -> None:
    asker, matrix, columns = _asker(4)
    found: list[bytes] = []
    sent: set[bytes] = set()
    lock = threading.Lock()

    def ask() -> None:
        for number in range(20):
            query, mask = asker.ask(number)
            right = mask.recover(matrix.answer([query])[0]) == columns[number]
            with lock:
                sent.add(query)
                found.append(b"right" if right else b"wrong")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"right"] * 80 and len(sent) == 80
    asker.prepare()
    assert asker.stock == 4


def test_a_generator_that_fails_is_told_to_whoever_asks() -> None:
    columns = [bytes(16)] * 4
    matrix = Matrix(Place(bytes(32), 0), 16, columns)

    def broken(_count: int) -> bytes:
        raise OSError("no randomness")

    asker = Asker(matrix.hint(), 4, stock=2, random=broken)
    for _ in range(2):
        with pytest.raises(OSError, match="no randomness"):
            asker.ask(1)
