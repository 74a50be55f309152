"""Long results that native code writes, against what Python writes of the same values: byte for byte, in every form.

Theory: one database, two clients; for one of them no form is native. Few rows are computed ahead, so that nearly all of a result
goes the way that is asked about. That it was gone is counted.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from test_tiers_random import MAKE as RANDOM_TABLES
from test_tiers_random import Maker
from wire_client import STARTUP, SYNC, bind, cut, describe, execute, fields, parse, query

import hyperdb
from hyperdb.errors import SqlError
from hyperdb.frontends.sql import streams
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import CopyOptions, Opening
from hyperdb.frontends.sql.conversation import Bounds, Conversation, Role, Terms
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables

AHEAD = 3
SEED, QUERIES = 11, 60
TABLE = """
CREATE TABLE every (id int PRIMARY KEY, b bool, s smallint, l bigint, r real, f double precision, t text, v varchar(9),
  c char(5), y bytea, u uuid, d date, w time, m timestamp, z timestamptz, n numeric, e numeric(9, 4), p numeric(38, 20),
  j json, k jsonb, o oid)
"""
VALUES: dict[str, list[str]] = {
    "b": ["true", "false"],
    "s": ["-32768", "32767", "0"],
    "l": ["-9223372036854775808", "9223372036854775807", "-1"],
    "r": ["'NaN'", "'-Infinity'", "'-0'", "0.1", "1e6", "123456", "1.5e-5", "3.4e38", "0.0001"],
    "f": ["'NaN'", "'Infinity'", "'-0'", "0.1", "1e15", "123456789012345", "1.5e-5", "1.7e308", "5e-324"],
    "t": ["''", "'a\tb\\c'", "E'x\\ny\\rz'", "'\"q\",é'", "'\\.'", "'\\N'", "'|'"],
    "v": ["''", "'abc'", "'é'"],
    "c": ["'a'", "'abcde'", "'é'", "''"],
    "y": ["''", "'\\x00ff'", "'\\x5c'"],
    "u": ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000000'"],
    "d": ["'infinity'", "'-infinity'", "'0001-01-01'", "'2024-02-29'", "'9999-12-31'", "'0044-03-15 BC'", "'1969-12-31'"],
    "w": ["'00:00'", "'24:00'", "'23:59:59.999999'", "'01:02:03.5'"],
    "m": ["'infinity'", "'-infinity'", "'1969-12-31 23:59:59.5'", "'2024-02-29 12:00'", "'0044-03-15 01:02:03 BC'"],
    "z": ["'infinity'", "'-infinity'", "'1969-12-31 23:59:59.25+00'", "'2024-02-29 12:00+02'"],
    "n": ["'NaN'", "'Infinity'", "'-Infinity'", "0", "0.00", "-12345.6780", "1e-9", "1e20", "100000000"],
    "e": ["0", "-99999.9999", "0.0001", "1.5000"],
    "p": ["0", "-0.00000000000000000001", "123456789012345678.9", "1e17"],
    "j": ["'[1,  2]'", "'\"a\\n\"'"],
    "k": ["'[1,  2]'", '\'{"b": 1, "a": null}\''],
    "o": ["0", "4294967295"],
}
PLAIN = [column for column in VALUES if column not in ("d", "m", "z", "n")]
"""Without what stops native code."""


def made(source: random.Random, number: int) -> str:
    row = [str(number)]
    row += [source.choice([*spelled, "NULL"]) for spelled in VALUES.values()]
    return f"({', '.join(row)})"


@pytest.fixture(scope="module")
def backend() -> Iterator[SqlBackend]:
    source = random.Random(SEED)
    with hyperdb.open(":memory:", memory="64m") as opened:
        backend = SqlBackend(Tables(opened.native))
        session = backend.open(Opening("postgres", "hyperdb"))
        rows = ", ".join(made(source, number) for number in range(300))
        for text in [TABLE, f"INSERT INTO every VALUES {rows}", *RANDOM_TABLES.split(";"), *FILL.split(";")]:
            outcome = session.execute(session.prepare(text, ()), ())
            outcome.close()
            session.sync(False)
        session.close()
        yield backend


FILL = """
INSERT INTO z SELECT i, i % 40, (i % 90) * 1.5 - 40, 'b' || i % 7, date '2020-02-20' + i % 30 FROM generate_series(1, 60) i;
INSERT INTO a SELECT i, i * 1.125 - 30, (i % 11) * 1000000.000001, i * 7 % 50, i * 100000000000, i % 9, 'b' || i % 5,
  'c' || i % 3, date '2020-01-01' + i, timestamp '2020-01-01' + i * interval '1 hour', i % 2 = 0 FROM generate_series(1, 60) i
