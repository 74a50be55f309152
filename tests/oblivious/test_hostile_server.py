"""Servers that lie on the wire, before the real client: each lie is found out or does no harm, and the client shows neither.

A proxy on this machine passes everything on to an honest server and changes what a test says.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import hyperdb
from hyperdb.commitment.verify import OwnerKey, StoreKey, VerificationError
from hyperdb.errors import HyperDBError, InvalidError, RemoteError
from hyperdb.oblivious.manifest import read_manifest
from hyperdb.oblivious.remote import follower
from hyperdb.remote import Remote

from .conftest import APP, fill
from .sites import Site, publishing_site

OWNER_SEED = bytes(range(57))
Spoil = Callable[[str, int, bytes], tuple[int, bytes]]
"""What goes back for a path: a status and a body."""


def honest(_path: str, status: int, body: bytes) -> tuple[int, bytes]:
    """Nothing is changed."""
    return status, body


@dataclass
class Proxy:
    """Between a client and a site."""

    site: Site
    spoil: Spoil = honest
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path, and bytes of each request."""
    address: tuple[str, int] = ("", 0)

    def connect(self, state: Path, **options: Any) -> Remote:
        chosen = {"key": StoreKey(self.site.db.frames.public_key), "privacy": "pir", "state": state, **options}
        return hyperdb.connect("http://{}:{}".format(*self.address), **chosen)


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            proxy.asked.append((self.command, self.path, len(body)))
            onward = http.client.HTTPConnection(*proxy.site.address, timeout=60)
            kept = {name: value for name, value in self.headers.items() if name in ("Range", "If-None-Match")}
            onward.request(self.command, self.path, body or None, kept)
            answer = onward.getresponse()
            status, data = proxy.spoil(self.path, answer.status, answer.read())
            onward.close()
            self.send_response(status)
            if tag := answer.getheader("ETag"):
                self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _pass_on  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


@pytest.fixture(scope="module")
def between() -> Iterator[Proxy]:
    """One site and one proxy for all tests of this module."""
    with pytest.MonkeyPatch.context() as patch, hyperdb.open(":memory:", frames=None) as db:
        patch.setattr(follower.Follower, "_run", lambda _self: None)
        fill(db, count=60)
        for site in publishing_site(db):
            made = Proxy(site)
            server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
            made.address = server.server_address[0], server.server_address[1]  # type: ignore[assignment]
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            yield made
            server.shutdown()
            server.server_close()
            thread.join()


@pytest.fixture
def proxy(between: Proxy) -> Iterator[Proxy]:
    """The proxy, honest before and after."""
    between.asked.clear()
    yield between
    between.spoil = honest


