"""The catalog at one version as the binder sees it: relations with typed columns, types, names along the search path.

Theory: made once per version from native records and shared by all sessions; names are resolved by schema, in the order of the
path, `pg_catalog` first where it is not named. A definition changes one record of many, so a catalog is made after another one,
of which it takes what is the same. Invariant: nothing here changes once it is made, and a catalog that was made after another is
the one that would have been made alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.catalog.keyspace import Restricted
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.tables import Image, Layout

PG_CATALOG, INFORMATION = 11, 13_000
BUILT_IN_SCHEMAS = {"pg_catalog": PG_CATALOG, "information_schema": INFORMATION, "redis": 13_001, "hyperdb": 13_002}


TEMPORARY_PREFIX = "pg_temp_"
"""What names of schemas of temporary objects begin with."""


def own_schema(schema: str | None, path: Sequence[str]) -> str | None:
    """A schema by its name; `pg_temp` is the session's own one of temporary objects, which the path has if it is there."""
    if schema != "pg_temp":
        return schema
    return next((each for each in path if each.startswith(TEMPORARY_PREFIX)), schema)


@dataclass(frozen=True, slots=True)
class RelationColumn:
    """A column as people see it. `slot` is its place in rows, `number` its attribute number."""

    name: str
    kind: Kind
    slot: int
    number: int
    record: records.Column | None = None

    @property
    def not_null(self) -> bool:
        """Whether it takes no null."""
        return self.record is not None and self.record.not_null


@dataclass(frozen=True, eq=False)
class Relation:
    """A table, a view, or a relation made from the catalog (`rows`)."""

    oid: int
    schema: str
    name: str
    columns: tuple[RelationColumn, ...]
    record: records.Table | records.View | None = None
    width: int = 0
    """Slots of a row, hidden ones included."""
    rows: Callable[[Any], Iterator[Sequence[Any]]] | None = None
    indexes: tuple[tuple[int, records.Index], ...] = ()
    restricted: Restricted | None = None
    """How its rows are made from what conditions say of some columns, where that spares reading all of it."""

    @property
    def table(self) -> records.Table:
        """The table's record.

        Raises:
            SqlError: 42809 where it is no table.
        """
        if not isinstance(self.record, records.Table):
            raise SqlError("42809", f'"{self.name}" is not a table')
        return self.record

    def column(self, name: str) -> RelationColumn | None:
        """By name."""
        return next((column for column in self.columns if column.name == name), None)

    def by_number(self, number: int) -> RelationColumn | None:
        """By attribute number."""
        return next((column for column in self.columns if column.number == number), None)

    @cached_property
    def slot_of(self) -> dict[int, int]:
        """Slots by column id, hidden columns included."""
        live = [column.id for column in self.table.columns if not column.dropped]
        return {number: place for place, number in enumerate(live)}


# A transaction may make many definitions, each of which is read by others again: records are immutable, and read once.
_decoded = lru_cache(maxsize=1 << 14)(records.decode)
_OTHERS_DEPEND = (records.App, records.UserType)
"""What other objects are read by: the names of schemas, what types are made of."""


