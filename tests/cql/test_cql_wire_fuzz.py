"""Any bytes in any state: the wire never raises, never holds more than its limits, and reads the same however it is cut."""

from __future__ import annotations

from cql_client import Client, envelope, segments, startup
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.protocol.limits import Limits
from hyperdb.frontends.cql.protocol.requests import Fault, Request
from hyperdb.frontends.cql.protocol.responses import Error, Ready, Reply
from hyperdb.frontends.cql.protocol.wire import Wire

LIMITS = Limits(stranger=2_000, body=4_000)
_OPCODES = st.sampled_from([1, 5, 7, 7, 9, 0x0A, 0x0A, 0x0B, 0x0D, 0x0D, 0x0F, 2, 0x30])
_BODIES = st.one_of(
    st.binary(max_size=60),
    # Fields that are right or nearly so, one after the other.
    st.lists(
        st.sampled_from(
            [b"\0\0\0\1q", b"\0\1", b"\0\0", b"\xff\xff", b"\0\2id", b"\0\0\0\1x", b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe",
             b"\x7f\xff\xff\xff", b"\x00", b"\x01", b"\xff", b"\x47", b"\0\0\0\x7f", b"\0\0\1\xff",
             b"\0\0\0\0\0\0\0\1", b"\0\0\0\x0a" + b"SELECT ..."]
        ),
        max_size=10,
    ).map(b"".join),
)  # fmt: skip
_FLAGS = st.sampled_from([0, 0, 0, 1, 2, 4, 6, 0x10, 0xFF])


def _envelopes(version: int) -> st.SearchStrategy[bytes]:
    def made(opcode: int, body: bytes, flags: int, stream: int) -> bytes:
        return envelope(version, opcode, body, flags=flags, stream=stream)

    whole = st.builds(made, _OPCODES, _BODIES, _FLAGS, st.integers(-3, 3))
    lengths = st.sampled_from([-1, -(2**31), 2**31 - 1, 4_001, 4_000])
    wrong = st.builds(lambda head, length: head[:5] + length.to_bytes(4, "big", signed=True), whole, lengths)
    return st.one_of(whole, whole, whole, whole, wrong)


def _drive(wire: Wire, data: bytes, cuts: list[int]) -> list[Request | Fault]:
    found: list[Request | Fault] = []
    at = turn = 0
    while at < len(data):
        piece = data[at : at + cuts[turn % len(cuts)]]
        found += wire.receive(piece)
        assert wire.held <= LIMITS.body + len(piece) + 140_000 * (wire.version == 5)
        at, turn = at + len(piece), turn + 1
    return found


def _check(found: list[Request | Fault]) -> None:
    for place, each in enumerate(found):
        if isinstance(each, Fault):
            assert each.error.code in (ErrorCode.PROTOCOL, ErrorCode.INVALID)
            if each.fatal:
                assert place == len(found) - 1


def _shown(found: list[Request | Fault]) -> list[object]:
    return [(each.stream, each.error.message, each.fatal) if isinstance(each, Fault) else each for each in found]


_CUTS = st.lists(st.integers(1, 40), min_size=1, max_size=5)
_WAYS = st.sampled_from([(3, None), (4, None), (4, "lz4"), (4, "snappy"), (5, None), (5, "lz4")])


@settings(max_examples=50, deadline=None)
@given(_WAYS, st.data(), _CUTS)
def test_any_envelopes_cut_anywhere(way: tuple[int, str | None], data: st.DataObject, cuts: list[int]) -> None:
    version, compression = way
    pieces = data.draw(st.lists(_envelopes(version), max_size=6))
    sent = b"".join(segments(piece, compressed=compression is not None) if version >= 5 else piece for piece in pieces)
    once = Client(version, compression, wire=Wire(LIMITS)).wire.receive(sent)
    again = _drive(Client(version, compression, wire=Wire(LIMITS)).wire, sent, cuts)
    _check(once)
    assert _shown(once) == _shown(again)


@settings(max_examples=50, deadline=None)
@given(_WAYS, st.data(), st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), max_size=3))
def test_mutated_bytes(way: tuple[int, str | None], data: st.DataObject, changes: list[tuple[int, int]]) -> None:
    version, compression = way
    client = Client(version, compression, wire=Wire(LIMITS))
    pieces = data.draw(st.lists(_envelopes(version), min_size=1, max_size=4))
    sent = bytearray(b"".join(map(client.framed, pieces)))
    for place, change in changes:
        sent[place % len(sent)] ^= change
    found = client.wire.receive(bytes(sent))
    _check(found)
    for each in found:
        error = each.error if isinstance(each, Fault) else None
        client.wire.send(Reply(Ready() if error is None else Error(error)), each.stream)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_strangers(noise: bytes, started: bool) -> None:
    wire = Wire(LIMITS)
    found = wire.receive(startup(5) + noise if started else noise)
    while found:
        _check(found)
        for each in found:
            error = each.error if isinstance(each, Fault) else None
            data = wire.send(Reply(Ready() if error is None else Error(error)), each.stream if -128 <= each.stream < 128 else 0)
            assert data
        found = wire.receive(b"")
