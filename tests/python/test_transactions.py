"""Transactions from Python: what each level allows, locks and their waits, counts, Redis clients beside them, asyncio."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

import hyperdb
import hyperdb.aio
from hyperdb.errors import (
    CancelledError,
    ConflictError,
    DeadlockError,
    LockTimeoutError,
    RowLockedError,
    SerializationError,
    TransactionStateError,
    WrongTypeError,
)
from hyperdb.graph.transaction import Isolation, Transaction

LEVELS: tuple[Isolation, ...] = ("read committed", "repeatable read", "serializable")
SNAPSHOTS = LEVELS[1:]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[hyperdb.Database]:
    with hyperdb.open(tmp_path / "data", memory="16m") as opened:
        yield opened


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def _waits(db: hyperdb.Database, waiters: int) -> None:
    """Returns when that many wait for row locks."""
    while dict(db.native.lock_gauges())["row_lock_waiters"] < waiters:
        time.sleep(0.001)


def _number(tx: Transaction, id: str) -> int:
    return int(tx.app("a").get(id) or b"0")


def test_a_block_commits_at_its_end_and_not_on_an_exception(db: hyperdb.Database) -> None:
    with db.transaction() as tx:
        tx.app("a").put("k", "1")
        assert tx.app("a").get("k") == b"1"
        assert db.app("a").get("k") is None
    assert db.app("a").get("k") == b"1"
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:  # noqa: PT012
        tx.app("a").put("k", "2")
        tx.app("a").put("l", "2")
        raise ZeroDivisionError
    assert db.app("a").get("k") == b"1"
    assert len(db.app("a")) == 1
    with pytest.raises(TransactionStateError):
        tx.app("a").get("k")


def test_elements_of_both_apis_are_the_same(db: hyperdb.Database) -> None:
    db.app("redis/0").hash("h").update({"f": "v"})
    with db.transaction() as tx:
        app = tx.app("redis/0")
        assert "h" in app and "x" not in app
        with pytest.raises(WrongTypeError):
            app.get("h")
        app.put("h", "plain now")
        app.put("gone soon", "v", expires_at=1)
        assert "gone soon" not in app
        app.put("later", "v", expires_at=(1 << 52))
        assert app.expires_at("later") == 1 << 52
        assert sorted(app.ids()) == [b"h", b"later"]
        assert app.remove("later") and not app.remove("later")
    assert db.execute("redis/0", "TYPE", "h") == b"string"
    assert db.execute("redis/0", "EXISTS", "gone soon", "later") == 0


def test_many_ids_cross_pages(db: hyperdb.Database) -> None:
    with db.transaction() as tx:
        for number in range(1000):
            tx.app("a").put(f"{number}", "v")
        assert sorted(tx.app("a").ids(), key=int) == [b"%d" % number for number in range(1000)]
    assert len(db.app("a")) == 1000


@pytest.mark.parametrize("isolation", LEVELS)
def test_no_update_is_lost(db: hyperdb.Database, pool: ThreadPoolExecutor, isolation: Isolation) -> None:
    def add_one(tx: Transaction) -> None:
        # Read committed decides on what it has locked; the levels above find out at the write.
        if isolation == "read committed":
            tx.app("a").lock("n")
        tx.app("a").put("n", str(_number(tx, "n") + 1))

    def add_many() -> None:
        for _ in range(20):
            db.run(add_one, isolation=isolation, retries=1000)

    for done in [pool.submit(add_many) for _ in range(4)]:
        done.result()
    assert db.app("a").get("n") == b"80"


@pytest.mark.parametrize("isolation", SNAPSHOTS)
def test_the_first_committer_wins(db: hyperdb.Database, isolation: Isolation) -> None:
    db.app("a").put("n", "1")
    late = db.transaction(isolation=isolation)
    assert _number(late, "n") == 1
    with db.transaction() as early:
        early.app("a").put("n", "2")
    with pytest.raises(SerializationError):
        late.app("a").put("n", "3")
    with pytest.raises(TransactionStateError):
        late.app("a").get("n")
    late.rollback()
    assert db.app("a").get("n") == b"2"


@pytest.mark.parametrize("isolation", LEVELS)
def test_write_skew_happens_below_serializable_only(db: hyperdb.Database, isolation: Isolation) -> None:
    for id in ("x", "y"):
        db.app("a").put(id, "1")
    first, second = db.transaction(isolation=isolation), db.transaction(isolation=isolation)
    for tx, mine in ((first, "x"), (second, "y")):
        assert _number(tx, "x") + _number(tx, "y") == 2
        tx.app("a").put(mine, "0")
    first.commit()
    if isolation == "serializable":
        with pytest.raises(SerializationError):
            second.commit()
    else:
        second.commit()
    left = {id: db.app("a").get(id) for id in ("x", "y")}
    assert left == {"x": b"0", "y": b"1" if isolation == "serializable" else b"0"}


@pytest.mark.parametrize("isolation", LEVELS)
def test_reads_see_what_their_level_says(db: hyperdb.Database, isolation: Isolation) -> None:
    db.app("a").put("k", "old")
    with db.transaction(isolation=isolation, read_only=True) as tx:
        assert tx.app("a").get("k") == b"old"
        db.app("a").put("k", "new")
        assert tx.app("a").get("k") == (b"new" if isolation == "read committed" else b"old")
        with pytest.raises(TransactionStateError):
            tx.app("a").put("k", "no")
        assert tx.app("nobody made it").get("k") is None
        assert list(tx.app("nobody made it").ids()) == []


def test_a_phantom_is_noticed_by_serializable(db: hyperdb.Database) -> None:
    first, second = db.transaction(), db.transaction()
    for tx, mine in ((first, "x"), (second, "y")):
        assert list(tx.app("a").ids()) == []
        tx.app("a").put(mine, "only me")
    first.commit()
    with pytest.raises(SerializationError):
        second.commit()
    assert list(db.app("a").ids()) == [b"x"]


def test_savepoints_nest_and_heal(db: hyperdb.Database) -> None:
    with db.transaction() as tx:
        app = tx.app("a")
        app.put("k", "1")
        with pytest.raises(ValueError, match="inner"), tx.savepoint():  # noqa: PT012
            app.put("k", "2")
            with tx.savepoint():
                app.put("l", "2")
            raise ValueError("inner")
        assert (app.get("k"), app.get("l"), len(app)) == (b"1", None, 1)
        with db.transaction() as other:
            other.app("a").put("m", "theirs")
        with pytest.raises(SerializationError), tx.savepoint():
            app.put("m", "mine")
        app.put("n", "healed")
    assert {id: db.app("a").get(id) for id in "klmn"} == {"k": b"1", "l": None, "m": b"theirs", "n": b"healed"}


def test_a_deadlock_ends_with_one_of_the_two(db: hyperdb.Database, pool: ThreadPoolExecutor) -> None:
    met = threading.Barrier(2)

    def lock(first: str, second: str) -> str:
        with db.transaction(isolation="read committed") as tx:
            tx.app("a").lock(first)
            met.wait()
            tx.app("a").lock(second)
            tx.app("a").put("winner", first)
        return first

    outcomes: list[Future[str]] = [pool.submit(lock, "x", "y"), pool.submit(lock, "y", "x")]
    errors = [outcome.exception() for outcome in outcomes]
    assert sorted(isinstance(error, DeadlockError) for error in errors) == [False, True]
    winner = next(outcome.result() for outcome in outcomes if outcome.exception() is None)
    assert db.app("a").get("winner") == winner.encode()


def test_waits_for_a_lock_as_asked(db: hyperdb.Database, pool: ThreadPoolExecutor) -> None:
    holder = db.transaction(isolation="read committed")
    assert holder.app("a").lock("k")
    with db.transaction(isolation="read committed", lock_timeout=0.01) as tx:
        with pytest.raises(RowLockedError):
            tx.app("a").lock("k", wait="nowait")
        assert tx.app("a").lock("k", wait="skip") is False
        assert tx.app("a").lock("free", wait="skip") is True
        with pytest.raises(RowLockedError):
            tx.app("a").get_for_update("k", wait="nowait")
        with pytest.raises(LockTimeoutError):
            tx.app("a").put("k", "v")
        assert tx.app("a").get("k") is None
    waiting = db.transaction(isolation="read committed", lock_timeout=None)
    waiting.app("a")
    cancelled = pool.submit(waiting.app("a").lock, "k")
    _waits(db, 1)
    waiting.cancel()
    with pytest.raises(CancelledError):
        cancelled.result()
    granted = pool.submit(waiting.app("a").get_for_update, "k")
    _waits(db, 1)
    holder.app("a").put("k", "v")
    holder.commit()
    assert granted.result() == b"v"
    waiting.rollback()
    assert set(dict(db.native.lock_gauges()).values()) == {0}


@pytest.mark.parametrize("write", [lambda client: client.incr("n"), lambda client: client.rpush("n", "x")])
def test_a_redis_client_waits_for_a_row_and_is_served(
    db: hyperdb.Database, pool: ThreadPoolExecutor, write: Callable[[redis.Redis], int]
) -> None:
    with db.serve(resp="127.0.0.1:0") as serving:
        assert serving.resp_address is not None
        client, other = redis.Redis(*serving.resp_address), redis.Redis(*serving.resp_address)
        with db.transaction(isolation="read committed") as tx:
            tx.app("redis/0").lock("n")
            waiting = pool.submit(write, client)
            _waits(db, 1)
            assert other.get("n") is None
            assert other.incr("m") == 1
            assert not waiting.done()
        assert waiting.result() == 1
        client.close()
        other.close()


def test_watch_sees_what_a_transaction_committed(db: hyperdb.Database) -> None:
    with db.serve(resp="127.0.0.1:0") as serving:
        assert serving.resp_address is not None
        client = redis.Redis(*serving.resp_address)
        with client.pipeline() as pipe:
            pipe.watch("n")
            with db.transaction() as tx:
                tx.app("redis/0").put("n", "5")
            pipe.multi()
            pipe.set("n", "6")
            with pytest.raises(redis.WatchError):
                pipe.execute()
        assert client.get("n") == b"5"
        client.close()


def test_counts_are_right_after_storms_of_every_kind_of_writer(db: hyperdb.Database, pool: ThreadPoolExecutor) -> None:
    def add(thread: int) -> int:
        added = 0
        for number in range(30):
            try:
                with db.transaction(lock_timeout=None) as tx:
                    tx.app("a").put(f"{thread}-{number}", "v")
                    tx.app("a").put(f"shared-{number % 7}", "v")
                    tx.app("a").remove(f"{thread}-{number - 3}")
                added += 1
            except ConflictError:
                continue
        return added

    def plain() -> None:
        for number in range(60):
            db.app("a").put(f"plain-{number}", "v")
            db.app("a").remove(f"plain-{number - 5}")

    work = [pool.submit(add, thread) for thread in range(4)]
    pool.submit(plain).result()
    assert all(done.result() > 0 for done in work)
    with db.transaction(read_only=True) as tx:
        assert len(tx.app("a")) == sum(1 for _ in tx.app("a").ids()) == len(db.app("a"))
    assert set(dict(db.native.lock_gauges()).values()) == {0}


def test_run_gives_up_after_its_retries(db: hyperdb.Database) -> None:
    pauses: list[float] = []
    attempts = 0

    def lose(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        _number(tx, "n")
        db.app("a").put("n", str(attempts))
        tx.app("a").put("m", "v")

    with pytest.raises(SerializationError):
        db.run(lose, retries=3, sleep=pauses.append)
    assert attempts == 4
    assert len(pauses) == 3
    assert db.app("a").get("m") is None


def test_asyncio(tmp_path: Path) -> None:
    async def use() -> bytes | None:
        async with hyperdb.aio.open(tmp_path / "data", memory="16m") as db:

            async def add_one() -> None:
                async def body(tx: hyperdb.aio.Transaction) -> None:
                    app = await tx.app("a")
                    await app.lock("n")
                    await app.put("n", str(int(await app.get("n") or b"0") + 1))

                await db.run(body, isolation="read committed", lock_timeout=None)

            # More than the pool has threads: waiters must not keep the holder from its commit.
            await asyncio.gather(*(add_one() for _ in range(24)))
            with pytest.raises(ZeroDivisionError):  # noqa: PT012
                async with db.transaction() as tx:
                    await (await tx.app("a")).put("n", "0")
                    raise ZeroDivisionError
            return await db.app("a").get("n")

    assert asyncio.run(use()) == b"24"