class Catalog:
    """See the module's head."""

    def __init__(
        self, image: Image, built_in: Callable[[Catalog], dict[tuple[str, str], Relation]], before: Catalog | None = None
    ) -> None:
        """With what is as it was in `before`, a catalog at any other moment."""
        self.image = image
        self.version = image.version()
        self.cache: dict[tuple[str, int], Any] = {}
        """What others derive from this catalog, by what and object."""
        if before is None or not self._follow(before):
            self._read()
        self._built_in = built_in(self)

    def _read(self) -> None:
        """All of the image."""
        self.objects: dict[int, records.Object] = {number: _decoded(data) for number, data in self.image.objects()}
        self.schemas: dict[str, int] = dict(BUILT_IN_SCHEMAS)
        self.apps: dict[int, str] = {}
        self._names: dict[tuple[str, str], int] = {}
        self._types: dict[tuple[str, str], int] = {}
        for number, found in self.objects.items():
            if isinstance(found, records.App):
                self.schemas[found.name] = number
                self.apps[found.number] = found.name
        self.indexes: dict[int, list[tuple[int, records.Index]]] = {}
        for number, found in self.objects.items():
            if isinstance(found, records.App):
                continue
            key = (self.apps.get(found.app, ""), found.name)
            (self._types if isinstance(found, records.UserType) else self._names)[key] = number
            if isinstance(found, records.Index):
                self.indexes.setdefault(found.table, []).append((number, found))
        self._relations: dict[int, Relation] = {}
        self.domains = frozenset(
            number
            for number, found in self.objects.items()
            if isinstance(found, records.UserType) and found.form == records.DOMAIN
        )
        """Numbers of the domains."""

    def _follow(self, before: Catalog) -> bool:
        """As `_read`, from another catalog and what is other now; False, and nothing done, where too much depends on that."""
        found = self.image.changes(before.image)
        changed = {number: None if data is None else _decoded(data) for number, data in found}
        both = [*changed.values(), *(before.objects.get(number) for number in changed)]
        if any(isinstance(each, _OTHERS_DEPEND) for each in both):
            return False
        self.schemas, self.apps, self.domains, self._types = before.schemas, before.apps, before.domains, before._types
        # Each is copied in one step of the interpreter: others may just look up a relation there.
        self.objects, self._names = dict(before.objects), dict(before._names)
        self.indexes, self._relations = dict(before.indexes), dict(before._relations)
        last = next(reversed(self.objects), 0)
        for number in changed:
            self._take_out(number)
        for number, record in changed.items():
            if record is not None:
                self._put_in(number, record)
        if any(record is not None and number < last for number, record in changed.items()):
            self.objects = dict(sorted(self.objects.items()))
        return True

    def _take_out(self, number: int) -> None:
        record = self.objects.get(number)
        self._relations.pop(number, None)
        if record is None:
            return
        del self.objects[number]
        key = (self.schema_name(record), record.name)
        if self._names.get(key) == number:
            del self._names[key]
        if isinstance(record, records.Index):
            self._set_indexes(record.table, [each for each in self.indexes.get(record.table, ()) if each[0] != number])

    def _put_in(self, number: int, record: records.Object) -> None:
        self.objects[number] = record
        self._names[self.schema_name(record), record.name] = number
        if isinstance(record, records.Index):
            self._set_indexes(record.table, sorted([*self.indexes.get(record.table, ()), (number, record)], key=_number))

    def _set_indexes(self, table: int, found: list[tuple[int, records.Index]]) -> None:
        """Other indexes make another relation."""
        self._relations.pop(table, None)
        if found:
            self.indexes[table] = found
        else:
            self.indexes.pop(table, None)

    def schema_name(self, record: records.Object) -> str:
        """The name of the schema that a record is in, or is."""
        return record.name if isinstance(record, records.App) else self.apps.get(record.app, "")

    def schema_of(self, number: int) -> str:
        """The name of the schema that an object lies in."""
        return self.schema_name(self.objects[number])

    def find(self, name: str, schema: str | None, path: Sequence[str]) -> int | None:
        """The number of a relation's name."""
        schema = own_schema(schema, path)
        for each in [schema] if schema is not None else path:
            number = self._names.get((each, name))
            if number is not None:
                return number
        return None

    def built_in(self, name: str, schema: str | None, path: Sequence[str]) -> Relation | None:
        """A relation made from the catalog."""
        if schema is not None:
            return self._built_in.get((schema, name))
        found = self._built_in.get(("pg_catalog", name))
        return found or next((self._built_in[each, name] for each in path if (each, name) in self._built_in), None)

    def all_built_in(self) -> dict[tuple[str, str], Relation]:
        """All of them."""
        return self._built_in

    def relation(self, number: int) -> Relation:
        """A table or view by its number.

        Raises:
            SqlError: 42809 where it is something else.
        """
        found = self._relations.get(number)
        if found is None:
            found = self._relations[number] = self._make(number)
        return found

    def _make(self, number: int) -> Relation:
        record = self.objects.get(number)
        schema = self.schema_of(number) if record else ""
        if isinstance(record, records.View):
            columns = tuple(
                RelationColumn(column.name, kinds.of_record(column.kind), place, column.id, column)
                for place, column in enumerate(record.columns)
            )
            return Relation(number, schema, record.name, columns, record, len(columns))
        if not isinstance(record, records.Table):
            raise SqlError("42809", f'"{getattr(record, "name", number)}" is not a table or view')
        if record.partition:
            # Made in CQL: to SQL its key is that of partitions and of the rows in them; indexes are CQL's.
            partition = tuple(records.KeyColumn(column=column) for column in record.partition)
            record = replace(record, key=(*partition, *record.key))
        live = [column for column in record.columns if not column.dropped]
        shown = [(column.place or column.id, slot, column) for slot, column in enumerate(live) if not column.hidden]
        columns = tuple(
            RelationColumn(column.name, kinds.of_record(column.kind), slot, column.id, column)
            for _, slot, column in sorted(shown, key=lambda each: each[0])
        )
        indexes = () if record.partition else tuple(sorted(self.indexes.get(number, ()), key=lambda each: each[0]))
        kept = tuple(each for each in indexes if not each[1].clustered)
        return Relation(number, schema, record.name, columns, record, len(live), None, kept)

    def layout(self, relation: Relation, extras: Sequence[bytes]) -> Layout:
        """How the rows of a table lie; `extras` are types of what stands behind its columns, as records have them."""
        return self.image.layout(relation.oid, extras)

    def user_type(self, name: str, schema: str | None, path: Sequence[str]) -> int | None:
        """The number of a type that users made; of the row type of a relation there is none."""
        schema = own_schema(schema, path)
        for each in [schema] if schema is not None else path:
            number = self._types.get((each, name))
            if number is not None:
                return number
        return None

    def named_type(self, name: str, schema: str | None, path: Sequence[str]) -> int | None:
        """As `user_type`; with an underscore before a type's name its array."""
        number = self.user_type(name, schema, path)
        if number is None and name.startswith("_"):
            inner = self.user_type(name[1:], schema, path)
            number = None if inner is None else kinds.array_of(inner)
        return number

    def base(self, kind: Kind) -> Kind:
        """What a domain is of, at the bottom; other types themselves."""
        while kind.oid in self.domains:
            record = self.objects[kind.oid]
            assert isinstance(record, records.UserType)
            kind = kinds.of_record(record.base)
        return kind

    def labels(self, oid: int) -> dict[str, float] | None:
        """An enum's labels and their places; None where it is no enum."""
        record = self.objects.get(oid)
        if not isinstance(record, records.UserType) or record.form != records.ENUM:
            return None
        return {label.name: _place(label.position) for label in record.labels}

    def type_names(self) -> dict[int, str]:
        """Names of user types by oid, for people."""
        return {number: found.name for number, found in self.objects.items() if isinstance(found, records.UserType)}


def _number(numbered: tuple[int, Any]) -> int:
    return numbered[0]


def _place(bits: int) -> float:

    found: float = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    return found


def place_bits(place: float) -> int:
    """A label's position as records store it."""

    return int.from_bytes(struct.pack("<d", place), "little")
