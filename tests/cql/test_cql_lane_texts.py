"""Texts and batches in the short way: what the lane answers is what the session answers, and what may not be is not.

Theory: a client's bytes go to the lane of its session; what that leaves goes to the session, as a connection does it. Beside it
a client without a lane says the same to the same store.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from cql_client import HEADER, message, protocol
from cql_session import Client, backend
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hyperdb
from hyperdb.errors import CqlError
from hyperdb.frontends.cql.backend import CqlBackend
from hyperdb.frontends.cql.codes import BatchKind, Consistency, ErrorCode
from hyperdb.frontends.cql.parse.parser import Grammar

ONE, VERSION = 1, 4
KEYSPACE = "CREATE KEYSPACE {} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
GOOD = {
    "ascii": "'a'",
    "bigint": "1",
    "blob": "0x00",
    "double": "1",
    "float": "1.5",
    "int": "1",
    "smallint": "1",
    "text": "'a'",
    "timestamp": "1",
    "timeuuid": "01234567-89ab-1def-8123-456789abcdef",
    "tinyint": "1",
    "uuid": "01234567-89ab-4def-8123-456789abcdef",
    "varint": "1",
}
OTHERS = {"date": "'2024-01-01'", "decimal": "1.5", "inet": "'::1'", "time": "'01:02:03'", "boolean": "true", "duration": "1d"}
"""Types whose constants the lane does not make values of."""


class Told(Client):
    """A client with a lane; `shortly` says whether the last statement was answered there."""

    def __init__(self, backend: CqlBackend, role: str = "hyperdb") -> None:
        super().__init__(backend, VERSION, role)
        self._lane = self.session.lane(VERSION)
        self.shortly = False

    def ask(self, text: str, *values: Any, **parameters: Any) -> list[tuple[Any, ...]] | None:
        """Rows where the session answers; None where the lane does."""
        request = protocol.QueryMessage(text, ONE)
        request.query_params = [value if isinstance(value, bytes) else None for value in values] or None
        return None if self._answered(request) else self.run(text, *values, **parameters)

    def group(self, *texts: str, kind: BatchKind = BatchKind.LOGGED) -> None:
        """A batch of texts."""
        request = protocol.BatchMessage(kind, [(False, text, []) for text in texts], ONE)
        if not self._answered(request):
            self.batch(*[(text,) for text in texts], kind=kind)

    def _answered(self, request: Any) -> bool:
        data = message(request, VERSION)
        answer, left, waits = self._lane.answer(data)
        while waits:
            more, again, waits = self._lane.resume()
            answer, left = answer + more, left + again
        assert bool(answer) != bool(left)
        assert left in (b"", data)
        if answer:
            assert HEADER.unpack_from(answer)[3] == protocol.ResultMessage.opcode
        self.shortly = bool(answer)
        return self.shortly


@pytest.fixture(scope="module")
def shared(cql: Grammar) -> Iterator[CqlBackend]:
    with hyperdb.open(":memory:", memory="32m", frames=None) as database:
        made = backend(database, cql)
        root = Client(made)
        for name in ("ks", "other"):
            root.run(KEYSPACE.format(name))
            root.run(f"CREATE TABLE {name}.t (p int, a int, x text, PRIMARY KEY (p, a))")
        columns = ", ".join(f"v_{name} {name}" for name in GOOD | OTHERS)
        root.run(f"CREATE TABLE ks.kinds (id int PRIMARY KEY, {columns})")
        root.run("CREATE TABLE ks.hits (id int PRIMARY KEY, n counter)")
        yield made


@pytest.mark.parametrize(
    ("first", "second", "is_short"),
    [
        ("INSERT INTO ks.t (p, a, x) VALUES (1, 2, 'a')", "INSERT INTO ks.t (p, a, x) VALUES (3, 4, 'it''s')", True),
        ("UPDATE ks.t USING TTL 100 SET x = 'b' WHERE p = 1 AND a = 2", None, True),
        ("SELECT x FROM ks.t WHERE p = 1", None, True),
        ("SELECT x FROM ks.t WHERE p = 1", "SELECT x FROM ks.t WHERE p = -1", False),
        ("select a, x from ks.t where p = 1 and a > 1 order by a desc limit 5;", None, True),
        ("/* who */ SELECT x FROM ks.t WHERE p = 1 -- why", "/* who */ SELECT x FROM ks.t WHERE p = 2 -- why", True),
        ("DELETE FROM ks.t WHERE p = 5 AND a = 6", None, True),
        ("UPDATE ks.hits SET n = n + 2 WHERE id = 1", "UPDATE ks.hits SET n = n + 3 WHERE id = 1", True),
        ("INSERT INTO ks.kinds (id, v_boolean, v_text) VALUES (1, true, null)", None, True),
        ("SELECT x FROM ks.t WHERE p = 1 LIMIT 1", "SELECT x FROM ks.t WHERE p = 1 LIMIT 0", False),
        ("SELECT count(*) FROM ks.t WHERE p = 1", None, False),
        ("SELECT x FROM ks.t WHERE p IN (1, 2)", None, False),
        ("SELECT (int) 5 FROM ks.t WHERE p = 1", None, False),
        ("SELECT ttl(x) FROM ks.t WHERE p = 1", None, False),
        ("INSERT INTO ks.t (p, a, x) VALUES (1, 2, 'a') IF NOT EXISTS", None, False),
        ("INSERT INTO ks.t (p, a) VALUES (1, 1 + 1)", None, False),
        ("SELECT cluster_name FROM system.local WHERE key = 'local'", None, False),
        ("DELETE FROM ks.t WHERE p = 5", None, False),
    ],
)
def test_texts_that_are_short(shared: CqlBackend, first: str, second: str | None, is_short: bool) -> None:
    client = Told(shared)
    client.ask(first)
    assert not client.shortly
    with suppress(CqlError):
        client.ask(second or first)
    assert client.shortly is is_short


def _literals(kind: str) -> st.SearchStrategy[str]:
    integers = st.one_of(st.integers(-300, 300), st.integers(-(1 << 66), 1 << 66), st.integers(-(1 << 33), 1 << 33)).map(str)
    padded = st.tuples(st.sampled_from(["", "-", "00", "-0", "- "]), st.integers(0, 1 << 40)).map(
        lambda pair: f"{pair[0]}{pair[1]}"
    )
    digits = st.text("0123456789", min_size=1, max_size=50)
    floats = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(
        ["1e400", "-0.0", "1.", "3.4028236e38", "1E-46"]
    )
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(lambda text: "'" + text.replace("'", "''") + "'")
    uuids = st.uuids().map(str) | st.uuids(version=1).map(lambda found: str(found).upper()) | st.uuids(version=4).map(str)
    blobs = st.binary(max_size=5).map(lambda data: "0x" + data.hex()) | st.sampled_from(["0xabc", "0X0A", "0x"])
    match kind:
        case "ascii" | "text":
            return texts
        case "uuid" | "timeuuid":
            return uuids
        case "blob":
            return blobs
        case "float" | "double":
            return integers | padded | digits | floats
        case _:
            return integers | padded | digits


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(GOOD)).flatmap(lambda kind: st.tuples(st.just(kind), _literals(kind))))
def test_literals_are_the_same_values(shared: CqlBackend, case: tuple[str, str]) -> None:
    kind, literal = case
    told, plain = Told(shared), Client(shared, VERSION)
    insert = f"INSERT INTO ks.kinds (id, v_{kind}) VALUES ({{}}, {{}})"
    # As a text is, so is its shape: with a minus or without, of digits or with a point.
    good = {"-": "-1", "- ": "- 1"}.get(literal[: literal.find(literal.lstrip("- "))], GOOD[kind])
    if kind in ("float", "double") and good == GOOD[kind]:
        good = "1.5" if set(literal) & set(".e") else "1"
    told.ask(insert.format(1, good))
    plain.run("DELETE FROM ks.kinds WHERE id IN (2, 3)")
    outcomes = []
    for number, client in ((2, told), (3, plain)):
        ask = told.ask if client is told else plain.run
        try:
            ask(insert.format(number, literal))
            outcomes.append("")
        except CqlError as error:
            assert client is plain or not told.shortly
            outcomes.append(error.message)
    assert outcomes[0] == outcomes[1]
    rows = [plain.run(f"SELECT v_{kind} FROM ks.kinds WHERE id = {number}") for number in (2, 3)]
    assert repr(rows[0]) == repr(rows[1])


@pytest.mark.parametrize("kind", sorted(GOOD | OTHERS))
def test_which_types_constants_are_short(shared: CqlBackend, kind: str) -> None:
    client = Told(shared)
    literal = (GOOD | OTHERS)[kind]
    for _ in range(2):
        client.ask(f"INSERT INTO ks.kinds (id, v_{kind}) VALUES (1, {literal})")
    # A constant that is the same in all texts of a shape is nobody's to make.
    assert client.shortly is (kind in GOOD or kind == "boolean")


def test_a_text_means_a_table_of_the_keyspace_in_use(shared: CqlBackend) -> None:
    client = Told(shared)
    root = Client(shared)
    text = "INSERT INTO t (p, a, x) VALUES (70, 1, 'here')"
    for keyspace in ("ks", "other", "ks"):
        client.ask(f"USE {keyspace}")
        for _ in range(2):
            client.ask(text.replace("here", keyspace))
        assert client.shortly
    assert root.run("SELECT x FROM ks.t WHERE p = 70") == [("ks",)]
    assert root.run("SELECT x FROM other.t WHERE p = 70") == [("other",)]


def test_other_columns_are_seen_at_once(shared: CqlBackend) -> None:
    client, root = Told(shared), Client(shared)
    root.run("CREATE TABLE ks.changing (id int PRIMARY KEY, x text)")
    text = "SELECT * FROM ks.changing WHERE id = 1"
    client.ask("INSERT INTO ks.changing (id, x) VALUES (1, 'a')")
    for _ in range(2):
        client.ask(text)
    assert client.shortly
    root.run("ALTER TABLE ks.changing ADD y int")
    assert client.ask(text) == [(1, "a", None)]
    root.run("DROP TABLE ks.changing")
    with pytest.raises(CqlError) as caught:
        client.ask(text)
    assert caught.value.code == ErrorCode.INVALID


def test_who_lost_a_right_is_refused_at_once(shared: CqlBackend) -> None:
    root = Client(shared)
    root.run("CREATE ROLE reader WITH LOGIN = true")
    client = Told(shared, "reader")
    text = "SELECT x FROM ks.t WHERE p = 1"
    for _ in range(2):
        with pytest.raises(CqlError) as caught:
            client.ask(text)
        assert caught.value.code == ErrorCode.UNAUTHORIZED
    root.run("GRANT SELECT ON ks.t TO reader")
    for _ in range(2):
        client.ask(text)
    assert client.shortly
    root.run("REVOKE SELECT ON ks.t FROM reader")
    with pytest.raises(CqlError) as caught:
        client.ask(text)
    assert caught.value.code == ErrorCode.UNAUTHORIZED
    root.run("DROP ROLE reader")


def test_batches(shared: CqlBackend) -> None:
    client, root = Told(shared), Client(shared)
    texts = ["INSERT INTO ks.t (p, a, x) VALUES (80, 1, 'a')", "UPDATE ks.t SET x = 'b' WHERE p = 80 AND a = 2"]
    client.group(*texts)
    assert not client.shortly
    client.group(*[text.replace("80", "81") for text in texts])
    assert client.shortly
    assert root.run("SELECT a, x FROM ks.t WHERE p = 81") == [(1, "a"), (2, "b")]
    client.group(*texts, kind=BatchKind.UNLOGGED)
    assert client.shortly
    count = "UPDATE ks.hits SET n = n + 1 WHERE id = 80"
    for _ in range(2):
        client.group(count, count, kind=BatchKind.COUNTER)
    assert client.shortly
    assert root.run("SELECT n FROM ks.hits WHERE id = 80") == [(4,)]
    for kind, parts in ((BatchKind.LOGGED, [count]), (BatchKind.UNLOGGED, [count, texts[0]]), (BatchKind.COUNTER, texts)):
        with pytest.raises(CqlError) as caught:
            client.group(*parts, kind=kind)
        assert caught.value.code == ErrorCode.INVALID
        assert not client.shortly
    # What is large is done with a warning.
    client.group(*[texts[0].replace("'a'", f"'{'x' * 1000}'")] * 6)
    assert not client.shortly


@pytest.mark.parametrize("level", [Consistency.TWO, Consistency.THREE, Consistency.SERIAL, Consistency.ANY])
def test_levels_that_mean_something_are_the_sessions(shared: CqlBackend, level: Consistency) -> None:
    client = Told(shared)
    text = "INSERT INTO ks.t (p, a, x) VALUES (1, 2, 'a')"
    client.ask(text)
    assert not client._answered(protocol.QueryMessage(text, level))
    assert not client._answered(protocol.QueryMessage(text, ONE, serial_consistency_level=ONE))
    assert client._answered(protocol.QueryMessage(text, ONE, serial_consistency_level=Consistency.SERIAL))
