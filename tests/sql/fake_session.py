"""A session without a database: a few statements with fixed meanings, so that the wire is tested alone.

Statements: `select N` (one int4), `rows N` (integers below N), `fat N` (texts of 10,000 characters), `echo $1 [$2 ...]` (each
parameter back, in its type), `begin`, `commit`, `rollback`, `fail STATE`, `wait` (raises WouldWait), `later` (announces its end
itself), `copy in [csv|binary]`, `copy out [csv|binary]`, `notice`, `set NAME VALUE`, `insert` (no rows), `block` (waits on a
worker until it is cancelled). Anything else is a syntax error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hyperdb.errors import HyperDBError, SqlError
from hyperdb.frontends.sql import contract, types
from hyperdb.frontends.sql.contract import Action, Column, CopyOptions, Notice, Notification, Opening, Status, WouldWait
from hyperdb.frontends.sql.types import oids

KNOWN = frozenset("select rows fat echo begin commit rollback fail wait copy notice set insert notify defect block later".split())


@dataclass
class Statement:
    text: str
    action: Action
    parameters: Sequence[int]
    columns: Sequence[Column] | None


class Outcome:
    binary = False

    def __init__(self, session: Session, columns: Sequence[Column] | None, rows: Sequence[Sequence[Any]], tag: str) -> None:
        self._session = session
        self.columns = columns
        self._rows = list(rows)
        self._at = 0
        self.tag = tag
        self.closed = 0
        session.open_outcomes += 1

    def rows(self, limit: int) -> tuple[Sequence[Sequence[Any]], bool]:
        end = self._at + limit if limit else len(self._rows)
        taken = self._rows[self._at : end]
        self._at += len(taken)
        return taken, self._at < len(self._rows)

    def encoded(self, limit: int, form: contract.Form) -> None:
        return None

    def close(self) -> None:
        self.closed += 1
        assert self.closed == 1
        self._session.open_outcomes -= 1


class CopyOut(Outcome):
    options = CopyOptions()


@dataclass
class CopyIn:
    session: Session
    columns: Sequence[Column]
    options: CopyOptions
    takes_bytes: bool = False
    loaded: list[Sequence[Any]] = field(default_factory=list)

    def add(self, rows: Sequence[Sequence[Any]], first_line: int) -> None:
        self.loaded += map(list, rows)

    def load(self, data: bytes) -> None:
        raise AssertionError

    def finish(self) -> str:
        self.session.loaded = self.loaded
        return f"COPY {len(self.loaded)}"

    def abort(self) -> None:
        self.session.aborted += 1


def _soon(ready: Callable[[], None]) -> None:
    """Says from another thread that the wait is over."""
    threading.Thread(target=ready).start()


COPY_COLUMNS = (Column("a", oids.INT4), Column("b", oids.TEXT))


class Session:
    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.status = Status.IDLE
        self.style = types.DEFAULT
        self.prepared: dict[str, contract.Prepared] = {}
        self.open_outcomes = 0
        self.loaded: list[Sequence[Any]] | None = None
        self.aborted = self.closed = self.synced = 0
        self.resumed_on = ""
        self.undone = 0
        self.blocked, self.cancelled = threading.Event(), threading.Event()
        self._settings: dict[str, str] = {"server_version": "15.0", "client_encoding": "UTF8"}
        self._notices: list[Notice] = []
        self.pending: list[Notification] = []

    def statements(self, text: str) -> Sequence[str]:
        parts = [part.strip() for part in text.split(";")]
        if "??" in text:
            raise SqlError("42601", "syntax error", position=text.index("??") + 1)
        return [part for part in parts if part]

    def prepare(self, text: str, parameters: Sequence[int]) -> Statement:
        words = text.lower().split()
        if not words:
            return Statement(text, Action.EMPTY, (), None)
        if self.status is Status.FAILED and words[0] != "rollback":
            raise SqlError("25P02", "current transaction is aborted, commands ignored until end of transaction block")
        if words[0] not in KNOWN:
            raise SqlError("42601", f'syntax error at or near "{words[0]}"', position=1)
        action = {"in": Action.COPY_IN, "out": Action.COPY_OUT}[words[1]] if words[0] == "copy" else Action.RUN
        inferred: list[int] = []
        columns: Sequence[Column] | None = None
        if words[0] == "echo":
            given = list(parameters) + [0] * len(words)
            inferred = [given[place] or oids.TEXT for place in range(len(words) - 1)]
            columns = [Column(f"p{place}", oid) for place, oid in enumerate(inferred)]
        elif words[0] in ("select", "rows"):
            columns = [Column("n", oids.INT4)]
        elif words[0] == "fat":
            columns = [Column("t", oids.TEXT)]
        elif action is not Action.RUN:
            columns = COPY_COLUMNS
        return Statement(text, action, inferred, columns)

    def execute(self, prepared: contract.Prepared, values: Sequence[Any]) -> Outcome:
        assert isinstance(prepared, Statement)
        words = prepared.text.lower().split()
        if words[0] == "block":
            raise WouldWait(self._block)
        if words[0] in ("wait", "later"):
            raise WouldWait(lambda: self._resumed(prepared, values), _soon if words[0] == "later" else None)
        return self._done(prepared, values)

    def _done(self, prepared: Statement, values: Sequence[Any]) -> Outcome:
        word, *rest = prepared.text.split()
        columns = prepared.columns
        match word.lower():
            case "select":
                return Outcome(self, columns, [[int(rest[0])]], "SELECT 1")
            case "rows":
                return Outcome(self, columns, [[n] for n in range(int(rest[0]))], f"SELECT {rest[0]}")
            case "fat":
                return Outcome(self, columns, [["x" * 10_000]] * int(rest[0]), f"SELECT {rest[0]}")
            case "echo":
                return Outcome(self, columns, [list(values)], "SELECT 1")
            case "begin":
                self.status = Status.ACTIVE
            case "commit" | "rollback":
                failed, self.status = self.status is Status.FAILED, Status.IDLE
                return Outcome(self, None, [], "ROLLBACK" if failed else word.upper())
            case "fail":
                self.fail()
                raise SqlError(rest[0], "as asked", detail="d", hint="h", table="t", constraint="c", position=3)
            case "defect":
                raise ValueError("secret")
            case "notice":
                self._notices.append(Notice("look", severity="WARNING", sqlstate="01000"))
            case "notify":
                self.pending.append(Notification(7, "channel", "payload"))
            case "set":
                self._settings[rest[0]] = rest[1]
        return Outcome(self, None, [], word.upper())

    def _resumed(self, prepared: Statement, values: Sequence[Any]) -> Outcome:
        self.resumed_on = threading.current_thread().name
        return self._done(prepared, values)

    def _block(self) -> None:
        self.blocked.set()
        assert self.cancelled.wait(30)
        raise SqlError("57014", "canceling statement due to user request")

    def copy_in(self, prepared: contract.Prepared) -> CopyIn:
        assert isinstance(prepared, Statement)
        return CopyIn(self, COPY_COLUMNS, CopyOptions(**_copy_options(prepared.text)))

    def copy_out(self, prepared: contract.Prepared) -> CopyOut:
        assert isinstance(prepared, Statement)
        made = CopyOut(self, COPY_COLUMNS, [[1, "x\ty"], [None, ""]], "COPY 2")
        made.options = CopyOptions(**_copy_options(prepared.text))
        return made

    def sync(self, failed: bool) -> None:
        self.synced += 1
        self.undone += failed

    def fail(self) -> None:
        if self.status is not Status.IDLE:
            self.status = Status.FAILED

    def lend(self) -> None:
        return None

    def reclaim(self) -> None:
        return None

    def refusal(self, error: HyperDBError) -> SqlError:
        return SqlError("XX000", str(error))

    def cursor(self, name: str) -> Sequence[Column] | None:
        return [Column("c", oids.TEXT)] if name == "declared" else None

    def close_cursor(self, name: str) -> None:
        del name

    def type(self, oid: int) -> types.Type:
        raise SqlError("42704", f"type with OID {oid} does not exist")

    def idle_limit(self) -> None:
        return None

    def changed_settings(self) -> dict[str, str]:
        changed, self._settings = self._settings, {}
        return changed

    def notices(self) -> list[Notice]:
        noticed, self._notices = self._notices, []
        return noticed

    def notifications(self) -> list[Notification]:
        pending, self.pending = self.pending, []
        return pending

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.closed += 1
        assert self.closed == 1 and self.open_outcomes == 0


def _copy_options(text: str) -> dict[str, Any]:
    format = [*text.split(), "", ""][2] or "text"
    return {"format": format} | ({"delimiter": ",", "null": ""} if format == "csv" else {})


class Backend:
    def __init__(self) -> None:
        self.opened: list[Session] = []

    def open(self, opening: Opening) -> Session:
        if opening.database not in ("hyperdb", "postgres"):
            raise SqlError("3D000", f'database "{opening.database}" does not exist')
        self.opened.append(Session(opening))
        return self.opened[-1]
