"""Requests as the stock driver writes them, replies as it reads them, and bytes as the specification has them."""

from __future__ import annotations

from itertools import product
from typing import Any
from uuid import UUID

import pytest
from cassandra import ConsistencyLevel
from cassandra.query import BatchType
from cql_client import Client, cut, decoded, envelope, message, protocol, segments, startup, unsegmented

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import BatchKind, Consistency, ErrorCode, EventKind
from hyperdb.frontends.cql.protocol import requests, responses
from hyperdb.frontends.cql.protocol.limits import Limits
from hyperdb.frontends.cql.protocol.reader import UNSET
from hyperdb.frontends.cql.protocol.requests import Fault, Parameters, Request
from hyperdb.frontends.cql.protocol.responses import Column, Reply
from hyperdb.frontends.cql.protocol.segments import _segment, crc24, crc32
from hyperdb.frontends.cql.protocol.startup import supported
from hyperdb.frontends.cql.protocol.wire import Wire
from hyperdb.frontends.cql.types import model
from hyperdb.frontends.cql.types.model import Field, List, Map, Tuple, Udt, Vector

VERSIONS = [3, 4, 5]
WAYS = [*product(VERSIONS, [None, "lz4"]), (3, "snappy"), (4, "snappy")]


def body(found: Request | Fault) -> Any:
    assert isinstance(found, Request)
    return found.body


def fault(found: list[Request | Fault]) -> Fault:
    assert isinstance(found[-1], Fault)
    return found[-1]


@pytest.mark.parametrize(("version", "compression"), WAYS)
def test_requests_of_the_driver(version: int, compression: str | None) -> None:
    client = Client(version, compression)
    query = protocol.QueryMessage("SELECT é", ConsistencyLevel.LOCAL_QUORUM)
    assert body(client.ask(query)) == requests.Query("SELECT é", Parameters(Consistency.LOCAL_QUORUM))
    full = protocol.QueryMessage(
        "SELECT 1", ConsistencyLevel.ONE, serial_consistency_level=ConsistencyLevel.SERIAL, fetch_size=7, paging_state=b"ps",
        timestamp=5, keyspace="ks" if version >= 5 else None,
    )  # fmt: skip
    keyspace = "ks" if version >= 5 else None
    wanted = Parameters(
        Consistency.ONE, page_size=7, paging_state=b"ps", serial_consistency=Consistency.SERIAL, timestamp=5, keyspace=keyspace
    )
    assert body(client.ask(full)) == requests.Query("SELECT 1", wanted)
    execute = protocol.ExecuteMessage(b"id", [b"a", None, b""], ConsistencyLevel.ONE, skip_meta=False, result_metadata_id=b"rm")
    found = body(client.ask(execute))
    assert (found.id, found.result_metadata_id) == (b"id", b"rm" if version >= 5 else None)
    assert list(found.parameters.values) == [b"a", None, b""]
    batch = protocol.BatchMessage(
        BatchType.COUNTER, [(False, "INSERT", [b"1"]), (True, b"id", [])], ConsistencyLevel.TWO, ConsistencyLevel.LOCAL_SERIAL, 9
    )
    found = body(client.ask(batch))
    assert found.kind is BatchKind.COUNTER
    assert [(item.statement, list(item.values)) for item in found.items] == [("INSERT", [b"1"]), (b"id", [])]
    assert (found.parameters.consistency, found.parameters.timestamp) == (Consistency.TWO, 9)
    assert found.parameters.serial_consistency is Consistency.LOCAL_SERIAL
    assert body(client.ask(protocol.PrepareMessage("SELECT ?"))) == requests.Prepare("SELECT ?")
    assert body(client.ask(protocol.RegisterMessage(["SCHEMA_CHANGE"]))) == requests.Register(frozenset({EventKind.SCHEMA}))
    assert body(client.ask(protocol.OptionsMessage())) == requests.Options()
    assert body(client.ask(protocol.AuthResponseMessage(b"\0u\0p"))) == requests.AuthResponse(b"\0u\0p")


