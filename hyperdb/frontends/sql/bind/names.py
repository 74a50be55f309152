"""Identifiers and types of the syntax tree. Invariant: names that are not quoted are lower case from here on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.catalog.relations import Catalog
from hyperdb.frontends.sql.types import interval_fields

_LONGEST = 63
_MOST_BITS = 53


def fold(node: object) -> str:
    """The name that an identifier (or a node whose `this` is one) stands for."""
    if isinstance(node, exp.Identifier):
        text = str(node.this)
        return (text if node.args.get("quoted") else text.lower())[:_LONGEST]
    if isinstance(node, exp.Expr):
        return fold(node.this)
    return str(node).lower()[:_LONGEST]


def table_name(node: exp.Expr, *, of_frame: bool = False) -> tuple[str | None, str]:
    """Schema and name of a table's reference.

    Raises:
        SqlError: 0A000 for another database, or for a past of the table, which only FROM has.
    """
    if isinstance(node, exp.Schema):
        node = node.this
    if node.args.get("version") is not None and not of_frame:
        raise SqlError("0A000", "AS OF FRAME is for queries: the past cannot be changed")
    catalog, schema = node.args.get("catalog"), node.args.get("db")
    if catalog is not None and fold(catalog) not in ("hyperdb", "postgres"):
        raise SqlError("0A000", "cross-database references are not implemented")
    return (None if schema is None else fold(schema)), fold(node.this)


_TYPES = {
    "INT": "int4",
    "BIGINT": "int8",
    "SMALLINT": "int2",
    "BOOLEAN": "bool",
    "DECIMAL": "numeric",
    "DOUBLE": "float8",
    "FLOAT": "float4",
    "VARBINARY": "bytea",
    "CHAR": "bpchar",
    "BPCHAR": "bpchar",
    "NCHAR": "bpchar",
}
_SERIAL = {"serial": "int4", "bigserial": "int8", "smallserial": "int2", "serial2": "int2", "serial4": "int4", "serial8": "int8"}
# What the grammar makes of UNSIGNED behind a type.
_UNSIGNED = frozenset({"UINT", "UBIGINT", "USMALLINT", "UTINYINT", "UMEDIUMINT", "UDECIMAL", "UDOUBLE"})
_ALIASES = {
    "int": "int4",
    "integer": "int4",
    "bigint": "int8",
    "smallint": "int2",
    "boolean": "bool",
    "real": "float4",
    "decimal": "numeric",
}


def is_serial(node: exp.Expr) -> bool:
    """Whether a column's type asks for a sequence."""
    this = node.this
    if isinstance(this, exp.DataType.Type) and this.name != "USERDEFINED":
        return this.name.lower() in _SERIAL
    return isinstance(node.args.get("kind"), exp.Identifier) and fold(node.args["kind"]) in _SERIAL


def kind_of(node: exp.Expr, catalog: Catalog, path: Sequence[str], *, is_column: bool = False) -> Kind:
    """The type that a syntax tree names; of a column it may be one that stands for a type and a sequence.

    Raises:
        SqlError: 42704 for one that is not there, 42601 and 22023 for what stands in parentheses behind it.
    """
    if is_serial(node):
        word = str(node.args["kind"]) if node.args.get("kind") else node.this.name
        if not is_column:
            raise SqlError("42704", f'type "{word.lower()}" does not exist')
        return sized(_SERIAL[word.lower()], [_number(each) for each in node.expressions])
    if isinstance(node, exp.ObjectIdentifier):
        return Kind(kinds.NAMES[str(node.this).lower()])
    this = node.this
    name = this.name if isinstance(this, exp.DataType.Type) else str(this)
    if name in _UNSIGNED:
        raise SqlError("42601", 'syntax error at or near "unsigned"')
    if name == "ARRAY":
        inner = kind_of(node.expressions[0], catalog, path)
        if kinds.is_array(inner.oid):
            return inner
        array = kinds.array_of(inner.oid)
        if inner.oid in catalog.domains:
            raise SqlError("0A000", "arrays of domains are not supported")
        if array is None:
            raise SqlError("42704", f"could not find array type for data type {kinds.name_of(inner)}")
        return Kind(array, inner.modifier)
    numbers = [_number(each) for each in node.expressions]
    if name == "INTERVAL":
        fields = node.args.get("kind")
        return Kind(kinds.INTERVAL, interval_fields.modifier_of(fields.name if fields else "", numbers[0] if numbers else None))
    if name == "USERDEFINED":
        return _user(node.args["kind"], numbers, catalog, path)
    return sized(_TYPES.get(name, name.lower()), numbers)


