"""Builders of SELECT, INSERT, UPDATE, DELETE, BATCH, TRUNCATE and USE: a method for each rule or alias of cql.lark.

Invariant: what takes a value holds no column afterwards, what names a column nothing else.
"""

from __future__ import annotations

from typing import Any

from hyperdb.frontends.cql.parse.build_terms import misplaced, value
from hyperdb.frontends.cql.parse.lexer import Lexeme
from hyperdb.frontends.cql.parse.statements import (
    NOTHING,
    UNCONDITIONAL,
    Assignment,
    Batch,
    BatchKind,
    Change,
    Comparison,
    Conditions,
    Delete,
    Direction,
    Insert,
    InsertJson,
    Ordering,
    Relation,
    Select,
    Selector,
    Truncate,
    Update,
    Use,
    Using,
)
from hyperdb.frontends.cql.parse.terms import Arithmetic, Call, Column, Element, Field, Sign, Term, TupleTerm
from hyperdb.frontends.cql.parse.walk import walk


def subject(term: Term) -> Term:
    """What a relation may be about: a column, a part of one, several columns, a token."""
    match term:
        case Column() | Element(value=Column()) | Field(value=Column()):
            return term
        case Call(name="token", keyspace=None, arguments=arguments) | TupleTerm(items=arguments):
            for part in arguments:
                if type(part) is not Column:
                    raise misplaced(part)
            return term
    raise misplaced(term)


def _relation(comparison: Comparison, parts: list[Term]) -> Relation:
    return Relation(subject(parts[0]), comparison, value(parts[1]))


def _has_column(term: Term) -> bool:
    return any(isinstance(node, Column) for node in walk(term))


def without_ttl(using: Using) -> Using:
    """USING where only a timestamp may be said."""
    if using.ttl is not None:
        raise misplaced(using.ttl, "mismatched input 'TTL' expecting K_TIMESTAMP")
    return using