@pytest.fixture(scope="module")
def fetched(between: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a client keeps that read here before: its hints need not be fetched again."""
    state = tmp_path_factory.mktemp("state")
    with between.connect(state) as remote:
        assert remote.app(APP).get("user:3") == between.site.db.app(APP).get("user:3")
    return state


def at(pattern: str, change: Callable[[bytes], bytes], status: int | None = None) -> Spoil:
    """Changes what goes back for paths of a pattern."""

    def spoil(path: str, was: int, body: bytes) -> tuple[int, bytes]:
        if not re.search(pattern, path) or was >= 300:
            return was, body
        return status or was, change(body)

    return spoil


def flipped(data: bytes) -> bytes:
    """With another bit in the middle and one in front of the last twelve bytes: the highest of a number u32 LE each, since
    lower ones of an answer are noise. In a page the middle may be zeros that mean nothing; there the other is its proof's end.
    """
    found = bytearray(data)
    for place in (len(data) // 8 * 4 + 3, len(data) - 13):
        found[place] ^= 128
    return bytes(found)


def shorter(data: bytes) -> bytes:
    return data[:-1]


def longer(data: bytes) -> bytes:
    return data + b"\x00"


WRONG = (HyperDBError, VerificationError)


@pytest.mark.parametrize("change", [flipped, shorter, longer], ids=lambda change: change.__name__)
@pytest.mark.parametrize(
    ("level", "path"),
    [
        ("pir", "/manifest$"),
        ("pir", "/hints/0"),
        ("pir", "/hints/1"),
        ("pir", "/answers/0"),
        ("none", "/proofs"),
        ("bucket(16)", "/proofs"),
        ("cover(2, 16)", "/proofs"),
        ("full", "/columns/0"),
    ],
)
def test_what_was_changed_on_the_way_is_refused(
    proxy: Proxy, tmp_path: Path, fetched: Path, level: str, path: str, change: Callable[[bytes], bytes]
) -> None:
    proxy.spoil = at(path, change)
    with proxy.connect(tmp_path if "hints" in path else fetched, privacy=level) as remote, pytest.raises(WRONG):
        remote.app(APP).get("user:3")
    proxy.spoil = honest
    # What failed in a block is kept as it is: another client reads on.
    with proxy.connect(tmp_path if level.startswith(("bucket", "cover")) else fetched, privacy=level) as remote:
        assert remote.app(APP).get("user:3") == proxy.site.db.app(APP).get("user:3")


def test_a_hint_of_its_own_is_not_kept(proxy: Proxy, tmp_path: Path) -> None:
    proxy.spoil = at("/hints/0", flipped)
    with proxy.connect(tmp_path) as remote, pytest.raises(VerificationError, match="hint"):
        remote.app(APP).get("user:3")
    proxy.spoil = honest
    with proxy.connect(tmp_path) as remote:
        assert remote.app(APP).get("user:3") == proxy.site.db.app(APP).get("user:3")


def test_failures_send_what_successes_send(proxy: Proxy, fetched: Path) -> None:
    """Selective failure, on the wire: whatever is spoiled, of whatever is read, requests are the same, and none comes after."""
    seen: set[tuple[tuple[str, str, int], ...]] = set()
    failures = 0
    with proxy.connect(fetched) as remote:
        view = remote.app(APP)
        view.get("user:3")
        for spoil in (honest, at("/answers/0", flipped), at("/answers/1", flipped)):
            proxy.spoil = spoil
            for name in ("user:3", "large", "nobody", "hash:2"):
                proxy.asked.clear()
                try:
                    view.kind(name)
                except VerificationError:
                    assert spoil is not honest
                    failures += 1
                seen.add(tuple(proxy.asked))
    assert len(seen) == 1 and failures >= 4


DESCRIPTIONS: tuple[Callable[[dict[str, Any]], Any], ...] = (
    lambda _: [],
    lambda _: {},
    lambda found: found | {"apps": []},
    lambda found: found | {"apps": {APP: []}},
    lambda found: found | {"apps": {APP: {"epoch": 5}}},
    lambda found: found | {"apps": {APP: found["apps"][APP] | {"epoch": "0" * 64}}},
    lambda found: found | {"apps": {APP: found["apps"][APP] | {"epoch": "../../../etc/passwd"}}},
    lambda found: found | {"work_bits": 64},
    lambda found: found | {"work_bits": "many"},
    lambda found: found | {"work_bits": -5},
)


@pytest.mark.parametrize("number", range(len(DESCRIPTIONS)))
def test_descriptions_that_are_made_up_are_refused(proxy: Proxy, tmp_path: Path, number: int) -> None:
    proxy.spoil = at("/v1/apps$", lambda body: json.dumps(DESCRIPTIONS[number](json.loads(body))).encode())
    with proxy.connect(tmp_path) as remote, pytest.raises(WRONG):
        remote.app(APP).get("user:3")


@pytest.mark.parametrize("status", [204, 301, 400, 402, 404, 410, 500, 503])
def test_any_other_status_is_an_error(proxy: Proxy, fetched: Path, status: int) -> None:
    proxy.spoil = at("/answers/0", lambda _: b"", status)
    with proxy.connect(fetched) as remote, pytest.raises(RemoteError):
        remote.app(APP).get("user:3")


def test_another_epoch_under_a_true_name_is_refused(proxy: Proxy, tmp_path: Path) -> None:
    """A stale manifest in the newest one's place: its digest is another."""
    stale = proxy.site.publisher.newest(APP)
    assert stale is not None
    proxy.site.db.app(APP).put("user:3", b"now")
    proxy.site.publisher.renew(APP)
    proxy.spoil = at("/manifest$", lambda _: stale.manifest)
    with proxy.connect(tmp_path) as remote, pytest.raises(VerificationError, match="pin"):
        remote.app(APP).get("user:3")


def test_an_epoch_for_one_client_alone_is_refused_where_epochs_are_pinned(proxy: Proxy, tmp_path: Path) -> None:
    """A store that keeps an epoch of its own for a client has to name it: by another digest than auditors print."""
    site, publisher = proxy.site, proxy.site.publisher
    common = publisher.newest(APP)
    assert common is not None
    site.db.app(APP).put("user:4", b"for one alone")
    special = publisher.renew(APP)
    with proxy.connect(tmp_path / "free") as remote:
        assert remote.app(APP).get("user:4") == b"for one alone" and remote.app(APP).epoch == special.id
    with proxy.connect(tmp_path / "pinned", epochs={APP: common.id.upper()}, follow=None) as remote:
        assert remote.app(APP).get("user:4") != b"for one alone" and remote.app(APP).epoch == common.id
    proxy.spoil = lambda path, status, body: (200, special.manifest) if path.endswith("/manifest") else (status, body)
    with proxy.connect(tmp_path / "lied", epochs={APP: common.id}) as remote, pytest.raises(VerificationError, match="pin"):
        remote.app(APP).get("user:4")
    proxy.spoil = honest
    with proxy.connect(tmp_path / "gone", epochs={APP: "0" * 64}) as remote, pytest.raises(RemoteError, match="no such epoch"):
        remote.app(APP).get("user:4")
    for wrong in ("", "0" * 63, "g" * 64, "../" + "0" * 61):
        with pytest.raises(InvalidError, match="64 hexadecimal"):
            proxy.connect(tmp_path, epochs={APP: wrong})


def test_a_manifest_of_the_stores_own_making_is_refused_where_an_owner_is_pinned(proxy: Proxy, tmp_path: Path) -> None:
    """The store changes the hint's digest, names the epoch by the new digest, and keeps the owner's attestation."""
    published = proxy.site.publisher.newest(APP)
    assert published is not None
    manifest = published.epoch.manifest
    proxy.site.db.frames.attest(APP, OWNER_SEED, manifest.frame.number, manifest=manifest.digest())
    data = bytearray(published.manifest)
    place = bytes(data).index(manifest.pages.hint)
    data[place] ^= 1
    forged = bytes(data)
    name = read_manifest(forged).digest().hex()

    def spoil(path: str, status: int, body: bytes) -> tuple[int, bytes]:
        if path == "/v1/apps":
            return status, body.replace(published.id.encode(), name.encode())
        if path.endswith(f"{name}/manifest"):
            return 200, forged
        if path.endswith(f"{name}/attestation"):
            return 200, published.attestation
        return status, body

    proxy.spoil = spoil
    owner = OwnerKey(hyperdb._native.public_key_of(OWNER_SEED))
    with proxy.connect(tmp_path, key=owner) as remote, pytest.raises(VerificationError, match="attest"):
        remote.app(APP).get("user:3")