"""


class Client:
    """Says messages and answers waits; counts what native code has written for it."""

    def __init__(self, backend: SqlBackend) -> None:
        terms = Terms(
            backend=backend,
            find_role=lambda _name: Role("hyperdb", None),
            random=lambda n: bytes(n),
            process_id=1,
            decoy_secret=b"x",
            is_local=True,
            bounds=Bounds(pending_output=1 << 40),
        )
        self._conversation = Conversation(terms)
        self.say(STARTUP)

    def say(self, *messages: bytes) -> bytes:
        self._conversation.receive(b"".join(messages))
        while (wait := self._conversation.waiting) is not None:
            try:
                found = wait.resume()
            except Exception as error:
                self._conversation.refused(error)
            else:
                self._conversation.resolved(found)
        assert self._conversation.take_defect() is None
        return self._conversation.take_output()


class Counted:
    """How many rows native code has written."""

    rows = 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    write, found = streams.StreamOutcome._write, Counted()

    def counting(self: streams.StreamOutcome, form: object, wanted: int, *, in_utc: bool) -> tuple[bytes, int, bool] | None:
        written = write(self, form, wanted, in_utc=in_utc)  # type: ignore[arg-type]
        found.rows += 0 if written is None else written[1]
        return written

    monkeypatch.setattr(streams, "_FIRST", AHEAD)
    monkeypatch.setattr(streams.StreamOutcome, "_write", counting)
    return found


def same(backend: SqlBackend, monkeypatch: pytest.MonkeyPatch, setting: str, *messages: bytes) -> bytes:
    """What both ways answer."""
    one, other = Client(backend), Client(backend)
    for client in (one, other):
        client.say(query(setting))
    found = one.say(*messages)
    with monkeypatch.context() as patch:
        patch.setattr(streams, "native_form", lambda form, width: None)
        wanted = other.say(*messages)
    assert cut(found) == cut(wanted)
    return found


@pytest.mark.parametrize("tier", ["rows", "columns"])
@pytest.mark.parametrize("binary", [0, 1])
def test_every_type_is_written_as_python_writes_it(
    backend: SqlBackend, monkeypatch: pytest.MonkeyPatch, counted: Counted, tier: str, binary: int
) -> None:
    for columns in (", ".join(PLAIN), "*", *VALUES):
        text = f"SELECT {columns} FROM every" + (" ORDER BY id" if tier == "columns" else "")
        before = counted.rows
        answer = same(
            backend,
            monkeypatch,
            f"SET hyperdb.tier = {tier}",
            parse(text), bind(results=[binary]), describe("P"), execute(), SYNC,
        )  # fmt: skip
        assert [kind for kind, _ in cut(answer)].count("D") == 300
        if columns in PLAIN:
            assert counted.rows - before == 300 - AHEAD, columns


@pytest.mark.parametrize(
    "options",
    [
        "",
        "(DELIMITER '|', NULL '')",
        "(HEADER)",
        "(FORMAT csv)",
        "(FORMAT csv, HEADER, DELIMITER ';', QUOTE '''', ESCAPE '\\', NULL 'a')",
        "(FORMAT csv, FORCE_QUOTE (t, s))",
        "(FORMAT csv, FORCE_QUOTE *)",
        "(FORMAT binary)",
    ],
)
@pytest.mark.parametrize("source", ["every ({columns})", "(SELECT {columns} FROM every ORDER BY l, id)"])
def test_copy_writes_the_same_lines(
    backend: SqlBackend, monkeypatch: pytest.MonkeyPatch, counted: Counted, options: str, source: str
) -> None:
    for columns in (", ".join(PLAIN), "t"):
        if "(t, s)" in options and columns == "t":
            continue
        text = f"COPY {source.format(columns=columns)} TO STDOUT {options}"
        answer = same(backend, monkeypatch, "SET hyperdb.tier = columns", query(text))
        assert [kind for kind, _ in cut(answer)].count("d") >= 300
    assert counted.rows >= 300 - AHEAD


def test_computed_columns_are_written_as_python_writes_them(
    backend: SqlBackend, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    source = random.Random(SEED)
    maker = Maker(source)
    makers = [maker.numeric, maker.integer, maker.text, maker.numeric]
    failed = 0
    for at in range(QUERIES):
        columns = ", ".join(make(2) for make in source.sample(makers, 2))
        text = f"SELECT {columns} FROM a JOIN z ON z.a = a.id"
        answer = same(
            backend,
            monkeypatch,
            "SET hyperdb.tier = columns",
            parse(text), bind(results=[at % 2]), execute(), SYNC,
        )  # fmt: skip
        failed += any(kind == "E" for kind, _ in cut(answer))
    assert failed < QUERIES / 2
    assert counted.rows > QUERIES


@pytest.mark.parametrize("binary", [0, 1])
def test_sums_and_averages(backend: SqlBackend, monkeypatch: pytest.MonkeyPatch, counted: Counted, binary: int) -> None:
    text = """SELECT id, sum(b), avg(b), avg(s), count(*), avg(n), sum(n) / 7, avg(m), sum(b) / count(*), 1.0 / (id + 1), n / 3
      FROM a GROUP BY id, n ORDER BY id"""
    same(backend, monkeypatch, "SET hyperdb.tier = columns", parse(text), bind(results=[binary]), execute(), SYNC)
    assert counted.rows == 60 - AHEAD


def test_a_quotient_by_zero_is_the_row_s_error(backend: SqlBackend, monkeypatch: pytest.MonkeyPatch, counted: Counted) -> None:
    text = "SELECT 1.5 / (id - 200) FROM every ORDER BY id"
    del monkeypatch
    client = Client(backend)
    client.say(query("SET hyperdb.tier = columns"))
    answer = cut(client.say(query(text)))
    assert [fields(body)["C"] for kind, body in answer if kind == "E"] == ["22012"]
    assert "D" * counted.rows in "".join(kind for kind, _ in answer)
    assert counted.rows == 200 - AHEAD


def test_settings_that_native_code_does_not_know(backend: SqlBackend, monkeypatch: pytest.MonkeyPatch, counted: Counted) -> None:
    for setting in (
        "SET datestyle = German",
        "SET extra_float_digits = 0",
        "SET bytea_output = escape",
        "SET TimeZone = 'Asia/Tokyo'",
    ):
        for text in ("SELECT f, y, z FROM every", "COPY every (f, y, z) TO STDOUT"):
            same(backend, monkeypatch, setting, query(text))
    assert not counted.rows
    same(backend, monkeypatch, "SET TimeZone = 'Asia/Tokyo'", query("SELECT f, y FROM every"))
    assert counted.rows


def test_a_portal_takes_as_many_rows_as_it_is_asked_for(
    backend: SqlBackend, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    parts = [execute(most=most) for most in (1, 7, 90, 5, 0)]
    answer = same(backend, monkeypatch, "BEGIN", parse("SELECT id, t FROM every"), bind(), *parts, SYNC)
    kinds = "".join(kind for kind, _ in cut(answer))
    assert kinds == f"12{'D' * 1}s{'D' * 7}s{'D' * 90}s{'D' * 5}s{'D' * 197}CZ"
    assert cut(answer)[-2][1] == b"SELECT 197\0"


def test_what_follows_in_the_block_leaves_the_rest_as_it_was(backend: SqlBackend, counted: Counted) -> None:
    client = Client(backend)
    client.say(query("BEGIN"))
    client.say(parse("SELECT id FROM every"), bind(portal="p"), execute("p", 50))
    client.say(query("DELETE FROM every WHERE id > 100"))
    answer = client.say(execute("p"), SYNC)
    assert [kind for kind, _ in cut(answer)].count("D") == 250
    client.say(query("ROLLBACK"))


def test_a_cancel_between_two_parts(backend: SqlBackend, counted: Counted) -> None:
    session: SqlSession = backend.open(Opening("postgres", "hyperdb"))
    outcome = session.execute(session.prepare("SELECT t FROM every", ()), ())
    assert len(outcome.rows(AHEAD)[0]) == AHEAD
    first = outcome.encoded(10, ())
    assert first is not None
    assert first[1:] == (10, True)
    session.cancel()
    with pytest.raises(SqlError) as error:
        outcome.encoded(0, CopyOptions())
    assert error.value.sqlstate == "57014"
    outcome.close()
    session.sync(True)
    session.close()
