"""A PostgreSQL of its own for a test: in a temporary directory, gone with the test.

Theory: Debian's `postgresql` is enough; nothing is installed, and nothing listens but a socket in that directory, unless a test
asks for more.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        sys.exit("PostgreSQL's initdb is not here: install postgresql.")
    return found[-1].parent if found else Path(str(on_path)).parent


@contextmanager
def server() -> Iterator[Callable[[str], str]]:
    """A server in a temporary directory; gives what runs SQL there."""
    with cluster() as (home, run):
        yield lambda sql: run("psql", "-h", home, "-d", "postgres", "-qAt", "-F", " ", "-v", "ON_ERROR_STOP=1", text=sql)


@contextmanager
def cluster(options: str = "-c fsync=off -c listen_addresses=''") -> Iterator[tuple[str, Callable[..., str]]]:
    """A server in a temporary directory: the directory of its socket, and what runs one of PostgreSQL's programs."""
    where = programs()
    # PostgreSQL does not run as root.
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="hyperdb-order-") as home:
        if prefix:
            os.chown(home, pwd.getpwnam("postgres").pw_uid, -1)

        def run(program: str, *words: str, text: str | None = None) -> str:
            command = [*prefix, str(where / program), *words]
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{program}: {done.stderr}")
            return done.stdout

        run("initdb", "-D", f"{home}/data", "-A", "trust", "--locale", "C", "-E", "UTF8", "-N")
        start = f"-k {home} {options}"
        subprocess.run(
            [*prefix, str(where / "pg_ctl"), "-D", f"{home}/data", "-o", start, "-l", f"{home}/log", "-w", "-s", "start"],
            check=True,
        )
        try:
            yield home, run
        finally:
            run("pg_ctl", "-D", f"{home}/data", "-m", "fast", "-w", "-s", "stop")
