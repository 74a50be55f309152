"""What a type is to the wire and to casts: two readers and two writers, and what may change how they speak.

Theory: PostgreSQL gives each type four functions (input, output, receive, send). Here they are four callables of one record, and
the settings that they follow are passed in as one immutable `Style`. Invariant: a reader returns a value of its type's class, or
raises `SqlError`; a writer accepts every value that a reader can return.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from hyperdb.frontends.sql.types.charsets import UTF8, Charset


@dataclass(frozen=True, slots=True)
class Style:
    """How values are read and written as text: the settings of the same names, checked."""

    date_style: str = "ISO"
    """ISO, SQL, Postgres or German."""
    date_order: str = "MDY"
    """MDY, DMY or YMD."""
    interval_style: str = "postgres"
    """postgres, postgres_verbose, sql_standard or iso_8601."""
    time_zone: tzinfo = UTC
    time_zone_name: str = "UTC"
    extra_float_digits: int = 1
    bytea_output: str = "hex"
    now: Callable[[], int] | None = None
    """Microseconds since 1970 at the start of the transaction, for `now`, `today` and their like. None: they are refused."""
    relation_name: Callable[[int, int], str | None] | None = None
    """Name of the object that an oid of a reg... type (its oid comes first) stands for, quoted where it must be."""
    relation_oid: Callable[[int, str], int] | None = None
    """The reverse; raises `SqlError` where there is no such object."""
    charset: Charset = UTF8
    """What the client's bytes of texts are; readers and writers of types see texts."""

    @property
    def is_common(self) -> bool:
        """Whether values are read and written as by native code, which knows one spelling, but for the time zone."""
        is_usual = self.date_style == "ISO" and self.extra_float_digits >= 1 and self.bytea_output == "hex"
        return is_usual and self.charset.is_unicode


DEFAULT = Style()


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """One type. `length` is -1 where it varies, -2 for C strings, as pg_type has it; `category` is pg_type's letter."""

    oid: int
    name: str
    array: int
    length: int
    category: str
    read_text: Callable[[str, Style], Any]
    write_text: Callable[[Any, Style], str]
    read_binary: Callable[[bytes], Any]
    write_binary: Callable[[Any], bytes]
    element: Type | None = None
    """Of an array (and of oidvector and int2vector)."""
    delimiter: str = ","
    preferred: bool = False
