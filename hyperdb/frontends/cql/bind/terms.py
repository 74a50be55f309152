"""Expressions: from trees to closures that give the protocol's bytes.

Theory: an expression is bound either for a receiver, whose type decides what constants and markers mean, or without one, where
its own parts must say its type. Columns are only there where a statement selects; elsewhere the parser lets none in.
Invariant: what `run` gives is null, unset, or a value of the expression's type; values that came for markers are checked there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hyperdb.frontends.cql.bind.frame import Frame, Row, Value
from hyperdb.frontends.cql.bind.markers import Markers, Receiver
from hyperdb.frontends.cql.parse import terms as tm
from hyperdb.frontends.cql.parse import text
from hyperdb.frontends.cql.parse.lift import value_of
from hyperdb.frontends.cql.parse.walk import walk
from hyperdb.frontends.cql.protocol.reader import UNSET, Unset
from hyperdb.frontends.cql.types import codec, constants, containers, names, ordering
from hyperdb.frontends.cql.types.compatible import assignable
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import List, Map, Set, Tuple, Type, Udt, Vector
from hyperdb.frontends.cql.types.names import FindType, show

Run: TypeAlias = Callable[[Frame, Row], Value]
_KINDS = {kind: constants.Kind[kind.name] for kind in tm.Kind if kind.name in constants.Kind.__members__} | {
    tm.Kind.NAN: constants.Kind.FLOAT,
    tm.Kind.INFINITY: constants.Kind.FLOAT,
}


class NeedsTextError(Exception):
    """A constant that was lifted out of the text decides what the statement means: it is to be bound with its constants."""


@dataclass(frozen=True, slots=True)
class Expression:
    """See the module."""

    type: Type
    run: Run
    is_constant: bool = True
    """Whether it is the same for all rows."""
    is_marker: bool = False
    number: int = -1
    """The marker's."""


def type_of(found: tm.TypeName, find: FindType) -> Type:
    """The type that is meant by a type as it was written.

    Raises:
        CqlError: invalid.
    """
    return names.checked(_made(found, find))


def _made(found: tm.TypeName, find: FindType) -> Type:
    if found.java:
        return names.parse(text.string(found.name), find)
    arguments = [part if isinstance(part, int) else _made(part, find) for part in found.arguments]
    return names.make(found.name, arguments, found.keyspace, find)


def kind_of(literal: tm.Literal) -> constants.Kind:
    """What a constant looks like, as types see it."""
    return _KINDS[literal.kind]


def text_of(literal: tm.Literal) -> str:
    """A constant's text, as types read it."""
    return literal.text


