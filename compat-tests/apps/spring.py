"""A Spring Boot application (Java): HTTP sessions, a cache, repositories and the operations of Spring Data on one server.

Sessions are Spring Session's indexed ones: they are found by their user, outlive a restart of the server and of the
application, and their end is told by keyspace notifications. What @Cacheable keeps is computed once until it is dropped or
over. The operations are Spring Data's, repositories with secondary indexes and entries that end among them, by lettuce and by
jedis. Run: `python compat-tests/apps/spring.py [--peer]` (Java 17, Maven).
"""

from __future__ import annotations

import argparse
import contextlib
import http.cookiejar
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import maven
import redis
import servers

FOLDER = Path(__file__).resolve().parent / "spring_app"
DRIVERS = ("lettuce", "jedis")
START, PATIENCE, REPLY = 600.0, 60.0, 600.0
LASTS, BRIEF = 3600, 2
OPERATIONS = 15


class Browser:
    """Asks the application, and keeps its cookies."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def ask(self, path: str, method: str = "GET") -> str:
        """The body of a reply.

        Raises:
            OSError: when there is none, or its status is an error.
        """
        request = urllib.request.Request(self.base + path, method=method)
        with self._opener.open(request, timeout=REPLY) as reply:
            return str(reply.read().decode())

    def told(self, path: str) -> object:
        """A reply in JSON."""
        return json.loads(self.ask(path))


def eventually(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Waits for what the server or the application does in its own time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


@contextlib.contextmanager
def server(name: str, directory: Path, port: int) -> Iterator[None]:
    """One of the peers on its directory."""
    kept = ("--dir", str(directory), "--appendonly", "yes")
    with servers.hyperdb(directory=directory, port=port) if name == "hyperdb" else servers.redis(*kept, port=port):
        yield


@contextlib.contextmanager
def application(target: Path, port: int, driver: str) -> Iterator[int]:
    """The application, on a free port, when it answers."""
    own = servers.free_port()
    words = [f"--server.port={own}", f"--spring.data.redis.port={port}", f"--spring.data.redis.client-type={driver}"]
    process = subprocess.Popen([maven.program("java"), "-jar", str(target / "app.jar"), *words])
    try:

        def answers() -> bool:
            assert process.poll() is None, "the application ended"
            try:
                return Browser(own).told("/events") is not None
            except OSError:
                return False

        eventually(answers, "the application answers", START)
        yield own
    finally:
        process.kill()
        process.wait()


def again(browser: Browser, path: str) -> str:
    """Asks until the application has found the server again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return browser.ask(path)
        except urllib.error.HTTPError:
            assert time.monotonic() < deadline, f"{path} does not come back"
            time.sleep(0.2)


def signed_in(port: int) -> tuple[Browser, list[str]]:
    """Somebody who stays, after others who left or were forgotten: each end is told as what it was."""
    stays, leaves, forgotten = Browser(port), Browser(port), Browser(port)
    known = [
        browser.ask(f"/login/ann/{seconds}", "POST") for browser, seconds in ((stays, LASTS), (leaves, LASTS), (forgotten, BRIEF))
    ]
    assert stays.ask("/me") == "ann 1" and stays.ask("/me") == "ann 2"
    assert stays.ask("/sessions/ann") == "3" and stays.ask("/sessions/bob") == "0"
    leaves.ask("/logout", "POST")
    expected = {
        f"SessionDeletedEvent {known[1]}",
        f"SessionExpiredEvent {known[2]}",
        *(f"SessionCreatedEvent {one}" for one in known),
    }
    found: list[str] = []

    def told() -> bool:
        found[:] = [line for line in stays.told("/events") if line.split()[1] in known]  # type: ignore[attr-defined]
        return expected <= set(found)

    eventually(told, f"{expected} are told", 2 * PATIENCE)
    assert len(found) == len(expected), found
    assert leaves.ask("/me") == "null 1" and forgotten.ask("/me") == "null 1"
    eventually(lambda: stays.ask("/sessions/ann") == "1", "one session of hers is left")
    return stays, known


def cached(browser: Browser) -> None:
    """What was computed is kept until it is dropped or over, and for no longer."""

    def runs(number: int, square: int) -> int:
        answer = browser.told(f"/square/{number}")
        assert isinstance(answer, dict) and answer["square"] == square, answer
        return int(answer["runs"])

    first = runs(4, 16)
    assert runs(4, 16) == first, "computed twice"
    browser.ask("/square/4", "DELETE")
    assert runs(4, 16) == first + 1, "dropped, and not computed again"
    browser.ask("/square/4", "POST")
    assert runs(4, -4) == first + 1, "what was put is not there"
    eventually(lambda: browser.told("/square/4") == {"square": 16, "runs": first + 2}, "over")
    runs(5, 25)
    browser.ask("/square", "DELETE")
    assert runs(5, 25) == first + 4, "all dropped, and not computed again"


def operations(browser: Browser) -> None:
    """Spring Data's own, each of which says whether it passed."""
    outcomes = browser.told("/operations")
    assert isinstance(outcomes, list) and len(outcomes) == OPERATIONS, outcomes
    failed = [line for line in outcomes if not line.startswith("passed: ")]
    assert not failed, failed


def passed(name: str, target: Path, driver: str) -> bool:
    """Whether one of the peers passed everything by one driver."""
    with tempfile.TemporaryDirectory(prefix="spring-") as scratch:
        port = servers.free_port()
        try:
            with contextlib.ExitStack() as running:
                with server(name, Path(scratch), port):
                    first = running.enter_context(application(target, port, driver))
                    with redis.Redis(port=port) as connection:
                        classes = str(connection.config_get("notify-keyspace-events"))
                        assert all(letter in classes for letter in "Egx"), f"keyspace events were not asked for: {classes}"
                    operations(Browser(first))
                    cached(Browser(first))
                    browser, known = signed_in(first)
                with server(name, Path(scratch), port):
                    assert again(browser, "/me") == "ann 3", "the session did not outlive the server"
                    cached(browser)
                    running.close()
                    browser.base = f"http://127.0.0.1:{running.enter_context(application(target, port, driver))}"
                    assert browser.ask("/me") == "ann 4", "the session did not outlive the application"
                    assert browser.ask("/sessions/ann") == "1"
                    browser.ask("/logout", "POST")
                    assert browser.ask("/sessions/ann") == "0"
                    eventually(lambda: f"SessionDeletedEvent {known[0]}" in str(browser.told("/events")), "told")
        except AssertionError as failure:
            print(f"FAILED on {name} by {driver}: {failure}", flush=True)
            return False
    print(f"passed on {name} by {driver}", flush=True)
    return True


def main() -> int:
    """0 when all passed, by both drivers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    name = "redis" if parser.parse_args().peer else "hyperdb"
    target = maven.packaged(FOLDER, "spring")
    outcomes = [passed(name, target, driver) for driver in DRIVERS]
    print("spring: " + ("sessions, cache, repositories and operations right, over restarts" if all(outcomes) else "steps fail"))
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
