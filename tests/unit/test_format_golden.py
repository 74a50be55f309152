"""The golden files, computed anew from docs/file-format.md: the document says enough to write a store.

Invariant: nothing here imports the engine. A case that the files have and this does not know, or the other way round, fails.
"""

from __future__ import annotations

import struct
import uuid
from decimal import Decimal
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest
from format_records import (
    catalog_object,
    edge,
    element,
    element_key,
    hash64,
    incidence_key,
    token,
)
from format_values import (
    Kind,
    blob,
    decimal_key,
    decimal_stored,
    double_key,
    escaped,
    inverted,
    ordered,
    packed_row,
    signed_key,
    stored,
    type_code,
    uuid_token_key,
    varint,
)

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "format"
KEY = (1, 2)
APP = 300
Cases = dict[str, bytes]


def keys() -> Cases:
    place = hash64(KEY, b"id")
    app = varint(APP)
    return {
        "hash64 key 1,2 of id": place.to_bytes(8, "big"),
        "hash64 key 1,2 of empty": hash64(KEY, b"").to_bytes(8, "big"),
        "varint 247": varint(247),
        "varint 248": varint(248),
        "varint 65536": varint(65536),
        "app 300 header": app + b"\x01",
        "app 300 element id": element_key(APP, place, b"id"),
        "app 300 member m of 10": app + b"\x03" + varint(10) + b"m",
        "app 300 expiry 1000 of id": b"\x01" + signed_key(1000, 8) + app + place.to_bytes(8, "big") + b"id",
        "app 300 dropped 10": b"\x02" + app + varint(10),
        "app 300 dropped hyperedge 10": b"\x04" + app + varint(10),
        "app 300 incidence of id in edge under k": incidence_key(APP, place, b"id", b"ed\x00ge", b"k"),
    }


def records() -> Cases:
    role = b"\x01" + struct.pack("<Hiq", 18, -1, 2**63 - 1)
    role += b"\x01" + struct.pack("<I", 4096) + blob(b"\x07" * 4) + b"\x01" * 32 + b"\x02" * 32
    role += varint(1) + b"\x03" * 32 + varint(1) + blob(b"staff") + b"\x02"
    role += varint(1) + b"\x01" + blob(b"shop.orders") + struct.pack("<II", 5, 1) + varint(1) + blob(b"~user:*")
    return {
        "vertex hello": element(1, b"hello"),
        "vertex hello expires 1000": element(1, b"hello", 1000),
        "list header with expiry": element(5, edge(10, 3, 77, -2, 1), 1000),
        "empty set 12": element(4, edge(12)),
        "hash field number 300 value v": varint(300) + b"v",
        "member vertex v": b"\x01v",
        "member hyperedge e": b"\x02e",
        "member value x": b"\x03x",
        "incidence of a hyperedge in 300": b"\x02" + struct.pack("<Q", 300),
        "identity": struct.pack("<HQQ", 1, *KEY) + b"\x09" * 16 + struct.pack("<q", 1_700_000_000_000),
        "empty app": b"\x01\x08" + bytes(8) + bytes(16) * 8,
        "role": role,
    }


