"""Django's own tests, on HyperDB and on PostgreSQL: python compat-tests/sql/django_suite.py [--source FOLDER] [APP ...]

Purpose: what a framework that has spoken to PostgreSQL for twenty years asks of it: queries, aggregates, expressions, schemas,
migrations, reflection. The tests come with Django's source distribution. They run in the server's one database (`--keepdb`), as
CREATE DATABASE is PostgreSQL's alone; a second server is Django's second database.
"""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import ExitStack
from pathlib import Path

from suites import Peer, arguments, beside, environment, hyperdb_server, postgresql, release, scratch

VERSION = "5.2.19"
PINS = (f"Django=={VERSION}", "psycopg[binary]==3.3.9", "setuptools==80.9.0", "wheel==0.45.1", "tblib==3.1.0", "PyYAML==6.0.3")
APPS = """
basic queries aggregation aggregation_regress annotations expressions expressions_case expressions_window transactions
transaction_hooks backends schema migrations introspection indexes bulk_create
select_for_update lookup ordering many_to_many many_to_one prefetch_related select_related delete update get_or_create
datatypes datetimes db_functions custom_pk composite_pk raw_query force_insert_update nested_foreign_keys null_queries
distinct_on_fields timezones fixtures db_utils
""".split()
SETTINGS = """
def server(url):
    host, port = url.split("@")[1].split("/")[0].split(":")
    name = url.rsplit("/", 1)[1]
    return {{"ENGINE": "django.db.backends.postgresql", "USER": "postgres", "HOST": host, "PORT": port, "NAME": name,
            "TEST": {{"NAME": name}}}}
DATABASES = {{"default": server({first!r}), "other": server({second!r})}}
SECRET_KEY = "tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
"""
_ENDED = re.compile(r"^(\S+ \(\S+\)).*\.\.\. (ok|FAIL|ERROR|expected failure|unexpected success)$")
_BEGUN = re.compile(r"^(\S+ \(\S+\))$")


def outcomes(text: str) -> dict[str, bool]:
    """What unittest says of each test at its second verbosity; a first line of a docstring may stand between name and outcome."""
    found: dict[str, bool] = {}
    begun = ""
    for line in text.splitlines():
        ended = _ENDED.match(line)
        if ended:
            found[ended[1]] = ended[2] == "ok" or ended[2] == "expected failure"
        elif begun and re.search(r"\.\.\. (ok|FAIL|ERROR)$", line):
            found[begun] = line.endswith("ok")
        begun = line if _BEGUN.match(line) else ""
    return found


def main() -> None:
    chosen = arguments(__doc__ or "")
    with scratch("django") as home:
        python = chosen.python or environment(home, *PINS)
        source: Path = chosen.source or release(python, home, f"Django=={VERSION}")

        def run(peer: Peer) -> dict[str, bool]:
            with ExitStack() as stack:
                other = stack.enter_context(postgresql() if peer.name == "PostgreSQL" else hyperdb_server())
                settings = SETTINGS.format(first=peer.url, second=other.url)
                (home / "server_settings.py").write_text(settings)
                words = ["--settings=server_settings", "--keepdb", "--noinput", "--parallel=1", "-v2", "--timing"]
                known = {**os.environ, "PYTHONPATH": str(home)}
                command = [str(python), "runtests.py", *words, *(chosen.rest or APPS)]
                log = home / f"{peer.name}.log"
                with log.open("wb") as out:
                    subprocess.run(command, cwd=source / "tests", env=known, stdout=out, stderr=out, check=False)
            text = log.read_text(errors="replace")
            if chosen.only:
                print(text)
            return outcomes(text)

        beside("django", chosen, run)


if __name__ == "__main__":
    main()
