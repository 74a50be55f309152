"""The same commands to HyperDB and to Redis: the same events of keys, in the same order, and the same invalidations."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import servers  # noqa: E402
from wire import Connection, Reply  # noqa: E402

STRINGS = """
set k v | set k v ex 100 | set k v nx | set k v xx get | setex s 100 v | psetex s 100000 v | setnx n 1
setnx n 2 | getset n 5
incr n | decr n | incrby n 5 | decrby n 3 | incrbyfloat n 1.5 | append k x | setrange k 1 abc | getdel k | getdel k
mset a 1 b 2 | msetnx a 1 c 2 | msetnx c 1 d 2 | setbit bits 7 1 | bitop and out bits a
bitop and out none none2 | bitfield bits set u8 0 5
getex a ex 100 | getex a persist | getex a persist | getex a | expire a 100 | pexpire a 100000 | persist a
persist a | expire a -1
pfadd hll a b | pfadd hll a | pfmerge hll2 hll | copy hll hll3 | rename hll2 hll4 | renamenx hll4 hll3
move b 1 | del none hll hll3 | unlink hll4
"""
COLLECTIONS = """
lpush l a b c | rpush l d e | lpushx l f | rpushx none x | linsert l before a x | lset l 0 z | lrem l 1 z
ltrim l 0 3 | lpop l | rpop l 2
lmove l m left right | rpoplpush l m | rpush l 1 2 | lmove m m left right | lmpop 1 m left | blpop l 0
brpop l 0 | del m
sadd s a b c | sadd s a | srem s a | srem s zz | smove s t b | smove s t zz | spop s | sadd s q w e | sadd t w
sinterstore d s t | sunionstore d s t | sdiffstore d t t | sdiffstore d none none
hset h f 1 g 2 | hsetnx h f 2 | hsetnx h i 2 | hmset h j 1 | hincrby h f 1 | hincrbyfloat h f 1.5 | hdel h f
hdel h zz | hdel h g i j
zadd z 1 a 2 b 3 c | zadd z 1 a | zadd z incr 1 a | zincrby z 1 a | zrem z zz | zpopmin z | zpopmax z
zmpop 1 z min | zadd z 1 a 2 b 3 c 4 d
zremrangebyscore z 1 1 | zremrangebyrank z 0 0 | zremrangebylex z [c [c | zrangestore y z 0 -1
zunionstore x 1 z | zinterstore x 2 z none
zdiffstore x 1 z | geoadd g 1 1 a 2 2 b | geosearchstore gs g fromlonlat 1 1 byradius 500 km
georadius g 1 1 500 km store gr
sort z alpha store so | sort none store so | lpush q 3 1 2 | sort q store q
"""
STREAMS = """
xadd x 1-1 a b | xadd x 2-1 a b | xgroup create x g 0 | xgroup createconsumer x g c
xgroup createconsumer x g c | xreadgroup group g c streams x >
xack x g 1-1 | xgroup setid x g 0 | xgroup delconsumer x g c | xgroup destroy x g | xdel x 1-1 | xdel x 9-9
xtrim x maxlen 0 | xtrim x maxlen 0
xadd x 3-1 a b | xadd x maxlen 1 4-1 a b | xsetid x 9-9 | del x
"""
MIXED = """
set k v | lpush l a | multi | set a 1 | rpush l b | del a | exec | multi | set a 1 | discard | set k w | flushdb
set k v
"""
END = "end-of-part"
NAMES = re.compile(r"\$'([^']*)'")


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    with servers.hyperdb("--sync", "everysec") as ours, servers.redis() as theirs:
        yield ours.port, theirs.port


def lines(part: str) -> list[list[bytes]]:
    commands = part.replace("\n", "|").split("|")
    return [[word.encode() for word in command.split()] for command in commands if command.strip()]


def told(port: int, classes: str, part: str) -> list[str]:
    """The messages that subscribers got of these commands."""
    asking, hearing = Connection(port, 2), Connection(port, 2)
    with contextlib.closing(asking), contextlib.closing(hearing):
        asking.call(b"FLUSHALL")
        asking.call(b"CONFIG", b"SET", b"notify-keyspace-events", classes.encode())
        hearing.call(b"PSUBSCRIBE", b"__key*")
        for words in lines(part):
            asking.call(*words)
        asking.call(b"PUBLISH", b"__key-end", END.encode())
        messages: list[str] = []
        while True:
            message = hearing._read()
            shown = " ".join(str(each.payload) for each in message.payload if isinstance(each, Reply))  # type: ignore[union-attr]
            if END in shown:
                return messages
            messages.append(shown)


@pytest.mark.parametrize("classes", ["KEA", "Eg$", "Klx", "KEAn"])
@pytest.mark.parametrize("part", [STRINGS, COLLECTIONS, STREAMS, MIXED], ids=["strings", "collections", "streams", "mixed"])
def test_events_are_those_of_redis(ports: tuple[int, int], classes: str, part: str) -> None:
    ours, theirs = (told(port, classes, part) for port in ports)
    assert ours == theirs


def invalidated(port: int, options: list[bytes], part: str) -> list[str]:
    """What a tracking client hears while another runs these commands; it has read what is named in the first line."""
    reading, asking = Connection(port, 3), Connection(port, 3)
    with contextlib.closing(reading), contextlib.closing(asking):
        asking.call(b"FLUSHALL")
        assert reading.call(b"CLIENT", b"TRACKING", b"ON", *options).payload == b"OK"
        heard: list[str] = []
        for words in lines(part):
            for read in (b"EXISTS", b"TYPE"):
                reading._socket.sendall(b" ".join([read, words[1] if len(words) > 1 else b"none"]) + b"\r\n")
                heard += _until(reading, {":", "+"})
            asking.call(*words)
        time.sleep(0.2)
        reading._socket.sendall(b"PING\r\n")
        return heard + _until(reading, {"+"})


def _until(connection: Connection, kinds: set[str]) -> list[str]:
    """Pushes before the next reply of one of these kinds."""
    heard: list[str] = []
    while (reply := connection._read()).kind not in kinds:
        heard.append(str(reply))
    return heard


#: What groups know is part of a stream here, so what only changes that tells of the stream too (docs/resp.md).
KEYS_OF_STREAMS = "xadd x 1-1 a b | xadd x 2-1 a b | xdel x 1-1 | xtrim x maxlen 0 | xadd x 3-1 a b | del x"


@pytest.mark.parametrize("options", [[], [b"BCAST"], [b"BCAST", b"PREFIX", b"s"], [b"OPTIN"], [b"OPTOUT", b"NOLOOP"]])
@pytest.mark.parametrize("part", [STRINGS, COLLECTIONS, KEYS_OF_STREAMS], ids=["strings", "collections", "streams"])
def test_invalidations_are_those_of_redis(ports: tuple[int, int], options: list[bytes], part: str) -> None:
    # How many turns of its loop a server makes of the commands says which keys are broadcast together.
    ours, theirs = (sorted(name for text in invalidated(port, options, part) for name in NAMES.findall(text)) for port in ports)
    assert ours == theirs
