"""SQL's types: oids, names, categories, and their form in the catalog's records.

Theory: to the binder a type is its oid and a modifier, as in PostgreSQL (the length of varchar, precision and scale of
numeric). Types that users made have their object's number as oid, their arrays the number + 2. Invariant:
`of_record(to_record(kind)) == kind` for each type that a column may have.
"""

from __future__ import annotations

from dataclasses import dataclass

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types import interval_fields
from hyperdb.graph.catalog.codec import read_varint, varint

BOOL, BYTEA, CHAR1, NAME, INT8, INT2, INT4, REGPROC, TEXT, OID = 16, 17, 18, 19, 20, 21, 23, 24, 25, 26
JSON, FLOAT4, FLOAT8, UNKNOWN, MACADDR, INET, CIDR = 114, 700, 701, 705, 829, 869, 650
BPCHAR, VARCHAR, DATE, TIME, TIMESTAMP, TIMESTAMPTZ, INTERVAL, TIMETZ = 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1266
BIT, VARBIT, NUMERIC, UUID, TSVECTOR, JSONB = 1560, 1562, 1700, 2950, 3614, 3802
REGCLASS, REGTYPE, REGNAMESPACE, REGPROCEDURE, REGROLE = 2205, 2206, 4089, 2202, 4096
RECORD, VOID, ANY, ANYARRAY, ANYELEMENT, ANYNONARRAY, INT2VECTOR, OIDVECTOR, XID = 2249, 2278, 2276, 2277, 2283, 2776, 22, 30, 28
FIRST_USER = 16_384
COLLATION_DEFAULT, COLLATION_C, COLLATION_POSIX = 100, 950, 951


@dataclass(frozen=True, slots=True)
class Kind:
    """A type with its modifier; -1: none."""

    oid: int
    modifier: int = -1


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """What is fixed about a built-in type. `code` is the one of docs/file-format.md, 0 where no column can have it."""

    oid: int
    name: str
    spoken: str
    array: int
    category: str
    length: int
    code: int = 0
    preferred: bool = False


_ROWS = """
16 bool boolean 1000 B 1 1 p
17 bytea bytea 1001 U -1 12
18 char "char" 1002 Z 1 24
19 name name 1003 S 64 23
20 int8 bigint 1016 N 8 5
21 int2 smallint 1005 N 2 3
22 int2vector int2vector 1006 A -1 0
23 int4 integer 1007 N 4 4
24 regproc regproc 1008 N 4 0
25 text text 1009 S -1 10 p
26 oid oid 1028 N 4 22 p
28 xid xid 1011 U 4 0
30 oidvector oidvector 1013 A -1 0
114 json json 199 U -1 19
194 pg_node_tree pg_node_tree 0 Z -1 0
650 cidr cidr 651 I -1 18
700 float4 real 1021 N 4 7
701 float8 double_precision 1022 N 8 8 p
705 unknown unknown 0 X -2 0
869 inet inet 1041 I -1 17 p
1033 aclitem aclitem 1034 U 12 0
1042 bpchar character 1014 S -1 41
1043 varchar character_varying 1015 S -1 40
1082 date date 1182 D 4 15
1083 time time_without_time_zone 1183 D 8 44
1114 timestamp timestamp_without_time_zone 1115 D 8 46
1184 timestamptz timestamp_with_time_zone 1185 D 8 47 p
1186 interval interval 1187 T 16 48 p
1266 timetz time_with_time_zone 1270 D 12 45
1560 bit bit 1561 V -1 42
1562 varbit bit_varying 1563 V -1 43 p
1700 numeric numeric 1231 N -1 50
2202 regprocedure regprocedure 2207 N 4 0
2205 regclass regclass 2210 N 4 0
2206 regtype regtype 2211 N 4 0
2249 record record 2287 P -1 0
2275 cstring cstring 1263 P -2 0
2279 trigger trigger 0 P 4 0
2280 language_handler language_handler 0 P 4 0
2281 internal internal 0 P 8 0
3838 event_trigger event_trigger 0 P 4 0
2276 any "any" 0 P 4 0
2277 anyarray anyarray 0 P -1 0
2278 void void 0 P 4 0
2283 anyelement anyelement 0 P 4 0
2776 anynonarray anynonarray 0 P 4 0
2950 uuid uuid 2951 U 16 13
3614 tsvector tsvector 3643 U -1 26
3802 jsonb jsonb 3807 U -1 20
4089 regnamespace regnamespace 4090 N 4 0
4096 regrole regrole 4097 N 4 0
"""


