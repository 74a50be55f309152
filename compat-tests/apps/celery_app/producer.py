"""Enqueues the jobs of the Celery test and checks their results."""

import os
import sys
from pathlib import Path

from celery import chain, chord, group
from celery.result import AsyncResult
from tasks import add, app, third_time_lucky, total

NOTE = Path(os.environ.get("TMPDIR", "/tmp")) / f"celery-note-{os.getuid()}.txt"


def run() -> None:
    """Every kind of job, with a worker there."""
    assert [add.delay(i, i).get(timeout=60) for i in range(50)] == [2 * i for i in range(50)]
    assert group(add.s(i, 1) for i in range(20))().get(timeout=60) == [i + 1 for i in range(20)]
    assert chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=60) == 10
    assert chord(add.s(i, i) for i in range(10))(total.s()).get(timeout=60) == 90
    assert third_time_lucky.delay().get(timeout=60) == 2
    assert add.apply_async((2, 3), countdown=1).get(timeout=60) == 5


def enqueue() -> None:
    """Jobs with no worker there."""
    NOTE.write_text("\n".join(add.delay(i, 100).id for i in range(10)))


def collect() -> None:
    """The results of what `enqueue` left, after a restart of the server."""
    ids = NOTE.read_text().split()
    NOTE.unlink()
    assert [AsyncResult(id, app=app).get(timeout=60) for id in ids] == [i + 100 for i in range(10)]


{"run": run, "enqueue": enqueue, "collect": collect}[sys.argv[1]]()
