"""Tokens as the drivers and the store compute them."""

from __future__ import annotations

import struct

from cassandra.metadata import Murmur3Token
from cql_bench import CqlBench
from hypothesis import given, settings
from hypothesis import strategies as s

import hyperdb
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.schema.token import token


@settings(deadline=None)
@given(s.binary(max_size=100))
def test_a_token_is_the_drivers(key: bytes) -> None:
    assert token([key]) == (Murmur3Token.hash_fn(key) if key else -(1 << 63))


def test_tokens_are_the_stores(cql: Grammar) -> None:
    with hyperdb.open(":memory:") as database:
        bench = CqlBench(database, cql)
        bench.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy'}")
        bench.run("CREATE TABLE ks.t (a text, b blob, v int, PRIMARY KEY ((a, b)))")
        wide = bench.schema().table("ks", "t").wide
        for key in ([b"", b""], [b"a", b"b"], [b"x" * 40, struct.pack(">q", -3)]):
            assert wide.token(key) == token(key)
