"""COPY within a conversation: rows in and out, in both protocols, and everything that can go wrong on the way.

Theory: the answers' types in a row are compared, and bodies where they matter. Whatever ends a COPY but CopyDone loads nothing.
"""

from __future__ import annotations

import pytest
from wire_client import COPY_DONE, FLUSH, SYNC, Client, bind, describe, execute, fields, message, parse, query


def sqlstate(answers: list[tuple[str, bytes]]) -> str:
    return next(fields(body)["C"] for kind, body in answers if kind == "E")


def test_copy_in_takes_rows_cut_anywhere() -> None:
    client = Client().begin()
    assert client.say(query("copy in")) == [("G", b"\0\0\2\0\0\0\0")]
    assert (
        client.kinds(message("d", b"1\tx\n2"), FLUSH, SYNC, message("d", b"\t\\N\n\\."), message("d", b"\n"), COPY_DONE) == "CZ"
    )
    assert client.session.loaded == [[1, "x"], [2, None]]


def test_copy_in_by_the_extended_protocol() -> None:
    client = Client().begin()
    assert client.kinds(parse("copy in csv"), bind(), describe("P"), execute()) == "12nG"
    assert client.kinds(message("d", b'1,"a,b"\n'), COPY_DONE, SYNC) == "CZ"
    assert client.session.loaded == [[1, "a,b"]]


def test_copy_in_binary() -> None:
    client = Client().begin()
    row = b"\0\2\0\0\0\4\0\0\0\7\xff\xff\xff\xff"
    assert client.say(query("copy in binary"))[0] == ("G", b"\1\0\2\0\1\0\1")
    data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0" + row + row + b"\xff\xff"
    assert client.kinds(*[message("d", data[at : at + 5]) for at in range(0, len(data), 5)], COPY_DONE) == "CZ"
    assert client.session.loaded == [[7, None], [7, None]]


@pytest.mark.parametrize(
    ("messages", "state"),
    [
        ((message("f", b"changed my mind\0"),), "57014"),
        ((message("d", b"x\ty\n"),), "22P02"),
        ((message("d", b"1\n"),), "22P04"),
        ((message("d", b"1\t2\t3\n"),), "22P04"),
        ((message("d", b"1\t\xff\n"),), "22021"),
        ((query("select 1"),), "08P01"),
    ],
)
def test_copy_that_fails_loads_nothing_and_the_connection_goes_on(messages: tuple[bytes, ...], state: str) -> None:
    client = Client().begin()
    client.say(query("copy in"))
    answers = client.say(message("d", b"1\tx\n"), *messages)
    assert [kind for kind, _ in answers] == ["E", "Z"]
    assert sqlstate(answers) == state
    # What the client had already sent is passed over.
    assert client.kinds(message("d", b"1\tx\n"), COPY_DONE, query("select 1")) == "TDCZ"
    assert client.session.loaded is None
    assert client.session.aborted == 1


def test_a_client_that_goes_in_the_middle_of_copy_loads_nothing() -> None:
    client = Client().begin()
    client.say(query("copy in"), message("d", b"1\tx\n"))
    client.conversation.close()
    assert client.session.loaded is None
    assert (client.session.aborted, client.session.closed) == (1, 1)


def test_copy_out_in_each_format() -> None:
    client = Client().begin()
    answers = client.say(query("copy out"))
    assert answers[0] == ("H", b"\0\0\2\0\0\0\0")
    assert [body for kind, body in answers if kind == "d"] == [b"1\tx\\ty\n", b"\\N\t\n"]
    assert [kind for kind, _ in answers[-3:]] == ["c", "C", "Z"]
    answers = client.say(query("copy out csv"))
    assert [body for kind, body in answers if kind == "d"] == [b"1,x\ty\n", b',""\n']
    answers = client.say(query("copy out binary"))
    # The header comes with the first row, where clients look for it.
    assert [body for kind, body in answers if kind == "d"] == [
        b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\2\0\0\0\4\0\0\0\1\0\0\0\3x\ty",
        b"\0\2\xff\xff\xff\xff\0\0\0\0",
        b"\xff\xff",
    ]
