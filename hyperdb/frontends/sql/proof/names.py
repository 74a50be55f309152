"""How the catalog's names and objects lie in the system's own app, and which of them a query has asked for.

Theory: docs/file-format.md (The system's app): a name is an element that holds a number, an object an element that holds its
record. That a name means nothing is the absence of its element; so whoever resolves a name along a path shows each step.
Invariant: a `Witness` answers as the catalog does that it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence

from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.relations import BUILT_IN_SCHEMAS, Catalog, Relation
from hyperdb.graph.catalog import records

RELATIONS, TYPES, APPS = 1, 2, 3
SYSTEM = b""


def object_id(number: int) -> bytes:
    """The element of an object."""
    return b"\x03" + number.to_bytes(8, "big")


def name_id(space: int, app: int, name: str) -> bytes:
    """The element of a name in a space; schemas are names of app 0."""
    return bytes([4, space]) + app.to_bytes(4, "big") + name.encode()


def rows_id(number: int) -> bytes:
    """The element that holds the rows of a table, in the table's app."""
    return b"\x00" + number.to_bytes(8, "big")


def user_types(record: records.Object) -> list[int]:
    """Numbers of the user types that an object's columns or base are of."""
    columns = record.columns if isinstance(record, records.Table | records.View) else ()
    found = [column.kind for column in columns if column.kind]
    if isinstance(record, records.UserType) and record.base:
        found.append(record.base)
    oids = (kinds.of_record(kind).oid for kind in found)
    return [oid - 2 if oid % 4 == 2 else oid for oid in oids if oid >= kinds.FIRST_USER]


class Witness(Catalog):
    """A catalog that notes what it was asked for."""

    def __init__(self, catalog: Catalog) -> None:
        self.__dict__.update(catalog.__dict__)
        self._relations: dict[int, Relation] = {}
        self._asked: dict[bytes, None] = {}

    def find(self, name: str, schema: str | None, path: Sequence[str]) -> int | None:
        """See `Catalog`."""
        return self._looked(RELATIONS, name, schema, path, self._names)

    def user_type(self, name: str, schema: str | None, path: Sequence[str]) -> int | None:
        """See `Catalog`."""
        return self._looked(TYPES, name, schema, path, self._types)

    def _looked(
        self, space: int, name: str, schema: str | None, path: Sequence[str], names: dict[tuple[str, str], int]
    ) -> int | None:
        for each in [schema] if schema is not None else path:
            place = self.schemas.get(each)
            if each in BUILT_IN_SCHEMAS and place == BUILT_IN_SCHEMAS[each]:
                continue
            self._asked[name_id(APPS, 0, each)] = None
            if place is None:
                continue
            self._asked[object_id(place)] = None
            app = self.objects[place]
            assert isinstance(app, records.App)
            self._asked[name_id(space, app.number, name)] = None
            found = names.get((each, name))
            if found is not None:
                self.note(found)
                return found
        return None

    def note(self, number: int) -> None:
        """An object is needed, and the types that it names."""
        waiting = [number]
        while waiting:
            each = waiting.pop()
            if object_id(each) not in self._asked and each in self.objects:
                self._asked[object_id(each)] = None
                waiting += user_types(self.objects[each])

    def asked(self) -> list[bytes]:
        """Elements of the system's app that say what it answered."""
        return list(self._asked)
