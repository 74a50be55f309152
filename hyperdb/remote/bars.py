"""Bars for what is downloaded once: hints, epochs, changed pages.

Invariant: shown on the error output, and gone when a download is whole.
"""

from __future__ import annotations

import threading

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn


class Bars:
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
