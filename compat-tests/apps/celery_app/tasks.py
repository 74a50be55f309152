"""The tasks of the Celery test: broker and results are in the server under test."""

import os

from celery import Celery, Task, chord, group

URL = os.environ["QUEUE_URL"]
app = Celery("tasks", broker=f"{URL}/0", backend=f"{URL}/1")
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    result_expires=600,
    task_default_retry_delay=0,
)


@app.task
def add(left: int, right: int) -> int:
    """A plain task."""
    return left + right


@app.task
def total(numbers: list[int]) -> int:
    """The end of a chord, which counts its parts by scripts and transactions."""
    return sum(numbers)


@app.task
def fail() -> None:
    """A task that fails."""
    raise ValueError("as it must")


@app.task(bind=True, max_retries=5)
def third_time_lucky(self: Task) -> int:
    """Fails twice."""
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return self.request.retries


__all__ = ["add", "app", "chord", "fail", "group", "third_time_lucky", "total"]
