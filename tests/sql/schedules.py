"""Schedules of transactions: what is done by whom in which order, and what plays them against a server.

Theory: isolation is what one transaction sees and does while another one stands still in the middle, so a schedule is a list of
steps, each of one session, and an outcome is what each step answers, and behind which later step where it waits for a lock
(PostgreSQL's isolation tester works in this way; the schedules are our own). Whether a step waits is never guessed from the time
that it takes: a recorder asks the server, a test knows it from the recording. Invariant: an outcome depends on nothing but the
server's rules.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus

LEVELS: tuple[str, ...] = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "sql"
FILE = GOLDEN / "schedules.txt"
_TABLES = (
    "DROP TABLE IF EXISTS child, t CASCADE",
    "CREATE TABLE t (id int PRIMARY KEY, n int)",
    "CREATE TABLE child (id int PRIMARY KEY, up int REFERENCES t)",
    "INSERT INTO t VALUES (1, 10), (2, 20)",
)
SECONDS = 20.0
"""After which a step that should have been answered counts as lost."""
LOOK = ("SELECT * FROM t ORDER BY id", "SELECT * FROM child ORDER BY id")
"""What is asked at the end."""
Outcome = dict[str, Any]


@dataclass(frozen=True)
class Schedule:
    """Steps begin with the number of their session; BEGIN is at the level that is tried."""

    steps: tuple[str, ...]
    levels: tuple[str, ...]

    def played(self, level: str) -> list[tuple[int, str]]:
        """Sessions and statements."""
        begin = f"BEGIN ISOLATION LEVEL {level}"
        parts = (step.split(" ", 1) for step in self.steps)
        return [(int(number), text.replace("BEGIN", begin)) for number, text in parts]


def schedules() -> dict[str, Schedule]:
    """Those of the file, by name."""
    found: dict[str, Schedule] = {}
    name, levels = "", LEVELS
    for line in FILE.read_text().splitlines():
        if line.startswith("== "):
            name, _, said = line[3:].partition(" @ ")
            levels = tuple(said.split(", ")) if said else LEVELS
            found[name] = Schedule((), levels)
        elif line and not line.startswith("--"):
            found[name] = Schedule((*found[name].steps, line), levels)
    return found


class Session:
    """A connection whose steps are answered one after another."""

    def __init__(self, known: str) -> None:
        self._connection = psycopg.connect(known, autocommit=True)
        self._thread = ThreadPoolExecutor(1)
        self.pid = self._connection.info.backend_pid

    def send(self, text: str) -> Future[Outcome]:
        """Sends a step."""
        return self._thread.submit(self._ask, text)

    def _ask(self, text: str) -> Outcome:
        result = self._connection.pgconn.exec_(text.encode())
        if result.status == ExecStatus.FATAL_ERROR:
            return {"state": (result.error_field(DiagnosticField.SQLSTATE) or b"lost").decode()}
        found: Outcome = {"tag": (result.command_status or b"").decode()}
        if result.status == ExecStatus.TUPLES_OK:
            columns = range(result.nfields)
            rows = [[result.get_value(row, column) for column in columns] for row in range(result.ntuples)]
            found["rows"] = [[None if value is None else value.decode() for value in row] for row in rows]
        return found

    def block(self) -> str:
        """The state of its transaction."""
        return TransactionStatus(self._connection.pgconn.transaction_status).name

    def close(self) -> None:
        """Ends it."""
        self._thread.shutdown()
        self._connection.close()


Waits = Callable[[int, "Session", "Future[Outcome]"], bool]
"""Whether the step of a number waits for a lock, which ends only with another step; where not, it has been answered."""


def play(
    known: str, steps: Sequence[tuple[int, str]], waits: Waits, first: Callable[[int, Session], None] | None = None
) -> list[Outcome]:
    """Plays a schedule; `until` in an outcome is the step behind which one was answered that waited. What is left comes last."""
    with psycopg.connect(known, autocommit=True) as connection:
        for text in _TABLES:
            connection.execute(text.encode())
    sessions = {number: Session(known) for number in sorted({number for number, _ in steps})}
    outcomes: list[Outcome] = [{} for _ in steps]
    waiting: dict[int, tuple[Session, Future[Outcome]]] = {}
    try:
        for number, session in sessions.items():
            if first is not None:
                first(number, session)
        for place, (number, text) in enumerate(steps):
            session = sessions[number]
            step = session.send(text)
            if waits(place, session, step):
                waiting[place] = session, step
            else:
                outcomes[place] = step.result(SECONDS)
            for earlier, (other, sent) in list(waiting.items()):
                if earlier != place and not waits(earlier, other, sent):
                    outcomes[earlier] = {**sent.result(SECONDS), "until": place}
                    del waiting[earlier]
        blocks = [session.block() for session in sessions.values()]
    finally:
        for session in sessions.values():
            session.close()
    with psycopg.connect(known, autocommit=True) as connection:
        left = [[[str(value) for value in row] for row in connection.execute(text.encode()).fetchall()] for text in LOOK]
    return [*outcomes, {"blocks": blocks, "left": left}]


def by_locks(known: str) -> Waits:
    """For PostgreSQL: it says who waits for a lock."""
    asking = psycopg.connect(known, autocommit=True)

    def waits(_number: int, session: Session, step: Future[Outcome]) -> bool:
        until = time.monotonic() + SECONDS
        while not step.done():
            row = asking.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", (session.pid,)).fetchone()
            if row == (True,):
                # A lock that is given at this moment, or a deadlock that is about to be told, is none to wait for.
                time.sleep(0.3)
                if not step.done():
                    return True
            if time.monotonic() > until:
                raise TimeoutError
        return False

    return waits
