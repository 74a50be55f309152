"""Data move from a real Redis and back: files of RDB both ways, and a running Redis, over random data of every type and encoding.

Theory: a Redis is filled; its data come here by file and by wire, go out as a file, and a second Redis loads that. Between two
Redis servers `DEBUG DIGEST` is the judge of values, PEXPIRETIME and XINFO STREAM FULL of what it leaves out; between Redis and
HyperDB each key is shown by the command of its type. Settings that change how Redis writes files take turns.

Run: `python compat-tests/resp/moving.py [--rounds N] [--seed N] [--keys N]`. Redis is the one that servers.py finds, 7.0 or 7.2.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import redis

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
import suites

FORMS: list[dict[str, str]] = [
    {},
    {"rdbcompression": "no"},
    {"rdbchecksum": "no"},
    {"list-max-listpack-size": "4", "list-compress-depth": "1"},
    {"hash-max-listpack-entries": "0", "set-max-intset-entries": "0", "zset-max-listpack-entries": "0"},
    {
        "hash-max-listpack-value": "4096",
        "zset-max-listpack-value": "4096",
        "list-max-listpack-size": "-5",
        "stream-node-max-entries": "3",
    },
    {"maxmemory": "4gb", "maxmemory-policy": "allkeys-lru", "list-max-listpack-size": "-1"},
    {"maxmemory": "4gb", "maxmemory-policy": "allkeys-lfu", "hash-max-listpack-value": "16"},
    {"list-max-listpack-size": "1", "list-compress-depth": "2", "set-max-intset-entries": "3", "rdbcompression": "no"},
]
CODE = "#!lua name={0}\nredis.register_function('{0}_f', function(keys, args) return #args end)"


def text(draw: random.Random) -> bytes:
    """A string: short, binary, an integer, one that compresses, a large one."""
    match draw.randrange(8):
        case 0:
            return b""
        case 1 | 2:
            return b"%d" % draw.choice(
                [draw.randrange(-200, 200), draw.randrange(-(1 << 31), 1 << 31), draw.randrange(-(1 << 63), 1 << 63)]
            )
        case 3:
            return draw.randbytes(draw.randrange(1, 70))
        case 4:
            return draw.choice([b"a", b"ab", b"abcabd"]) * draw.randrange(1, 3000)
        case 5:
            return draw.randbytes(draw.choice([63, 64, 65, 255, 256, 4095, 4096, 20_000]))
        case _:
            return b"word:%d" % draw.randrange(1000)


def fill(client: redis.Redis, draw: random.Random, keys: int) -> None:
    """Random keys of every type in the client's database."""
    pipe = client.pipeline(transaction=False)
    for number in range(keys):
        key = b"%d:" % number + draw.choice([b"", draw.randbytes(5), b"name"])
        count = draw.choice([1, 2, 10, 127, 128, 129, 300])
        match draw.randrange(6):
            case 0:
                pipe.set(key, text(draw))
            case 1:
                pipe.rpush(key, *(text(draw) for _ in range(count)))
            case 2:
                integers = draw.random() < 0.5
                pipe.sadd(
                    key,
                    *(
                        b"%d" % draw.randrange(-(1 << draw.choice([14, 30, 62])), 1 << 14) if integers else text(draw)
                        for _ in range(count)
                    ),
                )
            case 3:
                pipe.hset(key, mapping={text(draw): text(draw) for _ in range(count)})
            case 4:
                scores = [0.0, -1.5, 1e300, float("inf"), float("-inf"), 0.1, 123456789.123]
                pipe.zadd(key, {text(draw): draw.choice([*scores, draw.random()]) for _ in range(count)})
            case _:
                stream(pipe, draw, key, count)
        if draw.random() < 0.3:
            pipe.pexpireat(key, 4_102_444_800_000 + draw.randrange(1 << 30))
        if number % 100 == 99:
            pipe.execute()
    pipe.execute()