class Terms:
    """Binds the expressions of one statement on one table, as far as they are values; `compute` takes the rest."""

    def __init__(self, markers: Markers, keyspace: str, table: str, find: FindType) -> None:
        self.markers = markers
        self.keyspace = keyspace
        self.table = table
        self.find = find

    # For a receiver.

    def bind(self, term: tm.Term, receiver: Receiver) -> Expression:
        """An expression whose value goes to `receiver`.

        Raises:
            CqlError: invalid, where it does not fit.
        """
        match term:
            case tm.Literal():
                return self._literal(term, receiver)
            case tm.Slot():
                return _slot(term, receiver)
            case tm.Marker():
                return self.marker(term, receiver)
            case tm.ListTerm(items):
                return self._list(items, receiver)
            case tm.SetTerm(items):
                return self._set(items, receiver)
            case tm.MapTerm(entries):
                return self._map(entries, receiver)
            case tm.UdtTerm(fields):
                return self._udt(fields, receiver)
            case tm.TupleTerm(items):
                return self._tuple(items, receiver)
            case tm.TypeHint(kind, value):
                return self._hint(kind, value, receiver)
            case _:
                found = self.compute(term, receiver)
                if not assignable(found.type, receiver.type):
                    called = f"system.{term.name}" if isinstance(term, tm.Call) else text.term(term)
                    raise receiver.refused(
                        f"Type error: cannot assign result of function {called} (type {show(found.type)}) to "
                        f"{receiver.name} (type {show(receiver.type)})"
                    )
                return found

    def marker(self, term: tm.Marker, receiver: Receiver, *, nulls: bool = False) -> Expression:
        """A marker for a receiver; with `nulls` a list whose elements may be null, which IN takes."""
        number = self.markers.take(term, receiver, self.keyspace, self.table)
        kind = receiver.type
        validate = _validate_items(kind) if nulls and isinstance(kind, List) else codec.codec(kind).validate

        def run(frame: Frame, _row: Row) -> Value:
            value = frame.values[number]
            if value is not None and value is not UNSET:
                validate(value)  # type: ignore[arg-type]
            return value

        return Expression(receiver.type, run, is_marker=True, number=number)

    def _literal(self, term: tm.Literal, receiver: Receiver) -> Expression:
        if term.kind is tm.Kind.NULL:
            return constant(receiver.type, None)
        kind, shown = kind_of(term), text_of(term)
        if receiver.misfit is not None and not constants.takes(receiver.type, kind):
            raise receiver.refused("")
        return constant(receiver.type, constants.value(receiver.type, kind, shown, receiver.name))

    def _list(self, items: Sequence[tm.Term], receiver: Receiver) -> Expression:
        kind = receiver.type
        if isinstance(kind, Vector):
            return self._vector(items, kind, receiver)
        if not isinstance(kind, List):
            raise receiver.refused(f"Unexpected receiver type '{show(kind)}'; only list and vector are expected")
        elements = self._elements("list", items, kind.element, receiver)
        return gathered(kind, elements, lambda values: containers.pack_items(values), "list")

    def _elements(self, what: str, items: Sequence[tm.Term], kind: Type, receiver: Receiver) -> list[Expression]:
        """Elements of a list, set or vector; its values are known before it is, so that none of a list or set may be a marker."""
        bound = [self._element_of(what, "value", item, kind, receiver) for item in items]
        if what != "vector":
            _refuse_markers(what, items, receiver)
        return bound

    def _element_of(self, what: str, part: str, item: tm.Term, kind: Type, receiver: Receiver) -> Expression:
        def misfit() -> str:
            return f"Invalid {what} literal for {receiver.name}: {part} {text.term(item)} is not of type {show(kind)}"

        return self.bind(item, receiver.part(f"{part}({receiver.name})", kind, misfit))

    def _vector(self, items: Sequence[tm.Term], kind: Vector, receiver: Receiver) -> Expression:
        if len(items) != kind.dimension:
            raise receiver.refused(
                f"Invalid vector literal for {receiver.name} of type {show(kind)}; expected {kind.dimension} elements, but given "
                f"{len(items)}"
            )
        elements = self._elements("vector", items, kind.element, receiver)
        return gathered(kind, elements, lambda values: containers.pack_vector(kind, values), "vector")

    def _set(self, items: Sequence[tm.Term], receiver: Receiver) -> Expression:
        kind = receiver.type
        if isinstance(kind, Map) and not items:
            return constant(kind, containers.pack_pairs([]))
        if not isinstance(kind, Set):
            raise _misfit("set", receiver)
        element = kind.element
        elements = self._elements("set", items, element, receiver)
        return gathered(kind, elements, lambda values: containers.pack_items(ordering.sorted_set(element, values)), "set")

    def _map(self, entries: Sequence[tuple[tm.Term, tm.Term]], receiver: Receiver) -> Expression:
        kind = receiver.type
        if not isinstance(kind, Map):
            raise _misfit("map", receiver)
        key = kind.key
        elements = []
        for left, right in entries:
            elements.append(self._element_of("map", "key", left, key, receiver))
            elements.append(self._element_of("map", "value", right, kind.value, receiver))
        _refuse_markers("map", tuple(part for entry in entries for part in entry), receiver)

        def pack(values: list[bytes]) -> bytes:
            pairs: list[tuple[bytes, bytes | None]] = list(zip(values[::2], values[1::2], strict=True))
            return containers.pack_pairs(ordering.sorted_pairs(key, pairs))

        return gathered(kind, elements, pack, "map")

    def _udt(self, fields: Sequence[tuple[str, tm.Term]], receiver: Receiver) -> Expression:
        kind = receiver.type
        if not isinstance(kind, Udt):
            raise _misfit("user type", receiver)
        known = {field.name for field in kind.fields}
        given = dict(fields)
        for name in given:
            if name not in known:
                raise receiver.refused(f"Unknown field '{name}' in value of user defined type {kind.name}")
        parts = []
        for field in kind.fields:
            misfit = f"Invalid user type literal for {receiver.name}: field {field.name} is not of type {show(field.type)}"
            part = receiver.part(f"{receiver.name}.{field.name}", field.type, lambda told=misfit: told)  # type: ignore[misc]
            parts.append(self.bind(given[field.name], part) if field.name in given else constant(field.type, None))
        return fields_of(kind, parts, f"user type {receiver.name}")

    def _tuple(self, items: Sequence[tm.Term], receiver: Receiver) -> Expression:
        kind = receiver.type
        if not isinstance(kind, Tuple):
            if len(items) == 1:
                return self.bind(items[0], receiver)
            raise _misfit("tuple", receiver)
        if len(items) > len(kind.elements):
            raise receiver.refused(
                f"Invalid tuple literal for {receiver.name}: too many elements. Type {show(kind)} expects {len(kind.elements)} "
                f"but got {len(items)}"
            )
        parts = []
        for number, (item, of) in enumerate(zip(items, kind.elements, strict=False)):
            misfit = f"Invalid tuple literal for {receiver.name}: component {number} is not of type {show(of)}"
            part = receiver.part(f"{receiver.name}[{number}]", of, lambda told=misfit: told)  # type: ignore[misc]
            parts.append(self.bind(item, part))
        return fields_of(kind, parts, f"tuple {receiver.name}")

    def _hint(self, written: tm.TypeName, value: tm.Term, receiver: Receiver) -> Expression:
        kind = type_of(written, self.find)
        # A constant is read as what takes it.
        is_constant = isinstance(value, tm.Literal | tm.Slot) and assignable(kind, receiver.type)
        found = self.bind(value, receiver if is_constant else Receiver(receiver.name, kind))
        if not assignable(kind, receiver.type):
            raise invalid(
                f"Cannot assign value ({text.type_name(written)}){text.term(value)} to {receiver.name} of type "
                f"{show(receiver.type)}"
            )
        return found

    # Without a receiver.

    def infer(self, term: tm.Term) -> Expression | None:
        """An expression that says its type by itself; None where it does not (a marker, a null)."""
        match term:
            case tm.Slot():
                raise NeedsTextError
            case tm.Literal(kind=tm.Kind.NULL) | tm.Marker():
                return None
            case tm.Literal():
                return self._literal(term, Receiver("value", constants.preferred(kind_of(term), term.text)))
            case tm.TypeHint(written, value):
                return self.bind(value, Receiver(text.term(value), type_of(written, self.find)))
            case tm.TupleTerm(items):
                return self._inferred_tuple(items)
            case tm.ListTerm(items) | tm.SetTerm(items):
                return self._inferred_items(term, items)
            case tm.MapTerm(entries):
                left, right = self.infer(entries[0][0]), self.infer(entries[0][1])
                kind = None if left is None or right is None else Map(left.type, right.type, frozen=True)
                return None if kind is None else self._map(entries, Receiver(text.term(term), kind))
            case tm.UdtTerm():
                return None
            case _:
                return self.compute(term, None)

    def compute(self, term: tm.Term, receiver: Receiver | None) -> Expression:  # noqa: ARG002 - see below
        """What is no value by itself; `receiver` is where its value goes, if that is known.

        Raises:
            CqlError: invalid, where it cannot stand there.
        """
        raise invalid(f"{text.term(term)} cannot be used here")

    def _inferred_tuple(self, items: Sequence[tm.Term]) -> Expression | None:
        parts = [self.infer(item) for item in items]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        if len(known) == 1:
            return known[0]
        kind = Tuple(tuple(part.type for part in known))
        return fields_of(kind, known, "tuple")

    def _inferred_items(self, term: tm.Term, items: Sequence[tm.Term]) -> Expression | None:
        first = self.infer(items[0]) if items else None
        if first is None:
            return None
        kind = List(first.type, frozen=True) if isinstance(term, tm.ListTerm) else Set(first.type, frozen=True)
        return self.bind(term, Receiver(text.term(term), kind))