def order() -> Cases:
    cases = {f"int4 {n}": signed_key(n, 4) for n in (-(2**31), -1, 0, 1, 2**31 - 1)}
    floats = {"-inf": float("-inf"), "-1.5": -1.5, "-0": -0.0, "0": 0.0, "1.5": 1.5, "inf": float("inf"), "NaN": float("nan")}
    cases |= {f"float8 {name}": double_key(value) for name, value in floats.items()}
    texts = {'""': "", '"a"': "a", '"a\\0b"': "a\x00b", '"é"': "é"}
    cases |= {f"text {name}": escaped(value.encode()) for name, value in texts.items()}
    for name in ("-Infinity", "-12.5", "0.00", "1.50", "1.5", "Infinity", "NaN"):
        cases[f"decimal {name}"] = decimal_key(Decimal(name))
        cases[f"stored decimal {name}"] = decimal_stored(Decimal(name))
    hundred = Decimal((0, (1,), 2))
    cases["decimal 100"], cases["stored decimal 100"] = decimal_key(hundred), decimal_stored(hundred)
    time = "0de81a10-5f2c-11ee-8c99-0242ac120002"
    cases[f"timeuuid {time}"] = ordered("timeuuid", uuid.UUID(time))
    for name in (time, "6ba7b810-9dad-41d1-80b4-00c04fd430c8"):
        cases[f"uuid by token {name}"] = uuid_token_key(uuid.UUID(name))
    a = escaped(b"a")
    cases |= {
        "text a asc nulls last": b"\x02" + a,
        "null asc nulls last": b"\x03",
        "text a asc nulls first": b"\x02" + a,
        "null asc nulls first": b"\x01",
        "text a desc nulls last": b"\x02" + inverted(a),
        "null desc nulls last": b"\x03",
        "text a desc": inverted(a),
    }
    cases |= {f'token of "{key}"': signed_key(token(key.encode()), 8) for key in ("123", "9223372036854775807")}
    for length in (1, 8, 9, 15, 16, 33):
        key = bytes((0xF8 + 29 * i) % 256 for i in range(length))
        cases[f"token of {length} bytes from f8 in steps of 1d"] = signed_key(token(key), 8)
    columns = [b"shop", struct.pack(">i", 7), b""]
    partition = b"".join(struct.pack(">H", len(column)) + column + b"\x00" for column in columns)
    cases["partition key shop, int 7, empty"] = partition
    head = signed_key(token(partition), 8) + escaped(columns[0]) + signed_key(7, 4) + escaped(columns[2])
    cases["row of that partition under bigint 2 desc"] = head + inverted(signed_key(2, 8))
    return cases | {'token of ""': bytes(8)}


PLAIN = {
    "Boolean": ("boolean", True),
    "Int1": ("tinyint", -128),
    "Int2": ("smallint", -2),
    "Int4": ("integer", 70_000),
    "Int8": ("bigint", -5_000_000_000),
    "Varint": ("varint", -129),
    "Float4": ("real", -1.5),
    "Float8": ("double", 0.1),
    "Decimal": ("decimal", Decimal("-1.250")),
    "Text": ("text", "grün\x00"),
    "Ascii": ("ascii", "green"),
    "Bytes": ("bytes", b"\x00\xff\x01"),
    "Uuid": ("uuid", uuid.UUID(bytes=bytes(range(16)))),
    "TimeUuid": ("timeuuid", uuid.UUID("0de81a10-5f2c-11ee-8c99-0242ac120002")),
    "Date": ("date", -1),
    "Duration": ("duration", (1, -2, 3)),
    "Inet": ("inet", ip_interface("192.168.1.77/24")),
    "Cidr": ("cidr", ip_interface("2001:db8::/32")),
    "Json": ("json", '{"a": 1}'),
    "Jsonb": ("jsonb", '{"a":1}'),
    "Counter": ("counter", -5_000_000_000),
    "Oid": ("oid", 16384),
    "Name": ("name", "grün\x00"),
    "Char1": ('"char"', 0xE9),
    "MacAddr": ("macaddr", b"\x08\x00\x2b\x01\x02\x03"),
    "TsVector": ("tsvector", "grün\x00"),
    "TimeNanos": ("time of CQL", 3_600_000_000_001),
}
SIZED = {
    "Varchar": ("varchar", "six"),
    "Char": ("char", "a b"),
    "Bit": ("bit", "101001"),
    "VarBit": ("bit varying", "111111111"),
    "Time": ("time", 1),
    "TimeTz": ("timetz", (7_200_000_000, -3600)),
    "Timestamp": ("timestamp", -(2**63)),
    "TimestampTz": ("timestamptz", 1_700_000_000_000_000),
    "Interval": ("interval", (1, -31, 5)),
}
NAMED = {
    "Enum": ("enum", 2),
    "Domain": ("domain", "short"),
    "Composite": ("composite", ["x", None]),
    "FrozenUdt": ("frozen user type", ["x", None]),
}
CONTAINERS = {
    "Array": ("array", (0, ["a", None, ""])),
    "List": ("list", ["b", "a", "b"]),
    "FrozenList": ("frozen list", ["b", "a", "b"]),
    "Set": ("set", ["a", "b"]),
    "FrozenSet": ("frozen set", ["a", "b"]),
}
NOT_ORDERED = {"duration", "json", "jsonb", "counter", "tsvector", "list", "set", "map"}
PAIRS = {"a": 1, "b": 2}


