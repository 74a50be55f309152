"""Django with HyperDB as its Redis: Django's own tests of its Redis cache and of sessions in it, and a site of two processes.

The site keeps sessions, cached pages and a counter in the cache, once with Django's own backend and once with django-redis: what
one process writes the other reads, sessions end when they should, and they are still there when the server was started again.
Run: `python compat-tests/apps/django_cache.py [--peer]`.
"""

from __future__ import annotations

import argparse
import contextlib
import http.cookiejar
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
from environments import environment, source

VERSION = "5.2.19"
PACKAGES = (f"Django=={VERSION}", "redis==5.2.1", "django-redis==6.0.0", "setuptools==80.9.0", "tblib==3.1.0")
FOLDER = Path(__file__).resolve().parent / "django_app"
BACKENDS = ("django.core.cache.backends.redis.RedisCache", "django_redis.cache.RedisCache")
#: Django's own: every test of its Redis cache, and of sessions that are in the default cache.
TESTS = (
    "cache.tests.RedisCacheTests",
    "sessions_tests.tests.CacheSessionTests",
    "sessions_tests.tests.CacheDBSessionTests",
    "sessions_tests.tests.CacheDBSessionWithTimeZoneTests",
)
SETTINGS = """
CACHES = {{"default": {{"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": {url!r}}}}}
DATABASES = {{name: {{"ENGINE": "django.db.backends.sqlite3"}} for name in ("default", "other")}}
SECRET_KEY = "tests"
USE_TZ = False
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""
CLIENTS, VISITS = 6, 20


def own_tests(python: Path, url: str) -> int:
    """Runs Django's own tests; how many passed.

    Raises:
        AssertionError: some did not pass.
    """
    tests = source("django", python, f"Django=={VERSION}") / "tests"
    with tempfile.TemporaryDirectory(prefix="hyperdb-django-") as scratch:
        (Path(scratch) / "cache_settings.py").write_text(SETTINGS.format(url=url))
        known = {**os.environ, "PYTHONPATH": scratch}
        command = [str(python), "runtests.py", "--settings=cache_settings", "--parallel=1", *TESTS]
        done = subprocess.run(command, cwd=tests, env=known, capture_output=True, text=True, timeout=600)
    ran = [line for line in done.stderr.splitlines() if line.startswith("Ran ")]
    assert done.returncode == 0 and ran, done.stderr
    return int(ran[0].split()[1])


@contextlib.contextmanager
def site(python: Path, url: str, backend: str) -> Iterator[list[int]]:
    """Two processes of the site; their ports."""
    ports = [servers.free_port() for _ in range(2)]
    known = {**os.environ, "SITE_CACHE": url, "SITE_BACKEND": backend}
    processes = [subprocess.Popen([str(python), "site.py", str(port)], cwd=FOLDER, env=known) for port in ports]
    try:
        deadline = time.monotonic() + 60
        for port in ports:
            while True:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/counted", timeout=5).read()
                    break
                assert time.monotonic() < deadline, "the site did not start"
                time.sleep(0.1)
        yield ports
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Browser:
    """A client with cookies, which asks the processes in turn."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self._turn = 0

    def get(self, path: str) -> dict[str, object]:
        """A page's JSON."""
        self._turn += 1
        port = self.ports[self._turn % len(self.ports)]
        answer: dict[str, object] = json.load(self._opener.open(f"http://127.0.0.1:{port}/{path}", timeout=20))
        return answer


def together(work: Callable[[int], None]) -> None:
    """Runs `work` for every client at once."""
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def browse(ports: list[int]) -> Browser:
    """Many clients at once, then what ends; a client who is still logged in, with 5 visits."""

    def visits(number: int) -> None:
        browser = Browser(ports)
        assert browser.get("visit") == {"user": None}
        browser.get(f"login/user{number}")
        for visit in range(1, VISITS + 1):
            seen = browser.get("visit")
            assert (seen["user"], seen["visits"]) == (f"user{number}", visit), seen

    together(visits)
    stays = Browser(ports)
    assert stays.get("counted")["hits"] == CLIENTS * VISITS
    assert len({stays.get("page")["made"] for _ in range(6)}) == len(ports), "a page is kept by its address, which has the port"

    stays.get("login/ann")
    for _ in range(5):
        stays.get("visit")
    left = Browser(ports)
    left.get("login/bob")
    stolen = next(iter(left.cookies)).value
    left.get("logout")
    assert left.get("visit") == {"user": None}
    next(iter(stays.cookies))
    thief = urllib.request.Request(f"http://127.0.0.1:{ports[0]}/visit", headers={"Cookie": f"sessionid={stolen}"})
    assert json.load(urllib.request.urlopen(thief, timeout=20)) == {"user": None}, "a session outlived its end"
    short = Browser(ports)
    short.get("login/cyd")
    short.get("brief/1")
    time.sleep(1.5)
    assert short.get("visit") == {"user": None}, "a session outlived its time"
    return stays


def main() -> int:
    """0 when Django's tests pass and the site did what it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    options = parser.parse_args()
    python = environment("django", *PACKAGES)
    with tempfile.TemporaryDirectory(prefix="hyperdb-django-") as scratch:
        data = Path(scratch) / "data"
        with servers.redis() if options.peer else servers.hyperdb(directory=data) as server:
            passed = own_tests(python, server.url)
            for database, backend in enumerate(BACKENDS, 2):
                with site(python, f"{server.url}/{database}", backend) as ports:
                    stays = browse(ports)
        if not options.peer:
            with servers.hyperdb(directory=data) as server, site(python, f"{server.url}/{database}", backend) as ports:
                stays.ports = ports
                assert stays.get("visit")["visits"] == 6, "a session was lost with a restart"
    print(f"django: {passed} tests of its own pass; sessions, pages and counters right by {' and '.join(BACKENDS)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
