"""The shell: RESP commands typed by a person, on a running server or a closed directory, with history."""

from __future__ import annotations

import atexit
import contextlib
import readline
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from hyperdb.cli.sql_shell import converse
from hyperdb.cli.target import Target, target

_HISTORY = Path.home() / ".hyperdb_history"
_HELP = "Type a RESP command, such as: SET greeting hello. SELECT N changes the database; quit leaves."


def show(reply: bytes) -> str:
    """A RESP2 reply as people read it: numbered arrays, quoted strings."""
    text, _ = _shown(reply, 0, "")
    return text


def _shown(raw: bytes, at: int, indent: str) -> tuple[str, int]:
    end = raw.index(b"\r\n", at)
    kind, line, after = raw[at : at + 1], raw[at + 1 : end].decode("utf-8", "replace"), end + 2
    if kind == b"+":
        return line, after
    if kind == b"-":
        return f"(error) {line}", after
    if kind == b":":
        return f"(integer) {line}", after
    length = int(line)
    if length < 0:
        return "(nil)", after
    if kind == b"$":
        body = raw[after : after + length]
        return '"' + body.decode("utf-8", "backslashreplace").replace('"', '\\"') + '"', after + length + 2
    rows = []
    for number in range(1, length + 1):
        label = f"{number}) "
        row, after = _shown(raw, after, indent + " " * len(label))
        rows.append(label + row)
    return ("\n" + indent).join(rows) if rows else "(empty array)", after


class Session:
    """One conversation: the chosen database and where commands go."""

    def __init__(self, database: Target) -> None:
        self._target = database
        self.number = 0

    def run(self, line: str) -> str | None:
        """The answer to one line; None when the person leaves."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            return f"(error) {error}"
        if not words:
            return ""
        verb = words[0].lower()
        if verb in ("quit", "exit"):
            return None
        if verb == "help":
            return _HELP
        if verb == "select" and len(words) == 2:
            if not words[1].isdigit() or int(words[1]) > 15:
                return "(error) ERR DB index is out of range"
            self.number = int(words[1])
            return "OK"
        return show(self._target.command(self.number, [word.encode("utf-8", "surrogateescape") for word in words]))


def shell(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The database's directory.")],
    sql: Annotated[bool, typer.Option("--sql", help="Type SQL instead.")] = False,
) -> None:
    """Type RESP commands, or SQL; reads lines from standard input if that is no terminal."""
    with target(directory, create=False) as database:
        if sql:
            if not converse(database):
                raise typer.Exit(1)
            return
        session = Session(database)
        if not sys.stdin.isatty():
            for line in sys.stdin:
                answer = session.run(line)
                if answer is None:
                    return
                if answer:
                    print(answer)
            return
        with contextlib.suppress(FileNotFoundError):
            readline.read_history_file(_HISTORY)
        atexit.register(readline.write_history_file, _HISTORY)
        print(_HELP)
        while True:
            try:
                answer = session.run(input(f"hyperdb[{session.number}]> "))
            except (EOFError, KeyboardInterrupt):
                print()
                return
            if answer is None:
                return
            if answer:
                print(answer)