def samples() -> dict[str, tuple[Kind, Any]]:
    """By the name in the golden file: a type and a value of it."""
    text, four = "Plain(Text)", "Plain(Int4)"
    found: dict[str, tuple[Kind, Any]] = {f"Plain({name})": sample for name, sample in PLAIN.items()}
    found |= {f"Sized({name}, 6)": ((word, 6), value) for name, (word, value) in SIZED.items()}
    found["Numeric(10, 2)"] = (("numeric", 10, 2), Decimal("-1.250"))
    found |= {f"Named({name}, 300)": ((word, 300), value) for name, (word, value) in NAMED.items()}
    found |= {f"Of({name}, {text})": ((word, "text"), value) for name, (word, value) in CONTAINERS.items()}
    found[f"Map({text}, {four}, false)"] = (("map", "text", "integer"), PAIRS)
    found[f"Map({text}, {four}, true)"] = (("frozen map", "text", "integer"), PAIRS)
    found[f"Tuple([{text}, {four}])"] = (("tuple", ["text", "integer"]), ["t", -1])
    found[f"Vector({four}, 2)"] = (("vector", "integer", 2), [1, 2])
    found[f"Vector({text}, 2)"] = (("vector", "text", 2), ["a", ""])
    return found


def values() -> Cases:
    cases = {}
    for name, (kind, value) in samples().items():
        cases[f"stored {name}"] = stored(kind, value)
        if (kind if isinstance(kind, str) else kind[0]) not in NOT_ORDERED:
            cases[f"key {name}"] = ordered(kind, value)
    row = [(i, kind, value) for i, (kind, value) in enumerate(samples().values(), 1)]
    return cases | {"row of all of them, ids from 1": packed_row(row)}


def rows() -> Cases:
    text, four = "Plain(Text)", "Plain(Int4)"
    same = [name for name in samples() if name.split("(")[0] in ("Plain", "Sized", "Named", "Of", "Map")]
    cases = {f"type {name}": type_code(samples()[name][0]) for name in same}
    cases["type Numeric(10, -2)"] = type_code(("numeric", 10, -2))
    cases[f"type Tuple([{four}, {text}])"] = type_code(("tuple", ["integer", "text"]))
    cases["type Vector(Plain(Float4), 3)"] = type_code(("vector", "real", 3))
    cells: list[tuple[int, Kind, Any]] = [(1, "integer", 7), (2, "text", "text"), (5, "bigint", None)]
    cases["row 1=int4 7, 2=text, 5=null int8"] = packed_row(cells)
    at = 1_700_000_000_000_000
    stamps = {0: (at, None), 1: (at, (60, 1_700_000_060))}
    cases["row stamped, cell 2 null with ttl"] = packed_row([(2, "text", None)], stamps)
    return cases


def bits(number: float) -> int:
    return int.from_bytes(struct.pack(">d", number), "big")


