"""psycopg 3's own tests, on HyperDB and on PostgreSQL: python compat-tests/sql/psycopg_suite.py [--source FOLDER] [TEST ...]

Purpose: the driver that most programs in Python use, with everything it asks of a server. Its releases do not hold the tests, its
repository does. Left out are its slow tests and those that look at the driver alone (types, typing, names of hosts, the pool).
"""

from __future__ import annotations

from suites import Peer, arguments, beside, environment, pytest, repository, scratch

VERSION = "3.3.4"
REPOSITORY = "https://github.com/psycopg/psycopg"
PINS = (f"psycopg[binary]=={VERSION}", "pytest==9.2.0", "pytest-timeout==2.4.0", "anyio==4.12.0", "numpy==2.4.6")
WITHOUT = ("pool", "crdb", "scripts", "test_typing.py", "test_windows.py", "test_dns.py", "test_dns_srv.py", "test_module.py")


def main() -> None:
    chosen = arguments(__doc__ or "")
    with scratch("psycopg", chosen.home) as home:
        source = chosen.source or repository(home, REPOSITORY, VERSION)
        python = chosen.python or environment(home, *PINS)

        def run(peer: Peer) -> dict[str, bool]:
            asked = chosen.rest or ["tests", *(f"--ignore=tests/{name}" for name in WITHOUT)]
            words = [*asked, "-m", "not slow", f"--test-dsn={peer.url}"]
            return pytest(python, source, words, home / f"{peer.name}.xml", chosen)

        beside("psycopg", chosen, run)


if __name__ == "__main__":
    main()
