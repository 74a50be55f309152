"""Records of the catalog to what CQL shows of them.

Theory: one walk over the records of an image, types first, then tables with their indexes and views. A table by key (made in SQL)
has the first column of its key as its partition. What CQL has no words for (a type, a table without a primary key) is kept with
the reason. Invariant: what is read here and described (`describe.create`) makes the same records again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.describe.create import select_order
from hyperdb.frontends.cql.describe.schema import Column, Dropped, Index, Keyspace, Role, Table, View
from hyperdb.frontends.cql.parse.definitions import TargetKind
from hyperdb.frontends.cql.parse.parser import Grammar
from hyperdb.frontends.cql.parse.statements import Relation, Select
from hyperdb.frontends.cql.schema import masks, options
from hyperdb.frontends.cql.schema.keyed import Keyed
from hyperdb.frontends.cql.schema.model import Builtin, Known, Schema, Served, ServedIndex
from hyperdb.frontends.cql.types import catalog as types
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import Field, Type, Udt, is_collection
from hyperdb.frontends.cql.words import quoted
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.tables import Image

Relations = Callable[[str], tuple[Relation, ...]]
BY_TOKEN = 1
CQL = 1
TEMPORARY = "pg_temp_"
WHOLE, VALUES, KEYS, ENTRIES = 0, 1, 2, 3
PART_OF = {
    TargetKind.SIMPLE: WHOLE,
    TargetKind.FULL: WHOLE,
    TargetKind.VALUES: VALUES,
    TargetKind.KEYS: KEYS,
    TargetKind.ENTRIES: ENTRIES,
}
_KIND_OF = {VALUES: TargetKind.VALUES, KEYS: TargetKind.KEYS, ENTRIES: TargetKind.ENTRIES}


def relations_of(grammar: Grammar) -> Relations:
    """What reads the conditions of a view, which the catalog keeps as text."""

    def read(text: str) -> tuple[Relation, ...]:
        if not text:
            return ()
        found = grammar.parse(f"SELECT * FROM v WHERE {text}")  # noqa: S608 - a view's own text
        assert isinstance(found, Select)
        return found.where

    return read


def target(column: str, kind: TargetKind) -> str:
    """What an index is on, as CQL writes it."""
    return quoted(column) if kind is TargetKind.SIMPLE else f"{kind.value}({quoted(column)})"


def read(image: Image, builtin: Builtin, relations: Relations, before: Schema | None = None) -> Schema:
    """The schema of an image; what is as it was `before` is not read again."""
    if before is None or before.image is None:
        known = {number: Known(data, records.decode(data)) for number, data in image.objects()}
    else:
        known = dict(before.known)
        for number, data in image.changes(before.image):
            if data is None:
                known.pop(number, None)
            else:
                known[number] = Known(data, records.decode(data))
        known = dict(sorted(known.items()))
    return _Reading(image, known, relations).schema(builtin)


@dataclass
class _Reading:
    """One walk; see the module's head."""

    image: Image
    known: dict[int, Known]
    relations: Relations
    found: Mapping[int, records.Object] = field(init=False)
    names: dict[int, str] = field(default_factory=dict)
    """Keyspaces by their app."""
    made: dict[int, Udt] = field(default_factory=dict)
    making: set[int] = field(default_factory=set)
    tables: dict[tuple[str, str], Served] = field(default_factory=dict)
    unseen: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found = {number: each.record for number, each in self.known.items()}

    def of(self, kind: type[records.Object]) -> Iterable[tuple[int, records.Object]]:
        """Objects of a kind that lie in a keyspace."""
        for number, each in self.found.items():
            if isinstance(each, kind) and (isinstance(each, records.App) or each.app in self.names):
                yield number, each

    def schema(self, builtin: Builtin) -> Schema:
        apps: dict[str, records.App] = {}
        numbers: dict[str, int] = {}
        for number, each in self.of(records.App):
            assert isinstance(each, records.App)
            if not each.name.startswith(TEMPORARY):
                apps[each.name], numbers[each.name] = each, number
        self.names = {each.number: name for name, each in apps.items()}
        types_of, type_numbers = self._types()
        self._tables()
        taken = frozenset(
            (self.names[each.app], each.name)
            for each in self.found.values()
            if isinstance(each, records.Table | records.View | records.Index | records.Sequence) and each.app in self.names
        )
        inside: dict[str, list[Served]] = defaultdict(list)
        for (keyspace, _name), served in self.tables.items():
            inside[keyspace].append(served)
        keyspaces = {
            name: self._keyspace(app, types_of, inside[name]) for name, app in apps.items() if name not in builtin.keyspaces
        }
        return Schema(
            version=self.image.version(),
            keyspaces={**builtin.keyspaces, **keyspaces},
            virtual=builtin.virtual,
            tables={**self.tables, **builtin.tables},
            types=types_of,
            numbers=numbers,
            apps={name: app.number for name, app in apps.items()},
            type_numbers=type_numbers,
            unseen=self.unseen,
            owners=self._owners(),
            known=self.known,
            image=self.image,
            taken=taken,
        )

    def _owners(self) -> dict[tuple[str, str], str]:
        found = {}
        for each in self.found.values():
            if isinstance(each, records.App) and each.owner and each.number in self.names:
                found[each.name, ""] = each.owner
            elif isinstance(each, records.Table) and each.owner and each.app in self.names:
                found[self.names[each.app], each.name] = each.owner
        return found

    def _keyspace(self, app: records.App, kinds: Mapping[tuple[str, str], Udt], inside: list[Served]) -> Keyspace:
        replication, durable_writes = options.read_keyspace(app.options)
        return Keyspace(
            name=app.name,
            replication=replication,
            durable_writes=durable_writes,
            types=tuple(kind for (keyspace, _), kind in sorted(kinds.items()) if keyspace == app.name),
            tables=tuple(each.table for each in inside if isinstance(each.table, Table)),
            indexes=tuple(index.index for each in inside for index in each.indexes),
            views=tuple(each.table for each in inside if isinstance(each.table, View)),
        )

    # Types.

    def _types(self) -> tuple[dict[tuple[str, str], Udt], dict[tuple[str, str], int]]:
        kinds: dict[tuple[str, str], Udt] = {}
        numbers: dict[tuple[str, str], int] = {}
        for number, each in self.of(records.UserType):
            assert isinstance(each, records.UserType)
            if each.form != records.COMPOSITE:
                continue
            place = self.names[each.app], each.name
            numbers[place] = number
            try:
                kinds[place] = self._udt(number, each)
            except CqlError as error:
                self.unseen[place] = error.message
        return kinds, numbers

    def type_of(self, number: int) -> Type:
        """What a number in a type stands for: a user type, or what a domain is made of."""
        found = self.found.get(number)
        if not isinstance(found, records.UserType) or found.form == records.ENUM:
            raise invalid("CQL has no type enum")
        if found.form == records.DOMAIN:
            return types.read(found.base, self.type_of)
        return self._udt(number, found)

    def _udt(self, number: int, found: records.UserType) -> Udt:
        known = self.made.get(number)
        if known is not None:
            return known
        if number in self.making:
            raise invalid(f"type {found.name} holds itself")
        self.making.add(number)
        fields = tuple(Field(each.name, types.read(each.kind, self.type_of)) for each in found.fields if not each.dropped)
        self.making.discard(number)
        made = self.made[number] = Udt(self.names.get(found.app, ""), found.name, fields)
        return made

    # Tables.

    def _tables(self) -> None:
        indexes: dict[int, list[tuple[int, records.Index]]] = defaultdict(list)
        views: dict[int, list[tuple[int, str]]] = defaultdict(list)
        kinds = tuple(self.known[number].data for number, _ in self.of(records.UserType))
        for number, each in self.of(records.Index):
            assert isinstance(each, records.Index)
            indexes[each.table].append((number, each))
        for number, each in self.of(records.Table):
            assert isinstance(each, records.Table)
            if each.source.base:
                views[each.source.base].append((number, each.name))
        for number, each in self.of(records.Table):
            assert isinstance(each, records.Table)
            place = self.names[each.app], each.name
            try:
                # Of a view the base's names count, of a base its views' columns.
                others = [*(each for each, _ in indexes[number]), *(each for each, _ in views[number]), each.source.base]
                made_of = place, kinds, [(other, self.known[other].data) for other in others if other in self.known]
                known = self.known[number]
                if known.served is None or known.made_of != made_of:
                    shown = tuple(sorted(name for _, name in views[number]))
                    served = self._served(number, each, indexes[number], shown)
                    known = self.known[number] = Known(known.data, each, made_of, served)
                assert known.served is not None
                self.tables[place] = known.served
            except CqlError as error:
                self.unseen[place] = error.message
        for _, view in self.of(records.View):
            assert isinstance(view, records.View)
            self.unseen[self.names[view.app], view.name] = "it is a view of SQL's"

    def _served(
        self, number: int, found: records.Table, indexes: list[tuple[int, records.Index]], views: tuple[str, ...]
    ) -> Served:
        keyspace = self.names[found.app]
        if found.order != BY_TOKEN:
            return self._keyed(number, found, keyspace)
        columns = self._masked(found, tuple(select_order(self._columns(found))))
        said = options.read_table(found.options, found.comment)
        table_id = options.id_of(found.options, number)
        table: Table | View
        if found.source.base:
            base = self.found[found.source.base]
            where = self.relations(found.source.filter.text)
            assert isinstance(base, records.Table)
            table = View(keyspace, found.name, base.name, columns, where, found.source.all_columns, said, table_id)
        else:
            own = {"resp_prefix": found.resp_prefix} if found.resp_prefix else {}
            table = Table(keyspace, found.name, columns, said, own, table_id, self._dropped(found))
        ids = {column.name: column.id for column in found.columns if not column.dropped}
        by_id = {column.id: column.name for column in found.columns}
        kinds = {column.name: column.type for column in columns}
        served = [self._index(each, record, table, by_id, kinds) for each, record in indexes if not record.clustered]
        return Served(table, number, ids, tuple(sorted(served, key=lambda each: each.index.name)), views, self.image)

    def _keyed(self, number: int, found: records.Table, keyspace: str) -> Served:
        """A table that was made in SQL: the first column of its key is the partition."""
        ids = {column.name: column.id for column in found.columns if not column.dropped and not column.hidden}
        if any(part.column not in ids.values() for part in found.key):
            raise invalid("it was made in SQL, without a primary key")
        columns = tuple(select_order(self._columns(replace(found, partition=(found.key[0].column,), key=found.key[1:]))))
        own = {"resp_prefix": found.resp_prefix} if found.resp_prefix else {}
        said = options.read_table(found.options, found.comment)
        table = Table(keyspace, found.name, columns, said, own, options.id_of(found.options, number))
        source = Keyed(self.image, number, columns, tuple(ids[column.name] for column in columns))
        return Served(table, number, ids, image=self.image, source=source)

    def _columns(self, found: records.Table) -> Iterable[Column]:
        partition = {number: place for place, number in enumerate(found.partition)}
        clustering = {part.column: (place, part.descending) for place, part in enumerate(found.key)}
        for column in found.columns:
            if column.dropped or column.hidden:
                continue
            kind = types.read(column.kind, self.type_of)
            if column.id in partition:
                yield Column(column.name, kind, Role.PARTITION, partition[column.id])
            elif column.id in clustering:
                place, descending = clustering[column.id]
                yield Column(column.name, kind, Role.CLUSTERING, place, descending)
            else:
                yield Column(column.name, kind, Role.STATIC if column.is_static else Role.REGULAR)

    def _masked(self, found: records.Table, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """Columns with their masks; a view's are its base's, by name."""
        of = self.found[found.source.base] if found.source.base else found
        assert isinstance(of, records.Table)
        ids = {column.name: column.id for column in of.columns if not column.dropped}
        kinds = {ids[column.name]: column.type for column in columns if column.name in ids}
        known = masks.read(of.options, kinds)
        if not known:
            return columns
        return tuple(replace(column, mask=known.get(ids.get(column.name, -1))) for column in columns)

    def _dropped(self, found: records.Table) -> tuple[Dropped, ...]:
        newest: dict[str, Dropped] = {}
        for column in found.columns:
            if column.dropped and column.dropped_at:
                role = Role.STATIC if column.is_static else Role.REGULAR
                shown = Column(column.name, types.read(column.kind, self.type_of), role)
                newest[column.name] = Dropped(shown, column.dropped_at)
        return tuple(newest[name] for name in sorted(newest))

    def _index(
        self, number: int, found: records.Index, table: Table | View, by_id: Mapping[int, str], kinds: Mapping[str, Type]
    ) -> ServedIndex:
        part = found.columns[0]
        name = by_id[part.column]
        whole = TargetKind.FULL if is_collection(kinds[name]) else TargetKind.SIMPLE
        kind = _KIND_OF.get(part.part, whole)
        said = {each.name: each.value for each in found.options}
        shown = Index(table.keyspace, found.name, table.name, target(name, kind), found.method or None, said)
        return ServedIndex(shown, number, name, kind)
