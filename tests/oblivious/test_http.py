"""The oblivious service over HTTP: what it serves, how it refuses, and clients that pin what they saw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import hyperdb
from hyperdb import StoreKey
from hyperdb.commitment.verify import VerificationError
from hyperdb.errors import InvalidError, NotFoundError, PrivacyError, RemoteError, WrongTypeError
from hyperdb.oblivious.http.service import ENDPOINTS
from hyperdb.oblivious.http.work import solve
from hyperdb.oblivious.levels import Bucket, Cover, Full, Level, Pir, Plain
from hyperdb.oblivious.pir import query_bytes
from hyperdb.oblivious.remote.state import State

from .conftest import APP, fill
from .sites import Site, publishing_site

LEVELS: tuple[Level, ...] = (Plain(), Bucket(k=16), Cover(c=2, k=16), Pir(), Full())


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Shared by tests, none of which writes."""
    with hyperdb.open(":memory:", frames=None) as db:
        fill(db, count=60)
        yield from publishing_site(db)


@pytest.fixture
def changing() -> Iterator[Site]:
    with hyperdb.open(":memory:", frames=None) as db:
        db.app(APP).put("name", "first")
        yield from publishing_site(db)


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_reads_over_http_are_those_of_a_plain_reader(site: Site, tmp_path: Path, level: Level) -> None:
    app = site.db.app(APP)
    with site.connect(tmp_path, privacy=level) as remote:
        assert remote.apps() == (APP,)
        view = remote.app(APP)
        for name in ("user:3", "user:59", "large", "gone", "nobody"):
            assert view.get(name) == app.get(name), name
        assert view.kind("hash:3") == "hash" and view.kind("nobody") is None
        assert len(view.hyperedge("hash:3")) == 16 and view.hyperedge("hash:3").size() == app.hyperedge("hash:3").size()
        assert view.version("user:3") == app.version("user:3")
        with pytest.raises(WrongTypeError):
            view.get("hash:3")


def test_a_level_can_be_chosen_for_one_read(site: Site, tmp_path: Path) -> None:
    with site.connect(tmp_path, privacy="none") as remote:
        view = remote.app(APP)
        assert view.get("user:3", privacy=Pir(scope="app")) == site.db.app(APP).get("user:3")
        assert view.with_privacy(Full()).hyperedge("hash:2").get("field 1") == site.db.app(APP).hash("hash:2").get("field 1")
        with pytest.raises(PrivacyError):
            view.get("user:3", privacy=Pir(scope="global"))


def test_reads_are_explained_before_they_are_sent(site: Site, tmp_path: Path) -> None:
    with site.connect(tmp_path, privacy="pir") as remote:
        one = remote.explain_privacy(APP, "GET", "user:3")
        assert one.requests == 2 and one.level == "pir" and "honest-but-curious" in one.trusted
        assert remote.explain_privacy(APP, "HMGET", "hash:3", "a", "b").requests == 6
        assert remote.explain_privacy(APP, "GET", "x", privacy="bucket(16)").k > 8
        for words in (("SET", "a", "b"), ("KEYS", "*"), ("PING",)):
            with pytest.raises(PrivacyError):
                remote.explain_privacy(APP, *words)


def test_what_is_not_published_is_not_served(site: Site, tmp_path: Path) -> None:
    site.db.app("secret").put("key", "value")
    with site.connect(tmp_path) as remote, pytest.raises(NotFoundError, match="does not publish"):
        remote.app("secret").get("key")
    for apps in ((), ("",)):
        with pytest.raises(InvalidError):
            site.db.serve(http="127.0.0.1:0", publish=apps, control=False)


def test_the_document_names_what_is_routed(site: Site) -> None:
    status, body, _ = site.ask("GET", "/v1/openapi.json")
    document = json.loads(body)
    routed = {(endpoint.pattern, endpoint.method.lower()) for endpoint in ENDPOINTS}
    assert status == 200 and document["openapi"].startswith("3.1")
    assert {(path, method) for path, operations in document["paths"].items() for method in operations} == routed
    for path, method in routed:
        filled = path.replace("{epoch}", "0" * 64).replace("{matrix}", "0")
        answer = site.ask(method.upper(), filled, b"" if method == "post" else None)[0]
        allowed = {int(status) for status in document["paths"][path][method]["responses"]} | {400, 411, 413}
        assert answer in allowed, path