def _read(line: str) -> BuiltIn:
    oid, name, spoken, array, category, length, code, *preferred = line.split()
    return BuiltIn(int(oid), name, spoken.replace("_", " "), int(array), category, int(length), int(code), preferred == ["p"])


BUILT_IN = {row.oid: row for row in map(_read, _ROWS.strip().splitlines())}
ELEMENT = {row.array: row.oid for row in BUILT_IN.values() if row.array} | {INT2VECTOR: INT2, OIDVECTOR: OID}
ARRAY = {row.oid: row.array for row in BUILT_IN.values() if row.array}
NAMES = {row.name: row.oid for row in BUILT_IN.values()} | {f"_{row.name}": row.array for row in BUILT_IN.values() if row.array}

_BY_CODE = {row.code: row.oid for row in BUILT_IN.values() if row.code} | {9: NUMERIC, 11: TEXT, 14: UUID, 2: INT2}
_BY_CODE |= {6: NUMERIC, 16: INTERVAL, 21: INT8, 27: TIME}
_CQL_VECTOR = 83
_CQL_ITEMS = frozenset({71, 72, 73, 74, _CQL_VECTOR})
"""Lists, sets and vectors of CQL."""
_CQL_PARTS = frozenset({62, 63, 80, 81, 82})
"""User types, maps and tuples of CQL."""
_SIZED = frozenset({40, 41, 42, 43})
_TIMED = frozenset({44, 45, 46, 47, 48})
_INTERVAL = 48
_MOST_MICROS = 6
_NUMERIC, _ENUM, _DOMAIN, _ARRAY = 50, 60, 61, 70
_VARHDR = 4


def is_array(oid: int) -> bool:
    """Whether values are lists."""
    return oid in ELEMENT or (oid >= FIRST_USER and oid % 4 == 2)


def element(oid: int) -> int | None:
    """The type of an array's elements."""
    return oid - 2 if oid >= FIRST_USER and oid % 4 == 2 else ELEMENT.get(oid)


def array_of(oid: int) -> int | None:
    """The array type over a type; None where there is none."""
    return oid + 2 if oid >= FIRST_USER and oid % 4 == 0 else ARRAY.get(oid)


def collation(oid: int, said: str = "") -> int:
    """The collation of a type's values, or of a column that says "C" or "POSIX"; 0 where they have none."""
    inner = element(oid) or oid
    if inner == NAME:
        return COLLATION_C
    if category(inner) != "S":
        return 0
    if said == "POSIX":
        return COLLATION_POSIX
    return COLLATION_C if said else COLLATION_DEFAULT


def category(oid: int) -> str:
    """PostgreSQL's letter for what a type is like: N numbers, S texts, D dates ..."""
    if is_array(oid):
        return "A"
    found = BUILT_IN.get(oid)
    return found.category if found else "E"


def numeric_modifier(precision: int, scale: int) -> int:
    """The modifier of numeric(precision, scale)."""
    return (precision << 16 | scale & 0x7FF) + _VARHDR


def numeric_limits(modifier: int) -> tuple[int, int] | None:
    """Precision and scale; None: any."""
    if modifier < _VARHDR:
        return None
    packed = modifier - _VARHDR
    scale = packed & 0x7FF
    return packed >> 16, scale - 0x800 if scale & 0x400 else scale


