"""Python libraries that live on Redis, each in a small scenario: `python scenarios.py NAME PORT`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Awaitable, Callable

from schedules import flask_session, redbeat, rq_schedules
from waiting import until


def dramatiq_actors(url: str) -> None:
    """Dramatiq: actors, retries, delays, groups, pipelines and results."""
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker
    from dramatiq.results import Results
    from dramatiq.results.backends import RedisBackend

    broker = RedisBroker(url=url)
    broker.add_middleware(Results(backend=RedisBackend(url=url)))
    dramatiq.set_broker(broker)
    failures: list[int] = []

    @dramatiq.actor(store_results=True)
    def add(one: int, other: int) -> int:
        return one + other

    @dramatiq.actor(store_results=True, max_retries=3, min_backoff=10, max_backoff=20)
    def fails_twice(number: int) -> str:
        failures.append(number)
        if len(failures) < 3:
            raise ValueError("not yet")
        return "done"

    worker = dramatiq.Worker(broker, worker_threads=4)
    worker.start()
    try:
        assert (
            dramatiq.group(add.message(number, 1) for number in range(50)).run().get_results(block=True, timeout=60_000)
            is not None
        )
        results = dramatiq.group(add.message(number, 1) for number in range(50)).run()
        assert list(results.get_results(block=True, timeout=60_000)) == [number + 1 for number in range(50)]
        assert (add.message(1, 2) | add.message(3)).run().get_result(block=True, timeout=60_000) == 6
        assert fails_twice.send(1).get_result(block=True, timeout=60_000) == "done" and len(failures) == 3
        began = time.monotonic()
        assert add.send_with_options(args=(1, 1), delay=300).get_result(block=True, timeout=60_000) == 2
        assert time.monotonic() - began >= 0.3
        broker.join("default")
    finally:
        worker.stop()


def huey_tasks(url: str) -> None:
    """Huey: tasks, retries, schedules, pipelines, locks, priorities."""
    from huey import PriorityRedisHuey, RedisHuey, crontab
    from huey.api import Result
    from huey.exceptions import TaskException

    for kind in (RedisHuey, PriorityRedisHuey):
        huey = kind(f"scenario-{kind.__name__}", url=url, results=True)
        tries: list[int] = []

        @huey.task()
        def double(number: int) -> int:
            return number * 2

        @huey.task(retries=2)
        def twice(_: int, tries: list[int] = tries) -> str:
            tries.append(1)
            if len(tries) < 3:
                raise ValueError("not yet")
            return "done"

        def outcome(result: Result) -> object:
            with contextlib.suppress(TaskException):
                return result.get()

        @huey.periodic_task(crontab(minute="*"))
        def tick() -> None:
            return

        @huey.lock_task("one")
        def alone() -> str:
            return "alone"

        consumer = huey.create_consumer(workers=3, periodic=True, initial_delay=0.01, max_delay=0.05, scheduler_interval=1)
        consumer.start()
        try:
            results = double.map(range(50))
            assert [each.get(blocking=True, timeout=60) for each in results] == [number * 2 for number in range(50)]
            assert huey.enqueue(double.s(2).then(double)).get(blocking=True, timeout=60) == [4, 8]
            assert double.schedule((5,), delay=0.5).get(blocking=True, timeout=60) == 10
            again = twice(1)
            until(lambda tries=tries: len(tries), 3)
            until(lambda again=again: outcome(again), "done")
            assert alone() == "alone"
        finally:
            consumer.stop(graceful=True)


def arq_jobs(url: str) -> None:
    """Arq: jobs, delays, retries, unique jobs, results, a cron."""
    from arq import Retry, create_pool, cron
    from arq.connections import RedisSettings
    from arq.worker import Worker, func

    ticks: list[int] = []

    async def add(_: dict[str, object], one: int, other: int) -> int:
        return one + other

    async def again(ctx: dict[str, int]) -> int:
        if ctx["job_try"] < 3:
            raise Retry(defer=0.01)
        return ctx["job_try"]

    async def tick(_: dict[str, object]) -> None:
        ticks.append(1)

    async def run() -> None:
        settings = RedisSettings.from_dsn(url)
        settings.conn_timeout = 20
        pool = await create_pool(settings)
        worker = Worker(
            [func(add, name="add"), func(again, name="again")],
            redis_settings=settings,
            cron_jobs=[cron(tick, second=set(range(60)))],
            poll_delay=0.05,
            handle_signals=False,
        )
        running = asyncio.create_task(worker.async_run())
        jobs = [await pool.enqueue_job("add", number, 1) for number in range(30)]
        assert [await job.result(timeout=60) for job in jobs if job] == [number + 1 for number in range(30)]
        job = await pool.enqueue_job("again")
        assert job and await job.result(timeout=60) == 3
        first = await pool.enqueue_job("add", 1, 1, _job_id="same", _defer_by=0.3)
        assert first and await pool.enqueue_job("add", 1, 1, _job_id="same") is None
        assert await first.result(timeout=60) == 2
        while not ticks:
            await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await worker.close()
        await pool.aclose()

    asyncio.run(run())


def flask_caching(url: str) -> None:
    """Flask-Caching: cached views, memoized functions and their removal, counters of a view."""
    from flask import Flask
    from flask_caching import Cache

    app = Flask(__name__)
    app.config.update(CACHE_TYPE="RedisCache", CACHE_REDIS_URL=url, CACHE_KEY_PREFIX="flask:", CACHE_DEFAULT_TIMEOUT=60)
    cache = Cache(app)
    made: list[int] = []

    @app.route("/page")
    @cache.cached()
    def page() -> str:
        made.append(1)
        return str(len(made))

    @cache.memoize()
    def square(number: int) -> int:
        made.append(number)
        return number * number

    client = app.test_client()
    assert [client.get("/page").data for _ in range(3)] == [b"1"] * 3
    with app.app_context():
        assert [square(7), square(7), square(8)] == [49, 49, 64] and len(made) == 3
        cache.delete_memoized(square)
        assert square(7) == 49 and len(made) == 4
        assert cache.set_many({"a": 1, "b": {"c": 2}}) and cache.get_many("a", "b", "z") == [1, {"c": 2}, None]
        assert cache.add("a", 5) is False and cache.cache.inc("n", 3) == 3 and cache.cache.dec("n", 1) == 2
        cache.clear()
        assert cache.get("a") is None


def aiocache_values(url: str) -> None:
    """Aiocache: values, expiry, counters, optimistic and plain locks, a decorator."""
    from aiocache import RedisCache, cached
    from aiocache.lock import OptimisticLock, RedLock
    from aiocache.serializers import PickleSerializer

    async def run() -> None:
        port = int(url.rsplit(":", 1)[1].split("/")[0])
        async with RedisCache(port=port, namespace="aio:", serializer=PickleSerializer()) as cache:
            await cache.set("a", {"x": [1]}, ttl=60)
            assert await cache.get("a") == {"x": [1]} and await cache.exists("a")
            await cache.multi_set([("m", 1), ("n", 2)])
            assert await cache.multi_get(["m", "n", "o"]) == [1, 2, None]
            assert await cache.expire("m", 1) and await cache.delete("n") == 1
            async with RedLock(cache, "lock", lease=2):
                pass
            async with RedisCache(port=port, namespace="text:") as texts:
                await texts.set("a", "first")
                async with OptimisticLock(texts, "a") as lock:
                    await lock.cas("changed")
                assert await texts.get("a") == "changed"
            calls: list[int] = []

            @cached(cache=RedisCache, port=port, key="called", ttl=60)
            async def called() -> str:
                calls.append(1)
                return "once"

            assert [await called(), await called()] == ["once", "once"] and len(calls) == 1

    asyncio.run(run())


def locks(url: str) -> None:
    """python-redis-lock, redlock-py and pottery: what a lock guards is never held twice."""
    import redis
    import redis_lock
    from pottery import Redlock as PotteryLock
    from redlock import Redlock

    client = redis.Redis.from_url(url)
    manager = Redlock([url], retry_count=400, retry_delay=0.01)
    held, most, mutex = [0], [0], threading.Lock()

    def guarded(acquire: Callable[[], object], release: Callable[[object], None]) -> None:
        for _ in range(5):
            lock = acquire()
            with mutex:
                held[0] += 1
                most[0] = max(most[0], held[0])
            time.sleep(0.002)
            with mutex:
                held[0] -= 1
            release(lock)

    def plain() -> redis_lock.Lock:
        lock = redis_lock.Lock(client, "plain", expire=30, auto_renewal=True)
        assert lock.acquire(blocking=True, timeout=60)
        return lock

    def pottery() -> PotteryLock:
        lock = PotteryLock(key="pottery", masters={client}, auto_release_time=30)
        assert lock.acquire(timeout=60)
        return lock

    kinds: list[tuple[Callable[[], object], Callable[..., None]]] = [
        (plain, lambda lock: lock.release()),
        (lambda: manager.lock("red", 30_000), lambda lock: manager.unlock(lock)),
        (pottery, lambda lock: lock.release()),
    ]
    for acquire, release in kinds:
        most[0] = 0
        threads = [threading.Thread(target=guarded, args=(acquire, release)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (most[0], held[0]) == (1, 0)


def limiters(url: str) -> None:
    """Limits (what Flask-Limiter and slowapi stand on): all its strategies, counted by scripts."""
    from limits import parse, storage, strategies

    store = storage.storage_from_string(url)
    for number, kind in enumerate(
        (strategies.FixedWindowRateLimiter, strategies.MovingWindowRateLimiter, strategies.SlidingWindowCounterRateLimiter)
    ):
        limiter, limit = kind(store), parse("10/minute")
        assert sum(limiter.hit(limit, "user", str(number)) for _ in range(30)) == 10
        assert limiter.get_window_stats(limit, "user", str(number)).remaining == 0
        limiter.clear(limit, "user", str(number))
        assert limiter.test(limit, "user", str(number))


def walrus_models(url: str) -> None:
    """Walrus: containers, models with indexes and full text search, streams with consumer groups, a rate limit, autocomplete."""
    from walrus import BooleanField, Database, DateTimeField, IntegerField, Model, TextField

    assert DateTimeField and BooleanField
    db = Database.from_url(url)

    class Note(Model):
        __database__ = db
        title = TextField(primary_key=True)
        size = IntegerField(index=True)
        content = TextField(fts=True)

    for number in range(20):
        Note.create(title=f"note{number}", size=number, content=f"the {'quick' if number % 2 else 'slow'} fox {number}")
    assert sorted(note.size for note in Note.query(Note.size >= 15)) == [15, 16, 17, 18, 19]
    assert len(list(Note.query(Note.content.search("quick")))) == 10
    found = list(Note.query((Note.size < 4) | (Note.size == 9), order_by=Note.size.desc()))
    assert [note.size for note in found] == [9, 3, 2, 1, 0]
    numbers = db.ZSet("numbers")
    numbers.add({"one": 1, "two": 2})
    assert numbers.score("one") == 1 and numbers.rank("two") == 1
    group = db.consumer_group("group", ["events"])
    group.create()
    db.Stream("events").add({"a": "1"})
    ((_, ((identity, data),)),) = group.read(count=1)
    assert data == {b"a": b"1"} and group.events.ack(identity) == 1
    assert [db.rate_limit("calls", limit=3, per=60).limit("me") for _ in range(5)] == [False] * 3 + [True] * 2
    words = db.autocomplete()
    words.store_many = None
    for word in ("testing", "tested", "other"):
        words.store(word)
    assert sorted(words.search("test")) == [b"tested", b"testing"] or sorted(words.search("test")) == ["tested", "testing"]


def channels_layer(url: str) -> None:
    """channels-redis (Django Channels): messages to channels and groups, by both of its layers."""
    from channels_redis.core import RedisChannelLayer
    from channels_redis.pubsub import RedisPubSubChannelLayer

    async def run(make: Callable[[], object]) -> None:
        layer = make()
        names = [await layer.new_channel() for _ in range(3)]  # type: ignore[attr-defined]
        for name in names:
            await layer.group_add("room", name)  # type: ignore[attr-defined]
        await layer.group_send("room", {"type": "say", "text": "hello"})  # type: ignore[attr-defined]
        heard: list[Awaitable[object]] = [asyncio.wait_for(layer.receive(name), 20) for name in names]  # type: ignore[attr-defined]
        assert await asyncio.gather(*heard) == [{"type": "say", "text": "hello"}] * 3
        await layer.send(names[0], {"type": "one"})  # type: ignore[attr-defined]
        assert await asyncio.wait_for(layer.receive(names[0]), 20) == {"type": "one"}  # type: ignore[attr-defined]
        await layer.group_discard("room", names[0])  # type: ignore[attr-defined]
        await layer.flush()  # type: ignore[attr-defined]

    for kind in (RedisChannelLayer, RedisPubSubChannelLayer):
        asyncio.run(run(lambda kind=kind: kind(hosts=[url])))


def rq_jobs(url: str) -> None:
    """RQ as it is now, with results in streams: jobs, failures, retries, dependencies, schedules."""
    import operator

    import redis
    from rq import Queue, Retry, SimpleWorker

    client = redis.Redis.from_url(url)
    queue = Queue(connection=client)
    first = queue.enqueue(operator.add, 1, 2)
    then = queue.enqueue(operator.mul, 3, 4, depends_on=first)
    failed = queue.enqueue(operator.truediv, 1, 0, retry=Retry(max=2))
    SimpleWorker([queue], connection=client).work(burst=True, with_scheduler=False)
    assert (first.return_value(), then.return_value()) == (3, 12)
    assert failed.get_status(refresh=True) == "failed" and failed.results()
    assert queue.failed_job_registry.get_job_ids() == [failed.id]


SCENARIOS: dict[str, Callable[[str], None]] = {
    "dramatiq": dramatiq_actors,
    "huey": huey_tasks,
    "arq": arq_jobs,
    "flask-caching": flask_caching,
    "aiocache": aiocache_values,
    "locks": locks,
    "limits": limiters,
    "walrus": walrus_models,
    "channels-redis": channels_layer,
    "rq": rq_jobs,
    "rq-scheduler": rq_schedules,
    "redbeat": redbeat,
    "flask-session": flask_session,
}

if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join(SCENARIOS))
    else:
        SCENARIOS[sys.argv[1]](sys.argv[2])
