"""Tables that were made in SQL, for CQL's readers: their rows in the order of their key, as the wire's bytes.

Theory: such a table lies by its key, whose first column is its partition here; a page of rows is read at a time, from behind the
last key, so a scan holds no more than that. Invariant: a value that CQL's type cannot hold (NaN of a numeric, an address with a
mask) is refused, never bent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.cql.describe.schema import Column, Role
from hyperdb.frontends.cql.schema.rows import Facts, Row
from hyperdb.frontends.cql.types.codec import codec
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import Native
from hyperdb.graph.catalog.tables import Image, Layout

_PAGE = 500
_EVER = (1 << 63) - 1


def _millis(micros: int) -> int:
    if abs(micros) >= _EVER:
        raise invalid("A timestamp of infinity is no value of CQL")
    return micros // 1000


def _number(value: Any) -> Any:
    if not value.is_finite():
        raise invalid(f"A numeric of {value} is no value of CQL")
    return value


def _address(text: str) -> Any:
    try:
        return ipaddress.ip_address(text.partition("/")[0] if text.endswith(("/32", "/128")) else text)
    except ValueError:
        raise invalid(f"The network {text} is no value of CQL") from None


_FROM_SQL: dict[str, Callable[[Any], Any]] = {"timestamp": _millis, "decimal": _number, "inet": _address}
_TO_SQL: dict[str, Callable[[Any], Any]] = {"timestamp": lambda millis: millis * 1000, "inet": str}


def _unchanged(value: Any) -> Any:
    return value


def _name(column: Column) -> str:
    return column.type.name if isinstance(column.type, Native) else ""


@dataclass(frozen=True, eq=False)
class Keyed:
    """See the module's head. `ids` are the columns' numbers."""

    image: Image
    number: int
    columns: tuple[Column, ...]
    ids: tuple[int, ...]

    @cached_property
    def _layout(self) -> Layout:
        return self.image.layout(self.number, ())

    @cached_property
    def _slots(self) -> list[tuple[int, Callable[[Any], Any], Callable[[Any], bytes]]]:
        place = {number: at for at, number in enumerate(self._layout.columns())}
        return [
            (place[number], _FROM_SQL.get(_name(column), _unchanged), codec(column.type).encode)
            for number, column in zip(self.ids, self.columns, strict=True)
        ]

    @cached_property
    def _keys(self) -> list[Column]:
        return [column for column in self.columns if column.role in (Role.PARTITION, Role.CLUSTERING)]

    def _values(self, wires: Sequence[bytes]) -> list[Any]:
        """Values of the first columns of the key, as SQL has them."""
        pairs = zip(self._keys, wires, strict=False)
        return [_TO_SQL.get(_name(column), _unchanged)(codec(column.type).decode(wire)) for column, wire in pairs]

    def rows(self, facts: Facts, partition: Sequence[bytes] | None, behind: Sequence[bytes] | None = None) -> Iterator[Row]:
        """The rows; `RowSource.rows`."""
        ends = None if partition is None else (self._values(partition), True)
        low = ends if behind is None else (self._values(behind), False)
        after: bytes | None = None
        while True:
            try:
                page, after = facts.transaction.page(self._layout, None, low, ends, False, False, after, _PAGE)
            except SqlError as error:
                raise invalid(error.message) from error
            for row in page:
                yield [None if row[at] is None else encode(change(row[at])) for at, change, encode in self._slots]
            if after is None:
                return
