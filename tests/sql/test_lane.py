"""The short way against the ordinary one: the same bytes in, the same bytes out.

Theory: two databases with the same tables are told the same messages; one client is lent to its lane wherever it may be, the
other never. Whatever differs is a defect of the lane. What the lane is for must also be answered there, which is counted.
"""

from __future__ import annotations

import random
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from wire_client import STARTUP, SYNC, bind, cut, describe, execute, fields, message, parse, query

import hyperdb
from hyperdb.errors import HyperDBError
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.conversation import Conversation, Role, Terms
from hyperdb.graph.catalog.tables import Tables

NOW = 1_700_000_000_123_456
TABLES = """
CREATE TABLE accounts (aid int, bid int, abalance int, filler char(12));
INSERT INTO accounts SELECT i, i % 3, i * 10, 'f' || i FROM generate_series(1, 40) i;
ALTER TABLE accounts ADD PRIMARY KEY (aid);
CREATE TABLE history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(4));
CREATE TABLE kinds (id bigint, part text, b bool, s smallint, f float8, v varchar(5), y bytea, u uuid, d date, t timestamptz,
    n numeric, n2 numeric(6,2), PRIMARY KEY (id, part));
CREATE TABLE strict (id int PRIMARY KEY, a int NOT NULL, b int UNIQUE, c int DEFAULT 7);
CREATE TABLE checked (id int PRIMARY KEY, a int CHECK (a > 0), up int REFERENCES strict);
"""


def roles(_name: str) -> Role:
    return Role("hyperdb", None)


@dataclass
class Talker:
    """A client. `lends` says whether the lane may answer; it counts what it does."""

    backend: SqlBackend
    lends: bool
    strays: int = 0
    answered: int = 0
    waits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        terms = Terms(
            backend=self.backend, find_role=roles, random=lambda n: bytes(n), process_id=1, decoy_secret=b"x", is_local=True
        )
        self.conversation = Conversation(terms)
        self.say(STARTUP)

    def say(self, data: bytes) -> bytes:
        """The answer to `data`, waits included."""
        out = b""
        lane = self.conversation.lend() if self.lends else None
        while lane is not None:
            found = lane.answer(data)
            taken, why, part = (len(data), "", found) if isinstance(found, bytes) else found
            out, data = out + part, data[taken:]
            self.answered += bool(taken)
            if why == "wait":
                come = threading.Event()
                lane.notify(come.set)
                assert come.wait(20)
                out += lane.resume()
            elif why != "full":
                self.conversation.reclaim()
                self.strays += why == "stray"
                if why == "failed":
                    with pytest.raises(HyperDBError) as error:
                        lane.check()
                    self.conversation.refuse(error.value)
                    out += self.conversation.take_output()
                break
        if data:
            self.conversation.receive(data)
            self._wait()
        return out + self.conversation.take_output()

    def _wait(self) -> None:
        while (wait := self.conversation.waiting) is not None:
            try:
                found = wait.resume()
            except Exception as error:
                self.conversation.refused(error)
            else:
                self.conversation.resolved(found)

    def run(self, text: str) -> list[str]:
        """A simple query's tags and SQLSTATEs."""
        return brief(self.say(query(text)))


def brief(answer: bytes) -> list[str]:
    found = []
    for kind, body in cut(answer):
        if kind == "C":
            found.append(body[:-1].decode())
        elif kind == "E":
            found.append(fields(body)["C"])
    return found


@pytest.fixture
def pair() -> Iterator[tuple[Talker, Talker]]:
    with hyperdb.open(":memory:", memory="32m") as one, hyperdb.open(":memory:", memory="32m") as other:
        backends = [SqlBackend(Tables(each.native), now=lambda: NOW) for each in (one, other)]
        talkers = Talker(backends[0], True), Talker(backends[1], False)
        for talker in talkers:
            talker.say(query(TABLES))
        yield talkers


def same(pair: tuple[Talker, Talker], *messages: bytes) -> bytes:
    """Both are told the same and answer the same; what they answered."""
    data = b"".join(messages)
    one, other = (talker.say(data) for talker in pair)
    assert one == other, (cut(one), cut(other))
    return one


