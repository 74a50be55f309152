"""COPY's formats: what PostgreSQL 15 loaded and wrote (tests/golden/sql/copy.json), pieces cut anywhere, and both ways round."""

from __future__ import annotations

import json

import pytest
from copy_answers import GOLDEN, copy_options, loaded, written
from hypothesis import assume, given
from hypothesis import strategies as st

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import copy
from hyperdb.frontends.sql.copy import binary

ANSWERS = json.loads((GOLDEN / "copy.json").read_text())
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["", "\\.", "\\N", "NULL", "a,b", '"', "\n", "\r\n", "\\", "\t", "'"]
)
_OPTIONS = [
    {"format": "text"},
    {"format": "text", "delimiter": "|", "null": "NULL"},
    {"format": "csv"},
    {"format": "csv", "escape": "\\"},
    {"format": "csv", "delimiter": ";", "quote": "'", "null": "nil"},
]


@pytest.mark.parametrize("size", [0, 1, 3])
def test_what_is_loaded_is_what_postgresql_loads(size: int) -> None:
    assert len(ANSWERS) > 90
    for row in ANSWERS:
        expected = {key: row[key] for key in ("rows", "error") if key in row}
        assert loaded(row["options"], row["data"].encode(), size) == expected, row


def test_what_is_written_is_what_postgresql_writes() -> None:
    for row in ANSWERS:
        if "rows" in row:
            assert written(row["options"], row["rows"]) == row["written"], row


@given(st.sampled_from(_OPTIONS), st.lists(st.lists(st.none() | _TEXT, min_size=2, max_size=2), max_size=5), st.integers(0, 5))
def test_what_is_written_is_read_back(asked: dict[str, str], rows: list[list[str | None]], size: int) -> None:
    options = {**asked, "columns": 2}
    # A text that is the word for NULL is NULL when it is read: so it is in PostgreSQL too, but for CSV, which quotes it.
    assume(asked["format"] == "csv" or not any(asked.get("null") in row for row in rows if "null" in asked))
    assert loaded(options, written(options, rows).encode(), size) == {"rows": rows}


@given(st.sampled_from(_OPTIONS), st.binary(max_size=60))
def test_any_bytes_are_rows_or_a_refusal(asked: dict[str, str], data: bytes) -> None:
    answer = loaded({**asked, "columns": 2}, data)
    assert "rows" in answer or answer["error"] in ("22P04", "22021")


def test_broken_utf8_is_told_from_a_character_cut_in_two() -> None:
    reader = copy.reader(copy_options({"format": "text"}), ["a"])
    assert reader.feed("é".encode()[:1]) == []
    assert reader.feed("é".encode()[1:] + b"\n") == [["é"]]
    with pytest.raises(SqlError) as caught:
        reader.feed(b"\xc3\n")
    assert caught.value.sqlstate == "22021"


@given(st.lists(st.lists(st.none() | st.binary(max_size=5), min_size=2, max_size=2), max_size=5), st.integers(1, 9))
def test_binary_is_read_back(rows: list[list[bytes | None]], size: int) -> None:
    data = binary.HEADER + b"".join(map(binary.row, rows)) + binary.TRAILER
    reader = copy.BinaryReader(2)
    read = [row for at in range(0, len(data), size) for row in reader.feed(data[at : at + size])]
    assert read + reader.finish() == rows


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PGCOPY\n\xff\r\n",
        b"PGCOPX\n\xff\r\n\0" + bytes(8),
        binary.HEADER[:11] + b"\0\1\0\0\0\0\0\0",
        binary.HEADER[:11] + b"\0\2\0\0\0\0\0\0",
        binary.HEADER[:11] + b"\0\0\0\0\xff\xff\xff\xff",
        binary.HEADER + b"\0\3",
        binary.HEADER + b"\0\2\0\0\0\1",
        binary.HEADER + b"\0\2\xff\xff\xff\xfe",
        binary.HEADER + binary.TRAILER + b"x",
    ],
)
def test_binary_that_is_broken_is_refused(data: bytes) -> None:
    reader = copy.BinaryReader(2)
    with pytest.raises(SqlError) as caught:
        reader.feed(data) + reader.finish()
    assert caught.value.sqlstate == "22P04"