def test_a_keyspace_with_prepare_and_unset_values() -> None:
    assert body(Client(5).ask(protocol.PrepareMessage("SELECT ?", keyspace="ks"))) == requests.Prepare("SELECT ?", "ks")
    execute = protocol.ExecuteMessage(b"id", [protocol._UNSET_VALUE], ConsistencyLevel.ONE, result_metadata_id=b"")
    assert list(body(Client(4).ask(execute)).parameters.values) == [UNSET]


def test_named_values_and_the_present_time() -> None:
    data = b"\0\0\0\1q" + b"\0\1" + b"\0\0\1\x41" + b"\0\2" + b"\0\1a\0\0\0\1x" + b"\0\1b\xff\xff\xff\xfe" + b"\0\0\0\x09"
    client = Client(5)
    (found,) = client.wire.receive(segments(envelope(5, 7, data)))
    parameters = body(found).parameters
    assert (list(parameters.names), list(parameters.values), parameters.now_in_seconds) == (["a", "b"], [b"x", UNSET], 9)


def test_what_a_header_says_besides() -> None:
    query = protocol.QueryMessage("q", ConsistencyLevel.ONE)
    query.tracing, query.custom_payload = True, {"hyperdb.prove": b"1", "b": b""}
    found = Client(4).ask(query, stream=77)
    assert isinstance(found, Request)
    assert (found.stream, found.tracing, found.version) == (77, True, 4)
    assert found.payload == {"hyperdb.prove": b"1", "b": b""}


# Replies.

UDT = Udt("ks", "point", (Field("x", model.INT), Field("tags", model.frozen(List(model.TEXT)))), frozen=True)
COLUMNS = [
    Column("ks", "t", "n", model.INT),
    Column("ks", "t", "m", Map(model.TEXT, model.BIGINT)),
    Column("ks", "t", "tuple", Tuple((model.BOOLEAN, model.TEXT))),
    Column("ks", "t", "v", Vector(model.FLOAT, 2)),
    Column("ks", "t", "u", UDT),
    Column("ks", "t", "d", model.DURATION),
    Column("ks", "t", "s", model.SMALLINT),
]


@pytest.mark.parametrize(("version", "compression"), [way for way in WAYS if way[1] != "snappy"])
def test_rows_are_read_by_the_driver(version: int, compression: str | None) -> None:
    client = Client(version, compression)
    rows = [[b"\0\0\0\1", None, None, None, None, None, b"\0\2"], [None] * 7]
    found = client.reply(Reply(responses.Rows(COLUMNS, rows, b"more")))
    assert found.column_names == ["n", "m", "tuple", "v", "u", "d", "s"]
    assert [kind.typename for kind in found.column_types[:4]] == [
        "int",
        "map",
        "tuple",
        "org.apache.cassandra.db.marshal.VectorType",
    ]
    assert [row[0] for row in found.parsed_rows] == [1, None]
    assert found.parsed_rows[0][6] == 2
    assert found.paging_state == b"more"
    long = client.reply(Reply(responses.Rows(COLUMNS[:1], responses.Encoded(40_000, b"\0\0\0\4\0\0\0\7" * 40_000))))
    assert [row[0] for row in long.parsed_rows] == [7] * 40_000


def test_metadata_is_left_out_only_where_it_is_known() -> None:
    client = Client(5)
    known = client.reply(Reply(responses.Rows(COLUMNS[:1], []))).column_metadata
    found = client.reply(Reply(responses.Rows(COLUMNS[:1], [[b"\0\0\0\1"]], skip_metadata=True)), metadata=known)
    assert found.column_metadata is None
    assert list(found.parsed_rows) == [(1,)]
    changed = client.reply(Reply(responses.Rows(COLUMNS[:1], [[b"\0\0\0\1"]], skip_metadata=True, new_metadata_id=b"new")))
    assert (changed.result_metadata_id, changed.column_names) == (b"new", ["n"])
    assert not hasattr(Client(4).reply(Reply(responses.Rows(COLUMNS[:1], [], new_metadata_id=b"new"))), "result_metadata_id")


