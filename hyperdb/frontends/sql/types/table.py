"""The types that are built in.

Theory: numbers, names, lengths and categories are those of PostgreSQL's pg_type, so that drivers find what they know by heart.
Types that the catalog makes (enums, domains, composites) are made here too, by whoever has read the catalog. Invariant: every
type but the pseudo-types has an array type, and every reader and writer here is the type's only one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types import (
    arrays,
    intervals,
    json_text,
    moments,
    network,
    numbers,
    oids,
    records,
    strings,
)
from hyperdb.frontends.sql.types.faults import bad_text, short_binary
from hyperdb.frontends.sql.types.model import Style, Type

_ReadText = Callable[[str, Style], Any]
_WriteText = Callable[[Any, Style], str]
_ReadBinary = Callable[[bytes], Any]
_WriteBinary = Callable[[Any], bytes]
_Four = tuple[_ReadText, _WriteText, _ReadBinary, _WriteBinary]


def _integer(kind: str, code: str) -> _Four:
    return (numbers.integer_reader(kind, 8 * struct.calcsize(f">{code}")), numbers.write_integer, *numbers.fixed(kind, code))


def _unsigned(kind: str, code: str = "I") -> _Four:
    return (numbers.unsigned_reader(kind, 8 * struct.calcsize(f">{code}")), numbers.write_integer, *numbers.fixed(kind, code))


def _object(oid: int, kind: str) -> _Four:
    """A reg... type: a number of the catalog that is shown by the name of what it stands for."""
    unsigned = _unsigned("oid")

    def read(text: str, style: Style) -> int:
        if text.strip() == "-":
            return 0
        if text.strip().isdigit() or style.relation_oid is None:
            return int(unsigned[0](text, style))
        return style.relation_oid(oid, text)

    def write(value: int, style: Style) -> str:
        if value == 0:
            return "-"
        name = None if style.relation_name is None else style.relation_name(oid, value)
        return str(value) if name is None else name

    return read, write, *numbers.fixed(kind, "I")


def _read_lsn(text: str, _style: Style) -> int:
    high, slash, low = text.partition("/")
    if not slash or not all(0 < len(part) <= 8 and set(part) <= set("0123456789abcdefABCDEF") for part in (high, low)):
        raise bad_text("pg_lsn", text)
    return int(high, 16) << 32 | int(low, 16)


def _read_tid(text: str, _style: Style) -> tuple[int, int]:
    block, comma, offset = text.strip().removeprefix("(").removesuffix(")").partition(",")
    if not comma or not block.isdigit() or not offset.isdigit() or int(block[:11]) >= 1 << 32 or int(offset[:6]) >= 1 << 16:
        raise bad_text("tid", text)
    return int(block), int(offset)


def _receive_tid(data: bytes) -> tuple[int, int]:
    if len(data) != 6:
        raise short_binary()
    block, offset = struct.unpack(">IH", data)
    return block, offset


def _void_text(_text: str, _style: Style) -> str:
    return ""


_TEXT: _Four = (strings.read_text, strings.write_text, strings.receive_text, str.encode)
_FLOAT8, _FLOAT4 = numbers.fixed("double precision", "d"), numbers.fixed("real", "f")

# oid, name, array's oid, length, category, preferred, the four functions.
_ROWS: tuple[tuple[int, str, int, int, str, bool, _Four], ...] = (
    (oids.BOOL, "bool", 1000, 1, "B", True, (numbers.read_bool, numbers.write_bool, numbers.receive_bool, numbers.send_bool)),
    (oids.BYTEA, "bytea", 1001, -1, "U", False, (strings.read_bytea, strings.write_bytea, strings.same, strings.same)),
    (oids.CHAR, "char", 1002, 1, "Z", False, (strings.read_char, strings.write_char, strings.receive_char, strings.send_char)),
    (oids.NAME, "name", 1003, 64, "S", False, (strings.read_name, strings.write_text, strings.receive_name, str.encode)),
    (oids.INT8, "int8", 1016, 8, "N", False, _integer("bigint", "q")),
    (oids.INT2, "int2", 1005, 2, "N", False, _integer("smallint", "h")),
    (oids.INT4, "int4", 1007, 4, "N", False, _integer("integer", "i")),
    (oids.TEXT, "text", 1009, -1, "S", True, _TEXT),
    (oids.OID, "oid", 1028, 4, "N", True, _unsigned("oid")),
    (
        oids.TID, "tid", 1010, 6, "U", False,
        (_read_tid, lambda v, _: f"({v[0]},{v[1]})", _receive_tid, lambda v: struct.pack(">IH", *v)),
    ),
    (oids.XID, "xid", 1011, 4, "U", False, _unsigned("xid")),
    (oids.CID, "cid", 1012, 4, "U", False, _unsigned("cid")),
    (oids.XID8, "xid8", 271, 8, "U", False, _unsigned("xid8", "Q")),
    (oids.JSON, "json", 199, -1, "U", False, (json_text.read_json, strings.write_text, json_text.receive_json, str.encode)),
    (
        oids.JSONB, "jsonb", 3807, -1, "U", False,
        (json_text.read_jsonb, strings.write_text, json_text.receive_jsonb, json_text.send_jsonb),
    ),
    (oids.FLOAT4, "float4", 1021, 4, "N", False, (numbers.read_float4, numbers.write_float4, *_FLOAT4)),
    (oids.FLOAT8, "float8", 1022, 8, "N", True, (numbers.read_float8, numbers.write_float8, *_FLOAT8)),
    (
        oids.NUMERIC, "numeric", 1231, -1, "N", False,
        (numbers.read_numeric, numbers.write_numeric, numbers.receive_numeric, numbers.send_numeric),
    ),
    (oids.CIDR, "cidr", 651, -1, "I", False, (network.read_cidr, network.write_address, network.receive_cidr, network.send_cidr)),
    (oids.INET, "inet", 1041, -1, "I", True, (network.read_inet, network.write_address, network.receive_inet, network.send_inet)),
    (
        oids.MACADDR, "macaddr", 1040, 6, "U", False,
        (network.read_mac, network.write_address, network.receive_mac, network.send_mac),
    ),
    (oids.BPCHAR, "bpchar", 1014, -1, "S", False, _TEXT),
    (oids.VARCHAR, "varchar", 1015, -1, "S", False, _TEXT),
    (oids.DATE, "date", 1182, 4, "D", False, (moments.read_date, moments.write_date, moments.receive_date, moments.send_date)),
    (oids.TIME, "time", 1183, 8, "D", False, (moments.read_time, moments.write_time, moments.receive_time, moments.send_time)),
    (
        oids.TIMESTAMP, "timestamp", 1115, 8, "D", False,
        (moments.read_timestamp, moments.write_timestamp, moments.receive_timestamp, moments.send_timestamp),
    ),
    (
        oids.TIMESTAMPTZ, "timestamptz", 1185, 8, "D", True,
        (moments.read_timestamptz, moments.write_timestamptz, moments.receive_timestamp, moments.send_timestamp),
    ),
    (
        oids.TIMETZ, "timetz", 1270, 12, "D", False,
        (moments.read_timetz, moments.write_timetz, moments.receive_timetz, moments.send_timetz),
    ),
    (
        oids.INTERVAL, "interval", 1187, 16, "T", True,
        (intervals.read_interval, intervals.write_interval, intervals.receive_interval, intervals.send_interval),
    ),
    (
        oids.BIT, "bit", 1561, -1, "V", False,
        (strings.read_bits, strings.write_text, strings.bits_receiver("bit"), strings.send_bits),
    ),
    (
        oids.VARBIT, "varbit", 1563, -1, "V", True,
        (strings.read_bits, strings.write_text, strings.bits_receiver("bit varying"), strings.send_bits),
    ),
    (oids.UUID, "uuid", 2951, 16, "U", False, (strings.read_uuid, strings.write_uuid, strings.receive_uuid, strings.send_uuid)),
    (
        oids.PG_LSN, "pg_lsn", 3221, 8, "U", False,
        (_read_lsn, lambda v, _: f"{v >> 32:X}/{v & 0xFFFF_FFFF:X}", *numbers.fixed("pg_lsn", "Q")),
    ),
    (oids.REGPROC, "regproc", 1008, 4, "N", False, _object(oids.REGPROC, "regproc")),
    (oids.REGPROCEDURE, "regprocedure", 2207, 4, "N", False, _object(oids.REGPROCEDURE, "regprocedure")),
    (oids.REGOPER, "regoper", 2208, 4, "N", False, _object(oids.REGOPER, "regoper")),
    (oids.REGOPERATOR, "regoperator", 2209, 4, "N", False, _object(oids.REGOPERATOR, "regoperator")),
    (oids.REGCLASS, "regclass", 2210, 4, "N", False, _object(oids.REGCLASS, "regclass")),
    (oids.REGTYPE, "regtype", 2211, 4, "N", False, _object(oids.REGTYPE, "regtype")),
    (oids.REGROLE, "regrole", 4097, 4, "N", False, _object(oids.REGROLE, "regrole")),
    (oids.REGNAMESPACE, "regnamespace", 4090, 4, "N", False, _object(oids.REGNAMESPACE, "regnamespace")),
    (oids.REGCONFIG, "regconfig", 3735, 4, "N", False, _object(oids.REGCONFIG, "regconfig")),
    (oids.REGDICTIONARY, "regdictionary", 3770, 4, "N", False, _object(oids.REGDICTIONARY, "regdictionary")),
    (oids.REGCOLLATION, "regcollation", 4192, 4, "N", False, _object(oids.REGCOLLATION, "regcollation")),
    (oids.PG_NODE_TREE, "pg_node_tree", 0, -1, "Z", False, _TEXT),
    (oids.ACLITEM, "aclitem", 1034, 12, "U", False, _TEXT),
    (oids.UNKNOWN, "unknown", 0, -2, "X", False, _TEXT),
    (oids.CSTRING, "cstring", 1263, -2, "P", False, _TEXT),
    (oids.VOID, "void", 0, 4, "P", False, (_void_text, lambda _, __: "", lambda _: "", lambda _: b"")),
    (
        oids.RECORD, "record", 2287, -1, "P", False,
        (records.no_text, records.write_record, records.no_binary, records.send_record),
    ),
)  # fmt: skip


def array_of(element: Type) -> Type:
    """The array type of a type that has one."""

    def get() -> Type:
        return element

    return Type(
        element.array,
        f"_{element.name}",
        0,
        -1,
        "A",
        arrays.reader(get),
        arrays.writer(get),
        arrays.receiver(get),
        arrays.sender(get),
        element=element,
    )


def _vector(oid: int, name: str, array: int, element: Type) -> Type:
    def get() -> Type:
        return element

    return Type(
        oid,
        name,
        array,
        -1,
        "A",
        arrays.vector_reader(get),
        arrays.vector_writer(get),
        arrays.vector_receiver(get),
        arrays.vector_sender(get),
        element=element,
    )


def _built_in() -> dict[int, Type]:
    types: dict[int, Type] = {}
    for oid, name, array, length, category, preferred, functions in _ROWS:
        types[oid] = Type(oid, name, array, length, category, *functions, preferred=preferred)
    for oid, name, array, element in (
        (oids.INT2VECTOR, "int2vector", 1006, oids.INT2),
        (oids.OIDVECTOR, "oidvector", 1013, oids.OID),
    ):
        types[oid] = _vector(oid, name, array, types[element])
    for scalar in list(types.values()):
        if scalar.array:
            types[scalar.array] = array_of(scalar)
    return types


BUILT_IN = _built_in()
"""Every built-in type by its oid."""
NAMES = {kind.name: kind for kind in BUILT_IN.values()}
"""And by the name that pg_type gives it."""


def enum_type(oid: int, array: int, name: str, labels: Sequence[str]) -> Type:
    """An enum: text that must be one of the labels."""
    known = frozenset(labels)

    def read(text: str, _style: Style) -> str:
        if text not in known:
            raise SqlError("22P02", f'invalid input value for enum {name}: "{text}"')
        return text

    def receive(data: bytes) -> str:
        return read(strings.receive_text(data), Style())

    return Type(oid, name, array, 4, "E", read, strings.write_text, receive, str.encode)


def domain_type(oid: int, array: int, name: str, base: Type, check: Callable[[Any], None]) -> Type:
    """A domain: its base type's values, as far as `check` does not raise."""

    def read(text: str, style: Style) -> Any:
        value = base.read_text(text, style)
        check(value)
        return value

    def receive(data: bytes) -> Any:
        value = base.read_binary(data)
        check(value)
        return value

    return Type(
        oid,
        name,
        array,
        base.length,
        base.category,
        read,
        base.write_text,
        receive,
        base.write_binary,
        base.element,
        base.delimiter,
    )
