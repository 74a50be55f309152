"""Backend messages: exact bytes, and nothing that data could forge.

Theory: the bytes are written out by hand from PostgreSQL's "Message Formats". Invariant: every message's length is its own.
"""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdb.frontends.sql.protocol import encode

EXACT = [
    (encode.ready_for_query(encode.TransactionStatus.FAILED), b"Z\0\0\0\5E"),
    (encode.sasl_mechanisms(["A", "B"]), b"R\0\0\0\x0d\0\0\0\x0aA\0B\0\0"),
    (encode.sasl_continue(b"x"), b"R\0\0\0\x09\0\0\0\x0bx"),
    (encode.sasl_final(b"x"), b"R\0\0\0\x09\0\0\0\x0cx"),
    (encode.parameter_status("a", "b"), b"S\0\0\0\x08a\0b\0"),
    (encode.backend_key(7, b"abcd"), b"K\0\0\0\x0c\0\0\0\7abcd"),
    (encode.negotiate_version(2, ["_pq_.x"]), b"v\0\0\0\x13\0\3\0\2\0\0\0\1_pq_.x\0"),
    (
        encode.row_description([encode.Column("n", 23, 4, -1, 9, 2, 1)]),
        b"T\0\0\0\x1a\0\1n\0\0\0\0\x09\0\2\0\0\0\x17\0\4\xff\xff\xff\xff\0\1",
    ),
    (encode.row_description([]), b"T\0\0\0\6\0\0"),
    (encode.parameter_description([23, 25]), b"t\0\0\0\x0e\0\2\0\0\0\x17\0\0\0\x19"),
    (encode.command_complete("SELECT 1"), b"C\0\0\0\x0dSELECT 1\0"),
    (encode.notification(7, "c", "p"), b"A\0\0\0\x0c\0\0\0\7c\0p\0"),
    (encode.copy_in([0, 0]), b"G\0\0\0\x0b\0\0\2\0\0\0\0"),
    (encode.copy_out([1]), b"H\0\0\0\x09\1\0\1\0\1"),
    (encode.copy_data(b"x"), b"d\0\0\0\5x"),
    (
        encode.error_response(encode.Diagnostic("ERROR", "42601", "m", hint="h", position=3, constraint="k")),
        b"E\0\0\0\x26SERROR\0VERROR\0C42601\0Mm\0Hh\0P3\0nk\0\0",
    ),
    (encode.notice_response(encode.Diagnostic("NOTICE", "00000", "m\0Xforged")), b"N\0\0\0\x1fSNOTICE\0VNOTICE\0C00000\0Mm\0\0"),
]


@pytest.mark.parametrize(("wire", "expected"), EXACT, ids=[chr(expected[0]) for _, expected in EXACT])
def test_message(wire: bytes, expected: bytes) -> None:
    assert wire == expected
    assert struct.unpack(">I", wire[1:5])[0] == len(wire) - 1


def test_a_lone_surrogate_can_be_told() -> None:
    assert encode.command_complete("\ud800") == b"C\0\0\0\6?\0"


@given(st.lists(st.lists(st.none() | st.binary(max_size=300), max_size=12), max_size=8))
def test_rows_can_be_read_back(rows: list[list[bytes | None]]) -> None:
    wire, at, seen = encode.data_rows(rows), 0, []
    while at < len(wire):
        kind, length, count = struct.unpack_from(">cIH", wire, at)
        assert kind == b"D"
        end, at, row = at + 1 + length, at + 7, []
        for _ in range(count):
            (size,) = struct.unpack_from(">i", wire, at)
            at += 4
            row.append(None if size < 0 else wire[at : at + size])
            at += max(size, 0)
        assert at == end
        seen.append(row)
    assert seen == rows
