"""One statement's binding: the parts that bind its pieces, and what they share.

Theory: a binder lives as long as one statement is bound. It knows a catalog, the search path and the types of parameters, and
gives a plan with its columns. Invariant: nothing is read or changed but the catalog's image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlglot import exp

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.access.privileges import USAGE
from hyperdb.frontends.sql.access.rights import Need
from hyperdb.frontends.sql.bind.coerce import Coercer
from hyperdb.frontends.sql.bind.expressions import Expressions
from hyperdb.frontends.sql.bind.origins import Origin, Origins
from hyperdb.frontends.sql.bind.scope import Level, Named, Scope, Source
from hyperdb.frontends.sql.bind.select import Columns, Queries
from hyperdb.frontends.sql.bind.sources import Sources
from hyperdb.frontends.sql.bind.writes import WriteBinder
from hyperdb.frontends.sql.catalog import keyspace, kinds
from hyperdb.frontends.sql.catalog.describe import Describe
from hyperdb.frontends.sql.catalog.kinds import TEXT, UNKNOWN, Kind
from hyperdb.frontends.sql.catalog.relations import Catalog, Relation, own_schema
from hyperdb.frontends.sql.parse.dialect import parse
from hyperdb.frontends.sql.plan.expressions import Expr
from hyperdb.frontends.sql.plan.nodes import Plan, Shared
from hyperdb.graph.catalog import records

_DEEPEST_VIEW = 50
_WORDS = {
    kinds.REGCLASS: ("42P01", "relation"),
    kinds.REGTYPE: ("42704", "type"),
    kinds.REGNAMESPACE: ("3F000", "schema"),
}


_CHECK_EVERY = 512


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A plan, its columns (None: it gives no rows) and where they come from, and what runs beside it whether or not it is read.

    `objects` are the relations that the plan was made from.
    """

    plan: Plan
    columns: tuple[tuple[str, Kind], ...] | None
    origins: tuple[Origin, ...]
    beside: tuple[Shared, ...]
    objects: frozenset[int]
    needs: frozenset[Need] = frozenset()
    """What whoever runs it must be allowed to do."""


