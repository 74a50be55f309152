"""Statements on rows through a session: what they give, in which order, a page at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from cql_session import Client, Time, backend

import hyperdb
from hyperdb.commitment.verify import StoreKey, VerificationError
from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import BatchKind, Consistency, ErrorCode, EventKind
from hyperdb.frontends.cql.contract import Context
from hyperdb.frontends.cql.execute import paging
from hyperdb.frontends.cql.execute.stream import Place
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.protocol import requests, responses
from hyperdb.frontends.cql.protocol.reader import UNSET
from hyperdb.frontends.cql.protocol.requests import BatchItem
from hyperdb.frontends.cql.tracing import MOST_SHOWN


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def client(cql: Grammar, time: Time) -> Iterator[Client]:
    with hyperdb.open(":memory:") as database:
        made = Client(backend(database, cql, time))
        made.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        made.run("USE ks")
        made.run("CREATE TABLE t (k int, c int, s text static, v text, m map<text, int>, l list<int>, PRIMARY KEY (k, c))")
        yield made


def fill(client: Client) -> None:
    for k in range(3):
        for c in range(4):
            client.run("INSERT INTO t (k, c, v) VALUES (?, ?, ?)", k, c, f"{k}.{c}")
    client.run("INSERT INTO t (k, s) VALUES (1, 'one')")
    client.run("INSERT INTO t (k, s) VALUES (9, 'alone')")


def test_rows_are_written_and_read_by_key(client: Client) -> None:
    fill(client)
    assert client.run("SELECT c, v, s FROM t WHERE k = 1 AND c >= 2") == [(2, "1.2", "one"), (3, "1.3", "one")]
    assert client.run("SELECT c FROM t WHERE k = 1 AND c IN (3, 1, 3)") == [(1,), (3,)]
    assert client.run("SELECT c FROM t WHERE k = 1 ORDER BY c DESC LIMIT 2") == [(3,), (2,)]
    assert client.run("SELECT k, c, s FROM t WHERE k = 9") == [(9, None, "alone")]
    assert client.run("SELECT k, c FROM t WHERE k = 9 AND c = 1") == []
    assert client.run("SELECT k, c FROM t WHERE k IN (2, 1) AND (c) > (2)") == [(1, 3), (2, 3)]


def test_tables_without_clustering_columns_have_a_row_a_partition(client: Client) -> None:
    client.run("CREATE TABLE n (a int, b text, v int, PRIMARY KEY ((a, b)))")
    for a in range(3):
        client.run("INSERT INTO n (a, b, v) VALUES (?, 'x', ?)", a, a * 10)
    assert client.run("SELECT v FROM n WHERE a = 1 AND b = 'x'") == [(10,)]
    assert client.pages("SELECT a FROM n WHERE a IN (0, 1, 2, 7) AND b IN ('x', 'y')", 2) == [[(0,), (1,)], [(2,)]]
    assert client.run("UPDATE n SET v = 5 WHERE a = 1 AND b = 'x' IF v = 10") == [(True,)]
    assert client.run("UPDATE n SET v = 6 WHERE a = 1 AND b = 'x' IF v = 10") == [(False, 5)]
    client.run("DELETE FROM n WHERE a = 1 AND b = 'x'")
    assert sorted(client.run("SELECT a, v FROM n")) == [(0, 0), (2, 20)]


def test_scans_come_in_the_order_of_tokens(client: Client) -> None:
    fill(client)
    tokens = [row[0] for row in client.run("SELECT token(k) FROM t")]
    assert tokens == sorted(tokens)
    assert len(tokens) == 13
    middle = tokens[6]
    below = client.run("SELECT k, c FROM t WHERE token(k) <= ?", middle.to_bytes(8, "big", signed=True))
    above = client.run("SELECT k, c FROM t WHERE token(k) > ?", middle.to_bytes(8, "big", signed=True))
    assert below + above == client.run("SELECT k, c FROM t")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 13, 14])
@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM t",
        "SELECT k, c, s FROM t WHERE k IN (0, 1, 9)",
        "SELECT k, c FROM t WHERE k = 1 ORDER BY c DESC",
        "SELECT k, c FROM t WHERE k IN (0, 1) AND c IN (0, 2, 3)",
        "SELECT k, c, v FROM t LIMIT 7",
        "SELECT k, c, v FROM t PER PARTITION LIMIT 2",
        "SELECT DISTINCT k, s FROM t",
        "SELECT k, count(*), max(c) FROM t GROUP BY k",
        "SELECT k, c, v FROM t WHERE c > 1 ALLOW FILTERING",
        "SELECT keyspace_name, table_name FROM system_schema.tables",
    ],
)
def test_pages_together_are_the_result(client: Client, text: str, size: int) -> None:
    fill(client)
    whole = client.run(text)
    assert len(whole) > 1
    pages = client.pages(text, size)
    assert [row for page in pages for row in page] == whole
    assert all(len(page) == size for page in pages[:-1])
    assert len(pages[-1]) <= size


def test_a_paging_state_belongs_to_its_statement(client: Client) -> None:
    fill(client)
    client.run("SELECT k FROM t WHERE k = ?", 1, page_size=2)
    state = client.state
    assert state is not None
    for text, values, given in [
        ("SELECT c FROM t WHERE k = ?", [1], state),
        ("SELECT k FROM t WHERE k = ?", [2], state),
        ("SELECT k FROM t WHERE k = ?", [1], state[:-1]),
        ("SELECT k FROM t WHERE k = ?", [1], b"nonsense"),
        *(
            ("SELECT k FROM t WHERE k = ?", [1], bytes([*state[:at], state[at] ^ 1, *state[at + 1 :]]))
            for at in range(len(state))
        ),
    ]:
        with pytest.raises(CqlError, match="paging state") as caught:
            client.run(text, *values, paging_state=given)
        assert caught.value.code == ErrorCode.PROTOCOL


def test_aggregates_have_one_row_whatever_there_is(client: Client) -> None:
    assert client.run("SELECT count(*), max(c), sum(c), avg(c) FROM t") == [(0, None, 0, 0)]
    fill(client)
    assert client.run("SELECT count(*), count(v), min(c), sum(c) + 1 FROM t WHERE k = 1") == [(4, 4, 0, 7)]
    assert client.names("SELECT count(*), max(c), ttl(v), m['a'] AS b, CAST(c AS text) FROM t LIMIT 1") == [
        "count", "system.max(c)", "ttl(v)", "b", "cast(c as text)",
    ]  # fmt: skip
    client.run("SELECT count(*) FROM t")
    assert client.warnings == ["Aggregation query used without partition key"]


def test_collections_change_by_element(client: Client) -> None:
    client.run("INSERT INTO t (k, c, m, l) VALUES (1, 1, {'a': 1, 'b': 2}, [1, 2, 3])")
    client.run("UPDATE t SET m['c'] = 3, l = [0] + l WHERE k = 1 AND c = 1")
    client.run("UPDATE t SET m = m - {'a'}, l[1] = 9 WHERE k = 1 AND c = 1")
    client.run("DELETE m['b'], l[0] FROM t WHERE k = 1 AND c = 1")
    assert client.run("SELECT m, l, m['c'] FROM t WHERE k = 1 AND c = 1") == [((("c", 3),), (9, 2, 3), 3)]
    assert client.run("SELECT c FROM t WHERE m CONTAINS 3 ALLOW FILTERING") == [(1,)]
    assert client.run("SELECT c FROM t WHERE m['c'] = 3 AND l CONTAINS 9 ALLOW FILTERING") == [(1,)]
    assert client.run("SELECT c FROM t WHERE m CONTAINS KEY 'x' ALLOW FILTERING") == []


def test_unset_values_change_nothing(client: Client) -> None:
    client.run("INSERT INTO t (k, c, v) VALUES (1, 1, 'a')")
    client.run("INSERT INTO t (k, c, v) VALUES (1, 1, ?)", UNSET)
    assert client.run("SELECT v FROM t") == [("a",)]
    client.run("INSERT INTO t (k, c, v) VALUES (1, 1, ?)", None)
    assert client.run("SELECT v FROM t") == [(None,)]
    assert client.refusal("INSERT INTO t (k, c, v) VALUES (?, 1, 'a')", UNSET) == "Invalid unset value for column k"
    assert client.refusal("SELECT v FROM t WHERE k = ?", None) == "Invalid null value in condition for column k"


def test_values_end_and_times_are_told(client: Client, time: Time) -> None:
    client.run("INSERT INTO t (k, c, v) VALUES (1, 1, 'a') USING TTL 60 AND TIMESTAMP 1000")
    assert client.run("SELECT writetime(v), ttl(v) FROM t") == [(1000, 60)]
    time.pass_seconds(59)
    assert client.run("SELECT ttl(v) FROM t") == [(1,)]
    time.pass_seconds(1)
    assert client.run("SELECT v FROM t") == []
    client.run("INSERT INTO t (k, c, v) VALUES (1, 1, 'b') USING TIMESTAMP 999")
    assert client.refusal("UPDATE t USING TTL -1 SET v = 'a' WHERE k = 1 AND c = 1").startswith("A TTL must be greater")


def test_json_goes_in_and_comes_out(client: Client) -> None:
    client.run("""INSERT INTO t JSON '{"k": 1, "c": 2, "v": "x", "m": {"a": 5}}'""")
    assert client.run('SELECT JSON k, c, v, m AS "M" FROM t') == [('{"k": 1, "c": 2, "v": "x", "\\"M\\"": {"a": 5}}',)]
    client.run("""INSERT INTO t JSON '{"k": 1, "c": 2, "l": [7]}' DEFAULT UNSET""")
    assert client.run("SELECT v, l FROM t") == [("x", (7,))]
    client.run("""INSERT INTO t JSON '{"k": 1, "c": 2}'""")
    assert client.run("SELECT v, l FROM t") == [(None, None)]
    assert "unrecognized column" in client.refusal("""INSERT INTO t JSON '{"k": 1, "c": 2, "no": 1}'""")


def test_conditions_are_decided_on_the_row_that_is_there(client: Client) -> None:
    assert client.run("INSERT INTO t (k, c, v) VALUES (1, 1, 'a') IF NOT EXISTS") == [(True,)]
    assert client.run("INSERT INTO t (k, c, v) VALUES (1, 1, 'b') IF NOT EXISTS") == [(False, 1, 1, None, None, None, "a")]
    assert client.run("UPDATE t SET v = 'b' WHERE k = 1 AND c = 1 IF v = 'x' AND l = null") == [(False, "a", None)]
    assert client.run("UPDATE t SET v = 'b' WHERE k = 1 AND c = 1 IF v IN ('a', 'c')") == [(True,)]
    assert client.run("UPDATE t SET s = 'z' WHERE k = 1 IF s = null") == [(True,)]
    assert client.run("DELETE FROM t WHERE k = 1 AND c = 2 IF EXISTS") == [(False,)]
    assert client.run("DELETE FROM t WHERE k = 1 AND c = 1 IF v != 'a'") == [(True,)]
    assert client.run("SELECT k, c, s FROM t") == [(1, None, "z")]


def test_batches_are_whole(client: Client) -> None:
    client.run("BEGIN BATCH INSERT INTO t (k, c, v) VALUES (1, 1, 'a'); UPDATE t SET v = 'b' WHERE k = 2 AND c = 2 APPLY BATCH")
    assert client.run("SELECT k, v FROM t") == [(1, "a"), (2, "b")]
    with pytest.raises(CqlError, match="list which is null"):
        client.batch(("DELETE FROM t WHERE k = 1",), ("UPDATE t SET l[3] = 1 WHERE k = 2 AND c = 2",))
    assert client.run("SELECT k, v FROM t") == [(1, "a"), (2, "b")]
    text = "INSERT INTO t (k, c) VALUES (?, ?) IF NOT EXISTS"
    assert client.batch((text, 1, 5), (text, 1, 1)) == [(False, 1, 1, None, None, None, "a")]
    assert client.batch((text, 1, 5), (text, 1, 6)) == [(True,)]


def test_prepared_statements_follow_the_schema(client: Client) -> None:
    fill(client)
    prepared = client.prepare("SELECT * FROM t WHERE k = ? AND c = ?")
    assert prepared.id == client.prepare("SELECT * FROM t WHERE k = ? AND c = ?").id
    assert prepared.partition_key == (0,)
    assert [marker.name for marker in prepared.markers] == ["k", "c"]
    assert client.execute(prepared, 1, 2) == [(1, 2, "one", None, None, "1.2")]
    client.run("ALTER TABLE t ADD w int")
    with pytest.raises(CqlError) as caught:
        client.execute(prepared, 1, 2)
    assert caught.value.code == ErrorCode.UNPREPARED
    client.prepare("SELECT * FROM t WHERE k = ? AND c = ?")
    client.run("CREATE TABLE other (k int PRIMARY KEY)")
    assert client.execute(prepared, 1, 2) == [(1, 2, "one", None, None, "1.2", None)]
    client.run("DROP TABLE t")
    with pytest.raises(CqlError) as caught:
        client.execute(prepared, 1, 2)
    assert (caught.value.code, caught.value.extra) == (ErrorCode.UNPREPARED, {"id": prepared.id})
    client.run("CREATE TABLE t (k int, c int, w int, PRIMARY KEY (k, c))")
    client.run("INSERT INTO t (k, c, w) VALUES (1, 2, 3)")
    again = client.prepare("SELECT * FROM t WHERE k = ? AND c = ?")
    assert again.id == prepared.id
    found = client.executed(prepared, 1, 2)
    assert isinstance(found, responses.Rows)
    assert found.new_metadata_id == again.result_metadata_id
    assert client.execute(again, 1, 2) == [(1, 2, 3)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT * FROM t WHERE c = 1", "ALLOW FILTERING"),
        ("SELECT * FROM t WHERE v = 'a'", "ALLOW FILTERING"),
        ("SELECT * FROM u WHERE k = 1 AND d = 1", 'PRIMARY KEY column "d" cannot be restricted as preceding column "c" is not'),
        ("SELECT * FROM u WHERE k = 1 AND c > 1 AND d = 1", 'Clustering column "d" cannot be restricted (preceding column "c"'),
        ("SELECT * FROM u WHERE k = 1 AND (d, c) = (1, 1)", "Clustering columns must appear in the PRIMARY KEY order"),
        ("SELECT * FROM t WHERE k = 1 AND k = 2", "k cannot be restricted by more than one relation if it includes an Equal"),
        ("SELECT * FROM t WHERE k = 1 AND c > 1 AND c >= 2", "More than one restriction was found for the start bound on c"),
        ("SELECT * FROM t WHERE token(k, c) > 1", "The token() function must contains only partition key components"),
        ("SELECT * FROM t WHERE m = {'a': 1}", "Collection column 'm' (map<text, int>) cannot be restricted by a '=' relation"),
        ("SELECT * FROM t WHERE v CONTAINS 'a'", "Cannot use CONTAINS on non-collection column v"),
        ("SELECT nothing FROM t", "Undefined column name nothing in table ks.t"),
        ("SELECT * FROM nothing", "table nothing does not exist"),
        ("SELECT * FROM t ORDER BY c", "ORDER BY is only supported when the partition key is restricted by an EQ or an IN."),
        ("SELECT * FROM t WHERE k = 1 ORDER BY v", "Order by is currently only supported on the clustered columns"),
        ("SELECT * FROM u WHERE k = 1 ORDER BY d", "Order by currently only supports the ordering of columns following"),
        ("SELECT * FROM u WHERE k = 1 ORDER BY c ASC, d DESC", "Unsupported order by relation"),
        ("SELECT DISTINCT v FROM t", "SELECT DISTINCT queries must only request partition key columns and/or static columns"),
        ("SELECT k FROM t GROUP BY c", "Group by currently only support groups of columns following their declared order"),
        ("SELECT * FROM t LIMIT 0", "LIMIT must be strictly positive"),
        ("SELECT writetime(k) FROM t", "Cannot use selection function writetime on PRIMARY KEY part k"),
        ("SELECT max(max(c)) FROM t", "aggregate functions cannot be used as arguments of aggregate functions"),
        ("SELECT v + 1 FROM t", "the '+' operation is not supported between v and 1"),
        ("SELECT nofunction(v) FROM t", "Unknown function 'nofunction'"),
        ("INSERT INTO t (k, v) VALUES (1, 'a')", "Some clustering keys are missing: c"),
        ("INSERT INTO t (c, v) VALUES (1, 'a')", "Some partition key parts are missing: k"),
        ("INSERT INTO t (k, c) VALUES (1)", "Unmatched column names/values"),
        ("INSERT INTO t (k, c, v) VALUES (1, 1, 1)", 'Invalid INTEGER constant (1) for "v" of type text'),
        ("UPDATE t SET c = 1 WHERE k = 1", "PRIMARY KEY part c found in SET part"),
        (
            "UPDATE t SET v = 'a' WHERE k = 1 AND c > 1",
            "Slice restrictions are not supported on the clustering columns in",
        ),
        ("UPDATE t SET v = 'a' WHERE k = 1 AND c = 1 AND v = 'b'", "Non PRIMARY KEY columns found in where clause: v"),
        ("UPDATE t SET s = 'a' WHERE k = 1 AND c = 1", "since the UPDATE statement modifies only static columns"),
        (
            "UPDATE t SET v = 'a' WHERE k IN (1, 2) AND c = 1 IF v = 'b'",
            "IN on the partition key is not supported with",
        ),
        ("DELETE v FROM t WHERE k = 1", "Range deletions are not supported for specific columns"),
        ("DELETE k FROM t WHERE k = 1", "Invalid identifier k for deletion (should not be a PRIMARY KEY part)"),
        (
            "DELETE FROM t WHERE k = 1 IF EXISTS",
            "DELETE statements must restrict all PRIMARY KEY columns with equality",
        ),
        ("DELETE FROM t WHERE token(k) = 1", "The token function cannot be used in WHERE clauses for DELETE statements"),
        ("INSERT INTO system.local (key) VALUES ('a')", "system keyspace is not user-modifiable"),
    ],
)
def test_what_cassandra_refuses_is_refused_in_its_words(client: Client, text: str, words: str) -> None:
    client.run("CREATE TABLE u (k int, c int, d int, v text, PRIMARY KEY (k, c, d))")
    assert words in client.refusal(text)


def test_what_cannot_be_done_yet_is_refused_by_name(client: Client) -> None:
    client.context = Context(5, payload={"hyperdb.privacy": b"pir"})
    assert "cannot be kept here" in client.refusal("SELECT * FROM t")
    client.context = Context(5, payload={"hyperdb.privacy": b"secret"})
    assert "a privacy level is none, bucket(K)" in client.refusal("SELECT * FROM t")
    client.context = Context(5, payload={"hyperdb.prove": b""})
    assert "only SELECT is proved" in client.refusal("INSERT INTO t (k, c) VALUES (1, 1)")
    client.backend.tables.frames.seal()
    assert "are not committed" in client.refusal("SELECT * FROM system.local")


def test_a_tables_privacy_level_counts_unless_the_request_says_another(client: Client) -> None:
    client.run("ALTER TABLE t WITH extensions = {'hyperdb.privacy': 'Cover(4, 64)'}")
    assert client.run("SELECT extensions FROM system_schema.tables WHERE keyspace_name = 'ks' AND table_name = 't'") == [
        ((("hyperdb.privacy", b"cover(4, 64)"),),)
    ]
    client.run("INSERT INTO t (k, c) VALUES (1, 1)")
    assert "level 'cover(4, 64)', which ks.t asks for, cannot be kept here" in client.refusal("SELECT c FROM t WHERE k = 1")
    client.context = Context(5, payload={"hyperdb.privacy": b"none"})
    assert client.run("SELECT c FROM t WHERE k = 1") == [(1,)]
    assert "hyperdb.privacy: a privacy level is" in client.refusal("ALTER TABLE t WITH extensions = {'hyperdb.privacy': '0x00'}")
    client.context = Context(5)
    client.run("ALTER TABLE t WITH extensions = {'hyperdb.privacy': 'none'}")
    assert client.run("SELECT c FROM t WHERE k = 1") == [(1,)]


def test_hyperdb_root_is_the_newest_frames_or_that_of_a_number(client: Client) -> None:
    text = "SELECT hyperdb_root(), hyperdb_root(1), hyperdb_root(2), hyperdb_root(-1) FROM system.local"
    assert client.run(text) == [(None, None, None, None)]
    frames = client.backend.tables.frames
    fill(client)
    first = frames.seal().root
    assert client.run(text) == [(first, first, None, None)]
    client.run("DELETE FROM t WHERE k = 1")
    second = frames.seal().root
    assert client.run(text) == [(second, first, second, None)]
    assert client.run("SELECT root FROM hyperdb.frames WHERE frame = 2") == [(second,)]
    assert client.run("SELECT hyperdb_root() FROM t WHERE k = 2 LIMIT 1") == [(second,)]


@pytest.mark.parametrize(
    ("text", "count", "proved"),
    [
        ("SELECT * FROM t WHERE k = 1", 4, 5),
        ("SELECT * FROM t WHERE k = 1 AND c > 2", 1, 5),
        ("SELECT * FROM t WHERE k IN (0, 2)", 8, 8),
        ("SELECT * FROM t WHERE k = 77", 0, 0),
        ("SELECT count(*) FROM t", 1, 14),
    ],
)
def test_what_a_select_reads_is_proved_complete(client: Client, text: str, count: int, proved: int) -> None:
    fill(client)
    frames = client.backend.tables.frames
    frames.seal()
    client.run("DELETE FROM t WHERE k = 1")
    asked = requests.Query(text, requests.Parameters())
    reply = client.session.query(asked, Context(5, payload={"hyperdb.prove": b""}))
    assert isinstance(reply.response, responses.Rows)
    assert not isinstance(reply.response.rows, responses.Encoded)
    assert len(reply.response.rows) == count
    bundle = reply.payload["hyperdb.proof"]
    assert bundle is not None
    shown = hyperdb.verify(bundle, trusted=StoreKey(frames.public_key), app="ks")
    assert sum(len(answer.rows) for answer in shown.answers) == proved  # type: ignore[union-attr]
    broken = bytearray(bundle)
    broken[len(broken) // 2] ^= 1
    with pytest.raises(VerificationError):
        hyperdb.verify(bytes(broken), trusted=StoreKey(frames.public_key), app="ks")


def test_traced_requests_are_in_the_tables_of_traces(client: Client) -> None:
    fill(client)
    reply = client.session.query(requests.Query("SELECT * FROM t WHERE k = 1", requests.Parameters()), Context(5, tracing=True))
    assert reply.tracing is not None
    sessions = client.run(
        "SELECT request, parameters, duration FROM system_traces.sessions WHERE session_id = ?", reply.tracing.bytes
    )
    assert [row[:2] for row in sessions] == [("Execute CQL3 query", (("query", "SELECT * FROM t WHERE k = 1"),))]
    events = client.run("SELECT activity FROM system_traces.events WHERE session_id = ?", reply.tracing.bytes)
    assert ("Read 4 rows",) in events
    assert events[-1] == ("Request complete",)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE ROLE carl WITH PASSWORD = 'hidden' AND LOGIN = true",
        "ALTER ROLE carl WITH login = true AND pAsSwOrD='hidden'",
        "CREATE USER carl WITH PASSWORD 'hidden'",
        "CREATE ROLE carl WITH PASSWORD /* password */ = 'hidden'",
        "CREATE ROLE carl WITH PASSWORD = 'hidden",
    ],
)
def test_traces_show_no_passwords(client: Client, text: str) -> None:
    with contextlib.suppress(CqlError):
        client.session.query(requests.Query(text, requests.Parameters()), Context(5, tracing=True))
    rows = client.run("SELECT * FROM system_traces.sessions") + client.run("SELECT * FROM system_traces.events")
    assert "*******" in repr(rows)
    assert "hidden" not in repr(rows)


def test_traces_keep_the_beginning_of_a_text(client: Client) -> None:
    text = f"SELECT * FROM system.local /* {'x' * 100_000} */"
    client.session.query(requests.Query(text, requests.Parameters()), Context(5, tracing=True))
    ((parameters,),) = client.run("SELECT parameters FROM system_traces.sessions")
    assert dict(parameters)["query"] == text[:MOST_SHOWN] + "..."
    assert max(len(row[0]) for row in client.run("SELECT activity FROM system_traces.events")) < 2 * MOST_SHOWN


def test_descriptions_come_in_pages(client: Client) -> None:
    whole = client.run("DESCRIBE KEYSPACE ks")
    assert [row[1:3] for row in whole] == [("keyspace", "ks"), ("table", "t")]
    assert client.pages("DESCRIBE KEYSPACE ks", 1) == [[whole[0]], [whole[1]]]


def test_other_clients_are_told_of_changes_of_the_schema(client: Client) -> None:
    told: list[responses.Event] = []
    other = Client(client.backend)
    other.session.register(frozenset([EventKind.SCHEMA]), told.append)
    client.run("CREATE TABLE later (k int PRIMARY KEY)")
    client.run("DROP TABLE later")
    assert told == [
        responses.SchemaChange("CREATED", "TABLE", "ks", "later"),
        responses.SchemaChange("DROPPED", "TABLE", "ks", "later"),
    ]
    other.session.close()
    client.run("CREATE TABLE later (k int PRIMARY KEY)")
    assert len(told) == 2


def test_a_role_may_do_what_it_was_granted(client: Client) -> None:
    fill(client)
    client.run("CREATE ROLE reader WITH PASSWORD = 'x' AND LOGIN = true")
    reader = Client(client.backend, role="reader")
    refused = [
        "SELECT * FROM ks.t",
        "INSERT INTO ks.t (k, c) VALUES (1, 1)",
        "BEGIN BATCH DELETE FROM ks.t WHERE k = 1; APPLY BATCH",
        "CREATE TABLE ks.u (k int PRIMARY KEY)",
        "CREATE ROLE other",
    ]
    for text in refused:
        with pytest.raises(CqlError) as caught:
            reader.run(text)
        assert caught.value.code == ErrorCode.UNAUTHORIZED, text
    with pytest.raises(CqlError):
        reader.prepare("SELECT * FROM ks.t")
    client.run("GRANT SELECT ON ks.t TO reader")
    assert len(reader.run("SELECT * FROM ks.t")) == 13
    for text in refused[1:]:
        with pytest.raises(CqlError):
            reader.run(text)
    assert reader.run("SELECT key FROM system.local") == [("local",)]


def test_empty_values_are_not_null(client: Client) -> None:
    client.run("CREATE TABLE e (k int PRIMARY KEY, v int, f float)")
    client.run("INSERT INTO e (k, v, f) VALUES (1, blob_as_int(0x), nan)")
    found = client.reply("SELECT v, f FROM e")
    assert isinstance(found, responses.Rows)
    assert found.rows == [(b"", b"\x7f\xc0\x00\x00")]


def test_several_copies_are_not_promised(client: Client) -> None:
    for text in ("SELECT * FROM t", "INSERT INTO t (k, c) VALUES (1, 1)"):
        assert client.refusal(text, consistency=Consistency.TWO) == "Cannot achieve consistency level TWO"
        client.run(text, consistency=Consistency.QUORUM)
    assert "serializable writes" in client.refusal("INSERT INTO t (k, c) VALUES (1, 1)", consistency=Consistency.SERIAL)


def test_large_batches_are_warned_of(client: Client) -> None:
    text = "INSERT INTO t (k, c, v) VALUES (1, ?, ?)"
    batch = tuple(BatchItem(text, (bytes(3) + bytes([at]), b"x" * 100)) for at in range(60))
    reply = client.session.batch(requests.Batch(BatchKind.UNLOGGED, batch, requests.Parameters()), client.context)
    assert "exceeding specified threshold of 5.000KiB" in reply.warnings[0]


def test_keys_are_named_in_bounded_number(client: Client) -> None:
    numbers = ", ".join(map(str, range(400)))
    words = client.refusal(f"SELECT * FROM t WHERE k IN ({numbers}) AND c IN ({numbers}) AND c > 1 ALLOW FILTERING")
    assert "more than one relation" in words
    client.run("CREATE TABLE many (a int, b int, c int, PRIMARY KEY ((a, b), c))")
    assert "160000 keys" in client.refusal(f"SELECT * FROM many WHERE a IN ({numbers}) AND b IN ({numbers})")


def test_a_forged_paging_state_leads_out_of_no_table(client: Client) -> None:
    fill(client)
    known = {(k, c) for k in (0, 1, 2, 9) for c in (None, 0, 1, 2, 3)}
    for text in ("SELECT k, c FROM t WHERE k = 1", "SELECT k, c FROM t WHERE k = 1 ORDER BY c DESC", "SELECT k, c FROM t"):
        whole = client.run(text)
        of = paging.digest(text, "ks", ())
        for place in (
            Place(1 << 31, 0, b""),
            Place(0, 1 << 31, None),
            Place(0, 0, b""),
            Place(0, 0, b"\xff" * 40),
            Place(0, 0, b"a"),
        ):
            found = client.run(text, paging_state=paging.write(paging.State(place), of, client.backend.paging_key))
            assert set(found) <= known, (text, place)
        assert client.run(text) == whole


def test_what_runs_for_a_client_that_is_gone_gives_up(client: Client) -> None:
    fill(client)
    client.session.cancel()
    assert "gone" in client.refusal("SELECT * FROM t")


def test_what_sets_a_column_in_parts_goes_together(client: Client) -> None:
    client.run("CREATE TABLE u (k int PRIMARY KEY, s set<int>, l list<int>, m map<int, int>)")
    client.run("INSERT INTO u (k, s, l, m) VALUES (1, {1, 2}, [5], {1: 1, 2: 2})")
    client.run("UPDATE u SET s = s + {3}, s = s - {1}, l = l + [6], l = [4] + l, m[3] = 3, m = m - {1} WHERE k = 1")
    assert client.run("SELECT s, l, m FROM u") == [((2, 3), (4, 5, 6), ((2, 2), (3, 3)))]
    client.run("CREATE TABLE n (k int PRIMARY KEY, c counter)")
    client.run("UPDATE n SET c = c + 1, c = c + 2 WHERE k = 1")
    assert client.run("SELECT c FROM n") == [(3,)]
    for text in ("s = {1}, s = s + {2}", "s = s + {2}, s = {1}", "m[1] = 1, m = {}", "s = {1}, s = {2}"):
        assert "Multiple incompatible setting of column" in client.refusal(f"UPDATE u SET {text} WHERE k = 1")


def test_of_an_order_that_is_said_twice_the_last_word_counts(client: Client) -> None:
    fill(client)
    assert client.run("SELECT c FROM t WHERE k = 0 ORDER BY c ASC, c DESC") == [(3,), (2,), (1,), (0,)]
    assert client.run("SELECT c FROM t WHERE k = 0 ORDER BY c DESC, c ASC") == [(0,), (1,), (2,), (3,)]


def test_a_refused_batch_of_one_statement_shows_the_key(client: Client) -> None:
    fill(client)
    client.reply("BEGIN BATCH UPDATE t SET v = 'x' WHERE k = 1 AND c = 1 IF v = 'y' APPLY BATCH")
    assert client.run("BEGIN BATCH UPDATE t SET v = 'x' WHERE k = 1 AND c = 1 IF v = 'y' APPLY BATCH") == [(False, 1, 1, "1.1")]
