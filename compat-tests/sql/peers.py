"""Two servers that answer the same statements: HyperDB's and a real PostgreSQL, through libpq.

Purpose: what differential tests share. An answer is everything that a client can see of a statement: rows as text, names and
types of columns, the command tag, the SQLSTATE, the state of the transaction afterwards. Invariant: a server that hangs or goes
away is an answer too (`lost`), never an exception.
"""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus, PGconn

ROOT = Path(__file__).resolve().parents[2]
FIRST_USER_OID = 16_384
SLOW = "slow"
"""The SQLSTATE of an answer that did not come in time and was cancelled."""
_GRACE = 20.0
"""Seconds after which a cancelled statement counts as a lost connection."""
_SERVE = """
import sys, hyperdb
with hyperdb.open(":memory:", memory="256m", frames=None) as database:
    serving = database.serve(sql="127.0.0.1:0", control=False)
    print(serving.sql_address[1], flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Answer:
    """What a statement gave."""

    state: str = ""
    """SQLSTATE; empty without error."""
    message: str = ""
    tag: str = ""
    columns: tuple[tuple[str, int], ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    block: int = 0
    """The transaction's state, as libpq numbers it."""
    lost: bool = False

    @property
    def failed(self) -> bool:
        """Whether it is an error."""
        return bool(self.state) or self.lost


class Peer:
    """A connection to one of them."""

    def __init__(self, known: str, *, seconds: float = 20.0) -> None:
        self._known = known
        self._seconds = seconds
        self._until, self._is_late = 0.0, False
        self._conn = self._connect()

    def _connect(self) -> PGconn:
        conn = PGconn.connect(self._known.encode())
        if conn.status != psycopg.pq.ConnStatus.OK:
            raise ConnectionError(conn.error_message.decode())
        conn.notice_handler = None
        return conn

    def close(self) -> None:
        """Ends the connection."""
        self._conn.finish()

    def again(self) -> None:
        """A new connection in place of the old one."""
        self.close()
        self._conn = self._connect()

    def ask(self, text: str, data: str | None = None) -> Answer:
        """The answer to what one simple query may hold; `data` is for its COPY."""
        self._until, self._is_late = time.monotonic() + self._seconds, False
        try:
            answer = self._ask(text, data)
        except psycopg.Error as error:
            answer = Answer("lost", str(error), lost=True)
        if self._is_late and answer.state == "57014":
            answer = Answer(SLOW, answer.message, block=answer.block)
        if answer.lost:
            with contextlib.suppress(ConnectionError):
                self.again()
        return answer

    def _result(self) -> Any:
        """The next result; what takes too long is cancelled."""
        conn = self._conn
        while conn.is_busy():
            left = self._until - time.monotonic()
            if left <= 0 and not self._is_late:
                self._is_late = True
                conn.get_cancel().cancel()
            elif left <= -_GRACE:
                conn.finish()
                return None
            select.select([conn.socket], [], [], max(left, 0.05))
            conn.consume_input()
        return conn.get_result()

    def _ask(self, text: str, data: str | None) -> Answer:
        conn = self._conn
        conn.send_query(text.encode())
        answer = Answer()
        while (result := self._result()) is not None:
            status = ExecStatus(result.status)
            if status == ExecStatus.COPY_IN:
                if data is None:
                    conn.put_copy_end(b"no data")
                else:
                    conn.put_copy_data(data.encode())
                    conn.put_copy_end()
            elif status == ExecStatus.COPY_OUT:
                lines = []
                while (line := conn.get_copy_data(0))[0] > 0:
                    lines.append((bytes(line[1]).decode(errors="replace"),))
                answer = Answer(rows=tuple(lines))
            elif status == ExecStatus.FATAL_ERROR:
                state, message = (
                    (result.error_field(field) or b"").decode()
                    for field in (DiagnosticField.SQLSTATE, DiagnosticField.MESSAGE_PRIMARY)
                )
                if conn.status != psycopg.pq.ConnStatus.OK:
                    return Answer("lost", (result.error_message or b"").decode(), lost=True)
                answer = Answer(state, message)
            else:
                answer = _shown(result, answer)
        if conn.status != psycopg.pq.ConnStatus.OK:
            return Answer("lost", "the connection is gone", lost=True)
        return Answer(
            answer.state, answer.message, answer.tag, answer.columns, answer.rows, int(conn.transaction_status), answer.lost
        )


def _shown(result: Any, before: Answer) -> Answer:
    tag = (result.command_status or b"").decode()
    if ExecStatus(result.status) != ExecStatus.TUPLES_OK:
        # COPY's rows came before its tag.
        return Answer(tag=tag, rows=before.rows if tag.startswith("COPY") else ())
    columns = tuple(
        ((result.fname(place) or b"").decode(), oid if (oid := result.ftype(place)) < FIRST_USER_OID else 0)
        for place in range(result.nfields)
    )
    rows = tuple(
        tuple(
            None if (value := result.get_value(row, place)) is None else value.decode(errors="replace")
            for place in range(result.nfields)
        )
        for row in range(result.ntuples)
    )
    return Answer(tag=tag, columns=columns, rows=rows)


@contextlib.contextmanager
def hyperdb_server(log: Path | None = None) -> Iterator[str]:
    """HyperDB in a process of its own with an empty database in memory; gives what libpq connects by. `log` gets what it says."""
    said = subprocess.DEVNULL if log is None else log.open("a")
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        yield f"host=127.0.0.1 port={port} user=postgres dbname=hyperdb sslmode=disable"
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