def test_bodies_of_another_size_are_refused_unread(site: Site) -> None:
    newest = site.newest
    path = f"/v1/epochs/{newest['epoch']}/answers/0"
    size = query_bytes(newest["pages"]["columns"])
    for body, status in ((b"", 400), (bytes(size - 1), 400), (bytes(size + 1), 413)):
        assert site.ask("POST", path, body)[0] == status
    # Nothing of this body is ever sent, and the answer comes all the same.
    assert site.ask("POST", path, None, {"Content-Length": str(1 << 40)})[0] == 413
    assert site.ask("POST", path, None, {"Transfer-Encoding": "chunked"})[0] == 411
    status, answer, _ = site.ask("POST", path, bytes(size))
    assert status == 200 and answer == bytes(4 * newest["pages"]["rows"])
    assert site.ask("POST", path.removesuffix("0") + "2", bytes(size))[0] in (404, 400)


@pytest.mark.parametrize(
    "body",
    [b"\x00", b"\x01", b"\x01\x63", b"\x01\x06\x04hash\x00", b"\x41" + b"\x01\x01a" * 65, b"\x01\x01\x01a-", b"\xff" * 40],
    ids=["none", "cut", "unknown", "another kind", "too many", "more behind", "noise"],
)
def test_malformed_queries_are_refused(site: Site, body: bytes) -> None:
    status, _, headers = site.ask("POST", f"/v1/epochs/{site.newest['epoch']}/proofs", body)
    assert status == 400 and headers["content-type"] == "application/json"


def test_unknown_epochs_and_paths_are_404(site: Site) -> None:
    assert site.ask("GET", f"/v1/epochs/{'0' * 64}/manifest")[0] == 404
    assert site.ask("GET", "/v1/epochs/../../etc/passwd")[0] == 404
    assert site.ask("DELETE", "/v1/apps")[0] == 405


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=100-", 100, None), ("bytes=-7", -7, None), ("bytes=5-5", 5, 5), ("bytes=3-99999999", 3, None)],
)
def test_hints_are_served_in_ranges(site: Site, asked: str, first: int, last: int | None) -> None:
    path = f"/v1/epochs/{site.newest['epoch']}/hints/0"
    whole = site.ask("GET", path)[1]
    status, body, headers = site.ask("GET", path, None, {"Range": asked})
    wanted = whole[first:] if last is None else whole[first : last + 1]
    start = first % len(whole)
    assert (status, body) == (206, wanted)
    assert headers["content-range"] == f"bytes {start}-{start + len(wanted) - 1}/{len(whole)}"


def test_ranges_that_are_not_there_are_refused(site: Site) -> None:
    path = f"/v1/epochs/{site.newest['epoch']}/hints/0"
    for asked in ("bytes=999999999999-", "bytes=9-3", "bytes=-0", "bytes=-", "pages=1-2"):
        assert site.ask("GET", path, None, {"Range": asked})[0] == 416
    assert site.ask("GET", path, None, {"Range": "bytes=0-9", "If-Range": '"another"'})[0] == 200