class Binder:
    """See the module's head. `parameters` are oids, 0 where not known; they are filled in."""

    def __init__(
        self,
        catalog: Catalog,
        path: Sequence[str],
        parameters: list[int],
        offset: int = 0,
        *,
        fixed_parameters: bool = False,
        past: Callable[[int], Catalog] | None = None,
        frame: int | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.catalog = catalog
        self._cancelled, self._steps = cancelled, 0
        self._past = past
        self.frame = frame
        """The frame of which tables are read that say nothing of it."""
        self.path = tuple(path)
        self.offset = offset
        self.fixed_parameters = fixed_parameters
        self.coercer = Coercer(catalog, parameters, self._domain, self._named)
        self.expressions = Expressions(self)
        self.queries = Queries(self)
        self.sources = Sources(self)
        self.writes = WriteBinder(self)
        self.modifying: list[Shared] = []
        self.origins = Origins()
        self.objects: set[int] = set()
        self.needs: set[Need] = set()
        self._owner: str | None = ""
        self._names = 0
        self._views = 0

    def step(self) -> None:
        """One more expression is bound; a cancel ends a statement of many.

        Raises:
            SqlError: 57014.
        """
        self._steps += 1
        if self._steps % _CHECK_EVERY == 0 and self._cancelled():
            raise SqlError("57014", "canceling statement due to user request")

    def statement(self, node: exp.Expr) -> BoundQuery:
        """A query or a change of rows."""
        scope = Scope(Level())
        if isinstance(node, exp.Insert | exp.Update | exp.Delete | exp.Merge):
            plan, columns = self.writes.statement(node, scope)
        else:
            plan, columns = self.queries.query(node, scope)
        shown = None if columns is None else tuple((name, Kind(TEXT) if kind.oid == UNKNOWN else kind) for name, kind in columns)
        for place, oid in enumerate(self.coercer.parameters):
            if oid in (0, UNKNOWN):
                self.coercer.parameters[place] = TEXT
        origins = tuple(self.origins.of(plan, len(shown or ())))
        return BoundQuery(plan, shown, origins, tuple(self.modifying), frozenset(self.objects), frozenset(self.needs))

    @contextmanager
    def at_frame(self, number: int) -> Iterator[None]:
        """Inside, names mean what they meant at a frame.

        Raises:
            SqlError: 22023, 72000 if it cannot be read; 0A000 where the past has no place.
        """
        if self._past is None:
            raise SqlError("0A000", "AS OF FRAME is not supported here")
        before = self.catalog, self.frame
        self.catalog, self.frame = self._past(number), number
        try:
            yield
        finally:
            self.catalog, self.frame = before

    def new_name(self) -> int:
        """A number for a shared plan."""
        self._names += 1
        return self._names

    def relation(self, schema: str | None, name: str, position: int | None = None) -> Relation:
        """A relation by its name.

        Raises:
            SqlError: 42P01.
        """
        schema = own_schema(schema, self.path)
        number = self.catalog.find(name, schema, self.path)
        built_in = self.catalog.built_in(name, schema, self.path)
        if built_in is not None and (schema is not None or number is None or self._shadows(built_in)):
            return built_in
        if number is None:
            shown = f"{schema}.{name}" if schema else name
            raise SqlError("42P01", f'relation "{shown}" does not exist', position=position)
        if self.frame is None:
            self.objects.add(number)
        place = self.catalog.schemas.get(self.catalog.schema_of(number))
        if place is not None and self.frame is None:
            self.needs.add(Need(place, USAGE, 0, self._owner))
        return self.catalog.relation(number)

    def need(self, relation: Relation, bit: int, column: int = 0) -> None:
        """The statement needs a privilege on a table or view, or on a column of it."""
        if relation.rows is None or relation.schema == keyspace.SCHEMA:
            self.needs.add(Need(relation.oid, bit, column, self._owner))

    def need_column(self, origin: tuple[int, int], bit: int) -> None:
        """As `need`, of the column that a name stands for."""
        if origin[0] >= kinds.FIRST_USER:
            self.needs.add(Need(origin[0], bit, origin[1], self._owner))

    def _shadows(self, relation: Relation) -> bool:
        return relation.schema == "pg_catalog" and "pg_catalog" not in self.path

    def view(self, relation: Relation) -> tuple[Plan, Columns]:
        """What a view stands for, bound with the path of its making."""
        view = relation.record
        assert isinstance(view, records.View)
        if self._views >= _DEEPEST_VIEW:
            raise SqlError("54001", "views nest too deep")
        self._views += 1
        path, offset, self.path, self.offset = self.path, self.offset, view.query.path, -(1 << 40)
        # What a view reads is read with the rights of its owner.
        owner, self._owner = self._owner, view.owner or None
        try:
            plan, columns = self.queries.query(parse(view.query.text), Scope(Level()))
        finally:
            self.path, self.offset, self._owner = path, offset, owner
            self._views -= 1
        names = [column.name for column in relation.columns]
        return plan, [(name, kind) for name, (_, kind) in zip(names, columns, strict=False)]

    def over(self, relation: Relation, text: str, what: str, kind: Kind | None = None, path: Sequence[str] = ()) -> Expr:
        """An expression of the catalog over a relation's row: a default, a check, an index's expression."""
        columns = tuple(Named(column.name, column.kind, column.slot) for column in relation.columns)
        scope = Scope(Level(), [Source(relation.name, columns, relation.schema)], clause=what, width=relation.width)
        return self.alone(text, scope, kind, path)

    def alone(self, text: str, scope: Scope, kind: Kind | None = None, path: Sequence[str] = ()) -> Expr:
        """An expression of the catalog in a scope of its own."""
        before, offset, self.path, self.offset = self.path, self.offset, tuple(path) or self.path, -(1 << 40)
        try:
            node = parse(f"SELECT {text}").expressions[0]
            found = self.expressions.bind(node, scope)
            return found if kind is None else self.coercer.coerce(found, kind, "assignment")
        finally:
            self.path, self.offset = before, offset

    def _named(self, kind: int, name: str) -> int:
        """The object that a literal of a reg... type names.

        Raises:
            SqlError: 42P01, 42704, 3F000.
        """
        found = Describe(self.catalog, self.path, lambda: "").find(kind, name)
        if found is None:
            state, word = _WORDS.get(kind, ("42704", "object"))
            raise SqlError(state, f'{word} "{name}" does not exist')
        return found

    def _domain(self, oid: int) -> tuple[str, bool, tuple[tuple[str, Expr], ...]]:
        """Name, NOT NULL and checks of a domain and of those below it."""
        name, not_null, checks = "", False, []
        number: int | None = oid
        while number is not None:
            record = self.catalog.objects[number]
            assert isinstance(record, records.UserType)
            name = name or record.name
            not_null = not_null or record.not_null
            base = self.catalog.base(Kind(oid))
            scope = Scope(Level(), [Source("", (Named("value", base, 0),))], clause="a domain's check", width=1)
            for constraint in record.constraints:
                condition = self.alone(constraint.check.text, scope, Kind(kinds.BOOL), constraint.check.path)
                checks += [(constraint.name, condition)]
            below = kinds.of_record(record.base)
            number = below.oid if below.oid in self.catalog.domains else None
        return name, not_null, tuple(checks)
