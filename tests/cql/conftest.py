"""What the tests of CQL share: one grammar for the whole run, since its table takes a second to make."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyperdb.frontends.cql.parse.parser import Grammar


@pytest.fixture(scope="session")
def kept_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cql") / "table"


@pytest.fixture(scope="session")
def cql(kept_table: Path) -> Grammar:
    return Grammar(kept_table)