def _validate_items(kind: List) -> Callable[[bytes], None]:
    validate = codec.codec(kind.element).validate

    def items(data: bytes) -> None:
        for each in containers.unpack_items(data):
            if each is not None:
                validate(each)

    return items


def _misfit(what: str, receiver: Receiver) -> Exception:
    return receiver.refused(f"Invalid {what} literal for {receiver.name} of type {show(receiver.type)}")


def _refuse_markers(what: str, items: Sequence[tm.Term], receiver: Receiver) -> None:
    if any(isinstance(node, tm.Marker) for node in walk(tuple(items))):
        raise invalid(f"Invalid {what} literal for {receiver.name}: bind variables are not supported inside collection literals")


def constant(kind: Type, value: bytes | None) -> Expression:
    """A value that is known already."""
    return Expression(kind, lambda _frame, _row: value)


def _slot(term: tm.Slot, receiver: Receiver) -> Expression:
    kind, name = receiver.type, receiver.name
    if not constants.takes(kind, _KINDS[term.kind]):
        # It is told with the constant.
        raise NeedsTextError

    def run(frame: Frame, _row: Row) -> Value:
        found = value_of(term, frame.literals)
        return constants.value(kind, _KINDS[found.kind], found.text, name)

    return Expression(kind, run)


def gathered(kind: Type, elements: list[Expression], pack: Callable[[list[bytes]], bytes], what: str) -> Expression:
    """A collection or vector of elements; none of them may be null."""
    runs = [each.run for each in elements]

    def run(frame: Frame, row: Row) -> Value:
        values: list[bytes] = []
        for each in runs:
            value = each(frame, row)
            if value is None:
                raise invalid(
                    "null is not supported inside vectors" if what == "vector" else "null is not supported inside collections"
                )
            if isinstance(value, Unset):
                raise invalid("unset value is not supported inside collections")
            values.append(value)
        return pack(values)

    return Expression(kind, run, all(each.is_constant for each in elements))


def fields_of(kind: Type, parts: list[Expression], what: str) -> Expression:
    """A tuple or a value of a user type."""
    runs = [each.run for each in parts]

    def run(frame: Frame, row: Row) -> Value:
        values: list[bytes | None] = []
        for number, each in enumerate(runs):
            value = each(frame, row)
            if isinstance(value, Unset):
                raise invalid(f"Invalid unset value for field '{number}' of {what}")
            values.append(value)
        return containers.pack_fields(values)

    return Expression(kind, run, all(each.is_constant for each in parts))
