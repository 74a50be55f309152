"""The shell of SQL: `hyperdb shell --sql`, on a running server or a closed directory, with history and completion.

Theory: lines are gathered until a semicolon ends a statement outside of quotes, as in psql; a line that begins with a backslash
is for the shell itself (`meta`). Completion knows words of the language, tables and columns. Ctrl-C cancels what runs and leaves
nothing half done. Invariant: whatever is typed, the shell goes on until it is left.
"""

from __future__ import annotations

import atexit
import contextlib
import readline
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from hyperdb.cli.sql_meta import META, show_table
from hyperdb.cli.target import Target
from hyperdb.errors import HyperDBError
from hyperdb.frontends.sql.embedded.texts import Page

_HISTORY = Path.home() / ".hyperdb_sql_history"
_HELP = 'Type SQL, ended with a semicolon. "\\?" lists the other commands, "\\q" leaves.'
_NAMES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'S') AND n.nspname <> 'information_schema'
"""
_COLUMNS = """
SELECT DISTINCT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
_WORDS = """
SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT OFFSET JOIN LEFT RIGHT FULL INNER CROSS ON USING AS DISTINCT UNION INTERSECT
EXCEPT WITH RECURSIVE VALUES INSERT INTO UPDATE SET DELETE RETURNING CONFLICT DO NOTHING CREATE TABLE INDEX VIEW SEQUENCE
SCHEMA TYPE ALTER DROP ADD COLUMN PRIMARY KEY FOREIGN REFERENCES UNIQUE CHECK NOT NULL DEFAULT CASCADE BEGIN COMMIT ROLLBACK
SAVEPOINT EXPLAIN ANALYZE GRANT REVOKE TRUNCATE BETWEEN LIKE ILIKE IN EXISTS CASE WHEN THEN ELSE END CAST AND OR IS ASC DESC
COUNT SUM AVG MIN MAX COALESCE SHOW
""".split()


def is_whole(text: str) -> bool:
    """Whether a semicolon ends the text outside of quotes, dollar quotes and comments."""
    at, size, whole = 0, len(text), False
    while at < size:
        char = text[at]
        if char in "'\"":
            end = text.find(char, at + 1)
        elif char == "$":
            tag_end = text.find("$", at + 1)
            tag = text[at : tag_end + 1]
            quotes = tag_end >= 0 and (tag == "$$" or tag[1:-1].isidentifier())
            end = text.find(tag, tag_end + 1) + len(tag) - 1 if quotes and tag in text[tag_end + 1 :] else -1 if quotes else at
        elif text.startswith("--", at):
            end = text.find("\n", at)
            at = size if end < 0 else end + 1
            continue
        elif text.startswith("/*", at):
            end = text.find("*/", at + 2) + 1 or -1
        else:
            end = at
            whole = char == ";" or (whole and char.isspace())
        if end < 0:
            return False
        if end > at:
            whole = False
        at = end + 1
    return whole


