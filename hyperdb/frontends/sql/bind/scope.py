"""What names mean at a place of a statement.

Theory: a query's FROM makes sources, whose columns lie behind each other in its row. A name that no source has is looked for
in the query around, and captured from there. Derived tables and CTEs are queries of their own scope but of the same level:
they capture from the same place. Invariant: a name means one column or is refused (42702).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog.kinds import Kind
from hyperdb.frontends.sql.catalog.relations import Relation
from hyperdb.frontends.sql.plan.expressions import AggregateCall, Expr, Outer, Slot, WindowCall
from hyperdb.frontends.sql.plan.nodes import Plan


@dataclass(frozen=True, slots=True)
class Named:
    """A column of a source: its name, type, and place in the row. `origin`: relation and attribute number it comes from."""

    name: str
    kind: Kind
    place: int
    origin: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Source:
    """A table in FROM. `hidden` are columns that NATURAL or USING merged into one of another source."""

    name: str
    columns: tuple[Named, ...]
    schema: str | None = None
    relation: Relation | None = None
    hidden: frozenset[str] = frozenset()
    is_function: bool = False
    unlisted: frozenset[str] = frozenset()
    """Columns that * does not mean."""
    frame: int | None = None
    """Of which frame its rows are, if not of now."""

    def column(self, name: str) -> Named | None:
        """By name.

        Raises:
            SqlError: 42702 if there are two.
        """
        found = [column for column in self.columns if column.name == name]
        if len(found) > 1:
            raise SqlError("42702", f'column reference "{name}" is ambiguous')
        return found[0] if found else None


@dataclass(slots=True)
class Level:
    """What a subquery captures from the scope around it."""

    parent: Scope | None = None
    captures: list[Expr] = field(default_factory=list)

    def capture(self, expr: Expr) -> Expr:
        """The expression of the scope around, as seen inside."""
        if expr not in self.captures:
            self.captures.append(expr)
        return Outer(expr.kind, self.captures.index(expr))


@dataclass(slots=True)
class CommonTable:
    """A WITH entry: its plan each time it is named."""

    name: str
    plan: Plan
    columns: tuple[tuple[str, Kind], ...]
    origins: list[tuple[int, int]]
    """Relations and attribute numbers of the columns, (0, 0) for what is computed."""


@dataclass(slots=True)
class Scope:
    """See the module's head. `calls` gathers aggregates, `windows` window functions, where they are allowed."""

    level: Level
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, Expr | None] = field(default_factory=dict)
    """What columns merged by USING stand for; None where both sides of a join have merged one."""
    tables: dict[str, CommonTable] = field(default_factory=dict)
    outer_tables: Scope | None = None
    clause: str = ""
    calls: list[AggregateCall] | None = None
    windows: list[WindowCall] | None = None
    window_names: dict[str, object] = field(default_factory=dict)
    aliases: dict[str, Expr] = field(default_factory=dict)
    sets_allowed: bool = False
    width: int = 0
    """Columns of all sources together."""
    listed: list[tuple[str, Expr]] | None = None
    """What * means, where joins say it."""

    def inner(self) -> Scope:
        """A scope of the same level that sees the same common tables and no sources."""
        return Scope(self.level, outer_tables=self)

    def common_table(self, name: str) -> CommonTable | None:
        """A WITH entry in sight."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.tables:
                return scope.tables[name]
            scope = scope.outer_tables or scope.level.parent
        return None

    def find(self, name: str, table: str | None = None, schema: str | None = None) -> Expr | None:
        """The column; None where no scope has it.

        Raises:
            SqlError: 42702 where several have it.
        """
        found = self.own(name, table, schema)
        if found is None and self.level.parent is not None:
            around = self.level.parent.find(name, table, schema)
            if around is not None:
                return self.level.capture(around)
        return found

    def own(self, name: str, table: str | None = None, schema: str | None = None) -> Expr | None:
        """As `find`, of the own sources alone."""
        found: list[Expr] = []
        if table is None and name in self.merged:
            merged = self.merged[name]
            if merged is None:
                raise SqlError("42702", f'column reference "{name}" is ambiguous')
            found.append(merged)
        for source in self.sources:
            if table is not None and source.name != table:
                continue
            if schema is not None and source.schema != schema:
                continue
            if table is None and name in source.hidden:
                continue
            column = source.column(name)
            if column is not None:
                found.append(Slot(column.kind, column.place))
        if len(found) > 1:
            raise SqlError("42702", f'column reference "{name}" is ambiguous')
        return found[0] if found else None

    def source(self, name: str) -> Source | None:
        """A source by its name."""
        return next((source for source in self.sources if source.name == name), None)

    def knows_table(self, name: str) -> bool:
        """Whether a source here or around has the name."""
        return self.source(name) is not None or (self.level.parent is not None and self.level.parent.knows_table(name))

    def everything(self) -> Sequence[tuple[str, Expr]]:
        """What * means."""
        if self.listed is not None:
            return self.listed
        found: list[tuple[str, Expr]] = []
        for source in self.sources:
            found += [
                (column.name, Slot(column.kind, column.place))
                for column in source.columns
                if column.name not in source.hidden and column.name not in source.unlisted
            ]
        return found
