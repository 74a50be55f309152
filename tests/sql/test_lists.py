"""Long lists of literals: the tree is the grammar's, and the grammar does not read them."""

from __future__ import annotations

import pytest
from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.parse import lists
from hyperdb.frontends.sql.parse.dialect import parse
from hyperdb.frontends.sql.parse.lists import Lists

ITEMS = ["1", "-2", "3.50", "'x'", "'it''s, (so)'", "null", "TRUE", "1e5", "''"]
PARAMETERS = ["$1", "$2::int", "$3 :: varchar(10)", "$4::double precision", "$5::text[]", "$6::numeric(6, 2)", "$65535", "7"]
MANY = ", ".join(ITEMS * 30)
MARKED = ", ".join(PARAMETERS * 30)
ROWS = ",\n ".join(f"({place}, 'r{place}', null)" for place in range(150))


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT a FROM t WHERE a IN ({MANY}) AND b NOT IN ({MANY}) ORDER BY a",
        f"SELECT * FROM (VALUES {ROWS}) v (a, b, c)",
        f"INSERT INTO t (a, b, c) VALUES {ROWS} ON CONFLICT DO NOTHING RETURNING a",
        f"SELECT 'in ({MANY.replace(chr(39), '')})' AS text, \"in\" FROM t",
        f"SELECT a FROM t WHERE a IN ({MANY}, b)",
        f"SELECT a FROM t WHERE a IN ({MARKED})",
        f"SELECT ARRAY[{MARKED}]::text[], array [{MANY}] FROM t",
        f"INSERT INTO t VALUES {', '.join(f'(${place}::int, ${place + 1}, 3)' for place in range(1, 300, 2))}",
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
    assert taken_out(text) == "INSERT INTO t VALUES ('list0')"
    short = "SELECT a FROM t WHERE a IN (1, 2)"
    assert taken_out(short) == short
    assert taken_out("SELECT 'list' " + text).endswith("('list_0')")
    array = f"SELECT ARRAY[{', '.join(f'${place}' for place in range(1, 30_000))}]"
    assert taken_out(array) == "SELECT ARRAY['list0']"


def taken_out(text: str) -> str:
    return Lists(text, lambda name: exp.DataType.build(name)).text


@pytest.mark.parametrize("item", ["$65536", "$99999999999", "$1::int x", "$1::nonsense what"])
def test_what_is_no_item_is_refused_in_a_long_list_too(item: str) -> None:
    for text in (f"SELECT 1 WHERE 1 IN ({MARKED * 20}, {item})", f"SELECT ARRAY[{item}, {MARKED * 20}]"):
        with pytest.raises(SqlError) as error:
            parse(text.replace("7$1", "7, $1"))
        assert error.value.sqlstate in ("42P02", "42601")
