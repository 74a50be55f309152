"""MIGRATE over a fake store and a fake target: what is sent, what stays, and what the client is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from hyperdb.frontends.resp.answers import OK, Answer, Failure, Simple
from hyperdb.frontends.resp.control import Client, Dumped
from hyperdb.frontends.resp.migrate import Sockets, migrate

ALICE = Client(id=7, db=2, role="alice", name=b"", address="127.0.0.1:9", resp3=True, in_transaction=False)
ONE, OTHER = Dumped(b"one", -1, 0), Dumped(b"other", 99, 5)


@dataclass
class FakeStore:
    """Keys of one database; `before_removal` is what another client does between the sending and the removal."""

    held: dict[bytes, Dumped]
    before_removal: list[Callable[[dict[bytes, Dumped]], object]] = field(default_factory=list)

    def dumped(self, db: int, key: bytes) -> Dumped | None:
        assert db == ALICE.db
        return self.held.get(key)

    def remove_if(self, _: int, key: bytes, held: Dumped) -> bool:
        if self.before_removal:
            self.before_removal.pop(0)(self.held)
        return self.held.get(key) == held and self.held.pop(key) == held


@contextmanager
def target(*replies: bytes) -> Iterator[tuple[int, list[list[bytes]]]]:
    """A server that gives these replies, one by command, and then closes; its port, and what it was asked."""
    asked: list[list[bytes]] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as read:
                for reply in replies:
                    head = read.readline()
                    if not head:
                        return
                    asked.append([_bulk(read.readline(), read.read) for _ in range(int(head[1:]))])
                    connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], asked
        thread.join(10)


def _bulk(head: bytes, read: Callable[[int], bytes]) -> bytes:
    return read(int(head[1:]) + 2)[:-2]


def run(store: FakeStore, port: int, *rest: bytes, key: bytes = b"k", client: Client = ALICE) -> Answer:
    words: Sequence[bytes] = (b"MIGRATE", b"127.0.0.1", str(port).encode(), key, b"3", b"5000", *rest)
    return ordered(store, words, client)


def ordered(store: FakeStore, words: Sequence[bytes], client: Client = ALICE) -> Answer:
    """MIGRATE with these words, over connections of its own."""
    sockets = Sockets()
    try:
        return migrate(sockets, store, client, words)  # type: ignore[arg-type]
    finally:
        sockets.close()


def test_a_key_arrives_with_its_expiry_and_leaves() -> None:
    store = FakeStore({b"k": OTHER})
    with target(b"+OK\r\n", b"+OK\r\n") as (port, asked):
        assert run(store, port) == OK
    assert asked == [[b"SELECT", b"3"], [b"RESTORE", b"k", b"5", b"other"]]
    assert store.held == {}


def test_options_copy_replace_and_credentials() -> None:
    store = FakeStore({b"k": ONE})
    with target(*[b"+OK\r\n"] * 3) as (port, asked):
        assert run(store, port, b"copy", b"REPLACE", b"auth2", b"u", b"pw") == OK
    assert asked == [[b"AUTH", b"u", b"pw"], [b"SELECT", b"3"], [b"RESTORE", b"k", b"0", b"one", b"REPLACE"]]
    assert store.held == {b"k": ONE}


def test_of_several_keys_the_refused_one_stays() -> None:
    store = FakeStore({b"a": ONE, b"b": ONE, b"c": ONE})
    with target(b"+OK\r\n", b"+OK\r\n", b"-BUSYKEY taken\r\n", b"+OK\r\n") as (port, asked):
        answer = run(store, port, b"KEYS", b"a", b"none", b"b", b"c", key=b"")
    assert answer == Failure("ERR Target instance replied with error: BUSYKEY taken")
    assert [words[1] for words in asked[1:]] == [b"a", b"b", b"c"]
    assert store.held == {b"b": ONE}


def test_a_key_changed_meanwhile_is_sent_again_over_the_first() -> None:
    store = FakeStore({b"k": ONE}, [lambda held: held.update({b"k": OTHER})])
    with target(*[b"+OK\r\n"] * 3) as (port, asked):
        assert run(store, port) == OK
    assert asked[1:] == [[b"RESTORE", b"k", b"0", b"one"], [b"RESTORE", b"k", b"5", b"other", b"REPLACE"]]
    assert store.held == {}


def test_a_key_removed_meanwhile_does_not_stay_on_the_target() -> None:
    store = FakeStore({b"k": ONE}, [dict.clear])
    with target(b"+OK\r\n", b"+OK\r\n", b":1\r\n") as (port, asked):
        assert run(store, port) == OK
    assert asked[-1] == [b"DEL", b"k"]


def test_a_key_that_never_rests_stays() -> None:
    changes = [lambda held, n=n: held.update({b"k": Dumped(b"%d" % n, -1, 0)}) for n in range(20)]
    store = FakeStore({b"k": ONE}, changes)
    with target(*[b"+OK\r\n"] * 20) as (port, _):
        answer = run(store, port)
        assert isinstance(answer, Failure) and "changes faster" in answer.text
    assert b"k" in store.held


@pytest.mark.parametrize("replies", [(), (b"+OK\r\n",), (b"+OK\r\n", b"+O")])
def test_without_an_answer_the_key_stays(replies: tuple[bytes, ...]) -> None:
    store = FakeStore({b"k": ONE})
    with target(*replies) as (port, _):
        answer = run(store, port)
    assert isinstance(answer, Failure) and answer.text.startswith("IOERR error or timeout")
    assert store.held == {b"k": ONE}


def test_a_target_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    store = FakeStore({b"k": ONE})
    assert run(store, port) == Failure("IOERR error or timeout writing to target instance")
    assert ordered(store, [b"MIGRATE", b"127.0.0.1", b"x" * 9, b"k", b"0", b"1"]) == Failure(
        "IOERR error or timeout writing to target instance"
    )
    assert store.held == {b"k": ONE}


def test_no_key_to_move_asks_nobody() -> None:
    assert run(FakeStore({}), 1) == Simple("NOKEY")
    assert run(FakeStore({b"x": ONE}), 1, b"KEYS", b"a", b"b", key=b"") == Simple("NOKEY")


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ((b"AUTH",), "syntax error"),
        ((b"AUTH2", b"u"), "syntax error"),
        ((b"NOSUCH",), "syntax error"),
        ((b"KEYS", b"a"), "must be set to the empty string"),
    ],
)
def test_wrong_words(rest: tuple[bytes, ...], said: str) -> None:
    answer = run(FakeStore({b"k": ONE}), 1, *rest)
    assert isinstance(answer, Failure) and said in answer.text


def test_wrong_numbers_and_transactions() -> None:
    store = FakeStore({b"k": ONE})
    words = [b"MIGRATE", b"h", b"1", b"k", b"0", b"1"]
    for at in (4, 5):
        wrong = [*words[:at], b"x", *words[at + 1 :]]
        assert ordered(store, wrong) == Failure("ERR value is not an integer or out of range")
    inside = Client(id=7, db=2, role="alice", name=b"", address="127.0.0.1:9", resp3=True, in_transaction=True)
    answer = run(store, 1, client=inside)
    assert isinstance(answer, Failure) and "transaction" in answer.text
