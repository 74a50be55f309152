"""EXPLAIN: tiers, sets, and what became of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from test_tiers import in_tier, run

import hyperdb
from hyperdb.frontends.sql.backend import SqlBackend
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.explain_forms import as_json, as_xml, as_yaml
from hyperdb.frontends.sql.session import SqlSession
from hyperdb.graph.catalog.tables import Tables

MAKE = """create table owner (id integer primary key, name text);
create table item (id integer primary key, owner integer, price numeric(8, 2));
create index item_owner on item (owner);
insert into owner select i, 'n' || i from generate_series(1, 10) i;
insert into item select i, i % 10 + 1, i * 0.5 from generate_series(1, 200) i"""
JOIN = "select o.name, count(*) from owner o join item i on i.owner = o.id where i.price > 50 group by o.name"


@pytest.fixture
def session() -> Iterator[SqlSession]:
    with hyperdb.open(":memory:", memory="64m") as database:
        opened = SqlBackend(Tables(database.native)).open(Opening("postgres", "hyperdb"))
        run(opened, MAKE)
        yield opened
        opened.close()


def lines(session: SqlSession, tier: str, text: str) -> list[str]:
    found = in_tier(session, tier, text)
    assert isinstance(found[1], list), found
    return [line for (line,) in found[1]]


def test_operators_tell_their_rows_and_times(session: SqlSession) -> None:
    shown = lines(session, "rows", f"explain analyze {JOIN}")
    by_name = {re.sub(r"^[ >-]*| \(time.*", "", line): line for line in shown if "time=" in line}
    assert "rows=10 loops=1" in by_name["Aggregate"]
    assert "rows=100 loops=1" in by_name["Hash Join (inner), or owner by key"]
    assert "rows=10 loops=1" in by_name["Scan on owner"]
    assert "rows=200 loops=1" in by_name["Scan on item"]
    assert "Tier: 2 (rows)" in shown
    assert "Reads: vertex adds of public.item, vertex adds of public.owner" in shown
    assert "Rows: 10" in shown
    assert any(line.startswith("Planning Time: ") for line in shown)
    assert any(line.startswith("Execution Time: ") for line in shown)


def test_columns_tell_their_parts(session: SqlSession) -> None:
    shown = lines(session, "columns", f"explain analyze {JOIN}")
    assert "Tier: 3 (columns)" in shown
    assert "  Columns of public.owner (id, name)" in shown
    for part in ("Writing the query", "Binding it", "Running it", "Its rows as ours"):
        assert sum(line.startswith(f"  {part}: ") for line in shown) == 1
    assert "Rows: 10" in shown
    assert not any("time=" in line for line in shown)


def test_a_plan_that_is_not_for_columns_says_why_and_is_measured(session: SqlSession) -> None:
    shown = lines(session, "columns", "explain analyze select string_agg(name, ',') from owner")
    assert any(line.startswith("  Not in columns: ") for line in shown)
    assert any("Scan on owner (time=" in line for line in shown)


def test_an_operator_that_is_not_asked_is_said_to_be_so(session: SqlSession) -> None:
    text = "explain analyze select o.id from owner o left join item i on i.owner = o.id where o.id > 1000000"
    assert any("(never executed)" in line or "rows=0" in line for line in lines(session, "rows", text))


def test_json_has_the_names_that_programs_look_for(session: SqlSession) -> None:
    """As asyncpg's PreparedStatement.explain and pgAdmin read it."""
    ((found,),) = run(session, f"explain (analyze, format json) {JOIN}")[1]
    (told,) = json.loads(found)
    assert told["Rows"] == 10
    assert told["Execution Time"] > 0
    top = told["Plan"]
    assert (top["Node Type"], top["Actual Rows"], top["Actual Loops"]) == ("Aggregate", 10, 1)
    (join,) = top["Plans"]
    assert (join["Node Type"], join["Join Type"], join["Actual Rows"]) == ("Hash Join", "Inner", 100)
    assert {(each["Relation Name"], each["Schema"]) for each in join["Plans"]} == {("owner", "public"), ("item", "public")}
    ((found,),) = run(session, "explain (format json, verbose) delete from item where owner = 3")[1]
    (told,) = json.loads(found)
    assert (told["Plan"]["Node Type"], told["Plan"]["Operation"]) == ("ModifyTable", "Delete")
    assert told["Plan"]["Plans"][0]["Index Name"] == "item_owner"
    assert "Actual Rows" not in told["Plan"]
    assert told["Writes"] == ["vertex removes of public.item", "hyperedge removes of item_owner"]


def test_xml_and_yaml_hold_the_same_tree(session: SqlSession) -> None:
    """As Django's `QuerySet.explain` asks for them."""
    ((found,),) = run(session, f"explain (analyze, format xml) {JOIN}")[1]
    space = "{http://www.postgresql.org/2009/explain}"
    (query,) = ElementTree.fromstring(found)
    (plan,) = query.findall(f"{space}Plan")
    names = [each.text for each in plan.iter(f"{space}Relation-Name")]
    assert (query.findtext(f"{space}Rows"), sorted(map(str, names))) == ("10", ["item", "owner"])
    assert len(plan.findall(f"{space}Plans/{space}Plan")) == 1
    ((found,),) = run(session, "explain (format yaml) delete from item where owner = 3")[1]
    assert found.splitlines()[:3] == ["- Plan:", '    Node Type: "ModifyTable"', '    Operation: "Delete"']
    assert '  Writes:\n    - "vertex removes of public.item"\n' in found


def test_forms_quote_what_would_be_read_otherwise() -> None:
    tree = {"Node Type": 'a: <b> & "c"\n\x01', "Empty": [], "Plans": [{"A": 1}, {"A": None}]}
    assert as_yaml(tree).splitlines() == [
        r'- Node Type: "a: <b> & \"c\"\n\u0001"', "  Empty: []", "  Plans:", "    - A: 1", "    - A: null",
    ]  # fmt: skip
    read = ElementTree.fromstring(as_xml(tree))
    assert [each.text for each in read.iter() if each.tag.endswith("Node-Type")] == ['a: <b> & "c"\n\ufffd']
    assert json.loads(as_json(tree)) == [tree]


def test_parameters_of_what_is_explained_are_its_own(session: SqlSession) -> None:
    prepared = session.prepare("explain (analyze, format json) select * from item where id > $1 and owner = $2", ())
    assert list(prepared.parameters) == [23, 23]
    assert [column.type for column in prepared.columns or ()] == [114]
    ((found,),) = session.execute(prepared, [100, 3]).rows(0)[0]
    session.sync(False)
    assert json.loads(found)[0]["Rows"] == 10


def test_a_change_is_made_and_tells_what_it_writes(session: SqlSession) -> None:
    shown = lines(session, "auto", "explain analyze delete from item where owner = 3")
    assert "Reads: vertex adds of public.item, hyperedge adds of item_owner" in shown
    assert "Writes: vertex removes of public.item, hyperedge removes of item_owner" in shown
    assert any("Scan on item by item_owner (time=" in line and "rows=20" in line for line in shown)
    assert run(session, "select count(*) from item")[1] == [(180,)]
    shown = lines(session, "auto", "explain insert into item values (1000, 1, 2)")
    assert "Writes: vertex adds of public.item, hyperedge adds of item_owner" in shown
    assert run(session, "select count(*) from item")[1] == [(180,)]
