"""Long lists of literals: the tree is the grammar's, and the grammar does not read them."""

from __future__ import annotations

import pytest

from hyperdb.frontends.sql.parse import lists
from hyperdb.frontends.sql.parse.dialect import parse
from hyperdb.frontends.sql.parse.lists import Lists

ITEMS = ["1", "-2", "3.50", "'x'", "'it''s, (so)'", "null", "TRUE", "1e5", "''"]
MANY = ", ".join(ITEMS * 30)
ROWS = ",\n ".join(f"({place}, 'r{place}', null)" for place in range(150))


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT a FROM t WHERE a IN ({MANY}) AND b NOT IN ({MANY}) ORDER BY a",
        f"SELECT * FROM (VALUES {ROWS}) v (a, b, c)",
        f"INSERT INTO t (a, b, c) VALUES {ROWS} ON CONFLICT DO NOTHING RETURNING a",
        f"SELECT 'in ({MANY.replace(chr(39), '')})' AS text, \"in\" FROM t",
        f"SELECT a FROM t WHERE a IN ({MANY}, b)",
    ],
)
def test_the_tree_is_the_grammars(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_LONG", 1 << 60)
    plain = parse(text)
    monkeypatch.setattr(lists, "_LONG", 0)
    assert parse(text) == plain
    assert parse(text).sql() == plain.sql()


def test_long_lists_are_taken_out_of_the_text() -> None:
    text = f"INSERT INTO t VALUES {', '.join(f'({place}, {place})' for place in range(20_000))}"
    assert Lists(text).text == "INSERT INTO t VALUES ('list0')"
    short = "SELECT a FROM t WHERE a IN (1, 2)"
    assert Lists(short).text == short
    assert Lists("SELECT 'list' " + text).text.endswith("('list_0')")
