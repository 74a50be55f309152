"""Enqueues the jobs of the RQ test, works them off, and checks their results."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import jobs
import redis
from rq import Queue, Retry, Worker
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry

URL = os.environ["QUEUE_URL"]
NOTE = Path(os.environ["QUEUE_NOTE"])
connection = redis.Redis.from_url(URL)
queue = Queue("work", connection=connection)


def work_off(*options: str) -> None:
    """Workers until the queue is empty; two at once, so that they compete."""
    command = [str(Path(sys.executable).parent / "rq"), "worker", "--burst", "--url", URL, *options, "work"]
    workers = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    for worker in workers:
        assert worker.wait(timeout=120) == 0


def run() -> None:
    """Every kind of job."""
    plain = [queue.enqueue(jobs.add, i, i) for i in range(50)]
    failing = queue.enqueue(jobs.fail)
    retried = queue.enqueue(jobs.third_time_lucky, "tries", retry=Retry(max=3))
    first = queue.enqueue(jobs.add, 1, 2)
    second = queue.enqueue(jobs.add, 3, 4, depends_on=first)
    loud = queue.enqueue(jobs.shout, "graph", result_ttl=60)
    work_off()
    assert [job.result for job in plain] == [2 * i for i in range(50)]
    failing.refresh()
    assert failing.get_status() == "failed"
    assert "as it must" in failing.exc_info
    assert failing.id in FailedJobRegistry(queue=queue)
    assert retried.result == 3
    assert (first.result, second.result) == (3, 7)
    assert loud.result == "GRAPH" * 1000
    assert len(FinishedJobRegistry(queue=queue)) == len(plain) + 4
    assert len(queue) == 0 and Worker.count(connection=connection) == 0
    later = queue.enqueue_in(timedelta(seconds=1), jobs.add, 20, 22)
    assert later.id in ScheduledJobRegistry(queue=queue)
    while later.get_status(refresh=True) != "finished":
        work_off("--with-scheduler")
    assert later.result == 42
    failing.delete()
    assert len(FailedJobRegistry(queue=queue)) == 0


def enqueue() -> None:
    """Jobs with no worker there."""
    NOTE.write_text("\n".join(queue.enqueue(jobs.add, i, 100).id for i in range(10)))


def collect() -> None:
    """The results of what `enqueue` left, after a restart of the server."""
    work_off()
    found = [Job.fetch(id, connection=connection).result for id in NOTE.read_text().split()]
    assert found == [i + 100 for i in range(10)], found


{"run": run, "enqueue": enqueue, "collect": collect}[sys.argv[1]]()
