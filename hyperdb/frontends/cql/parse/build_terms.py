"""Builders of expressions, types and names: one method for each rule or alias of cql.lark, of the same name.

Theory: the grammar has one family of rules for expressions, wherever they stand; here and in the statements' builders is decided
what may stand where. Invariant: a builder either returns a node or raises `Fault` at a place of the text.
"""

from __future__ import annotations

from typing import Any

from hyperdb.frontends.cql.parse.faults import NO_VIABLE, Fault
from hyperdb.frontends.cql.parse.lexer import Lexeme
from hyperdb.frontends.cql.parse.terms import (
    Arithmetic,
    Call,
    CastAs,
    Column,
    CountRows,
    Element,
    Field,
    Kind,
    ListTerm,
    Literal,
    MapTerm,
    Marker,
    Name,
    Negated,
    SetTerm,
    Sign,
    Slice,
    Term,
    TupleTerm,
    TypeHint,
    TypeName,
    UdtTerm,
)
from hyperdb.frontends.cql.parse.walk import walk

_NUMBERS = frozenset("tinyint smallint int bigint varint decimal float double counter".split())
_SIGNED = frozenset([Kind.INTEGER, Kind.FLOAT, Kind.DURATION, Kind.INFINITY])


def place(node: object) -> int:
    """Where a node stands in the text, as far as it or a node below knows."""
    return next((node.position for node in walk(node) if getattr(node, "position", -1) >= 0), 0)  # type: ignore[attr-defined]


def misplaced(node: object, reason: str = NO_VIABLE) -> Fault:
    """What is wrong with a node that cannot stand where it does."""
    return Fault(place(node), reason)


def value(term: Any) -> Any:
    """The term, which may hold no column.

    Raises:
        Fault: it does.
    """
    if type(term) is Literal or type(term) is Marker:
        return term
    for node in walk(term):
        if isinstance(node, Column | Field | Element | Slice | CountRows):
            raise misplaced(node)
    return term


def no_markers(node: Any) -> Any:
    """What defines something, which may hold no marker."""
    for part in walk(node):
        if isinstance(part, Marker):
            raise Fault(part.position, "Bind variables cannot be used here at input {}")
    return node


