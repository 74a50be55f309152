"""Values as JSON: SELECT JSON and toJson on the way out, INSERT JSON and fromJson on the way in.

Theory: numbers and booleans are JSON's, all else is a string as `literals.plain` writes it (timestamps with a blank in the
middle); maps and user types are objects, whose keys are strings whatever the type; a name that is not lower case keeps its
quotes inside. What is no number to JSON (NaN, infinities) is null. On the way in a value may always be a string that holds it.
Invariant: `read(write(x)) == x` for what is not NaN or infinite; JSON nests as deep as types do, and bad JSON is a `CqlError`
(invalid).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hyperdb.frontends.cql.types import codec, containers, durations, literals, moments, numbers, ordering
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import Custom, List, Map, Native, Set, Tuple, Type, Udt, Vector
from hyperdb.frontends.cql.words import quoted

_AS_THEY_ARE = frozenset({"bigint", "boolean", "counter", "decimal", "double", "float", "int", "smallint", "tinyint", "varint"})
_NOT_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})
_I32, _I64 = 1 << 31, 1 << 63


def string(text: str) -> str:
    """A string of JSON."""
    return json.dumps(text, ensure_ascii=False)


def field_name(name: str) -> str:
    """What a column or field is called in JSON: with its quotes if it is not lower case."""
    return name if name == name.lower() else f'"{name}"'


def write(kind: Type, data: bytes | None) -> str:
    """A value as JSON.

    Raises:
        CqlError: invalid, when the bytes are no value.
    """
    if data is None:
        return "null"
    match kind:
        case Native():
            return _write_native(kind, data)
        case List(element):
            return f"[{', '.join(write(element, each) for each in containers.unpack_items(data))}]"
        case Set(element):
            return f"[{', '.join(write(element, each) for each in containers.unpack_items(data, 'set'))}]"
        case Map(key, value):
            pairs = (f"{_key(key, left)}: {write(value, right)}" for left, right in containers.unpack_pairs(data))
            return f"{{{', '.join(pairs)}}}"
        case Tuple(elements):
            fields = containers.unpack_fields(data, len(elements))
            return f"[{', '.join(write(of, each) for of, each in zip(elements, fields, strict=True))}]"
        case Udt(fields=named):
            fields = containers.unpack_fields(data, len(named), "UDT")
            pairs = (f"{string(field_name(of.name))}: {write(of.type, each)}" for of, each in zip(named, fields, strict=True))
            return f"{{{', '.join(pairs)}}}"
        case Vector(element):
            return f"[{', '.join(write(element, each) for each in containers.unpack_vector(kind, data))}]"
        case Custom():
            return string("0x" + data.hex())


def _write_native(kind: Native, data: bytes) -> str:
    if kind.name == "timestamp":
        millis = codec.codec(kind).decode(data)
        return string("" if millis is None else moments.timestamp_text(millis, " "))
    shown = literals.plain(kind, data)
    if kind.name not in _AS_THEY_ARE:
        return string(shown)
    return "null" if shown in _NOT_NUMBERS else shown or string("")


def _key(kind: Type, data: bytes | None) -> str:
    shown = write(kind, data)
    return shown if shown.startswith('"') else string(shown)


def parse(text: str) -> Any:
    """JSON as Python's objects; numbers that are no integers as Decimal.

    Raises:
        CqlError: invalid, when it is none.
    """
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"Could not decode JSON string '{_shortened(text)}': {_shortened(str(error))}") from None


def _number(text: str) -> int:
    found = numbers.integer(text, None)
    if found is None:
        raise ValueError("a number is too long")
    return found


def _fraction(text: str) -> Decimal:
    if numbers.decimal(text) is None:
        raise ValueError("a number is too long")
    # With the sign of a zero, which a double keeps.
    return Decimal(text)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_fraction, parse_constant=_no_constant)
_MOST_SHOWN = 200


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "..."


def read(kind: Type, value: Any) -> bytes:
    """The bytes of a value that is not null, from Python's objects of JSON.

    Raises:
        CqlError: invalid, when the type cannot hold it.
    """
    match kind:
        case Native(name):
            return _read_native(kind, name, value)
        case List(element):
            items = _items(value, "Expected a list, but got a", "list")
            return containers.pack_items([read(element, each) for each in items])
        case Set(element):
            items = _items(value, "Expected a list (representing a set), but got a", "set")
            return containers.pack_items(ordering.sorted_set(element, [read(element, each) for each in items]))
        case Map(key, of):
            return _read_map(key, of, value)
        case Tuple(elements):
            return _read_tuple(elements, value)
        case Udt():
            return _read_udt(kind, value)
        case Vector(element, dimension):
            items = _items(value, "Expected a list, but got a", "list")
            if len(items) != dimension:
                raise invalid(f"List had incorrect size: expected {dimension} but given {len(items)}; {_shown(items)}")
            return containers.pack_vector(kind, [read(element, each) for each in items])
        case Custom():
            return _read_native(kind, "blob", value)


def _decoded(value: Any) -> Any:
    """What a string holds, where something else than a string is wanted."""
    return parse(value) if isinstance(value, str) else value


def _items(value: Any, fault: str, what: str) -> list[Any]:
    value = _decoded(value)
    if not isinstance(value, list):
        raise _wrong(fault, value)
    if any(each is None for each in value):
        raise invalid(f"Invalid null element in {what}")
    return value


def _object(value: Any) -> dict[str, Any]:
    value = _decoded(value)
    if not isinstance(value, dict):
        raise _wrong("Expected a map, but got a", value)
    return value


def _read_map(key: Type, of: Type, value: Any) -> bytes:
    pairs: list[tuple[bytes, bytes | None]] = []
    for name, each in _object(value).items():
        if each is None:
            raise invalid("Invalid null value in map")
        pairs.append((read(key, name), read(of, each)))
    return containers.pack_pairs(ordering.sorted_pairs(key, pairs))


def _read_tuple(elements: tuple[Type, ...], value: Any) -> bytes:
    value = _decoded(value)
    if not isinstance(value, list):
        raise _wrong("Expected a list representation of a tuple, but got a", value)
    if len(value) > len(elements):
        raise invalid(f"Tuple contains extra items (expected {len(elements)}): {_shown(value)}")
    if len(value) < len(elements):
        raise invalid(f"Tuple is missing items (expected {len(elements)}): {_shown(value)}")
    return containers.pack_fields([None if each is None else read(of, each) for of, each in zip(elements, value, strict=True)])


def _read_udt(kind: Udt, value: Any) -> bytes:
    given = {name_of(name): each for name, each in _object(value).items()}
    fields = []
    for field in kind.fields:
        each = given.pop(field.name, None)
        fields.append(None if each is None else read(field.type, each))
    if given:
        raise invalid(f"Unknown field '{_shortened(next(iter(given)))}' in value of user defined type {quoted(kind.name)}")
    return containers.pack_fields(fields)


def name_of(name: str) -> str:
    """The column or field that is meant by a name in JSON: lower case, unless it is between quotes."""
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return name.lower()


# What is said of a value of the wrong class.
_EXPECTED = {
    "ascii": "Expected an ascii string, but got a",
    "bigint": "Expected a bigint value, but got a",
    "boolean": "Expected a boolean value, but got a",
    "counter": "Expected a bigint value, but got a",
    "date": "Expected a string representation of a date value, but got a",
    "double": "Expected a double value, but got a",
    "duration": "Expected a string representation of a duration, but got a",
    "float": "Expected a float value, but got a",
    "inet": "Expected a string representation of an inet value, but got a",
    "int": "Expected an int value, but got a",
    "smallint": "Expected a short value, but got a",
    "text": "Expected a UTF-8 string, but got a",
    "time": "Expected a string representation of a time value, but got a",
    "timestamp": "Expected a long or a datestring representation of a timestamp value, but got a",
    "timeuuid": "Expected a string representation of a timeuuid, but got a",
    "tinyint": "Expected a byte value, but got a",
    "uuid": "Expected a string representation of a uuid, but got a",
}
_BITS: dict[str, int | None] = {
    "bigint": 64, "counter": 64, "int": 32, "smallint": 16, "timestamp": 64, "tinyint": 8, "varint": None,
}  # fmt: skip


def _read_native(kind: Type, name: str, value: Any) -> bytes:
    if isinstance(value, str):
        if name == "blob":
            return _blob(value)
        if name == "duration" and not value:
            # What a duration of no time is written as.
            return durations.encode(durations.Duration(0, 0, 0))
        return literals.from_text(kind, value)
    fault = _EXPECTED.get(name, f"Value '{_shown(value)}' is not a valid {name} representation:")
    of = codec.codec(kind)
    if isinstance(value, bool):
        if name == "boolean":
            return of.encode(value)
    elif isinstance(value, int) and name in _BITS:
        bits = _BITS[name]
        if bits is None or -(1 << bits - 1) <= value < 1 << bits - 1:
            return of.encode(value)
    elif isinstance(value, int | Decimal):
        if name == "decimal":
            # Cassandra reads what is no integer as a double, and takes its shortest digits.
            is_exact = isinstance(value, int)
            return of.encode(Decimal(value) if is_exact else Decimal(numbers.double_text(float(value))))
        if name in ("double", "float"):
            return of.encode(float(value))
    raise _wrong(fault, value)


def _blob(text: str) -> bytes:
    if not text.startswith("0x"):
        shown = _shortened(text)
        raise invalid(
            f"Value '{shown}' is not a valid blob representation: String representation of blob is missing 0x prefix: {shown}"
        )
    return literals.hexadecimal(text[2:])


def _java_class(value: Any) -> str:
    match value:
        case bool():
            return "Boolean"
        case int():
            return "Integer" if -_I32 <= value < _I32 else "Long" if -_I64 <= value < _I64 else "BigInteger"
        case Decimal():
            return "Double"
        case str():
            return "String"
        case list():
            return "ArrayList"
        case _:
            return "LinkedHashMap"


def _shown(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return _shortened(numbers.integer_text(value))
        case Decimal() | str():
            return _shortened(str(value))
        case _:
            return _shortened(json.dumps(value, ensure_ascii=False, default=str))


def _wrong(fault: str, value: Any) -> Exception:
    return invalid(f"{fault} {_java_class(value)}: {_shown(value)}")