def catalog() -> Cases:
    def expression(text: str, **more: Any) -> dict[str, Any]:
        return {"text": text, **more}

    identity = {"id": 1, "name": "id", "type": "bigint", "not_null": True, "generation": 3, "sequence": 16388}
    gone = {"id": 2, "name": "old", "type": ("varchar", 9), "dropped": True, "dropped_at": 1_700_000_000_000_000}
    zero = stored(("numeric", 10, 2), Decimal("0.00"))
    total = {"id": 3, "name": "total", "type": ("numeric", 10, 2), "default": expression("0"), "missing": zero, "place": 2}
    name = {"id": 4, "name": "name", "type": "text", "collation": "de_DE", "comment": "Größe", "missing": b""}
    primary = {"number": 16396, "name": "orders_pkey", "columns": [1], "index": 16400}
    positive = expression("total >= 0", path=["shop", "public"], columns=[3])
    check = {"number": 16404, "name": "positive", "kind": 2, "check": positive}
    foreign = {"number": 16408, "name": "orders_customer_fkey", "kind": 3, "columns": [4], "parent": 16384}
    foreign |= {"parent_columns": [2], "on_delete": 3, "on_update": 2, "set_columns": [4]}
    foreign |= dict.fromkeys(["deferrable", "deferred", "match_full", "unvalidated"], True)
    orders = {"app": APP, "name": "orders", "columns": [identity, gone, total, name], "next_column": 5, "key": [{"column": 1}]}
    orders |= {"constraints": [primary, check, foreign], "resp_prefix": "order:", "owner": "alice"}
    event_columns = [
        {"id": 1, "name": "day", "type": "date"},
        {"id": 2, "name": "at", "type": "timeuuid"},
        {"id": 3, "name": "last", "type": ("frozen user type", 16420), "static": True},
        {"id": 4, "name": "tags", "type": ("set", "text")},
    ]
    events = {"app": APP, "name": "events", "order": 1, "columns": event_columns, "next_column": 5, "partition": [1]}
    events |= {"key": [{"column": 2, "descending": True}], "language": 1}
    events |= {"options": [{"name": "gc_grace_seconds", "value": "864000"}]}
    query = expression("SELECT id, total FROM orders", uses=[{"object": 16392, "columns": [1, 3]}])
    source = {"query": query, "base": 16392, "filter": expression("id IS NOT NULL", language=1), "unfilled": True}
    lower = {"expression": expression("lower(name)", columns=[4]), "nulls": 2, "collation": "C"}
    by_name = {"app": APP, "name": "orders_by_name", "table": 16392, "included": [1], "method": "btree"}
    by_name |= {"columns": [lower, {"column": 3, "descending": True, "nulls": 1}]}
    by_name |= {"predicate": expression("total > 0", columns=[3]), **dict.fromkeys(["unique", "nulls_equal", "building"], True)}
    by_tag = {"app": APP, "name": "events_by_tag", "table": 16424, "columns": [{"column": 4, "part": 1}]}
    by_tag |= {"method": "StorageAttachedIndex", "options": [{"name": "case_sensitive", "value": "false"}]}
    view = {"app": APP, "name": "big", "query": query, "columns": [{"id": 1, "name": "id", "type": "bigint"}], "check": 2}
    view |= {"options": [{"name": "security_barrier", "value": "true"}]}
    sequence = {"app": APP, "name": "orders_id_seq", "type": "bigint", "start": 1, "increment": -1, "min": -(2**63)}
    sequence |= {"max": 2**63 - 1, "cache": 32, "cycle": True, "table": 16392, "column": 1}
    labels = [(1, "sad", 1.0), (2, "happy", 2.0), (3, "ok", 1.5)]
    mood = [{"number": number, "name": label, "position": bits(position)} for number, label, position in labels]
    title = {"app": APP, "name": "title", "form": 1, "base": ("varchar", 80), "not_null": True, "collation": "C"}
    title |= {"default": expression("'untitled'")}
    title |= {"constraints": [{"number": 16440, "name": "not_empty", "kind": 2, "check": expression("VALUE <> ''")}]}
    address = {"app": APP, "name": "address", "form": 2, "fields": [{"id": 1, "name": "city", "type": "text"}]}
    durable = [{"name": "durable_writes", "value": "true"}]
    number = (16384).to_bytes(8, "big")
    space = APP.to_bytes(4, "big")
    return {
        "id of object 16384": b"\x03" + number,
        "id of rows 16384": b"\x00" + number,
        "id of the value of sequence 16384": b"\x05" + number,
        "id of relation orders in 300": b"\x04\x01" + space + b"orders",
        "id of type mood in 300": b"\x04\x02" + space + b"mood",
        "id of app shop": b"\x04\x03" + bytes(4) + b"shop",
        "position 7 called": struct.pack("<q?", 7, True),
        "app": catalog_object("App", number=APP, name="shop", owner="alice", options=durable, comment="all of it"),
        "empty app": catalog_object("App"),
        "sql table": catalog_object("Table", **orders),
        "cql table": catalog_object("Table", **events),
        "materialized view": catalog_object("Table", name="totals", source=source),
        "index": catalog_object("Index", **by_name),
        "collection index": catalog_object("Index", **by_tag),
        "view": catalog_object("View", **view),
        "sequence": catalog_object("Sequence", **sequence),
        "enum": catalog_object("UserType", app=APP, name="mood", labels=mood, next_label=4),
        "domain": catalog_object("UserType", **title),
        "composite": catalog_object("UserType", **address, next_field=2, owner="alice"),
    }


SUBJECTS = {"keys": keys, "records": records, "order": order, "rows": rows, "values": values, "catalog": catalog}


def golden(subject: str) -> Cases:
    lines = (GOLDEN / f"{subject}.hex").read_text("utf-8").splitlines()
    return {name: bytes.fromhex(code) for name, code in (line.split("\t") for line in lines)}


def test_every_subject_is_computed() -> None:
    assert {path.stem for path in GOLDEN.glob("*.hex")} == set(SUBJECTS)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_document_gives_the_golden_bytes(subject: str) -> None:
    wanted, computed = golden(subject), SUBJECTS[subject]()
    assert {name: code.hex() for name, code in computed.items()} == {name: code.hex() for name, code in wanted.items()}
