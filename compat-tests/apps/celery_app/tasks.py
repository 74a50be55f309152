"""The jobs of the Celery test."""

import os

from celery import Celery, Task

app = Celery("tasks", broker=os.environ["QUEUE_URL"] + "/1", backend=os.environ["QUEUE_URL"] + "/2")
app.conf.broker_transport_options = {"visibility_timeout": 30}


@app.task
def add(left: int, right: int) -> int:
    """A plain job."""
    return left + right


@app.task
def total(numbers: list[int]) -> int:
    """Joins the results of others."""
    return sum(numbers)


@app.task(bind=True, max_retries=3, default_retry_delay=0.1)
def third_time_lucky(self: Task) -> int:
    """Fails twice, and then gives the number of its retries."""
    if self.request.retries < 2:
        raise self.retry()
    return int(self.request.retries)