def test_columns_of_several_tables_name_theirs() -> None:
    columns = [Column("ks", "t", "a", model.INT), Column("ks", "other", "b", model.TEXT)]
    found = Client(4).reply(Reply(responses.Rows(columns, [])))
    assert [each[:3] for each in found.column_metadata] == [("ks", "t", "a"), ("ks", "other", "b")]


@pytest.mark.parametrize("version", VERSIONS)
def test_prepared_statements(version: int) -> None:
    prepared = responses.Prepared(b"id", b"rm", COLUMNS[:2], [1, 0], COLUMNS[:1])
    found = Client(version).reply(Reply(prepared))
    assert (found.query_id, found.result_metadata_id) == (b"id", b"rm" if version >= 5 else None)
    assert found.pk_indexes == ([1, 0] if version >= 4 else None)
    assert [each[2] for each in found.bind_metadata] == ["n", "m"]
    assert [each[2] for each in found.column_metadata] == ["n"]
    none = Client(version).reply(Reply(responses.Prepared(b"id", b"rm", [])))
    assert (none.bind_metadata, none.column_metadata) == ([], None)


@pytest.mark.parametrize("version", VERSIONS)
def test_other_results(version: int) -> None:
    client = Client(version)
    assert client.reply(Reply(responses.SetKeyspace("ks"))).new_keyspace == "ks"
    assert client.reply(Reply(responses.Void())).kind == 1
    for target, name in (("KEYSPACE", None), ("TABLE", "t"), ("TYPE", "u")):
        found = client.reply(Reply(responses.SchemaChange("CREATED", target, "ks", name))).schema_change_event
        assert (found["target_type"], found["keyspace"], found.get(target.lower(), "ks")) == (target, "ks", name or "ks")
    function = client.reply(Reply(responses.SchemaChange("DROPPED", "FUNCTION", "ks", "f", ["int", "text"]))).schema_change_event
    assert function["function"].argument_types == ["int", "text"]
    assert client.reply(Reply(responses.AuthChallenge(b"x"))).challenge == b"x"
    assert client.reply(Reply(responses.AuthSuccess())).token == ""
    assert client.reply(Reply(responses.Authenticate("a.b.C"))).authenticator == "a.b.C"
    options = client.reply(Reply(supported()))
    assert (options.cql_versions, options.options["COMPRESSION"]) == (["3.4.7"], ["snappy", "lz4"])


def test_what_a_reply_tells_besides() -> None:
    reply = Reply(responses.Void(), ["one", "two"], {"k": b"v"}, UUID(int=5))
    for version in (4, 5):
        found = Client(version).reply(reply)
        assert (found.warnings, found.custom_payload, found.trace_id) == (["one", "two"], {"k": b"v"}, UUID(int=5))
    old = Client(3).reply(reply)
    assert (old.warnings, old.custom_payload, old.trace_id) == (None, None, UUID(int=5))


@pytest.mark.parametrize("version", VERSIONS)
def test_events(version: int) -> None:
    client = Client(version)
    events: list[responses.Event] = [
        responses.SchemaChange("UPDATED", "KEYSPACE", "ks"),
        responses.StatusChange("UP", ("127.0.0.1", 9042)),
        responses.TopologyChange("NEW_NODE", ("::1", 9042)),
    ]
    for event in events:
        data = client.wire.event(event)
        found = decoded(data if version < 5 else unsegmented(data))
        assert found.stream_id == -1
        assert found.event_args["change_type"] == event.change


