"""COPY that is loaded in bulk: the same rows, or the same refusal, as one that is added at its end.

Theory: two databases are told the same; in one of them a piece is a few bytes, so that everything is loaded. What may differ is
the moment at which an error is told, never which one.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import pytest
from test_lane import Talker, brief
from wire_client import message, query

import hyperdb
from hyperdb.frontends.sql import copy_in
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.graph.catalog.tables import Tables

TABLES = """
CREATE TABLE t (id int PRIMARY KEY, name varchar(9) UNIQUE, note text DEFAULT 'none', at timestamp DEFAULT now());
CREATE INDEX ON t (note);
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent VALUES (1), (2);
CREATE TABLE child (id serial PRIMARY KEY, up int REFERENCES parent, n numeric CHECK (n > 0),
    twice int GENERATED ALWAYS AS (up * 2) STORED);
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree);
CREATE TABLE heap (a int, b text);
"""
NOW = 1_700_000_000_123_456


@pytest.fixture
def backends() -> Iterator[tuple[SqlBackend, SqlBackend]]:
    with hyperdb.open(":memory:", memory="32m") as one, hyperdb.open(":memory:", memory="32m") as other:
        made = [SqlBackend(Tables(each.native), now=lambda: NOW) for each in (one, other)]
        for backend in made:
            Talker(backend, lends=False).run(TABLES)
        yield made[0], made[1]


def copied(talker: Talker, command: str, data: bytes, rng: random.Random | None = None, end: bytes = b"") -> list[str]:
    """Sends a COPY, cut anywhere; tags and SQLSTATEs."""
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(6))) if rng else []
    pieces = [data[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    found = brief(talker.say(query(command)))
    for piece in pieces:
        found += brief(talker.say(message("d", piece)))
    return found + brief(talker.say(end or message("c")))


def rows(talker: Talker, table: str) -> bytes:
    return talker.say(query(f"SELECT * FROM {table} ORDER BY 1, 2"))


def pairs(backends: tuple[SqlBackend, SqlBackend]) -> tuple[Talker, Talker]:
    return Talker(backends[0], lends=False), Talker(backends[1], lends=False)


LINES = [
    "{n}\tn{n}\tx\n", "{n}\t\\N\ty\n", "{n}\tb{n}\t\\\\a\\tb\\n\\101\n", "{n}\t\\N\t\\N\n", " {n}\t\\N\tä ö\n",
    "{n}\t\\N\tends \\\nhere\n",
]  # fmt: skip
FAULTS = [
    "{n}\tx\n",
    "{n}\ta\tb\tc\n",
    "\\N\tq\tx\n",
    "1\tone\tx\n",
    "{n}\ttoo long a name\tx\n",
    "q\tq\tx\n",
    "{n}\tn1\tx\n",
    "{n}\tx\ty\r\n",
]


@pytest.mark.parametrize("seed", range(8))
def test_lines_are_the_same_rows_or_the_same_error(
    backends: tuple[SqlBackend, SqlBackend], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    one, other = pairs(backends)
    for round_ in range(8):
        lines = [rng.choice(LINES).format(n=1000 * round_ + at) for at in range(rng.randrange(40))]
        rng.shuffle(lines)
        if rng.random() < 0.5:
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(FAULTS).format(n=5000 + round_))
        data = "".join(lines).encode()
        monkeypatch.setattr(copy_in, "PIECE", rng.choice([1, 50]))
        got = copied(one, "COPY t (id, name, note) FROM STDIN", data, rng)
        monkeypatch.undo()
        assert got == copied(other, "COPY t (id, name, note) FROM STDIN", data)
        for text in (
            "SELECT * FROM t ORDER BY id",
            "SELECT id FROM t WHERE note >= 'x' ORDER BY note, id",
            "DELETE FROM t WHERE id % 7 = 1",
        ):
            assert one.say(query(text)) == other.say(query(text))


CSV = ["{n},n{n},x\n", "{n},,\"a\"\"b,\nc\"\n", "{n},\"\",\"\"\n", '"{n}","q""{n}",\\n\n', "{n},NULL,y\n"]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_csv_is_the_same(backends: tuple[SqlBackend, SqlBackend], monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    rng = random.Random(seed)
    one, other = pairs(backends)
    for round_, options in enumerate(
        ("", ", HEADER", ", NULL 'NULL'", ", QUOTE '''', DELIMITER ';'", ", HEADER MATCH", ", FORCE_NULL (note)")
    ):
        lines = [rng.choice(CSV).format(n=1000 * round_ + at) for at in range(rng.randrange(1, 30))]
        if "HEADER" in options:
            lines.insert(0, "id,name,note\n")
        if rng.random() < 0.4:
            lines.insert(
                rng.randrange(len(lines) + 1), rng.choice(["1,2\n", 'x"y\n', "1,one,x\n", '{n},"open\n', "\\.\n", "7,8,9\r\n"])
            )
        data = "".join(lines).encode()
        command = f"COPY t (id, name, note) FROM STDIN (FORMAT csv{options})"
        monkeypatch.setattr(copy_in, "PIECE", 40)
        got = copied(one, command, data, rng)
        monkeypatch.undo()
        assert got == copied(other, command, data)
        assert rows(one, "t") == rows(other, "t")


def binary(values: list[tuple[int, str | None]]) -> bytes:
    body = b""
    for number, text in values:
        raw = None if text is None else text.encode()
        body += struct.pack(">hii", 2, 4, number) + (struct.pack(">i", -1) if raw is None else struct.pack(">i", len(raw)) + raw)
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + body


@pytest.mark.parametrize("seed", range(4))
def test_binary_is_the_same(backends: tuple[SqlBackend, SqlBackend], monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    rng = random.Random(seed)
    one, other = pairs(backends)
    for round_, end in enumerate((b"\xff\xff", b"", b"\0\2\0\0", b"\xff\xffmore", b"\0\1\0\0\0\4\0\0\0\1")):
        data = binary([(100 * round_ + at, rng.choice([None, "ä", f"v{at}"])) for at in range(20)]) + end
        data = data if rng.random() < 0.8 else b"X" + data
        command = "COPY heap FROM STDIN (FORMAT binary)"
        monkeypatch.setattr(copy_in, "PIECE", 30)
        got = copied(one, command, data, rng)
        monkeypatch.undo()
        assert got == copied(other, command, data)
        assert rows(one, "heap") == rows(other, "heap")


def test_what_is_checked_elsewhere_is_the_same(backends: tuple[SqlBackend, SqlBackend], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = pairs(backends)
    for command, data in (
        ("COPY child (up, n) FROM STDIN", b"1\t2\n2\t1.5\n" * 9),
        ("COPY child (up, n) FROM STDIN", b"1\t2\n3\t1\n"),
        ("COPY child (up, n) FROM STDIN", b"1\t2\n1\t0\n"),
        ("COPY tree FROM STDIN", b"2\t1\n1\t\\N\n3\t2\n"),
        ("COPY tree FROM STDIN", b"4\t5\n"),
        ("COPY t (id, note) FROM STDIN", b"1\ta\n2\tb\n1\tc\n"),
    ):
        monkeypatch.setattr(copy_in, "PIECE", 4)
        got = one.say(query(command)) + one.say(message("d", data) + message("c"))
        monkeypatch.undo()
        assert got == other.say(query(command)) + other.say(message("d", data) + message("c"))
    for table in ("child", "tree", "t"):
        assert rows(one, table) == rows(other, table)


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_in, "PIECE", 64)


DATA = "".join(f"{n}\tn{n}\tx\n" for n in range(50)).encode()
COPY = "COPY t (id, name, note) FROM STDIN"
COUNT = "SELECT count(*) FROM t"


def count(talker: Talker) -> int:
    return int(talker.say(query(COUNT)).split(b"D\0\0\0")[1][7:].split(b"C\0\0")[0])


@pytest.mark.usefixtures("loading")
def test_a_client_that_gives_up_or_goes_leaves_nothing(backends: tuple[SqlBackend, SqlBackend]) -> None:
    one, other = Talker(backends[0], lends=False), Talker(backends[0], lends=False)
    assert copied(one, COPY, DATA, end=message("f", b"enough\0")) == ["57014"]
    one.say(query(COPY) + message("d", DATA))
    assert count(other) == 0
    one.conversation.close()
    assert (count(other), brief(other.say(query("INSERT INTO t (id) VALUES (1)")))) == (0, ["INSERT 0 1"])


@pytest.mark.usefixtures("loading")
def test_a_block_that_goes_on_behind_a_load_sees_it_and_may_take_it_back(backends: tuple[SqlBackend, SqlBackend]) -> None:
    talker = Talker(backends[0], lends=True)
    assert talker.run("BEGIN; TRUNCATE t") + copied(talker, COPY, DATA) == ["BEGIN", "TRUNCATE TABLE", "COPY 50"]
    assert count(talker) == 50
    talker.run("SAVEPOINT s; DELETE FROM t WHERE id < 10")
    assert copied(talker, COPY, DATA.replace(b"x", b"y")) == ["23505"]
    assert talker.run("ROLLBACK TO s") == ["ROLLBACK"]
    assert (count(talker), talker.run("COMMIT"), count(talker)) == (50, ["COMMIT"], 50)
    assert talker.run("BEGIN; DELETE FROM t") + copied(talker, COPY, DATA) + talker.run("ROLLBACK") == [
        "BEGIN", "DELETE 50", "COPY 50", "ROLLBACK",
    ]  # fmt: skip
    assert talker.run("DELETE FROM t") + copied(talker, COPY, DATA) + talker.run("SELECT 1 FROM t WHERE name = 'n7'") == [
        "DELETE 50", "COPY 50", "SELECT 1",
    ]  # fmt: skip


@pytest.mark.usefixtures("loading")
def test_a_table_that_somebody_writes_is_filled_at_the_end(backends: tuple[SqlBackend, SqlBackend]) -> None:
    one, other = Talker(backends[0], lends=False), Talker(backends[0], lends=False)
    other.run("BEGIN; INSERT INTO t (id) VALUES (1000)")
    assert copied(one, COPY, DATA) == ["COPY 50"]
    assert other.run("COMMIT") == ["COMMIT"]
    assert (count(one), copied(one, "COPY heap FROM STDIN", b"1\ta\n" * 100)) == (51, ["COPY 100"])