def stream(pipe: Any, draw: random.Random, key: bytes, count: int) -> None:
    """A stream with groups, consumers, pending and removed entries."""
    ids = [f"{1 + number // 3}-{1 + number % 3}" for number in range(count)]
    for each in ids:
        pipe.xadd(key, {draw.choice([b"f", b"g", b"another field"]): text(draw) for _ in range(draw.choice([1, 1, 2]))}, id=each)
    for name in draw.sample([b"one", b"two", b"\xff\0"], draw.randrange(3)):
        pipe.xgroup_create(key, name, draw.choice(["0", "$", ids[count // 2]]))
        pipe.xgroup_createconsumer(key, name, b"idle")
        pipe.xreadgroup(name, b"c", {key: ">"}, count=draw.choice([1, 5, 100]))
        pipe.xack(key, name, *draw.sample(ids, min(3, count)))
    pipe.xdel(key, *draw.sample(ids, min(draw.randrange(1, 4), count)))
    if draw.random() < 0.2:
        pipe.xtrim(key, maxlen=draw.randrange(count + 1), approximate=False)


def shown(client: redis.Redis, key: bytes, *, active: bool) -> Any:
    """A key as clients see it; `active`: with the times when consumers last got something."""
    kind = client.type(key)
    expiry = client.execute_command("PEXPIRETIME", key)
    match kind:
        case b"string":
            value: Any = client.get(key)
        case b"list":
            value = client.lrange(key, 0, -1)
        case b"set":
            value = sorted(client.smembers(key))
        case b"hash":
            value = sorted(client.hgetall(key).items())
        case b"zset":
            value = client.zrange(key, 0, -1, withscores=True)
        case b"stream":
            value = told(client, key, active=active)
        case _:
            value = None
    return kind, expiry, value


def told(client: redis.Redis, key: bytes, *, active: bool) -> Any:
    """A stream with its groups, without what Redis counts by its own nodes."""
    full = client.xinfo_stream(key, full=True)
    full["entries"] = client.xrange(key)
    # Only the first entries of each are in FULL, by its own limit.
    for group in full["groups"]:
        for consumer in group["consumers"]:
            if not active:
                consumer.pop(b"active-time", None)
    for word in ("radix-tree-keys", "radix-tree-nodes"):
        full.pop(word, None)
    full["groups"].sort(key=lambda group: group["name"])
    return full


def differences(one: redis.Redis, other: redis.Redis) -> list[str]:
    """Keys that are not the same in the selected database of two servers."""
    names = sorted(one.scan_iter(count=1000))
    if names != sorted(other.scan_iter(count=1000)):
        return [f"keys: {len(names)} and {other.dbsize()}"]
    # Redis 7.0 does not keep it.
    active = all(not each.info("server")["redis_version"].startswith("7.0") for each in (one, other))
    return [f"{name!r}" for name in names if shown(one, name, active=active) != shown(other, name, active=active)]


def command(*words: object, ok: bool = True) -> str:
    """`hyperdb ...`; what it said."""
    done = subprocess.run([servers.binary(), *map(str, words)], capture_output=True, text=True, check=False, timeout=600)
    if ok and done.returncode:
        raise SystemExit(f"{words} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def client_of(server: servers.Server, db: int = 0) -> redis.Redis:
    return redis.Redis(port=server.port, db=db, socket_timeout=120)


class Check:
    """Counts what differs."""

    def __init__(self) -> None:
        self.failed = 0

    def same(self, what: str, found: list[str]) -> None:
        print(f"  {what}: {'as it was' if not found else f'{len(found)} differ: ' + ', '.join(found[:5])}", flush=True)
        self.failed += bool(found)


def round_trip(check: Check, source: servers.Server, scratch: Path, databases: list[int]) -> None:
    """By file here, by file back, by wire here; each compared."""
    saved = source.directory / "dump.rdb"
    client_of(source).save()
    by_file, by_wire, back = scratch / "by-file", scratch / "by-wire", scratch / "back.rdb"
    command("import", "redis", by_file, "--rdb", saved)
    command("import", "redis", by_wire, "--from", source.url, "--compare")
    version = client_of(source).info("server")["redis_version"]
    command("export", "redis", by_file, "--rdb", back, "--for", "7.0" if version.startswith("7.0") else "7.2")
    told = subprocess.run([servers.peer_tool("redis-check-rdb"), back], capture_output=True, text=True, check=False).stdout
    check.same("redis-check-rdb", [] if "RDB looks OK" in told else [told])
    for name, directory in (("by file", by_file), ("by wire", by_wire)):
        with servers.hyperdb("--sync", "everysec", directory=directory) as here:
            for number in databases:
                check.same(f"{name}, database {number}", differences(client_of(source, number), client_of(here, number)))
    with loaded(back) as second:
        digests = [client_of(each).execute_command("DEBUG", "DIGEST") for each in (source, second)]
        check.same("DEBUG DIGEST of the file that came back", [] if digests[0] == digests[1] else [str(digests)])
        for number in databases:
            check.same(
                f"the file that came back, database {number}", differences(client_of(source, number), client_of(second, number))
            )
        libraries = [sorted(map(str, client_of(each).function_list(withcode=True))) for each in (source, second)]
        check.same("functions", [] if libraries[0] == libraries[1] else ["libraries"])


def loaded(file: Path) -> Any:
    """A Redis that starts on a file."""
    folder = str(file.parent)
    return servers.redis("--dir", folder, "--dbfilename", file.name, "--enable-debug-command", "yes")


def while_written(check: Check, source: servers.Server, scratch: Path) -> None:
    """Into a running server while the source is written to; what changed is found by comparing."""
    stop = threading.Event()

    def write() -> None:
        client, number = client_of(source), 0
        while not stop.is_set():
            client.set(b"hot:%d" % (number % 50), number)
            client.delete(b"%d:name" % (number % 500))
            number += 1

    with servers.hyperdb("--sync", "everysec", directory=scratch / "running") as here:
        writer = threading.Thread(target=write)
        writer.start()
        said = command("import", "redis", scratch / "running", "--from", source.url + "/0")
        stop.set()
        writer.join()
        check.same("a summary that owns up to changes", [] if "--compare finds them" in said else [said])
        command("import", "redis", scratch / "running", "--from", source.url + "/0", "--replace", "--compare")
        gone = [key for key in client_of(here).scan_iter(count=1000) if not client_of(source).exists(key)]
        for key in gone:
            client_of(here).delete(key)
        check.same("compared again", differences(client_of(source), client_of(here)))


def weight(folder: Path) -> int:
    """Bytes of the files in a folder, if there is one."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) if folder.is_dir() else 0


def killed(words: list[object], folder: Path) -> int:
    """Runs a command some times and kills it after it began to write into a folder; how often that was before its end."""
    kills = 0
    for wait in (0.0, 0.02, 0.05, 0.1, 0.2):
        before = weight(folder)
        process = subprocess.Popen(
            [servers.binary(), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and weight(folder) <= before:
            time.sleep(0.005)
        time.sleep(wait)
        if process.poll() is None:
            process.kill()
            kills += 1
        process.communicate()
        if process.returncode == 0:
            break
    return kills


def cut_off(check: Check, source: servers.Server, scratch: Path) -> None:
    """Killed in the middle, and begun again: by file, by wire, and on the way out."""
    origins = {"by file": ("--rdb", source.directory / "dump.rdb"), "by wire": ("--from", source.url)}
    for name, origin in origins.items():
        directory = scratch / f"cut {name}"
        words: list[object] = ["import", "redis", directory, *origin]
        kills = killed(words, directory)
        said = command(*words, ok=False)
        print(f"  {name}: killed {kills} times, then: {' '.join(said.split()[:12])}")
        with servers.hyperdb("--sync", "everysec", directory=directory) as here:
            check.same(f"{name}, killed and begun again", differences(client_of(source), client_of(here)))
    out = scratch / "out" / "cut.rdb"
    out.parent.mkdir()
    kills = killed(["export", "redis", directory, "--rdb", out, "--replace", "--for", "7.0"], out.parent)
    told = ""
    if out.exists():
        told = subprocess.run([servers.peer_tool("redis-check-rdb"), out], capture_output=True, text=True, check=False).stdout
    is_whole = not out.exists() or "RDB looks OK" in told
    check.same(f"an export that was killed {kills} times leaves no half file", [] if is_whole else [told])


def main() -> int:
    """0 when nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=len(FORMS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keys", type=int, default=400)
    options = parser.parse_args()
    check = Check()
    for turn in range(options.rounds):
        draw = random.Random(options.seed + turn)
        form = FORMS[turn % len(FORMS)]
        print(f"round {turn}: {form or 'as Redis is set'}", flush=True)
        words = [word for name, value in form.items() for word in (f"--{name}", value)]
        with servers.redis(*words, "--enable-debug-command", "yes") as source, tempfile.TemporaryDirectory() as scratch:
            # Every other time long values have nodes of lists of their own.
            client_of(source).execute_command("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "200b" if turn % 2 else "1gb")
            for number in (0, 9):
                fill(client_of(source, number), draw, options.keys)
            client_of(source).function_load(CODE.format("lib"))
            client_of(source).set("huge", os.urandom(1 << 20) + b"x" * (8 << 20))
            round_trip(check, source, Path(scratch), [0, 9])
            if turn == 0:
                cut_off(check, source, Path(scratch))
                while_written(check, source, Path(scratch))
    print("nothing differs" if not check.failed else f"{check.failed} checks failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
