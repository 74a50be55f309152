"""Conditions of materialized views: checked, as text, and as values that the store compares.

Theory: a view shows rows whose key columns are not null; key columns may be compared with constants besides. Invariant: what the
text says and what is compared is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from hyperdb.frontends.cql.describe.schema import Column as Shown
from hyperdb.frontends.cql.parse.statements import Comparison, Relation
from hyperdb.frontends.cql.parse.terms import Call, Column, Kind, Literal, Term, TupleTerm
from hyperdb.frontends.cql.parse.text import relations, term
from hyperdb.frontends.cql.types import constants
from hyperdb.frontends.cql.types.faults import invalid

_COMPARED = (
    Comparison.EQUAL,
    Comparison.LESS,
    Comparison.GREATER,
    Comparison.LESS_EQUAL,
    Comparison.GREATER_EQUAL,
    Comparison.IN,
)


def conditions_text(where: Iterable[Relation], by_name: Mapping[str, str]) -> str:
    """Conditions as text, columns renamed."""

    def renamed(subject: Term) -> Term:
        return Column(by_name.get(subject.name, subject.name)) if isinstance(subject, Column) else subject

    return relations([replace(each, subject=renamed(each.subject)) for each in where])


def restricted(where: Iterable[Relation], columns: Mapping[str, Shown], view: str) -> set[str]:
    """Columns that conditions are on.

    Raises:
        CqlError: invalid: no such column, or a condition that views cannot have.
    """
    found = set()
    for each in where:
        if isinstance(each.subject, Call) and each.subject.name == "token":
            raise invalid("Cannot use token relation when defining a materialized view")
        if not isinstance(each.subject, Column):
            raise invalid(f"Conditions of materialized view '{view}' are on columns (got {relations([each])})")
        if each.subject.name not in columns:
            raise invalid(f"Undefined column name {each.subject.name}")
        if each.comparison is not Comparison.NOT_NULL and each.comparison not in _COMPARED:
            raise invalid(f"Materialized views cannot be restricted by {each.comparison.value} (got {relations([each])})")
        found.add(each.subject.name)
    return found


def compared(where: Iterable[Relation], columns: Mapping[str, Shown], ids: Mapping[str, int]) -> list[str]:
    """What the store compares, each as `<column of the base> <operator> <hex>[,<hex>...]`.

    Raises:
        CqlError: invalid: what is no constant, or none of the column's type.
    """
    found = []
    for each in where:
        if each.comparison is Comparison.NOT_NULL:
            continue
        assert isinstance(each.subject, Column)
        assert each.value is not None
        terms = each.value.items if isinstance(each.value, TupleTerm) and each.comparison is Comparison.IN else (each.value,)
        values = ",".join(_value(columns[each.subject.name], one).hex() for one in terms)
        found.append(f"{ids[each.subject.name]} {each.comparison.value} {values}")
    return found


def _value(column: Shown, written: Term) -> bytes:
    if not isinstance(written, Literal) or written.kind is Kind.NULL:
        raise invalid(f"Materialized views compare columns with constants (got {term(written)})")
    return constants.value(column.type, constants.Kind[written.kind.name], written.text, column.name)
