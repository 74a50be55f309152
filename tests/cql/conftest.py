"""What the tests of CQL share: one grammar for the whole run."""

from __future__ import annotations

import pytest

from hyperdb.frontends.cql.parse.parser import Grammar


@pytest.fixture(scope="session")
def cql() -> Grammar:
    return Grammar()
