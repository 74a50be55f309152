"""Types as the classes of `org.apache.cassandra.db.marshal`, by which clients are told what has no number of its own.

Theory: a class and, in parentheses, its arguments; names of user types and fields are in hex. Drivers read these texts with
parsers of their own, so they are written exactly as Cassandra writes them. Invariant: `read(write(x)) == x` for each type but
that Cassandra writes no class for what is not frozen inside a frozen one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import (
    MOST_NESTED,
    NATIVE,
    Custom,
    List,
    Map,
    Native,
    Set,
    Tuple,
    Type,
    Udt,
    Vector,
    frozen,
)

PACKAGE = "org.apache.cassandra.db.marshal."
CLASSES = {
    "ascii": "AsciiType",
    "bigint": "LongType",
    "blob": "BytesType",
    "boolean": "BooleanType",
    "counter": "CounterColumnType",
    "date": "SimpleDateType",
    "decimal": "DecimalType",
    "double": "DoubleType",
    "duration": "DurationType",
    "float": "FloatType",
    "inet": "InetAddressType",
    "int": "Int32Type",
    "smallint": "ShortType",
    "text": "UTF8Type",
    "time": "TimeType",
    "timestamp": "TimestampType",
    "timeuuid": "TimeUUIDType",
    "tinyint": "ByteType",
    "uuid": "UUIDType",
    "varint": "IntegerType",
}
NATIVE_BY_CLASS = {name: NATIVE[native] for native, name in CLASSES.items()} | {"DateType": NATIVE["timestamp"]}


def write(kind: Type, *, in_frozen: bool = False) -> str:
    """The class with its arguments. What is frozen inside a frozen one is not marked once more."""
    match kind:
        case Native(name):
            return PACKAGE + CLASSES[name]
        case Custom(class_name):
            return class_name
        case Tuple(elements):
            return f"{PACKAGE}TupleType({_join(elements, in_frozen=True)})"
        case Vector(element, dimension):
            return f"{PACKAGE}VectorType({write(element, in_frozen=True)} , {dimension})"
        case List(element):
            shown = f"{PACKAGE}ListType({_join((element,), in_frozen or kind.frozen)})"
        case Set(element):
            shown = f"{PACKAGE}SetType({_join((element,), in_frozen or kind.frozen)})"
        case Map(key, value):
            shown = f"{PACKAGE}MapType({_join((key, value), in_frozen or kind.frozen)})"
        case Udt(keyspace, name, fields):
            inside = in_frozen or kind.frozen
            named = [f"{field.name.encode().hex()}:{write(field.type, in_frozen=inside)}" for field in fields]
            shown = f"{PACKAGE}UserType({','.join([keyspace, name.encode().hex(), *named])})"
    return f"{PACKAGE}FrozenType({shown})" if kind.frozen and not in_frozen else shown


def _join(types: tuple[Type, ...], in_frozen: bool) -> str:
    return ",".join(write(each, in_frozen=in_frozen) for each in types)


_NAME = re.compile(r"\s*([A-Za-z0-9_.$]+)\s*")
_SIGN = re.compile(r"\s*([(),:])\s*")


def read(text: str, find: Callable[[str | None, str], Udt]) -> Type:
    """The type that a class with its arguments means; user types are looked up by their names.

    Raises:
        CqlError: invalid, when it means none.
    """
    reader = _Reader(text, find)
    kind = reader.type(1, in_frozen=False)
    reader.end()
    return kind


class _Reader:
    """Recursive descent over one text; as deep as types may nest."""

    def __init__(self, text: str, find: Callable[[str | None, str], Udt]) -> None:
        self._text = text
        self._find = find
        self._at = 0

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != len(self._text):
            raise self._broken()

    def type(self, level: int, *, in_frozen: bool) -> Type:
        """One type."""
        if level > 2 * MOST_NESTED:
            raise invalid(f"Types may nest {MOST_NESTED} deep at most")
        name = self._word().removeprefix(PACKAGE)
        if name == "UserType":
            found = self._user_type()
            return frozen(found) if in_frozen else found
        native = NATIVE_BY_CLASS.get(name)
        if native is not None:
            return native
        inside = in_frozen or name in ("FrozenType", "TupleType", "VectorType")
        self._sign("(")
        arguments = [self.type(level + 1, in_frozen=inside)]
        dimension = 0
        while self._takes(","):
            if name == "VectorType":
                dimension = self._dimension()
            else:
                arguments.append(self.type(level + 1, in_frozen=inside))
        self._sign(")")
        match name, arguments:
            case ("FrozenType", [element]):
                return frozen(element)
            case ("ReversedType", [element]):
                return element
            case ("ListType", [element]):
                return List(element, in_frozen)
            case ("SetType", [element]):
                return Set(element, in_frozen)
            case ("MapType", [key, value]):
                return Map(key, value, in_frozen)
            case ("TupleType", _):
                return Tuple(tuple(arguments))
            case ("VectorType", [element]) if dimension:
                return Vector(element, dimension)
            case _:
                raise invalid(f"Unable to find abstract-type class '{PACKAGE}{name}'")

    def _user_type(self) -> Udt:
        """The fields are passed over: those of the catalog count."""
        self._sign("(")
        keyspace = self._word()
        self._sign(",")
        try:
            name = bytes.fromhex(self._word()).decode()
        except ValueError:
            raise self._broken() from None
        open_ones = 1
        while open_ones:
            found = _SIGN.match(self._text, self._at) or _NAME.match(self._text, self._at)
            if found is None:
                raise self._broken()
            self._at = found.end()
            open_ones += (found[1] == "(") - (found[1] == ")")
        return self._find(keyspace, name)

    def _word(self) -> str:
        found = _NAME.match(self._text, self._at)
        if found is None:
            raise self._broken()
        self._at = found.end()
        return found[1]

    def _dimension(self) -> int:
        digits = self._word()
        if not digits.isdecimal() or len(digits) > 9:
            raise self._broken()
        return int(digits)

    def _takes(self, sign: str) -> bool:
        found = _SIGN.match(self._text, self._at)
        if found is None or found[1] != sign:
            return False
        self._at = found.end()
        return True

    def _sign(self, sign: str) -> None:
        if not self._takes(sign):
            raise self._broken()

    def _broken(self) -> Exception:
        return invalid(f"'{self._text}' is not the name of a type: it cannot be read from character {self._at} on")
