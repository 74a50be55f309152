"""Types as the classes of `org.apache.cassandra.db.marshal`, by which clients are told what has no number of its own.

Theory: a class and, in parentheses, its arguments; names of user types and fields are in hex. Drivers read these texts with
parsers of their own, so they are written exactly as Cassandra writes them. Invariant: `read(write(x)) == x` for each type but
that Cassandra writes no class for what is not frozen inside a frozen one.
"""

from __future__ import annotations

from hyperdb.frontends.cql.types.model import NATIVE, Custom, List, Map, Native, Set, Tuple, Type, Udt, Vector

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
