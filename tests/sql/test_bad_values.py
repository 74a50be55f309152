"""Malformed values of every type, as text and as binary, and a client that is gone in the middle of a COPY.

Invariant: a value is read or refused by a state of its own, never with an internal error, and the connection goes on; of a COPY
that was not ended nothing stays.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus

import hyperdb
from hyperdb.frontends.sql.types import BUILT_IN, oids

TEXTS = (b"", b"x", b"{", b"(", b"\xff\xfe", b"1\x00", b"9" * 500, b"-", b"NaN", b"infinity", b"'", b'"', b".")
BINARIES = (
    b"",
    b"\0",
    b"\xff" * 3,
    b"\0" * 5,
    b"\xff" * 7,
    b"\x7f" * 8,
    b"\xff" * 12,
    b"\0" * 16,
    b"\x80" + bytes(19),
    b"\xff" * 40,
)
VERSION = "unsupported jsonb version number"
"""PostgreSQL calls this an internal error, too."""


@pytest.fixture(scope="module")
def known() -> Iterator[str]:
    opened = hyperdb.open(":memory:", memory="32m", frames=None)
    with opened as database, database.serve(sql="127.0.0.1:0", control=False) as serving:
        assert serving.sql_address is not None
        host, port = serving.sql_address
        yield f"host={host} port={port} user=postgres dbname=hyperdb sslmode=disable"


def test_each_type_refuses_what_is_none_of_it(known: str) -> None:
    refused = 0
    with psycopg.connect(known, autocommit=True) as connection:
        for oid in BUILT_IN:
            for values, form in ((TEXTS, 0), (BINARIES, 1)):
                for value in values:
                    result = connection.pgconn.exec_params(b"SELECT $1", [value], param_types=[oid], param_formats=[form])
                    assert connection.pgconn.status == ConnStatus.OK
                    if result.status != ExecStatus.FATAL_ERROR:
                        continue
                    refused += 1
                    state, message = (
                        (result.error_field(field) or b"").decode()
                        for field in (DiagnosticField.SQLSTATE, DiagnosticField.MESSAGE_PRIMARY)
                    )
                    assert state[:2] != "XX" or (oid == oids.JSONB and message.startswith(VERSION)), (oid, form, value, message)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert refused > len(BUILT_IN)


@pytest.mark.parametrize("block", [False, True])
def test_a_client_that_is_gone_leaves_nothing_of_its_copy(known: str, block: bool) -> None:
    name = f"copied_{int(block)}"
    with psycopg.connect(known, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {name} (a int PRIMARY KEY, b text)")
    gone = psycopg.connect(known, autocommit=not block)
    gone.pgconn.exec_(f"COPY {name} FROM STDIN".encode())
    gone.pgconn.put_copy_data(b"".join(b"%d\tx\n" % number for number in range(5000)))
    gone.pgconn.flush()
    gone.pgconn.finish()
    with psycopg.connect(known, autocommit=True) as connection:
        assert connection.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,)
        assert connection.execute(f"INSERT INTO {name} VALUES (1, 'y')").rowcount == 1
        assert connection.execute(f"SELECT count(*) FROM {name}").fetchone() == (1,)
