"""Stores that publish an app over HTTP on this machine, for tests of clients."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hyperdb
from hyperdb import Database, StoreKey
from hyperdb.oblivious.http.publisher import Publisher
from hyperdb.oblivious.levels import Pir
from hyperdb.remote import Remote
from hyperdb.values import Publishing

from .conftest import APP


@dataclass(frozen=True)
class Site:
    """A store that publishes an app."""

    db: Database
    publisher: Publisher
    address: tuple[str, int]

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self.address)

    def connect(self, state: Path, **options: Any) -> Remote:
        chosen = {"key": StoreKey(self.db.frames.public_key), "privacy": Pir(), "state": state, **options}
        return hyperdb.connect(self.url, **chosen)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        found = response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
        connection.close()
        return found

    @property
    def newest(self) -> dict[str, Any]:
        return json.loads(self.ask("GET", "/v1/apps")[1])["apps"][APP]

    def requests(self) -> dict[str, float]:
        """How many requests each endpoint had but those for metrics."""
        text = self.ask("GET", "/metrics")[1].decode()
        found: dict[str, float] = {}
        for name, count in re.findall(r'requests_total{endpoint="(\w+)",status="\d+"} ([\d.]+)', text):
            found[name] = found.get(name, 0) + float(count)
        found.pop("metrics", None)
        return found


def publishing_site(db: Database, **options: Any) -> Iterator[Site]:
    """A site over a filled store, with an epoch."""
    publishing = Publishing((APP,), **{"work_bits": 0, **options})
    with db.serve(http="127.0.0.1:0", publish=publishing, control=False) as serving:
        assert serving.http_address is not None and serving.publisher is not None
        if serving.publisher.newest(APP) is None:
            serving.publisher.renew(APP)
        yield Site(db, serving.publisher, serving.http_address)
