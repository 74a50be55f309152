"""`hyperdb serve --remote`: a store on another machine, served on this one and read obliviously.

Invariant: it listens on this machine alone, since whoever can ask it learns what the store must not.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from hyperdb.errors import InvalidError
from hyperdb.remote import Remote
from hyperdb.values import parse_address

_OFF = "off"
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


class _Bars:
    """A bar for each download, on the error output."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._tasks: dict[str, int] = {}
        self._lock = threading.Lock()

    def show(self, what: str, done: int, total: int) -> None:
        """Shows how far it is."""
        with self._lock:
            if what not in self._tasks:
                self._tasks[what] = self._progress.add_task(what, total=total)
                self._progress.start()
            self._progress.update(self._tasks[what], completed=done, total=total)  # type: ignore[arg-type]
            if done >= total:
                self._progress.remove_task(self._tasks.pop(what))  # type: ignore[arg-type]
                if not self._tasks:
                    self._progress.stop()


def serve_remote(
    url: str,
    key: str | None,
    privacy: str,
    *,
    resp: str,
    sql: str,
    cql: str,
    state: Path | None,
    ca: Path | None,
    directory: Path | None,
) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises:
        InvalidError: an option is missing or does not go with --remote.
    """
    if directory is not None:
        raise InvalidError("--remote serves another machine's data, and not a directory's")
    if key is None:
        raise InvalidError("--remote needs --key: the store's public key, as `hyperdb serve --http` and `hyperdb root` print it")
    listen = {name: address for name, address in (("resp", resp), ("sql", sql), ("cql", cql)) if address != _OFF}
    for address in listen.values():
        if parse_address(address)[0] not in _LOCAL:
            raise InvalidError(f"{address}: a remote store is served on this machine alone: who asks here is not hidden")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with (
        Remote(url, key=key, privacy=privacy, state=state, ca=ca, progress=_Bars().show) as remote,
        remote.serve(resp=listen.get("resp"), sql=listen.get("sql"), cql=listen.get("cql")) as serving,
    ):
        if (at := serving.resp_address) is not None:
            print(f"redis-cli     redis-cli -h {at[0]} -p {at[1]}")
        if (at := serving.sql_address) is not None:
            print(f"psql          psql -h {at[0]} -p {at[1]} -U postgres hyperdb")
        if (at := serving.cql_address) is not None:
            print(f"cqlsh         cqlsh {at[0]} {at[1]}")
        print(f"privacy       {remote.privacy}; HYPER.PRIVACY, SET hyperdb.privacy and the payload hyperdb.privacy change it")
        found = {"resp": serving.resp_address, "sql": serving.sql_address, "cql": serving.cql_address}
        print("ready", *(f"{name}={each[0]}:{each[1]}" for name, each in found.items() if each is not None), flush=True)
        # In steps, since a signal's handler runs only between them.
        while not stopping.wait(0.2):
            pass
    print("stopping", flush=True)