def test_a_download_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    shown: list[tuple[str, int, int]] = []
    with site.connect(tmp_path, progress=lambda *step: shown.append(step)) as remote:
        newest = site.newest
        hint = site.ask("GET", f"/v1/epochs/{newest['epoch']}/hints/0")[1]
        published = site.publisher.newest(APP)
        assert published is not None
        part = State.of(site.url, tmp_path).fetched(published.epoch.manifest.pages.hint)
        part.write_bytes(hint[: len(hint) // 2])
        assert remote.app(APP).get("user:3") == site.db.app(APP).get("user:3")
    hints = [step for step in shown if step[0] == "hint" and step[2] == len(hint)]
    assert hints[0][1] > len(hint) // 2 and hints[-1][1:] == (len(hint), len(hint))
    shown.clear()
    with site.connect(tmp_path, progress=lambda *step: shown.append(step)) as remote:
        remote.app(APP).get("user:3")
    assert not any(what == "hint" for what, _, _ in shown), "what is on the disk is not fetched again"


def test_a_hint_on_the_disk_that_was_spoiled_is_fetched_again(site: Site, tmp_path: Path) -> None:
    with site.connect(tmp_path) as remote:
        remote.app(APP).get("user:3")
    for path in tmp_path.rglob("*.hint"):
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    with site.connect(tmp_path) as remote:
        assert remote.app(APP).get("user:3") == site.db.app(APP).get("user:3")


def test_nothing_of_a_request_is_logged(site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with site.connect(tmp_path, privacy="none") as remote:
        remote.app(APP).get("user:3")
    assert capfd.readouterr() == ("", "")
    assert b"user:3" not in site.ask("GET", "/metrics")[1]


def test_metrics_are_sums(site: Site, tmp_path: Path) -> None:
    with site.connect(tmp_path) as remote:
        remote.app(APP).get("user:3")
    text = site.ask("GET", "/metrics")[1].decode()
    assert 'hyperdb_oblivious_requests_total{endpoint="answer",status="200"}' in text
    assert "hyperdb_oblivious_batch_queries_count" in text


def test_reads_are_paid_for() -> None:
    with hyperdb.open(":memory:", frames=None) as db:
        db.app(APP).put("name", "value")
        for site in publishing_site(db, work_bits=8):
            newest = site.newest
            path, body = f"/v1/epochs/{newest['epoch']}/answers/0", bytes(query_bytes(newest["pages"]["columns"]))
            assert site.ask("POST", path, body)[0] == 402
            assert site.ask("POST", path, body, {"HyperDB-Ticket": "no number"})[0] == 402
            challenge = site.ask("GET", "/v1/work")[1]
            assert site.ask("POST", "/v1/work", bytes(len(challenge) + 8))[0] == 402
            assert site.ask("POST", "/v1/work", b"short")[0] == 400
            status, ticket, _ = site.ask("POST", "/v1/work", challenge + solve(challenge, 8))
            assert status == 200
            assert site.ask("POST", "/v1/work", challenge + solve(challenge, 8))[0] == 402, "a challenge buys one ticket"
            assert site.ask("POST", path, body, {"HyperDB-Ticket": ticket.hex()})[0] == 200


def test_a_client_buys_tickets_as_it_needs_them(tmp_path: Path) -> None:
    with hyperdb.open(":memory:", frames=None) as db:
        db.app(APP).put("name", "value")
        for site in publishing_site(db, work_bits=4):
            with site.connect(tmp_path, privacy="none") as remote:
                assert {remote.app(APP).get("name") for _ in range(300)} == {b"value"}


def test_a_newer_epoch_is_taken_when_it_is_time(changing: Site, tmp_path: Path) -> None:
    with changing.connect(tmp_path, follow=None) as remote:
        app = remote.app(APP)
        assert app.get("name") == b"first"
        changing.db.app(APP).put("name", "second")
        assert app.get("name") == b"first"
        changing.publisher.renew(APP)
        remote.refresh()
        assert app.get("name") == b"second"


def test_an_epoch_that_is_gone_is_replaced(changing: Site, tmp_path: Path) -> None:
    with changing.connect(tmp_path, refresh=1e9, follow=1e9) as remote:
        app = remote.app(APP)
        assert app.get("name") == b"first"
        for value in ("second", "third", "fourth"):
            changing.db.app(APP).put("name", value)
            changing.publisher.renew(APP)
        assert app.get("name") == b"fourth"


def test_a_store_that_went_back_or_forked_is_refused(changing: Site, tmp_path: Path) -> None:
    with changing.connect(tmp_path) as remote:
        remote.app(APP).get("name")
    [seen] = tmp_path.rglob("*.seen")
    [followed] = tmp_path.rglob("*.followed")
    followed.unlink()
    kept = json.loads(seen.read_text())
    forged = {
        "later": {"frame": kept["frame"] + 5, "root": kept["root"]},
        "other": {"frame": kept["frame"], "root": "00" * 32},
    }
    for forgery in forged.values():
        seen.write_text(json.dumps(forgery))
        with changing.connect(tmp_path) as remote, pytest.raises(VerificationError, match="rollback"):
            remote.app(APP).get("name")
    changing.publisher.renew(APP)
    seen.write_text(json.dumps({"frame": kept["frame"], "root": "00" * 32}))
    with changing.connect(tmp_path) as remote, pytest.raises(VerificationError, match="rollback"):
        remote.app(APP).get("name")
    seen.write_text(json.dumps(kept))
    with changing.connect(tmp_path) as remote:
        assert remote.app(APP).get("name") == b"first", "the true history goes on"


def test_another_key_is_refused(site: Site, tmp_path: Path) -> None:
    for level in LEVELS:
        with site.connect(tmp_path, key=StoreKey(bytes(57)), privacy=level) as remote, pytest.raises(VerificationError):
            remote.app(APP).get("user:3")


def test_connecting_needs_a_key_a_level_and_a_url(site: Site) -> None:
    key = "00" * 57
    for options in ({}, {"key": key}, {"privacy": "pir"}):
        with pytest.raises(InvalidError, match="a remote store is read with"):
            hyperdb.connect(site.url, **options)
    for url in ("http://example.org", "https://", "https://host/path", "http://127.0.0.1:99999"):
        with pytest.raises(InvalidError):
            hyperdb.connect(url, key=key, privacy="pir")
    for wrong in ("xyz", "00", b"short"):
        with pytest.raises(InvalidError):
            hyperdb.connect(site.url, key=wrong, privacy="pir")
    with pytest.raises(InvalidError, match="privacy level"):
        hyperdb.connect(site.url, key=key, privacy="much")


def test_a_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    remote = hyperdb.connect("http://127.0.0.1:1", key="00" * 57, privacy="pir", state=tmp_path)
    with pytest.raises(RemoteError):
        remote.app(APP).get("name")
