"""pgcli on a terminal, on HyperDB and on PostgreSQL: python compat-tests/sql/pgcli_session.py [--python PYTHON]

Purpose: what a person does who types: queries, describing commands, a wrong statement, a failed transaction, names completed by
Tab, a cancel by Ctrl-C. pgcli runs on a pseudo-terminal; the tables that it prints must be the same on both servers.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import psycopg
from suites import Peer, arguments, environment, hyperdb_server, postgresql, scratch

PINS = ("pgcli==4.7.1", "psycopg[binary]==3.3.9")
INTERRUPT = "\3"
MADE = """
CREATE TABLE planets (id int PRIMARY KEY, planet_name text NOT NULL DEFAULT 'x', mass numeric(10,2) CHECK (mass > 0));
CREATE TABLE moons (id bigserial PRIMARY KEY, planet int REFERENCES planets (id), UNIQUE (planet, id));
CREATE VIEW heavy AS SELECT id FROM planets WHERE mass > 1; CREATE SCHEMA apart; CREATE TABLE apart.other (n int);
CREATE TYPE mood AS ENUM ('a', 'b');
INSERT INTO planets VALUES (1, 'earth', 5.97), (2, 'mars', 0.64)
"""
CONFIG = """
[main]
less_chatty = True
multi_line = False
enable_pager = False
table_format = ascii
auto_expand = False
expand = False
timing = False
show_bottom_toolbar = False
prompt = 'ask> '
keyring = False
generate_aliases = False
log_level = NONE
smart_completion = True
on_error = STOP
destructive_warning = off
min_num_menu_lines = 0
"""
# What is typed, and what must be shown afterwards; without that it is waited until nothing more is shown.
TYPED = (
    ("SELECT id, planet_name, mass FROM planets ORDER BY id;\r", "SELECT 2"),
    ("SELECT * FROM plane", "plane"),
    ("\t", ""),
    (" ORDER BY planet_na", "planet_na"),
    ("\t", ""),
    (" DESC;\r", "SELECT 2"),
    ("\\dt\r", "planets"),
    ("\\d planets\r", "planets_pkey"),
    ("\\d moons\r", "REFERENCES planets"),
    ("\\dv\r", "heavy"),
    ("\\dT+ mood\r", "mood"),
    ("\\x\r", "Expanded display"),
    ("SELECT 1 AS one, NULL AS nothing;\r", "nothing"),
    ("\\x\r", "Expanded display"),
    ("SELECT nothing;\r", "does not exist"),
    ("BEGIN; INSERT INTO planets VALUES (1);\r", "duplicate key"),
    ("ROLLBACK;\r", "ROLLBACK"),
    ("SELECT 'slept', pg_sleep(60);\r", INTERRUPT),
    ("SELECT count(*) FROM planets;\r", "SELECT 1"),
)
PROMPT = "ask>"
SECONDS = 30.0
_TOLD = re.compile(r"\| |-\[|SELECT \d+$|ERROR|column ")
_DRAWN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\a]*\a|\r")


class Terminal:
    """pgcli on a pseudo-terminal."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._process, self._end = pty.fork()
        if self._process == 0:
            os.execvpe(command[0], command, env)
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 160, 0, 0))

    def read(self, wanted: str, again: str = "") -> str:
        """What is shown until `wanted` was, and then nothing more for a moment, without what moves the cursor; `again` is typed
        from time to time until then, as a key that comes at a bad moment is lost on a busy machine.

        Raises:
            TimeoutError: it is not shown.
        """
        begun, raw, typed = time.monotonic(), b"", 1
        while True:
            ready, _, _ = select.select([self._end], [], [], 1.0)
            if ready:
                try:
                    piece = os.read(self._end, 65536)
                except OSError:
                    raise TimeoutError(f"it ended:\n{raw.decode(errors='replace')}") from None
                if b"\x1b[6n" in piece:
                    # It asks where the cursor is.
                    os.write(self._end, b"\x1b[1;1R")
                raw += piece
            text = _DRAWN.sub("", raw.decode(errors="replace"))
            if wanted in text and not ready:
                return text
            waited = time.monotonic() - begun
            if waited > SECONDS:
                raise TimeoutError(f"{wanted!r} was not shown:\n{text}")
            if again and waited > typed * SECONDS / 6:
                self.type(again)
                typed += 1

    def type(self, text: str) -> None:
        """Keys, one after the other."""
        os.write(self._end, text.encode())

    def close(self) -> None:
        """Ends it."""
        os.kill(self._process, signal.SIGTERM)
        os.close(self._end)
        os.waitpid(self._process, 0)


def shown(pgcli: Path, home: Path, peer: Peer) -> list[str]:
    """The lines of tables and errors, of each line that was typed."""
    config = home / "config"
    config.write_text(CONFIG)
    own = {"TERM": "xterm", "HOME": str(home), "XDG_CONFIG_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    terminal = Terminal([str(pgcli), "--pgclirc", str(config)], {**os.environ, **peer.environment, **own})
    found = []
    try:
        terminal.read(PROMPT)
        # Names are read in the background.
        time.sleep(SECONDS / 10)
        for keys, wanted in TYPED:
            terminal.type(keys)
            if wanted == INTERRUPT:
                running(peer, keys.strip())
                terminal.type(INTERRUPT)
                lines = terminal.read("cancel", again=INTERRUPT).split("\n")
            else:
                lines = terminal.read(wanted).split("\n")
            found += [_cells(line) for line in lines if _TOLD.match(line)]
    finally:
        terminal.close()
    return found


def running(peer: Peer, text: str) -> None:
    """Waits until the server runs a statement.

    Raises:
        TimeoutError: it does not.
    """
    asked = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s"
    with psycopg.connect(peer.url, autocommit=True) as connection:
        until = time.monotonic() + SECONDS
        while connection.execute(asked, [f"{text[:20]}%"]).fetchone() == (0,):
            if time.monotonic() > until:
                raise TimeoutError(f"the server does not run {text}")
            time.sleep(0.1)


def _cells(line: str) -> str:
    """A line of a table without its widths; the bootstrap role has the name that it has here."""
    return "|".join("postgres" if cell.strip() == "hyperdb" else cell.strip() for cell in line.split("|"))


def main() -> None:
    chosen = arguments(__doc__ or "")
    with scratch("pgcli", chosen.home) as home:
        pgcli = (chosen.python or environment(home, *PINS)).with_name("pgcli")
        with hyperdb_server(MADE) as peer:
            ours = shown(pgcli, home, peer)
        with postgresql(MADE) as peer:
            theirs = shown(pgcli, home, peer)
    missing, extra = ([line for line in one if line not in other] for one, other in ((theirs, ours), (ours, theirs)))
    for name, lines in (("PostgreSQL", missing), ("HyperDB", extra)):
        for line in lines:
            print(f"only {name}: {line}")
    print(f"pgcli: {len(TYPED)} inputs, {len(theirs)} lines of tables, {len(missing) + len(extra)} differ")
    sys.exit(1 if missing or extra or not theirs else 0)


if __name__ == "__main__":
    main()
