"""PostgreSQL's types: numbers, names, and their values as text and as binary, both ways.

Theory: a value is a plain Python object, chosen so that all of PostgreSQL's ranges fit. bool: bool; int2, int4, int8, oid,
xid, reg...: int; float4, float8: float; numeric: decimal.Decimal; text, varchar, bpchar, name, "char", json, jsonb, enums, inet,
cidr, macaddr, bit, varbit: str; bytea: bytes; uuid: uuid.UUID; date: days since 1970-01-01 as int, time: microseconds since
midnight, timestamp and timestamptz: microseconds since 1970-01-01 (UTC) as int, the ends of their stored width being the
infinities; timetz: (microseconds, seconds west of UTC); interval: (months, days, microseconds); arrays: (nested) list, as a
`Bounded` list where a dimension does not begin at 1; records: tuple. NULL is None. Invariant: nothing here knows SQL or messages.
"""

from hyperdb.frontends.sql.types.model import DEFAULT, Style, Type

__all__ = ["DEFAULT", "Style", "Type"]
