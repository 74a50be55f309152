"""Values as CQL's text: constants, what DESCRIBE and errors show, what CAST makes.

Theory: `from_text` reads what stands for a value of a native type, without quotes; `plain` writes it; `literal` writes any
value as an expression of CQL that gives it back. Invariant: `literal` of a value, read by the parser, is the value; a text that
cannot be read is refused with Cassandra's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from hyperdb.frontends.cql.types import codec, containers, durations, inets, moments, numbers
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import Custom, List, Map, Native, Set, Tuple, Type, Udt, Vector
from hyperdb.frontends.cql.words import quoted

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def hexadecimal(digits: str) -> bytes:
    """Bytes from hexadecimal digits, without `0x`.

    Raises:
        CqlError: invalid.
    """
    try:
        if not digits.isalnum() and digits:
            raise ValueError
        return bytes.fromhex(digits)
    except ValueError:
        raise invalid(f"cannot parse '{digits}' as hex bytes") from None


def _integer(bits: int | None, shown: str) -> Callable[[str], Any]:
    def read(text: str) -> int:
        found = numbers.integer(text, bits)
        if found is None:
            raise invalid(f"{shown} from '{text}'")
        return found

    return read


def _decimal(text: str) -> Any:
    found = numbers.decimal(text)
    if found is None:
        raise invalid(f"unable to make BigDecimal from '{text}'")
    return found


def _floating(name: str) -> Callable[[str], Any]:
    def read(text: str) -> float:
        found = numbers.floating(text)
        if found is None:
            raise invalid(f"Unable to make {name} from '{text}'")
        return found

    return read


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise invalid(f"Unable to make boolean from '{text}'")
    return text.lower() == "true"


def _uuid(text: str) -> UUID:
    if not _UUID.fullmatch(text):
        raise invalid(f"Unable to make UUID from '{text}'")
    return UUID(text)


def _inet(text: str) -> inets.Address:
    found = inets.read(text)
    if found is None:
        raise invalid(f"Unable to make inet address from '{text}'")
    return found


_READERS: dict[str, Callable[[str], Any]] = {
    "ascii": str,
    "bigint": _integer(64, "Unable to make long"),
    "blob": hexadecimal,
    "boolean": _boolean,
    "counter": _integer(64, "Unable to make long"),
    "date": moments.date,
    "decimal": _decimal,
    "double": _floating("double"),
    "duration": durations.from_text,
    "float": _floating("float"),
    "inet": _inet,
    "int": _integer(32, "Unable to make int"),
    "smallint": _integer(16, "Unable to make short"),
    "text": str,
    "time": moments.time,
    "timestamp": moments.timestamp,
    "timeuuid": _uuid,
    "tinyint": _integer(8, "Unable to make byte"),
    "uuid": _uuid,
    "varint": _integer(None, "unable to make int"),
}
_EMPTY_IS_A_VALUE = frozenset({"ascii", "blob", "text"})


def from_text(kind: Type, text: str) -> bytes:
    """The bytes of what a text stands for; an empty text is the empty value, except where the type has none.

    Raises:
        CqlError: invalid.
    """
    if not isinstance(kind, Native):
        # As Cassandra reads constants for what is no native type.
        return hexadecimal(text)
    if not text:
        codec.validate(kind, b"")
        return b""
    return codec.codec(kind).encode(_READERS[kind.name](text))


_WRITERS: dict[str, Callable[[Any], str]] = {
    "ascii": str,
    "blob": lambda value: "0x" + value.hex(),
    "boolean": lambda value: "true" if value else "false",
    "date": moments.date_text,
    "decimal": numbers.decimal_text,
    "double": numbers.double_text,
    "duration": durations.to_text,
    "float": numbers.float_text,
    "inet": inets.text,
    "text": str,
    "time": moments.time_text,
    "timestamp": moments.timestamp_text,
    "timeuuid": str,
    "uuid": str,
}
_QUOTED = frozenset({"ascii", "date", "inet", "text", "time", "timestamp"})


def plain(kind: Native, data: bytes) -> str:
    """The text of a native value, without quotes; an empty one has none.

    Raises:
        CqlError: invalid, when the bytes are no value.
    """
    value = codec.codec(kind).decode(data)
    return "" if value is None else _WRITERS.get(kind.name, numbers.integer_text)(value)


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def literal(kind: Type, data: bytes | None) -> str:
    """A value as an expression of CQL.

    Raises:
        CqlError: invalid, when the bytes are no value.
    """
    if data is None:
        return "null"
    match kind:
        case Native(name):
            if not data and name not in _EMPTY_IS_A_VALUE:
                return "null"
            shown = plain(kind, data)
            # Only a duration of no time has no text.
            return _string(shown) if name in _QUOTED else shown or "0s"
        case List(element):
            return f"[{', '.join(literal(element, each) for each in containers.unpack_items(data))}]"
        case Set(element):
            return f"{{{', '.join(literal(element, each) for each in containers.unpack_items(data, 'set'))}}}"
        case Map(key, value):
            pairs = containers.unpack_pairs(data)
            return f"{{{', '.join(f'{literal(key, left)}: {literal(value, right)}' for left, right in pairs)}}}"
        case Tuple(elements):
            fields = containers.unpack_fields(data, len(elements))
            return f"({', '.join(literal(of, each) for of, each in zip(elements, fields, strict=True))})"
        case Udt(fields=named):
            fields = containers.unpack_fields(data, len(named), "UDT")
            shown_fields = (f"{quoted(of.name)}: {literal(of.type, each)}" for of, each in zip(named, fields, strict=True))
            return f"{{{', '.join(shown_fields)}}}"
        case Vector(element):
            return f"[{', '.join(literal(element, each) for each in containers.unpack_vector(kind, data))}]"
        case Custom():
            return "0x" + data.hex()
