"""A chat of several processes over pub/sub: rooms, a moderator of all of them, sharded channels, members who lose connections.

A message is logged in a stream and published by one script, so the log has the order in which it was heard. Who reconnects reads
there what he missed: every member has every message of his room once, in order, though connections are killed all the time, a
member is killed, and the server is started again.
Run: `python compat-tests/apps/chat.py [--peer]`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import redis
import servers
from redis.backoff import ConstantBackoff
from redis.retry import Retry

ROOMS = ("red", "blue")
MEMBERS, MESSAGES, KILLS = 3, 60, 25
SAY = """
local id = redis.call('XADD', KEYS[1], '*', 'from', ARGV[2], 'text', ARGV[3])
redis.call(ARGV[4], ARGV[1], cjson.encode({id = id, from = ARGV[2], text = ARGV[3]}))
return id
"""


def connection(port: int, protocol: int) -> redis.Redis:
    """A client that tries again when its connection is lost."""
    again = Retry(ConstantBackoff(0.05), 200)
    lost = [redis.ConnectionError, redis.TimeoutError]
    return redis.Redis(port=port, protocol=protocol, decode_responses=True, retry=again, retry_on_error=lost)


def place(identity: str) -> tuple[int, ...]:
    """Where in the log a message stands."""
    return tuple(map(int, identity.split("-")))


class Room:
    """What one member has heard of one room: messages by their place in the log."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self._client, self._log = client, f"log:{name}"
        self.heard: dict[str, tuple[str, str]] = {}
        self.subscribed = 0
        self._newest = (0, 0)

    def hear(self, message: dict[str, str]) -> None:
        """A message that was published; one that the log told already counts once."""
        assert place(message["id"]) > self._newest, "a message was heard twice, or before an older one"
        self._newest = place(message["id"])
        self.heard[message["id"]] = (message["from"], message["text"])

    def catch_up(self) -> None:
        """Reads what was missed before a subscription was confirmed, the first or one after a lost connection."""
        self.subscribed += 1
        for identity, fields in self._client.xrange(self._log):
            self.heard[identity] = (fields["from"], fields["text"])


def member(port: int, name: str, room: str, sharded: bool, protocol: int) -> None:
    """One member: says his messages and listens until he has heard all of the room's."""
    client = connection(port, protocol)
    say = client.register_script(SAY)
    heard = Room(client, room)
    pubsub = client.pubsub()
    channel = f"{'shard' if sharded else 'room'}:{room}"
    (pubsub.ssubscribe if sharded else pubsub.subscribe)(channel)
    said, deadline = 0, time.monotonic() + 120
    while len(heard.heard) < MEMBERS * MESSAGES:
        assert time.monotonic() < deadline, f"{name} heard {len(heard.heard)} messages"
        with contextlib.suppress(redis.ConnectionError):
            event = pubsub.get_message(timeout=0.02)
            if event is not None and event["type"] in ("subscribe", "ssubscribe"):
                heard.catch_up()
            elif event is not None and event["type"] in ("message", "smessage"):
                assert event["channel"] == channel, event
                heard.hear(json.loads(event["data"]))
        if said < MESSAGES and heard.subscribed:
            say(keys=[f"log:{room}"], args=[channel, name, f"{name}-{said}", "SPUBLISH" if sharded else "PUBLISH"])
            said += 1
    print(json.dumps({"heard": heard.heard, "subscribed": heard.subscribed}))


def moderator(port: int, protocol: int) -> None:
    """Hears every room by a pattern, until told to stop; his connection is left alone."""
    pubsub = connection(port, protocol).pubsub()
    pubsub.psubscribe("room:*", "st[o]p")
    heard: list[str] = []
    for event in pubsub.listen():
        if event["type"] == "pmessage":
            if event["channel"] == "stop":
                break
            assert event["pattern"] == "room:*", event
            heard.append(json.loads(event["data"])["text"])
    print(json.dumps(heard))


@contextlib.contextmanager
def started(*words: object) -> Iterator[subprocess.Popen[str]]:
    """A process of this application."""
    command = [sys.executable, __file__, "--role", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until_equal(look: object, wanted: object) -> None:
    """Waits for something to become what it should be."""
    deadline = time.monotonic() + 30
    while (seen := look()) != wanted:  # type: ignore[operator]
        assert time.monotonic() < deadline, f"{seen} instead of {wanted}"
        time.sleep(0.02)


def talk(port: int, sharded: bool) -> None:
    """Two rooms full of members whose connections are killed while they talk."""
    watcher = connection(port, 2)
    watcher.flushall()
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(started(port, "moderator", 3))
        until_equal(watcher.pubsub_numpat, 2)
        ghost = stack.enter_context(started(port, "member", "ghost", "red", sharded, 2))
        prefix = "shard" if sharded else "room"
        count = watcher.pubsub_shardnumsub if sharded else watcher.pubsub_numsub
        until_equal(lambda: dict(count(f"{prefix}:red")), {f"{prefix}:red": 1})
        ghost.kill()
        until_equal(lambda: dict(count(f"{prefix}:red")), {f"{prefix}:red": 0})
        watcher.delete("log:red")
        members = {
            f"{room}{number}": stack.enter_context(started(port, "member", f"{room}{number}", room, sharded, 2 + number % 2))
            for room in ROOMS
            for number in range(MEMBERS)
        }
        for turn in range(KILLS):
            time.sleep(0.05)
            talking = [each for each in watcher.client_list(_type="pubsub") if each["psub"] == "0"]
            if talking:
                with contextlib.suppress(redis.ResponseError):
                    watcher.client_kill(talking[turn % len(talking)]["addr"])
        told = {name: json.loads(process.communicate(timeout=150)[0]) for name, process in members.items()}
        watcher.publish("stop", "")
        seen = json.loads(listening.communicate(timeout=30)[0])
    assert sum(each["subscribed"] for each in told.values()) > len(told), "no connection was lost"
    for room in ROOMS:
        log = {identity: [fields["from"], fields["text"]] for identity, fields in watcher.xrange(f"log:{room}")}
        for name in (name for name in told if name.startswith(room)):
            assert told[name]["heard"] == log, f"{name} heard something else"
            assert [text for each, text in log.values() if each == name] == [f"{name}-{number}" for number in range(MESSAGES)]
        if not sharded:
            assert [text for text in seen if text.startswith(room)] == [text for _, text in log.values()], "another order"
    assert not (sharded and seen), "sharded channels are no pattern's business"


def main() -> int:
    """0 when everybody heard everything once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    parser.add_argument("--role", nargs="*", help="a process of the chat itself")
    options = parser.parse_args()
    if options.role:
        port, kind, *words = options.role
        if kind == "moderator":
            moderator(int(port), int(words[0]))
        else:
            member(int(port), words[0], words[1], words[2] == "True", int(words[3]))
        return 0
    with tempfile.TemporaryDirectory(prefix="hyperdb-chat-") as scratch:
        data = Path(scratch) / "data"
        with servers.redis() if options.peer else servers.hyperdb(directory=data) as server:
            talk(server.port, sharded=False)
            talk(server.port, sharded=True)
        if not options.peer:
            with servers.hyperdb(directory=data) as server:
                heard = Room(connection(server.port, 3), "red")
                heard.catch_up()
                assert len(heard.heard) == MEMBERS * MESSAGES, "a restart lost messages"
    print("chat: every member heard every message once and in order, over lost connections, with and without shards")
    return 0


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
