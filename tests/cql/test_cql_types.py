"""Types as CQL's text, Java's names, options and the catalog's bytes: what is written is read; what may not be is refused."""

from __future__ import annotations

import pytest
from cql_values import TYPES
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperdb.errors import CorruptError, CqlError
from hyperdb.frontends.cql.types import catalog, java, model, names
from hyperdb.frontends.cql.types.model import Field, List, Map, Set, Tuple, Type, Udt, Vector, frozen
from hyperdb.frontends.cql.types.option import option

POINT = Udt("ks", "Point", (Field("x", model.INT), Field("y", List(model.TEXT))))


def hexed(text: str) -> str:
    return text.encode().hex()


def find(keyspace: str | None, name: str) -> Udt:
    if (keyspace or "ks", name) == ("ks", "Point"):
        return POINT
    return names.no_types(keyspace, name)


def _user_types(kind: Type) -> dict[str, Udt]:
    found = {kind.name: kind} if isinstance(kind, Udt) else {}
    for part in model.parts(kind):
        found |= _user_types(part)
    return found


def _one_of_each_name(kind: Type) -> bool:
    seen: dict[str, Udt] = {}

    def walk(part: Type) -> bool:
        if isinstance(part, Udt) and seen.setdefault(part.name, part) != part:
            return False
        return all(map(walk, model.parts(part)))

    return walk(kind)


@settings(max_examples=60, deadline=None)
@given(TYPES)
def test_every_form_of_a_type_gives_it_back(kind: Type) -> None:
    if not _one_of_each_name(kind):
        return
    known = _user_types(kind)
    assert names.parse(names.show(kind), lambda _keyspace, name: known[name]) == kind
    assert java.read(java.write(kind), lambda _keyspace, name: known[name]) == kind
    numbers = {name: 300 + place for place, name in enumerate(known)}
    by_number = {numbers[name]: udt for name, udt in known.items()}
    stored = catalog.write(kind, lambda udt: numbers[udt.name])
    assert catalog.read(stored, by_number.__getitem__) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("int", model.INT),
        ("VarChar", model.TEXT),
        (" list < Int > ", List(model.INT)),
        ("map<text,frozen<list<int>>>", Map(model.TEXT, List(model.INT, True))),
        ("frozen<map<text, list<int>>>", Map(model.TEXT, List(model.INT, True), True)),
        ("tuple<int, list<text>>", Tuple((model.INT, List(model.TEXT, True)))),
        ("frozen<tuple<int>>", Tuple((model.INT,))),
        ("vector<float, 3>", Vector(model.FLOAT, 3)),
        ('"Point"', POINT),
        ('ks."Point"', POINT),
        ('frozen<"Point">', frozen(POINT)),
        ("'org.apache.cassandra.db.marshal.Int32Type'", model.INT),
        ("'org.apache.cassandra.db.marshal.ReversedType(org.apache.cassandra.db.marshal.UTF8Type)'", model.TEXT),
        ("'LongType'", model.BIGINT),
        ("'org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType , 2)'", Vector(model.FLOAT, 2)),
    ],
)
def test_texts_of_types(text: str, kind: Type) -> None:
    assert names.parse(text, find) == kind


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("nothing", "Unknown type nothing"),
        ("list<counter>", "Counters are not allowed inside collections: list<counter>"),
        ("list<list<int>>", "Non-frozen collections are not allowed inside collections: list<list<int>>"),
        ('set<"Point">', 'Non-frozen UDTs are not allowed inside collections: set<"Point">'),
        ("set<duration>", "Durations are not allowed inside sets: set<duration>"),
        ("map<duration, int>", "Durations are not allowed as map keys: map<duration, int>"),
        ("frozen<int>", "frozen<> is only allowed on collections, tuples, and user-defined types (got int)"),
        ("vector<float, 0>", "vectors may only have 1 to 8192 dimensions; given 0"),
        ("vector<float, 100000>", "vectors may only have 1 to 8192 dimensions; given 100000"),
        ("list<>", None),
        ("list<int", None),
        ("list<int>>", None),
        ("map<int>", None),
        ("int<int>", None),
        ("vector<3, float>", None),
        ("'ListType(Int32Type'", None),
        ("'org.example.Other'", None),
        ("", None),
        ("frozen<" * 100 + "list<int>" + ">" * 100, "Types may nest 48 deep at most"),
        ("frozen<list<" * 48 + "int" + ">>" * 48, "Types may nest 48 deep at most"),
        ("list<" * 100_000, None),
    ],
)  # fmt: skip
def test_what_may_not_be_is_refused(text: str, fault: str | None) -> None:
    with pytest.raises(CqlError) as found:
        names.parse(text, find)
    assert fault is None or found.value.message == fault


_PIECES = st.sampled_from([*"<>,.'\"() ab1", "list", "map", "frozen", "vector", "ListType", "UserType"])


@settings(max_examples=150, deadline=None)
@given(st.lists(_PIECES, max_size=20).map("".join))
def test_any_text_is_a_type_or_refused(text: str) -> None:
    for read in (names.parse, java.read):
        try:
            read(text, find)
        except CqlError:
            continue


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([1, 10, 47, 3, 50, 62, 63, 71, 74, 80, 82, 83, 18, 99, 248, 255]), max_size=10).map(bytes))
def test_any_bytes_are_a_type_of_the_catalog_or_refused(data: bytes) -> None:
    try:
        catalog.read(data, lambda _number: POINT)
    except (CqlError, CorruptError):
        return


@pytest.mark.parametrize(
    ("kind", "version", "data"),
    [
        (model.TEXT, 4, "000d"),
        (model.DURATION, 5, "0015"),
        (List(model.INT), 4, "00200009"),
        (Map(model.TEXT, Set(model.UUID)), 4, "0021000d0022000c"),
        (Tuple((model.INT, model.TEXT)), 4, "0031 0002 0009 000d"),
        (POINT, 4, f"0030 0002 {hexed('ks')} 0005 {hexed('Point')} 0002 0001 {hexed('x')} 0009 0001 {hexed('y')} 0020 000d"),
        (model.DURATION, 4, "0000 002c" + b"org.apache.cassandra.db.marshal.DurationType".hex()),
        (model.SMALLINT, 3, "0000 0029" + b"org.apache.cassandra.db.marshal.ShortType".hex()),
    ],
)  # fmt: skip
def test_options_are_those_of_the_specification(kind: Type, version: int, data: str) -> None:
    assert option(kind, version) == bytes.fromhex(data)


def test_types_of_sql_are_shown_as_cqls_where_they_can_be() -> None:
    def read(*data: int) -> Type:
        return catalog.read(bytes(data), lambda _number: POINT)

    assert read(40, 12) == model.TEXT
    assert read(50, 10, 0, 2, 0) == model.DECIMAL
    assert read(46, 6) == model.TIMESTAMP
    with pytest.raises(CqlError, match="CQL has no type interval"):
        read(48, 6)
