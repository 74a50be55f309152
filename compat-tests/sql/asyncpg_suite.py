"""asyncpg's own tests, on HyperDB and on PostgreSQL: python compat-tests/sql/asyncpg_suite.py [--source FOLDER] [TEST ...]

Purpose: the driver that speaks the protocol itself, in binary, and asks the catalogs about every type that it does not know.
The tests come with its source distribution; those that start PostgreSQL themselves (TLS, passwords) are passed over by the
suite as soon as a server is named to it.
"""

from __future__ import annotations

import os

from suites import Peer, arguments, beside, environment, fresh, pytest, release, scratch

VERSION = "0.32.0"
PINS = (
    f"asyncpg=={VERSION}",
    "distro==1.9.0",
    "pytest==9.2.0",
    "pytest-timeout==2.4.0",
    "uvloop==0.23.0",
    "setuptools==80.9.0",
    "cython==3.1.4",
)
# About the package and its sources, not about servers.
WITHOUT = ("test__environment.py", "test__sourcecode.py", "test_record.py", "test_subinterpreters.py")


def main() -> None:
    chosen = arguments(__doc__ or "")
    with scratch("asyncpg", chosen.home) as home:
        python = chosen.python or environment(home, *PINS)
        source = chosen.source or release(python, home, f"asyncpg=={VERSION}")
        # The installed package is what is tested; beside the tests lies one that is not built.
        tests = fresh(home / "run")
        (tests / "tests").symlink_to(source / "tests")

        def run(peer: Peer) -> dict[str, bool]:
            asked = chosen.rest or ["tests", *(f"--ignore=tests/{name}" for name in WITHOUT)]
            known = {**os.environ, **peer.environment, "USE_UVLOOP": "0"}
            return pytest(python, tests, asked, home / f"{peer.name}.xml", chosen, known)

        beside("asyncpg", chosen, run)


if __name__ == "__main__":
    main()
