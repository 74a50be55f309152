"""Scripts and functions to HyperDB and to Redis 7.0: the same replies, and functions dumped by one load into the other.

Run as `test_differential.py`, whose servers these are.
"""

from __future__ import annotations

import contextlib

import pytest
import script_formats
import scripts
from test_differential import ports
from wire import Connection, Reply

__all__ = ["ports"]

GROUPS = {
    "cjson": script_formats.JSON,
    "cmsgpack": script_formats.MESSAGE_PACK,
    "struct": script_formats.STRUCTS,
    "bit": script_formats.BITS,
    "commands": scripts.COMMANDS,
    "redis": scripts.REDIS,
    "language": scripts.LANGUAGE,
}


def _same(ours: Connection, theirs: Connection, words: tuple[str, ...]) -> str | None:
    """What differs in the replies to a command."""
    sent = [word.encode("latin-1") for word in words]
    mine, redis = ours.call(*sent), theirs.call(*sent)
    return None if mine == redis else f"{words}\n  hyperdb {mine}\n  redis   {redis}"


def _compare(ports: tuple[int, int], protocol: int, commands: list[tuple[str, ...]]) -> None:
    ours, theirs = (Connection(port, protocol) for port in ports)
    with contextlib.closing(ours), contextlib.closing(theirs):
        for connection in (ours, theirs):
            connection.call(b"FLUSHALL")
        differences = [found for words in commands if (found := _same(ours, theirs, words))]
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("group", GROUPS)
def test_replies_of_scripts(ports: tuple[int, int], group: str, protocol: int) -> None:
    lines = GROUPS[group].strip().splitlines()
    _compare(ports, protocol, [("EVAL", line, "0") for line in lines])


@pytest.mark.parametrize("protocol", [2, 3])
def test_replies_of_commands(ports: tuple[int, int], protocol: int) -> None:
    _compare(ports, protocol, [("EVAL", script, "0") for script in scripts.LINES] + list(scripts.WORDS))


LIBRARY = b"#!lua name=lib\nredis.register_function('f', function(keys, args) return {keys[1], args[1]} end)"


def test_dumped_functions_load_into_the_other(ports: tuple[int, int]) -> None:
    for source, target in (ports, ports[::-1]):
        one, other = Connection(source, 2), Connection(target, 2)
        with contextlib.closing(one), contextlib.closing(other):
            for connection in (one, other):
                connection.call(b"FUNCTION", b"FLUSH")
            assert one.call(b"FUNCTION", b"LOAD", LIBRARY) == Reply("$", b"lib")
            payload = one.call(b"FUNCTION", b"DUMP").payload
            assert isinstance(payload, bytes)
            assert other.call(b"FUNCTION", b"RESTORE", payload) == Reply("+", b"OK")
            assert other.call(b"FCALL", b"f", b"1", b"k", b"a") == Reply("*", [Reply("$", b"k"), Reply("$", b"a")])
            assert other.call(b"FUNCTION", b"RESTORE", payload) == Reply("-", b"ERR Library lib already exists")
            for connection in (one, other):
                connection.call(b"FUNCTION", b"FLUSH")
