"""Schedulers and sessions on Redis: rq-scheduler, Celery's beat with RedBeat, Flask-Session."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from waiting import until


def rq_schedules(url: str) -> None:
    """rq-scheduler: jobs in time, at intervals, by cron, cancelled and changed; one of two schedulers works at a time."""
    import operator

    import redis
    from rq import Queue, SimpleWorker
    from rq_scheduler import Scheduler

    client = redis.Redis.from_url(url)
    queue = Queue("scheduled", connection=client)
    scheduler = Scheduler(queue=queue, connection=client)
    now = datetime.now(UTC).replace(tzinfo=None)
    soon = scheduler.enqueue_at(now - timedelta(seconds=1), operator.add, 1, 2)
    later = scheduler.enqueue_in(timedelta(hours=1), operator.add, 3, 4)
    dropped = scheduler.enqueue_in(timedelta(seconds=0), operator.add, 5, 6)
    again = scheduler.schedule(now - timedelta(seconds=5), operator.mul, args=[6, 7], interval=3600, repeat=2)
    daily = scheduler.cron("0 3 * * *", operator.mul, args=[1, 1], queue_name="scheduled")
    assert scheduler.count() == 5 and soon in scheduler and later in scheduler
    scheduler.cancel(dropped)
    assert scheduler.acquire_lock()
    other = Scheduler(queue=queue, connection=client)
    assert not other.acquire_lock()
    scheduler.enqueue_jobs()
    assert sorted(queue.job_ids) == sorted([soon.id, again.id])
    SimpleWorker([queue], connection=client).work(burst=True, with_scheduler=False)
    assert (soon.return_value(), again.return_value()) == (3, 42)
    assert {job.id for job in scheduler.get_jobs()} == {later.id, again.id, daily.id}
    assert [job.id for job in scheduler.get_jobs(until=timedelta(hours=2))].count(again.id) == 1
    scheduler.change_execution_time(later, now - timedelta(seconds=1))
    scheduler.enqueue_jobs()
    assert queue.job_ids == [later.id]
    scheduler.remove_lock()
    assert other.acquire_lock()
    other.remove_lock()


def redbeat(url: str) -> None:
    """Celery's beat with RedBeat: entries in Redis, changed while it runs; a lock that keeps a second beat waiting."""
    import redis
    from celery import Celery
    from celery.contrib.testing.worker import start_worker
    from celery.schedules import schedule
    from redbeat import RedBeatScheduler, RedBeatSchedulerEntry

    app = Celery("beaten", broker=url, backend=url)
    app.conf.update(redbeat_redis_url=url, redbeat_lock_timeout=30, beat_max_loop_interval=1, redbeat_key_prefix="beat:")
    client = redis.Redis.from_url(url, decode_responses=True)

    @app.task(name="count")
    def count(name: str) -> None:
        client.incr(f"counted:{name}")

    for name in ("one", "other"):
        RedBeatSchedulerEntry(name, "count", schedule(timedelta(seconds=0.2)), args=[name], app=app).save()
    beat = RedBeatScheduler(app, lazy=False)
    beat.lock = client.lock("beat::lock", timeout=30)
    assert beat.lock.acquire(blocking=False)
    assert not client.lock("beat::lock", timeout=30).acquire(blocking=False)
    assert {"one", "other"} <= set(beat.schedule)

    def beaten(name: str) -> bool:
        beat.tick()
        return int(client.get(f"counted:{name}") or 0) >= 3

    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=60):
        until(lambda: beaten("one") and beaten("other"), True)
        entry = RedBeatSchedulerEntry.from_key("beat:one", app=app)
        assert entry.total_run_count >= 2 and entry.args == ["one"]
        entry.delete()
        assert not client.exists("beat:one") and client.zscore("beat::schedule", "beat:one") is None
        # What was sent before the entry went may still be counted.
        time.sleep(1.0)
        stopped = client.get("counted:one")
        before = int(client.get("counted:other") or 0)
        until(lambda: beaten("other") and int(client.get("counted:other") or 0) > before + 2, True)
        assert client.get("counted:one") == stopped
    beat.lock.release()


def flask_session(url: str) -> None:
    """Flask-Session: sessions of two processes' sites, changed, renewed and ended."""
    import redis
    from flask import Flask, session
    from flask_session import Session

    client = redis.Redis.from_url(url)

    def site() -> Flask:
        app = Flask("site")
        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=client, PERMANENT_SESSION_LIFETIME=300, SECRET_KEY="compat")
        Session(app)

        @app.get("/add/<word>")
        def add(word: str) -> list[str]:
            session["words"] = [*session.get("words", []), word]
            return list(session["words"])

        @app.get("/leave")
        def leave() -> list[str]:
            session.clear()
            return []

        return app

    first, second = site().test_client(), site().test_client()
    assert first.get("/add/one").json == ["one"]
    cookie = first.get_cookie("session")
    assert cookie is not None
    second.set_cookie("session", cookie.value)
    for number in range(20):
        here = (first, second)[number % 2]
        assert here.get(f"/add/{number}").json == ["one", *map(str, range(number + 1))]
    (key,) = client.keys("session:*")
    assert 290 < client.ttl(key) <= 300
    assert second.get("/leave").json == []
    assert client.keys("session:*") == []
    assert first.get("/add/new").json == ["new"]
    for key in client.keys("session:*"):
        client.pexpire(key, 1)
    until(lambda: client.keys("session:*"), [])
    assert first.get("/add/newer").json == ["newer"]