def to_record(kind: Kind, domains: frozenset[int] = frozenset()) -> bytes:
    """The type's bytes in a record. `domains` are those of the user types that are domains, others are enums.

    Raises:
        SqlError: 0A000 where no column can have the type.
    """
    inner = element(kind.oid)
    if inner is not None and kind.oid not in (INT2VECTOR, OIDVECTOR):
        return bytes([_ARRAY]) + to_record(Kind(inner, kind.modifier), domains)
    if kind.oid >= FIRST_USER:
        return bytes([_DOMAIN if kind.oid in domains else _ENUM]) + varint(kind.oid)
    code = BUILT_IN[kind.oid].code if kind.oid in BUILT_IN else 0
    if code == 0:
        raise SqlError("0A000", f"columns of type {name_of(kind)} are not supported")
    if code == _NUMERIC:
        precision, scale = numeric_limits(kind.modifier) or (0, 0)
        return bytes([code]) + precision.to_bytes(2, "little") + scale.to_bytes(2, "little", signed=True)
    if code in _SIZED:
        bits = code in (42, 43)
        return bytes([code]) + varint(0 if kind.modifier < 0 else kind.modifier if bits else kind.modifier - _VARHDR)
    if code == _INTERVAL and interval_fields.words_of(kind.modifier):
        raise SqlError("0A000", f"columns of type {name_of(kind)} are not supported")
    if code in _TIMED:
        return bytes([code]) + varint(_MOST_MICROS if kind.modifier < 0 else kind.modifier & 0xFFFF)
    return bytes([code])


def of_record(data: bytes) -> Kind:
    """Back from `to_record`.

    Raises:
        SqlError: 0A000 for types that SQL has no word for.
    """
    code, rest = data[0], data[1:]
    if code in _CQL_ITEMS or code in _CQL_PARTS:
        return _of_cql(code, rest)
    if code == _ARRAY:
        inner = of_record(rest)
        array = array_of(inner.oid)
        if array is not None:
            return Kind(array, inner.modifier)
    if code in (_ENUM, _DOMAIN):
        return Kind(read_varint(rest, 0)[0])
    if code == _NUMERIC:
        precision, scale = int.from_bytes(rest[:2], "little"), int.from_bytes(rest[2:4], "little", signed=True)
        return Kind(NUMERIC, numeric_modifier(precision, scale) if precision else -1)
    oid = _BY_CODE.get(code)
    if oid is None:
        raise SqlError("0A000", "a column has a type that only CQL has")
    if code in _SIZED:
        size = read_varint(rest, 0)[0]
        bits = code in (42, 43)
        return Kind(oid, -1 if size == 0 else size if bits else size + _VARHDR)
    if code in _TIMED:
        precision = read_varint(rest, 0)[0]
        if precision == _MOST_MICROS:
            return Kind(oid)
        return Kind(oid, interval_fields.modifier_of("", precision) if code == _INTERVAL else precision)
    return Kind(oid)


def _of_cql(code: int, rest: bytes) -> Kind:
    """A type that only CQL has: an array of what is in it, or jsonb where that has parts itself.

    The values are made so by native/graph/src/relation/cql_values.rs.
    """
    if code == _CQL_VECTOR:
        rest = rest[read_varint(rest, 0)[1] :]
    is_plain = code in _CQL_ITEMS and rest[0] not in _CQL_ITEMS and rest[0] not in _CQL_PARTS
    array = array_of(of_record(rest).oid) if is_plain else None
    return Kind(JSONB if array is None else array)


def name_of(kind: Kind, user: dict[int, str] | None = None) -> str:
    """What `format_type` says: character varying(10), numeric(10,2), integer[]."""
    inner = element(kind.oid)
    if inner is not None and kind.oid not in (INT2VECTOR, OIDVECTOR):
        return name_of(Kind(inner, kind.modifier), user) + "[]"
    found = BUILT_IN.get(kind.oid)
    if found is None:
        return (user or {}).get(kind.oid, "???")
    if kind.modifier < 0:
        return "bpchar" if kind.oid == BPCHAR and kind.modifier == -1 else found.spoken
    if kind.oid == NUMERIC:
        precision, scale = numeric_limits(kind.modifier) or (0, 0)
        return f"numeric({precision},{scale})"
    if kind.oid in (VARCHAR, BPCHAR):
        return f"{found.spoken}({kind.modifier - _VARHDR})"
    if kind.oid in (BIT, VARBIT):
        return f"{found.spoken}({kind.modifier})"
    if kind.oid in (TIME, TIMESTAMP, TIMESTAMPTZ, TIMETZ):
        word, _, rest = found.spoken.partition(" ")
        return f"{word}({kind.modifier}) {rest}"
    return found.spoken + (interval_fields.shown(kind.modifier) if kind.oid == INTERVAL else "")
