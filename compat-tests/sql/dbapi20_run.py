"""PEP 249's public compliance suite on `hyperdb.connect`: python compat-tests/sql/dbapi20_run.py

Purpose: the suite (dbapi20.py, in the public domain) is fetched into a directory of its own, unless it is importable, and run
as it is, but for `nextset` and `setoutputsize`, of which it wants the driver's own examples, `callproc`, which is refused here,
and a second `close`, which it wants to fail and PEP 249 does not: here it does nothing, as with files.
"""

from __future__ import annotations

import importlib
import sys
import unittest
from pathlib import Path
from types import ModuleType

from suites import arguments, environment, fresh, release, scratch

import hyperdb

SUITE = "dbapi-compliance==1.15.0"
BUILDS = ("setuptools==80.9.0", "wheel==0.45.1")


def suite(home: Path) -> ModuleType:
    """The module of the suite. It comes as a source, whose metadata are made with what an environment has not by itself."""
    try:
        return importlib.import_module("dbapi20")
    except ModuleNotFoundError:
        pass
    (found,) = release(environment(home, *BUILDS), home, SUITE).rglob("dbapi20.py")
    sys.path.insert(0, str(found.parent))
    return importlib.import_module("dbapi20")


def main() -> None:
    chosen = arguments(__doc__ or "")
    with scratch("dbapi20", chosen.home) as home:
        dbapi20 = suite(home)
        data = str(fresh(home / "stores") / "data")

        class Compliance(dbapi20.DatabaseAPI20Test):  # type: ignore[misc,name-defined]
            driver = hyperdb
            connect_args = (data,)
            connect_kw_args = {"frames": None}  # noqa: RUF012 - the suite reads it so

            def test_callproc(self) -> None:
                connection = self._connect()
                try:
                    connection.cursor().callproc("lower", ("FOO",))
                except hyperdb.NotSupportedError:
                    connection.close()
                else:
                    self.fail("callproc is to be refused")

            def test_nextset(self) -> None:
                connection = self._connect()
                cursor = connection.cursor()
                cursor.execute("SELECT 1; SELECT 2")
                assert cursor.fetchall() == [(1,)]
                assert cursor.nextset()
                assert cursor.fetchall() == [(2,)]
                assert cursor.nextset() is None
                connection.close()

            def test_non_idempotent_close(self) -> None:
                connection = self._connect()
                connection.close()
                connection.close()
                assert connection.closed

            def test_setoutputsize(self) -> None:
                connection = self._connect()
                connection.cursor().setoutputsize(1000, 0)
                connection.close()

        tests = unittest.defaultTestLoader.loadTestsFromTestCase(Compliance)
        found = unittest.TextTestRunner(verbosity=1).run(tests)
    bad = len(found.failures) + len(found.errors)
    print(f"dbapi20: {found.testsRun - bad} of {found.testsRun} pass, {len(found.skipped)} skipped")
    sys.exit(1 if bad or found.skipped or found.testsRun < 30 else 0)


if __name__ == "__main__":
    main()
