"""Frontend messages: byte by byte and whole, at the limits, broken, and random.

Theory: how bytes are cut into reads must not matter, and no bytes may raise anything but a `WireError`.
Invariant: every type byte of the decoder's table is in `GOOD`.
"""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdb.errors import WireError
from hyperdb.frontends.sql.protocol import decode, messages
from hyperdb.frontends.sql.protocol.decode import Decoder, Phase
from hyperdb.frontends.sql.protocol.limits import Limits
from hyperdb.graph.catalog.lanes import merge_copy_data


def framed(kind: str, body: bytes) -> bytes:
    return kind.encode() + struct.pack(">I", len(body) + 4) + body


def startup(body: bytes, version: int = 3 << 16) -> bytes:
    return struct.pack(">II", len(body) + 8, version) + body


def session(limits: Limits | None = None) -> Decoder:
    decoder = Decoder(limits)
    decoder.phase = Phase.SESSION
    return decoder


def drained(decoder: Decoder) -> list[messages.Event]:
    events = []
    while (event := decoder.next_event()) is not None:
        events.append(event)
    return events


BIND = b"p\0s\0" + struct.pack(">HhhHiiHh", 2, 1, 0, 2, 0, -1, 1, 0)
GOOD: list[tuple[bytes, messages.Event]] = [
    (framed("Q", "select 'ä'\0".encode()), messages.Query("select 'ä'")),
    (framed("P", b"s\0select $1\0\0\1\0\0\0\x17"), messages.Parse("s", "select $1", (23,))),
    (framed("B", BIND), messages.Bind("p", "s", (1, 0), (b"", None), (0,))),
    (framed("D", b"Sx\0"), messages.Describe(False, "x")),
    (framed("D", b"P\0"), messages.Describe(True, "")),
    (framed("E", b"\0\0\0\0\x64"), messages.Execute("", 100)),
    (framed("E", b"\0\xff\xff\xff\xff"), messages.Execute("", 0)),
    (framed("C", b"Pc\0"), messages.Close(True, "c")),
    (framed("H", b""), messages.Flush()),
    (framed("S", b""), messages.Sync()),
    (framed("d", b"\0\1\2"), messages.CopyData(b"\0\1\2")),
    (framed("c", b""), messages.CopyDone()),
    (framed("f", b"why\0"), messages.CopyFail("why")),
    (framed("F", b"\0\0\0\1"), messages.FunctionCall()),
    (framed("X", b""), messages.Terminate()),
]

BAD_BODIES = [
    (framed("Q", b"no end"), "08P01"),
    (framed("Q", b"a\0b\0"), "08P01"),
    (framed("Q", b"\xff\0"), "22021"),
    (framed("S", b"x"), "08P01"),
    (framed("D", b"Zx\0"), "08P01"),
    (framed("D", b""), "08P01"),
    (framed("E", b"\0\0\0"), "08P01"),
    (framed("P", b"\0\0\xff\xff"), "08P01"),
    (framed("B", b"\0\0" + struct.pack(">HH", 0, 1) + b"\0\0\0\x7f"), "08P01"),
    (framed("B", b"\0\0" + struct.pack(">HHiH", 0, 1, -2, 0)), "08P01"),
    (framed("B", b"\0\0" + struct.pack(">HhhHH", 2, 0, 0, 0, 0)), "08P01"),
    (framed("B", b"\0\0" + struct.pack(">HHHh", 0, 0, 1, 2)), "22023"),
]


def test_every_type_byte_has_an_example() -> None:
    assert {wire[0] for wire, _ in GOOD} == set(decode._READERS)


def test_a_pipeline_is_read_whole_and_byte_by_byte() -> None:
    wire = b"".join(wire for wire, _ in GOOD)
    expected = [event for _, event in GOOD]
    whole, bytewise = session(), session()
    whole.receive(wire)
    assert drained(whole) == expected
    seen: list[messages.Event] = []
    for at in range(len(wire)):
        bytewise.receive(wire[at : at + 1])
        seen += drained(bytewise)
    assert seen == expected


@pytest.mark.parametrize(("wire", "sqlstate"), BAD_BODIES)
def test_a_broken_body_is_told_and_the_next_message_is_read(wire: bytes, sqlstate: str) -> None:
    decoder = session()
    decoder.receive(wire + framed("S", b""))
    broken, after = drained(decoder)
    assert isinstance(broken, messages.Malformed)
    assert (broken.kind, broken.error.sqlstate, broken.error.fatal) == (chr(wire[0]), sqlstate, False)
    assert after == messages.Sync()


@pytest.mark.parametrize(
    "wire",
    [
        b"Q\0\0\0\3",
        b"Q\xff\xff\xff\xff",
        b"Q\0\0\0\x65",  # one more than `message`
        b"S\0\0\0\x15",  # one more than `small_message`
        b"\0\0\0\0\4",
        b"p\0\0\0\4",  # a password when nobody asked
    ],
)
def test_a_frame_that_cannot_be_trusted_ends_the_connection(wire: bytes) -> None:
    decoder = session(Limits(message=100, small_message=20))
    decoder.receive(wire)
    for _ in range(2):
        with pytest.raises(WireError) as raised:
            decoder.next_event()
        assert raised.value.fatal and raised.value.sqlstate == "08P01"
        decoder.receive(framed("S", b""))


def test_a_message_of_exactly_the_limit_is_taken() -> None:
    decoder = session(Limits(message=100))
    decoder.receive(framed("d", bytes(96)))
    assert drained(decoder) == [messages.CopyData(bytes(96))]