class SqlShell:
    """One conversation. `write` shows lines, `clock` gives seconds."""

    def __init__(
        self,
        target: Target,
        write: Callable[[str], object] = print,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.target = target
        self.write = write
        self._clock = clock
        self.is_timing = False
        self.is_expanded = False
        self.has_failed = False
        """Whether a statement has failed so far."""
        self._kept = ""
        self._mark = ""
        self._names: list[str] = []

    @property
    def prompt(self) -> str:
        """What stands before the next line."""
        return f"hyperdb{'-' if self._kept else '='}{self._mark}> "

    def take(self, line: str) -> bool:
        """One line; false if the person leaves."""
        if not self._kept and line.strip().startswith("\\"):
            word, _, rest = line.strip()[1:].partition(" ")
            if word == "q":
                return False
            self._meta(word, rest.strip().rstrip(";"))
            return True
        if not self._kept and line.strip().rstrip(";").lower() in ("quit", "exit"):
            return False
        self._kept += line + "\n"
        if not self._kept.strip():
            self._kept = ""
        elif is_whole(self._kept):
            text, self._kept = self._kept, ""
            self.run(text)
        return True

    def finish(self) -> None:
        """No more lines come: what was not ended is run."""
        text, self._kept = self._kept, ""
        if text.strip():
            self.run(text)

    def forget(self) -> None:
        """Ctrl-C at the prompt: the lines so far are dropped."""
        self._kept = ""

    def run(self, text: str) -> None:
        """Runs statements and shows what they give."""
        began = self._clock()
        columns: list[str] = []
        rows: list[list[str | None]] = []
        try:
            for page in self._cancellable(self.target.sql(text)):
                for notice in page.notices:
                    self.write(notice)
                if page.columns is not None:
                    columns, rows = page.columns, []
                rows += page.rows or []
                if page.error is not None:
                    self.has_failed = True
                    self.write(page.error)
                if page.tag is not None or page.error is not None:
                    if page.tag is not None:
                        self.write(show_table(columns, rows, self.is_expanded) if columns else page.tag)
                    columns, rows = [], []
                    self._mark = page.mark
        except HyperDBError as error:
            self.has_failed = True
            self.write(f"ERROR:  {error}")
        if self.is_timing:
            self.write(f"Time: {(self._clock() - began) * 1000:.3f} ms")
        if text.lstrip()[:6].lower() in ("create", "alter ", "drop t", "drop v"):
            self._names = []

    def rows(self, text: str) -> list[list[str | None]]:
        """The rows of a query of the shell's own.

        Raises:
            HyperDBError: it could not be run.
        """
        found: list[list[str | None]] = []
        for page in self.target.sql(text):
            found += page.rows or []
            if page.error is not None:
                raise HyperDBError(page.error)
        return found

    def complete(self, text: str) -> list[str]:
        """Words that begin so."""
        if not self._names and self._mark != "!":
            with contextlib.suppress(HyperDBError):
                tables = [(str(schema), str(name)) for schema, name in self.rows(_NAMES)]
                known = {name for schema, name in tables if schema in ("public", "pg_catalog")}
                known |= {f"{schema}.{name}" for schema, name in tables if schema not in ("public", "pg_catalog")}
                known |= {str(name) for (name,) in self.rows(_COLUMNS)}
                self._names = sorted(known)
        lowered = text.lower()
        words = [word.lower() if text.islower() else word for word in _WORDS if word.lower().startswith(lowered)]
        commands = [f"\\{name}" for name in (*META, "q") if f"\\{name}".startswith(text)] if text.startswith("\\") else []
        return commands or [*(name for name in self._names if name.startswith(lowered)), *words]

    def _meta(self, word: str, rest: str) -> None:
        command = META.get(word)
        try:
            self.write(
                f"invalid command \\{word}; \\? lists those that there are" if command is None else command.run(self, rest)
            )
        except HyperDBError as error:
            self.has_failed = True
            self.write(str(error))

    def _cancellable(self, pages: Iterator[Page]) -> Iterator[Page]:
        """Ctrl-C while pages are computed cancels the statement."""

        def cancel(_number: int, _frame: FrameType | None) -> None:
            self.target.cancel_sql()

        try:
            before = signal.signal(signal.SIGINT, cancel)
        except ValueError:
            # Handlers are the main thread's.
            yield from pages
            return
        try:
            yield from pages
        finally:
            signal.signal(signal.SIGINT, before)


def converse(target: Target) -> bool:
    """The shell on the terminal, or on the lines of standard input; false if one of these failed."""
    shell = SqlShell(target)
    if not sys.stdin.isatty():
        for line in sys.stdin:
            if not shell.take(line.rstrip("\n")):
                break
        shell.finish()
        return not shell.has_failed
    with contextlib.suppress(FileNotFoundError):
        readline.read_history_file(_HISTORY)
    atexit.register(readline.write_history_file, _HISTORY)
    found: list[str] = []

    def completer(text: str, state: int) -> str | None:
        if state == 0:
            found[:] = shell.complete(text)
        return found[state] if state < len(found) else None

    readline.set_completer(completer)
    readline.set_completer_delims(" \t\n,;()=<>+-*/'")
    readline.parse_and_bind("tab: complete")
    print(_HELP)
    while True:
        try:
            if not shell.take(input(shell.prompt)):
                return True
        except KeyboardInterrupt:
            print()
            shell.forget()
        except EOFError:
            print()
            return True
