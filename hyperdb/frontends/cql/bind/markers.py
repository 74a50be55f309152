"""Markers of a statement: what each stands for, as PREPARE tells it.

Invariant: a marker's number is its place in the text, whatever the order in which they are bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.bind.frame import Value
from hyperdb.frontends.cql.codes import ErrorCode
from hyperdb.frontends.cql.parse.terms import Marker
from hyperdb.frontends.cql.protocol.responses import Column
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import BLOB, Type

MOST = 65_535


@dataclass(frozen=True, slots=True)
class Receiver:
    """What takes a value: a column, an element of one, an argument."""

    name: str
    type: Type
    misfit: Callable[[], str] | None = None
    """What is told of a value that cannot be this one, if it is part of another."""

    def part(self, name: str, kind: Type, misfit: Callable[[], str]) -> Receiver:
        """Of a part of what it takes; where that does not fit the outermost value is told."""
        return Receiver(name, kind, self.misfit or misfit)

    def refused(self, otherwise: str) -> CqlError:
        """The error of a value that cannot be taken."""
        return invalid(otherwise if self.misfit is None else self.misfit())


class Markers:
    """Gathers what the markers of one statement are."""

    def __init__(self, markers: Sequence[Marker]) -> None:
        if len(markers) > MOST:
            raise invalid(f"Too many markers(?). {len(markers)} markers exceed the allowed maximum of {MOST}")
        self._markers = markers
        self._numbers = {marker.position: number for number, marker in enumerate(markers)}
        self._found: dict[int, tuple[str, str, Receiver]] = {}

    def take(self, marker: Marker, receiver: Receiver, keyspace: str, table: str) -> int:
        """The marker's number; from now on it stands for `receiver`."""
        number = self._numbers[marker.position]
        self._found[number] = keyspace, table, receiver
        return number

    def specifications(self) -> tuple[Column, ...]:
        """All of them, in their order."""
        found = []
        for number, marker in enumerate(self._markers):
            keyspace, table, receiver = self._found.get(number, ("", "", Receiver("?", BLOB)))
            found.append(Column(keyspace, table, marker.name or receiver.name, receiver.type))
        return tuple(found)


def arranged(
    names: Sequence[str] | None, values: Sequence[Value], columns: Sequence[Column], *, is_prepared: bool = False
) -> Sequence[Value]:
    """A request's values in the order of the markers.

    Raises:
        CqlError: invalid, where there are more or fewer than markers; protocol for names that are not there.
    """
    if names is not None:
        given = dict(zip(names, values, strict=True))
        missing = [column.name for column in columns if column.name not in given]
        if missing:
            raise CqlError(ErrorCode.INVALID, f"Missing value for bind variable {missing[0]}")
        return [given[column.name] for column in columns]
    if len(values) != len(columns):
        counted = f"there were {len(columns)} markers(?) in CQL but {len(values)} bound variables"
        raise invalid(counted if is_prepared else "Invalid amount of bind variables")
    return values
