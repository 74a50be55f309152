"""EXPLAIN as a statement: its options, and its answer as text, JSON, XML or YAML.

Theory: programs read the JSON by PostgreSQL's names of properties ("Plan", "Plans", "Node Type", "Relation Name", "Actual Rows"
...). What only narrows or filters the rows of a relation is a part of that relation's node, as there. Invariant: a property that
we have no number for (costs, buffers) is left out, never made up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.contract import Action, Column
from hyperdb.frontends.sql.explain import Count, Explained, explain, touched
from hyperdb.frontends.sql.explain_forms import STRUCTURED
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.plan import nodes as p
from hyperdb.frontends.sql.statement import Query, SqlOutcome, SqlPrepared, Statement, Utility

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_TRUE = ("true", "on", "1")
_OTHER_OPTIONS = frozenset({"verbose", "costs", "buffers", "timing", "summary", "settings", "wal"})
# What stands in parentheses is what is explained, and no options.
_QUERY = re.compile(r"\s*explain\s*\(\s*(?:select|values|with|table|\()", re.IGNORECASE)
_FORMATS = {"text": kinds.TEXT, "json": kinds.JSON, "xml": kinds.TEXT, "yaml": kinds.TEXT}
"""The type of the answer; there is no type xml."""
_FOLDED = (p.Project, p.Filter)


def explaining(session: SqlSession, text: Statement, given: tuple[int, ...]) -> SqlPrepared:
    """EXPLAIN made ready; its parameters are those of what it explains.

    Raises:
        SqlError: 42601, 0A000, and whatever the statement has.
    """
    found = Words(text)
    found.expect("explain")
    analyze, privacy, form = False, False, "text"
    if found.peek() == "(" and not _QUERY.match(text):
        for option in found.inside():
            word, *rest = option.lower().split()
            if word == "analyze":
                analyze = not rest or rest[0] in _TRUE
            elif word == "privacy":
                privacy = not rest or rest[0] in _TRUE
            elif word == "format":
                form = rest[0].strip("'") if rest else ""
            elif word not in _OTHER_OPTIONS:
                raise SqlError("42601", f'unrecognized EXPLAIN option "{word}"')
    else:
        analyze = found.take("analyze")
        found.take("verbose")
    if form not in _FORMATS:
        raise SqlError("22023", f'unrecognized value for EXPLAIN option "format": "{form}"')
    query = session.prepare_now(found.rest(), given)
    if not isinstance(query.body, Query):
        raise SqlError("0A000", "EXPLAIN takes queries and changes of rows")
    columns = (Column("QUERY PLAN", _FORMATS[form]),)
    if privacy:
        if analyze:
            raise SqlError("22023", "EXPLAIN (PRIVACY) runs nothing, so it does not go with ANALYZE")
        return SqlPrepared(text, Action.RUN, query.parameters, columns, Utility(partial(_privately, query, form, columns)), given)

    def run(session: SqlSession, values: Sequence[Any]) -> SqlOutcome:
        if analyze:
            session.proofs.refuse("what EXPLAIN ANALYZE runs")
        explained = explain(session, query, values, analyze=analyze)
        shown = explained.lines() if form == "text" else [STRUCTURED[form](_tree(explained))]
        return SqlOutcome(columns, [(line,) for line in shown], "EXPLAIN")

    return SqlPrepared(text, Action.RUN, query.parameters, columns, Utility(run), given)


def _privately(
    query: SqlPrepared, form: str, columns: tuple[Column, ...], session: SqlSession, values: Sequence[Any]
) -> SqlOutcome:
    """EXPLAIN (PRIVACY): who learns what of a query."""
    learned = session.proofs.learned(query, values)
    shown = learned.lines() if form == "text" else [STRUCTURED[form](learned.tree())]
    return SqlOutcome(columns, [(line,) for line in shown], "EXPLAIN")


def _tree(explained: Explained) -> dict[str, Any]:
    found: dict[str, Any] = {"Plan": _node(explained.plan, explained.counts)}
    report = explained.report
    is_columnar = report is not None and not report.reason
    found["Tier"] = 3 if is_columnar else 2
    if report is not None:
        found |= {"Columns": list(report.tables), "Query": report.text} if is_columnar else {"Not in Columns": report.reason}
    found |= dict(touched(explained.plan))
    if explained.execution is not None:
        found |= {
            "Rows": explained.rows,
            "Planning Time": _milliseconds(explained.planning),
            "Execution Time": _milliseconds(explained.execution),
        }
    return found


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _node(plan: p.Plan, counts: dict[int, Count]) -> dict[str, Any]:
    shown = plan
    while isinstance(shown, _FOLDED):
        shown = shown.child
    found = _described(shown)
    count = counts.get(id(plan))
    if count is not None:
        times = {"Actual Startup Time": 0.0, "Actual Total Time": _milliseconds(count.seconds / max(count.loops, 1))}
        found |= {**times, "Actual Rows": count.rows // max(count.loops, 1), "Actual Loops": count.loops}
    below = [_node(each, counts) for name in fields(shown) if isinstance(each := getattr(shown, name.name), p.Plan)]
    if below:
        found["Plans"] = below
    return found


def _described(plan: p.Plan) -> dict[str, Any]:
    found: dict[str, Any] = {"Node Type": type(plan).__name__}
    if isinstance(plan, p.MODIFYING):
        relation = plan.writes.relation
        return {"Node Type": "ModifyTable", "Operation": type(plan).__name__, **_of(relation.schema, relation.name)}
    if isinstance(plan, p.Scan):
        index = next((record.name for number, record in plan.relation.indexes if number == plan.index), None)
        found |= {"Node Type": "Seq Scan", **_of(plan.relation.schema, plan.relation.name)}
        if plan.low is not None or plan.high is not None:
            found |= {"Node Type": "Index Scan", "Index Name": index or "key"}
        if plan.frame is not None:
            found["Frame"] = plan.frame
    elif isinstance(plan, p.Virtual):
        found |= {"Node Type": "Seq Scan", **_of(plan.relation.schema, plan.relation.name)}
    elif isinstance(plan, p.Join):
        found |= {"Node Type": "Hash Join" if plan.keys else "Nested Loop", "Join Type": plan.form.capitalize()}
    return found


def _of(schema: str, name: str) -> dict[str, str]:
    return {"Relation Name": name, "Schema": schema}
