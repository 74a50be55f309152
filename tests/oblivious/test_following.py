"""What was written after an epoch, through the service: seen by every client, proved, and asked for by the clock alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hyperdb
from hyperdb.commitment.verify import OwnerKey, VerificationError
from hyperdb.errors import RemoteError
from hyperdb.oblivious import delta as deltas
from hyperdb.oblivious.http.following import Following
from hyperdb.oblivious.levels import Bucket, Cover, Full, Level, Pir, Plain
from hyperdb.oblivious.remote import follower
from hyperdb.oblivious.remote.service import HttpService

from .conftest import APP, fill
from .sites import Site, publishing_site

LEVELS: tuple[Level, ...] = (Plain(), Bucket(k=8), Cover(c=2, k=8), Pir(), Full())
NEVER = 1e9
OWNER_SEED = bytes(range(57))


@pytest.fixture
def site() -> Iterator[Site]:
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=40)
        yield from publishing_site(db)


def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread follows; tests say when."""
    monkeypatch.setattr(follower.Follower, "_run", lambda _self: None)


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_writes_after_the_epoch_are_seen_at_every_level(
    site: Site, tmp_path: Path, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    _quiet(monkeypatch)
    app = site.db.app(APP)
    with site.connect(tmp_path, privacy=level) as remote:
        view = remote.app(APP)
        assert view.get("user:3") == app.get("user:3") and view.get("late") is None
        epoch = view.frame
        app.put("user:3", b"changed")
        app.put("late", b"new")
        app.remove("user:4")
        site.db.seal()
        assert view.get("late") is None, "a moment does not change by itself"
        remote.refresh()
        assert (view.get("user:3"), view.get("late"), view.get("user:4")) == (b"changed", b"new", None)
        assert view.get("user:5") == app.get("user:5")
        newest = site.db.frames.newest()
        assert newest is not None and view.frame == newest and view.frame.number > epoch.number


def test_a_client_that_does_not_follow_reads_the_epoch(site: Site, tmp_path: Path) -> None:
    site.db.app(APP).put("late", b"new")
    site.db.seal()
    with site.connect(tmp_path, follow=None) as remote:
        assert remote.app(APP).get("late") is None
        remote.refresh()
        assert remote.app(APP).get("late") is None
    with site.connect(tmp_path) as remote:
        assert remote.app(APP).get("late") == b"new", "the first read is as new as any"


def test_following_needs_nobody_to_ask(site: Site, tmp_path: Path) -> None:
    with site.connect(tmp_path, privacy="full", follow=0.02) as remote:
        view = remote.app(APP)
        assert view.get("late") is None
        site.db.app(APP).put("late", b"new")
        site.db.seal()
        ends = time.monotonic() + 30
        while view.get("late") is None and time.monotonic() < ends:
            time.sleep(0.01)
        assert view.get("late") == b"new"


def test_epochs_are_read_however_far_the_horizon_is(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames follow each other by the second and epochs by the hour: what an epoch is of stays readable."""
    _quiet(monkeypatch)
    for number in range(70):
        site.db.app(APP).put("user:3", str(number))
        site.db.app(APP).hash("hash:1").update({"field 0": str(number)})
        site.db.seal()
    for level in LEVELS:
        with site.connect(tmp_path, privacy=level) as remote:
            assert remote.app(APP).get("user:3") == b"69"
            assert remote.app(APP).get("user:5") == site.db.app(APP).get("user:5")


def test_what_epochs_keep_has_a_bound(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it the next epoch is due, older frames go, and twice beyond it the newest: private reads need no frame."""
    _quiet(monkeypatch)
    publisher = site.publisher
    first = publisher.newest(APP)
    assert first is not None and first.following.retained() == 0
    monkeypatch.setattr(publisher, "_retained", 200_000)

    def overwrite(times: int) -> None:
        for number in range(times):
            site.db.app(APP).put("user:5", bytes([number]) * 50_000)
            site.db.seal()
        publisher.bound()

    overwrite(2)
    assert 0 < first.following.retained() <= 200_000 and not first.following.is_overdue
    overwrite(3)
    assert first.following.is_overdue and first.following.retained() > 200_000, "the newest is kept until the next is there"
    second = publisher.renew(APP)
    publisher.bound()
    assert first.following.retained() == 0, "an older one's frame went"
    overwrite(10)
    assert second.following.is_overdue and second.following.retained() == 0
    for _ in range(70):
        site.db.seal()
    with site.connect(tmp_path) as remote:
        assert remote.app(APP).get("user:3") == site.db.app(APP).get("user:3")
    with site.connect(tmp_path, privacy="bucket(8)") as remote, pytest.raises(RemoteError, match="can no longer be read"):
        remote.app(APP).get("user:3")
    publisher.renew(APP)
    with site.connect(tmp_path, privacy="bucket(8)") as remote:
        assert remote.app(APP).get("user:3") == site.db.app(APP).get("user:3")


def test_too_many_changes_make_the_next_epoch_due(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _quiet(monkeypatch)
    monkeypatch.setattr(deltas, "MOST_KEYS", 5)
    published = site.publisher.newest(APP)
    assert published is not None and not published.following.is_overdue
    with site.connect(tmp_path) as remote:
        view = remote.app(APP)
        assert view.get("name 3") is None
        for number in range(10):
            site.db.app(APP).put(f"name {number}", "x")
        site.db.seal()
        remote.refresh()
        assert view.get("name 3") is None, "the last delta stays"
        assert published.following.is_overdue
        site.publisher.renew(APP)
        remote.refresh()
        assert view.get("name 3") == b"x"


def test_deltas_are_made_once_for_all_and_not_too_often(site: Site) -> None:
    published = site.publisher.newest(APP)
    assert published is not None
    now = [0.0]
    following = Following(site.publisher.source, published.epoch, lambda: now[0])
    # What the server wrote when it began may have been sealed after the epoch.
    following.newest()
    now[0] = 1.0
    site.db.app(APP).put("late", b"new")
    site.db.seal()
    one = following.newest()
    assert one.data and following.newest() is one
    site.db.app(APP).put("late", b"newer")
    site.db.seal()
    assert following.newest() is one, "a moment later nothing is made"
    now[0] = 2.0
    assert following.newest().frame > one.frame
    following.close()


def test_a_delta_is_fetched_only_if_it_is_new(site: Site) -> None:
    path = f"/v1/epochs/{site.newest['epoch']}/delta"
    status, body, headers = site.ask("GET", path)
    # Where the server wrote and sealed something of its own since the epoch, there is a delta that shows no change.
    assert status == 200
    tag = headers["etag"]
    assert site.ask("GET", path, None, {"If-None-Match": tag})[:2] == (304, b"")
    site.db.app(APP).put("late", b"new")
    site.db.seal()
    # Deltas are made no faster than they are meant to be, so what was made last may be given once more.
    end = time.monotonic() + 30
    while status != 200 or headers["etag"] == tag:
        assert time.monotonic() < end
        time.sleep(0.01)
        status, body, headers = site.ask("GET", path, None, {"If-None-Match": tag})
    assert body
    assert deltas.read_delta(body).manifest.hex() == site.newest["epoch"]


class Lies:
    """What a store may send in place of a delta."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data: bytes | None = None
        honest = HttpService.delta
        monkeypatch.setattr(HttpService, "delta", lambda service: self.data if self.data is not None else honest(service))


def test_a_spoiled_delta_is_refused_until_a_good_one_comes(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _quiet(monkeypatch)
    lies = Lies(monkeypatch)
    path = f"/v1/epochs/{site.newest['epoch']}/delta"
    site.db.app(APP).put("user:3", b"changed")
    site.db.seal()
    good = site.ask("GET", path)[1]
    with site.connect(tmp_path) as remote:
        view = remote.app(APP)
        assert view.get("user:3") == b"changed"
        for at in range(7, len(good), max(len(good) // 40, 1)):
            lies.data = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
            with pytest.raises(VerificationError):
                remote.refresh()
            assert view.get("user:3") == b"changed", "what is read stays as it was"
        for data in (good[:-1], good + b"x", b"HDBL\x02" + good[5:], b"x" * 500):
            lies.data = data
            with pytest.raises(VerificationError):
                remote.refresh()
        # Going back to nothing after something was seen is going back.
        lies.data = b""
        with pytest.raises(VerificationError, match="rollback"):
            remote.refresh()
        # Found by the thread, it is told to whoever reads next, and forgotten when all is well again.
        remote.store.app(APP).look(epochs=False)
        with pytest.raises(VerificationError, match="rollback"):
            view.get("user:3")
        lies.data = None
        remote.store.app(APP).look(epochs=False)
        assert view.get("user:3") == b"changed"


def test_a_store_that_goes_back_or_forks_behind_the_epoch_is_refused(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _quiet(monkeypatch)
    site.db.app(APP).put("user:3", b"changed")
    site.db.seal()
    with site.connect(tmp_path) as remote:
        assert remote.app(APP).get("user:3") == b"changed"
    [seen] = tmp_path.rglob("*.followed")
    kept = json.loads(seen.read_text())
    forgeries: list[dict[str, Any]] = [{"frame": kept["frame"] + 5}, {"root": "00" * 32}]
    for forgery in forgeries:
        seen.write_text(json.dumps(kept | forgery))
        with site.connect(tmp_path) as remote, pytest.raises(VerificationError, match="rollback"):
            remote.app(APP).get("user:3")
    # A history that does not go on from what was seen: another root of an older frame.
    site.db.app(APP).put("user:3", b"again")
    site.db.seal()
    seen.write_text(json.dumps(kept | {"root": "00" * 32}))
    with site.connect(tmp_path) as remote, pytest.raises(VerificationError):
        remote.app(APP).get("user:3")
    seen.write_text(json.dumps(kept))
    with site.connect(tmp_path) as remote:
        assert remote.app(APP).get("user:3") == b"again"


def test_a_store_that_is_gone_is_told_after_a_while(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _quiet(monkeypatch)

    def refuse(_service: HttpService) -> bytes:
        raise RemoteError("nobody there")

    with site.connect(tmp_path, privacy="full") as remote:
        view, now = remote.app(APP), [time.monotonic()]
        assert view.get("user:3") is not None
        monkeypatch.setattr(HttpService, "delta", refuse)
        monkeypatch.setattr(remote.store, "clock", lambda: now[0])
        remote.store.app(APP).look(epochs=False)
        assert view.get("user:3") is not None
        now[0] += 60
        remote.store.app(APP).look(epochs=False)
        with pytest.raises(RemoteError, match="nobody there"):
            view.get("user:3")


def test_what_is_followed_does_not_depend_on_reads(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At full a read reaches nobody: neither by itself nor by what it makes the client look for."""
    _quiet(monkeypatch)
    with site.connect(tmp_path, privacy="full", refresh=1e-6, follow=1e-6) as remote:
        view = remote.app(APP)
        view.get("user:3")
        before = site.requests()
        for number in range(20):
            view.get(f"user:{number}")
        assert site.requests() == before


def test_owners_sign_epochs_over_http(site: Site, tmp_path: Path) -> None:
    published = site.publisher.newest(APP)
    assert published is not None
    owner = OwnerKey(hyperdb._native.public_key_of(OWNER_SEED))
    with site.connect(tmp_path) as remote:
        assert "self-signed" in remote.app(APP).standing and not site.newest["attested"]
        assert "honest-but-curious" in remote.explain_privacy(APP, "GET", "x").trusted
    with site.connect(tmp_path, key=owner) as remote, pytest.raises(VerificationError, match="self-signed"):
        remote.app(APP).get("user:3")
    manifest = published.epoch.manifest
    number, record = site.db.frames.attest(APP, OWNER_SEED, manifest.frame.number, manifest=manifest.digest())
    assert number == manifest.frame.number and site.db.frames.attestation(APP, number) == record
    assert site.newest["attested"] and site.newest["attested_epoch"] == published.id
    for level in LEVELS:
        with site.connect(tmp_path, key=owner, privacy=level) as remote:
            assert remote.app(APP).get("user:3") == site.db.app(APP).get("user:3")
            assert remote.app(APP).standing == "signed by the owner"
            assert "malicious" in remote.explain_privacy(APP, "GET", "x", privacy="pir").trusted
    with site.connect(tmp_path) as remote:
        assert owner.public[:8].hex() in remote.app(APP).standing
    other = OwnerKey(hyperdb._native.public_key_of(bytes(57)))
    with site.connect(tmp_path, key=other) as remote, pytest.raises(VerificationError):
        remote.app(APP).get("user:3")


def test_the_newest_epoch_that_an_owner_signed_stays(site: Site, tmp_path: Path) -> None:
    """Owners take their time: whoever pins one reads what it signed last, and not what nobody signed."""
    owner = OwnerKey(hyperdb._native.public_key_of(OWNER_SEED))
    signed = site.publisher.newest(APP)
    assert signed is not None
    manifest = signed.epoch.manifest
    site.db.frames.attest(APP, OWNER_SEED, manifest.frame.number, manifest=manifest.digest())
    before = site.db.app(APP).get("user:3")
    for number in range(4):
        site.db.app(APP).put("user:3", f"later {number}")
        site.publisher.renew(APP)
    assert site.newest["epoch"] != signed.id and site.newest["attested_epoch"] == signed.id
    with site.connect(tmp_path, key=owner) as remote:
        assert remote.app(APP).get("user:3") == before
        newest = site.publisher.newest(APP)
        assert newest is not None
        manifest = newest.epoch.manifest
        site.db.frames.attest(APP, OWNER_SEED, manifest.frame.number, manifest=manifest.digest())
        remote.refresh()
        assert remote.app(APP).get("user:3") == b"later 3"
    site.publisher.renew(APP)
    site.publisher.renew(APP)
    assert site.publisher.find(signed.id) is None, "an older one that was signed goes"


def test_an_attestation_of_the_root_alone_is_none_of_the_epoch(site: Site) -> None:
    published = site.publisher.newest(APP)
    assert published is not None
    site.db.frames.attest(APP, OWNER_SEED, published.epoch.manifest.frame.number)
    assert not site.newest["attested"] and site.newest["attested_epoch"] is None