def test_many_messages_behind_each_other_are_cut_off_the_buffer() -> None:
    decoder = session()
    one = framed("Q", b"x" * 9_999 + b"\0")
    decoder.receive(one * 50 + one[:-1])
    assert len(drained(decoder)) == 50
    assert len(decoder._buffer) - decoder._at == len(one) - 1
    assert len(decoder._buffer) < decode._COMPACT_AT + 2 * len(one)


def test_copied_pieces_behind_each_other_are_one() -> None:
    decoder = session()
    one = framed("d", b"row\n")
    decoder.receive(one * 3 + framed("d", b"") + one[:-1])
    assert drained(decoder) == [messages.CopyData(b"row\n" * 3)]
    decoder.receive(one[-1:] + framed("c", b""))
    assert drained(decoder) == [messages.CopyData(b"row\n"), messages.CopyDone()]
    decoder.receive(one + b"d\0\0\0\3")
    assert decoder.next_event() == messages.CopyData(b"row\n")
    with pytest.raises(WireError):
        decoder.next_event()


@pytest.mark.parametrize("seed", range(5))
def test_copied_pieces_are_merged_natively_alike(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        pieces = [framed(rng.choice("dddc"), rng.randbytes(rng.randrange(6))) for _ in range(rng.randrange(6))]
        data = b"".join(pieces)[: rng.randrange(40)] + rng.choice([b"", b"d\xff\0\0\0", b"d\0\0\0\1"])
        assert merge_copy_data(data, 8) == decode.merged(data, 8)


def test_startup_separates_parameters_and_protocol_options() -> None:
    decoder = Decoder()
    decoder.receive(startup(b"user\0ann\0_pq_.x\x001\0database\0d\0\0", 3 << 16 | 2))
    assert drained(decoder) == [messages.Startup(2, {"user": "ann", "database": "d"}, {"_pq_.x": "1"})]
    assert decoder.phase is Phase.AUTHENTICATION


@pytest.mark.parametrize(
    ("wire", "sqlstate"),
    [
        (b"\0\0\0\7", "08P01"),
        (struct.pack(">I", 10_001), "08P01"),
        (b"GET / HTTP/1.1\r\n\r\n", "08P01"),
        (startup(b"user\0ann\0"), "08P01"),
        (startup(b"user\0ann\0\0x"), "08P01"),
        (startup(b"user\0\xff\0\0"), "22021"),
        (startup(b"database\0d\0\0"), "28000"),
        (startup(b"user\0\0\0"), "28000"),
        (startup(b"", 2 << 16), "0A000"),
        (startup(bytes(7), decode._CANCEL), "08P01"),
        (startup(bytes(261), decode._CANCEL), "08P01"),
        (startup(b"x", decode._SSL), "08P01"),
        (startup(b"", decode._SSL) + b"x", "08P01"),
    ],
)
def test_a_bad_start_is_fatal(wire: bytes, sqlstate: str) -> None:
    decoder = Decoder()
    decoder.receive(wire)
    with pytest.raises(WireError) as raised:
        decoder.next_event()
    assert raised.value.fatal and raised.value.sqlstate == sqlstate


def test_encryption_is_asked_for_once_of_each_kind() -> None:
    decoder = Decoder()
    for code, event in ((decode._GSS, messages.GssEncRequest()), (decode._SSL, messages.SslRequest())):
        decoder.receive(startup(b"", code))
        assert drained(decoder) == [event]
    decoder.receive(startup(b"", decode._SSL))
    with pytest.raises(WireError):
        decoder.next_event()


@pytest.mark.parametrize("secret", [b"abcd", bytes(256)])
def test_cancel(secret: bytes) -> None:
    decoder = Decoder()
    decoder.receive(startup(struct.pack(">I", 7) + secret, decode._CANCEL))
    assert drained(decoder) == [messages.CancelRequest(7, secret)]


def test_only_passwords_are_read_while_the_client_authenticates() -> None:
    decoder = Decoder()
    decoder.phase = Phase.AUTHENTICATION
    decoder.receive(framed("p", b"secret") + framed("Q", b"\0"))
    assert decoder.next_event() == messages.Password(b"secret")
    with pytest.raises(WireError):
        decoder.next_event()


@given(
    st.sampled_from(Phase),
    st.lists(st.one_of(st.binary(max_size=60), st.builds(framed, st.sampled_from("QPBDECHSdcfFXp"), st.binary(max_size=40)))),
)
def test_no_bytes_raise_anything_else_and_cuts_do_not_matter(phase: Phase, pieces: list[bytes]) -> None:
    def outcome(reads: list[bytes]) -> list[str]:
        decoder = Decoder()
        decoder.phase = phase
        seen: list[str] = []
        copied: bytes | None = None
        try:
            for read in reads:
                decoder.receive(read)
                # Not `drained`: what came before a fatal error counts too.
                while (event := decoder.next_event()) is not None:
                    if isinstance(event, messages.CopyData) and copied is not None:
                        # Pieces behind each other are one, where they come in one read.
                        copied += event.data
                        seen[-1] = repr(copied)
                        continue
                    copied = event.data if isinstance(event, messages.CopyData) else None
                    seen.append(repr(event if copied is None else copied))
        except WireError as error:
            seen.append(f"{error.sqlstate} {error.fatal}")
        return seen

    wire = b"".join(pieces)
    whole = outcome([wire])
    assert whole == outcome([wire[at : at + 1] for at in range(len(wire))])
    assert not any(entry.endswith(" False") for entry in whole)