class _TermBuilder:
    """Names, types, expressions."""

    def unqualified(self, parts: list[Lexeme]) -> Name:
        return Name(parts[0].value, None, parts[0].position)

    def qualified(self, parts: list[Lexeme]) -> Name:
        return Name(parts[1].value, parts[0].value, parts[0].position)

    def names(self, parts: list[Lexeme]) -> tuple[str, ...]:
        return tuple(part.value for part in parts)

    def yes(self, _parts: list[Any]) -> bool:
        return True

    def no(self, _parts: list[Any]) -> bool:
        return False

    # Types.

    def simple_type(self, parts: list[Lexeme]) -> TypeName:
        return TypeName(parts[0].value)

    def keyspace_type(self, parts: list[Lexeme]) -> TypeName:
        return TypeName(parts[1].value, keyspace=parts[0].value)

    def java_type(self, parts: list[Lexeme]) -> TypeName:
        return TypeName(parts[0].value, java=True)

    def list_type(self, parts: list[TypeName]) -> TypeName:
        return TypeName("list", tuple(parts))

    def set_type(self, parts: list[TypeName]) -> TypeName:
        return TypeName("set", tuple(parts))

    def map_type(self, parts: list[TypeName]) -> TypeName:
        return TypeName("map", tuple(parts))

    def tuple_type(self, parts: list[tuple[TypeName, ...]]) -> TypeName:
        return TypeName("tuple", parts[0])

    def frozen_type(self, parts: list[TypeName]) -> TypeName:
        return TypeName("frozen", tuple(parts))

    def vector_type(self, parts: list[Any]) -> TypeName:
        if len(parts[1].value) > 9:
            raise Fault(parts[1].position, "the length of a vector is out of range at input {}")
        return TypeName("vector", (parts[0], int(parts[1].value)))

    def types(self, parts: list[TypeName]) -> tuple[TypeName, ...]:
        return tuple(parts)

    # Constants.

    def string_literal(self, parts: list[Lexeme]) -> Literal:
        return Literal(Kind.STRING, parts[0].value, parts[0].position)

    def integer_literal(self, parts: list[Lexeme]) -> Literal:
        return Literal(Kind.INTEGER, parts[0].value, parts[0].position)

    def negative_integer(self, parts: list[Lexeme]) -> Literal:
        return Literal(Kind.INTEGER, "-" + parts[0].value, parts[0].position)

    def float_literal(self, parts: list[Lexeme]) -> Literal:
        return Literal(Kind.FLOAT, parts[0].value, parts[0].position)

    def boolean_literal(self, parts: list[Lexeme]) -> Literal:
        return Literal(Kind.BOOLEAN, parts[0].value, parts[0].position)

    def uuid_literal(self, parts: list[Lexeme]) -> Literal:
        return Literal(Kind.UUID, parts[0].value, parts[0].position)

    def hex_literal(self, parts: list[Lexeme]) -> Literal:
        return Literal(Kind.HEX, parts[0].value, parts[0].position)

    def duration_literal(self, parts: list[Lexeme]) -> Literal:
        return Literal(Kind.DURATION, parts[0].value, parts[0].position)

    def null_literal(self, parts: list[Lexeme]) -> Literal:
        return Literal(Kind.NULL, parts[0].value, parts[0].position)

    def nan_literal(self, parts: list[Lexeme]) -> Literal:
        return Literal(Kind.NAN, "NaN", parts[0].position)

    def infinity_literal(self, parts: list[Lexeme]) -> Literal:
        return Literal(Kind.INFINITY, "Infinity", parts[0].position)

    def marker(self, parts: list[Lexeme]) -> Marker:
        return Marker(None, parts[0].position)

    def named_marker(self, parts: list[Lexeme]) -> Marker:
        return Marker(parts[1].value, parts[1].position)

    # Collections.

    def expressions(self, parts: list[Term]) -> tuple[Term, ...]:
        return tuple(parts)

    def list_term(self, parts: list[Any]) -> ListTerm:
        return ListTerm(parts[0] if parts else ())

    def set_term(self, parts: list[Any]) -> SetTerm:
        return SetTerm(parts[0] if parts else ())

    def entry(self, parts: list[Term]) -> tuple[Term, Term]:
        return parts[0], parts[1]

    def map_term(self, parts: list[tuple[Term, Term]]) -> MapTerm | UdtTerm:
        names = [key for key, _ in parts if type(key) is Column]
        if not names:
            return MapTerm(tuple(parts))
        if len(names) < len(parts):
            raise misplaced(names[0])
        return UdtTerm(tuple((name.name, value) for name, (_, value) in zip(names, parts, strict=True)))

    def tuple_term(self, parts: list[tuple[Term, ...]]) -> TupleTerm:
        return TupleTerm(parts[0])

    # Columns and what is within them.

    def column(self, parts: list[Lexeme]) -> Column:
        return Column(parts[0].value, parts[0].position)

    def field(self, parts: list[Any]) -> Field:
        return Field(parts[0], parts[1].value)

    def element(self, parts: list[Term]) -> Element:
        return Element(parts[0], value(parts[1]))

    def bound(self, parts: list[Any]) -> Any:
        return parts[0] if parts[0] is None else value(parts[0])

    def slice_term(self, parts: list[Any]) -> Slice:
        return Slice(parts[0], parts[1], parts[2])

    # Functions and casts.

    def call(self, parts: list[Any]) -> Term:
        name = parts[0]
        arguments: tuple[Any, ...] = parts[1] if len(parts) > 1 else ()
        if type(name) is Field and type(name.value) is Column:
            return Call(name.name, arguments, name.value.name, name.value.position)
        if type(name) is not Column:
            raise misplaced(name)
        if name.name == "count" and len(arguments) == 1 and type(arguments[0]) is Literal:
            if arguments[0].kind is not Kind.INTEGER or arguments[0].text != "1":
                raise misplaced(name, f"Only COUNT(1) is supported, got COUNT({arguments[0].text})")
            return CountRows()
        return Call(name.name, arguments, None, name.position)

    def call_all(self, parts: list[Term]) -> CountRows:
        if type(parts[0]) is not Column or parts[0].name != "count":
            raise misplaced(parts[0])
        return CountRows()

    def call_as(self, parts: list[Any]) -> CastAs:
        if type(parts[0]) is not Column or parts[0].name != "cast":
            raise misplaced(parts[0])
        return CastAs(parts[1], parts[2])

    def token(self, parts: list[tuple[Term, ...]]) -> Call:
        return Call("token", parts[0], None, place(parts[0]))

    def cast(self, parts: list[Any]) -> TypeHint:
        return TypeHint(_type_of(parts[0]), parts[1])

    def cast_generic(self, parts: list[Any]) -> TypeHint:
        return TypeHint(parts[0], parts[1])

    # Arithmetic.

    def add(self, parts: list[Term]) -> Arithmetic:
        return Arithmetic(Sign.PLUS, parts[0], parts[1])

    def subtract(self, parts: list[Term]) -> Term:
        left = parts[0]
        if type(left) is TupleTerm and len(left.items) == 1 and type(left.items[0]) is Column and left.items[0].name in _NUMBERS:
            return TypeHint(TypeName(left.items[0].name), self.negate(parts[1:]))
        return Arithmetic(Sign.MINUS, parts[0], parts[1])

    def multiply(self, parts: list[Term]) -> Arithmetic:
        return Arithmetic(Sign.TIMES, parts[0], parts[1])

    def divide(self, parts: list[Term]) -> Arithmetic:
        return Arithmetic(Sign.OVER, parts[0], parts[1])

    def remainder(self, parts: list[Term]) -> Arithmetic:
        return Arithmetic(Sign.MODULO, parts[0], parts[1])

    def negate(self, parts: list[Term]) -> Term:
        found = parts[0]
        if type(found) is Literal and found.kind is Kind.NAN:
            return found
        if type(found) is Literal and found.kind in _SIGNED and not found.text.startswith("-"):
            return Literal(found.kind, "-" + found.text, found.position)
        return Negated(found)


def _type_of(terms: tuple[Any, ...]) -> TypeName:
    """The type that parentheses before a value name."""
    only = terms[0]
    if len(terms) == 1 and type(only) is Column:
        return TypeName(only.name)
    if len(terms) == 1 and type(only) is Field and type(only.value) is Column:
        return TypeName(only.name, keyspace=only.value.name)
    raise misplaced(terms)
