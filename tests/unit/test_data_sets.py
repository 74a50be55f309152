"""REPLCONF and SYNC: who is given the data set, and who is refused."""

from __future__ import annotations

from dataclasses import replace

from hyperdb.errors import InvalidError
from hyperdb.frontends.resp.answers import OK, Answer, Failure
from hyperdb.frontends.resp.control import Client
from hyperdb.frontends.resp.data_set import DataSets

ALICE = Client(id=7, db=0, role="alice", name=b"", address="127.0.0.1:9", resp3=True, in_transaction=False)
WANTS = [b"REPLCONF", b"capa", b"eof", b"RDB-only", b"1"]


class Store:
    """A store whose data set is too large the second time."""

    times = 0

    def data_set(self) -> bytes:
        self.times += 1
        if self.times > 1:
            raise InvalidError("too large")
        return b"REDIS0010"


def sync(sets: DataSets, store: Store, client: Client) -> Answer:
    return sets.sync(store, client, [b"SYNC"])  # type: ignore[arg-type]


def replconf(sets: DataSets, client: Client, *words: bytes) -> Answer:
    return sets.replconf(Store(), client, words)  # type: ignore[arg-type]


def is_refused(answer: Answer) -> bool:
    return isinstance(answer, Failure) and "does not replicate" in answer.text


def test_only_the_client_that_asked_is_given_it_and_once() -> None:
    sets, store = DataSets(), Store()
    assert replconf(sets, ALICE, *WANTS) == OK
    assert is_refused(sync(sets, store, replace(ALICE, id=8)))
    assert sync(sets, store, ALICE) == b"REDIS0010"
    assert is_refused(sync(sets, store, ALICE))
    assert replconf(sets, ALICE, *WANTS) == OK
    assert sync(sets, store, ALICE) == Failure("ERR too large")


def test_a_replica_is_refused_at_its_first_words() -> None:
    sets = DataSets()
    for words in ((b"listening-port", b"6380"), (b"rdb-only", b"yes"), (b"rdb-only", b"1", b"ack", b"0")):
        assert is_refused(replconf(sets, ALICE, b"REPLCONF", *words))
    assert replconf(sets, ALICE, b"REPLCONF", b"rdb-only") == Failure("ERR syntax error")
    assert is_refused(sets.psync(Store(), ALICE, [b"PSYNC", b"?", b"-1"]))  # type: ignore[arg-type]


def test_those_who_ask_and_do_not_come_are_forgotten_in_time() -> None:
    sets = DataSets()
    for number in range(1025):
        assert replconf(sets, replace(ALICE, id=number), *WANTS) == OK
    assert is_refused(sync(sets, Store(), replace(ALICE, id=0)))
    assert sync(sets, Store(), replace(ALICE, id=1)) == b"REDIS0010"