STATEMENTS = [
    "SELECT abalance FROM accounts WHERE aid = {small}",
    "SELECT filler, aid, bid FROM accounts WHERE {small} = aid;",
    "UPDATE accounts SET abalance = abalance + {int} WHERE aid = {small}",
    "UPDATE accounts SET abalance = {int} - bid, filler = {word} WHERE aid = {small}",
    "INSERT INTO history (tid, bid, aid, delta, mtime) VALUES ({small}, {small}, {small}, {int}, CURRENT_TIMESTAMP)",
    "INSERT INTO strict (id, a, b) VALUES ({small}, {maybe}, {maybe})",
    "INSERT INTO strict VALUES ({int}, {small}, NULL, {maybe})",
    "UPDATE strict SET a = {maybe}, c = c * {small} WHERE id = {small}",
    "UPDATE strict SET b = {small} WHERE id = {small}",
    "UPDATE strict SET id = {small} WHERE id = {small}",
    "DELETE FROM strict WHERE id = {small}",
    "SELECT a, b, c FROM strict WHERE b = {small}",
    "DELETE FROM accounts WHERE aid = {small}",
    "INSERT INTO accounts VALUES ({small}, {maybe}, {int}, {word})",
    "INSERT INTO checked VALUES ({small}, {int}, {maybe})",
    "UPDATE checked SET a = {int} WHERE id = {small}",
    "SELECT * FROM checked WHERE id = {small} AND a > 0",
    "INSERT INTO kinds (id, part, b, s, v, d, n, n2) VALUES ({small}, {word}, {bool}, {short}, {word}, {day}, {int}, '{short}')",
    "INSERT INTO kinds (id, part, t, y, u) VALUES ({int}, {word}, {moment}, '\\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')",
    "SELECT b, s, v, d, t, y, u, n, n2 FROM kinds WHERE id = {small} AND part = {word}",
    "SELECT * FROM kinds WHERE part = {word} AND id = {small}",
    "UPDATE kinds SET v = {word}, d = {day} WHERE id = {small} AND part = {word}",
    "BEGIN",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT s",
    "SELECT count(*) FROM strict",
    "SELECT id FROM strict ORDER BY {small}",
    "SELECT {small}",
]


def literal(rng: random.Random, kind: str) -> str:
    match kind:
        case "small":
            return str(rng.randrange(12))
        case "short":
            return str(rng.randrange(-40_000, 40_000))
        case "int":
            return str(rng.choice([rng.randrange(-5000, 5000), 2_147_483_647, -2_147_483_648, 3_000_000_000]))
        case "maybe":
            return rng.choice(["NULL", str(rng.randrange(12))])
        case "word":
            return rng.choice(["'a'", "'it''s'", "'abcdef'", "'äöü'", "''", "'b '"])
        case "bool":
            return rng.choice(["true", "'t'", "'no'", "NULL"])
        case "day":
            return rng.choice(["'2024-02-29'", "'2023-02-29'", "'infinity'", "'1999-01-08'"])
    return rng.choice(["'2024-01-01 10:00:00+00'", "'2024-01-01 10:00:00.5'", "'2024-06-01 10:00+02'", "'now'"])


def filled(rng: random.Random, text: str) -> str:
    parts = text.split("{")
    return parts[0] + "".join(literal(rng, part.split("}", 1)[0]) + part.split("}", 1)[1] for part in parts[1:])


