"""A rate limiter and a lock in Lua, used by many connections at once.

The limiter is a sliding window in a sorted set; however many ask together, a window never admits more than its limit. The lock is
redis-py's own, which is released and extended by scripts: what it guards is never held twice.
Run: `python compat-tests/apps/rate_limiter.py [--peer]`.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
import servers

LIMIT, WINDOW_MS, CLIENTS, CALLS = 10, 60_000, 8, 50
LIMITER = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - ARGV[2])
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('ZADD', KEYS[1], now, now .. ':' .. redis.call('INCR', KEYS[1] .. ':n'))
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {1, cjson.encode({left = ARGV[1] - redis.call('ZCARD', KEYS[1])})}
end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {0, cjson.encode({retry = oldest[2] + ARGV[2] - now})}
"""


def together(work: Callable[[redis.Redis], None], port: int) -> None:
    """Runs `work` on many connections at once."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with redis.Redis(port=port) as connection:
                work(connection)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def limited(port: int) -> None:
    """No window admits more than its limit."""
    admitted: list[int] = []

    def ask(connection: redis.Redis) -> None:
        limiter = connection.register_script(LIMITER)
        for _ in range(CALLS):
            allowed, said = limiter(keys=["limit"], args=[LIMIT, WINDOW_MS])
            assert (b"left" in said) if allowed else (b"retry" in said), said
            admitted.append(int(allowed))

    together(ask, port)
    assert sum(admitted) == LIMIT, sum(admitted)
    assert len(admitted) == CLIENTS * CALLS


def locked(port: int) -> None:
    """A counter that is read and written apart is right under the lock."""

    def count(connection: redis.Redis) -> None:
        for _ in range(5):
            with connection.lock("lock", timeout=30, sleep=0.002):
                seen = int(connection.get("count") or 0)
                time.sleep(0.001)
                connection.set("count", seen + 1)

    together(count, port)
    with redis.Redis(port=port) as connection:
        assert int(connection.get("count") or 0) == 5 * CLIENTS
        lock = connection.lock("lock", timeout=30)
        assert lock.acquire() and lock.extend(30) and lock.reacquire()
        connection.set("lock", "another")
        try:
            lock.release()
        except redis.exceptions.LockError:
            return
    raise AssertionError("a lock of another was released")


def main() -> int:
    """0 when nothing was admitted or held twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    options = parser.parse_args()
    with servers.redis() if options.peer else servers.hyperdb() as server:
        limited(server.port)
        locked(server.port)
    print("rate limiter: no window admitted more than its limit, no lock was held twice")
    return 0


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
