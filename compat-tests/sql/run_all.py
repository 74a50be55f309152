"""Every SQL client and suite, one after the other: python compat-tests/sql/run_all.py [--home FOLDER] [NAME ...]

Purpose: one command that says what passes at this commit; docs/sql.md, Clients, holds its answer. Each program runs by itself,
says what it has to say into a file of its own in the folder, and fails if something that PostgreSQL does is missing here without
a reason in reasons.tsv. The short ones come first. All need Debian's `postgresql`; what else one needs, it says.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLAIN = "key_order type_values copy_formats scripts startups psql_describe"
"""Programs without files of their own."""
SUITES = """
dbapi20_run alembic_run node_postgres jdbc_metadata go_drivers dataframes pgcli_session django_admin asyncpg_suite
sqlalchemy_suite sqllogictest psycopg_suite regress django_suite
"""
RANDOM = "random_queries random_statements"


def run(name: str, home: Path) -> bool:
    """Runs a program and tells its last line; whether it was content."""
    log = home / f"{name}.log"
    begin = time.monotonic()
    command = [sys.executable, str(HERE / f"{name}.py"), *(["--home", str(home)] if name in SUITES.split() else [])]
    with log.open("wb") as out:
        good = subprocess.run(command, stdout=out, stderr=out, check=False).returncode == 0
    said = log.read_text(errors="replace").strip().splitlines() or ["nothing"]
    print(f"{'passed' if good else 'FAILED'} {name:17} {time.monotonic() - begin:6.0f} s  {said[-1]}", flush=True)
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, help="a folder in which environments, sources, reports and logs are kept")
    parser.add_argument("names", nargs="*", default=[*PLAIN.split(), *SUITES.split(), *RANDOM.split()])
    chosen = parser.parse_args()
    home = chosen.home or Path(tempfile.mkdtemp(prefix="hyperdb-clients-"))
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    failed = [name for name in chosen.names if not run(name, home)]
    print(f"{len(chosen.names) - len(failed)} passed, {len(failed)} failed; what they said is in {home}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
