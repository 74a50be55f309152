"""Keys, records and catalog objects as bytes, written from docs/file-format.md alone (see format_values)."""

from __future__ import annotations

import struct
from typing import Any

from format_values import blob, escaped, type_code, varint

MASK = (1 << 64) - 1


def hash64(key: tuple[int, int], data: bytes) -> int:
    """SipHash-1-3 (Aumasson and Bernstein, 2012; one round a word, three at the end)."""
    k0, k1 = key
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def turn(word: int, by: int) -> int:
        return (word << by | word >> (64 - by)) & MASK

    def half(a: int, b: int, by: int) -> None:
        v[a] = (v[a] + v[b]) & MASK
        v[b] = turn(v[b], by) ^ v[a]

    def mix() -> None:
        half(0, 1, 13)
        v[0] = turn(v[0], 32)
        half(2, 3, 16)
        half(0, 3, 21)
        half(2, 1, 17)
        v[2] = turn(v[2], 32)

    whole = len(data) // 8 * 8
    words = [struct.unpack_from("<Q", data, at)[0] for at in range(0, whole, 8)]
    words.append(int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56)
    for word in words:
        v[3] ^= word
        mix()
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(3):
        mix()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def token(key: bytes) -> int:
    """Murmur3 x64 128 (Appleby) as Cassandra computes it: bytes of the tail are signed. The first half."""
    c1, c2, h1, h2 = 0x87C37B91114253D5, 0x4CF5AD432745937F, 0, 0

    def turn(word: int, by: int) -> int:
        return (word << by | word >> (64 - by)) & MASK

    def finish(word: int) -> int:
        word = (word ^ word >> 33) * 0xFF51AFD7ED558CCD & MASK
        word = (word ^ word >> 33) * 0xC4CEB9FE1A85EC53 & MASK
        return word ^ word >> 33

    whole = len(key) // 16 * 16
    for at in range(0, whole, 16):
        k1, k2 = struct.unpack_from("<QQ", key, at)
        h1 ^= turn(k1 * c1 & MASK, 31) * c2 & MASK
        h1 = ((turn(h1, 27) + h2) * 5 + 0x52DCE729) & MASK
        h2 ^= turn(k2 * c2 & MASK, 33) * c1 & MASK
        h2 = ((turn(h2, 31) + h1) * 5 + 0x38495AB5) & MASK
    tail = [byte - 256 if byte > 127 else byte for byte in key[whole:]]
    k1 = k2 = 0
    for i, byte in enumerate(tail):
        if i < 8:
            k1 ^= (byte << 8 * i) & MASK
        else:
            k2 ^= (byte << 8 * (i - 8)) & MASK
    if len(tail) > 8:
        h2 ^= turn(k2 * c2 & MASK, 33) * c1 & MASK
    if tail:
        h1 ^= turn(k1 * c1 & MASK, 31) * c2 & MASK
    h1, h2 = h1 ^ len(key), h2 ^ len(key)
    h1 = (h1 + h2) & MASK
    h2 = (h2 + h1) & MASK
    h1 = (finish(h1) + finish(h2)) & MASK
    return h1 - (1 << 64) if h1 >> 63 else h1


def element_key(app: int, place: int, name: bytes) -> bytes:
    return varint(app) + b"\x02" + place.to_bytes(8, "big") + name


def incidence_key(app: int, place: int, name: bytes, edge: bytes, order: bytes) -> bytes:
    return varint(app) + b"\x04" + place.to_bytes(8, "big") + escaped(name) + escaped(edge) + order


def element(kind: int, body: bytes, expiry: int | None = None) -> bytes:
    return bytes([kind, expiry is not None]) + (b"" if expiry is None else struct.pack("<q", expiry)) + body


def edge(cid: int, count: int = 0, size: int = 0, head: int = 0, tail: int = 0) -> bytes:
    return struct.pack("<QQQqq", cid, count, size, head, tail)


def number(value: int) -> bytes:
    return varint(value)


def integer(value: int) -> bytes:
    return struct.pack("<q", value)


def text(value: str) -> bytes:
    return value.encode()


def raw(value: bytes) -> bytes:
    return value


def flag(_value: bool) -> bytes:
    return b""


def many(form: Any) -> Any:
    def encode(values: list[Any]) -> bytes:
        forms = [record(form, value) if isinstance(form, str) else form(value) for value in values]
        return varint(len(forms)) + b"".join(map(blob, forms))

    return encode


