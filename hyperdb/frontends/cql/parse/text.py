"""Trees as CQL again: names, types, expressions, and statements on rows.

Theory: the tree has kept all parentheses of the text, so each node writes its parts and nothing needs to be weighed. Invariant:
what is written reads as the same tree; the text is the same for equal trees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hyperdb.frontends.cql.parse import statements as st
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.words import quoted

# Not reserved, but keywords in places where an expression may begin.
_IN_EXPRESSIONS = frozenset(["as", "default", "distinct", "json", "key"])


name = quoted


def string(text: str) -> str:
    """A string between quotes."""
    return "'" + text.replace("'", "''") + "'"


def qualified(found: tm.Name) -> str:
    """A name, perhaps with its keyspace."""
    return name(found.name) if found.keyspace is None else f"{name(found.keyspace)}.{name(found.name)}"


def names(found: Iterable[str]) -> str:
    """Names with commas between."""
    return ", ".join(map(name, found))


def type_name(found: tm.TypeName) -> str:
    """A type."""
    if found.java:
        return string(found.name)
    own = name(found.name) if not found.arguments else found.name
    inner = ", ".join(type_name(part) if isinstance(part, tm.TypeName) else str(part) for part in found.arguments)
    return f"{'' if found.keyspace is None else name(found.keyspace) + '.'}{own}{f'<{inner}>' if found.arguments else ''}"


def _in_expression(text: str) -> str:
    return f'"{text}"' if text in _IN_EXPRESSIONS else name(text)


def listed(found: Iterable[tm.Term]) -> str:
    """Expressions with commas between."""
    return ", ".join(map(term, found))


def _literal(found: tm.Literal) -> str:
    return string(found.text) if found.kind is tm.Kind.STRING else found.text


def _marker(found: tm.Marker) -> str:
    return "?" if found.name is None else ":" + name(found.name)


def _call(found: tm.Call) -> str:
    if found.name == "token" and found.keyspace is None:
        return f"token({listed(found.arguments)})"
    own = _in_expression(found.name) if found.keyspace is None else name(found.name)
    return f"{'' if found.keyspace is None else _in_expression(found.keyspace) + '.'}{own}({listed(found.arguments)})"


def _slice(found: tm.Slice) -> str:
    first = "" if found.first is None else term(found.first) + " "
    last = "" if found.last is None else " " + term(found.last)
    return f"{term(found.value)}[{first}..{last}]"


def _map(found: tm.MapTerm) -> str:
    return "{" + ", ".join(f"{term(key)}: {term(value)}" for key, value in found.entries) + "}"


def _udt(found: tm.UdtTerm) -> str:
    return "{" + ", ".join(f"{_in_expression(key)}: {term(value)}" for key, value in found.fields) + "}"


_TERMS: dict[type, Callable[[Any], str]] = {
    tm.Literal: _literal,
    tm.Marker: _marker,
    # A tree without its constants is never read again.
    tm.Slot: lambda _found: "?",
    tm.Column: lambda found: _in_expression(found.name),
    tm.Field: lambda found: f"{term(found.value)}.{name(found.name)}",
    tm.Element: lambda found: f"{term(found.value)}[{term(found.key)}]",
    tm.Slice: _slice,
    tm.Call: _call,
    tm.CountRows: lambda _found: "count(*)",
    tm.CastAs: lambda found: f"CAST({term(found.value)} AS {type_name(found.type)})",
    tm.TypeHint: lambda found: f"({type_name(found.type)}) {term(found.value)}",
    tm.Negated: lambda found: f"- {term(found.value)}",
    tm.Arithmetic: lambda found: f"{term(found.left)} {found.sign.value} {term(found.right)}",
    tm.TupleTerm: lambda found: f"({listed(found.items)})",
    tm.ListTerm: lambda found: f"[{listed(found.items)}]",
    tm.SetTerm: lambda found: "{" + listed(found.items) + "}",
    tm.MapTerm: _map,
    tm.UdtTerm: _udt,
}


def term(found: tm.Term) -> str:
    """An expression."""
    return _TERMS[type(found)](found)


# Clauses.


def selectors(found: tuple[st.Selector, ...] | None) -> str:
    """What SELECT selects."""
    if found is None:
        return "*"
    return ", ".join(term(part.value) + ("" if part.alias is None else f" AS {name(part.alias)}") for part in found)


def _relation(found: st.Relation) -> str:
    subject, value = term(found.subject), found.value
    if value is None:
        return f"{subject} {found.comparison.value}"
    if found.comparison is st.Comparison.BETWEEN and isinstance(value, tm.TupleTerm):
        return f"{subject} BETWEEN {term(value.items[0])} AND {term(value.items[1])}"
    return f"{subject} {found.comparison.value} {term(value)}"


def relations(found: Iterable[st.Relation]) -> str:
    """Conditions with AND between."""
    return " AND ".join(map(_relation, found))


def where(found: tuple[st.Relation, ...]) -> str:
    """A WHERE clause with a space before it, or nothing."""
    return f" WHERE {relations(found)}" if found else ""


def orderings(found: Iterable[st.Ordering]) -> str:
    """Columns to order by."""
    return ", ".join(
        f"{name(part.column)} {part.direction.value}" + ("" if part.value is None else f" {term(part.value)}") for part in found
    )


def using(found: st.Using) -> str:
    """A USING clause with a space before it, or nothing."""
    said = [f"{word} {term(value)}" for word, value in (("TTL", found.ttl), ("TIMESTAMP", found.timestamp)) if value is not None]
    return f" USING {' AND '.join(said)}" if said else ""


def _conditions(found: st.Conditions) -> str:
    if found.exists:
        return " IF EXISTS"
    return f" IF {relations(found.relations)}" if found.relations else ""


def _assignment(found: st.Assignment) -> str:
    target, value = term(found.target), term(found.value)
    match found.change:
        case st.Change.SET:
            return f"{target} = {value}"
        case st.Change.PREPEND:
            return f"{target} = {value} + {target}"
        case _:
            return f"{target} {found.change.value}= {value}"


# Statements.


def _select(found: st.Select) -> str:
    parts = ["SELECT"]
    parts += ["JSON"] * found.json + ["DISTINCT"] * found.distinct
    parts.append(f"{selectors(found.selectors)} FROM {qualified(found.table)}{where(found.where)}")
    if found.group_by:
        parts.append(f"GROUP BY {listed(found.group_by)}")
    if found.order_by:
        parts.append(f"ORDER BY {orderings(found.order_by)}")
    if found.per_partition_limit is not None:
        parts.append(f"PER PARTITION LIMIT {term(found.per_partition_limit)}")
    if found.limit is not None:
        parts.append(f"LIMIT {term(found.limit)}")
    parts += ["ALLOW FILTERING"] * found.allow_filtering
    return " ".join(parts)


def _insert(found: st.Insert) -> str:
    unless = " IF NOT EXISTS" if found.if_not_exists else ""
    values = f"({names(found.columns)}) VALUES ({listed(found.values)})"
    return f"INSERT INTO {qualified(found.table)} {values}{unless}{using(found.using)}"


def _insert_json(found: st.InsertJson) -> str:
    default = " DEFAULT UNSET" if found.default_unset else ""
    unless = " IF NOT EXISTS" if found.if_not_exists else ""
    return f"INSERT INTO {qualified(found.table)} JSON {term(found.value)}{default}{unless}{using(found.using)}"


def _update(found: st.Update) -> str:
    changes = ", ".join(map(_assignment, found.assignments))
    rows = f"{changes}{where(found.where)}{_conditions(found.conditions)}"
    return " ".join(["UPDATE", qualified(found.table) + using(found.using), "SET", rows])


def _delete(found: st.Delete) -> str:
    what = f" {listed(found.deleted)}" if found.deleted else ""
    rows = f"{qualified(found.table)}{using(found.using)}{where(found.where)}{_conditions(found.conditions)}"
    return " ".join(["DELETE" + what, "FROM", rows])


def _batch(found: st.Batch) -> str:
    kind = "" if found.kind is st.BatchKind.LOGGED else found.kind.value + " "
    changes = "".join(f" {DATA[type(change)](change)};" for change in found.changes)
    return f"BEGIN {kind}BATCH{using(found.using)}{changes} APPLY BATCH"


DATA: dict[type, Callable[[Any], str]] = {
    st.Select: _select,
    st.Insert: _insert,
    st.InsertJson: _insert_json,
    st.Update: _update,
    st.Delete: _delete,
    st.Batch: _batch,
    st.Truncate: lambda found: f"TRUNCATE TABLE {qualified(found.table)}",
    st.Use: lambda found: f"USE {name(found.keyspace)}",
}