@pytest.mark.parametrize("seed", range(6))
def test_simple_queries_are_answered_as_in_the_ordinary_way(pair: tuple[Talker, Talker], seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(220):
        same(pair, query(filled(rng, rng.choice(STATEMENTS))))
    assert pair[0].answered > 15


PREPARED = {
    "get": ("SELECT abalance, filler, bid FROM accounts WHERE aid = $1", "i"),
    "add": ("UPDATE accounts SET abalance = abalance + $1 WHERE aid = $2", "ii"),
    "note": ("INSERT INTO history VALUES ($1, $2, $3, $4, now(), 'x')", "iiii"),
    "new": ("INSERT INTO strict (id, a, b) VALUES ($1, $2, $3)", "iii"),
    "gone": ("DELETE FROM strict WHERE id = $1", "i"),
    "mixed": ("INSERT INTO kinds (id, part, s, v) VALUES ($1, $2, $3, $4)", "ltst"),
    "show": ("SELECT id, part, s, v FROM kinds WHERE id = $1 AND part = $2", "lt"),
    "begin": ("BEGIN;", ""),
    "end": ("END;", ""),
    "count": ("SELECT count(*) FROM history WHERE aid = $1", "i"),
}
_WIDTHS = {"s": ">h", "i": ">i", "l": ">q"}


def _value(rng: random.Random, kind: str, binary: bool) -> bytes | None:
    if rng.random() < 0.05:
        return None
    if rng.random() < 0.04:
        return rng.choice([b"", b"x", b"\xff\xfe", b"12345678901234567890"])
    if kind == "t":
        return rng.choice([b"a", b"b'c", "äöü".encode(), b"abcdef"])
    number = rng.randrange(14)
    return struct.pack(_WIDTHS[kind], number) if binary else str(number).encode()


@pytest.mark.parametrize("seed", range(4))
def test_pipelines_are_answered_as_in_the_ordinary_way(pair: tuple[Talker, Talker], seed: int) -> None:
    rng = random.Random(seed)
    for name, (text, _) in PREPARED.items():
        same(pair, parse(text, name), SYNC)
    for _ in range(200):
        messages = []
        for _ in range(rng.choice([1, 1, 1, 1, 3])):
            name = rng.choice(list(PREPARED))
            kinds = PREPARED[name][1]
            codes = [rng.randrange(2) for _ in kinds]
            formats = rng.choice([codes, [0] * len(kinds), codes[:1]]) if kinds else []
            used = formats if len(formats) == len(kinds) else (formats or [0]) * len(kinds)
            values = [_value(rng, kind, bool(code)) for kind, code in zip(kinds, used, strict=True)]
            results = rng.choice([[], [0], [1], [0], [1], [1, 0, 1], [2]])
            messages.append(bind(values, name=name, formats=formats, results=results))
            messages += [describe("P")] * rng.randrange(2)
            messages += [execute("", rng.choice([0] * 9 + [1])), SYNC]
        same(pair, *messages)
    assert pair[0].answered > 15


@pytest.mark.parametrize("cut_at", range(1, 40, 3))
def test_a_message_may_come_in_pieces(pair: tuple[Talker, Talker], cut_at: int) -> None:
    text = query("SELECT abalance FROM accounts WHERE aid = 7")
    for _ in range(3):
        same(pair, text)
    assert pair[0].say(text[:cut_at]) + pair[0].say(text[cut_at:] + text) == same((pair[1], pair[1]), text, text)


def test_what_the_catalog_says_anew_is_followed(pair: tuple[Talker, Talker]) -> None:
    get = query("SELECT a, c FROM strict WHERE id = 1")
    same(pair, query("INSERT INTO strict VALUES (1, 2, 3)"))
    for _ in range(3):
        same(pair, get)
    answered = pair[0].answered
    same(pair, get)
    assert pair[0].answered == answered + 1
    for change in ("ALTER TABLE strict ALTER a TYPE text", "ALTER TABLE strict DROP COLUMN c", "TRUNCATE strict CASCADE",
                   "DROP TABLE strict CASCADE"):  # fmt: skip
        same(pair, query(change))
        for _ in range(3):
            same(pair, get)


def test_a_prepared_statement_takes_the_short_way_again_after_other_tables_have_changed(pair: tuple[Talker, Talker]) -> None:
    same(pair, parse("SELECT abalance FROM accounts WHERE aid = $1", "get"), SYNC)
    get = (bind([b"7"], name="get"), execute("", 0), SYNC)
    for change in ("SELECT 1", "CREATE TABLE elsewhere (a int)", "ALTER TABLE elsewhere ADD b int", "CREATE VIEW v AS SELECT 1"):
        same(pair, query(change))
        for _ in range(3):
            same(pair, *get)
        answered = pair[0].answered
        same(pair, *get)
        assert pair[0].answered == answered + 1
    same(pair, query("ALTER TABLE accounts ALTER abalance TYPE bigint"))
    for _ in range(3):
        same(pair, *get)


def test_a_role_that_was_changed_is_asked_again(pair: tuple[Talker, Talker]) -> None:
    get = query("SELECT abalance FROM accounts WHERE aid = 1")
    for _ in range(3):
        same(pair, get)
    lane = pair[0].conversation.lend()
    assert lane is not None
    assert isinstance(lane.answer(get), bytes)
    pair[0].backend.forget_roles()
    assert lane.answer(get) == (0, "stray", b"")
    pair[0].conversation.reclaim()
    answered = pair[0].answered
    same(pair, get)
    assert pair[0].answered > answered


def test_settings_and_levels_that_a_lane_does_not_know_keep_the_client_away_from_it(pair: tuple[Talker, Talker]) -> None:
    get = query("SELECT t FROM kinds WHERE id = 1 AND part = 'a'")
    same(pair, query("INSERT INTO kinds (id, part, t) VALUES (1, 'a', '2024-01-01 12:00:00+00')"))
    for _ in range(3):
        same(pair, get)
    for change in (
        "SET TimeZone = 'Asia/Kolkata'",
        "SET DateStyle = German",
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        "BEGIN READ ONLY",
    ):
        same(pair, query(change))
        answered = pair[0].answered
        same(pair, get)
        assert pair[0].answered == answered
        same(pair, query("ROLLBACK; RESET ALL"))
        same(pair, get)
        assert pair[0].answered > answered


def test_a_block_goes_from_one_to_the_other_and_back(pair: tuple[Talker, Talker]) -> None:
    for _ in range(3):
        for text in (
            "BEGIN", "UPDATE accounts SET abalance = abalance + 1 WHERE aid = 1", "SELECT sum(abalance) FROM accounts",
            "UPDATE accounts SET abalance = abalance + 1 WHERE aid = 1", "SELECT abalance FROM accounts WHERE aid = 1",
            "SAVEPOINT a", "UPDATE accounts SET abalance = 0 WHERE aid = 1", "ROLLBACK TO a",
            "SELECT abalance FROM accounts WHERE aid = 1", "SELECT now(), current_setting('transaction_isolation')", "COMMIT",
            "SELECT abalance FROM accounts WHERE aid = 1", "BEGIN", "DELETE FROM accounts WHERE aid = 2", "SELECT 1/0",
            "SELECT abalance FROM accounts WHERE aid = 1", "ROLLBACK", "SELECT bid FROM accounts WHERE aid = 2",
        ):  # fmt: skip
            same(pair, query(text))
    assert pair[0].answered > 15


LINES = [
    "{n}\t5\t7\tabc", "{n}\t\\N\t7\t\\N", "{n}\t5\t7\ta\\tb", "{n}\t5\t7\t\\\\N", "{n}\t5\t7\tabc ", "{n}\t 5\t7\tx",
    "{n}\t-5\t+7\täöü",
]  # fmt: skip
FAULTS = [
    "{n}\t5\t7", "{n}\t5\t7\tabc\td", "x\t5\t7\tabc", "{n}\t5\t3000000000\tabc", "{n}\t5\t7\tabcdefghijklmn", "\\N\t5\t7\tabc",
    "3\t5\t7\tabc", "{n}\t5\t7\tabc\r", "\\.", "",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_copied_lines_are_the_rows_of_the_ordinary_way_or_its_error(pair: tuple[Talker, Talker], seed: int) -> None:
    rng = random.Random(seed)
    pair[1].conversation.session.lane.has_common_settings = lambda: False  # type: ignore[union-attr]
    for number in range(6):
        lines = [rng.choice(LINES[:2] + LINES if number % 2 else LINES[:2]) for _ in range(rng.randrange(30))]
        if rng.random() < 0.6:
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(FAULTS))
        data = "".join(line.format(n=1000 * number + 100 + at) + "\n" for at, line in enumerate(lines)).encode()
        data = data[: -rng.randrange(2)] or data
        cut_at = rng.randrange(len(data) + 1)
        pieces = message("d", data[:cut_at]) + message("d", data[cut_at:])
        same(pair, query("COPY accounts FROM STDIN"))
        same(pair, pieces, message("c"))
        same(pair, query("COPY history (tid, bid, delta, filler) FROM STDIN"), pieces, message("c"))
        same(pair, query("SELECT * FROM accounts ORDER BY aid"))
        same(pair, query("SELECT tid, bid, aid, delta, mtime, filler FROM history ORDER BY tid, bid, delta, filler"))


# Several clients.


@pytest.fixture
def backend() -> Iterator[SqlBackend]:
    with hyperdb.open(":memory:", memory="32m") as database:
        yield SqlBackend(Tables(database.native))


UPDATE = "UPDATE t SET v = v + 1 WHERE id = 1"


def _learned(backend: SqlBackend, number: int) -> list[Talker]:
    talkers = [Talker(backend, True) for _ in range(number)]
    talkers[0].run("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0), (2, 0)")
    for _ in range(3):
        talkers[0].run(UPDATE)
    return talkers


def test_a_lock_that_is_not_free_is_told_and_the_statement_runs_when_it_is(backend: SqlBackend) -> None:
    one, other = _learned(backend, 2)
    assert one.run("BEGIN") + one.run(UPDATE) == ["BEGIN", "UPDATE 1"]
    lane = other.conversation.lend()
    assert lane is not None
    answer = lane.answer(query(UPDATE))
    assert answer[:2] == (0, "wait")
    come = threading.Event()
    lane.notify(come.set)
    assert not come.is_set()
    assert one.run("COMMIT") == ["COMMIT"]
    assert come.wait(10)
    lane.resume()
    taken, why, _ = lane.answer(query(UPDATE))  # type: ignore[misc]
    assert (taken > 0, why) == (True, "wait"), "its commit is waited for"
    committed = threading.Event()
    lane.notify(committed.set)
    assert committed.wait(10)
    assert brief(lane.resume()) == ["UPDATE 1"]
    other.conversation.reclaim()
    assert b"\0\0\0\x015" in other.say(query("SELECT v FROM t WHERE id = 1"))


def test_a_wait_for_a_lock_can_be_cancelled(backend: SqlBackend) -> None:
    one, other = _learned(backend, 2)
    one.run("BEGIN")
    one.run(UPDATE)
    lane = other.conversation.lend()
    assert lane is not None
    assert lane.answer(query(UPDATE))[:2] == (0, "wait")
    come = threading.Event()
    lane.notify(come.set)
    lane.cancel()
    assert come.wait(10)
    lane.resume()
    assert lane.answer(query(UPDATE))[1] == "failed"
    with pytest.raises(hyperdb.errors.CancelledError):
        lane.check()
    other.conversation.reclaim()
    assert one.run("ROLLBACK") + other.run(UPDATE) == ["ROLLBACK", "UPDATE 1"]


def test_who_closes_a_cycle_of_waits_gives_way(backend: SqlBackend) -> None:
    one, other = _learned(backend, 2)
    second = UPDATE.replace("id = 1", "id = 2")
    for talker, text in ((one, UPDATE), (other, second)):
        assert talker.run("BEGIN") + talker.run(text) == ["BEGIN", "UPDATE 1"]
    lane = one.conversation.lend()
    assert lane is not None
    assert lane.answer(query(second))[:2] == (0, "wait")
    assert other.run(UPDATE) == ["40P01"]
    assert other.run(UPDATE) + other.run("COMMIT") == ["25P02", "ROLLBACK"]
    answer = lane.answer(query(second) + query("ROLLBACK"))
    assert isinstance(answer, bytes)
    assert brief(answer) == ["UPDATE 1", "ROLLBACK"]
    one.conversation.reclaim()


def test_no_update_is_lost_among_many_clients(backend: SqlBackend) -> None:
    talkers = _learned(backend, 6)
    failures: list[BaseException] = []

    def work(talker: Talker) -> None:
        try:
            for round_ in range(20):
                if round_ % 2:
                    assert talker.run(UPDATE) == ["UPDATE 1"]
                else:
                    assert talker.run("BEGIN") + talker.run(UPDATE) + talker.run("END") == ["BEGIN", "UPDATE 1", "COMMIT"]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(talker,)) for talker in talkers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert b"123" in talkers[0].say(query("SELECT v FROM t WHERE id = 1"))
