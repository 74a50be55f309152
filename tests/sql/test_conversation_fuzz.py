"""Random messages in any state: the conversation never raises, never loops, never holds more than its bounds, and stays in order.

Theory: a stranger may send any bytes and a client any messages in any order, cut anywhere. What must hold whatever comes:
`receive` returns; output while nobody takes it stays within the bound and one message; an answer does not depend on where its
request was cut; closing at any moment leaves no outcome open and the session closed once (the fake session counts).
"""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from wire_client import COPY_DONE, FLUSH, STARTUP, SYNC, Client, bind, close, cut, describe, execute, message, parse, query

from hyperdb.frontends.sql.conversation import Bounds
from hyperdb.frontends.sql.protocol.limits import Limits
from hyperdb.frontends.sql.types import oids

_NAMES = st.sampled_from(["", "a", "b"])
_TEXTS = st.sampled_from(
    "select 1|rows 5|rows 3000|echo $1|echo $1 $2|begin|commit|rollback|fail 23505|wait|copy in|copy in csv|copy in binary"
    "|copy out|copy out binary|notice|set a b|insert|notify|defect||??|nonsense"
    "|select 1; fail 22012; insert|begin; copy in; commit".split("|")
)
_CODES = st.lists(st.sampled_from([0, 1, 2, -1]), max_size=3)
_VALUES = st.lists(st.none() | st.binary(max_size=6) | st.just(b"7"), max_size=3)
_ROWS = st.sampled_from(
    [b"1\tx\n", b"1,x\n", b"2", b'"', b"\\.\n", b"\xff\n", b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\0\2\xff\xff\xff\xff"]
)
_MESSAGES = st.one_of(
    st.builds(query, _TEXTS),
    st.builds(parse, _TEXTS, _NAMES, st.lists(st.sampled_from([0, oids.INT4, oids.TEXT, 1007, 99]), max_size=3)),
    st.builds(bind, _VALUES, portal=_NAMES, name=_NAMES, formats=_CODES, results=_CODES),
    st.builds(describe, st.sampled_from("PSX"), _NAMES),
    st.builds(execute, _NAMES, st.sampled_from([0, 1, 2, -1])),
    st.builds(close, st.sampled_from("PS"), _NAMES),
    st.sampled_from([SYNC, SYNC, SYNC, FLUSH, COPY_DONE, message("f", b"no\0"), message("F", b"x"), message("p", b"")]),
    st.builds(lambda data: message("d", data), _ROWS),
    st.builds(lambda kind, body: message(kind, body), st.sampled_from("QPBDECHSdcfF"), st.binary(max_size=12)),
)  # fmt: skip
BOUNDS = Bounds(messages=Limits(message=1 << 16), statements=3, portals=3, kept_bytes=200, pending_output=4_096, rows_at_once=50)
LARGEST_ANSWER = 8_192


def drive(client: Client, data: bytes) -> bytes:
    """What comes back; each piece that is there at once is within the bound."""
    conversation = client.conversation
    conversation.receive(data)
    out = b""
    while True:
        piece = conversation.take_output()
        assert len(piece) <= BOUNDS.pending_output + LARGEST_ANSWER * 8
        out += piece
        if conversation.ended:
            return out
        if conversation.is_paused:
            conversation.go_on()
        elif conversation.waiting is not None:
            try:
                result = conversation.waiting.resume()
            except Exception as error:
                conversation.refused(error)
            else:
                conversation.resolved(result)
        else:
            return out


@settings(max_examples=150, deadline=None)
@given(st.lists(_MESSAGES, max_size=30), st.lists(st.integers(1, 200), min_size=1, max_size=20))
def test_any_messages_cut_anywhere(messages: list[bytes], cuts: list[int]) -> None:
    client = Client(bounds=BOUNDS).begin()
    data, out, at, turn = b"".join(messages), b"", 0, 0
    while at < len(data):
        size = cuts[turn % len(cuts)]
        out += drive(client, data[at : at + size])
        at, turn = at + size, turn + 1
    cut(out)  # whole messages only
    client.conversation.close()
    client.conversation.close()
    assert client.session.closed == 1
    assert client.session.open_outcomes == 0
    assert client.conversation.take_output() == b""


@settings(max_examples=100, deadline=None)
@given(st.lists(_MESSAGES, max_size=20))
def test_whatever_went_before_the_connection_can_be_brought_back(messages: list[bytes]) -> None:
    """CopyDone, Sync and a ROLLBACK bring any state that has not ended the connection back to rest."""
    client = Client(bounds=BOUNDS).begin()
    drive(client, b"".join(messages))
    if client.conversation.ended:
        return
    drive(client, message("f", b"enough\0") + SYNC + SYNC + query("rollback"))
    assert [kind for kind, _ in cut(drive(client, query("select 1")))] == ["T", "D", "C", "Z"]


@settings(max_examples=100, deadline=None)
@given(st.lists(_MESSAGES.filter(lambda one: one[:1] in b"QPBDECHS"), max_size=12))
def test_cut_or_whole_the_answers_are_the_same(messages: list[bytes]) -> None:
    data = b"".join(messages)
    whole, pieces = Client(bounds=BOUNDS).begin(), Client(bounds=BOUNDS).begin()
    at_once = drive(whole, data)
    assert b"".join(drive(pieces, data[at : at + 1]) for at in range(len(data))) == at_once


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=40) | st.just(STARTUP) | st.just(struct.pack(">II", 8, 80877103)), max_size=6))
def test_any_bytes_of_a_stranger(pieces: list[bytes]) -> None:
    client = Client(bounds=BOUNDS)
    for piece in pieces:
        if client.conversation.ended:
            break
        assert len(drive(client, piece)) < LARGEST_ANSWER * 8
    client.conversation.close()
    assert all(session.closed == 1 for session in client.backend.opened)