class _DataBuilder:
    """Statements on rows."""

    # Reading.

    def everything(self, _parts: list[Any]) -> None:
        return None

    def selector(self, parts: list[Any]) -> Selector:
        return Selector(parts[0], parts[1].value if len(parts) > 1 else None)

    def selectors(self, parts: list[Selector]) -> tuple[Selector, ...]:
        return tuple(parts)

    def select_plain(self, parts: list[Any]) -> tuple[Any, bool, bool]:
        return parts[0], False, False

    def select_json(self, parts: list[Any]) -> tuple[Any, bool, bool]:
        return parts[0], True, False

    def select_distinct(self, parts: list[Any]) -> tuple[Any, bool, bool]:
        return parts[0], False, True

    def select_json_distinct(self, parts: list[Any]) -> tuple[Any, bool, bool]:
        return parts[0], True, True

    def select(self, parts: list[Any]) -> Select:
        (selectors, json, distinct), table, where, group_by, order_by, per_partition, limit, filtering = parts
        return Select(table, selectors, where, group_by, order_by, per_partition, limit, filtering, json, distinct)

    def where(self, parts: list[Any]) -> tuple[Relation, ...]:
        return parts[0] or ()

    def relations(self, parts: list[Relation]) -> tuple[Relation, ...]:
        return tuple(parts)

    def group_by(self, parts: list[Any]) -> tuple[Term, ...]:
        return parts[0] or ()

    def order_by(self, parts: list[Any]) -> tuple[Ordering, ...]:
        return tuple(parts) if parts[0] else ()

    def ascending(self, parts: list[Lexeme]) -> Ordering:
        return Ordering(parts[0].value)

    def descending(self, parts: list[Lexeme]) -> Ordering:
        return Ordering(parts[0].value, Direction.DESCENDING)

    def nearest(self, parts: list[Any]) -> Ordering:
        return Ordering(parts[0].value, Direction.NEAREST, value(parts[1]))

    def per_partition(self, parts: list[Any]) -> Any:
        return parts[0]

    def limit(self, parts: list[Any]) -> Any:
        return parts[0]

    # Relations.

    def equal(self, parts: list[Term]) -> Relation:
        return _relation(Comparison.EQUAL, parts)

    def less(self, parts: list[Term]) -> Relation:
        return _relation(Comparison.LESS, parts)

    def greater(self, parts: list[Term]) -> Relation:
        return _relation(Comparison.GREATER, parts)

    def less_equal(self, parts: list[Term]) -> Relation:
        return _relation(Comparison.LESS_EQUAL, parts)

    def greater_equal(self, parts: list[Term]) -> Relation:
        return _relation(Comparison.GREATER_EQUAL, parts)

    def not_equal(self, parts: list[Term]) -> Relation:
        return _relation(Comparison.NOT_EQUAL, parts)

    def like(self, parts: list[Term]) -> Relation:
        return _relation(Comparison.LIKE, parts)

    def contains(self, parts: list[Term]) -> Relation:
        return _relation(Comparison.CONTAINS, parts)

    def contains_key(self, parts: list[Term]) -> Relation:
        return _relation(Comparison.CONTAINS_KEY, parts)

    def in_marker(self, parts: list[Term]) -> Relation:
        return _relation(Comparison.IN, parts)

    def in_values(self, parts: list[Any]) -> Relation:
        return _relation(Comparison.IN, [parts[0], TupleTerm(parts[1] if len(parts) > 1 else ())])

    def not_null(self, parts: list[Term]) -> Relation:
        return Relation(subject(parts[0]), Comparison.NOT_NULL)

    def between(self, parts: list[Term]) -> Relation:
        return _relation(Comparison.BETWEEN, [parts[0], TupleTerm((parts[1], parts[2]))])

    # Writing.

    def insert(self, parts: list[Any]) -> Insert:
        table, columns, values, if_not_exists, using = parts
        return Insert(table, columns, tuple(value(term) for term in values), if_not_exists, using)

    def insert_json(self, parts: list[Any]) -> InsertJson:
        table, text, default_unset, if_not_exists, using = parts
        return InsertJson(table, value(text), default_unset, if_not_exists, using)

    def using(self, parts: list[Any]) -> Using:
        if parts[0] is None:
            return NOTHING
        said: dict[str, Term] = {}
        for name, amount in parts:
            if name in said:
                raise misplaced(amount, f"Multiple definition for property '{name}'")
            said[name] = amount
        return Using(**said)

    def ttl(self, parts: list[Term]) -> tuple[str, Term]:
        return "ttl", parts[0]

    def timestamp(self, parts: list[Term]) -> tuple[str, Term]:
        return "timestamp", parts[0]

    def no_conditions(self, _parts: list[Any]) -> Conditions:
        return UNCONDITIONAL

    def exists(self, _parts: list[Any]) -> Conditions:
        return Conditions(exists=True)

    def conditions(self, parts: list[tuple[Relation, ...]]) -> Conditions:
        return Conditions(relations=parts[0])

    def update(self, parts: list[Any]) -> Update:
        table, using, *assignments, where, conditions = parts
        return Update(table, tuple(assignments), where, conditions, using)

    def assign(self, parts: list[Term]) -> Assignment:
        target, new = parts
        match target:
            case Column():
                return _assigned(target, new)
            case Element(value=Column()) | Field(value=Column()):
                return Assignment(target, Change.SET, value(new))
        raise misplaced(target)

    def increase(self, parts: list[Term]) -> Assignment:
        return _changed(parts[0], Change.ADD, parts[1])

    def decrease(self, parts: list[Term]) -> Assignment:
        return _changed(parts[0], Change.SUBTRACT, parts[1])

    def deleted(self, parts: list[Any]) -> tuple[Term, ...]:
        return parts[0] or ()

    def delete(self, parts: list[Any]) -> Delete:
        deleted, table, using, where, conditions = parts
        for term in deleted:
            if not isinstance(subject(term), Column | Element | Field):
                raise misplaced(term)
        return Delete(table, deleted, where, conditions, without_ttl(using))

    def batch(self, parts: list[Any]) -> Batch:
        kind, using, *changes = parts
        return Batch(tuple(changes), kind, without_ttl(using))

    def logged(self, _parts: list[Any]) -> BatchKind:
        return BatchKind.LOGGED

    def unlogged(self, _parts: list[Any]) -> BatchKind:
        return BatchKind.UNLOGGED

    def counter(self, _parts: list[Any]) -> BatchKind:
        return BatchKind.COUNTER

    def truncate(self, parts: list[Any]) -> Truncate:
        return Truncate(parts[0])

    def use(self, parts: list[Lexeme]) -> Use:
        return Use(parts[0].value)


def _changed(target: Term, change: Change, by: Term) -> Assignment:
    if type(target) is not Column:
        raise misplaced(target)
    return Assignment(target, change, value(by))


def _assigned(target: Column, new: Term) -> Assignment:
    """`c = value`, `c = c + value`, `c = c - value` or `c = value + c`."""
    if not _has_column(new):
        return Assignment(target, Change.SET, value(new))
    if type(new) is not Arithmetic or new.sign not in (Sign.PLUS, Sign.MINUS):
        raise misplaced(new)
    if type(new.right) is Column and new.sign is Sign.PLUS and not _has_column(new.left):
        if new.right.name != target.name:
            raise misplaced(new.right, "Only expressions of the form X = <value> + X are supported.")
        return Assignment(target, Change.PREPEND, value(new.left))
    # `c + 1 + 2` is read from the left: what is added to the column is the sum of the rest.
    added: list[Term] = []
    left: Term = new
    while type(left) is Arithmetic and left.sign is Sign.PLUS:
        added.append(value(left.right))
        left = left.left
    if added and type(left) is Column:
        by = added.pop()
        while added:
            by = Arithmetic(Sign.PLUS, by, added.pop())
        change = Change.ADD
    elif type(new.left) is Column:
        by, left, change = value(new.right), new.left, Change.SUBTRACT
    else:
        raise misplaced(new)
    if left.name != target.name:
        raise misplaced(
            left,
            "Only expressions of the form X = X + <value> are supported."
            if change is Change.ADD
            else "Only expressions of the form X = X - <value> are supported.",
        )
    return Assignment(target, change, by)