ERRORS: list[tuple[int, dict[str, Any], dict[str, Any]]] = [
    (ErrorCode.UNAVAILABLE, {"consistency": 4, "required": 3, "alive": 1}, {"required_replicas": 3, "alive_replicas": 1}),
    (ErrorCode.WRITE_TIMEOUT, {"received": 1, "block_for": 2, "write_type": "CAS", "contentions": 3}, {"received_responses": 1}),
    (ErrorCode.READ_TIMEOUT, {"received": 1, "block_for": 2, "data_present": True}, {"data_retrieved": True}),
    (ErrorCode.READ_FAILURE, {"failures": {"127.0.0.1": 2, "::1": 0}}, {"failures": 2, "data_retrieved": False}),
    (ErrorCode.WRITE_FAILURE, {"failures": {"127.0.0.1": 2}, "write_type": "BATCH"}, {"failures": 1}),
    (ErrorCode.FUNCTION_FAILURE, {"keyspace": "k", "function": "f", "argument_types": ["int"]}, {"arg_types": ["int"]}),
    (ErrorCode.ALREADY_EXISTS, {"keyspace": "k", "table": "t"}, {"keyspace": "k", "table": "t"}),
]


@pytest.mark.parametrize(("code", "extra", "wanted"), ERRORS)
@pytest.mark.parametrize("version", [4, 5])
def test_errors_with_what_they_tell_besides(version: int, code: int, extra: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = Client(version).reply(Reply(responses.Error(CqlError(code, "text", extra))))
    assert (found.code, found.message) == (code, "text")
    assert {name: found.info[name] for name in wanted} == wanted


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("code", [int(code) for code in ErrorCode])
def test_every_error_is_read(version: int, code: int) -> None:
    if code == ErrorCode.UNPREPARED:
        found = Client(version).reply(Reply(responses.Error(CqlError(code, "text", {"id": b"\1\2"}))))
        assert found.info == b"\1\2"
        return
    found = Client(version).reply(Reply(responses.Error(CqlError(code, "text"))))
    assert found.message == "text"
    newer = {3: (0x1300, 0x1400, 0x1500, 0x1600, 0x1700), 4: (0x1600, 0x1700), 5: ()}[version]
    assert found.code == code or code in newer


# Versions and faults.


@pytest.mark.parametrize(("version", "answered"), [(0x42, 4), (0x41, 4), (7, 5), (0, 5), (1, 1), (2, 2)])
def test_unknown_versions_are_refused_in_one_that_the_client_reads(version: int, answered: int) -> None:
    wire = Wire()
    header = bytes((version, 0, 5, 5)) + bytes(4) if version in (1, 2) else envelope(version, 5, b"", stream=5)
    found = fault(wire.receive(header))
    assert found.fatal
    assert (found.stream, found.error.code) == (5, ErrorCode.PROTOCOL)
    assert (
        f"Invalid or unsupported protocol version ({version}); supported versions are (3/v3, 4/v4, 5/v5, 6/v6-beta)"
        == found.error.message
    )
    data = wire.send(Reply(responses.Error(found.error)), found.stream)
    assert data[0] == 0x80 | answered
    assert int.from_bytes(data[-len(data) + (4 if answered < 3 else 5) :][:4], "big") == len(data) - (8 if answered < 3 else 9)


def test_the_beta_version_is_for_who_says_that_it_is_known() -> None:
    wire = Wire()
    found = fault(wire.receive(envelope(6, 5, b"", stream=5)))
    assert found.error.message == "Beta version of the protocol used (6/v6-beta), but USE_BETA flag is unset"
    wire = Wire()
    (request,) = wire.receive(bytes((6, 0x10, 0, 5, 5)) + bytes(4))
    assert (request.version, request.stream) == (6, 5)  # type: ignore[union-attr]
    data = wire.send(Reply(responses.Supported({})), 5)
    assert data[:2] == bytes((0x86, 0x10))


def test_the_driver_understands_that_its_version_is_unknown() -> None:
    wire = Wire()
    found = fault(wire.receive(message(protocol.OptionsMessage(), 0x42)))
    answer = decoded(wire.send(Reply(responses.Error(found.error)), found.stream))
    assert "unsupported protocol version" in answer.message


def test_a_bad_body_leaves_the_connection_usable() -> None:
    client = Client(4)
    bad = [
        (7, b"\0\0\0\x05q"),  # a text that is shorter than it says
        (7, b"\xff\xff\xff\xff"),
        (7, b"\0\0\0\1\xff\0\1\0"),  # no UTF-8
        (7, b"\0\0\0\1q\0\x99\0"),  # no consistency
        (7, b"\0\0\0\1q\0\1\1\xff\xff"),  # 65,535 values
        (7, b"\0\0\0\1q\0\1\x20\x80" + bytes(7)),  # the one timestamp that cannot be
        (0x0A, b"\0"),
        (0x0B, b"\0\1\0\1X"),  # no event
        (0x0D, b"\7"),  # no kind of batch
        (0x0D, b"\0\0\0\0\1\x40"),  # names in a batch
        (1, b"\0\0"),
        (8, b""),  # a reply
        (0x55, b""),
    ]
    for opcode, data in bad:
        found = fault(client.wire.receive(envelope(4, opcode, data, stream=9)))
        assert (found.stream, found.fatal, found.error.code) == (9, False, ErrorCode.PROTOCOL)
    assert body(client.ask(protocol.OptionsMessage())) == requests.Options()


def test_a_body_that_is_too_long_is_passed_over() -> None:
    for version in (4, 5):
        client = Client(version, wire=Wire(Limits(stranger=100, body=200_000)))
        data = client.framed(envelope(version, 7, bytes(200_001), stream=3)) + client.framed(
            message(protocol.OptionsMessage(), version)
        )
        found: list[Request | Fault] = []
        for at in range(0, len(data), 50_000):
            found += client.wire.receive(data[at : at + 50_000])
            assert client.wire.held <= 200_000 + 50_000
        assert [type(each) for each in found] == [Fault, Request]
        assert isinstance(found[0], Fault)
        assert (found[0].stream, found[0].error.code, found[0].fatal) == (3, ErrorCode.INVALID, False)


def test_a_stranger_may_send_little() -> None:
    wire = Wire(Limits(stranger=100))
    assert fault(wire.receive(envelope(4, 1, bytes(101)))).error.code == ErrorCode.INVALID


@pytest.mark.parametrize("compression", ["lz4", "snappy"])
def test_compressed_bodies_that_promise_too_much(compression: str) -> None:
    client = Client(4, compression)
    bombs = {
        "lz4": [b"\x7f\xff\xff\xff" + bytes(20), b"\0\0\xff\xff" + bytes(20), b"\0\0", b"\0\0\0\x09" + b"\x10a"],
        "snappy": [b"\xff\xff\xff\xff\x07" + bytes(20), b"\xff\xff\x03" + bytes(20), b"\xff" * 9, b"\x05a"],
    }
    for data in bombs[compression]:
        found = fault(client.wire.receive(envelope(4, 7, data, flags=1)))
        assert (found.error.code, found.fatal) == (ErrorCode.PROTOCOL, False)
    assert body(client.ask(protocol.OptionsMessage())) == requests.Options()


def test_compression_that_nobody_agreed_on_is_refused() -> None:
    assert fault(Client(4).wire.receive(envelope(4, 7, b"x", flags=1))).error.code == ErrorCode.PROTOCOL


@pytest.mark.parametrize(
    ("version", "options", "shown"),
    [
        (4, {"CQL_VERSION": "2.0.0"}, "CQL version 2.0.0 is not supported"),
        (4, {}, "Missing value CQL_VERSION"),
        (4, {"CQL_VERSION": "x"}, "Invalid version value: x"),
        (4, {"CQL_VERSION": "3.0.0", "COMPRESSION": "zip"}, "Unknown compression algorithm: zip"),
        (5, {"CQL_VERSION": "3.0.0", "COMPRESSION": "snappy"}, "snappy compression is not supported in protocol V5"),
    ],
)
def test_what_startup_may_not_ask_for(version: int, options: dict[str, str], shown: str) -> None:
    fields = b"".join(len(part).to_bytes(2, "big") + part.encode() for pair in options.items() for part in pair)
    data = envelope(version, 1, len(options).to_bytes(2, "big") + fields)
    wire = Wire()
    found = fault(wire.receive(data))
    assert shown in found.error.message
    assert not found.fatal
    assert isinstance(wire.receive(startup(version))[0], Request)


@pytest.mark.parametrize("compression", [None, "lz4"])
def test_segments_that_were_changed_end_the_connection(compression: str | None) -> None:
    good = Client(5, compression).framed(message(protocol.QueryMessage("SELECT 1" * 20, 1), 5))
    for place in range(0, len(good), 7):
        client = Client(5, compression)
        bad = bytearray(good)
        bad[place] ^= 0x10
        found = client.wire.receive(bytes(bad))
        if found:  # a longer length waits for more bytes, unless its checksum is there
            assert (fault(found).fatal, fault(found).error.code) == (True, ErrorCode.PROTOCOL)
            assert "CRC mismatch" in fault(found).error.message
            assert client.wire.receive(good) == []


def test_segments_cut_within_envelopes_end_the_connection() -> None:
    data = message(protocol.OptionsMessage(), 5)
    half = _segment(data[:5], self_contained=True, compressed=False)
    assert fault(Client(5).wire.receive(half)).fatal
    client = Client(5)
    assert client.wire.receive(_segment(data[:5], self_contained=False, compressed=False)) == []
    assert fault(client.wire.receive(segments(data))).fatal
    client = Client(5)
    pieces = b"".join(_segment(piece, self_contained=False, compressed=False) for piece in (data[:3], data[3:]))
    assert body(client.wire.receive(pieces)[0]) == requests.Options()


def test_another_version_in_the_middle_ends_the_connection() -> None:
    client = Client(4)
    found = fault(client.wire.receive(message(protocol.OptionsMessage(), 3)))
    assert found.fatal
    assert "Got 3/v3 but previous messages on this connection had version 4/v4" in found.error.message


def test_what_comes_behind_startup_is_read_after_its_answer() -> None:
    wire = Wire()
    behind = segments(message(protocol.OptionsMessage(), 5, stream=3))
    assert len(wire.receive(startup(5) + behind)) == 1
    wire.send(Reply(responses.Ready()), 0)
    assert [found.stream for found in wire.receive(b"")] == [3]


def test_a_refused_startup_leaves_envelopes_bare() -> None:
    wire = Wire()
    wire.receive(startup(5))
    data = wire.send(Reply(responses.Error(CqlError(ErrorCode.OVERLOADED, "later"))), 0)
    assert cut(data)[0][3] == 0
    assert isinstance(wire.receive(startup(5))[0], Request)


def test_replies_in_one_go_share_a_segment() -> None:
    client = Client(5)
    one = client.wire.send(Reply(responses.Void()), 1)
    both = client.wire.send_all([(Reply(responses.Void()), 1), (Reply(responses.Void()), 2)])
    assert len(both) == len(one) + 9 + 4


# Bytes.


def test_checksums_of_the_specification() -> None:
    # An empty self-contained segment, by the driver; what is computed over nothing is what each begins with.
    assert crc24(b"") == 0x875060
    assert segments(b"") == b"\0\0\2" + crc24(b"\0\0\2").to_bytes(3, "little") + crc32(b"").to_bytes(4, "little")


def test_envelopes_byte_for_byte() -> None:
    wire = Wire()
    (request,) = wire.receive(bytes.fromhex("04 00 0000 05 00000000"))
    assert request == Request(0, requests.Options(), 4)
    assert wire.send(Reply(responses.Void()), 2) == bytes.fromhex("84 00 0002 08 00000004 00000001")
    assert wire.send(Reply(responses.SetKeyspace("ks")), 0) == bytes.fromhex("84 00 0000 08 00000008 00000003 0002 6b73")
    rows = responses.Rows([Column("k", "t", "c", model.INT)], [[b"\0\0\0\7"]])
    assert wire.send(Reply(rows), 1) == bytes.fromhex(
        "84 00 0001 08 00000023 00000002 00000001 00000001 0001 6b 0001 74 0001 63 0009 00000001 00000004 00000007"
    )
    unprepared = CqlError(ErrorCode.UNPREPARED, "no", {"id": b"\xab"})
    assert wire.send(Reply(responses.Error(unprepared)), 1) == bytes.fromhex("84 00 0001 00 0000000b 00002500 0002 6e6f 0001 ab")