def _number(node: exp.Expr) -> int:
    text = node.this.name if isinstance(node, exp.DataTypeParam) else node.name
    try:
        return int(text)
    except ValueError:
        raise SqlError("42601", f'type modifier "{text}" is no number') from None


def _user(node: exp.Expr | str, numbers: list[int], catalog: Catalog, path: Sequence[str]) -> Kind:
    schema, name = None, fold(node)
    if isinstance(node, exp.Dot):
        schema, name = fold(node.this), fold(node.expression)
    if schema in (None, "pg_catalog") and name in kinds.NAMES:
        return sized(name, numbers)
    found = catalog.named_type(name, schema, path)
    if found is None:
        shown = f"{schema}.{name}" if schema else name
        raise SqlError("42704", f'type "{shown}" does not exist')
    return Kind(found)


def sized(name: str, numbers: list[int]) -> Kind:
    """A built-in type with what stands in parentheses behind it.

    Raises:
        SqlError: 42704, 42601, 22023.
    """
    name = _ALIASES.get(name, name)
    oid = kinds.NAMES.get(name)
    if oid is None:
        raise SqlError("42704", f'type "{name}" does not exist')
    if oid == kinds.BPCHAR and not numbers and name == "bpchar":
        return Kind(oid, -1)
    if not numbers:
        return Kind(oid)
    most = _NUMBERS.get(oid)
    if most is None:
        raise SqlError("42601", f'type modifier is not allowed for type "{name}"')
    if len(numbers) > most:
        if oid != kinds.NUMERIC:
            raise SqlError("42601", 'syntax error at or near ","')
        raise SqlError("22023", "invalid NUMERIC type modifier")
    size = numbers[0]
    if oid == kinds.NUMERIC:
        if not 1 <= size <= 1000:
            raise SqlError("22023", f"NUMERIC precision {size} must be between 1 and 1000")
        return Kind(oid, kinds.numeric_modifier(size, numbers[1] if len(numbers) > 1 else 0))
    if oid in _LENGTHS:
        if size < 1:
            raise SqlError("22023", f"length for type {_LENGTHS[oid]} must be at least 1")
        return Kind(oid, size if oid in (kinds.BIT, kinds.VARBIT) else size + 4)
    if oid == kinds.FLOAT8:
        if not 1 <= size <= _MOST_BITS:
            shown = "at least 1 bit" if size < 1 else f"less than {_MOST_BITS + 1} bits"
            raise SqlError("22023", f"precision for type float must be {shown}")
        return Kind(kinds.FLOAT4 if size <= 24 else kinds.FLOAT8)
    return Kind(oid, interval_fields.modifier_of("", size) if oid == kinds.INTERVAL else min(size, 6))


_LENGTHS = {kinds.VARCHAR: "varchar", kinds.BPCHAR: "char", kinds.BIT: "bit", kinds.VARBIT: "varbit"}
_MOMENTS = (kinds.TIME, kinds.TIMETZ, kinds.TIMESTAMP, kinds.TIMESTAMPTZ, kinds.INTERVAL)
# How many numbers may stand behind a type's name.
_NUMBERS = {kinds.NUMERIC: 2, kinds.FLOAT8: 1, **dict.fromkeys(_LENGTHS, 1), **dict.fromkeys(_MOMENTS, 1)}


_MOST_INTEGER = (1 << 31) - 1
"""The largest constant that the grammar of PostgreSQL calls an integer (scan.l, process_integer_literal)."""


def _signed(node: exp.Expr) -> tuple[bool, exp.Expr]:
    """Whether what stands behind signs and in parentheses is negative, and that: a number there is one constant with them."""
    negative = False
    while isinstance(node, exp.Paren | exp.Neg):
        negative ^= isinstance(node, exp.Neg)
        node = node.this
    return negative, node


def written_place(node: exp.Expr, clause: str) -> int | None:
    """The number of a column of the list; None: an expression. What stands in parentheses and behind signs is a constant as well
    (gram.y, doNegate), and one that is no integer is refused there (parse_clause.c, findTargetlistEntrySQL92).

    Raises:
        SqlError: 42601.
    """
    negative, inner = _signed(node)
    is_number = isinstance(inner, exp.Literal) and not inner.args.get("is_string")
    if is_number and str(inner.this).isdigit() and int(inner.this) <= _MOST_INTEGER:
        return -int(inner.this) if negative else int(inner.this)
    if is_number or (not negative and isinstance(inner, exp.Literal | exp.Null | exp.Boolean)):
        raise SqlError("42601", f"non-integer constant in {clause}")
    return None