# Record: its fields by tag, each a name and a form; a word names another record. As the document's table.
RECORDS: dict[str, dict[int, tuple[str, Any]]] = {
    "Setting": {1: ("name", text), 2: ("value", text)},
    "Use": {1: ("object", number), 2: ("columns", many(number))},
    "Expression": {
        1: ("text", text),
        2: ("language", number),
        3: ("path", many(text)),
        4: ("uses", many("Use")),
        5: ("columns", many(number)),
    },
    "KeyColumn": {
        1: ("column", number),
        2: ("expression", "Expression"),
        3: ("descending", flag),
        4: ("nulls", number),
        5: ("part", number),
        6: ("collation", text),
    },
    "Column": {
        1: ("id", number),
        2: ("name", text),
        3: ("type", type_code),
        4: ("not_null", flag),
        5: ("default", "Expression"),
        6: ("generation", number),
        7: ("sequence", number),
        8: ("static", flag),
        9: ("dropped", flag),
        10: ("place", number),
        11: ("collation", text),
        12: ("missing", raw),
        13: ("hidden", flag),
        14: ("dropped_at", integer),
        15: ("comment", text),
    },
    "Constraint": {
        1: ("number", number),
        2: ("name", text),
        3: ("kind", number),
        4: ("columns", many(number)),
        5: ("check", "Expression"),
        6: ("index", number),
        7: ("parent", number),
        8: ("parent_columns", many(number)),
        9: ("on_delete", number),
        10: ("on_update", number),
        11: ("set_columns", many(number)),
        12: ("deferrable", flag),
        13: ("deferred", flag),
        14: ("nulls_equal", flag),
        15: ("match_full", flag),
        16: ("unvalidated", flag),
        17: ("comment", text),
    },
    "Source": {
        1: ("query", "Expression"),
        2: ("base", number),
        3: ("all_columns", flag),
        4: ("filter", "Expression"),
        5: ("unfilled", flag),
    },
    "Label": {1: ("number", number), 2: ("name", text), 3: ("position", number)},
    "App": {1: ("number", number), 2: ("name", text), 3: ("owner", text), 4: ("options", many("Setting")), 5: ("comment", text)},
    "Table": {
        1: ("app", number),
        2: ("name", text),
        3: ("order", number),
        4: ("columns", many("Column")),
        5: ("next_column", number),
        6: ("partition", many(number)),
        7: ("key", many("KeyColumn")),
        8: ("constraints", many("Constraint")),
        9: ("options", many("Setting")),
        10: ("resp_prefix", text),
        11: ("owner", text),
        12: ("comment", text),
        13: ("language", number),
        14: ("temporary", flag),
        15: ("source", "Source"),
    },
    "Index": {
        1: ("app", number),
        2: ("name", text),
        3: ("table", number),
        4: ("columns", many("KeyColumn")),
        5: ("included", many(number)),
        6: ("unique", flag),
        7: ("predicate", "Expression"),
        8: ("nulls_equal", flag),
        9: ("building", flag),
        10: ("method", text),
        11: ("clustered", flag),
        12: ("options", many("Setting")),
        13: ("comment", text),
    },
    "View": {
        1: ("app", number),
        2: ("name", text),
        3: ("query", "Expression"),
        4: ("columns", many("Column")),
        5: ("check", number),
        6: ("options", many("Setting")),
        7: ("owner", text),
        8: ("comment", text),
    },
    "Sequence": {
        1: ("app", number),
        2: ("name", text),
        3: ("type", type_code),
        4: ("start", integer),
        5: ("increment", integer),
        6: ("min", integer),
        7: ("max", integer),
        8: ("cache", number),
        9: ("cycle", flag),
        10: ("table", number),
        11: ("column", number),
        12: ("owner", text),
        13: ("comment", text),
    },
    "UserType": {
        1: ("app", number),
        2: ("name", text),
        3: ("form", number),
        4: ("labels", many("Label")),
        5: ("next_label", number),
        6: ("base", type_code),
        7: ("not_null", flag),
        8: ("default", "Expression"),
        9: ("collation", text),
        10: ("constraints", many("Constraint")),
        11: ("fields", many("Column")),
        12: ("next_field", number),
        13: ("owner", text),
        14: ("comment", text),
    },
}
KINDS = {"App": 1, "Table": 2, "Index": 3, "View": 4, "Sequence": 5, "UserType": 6}


def record(name: str, values: dict[str, Any]) -> bytes:
    """`values` are by field; what has its default is simply left out of them."""
    out, known = b"", set()
    for tag, (field, form) in RECORDS[name].items():
        known.add(field)
        if field in values:
            out += varint(tag) + blob(record(form, values[field]) if isinstance(form, str) else form(values[field]))
    assert set(values) <= known, set(values) - known
    return out


def catalog_object(kind: str, **values: Any) -> bytes:
    return bytes([KINDS[kind]]) + record(kind, values)
