"""Names and definitions of objects, as PostgreSQL's functions tell them: format_type, pg_get_indexdef, regclass and so on.

Invariant: a definition that is told here, run as a statement, makes the same object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.catalog import input_functions, kinds, procedures
from hyperdb.frontends.sql.catalog.kinds import REGCLASS, REGNAMESPACE, REGTYPE, Kind
from hyperdb.frontends.sql.catalog.relations import Catalog
from hyperdb.frontends.sql.functions.texts import quote_ident
from hyperdb.frontends.sql.parse.split import words
from hyperdb.graph.catalog import records

_ACTIONS = {
    records.RESTRICT: "RESTRICT",
    records.CASCADE: "CASCADE",
    records.SET_NULL: "SET NULL",
    records.SET_DEFAULT: "SET DEFAULT",
}
# A key of an index that is one call needs no parentheses.
_CALL = re.compile(r"[a-z_][a-z0-9_.]*\([^()]*(?:\([^()]*\)[^()]*)*\)", re.IGNORECASE)


class Describe:
    """See the module's head. `path` begins with the schemas that are searched first."""

    def __init__(
        self, catalog: Catalog, path: Sequence[str], role: Callable[[], str], shown: Callable[..., str] | None = None
    ) -> None:
        self.catalog = catalog
        self.path = path
        self._role = role
        self._shown = shown

    def expression(self, expression: records.Expression, owner: int, kind: Kind | None = None, *, pretty: bool = False) -> str:
        """An expression of a table or domain; of a default with its column's type."""
        if self._shown is None or not expression:
            return expression.text
        return self._shown(expression, owner, kind, pretty=pretty)

    def default(self, owner: int, column: records.Column) -> str | None:
        """A column's default or how it is generated; None: neither."""
        return self.expression(column.default, owner, kinds.of_record(column.kind)) or None

    def qualified(self, number: int) -> str:
        """An object's name, with its schema where the path does not lead there first."""
        found = self.catalog.objects.get(number)
        if found is None or isinstance(found, records.App):
            return quote_ident(found.name) if found is not None else str(number)
        name = quote_ident(found.name)
        return name if self.is_visible(number) else f"{quote_ident(self.catalog.schema_of(number))}.{name}"

    def is_visible(self, number: int) -> bool | None:
        """Whether its bare name means it."""
        found = self.catalog.objects.get(number)
        if found is None or isinstance(found, records.App):
            built_in = self._built_in(number)
            # Those of information_schema are seen without their schema only where the path says so.
            shown = built_in is not None and ("." not in built_in or built_in.split(".")[0] in self.path)
            if built_in is not None:
                return shown
            return True if number in kinds.BUILT_IN or number in kinds.ELEMENT else None
        finder = self.catalog.user_type if isinstance(found, records.UserType) else self.catalog.find
        return finder(found.name, None, self.path) == number

    def _built_in(self, number: int) -> str | None:
        for (schema, name), relation in self.catalog.all_built_in().items():
            if relation.oid == number:
                return name if schema == "pg_catalog" else f"{schema}.{name}"
        return None

    def format_type(self, oid: int | None, modifier: int | None) -> str | None:
        """format_type."""
        if oid is None:
            return None
        if oid == 0:
            return "-"
        base = kinds.element(oid) or oid
        if base >= kinds.FIRST_USER:
            found = self.catalog.objects.get(base)
            if found is None:
                return "???"
            return self.qualified(base) + ("[]" if base != oid else "")
        if oid == kinds.BPCHAR and modifier in (-1, None):
            return "character" if modifier is None else "bpchar"
        return kinds.name_of(Kind(oid, -1 if modifier is None else modifier))

    def name(self, kind: int, oid: int) -> str | None:
        """What a value of a reg... type shows."""
        if kind == REGTYPE:
            return (
                self.format_type(oid, None)
                if oid in kinds.BUILT_IN or oid in kinds.ELEMENT or (kinds.element(oid) or oid) in self.catalog.objects
                else None
            )
        if kind == REGNAMESPACE:
            return next((quote_ident(name) for name, number in self.catalog.schemas.items() if number == oid), None)
        if kind == kinds.REGROLE:
            return self._role() if oid == 10 else None
        if kind in (kinds.REGPROC, kinds.REGPROCEDURE):
            entry = procedures.BY_OID.get(oid)
            if entry is None:
                return input_functions.BY_OID.get(oid)
            return entry.name if kind == kinds.REGPROC else f"{entry.name}({procedures.arguments(entry)})"
        if oid in self.catalog.objects:
            return self.qualified(oid)
        return self._built_in(oid)

    def find(self, kind: int, name: str) -> int | None:
        """Back from `name`."""
        parts = [
            text[1:-1].replace('""', '"') if what == "name" else text.lower() for what, text, _ in words(name) if text != "."
        ]
        if kind == REGTYPE:
            return self.find_type(name)
        if kind == REGNAMESPACE:
            if len(parts) != 1:
                raise SqlError("42602", "invalid name syntax")
            return self.catalog.schemas.get(parts[0])
        if kind == kinds.REGROLE:
            return 10 if parts and parts[0] == self._role() else None
        if kind == REGCLASS:
            return self.find_relation(name)
        if kind in (kinds.REGPROC, kinds.REGPROCEDURE) and parts:
            return self._find_function(parts, name.partition("(")[2].rpartition(")")[0] if "(" in name else None)
        return None

    def _find_function(self, parts: Sequence[str], arguments: str | None) -> int | None:
        name = next((part for part in parts if part not in ("pg_catalog", "(")), "")
        found = procedures.named(name)
        read = input_functions.named(name)
        if not found and read is not None:
            return read
        if arguments is not None:
            wanted = tuple(self.find_type(each) for each in arguments.split(",")) if arguments.strip() else ()
            found = [oid for oid in found if procedures.BY_OID[oid].arguments == wanted]
        if len(found) > 1:
            raise SqlError("42725", f'more than one function named "{name}"')
        return found[0] if found else None

    def find_relation(self, name: str) -> int | None:
        """to_regclass."""
        parts = [
            text[1:-1].replace('""', '"') if what == "name" else text.lower() for what, text, _ in words(name) if text != "."
        ]
        if not 1 <= len(parts) <= 2:
            return None
        schema = parts[0] if len(parts) == 2 else None
        found = self.catalog.find(parts[-1], schema, self.path)
        if found is None:
            built_in = self.catalog.built_in(parts[-1], schema, self.path)
            return None if built_in is None else built_in.oid
        return found

    def find_type(self, name: str) -> int | None:
        """to_regtype."""
        text = name.strip()
        if text.endswith("[]"):
            inner = self.find_type(text[:-2])
            return None if inner is None else kinds.array_of(inner)
        text = text.partition("(")[0].strip()
        spoken = next((row.oid for row in kinds.BUILT_IN.values() if row.spoken == text.lower()), None)
        if spoken is not None:
            return spoken
        parts = [
            each[1:-1].replace('""', '"') if what == "name" else each.lower() for what, each, _ in words(text) if each != "."
        ]
        aliases = {"int": "int4", "decimal": "numeric", "float": "float8", "varchar": "varchar", "char": "bpchar"}
        bare = aliases.get(parts[-1], parts[-1]) if parts else ""
        if bare in kinds.NAMES and (len(parts) == 1 or parts[0] == "pg_catalog"):
            return kinds.NAMES[bare]
        return self.catalog.named_type(parts[-1], parts[0] if len(parts) > 1 else None, self.path) if parts else None

    def _columns(self, table: records.Table) -> dict[int, str]:
        return {column.id: quote_ident(column.name) for column in table.columns}

    def index_definition(self, number: int, column: int = 0, *, pretty: bool = False) -> str | None:
        """pg_get_indexdef."""
        index = self.catalog.objects.get(number)
        if not isinstance(index, records.Index):
            return None
        table = self.catalog.objects[index.table]
        assert isinstance(table, records.Table)
        names = self._columns(table)
        parts = []
        for part in index.columns:
            text = names[part.column] if part.column else self.expression(part.expression, index.table, pretty=pretty)
            if not part.column and not _CALL.fullmatch(text):
                text = f"({text})"
            first = part.nulls == records.NULLS_FIRST
            if column == 0 and part.descending:
                text += " DESC"
            if column == 0 and part.nulls != records.NULLS_NEVER and first is not part.descending:
                text += " NULLS FIRST" if first else " NULLS LAST"
            parts.append(text)
        if column:
            return parts[column - 1] if column <= len(parts) else ""
        unique = "UNIQUE " if index.unique else ""
        schema = "" if pretty and self.is_visible(index.table) else f"{quote_ident(self.catalog.schema_of(index.table))}."
        target = f"{schema}{quote_ident(table.name)} USING {index.method or 'btree'} ({', '.join(parts)})"
        text = f"CREATE {unique}INDEX {quote_ident(index.name)} ON {target}"
        if index.included:
            text += f" INCLUDE ({', '.join(names[each] for each in index.included)})"
        if index.nulls_equal:
            text += " NULLS NOT DISTINCT"
        if index.predicate:
            text += f" WHERE {self.expression(index.predicate, index.table, pretty=pretty)}"
        return text

    def constraint(self, number: int) -> tuple[int, records.Constraint] | None:
        """The table of a constraint and its record."""
        for owner, found in self.catalog.objects.items():
            if isinstance(found, records.Table | records.UserType):
                for constraint in found.constraints:
                    if constraint.number == number:
                        return owner, constraint
        return None

    def constraint_definition(self, number: int, *, pretty: bool = False) -> str | None:
        """pg_get_constraintdef."""
        found = self.constraint(number)
        if found is None:
            return None
        owner, constraint = found
        behind = " NOT VALID" if constraint.unvalidated else ""
        if constraint.kind == records.CHECK:
            return f"CHECK ({self.expression(constraint.check, owner, pretty=pretty)}){behind}"
        table = self.catalog.objects[owner]
        assert isinstance(table, records.Table)
        names = self._columns(table)
        columns = ", ".join(names[each] for each in constraint.columns)
        if constraint.kind == records.PRIMARY:
            return f"PRIMARY KEY ({columns})"
        if constraint.kind == records.UNIQUE:
            return f"UNIQUE {'NULLS NOT DISTINCT ' if constraint.nulls_equal else ''}({columns})"
        parent = self.catalog.objects[constraint.parent]
        assert isinstance(parent, records.Table)
        others = ", ".join(self._columns(parent)[each] for each in constraint.parent_columns)
        text = f"FOREIGN KEY ({columns}) REFERENCES {self.qualified(constraint.parent)}({others})"
        if constraint.match_full:
            text += " MATCH FULL"
        for word, action in (("UPDATE", constraint.on_update), ("DELETE", constraint.on_delete)):
            if action in _ACTIONS:
                text += f" ON {word} {_ACTIONS[action]}"
        if constraint.set_columns:
            text += f" ({', '.join(names[each] for each in constraint.set_columns)})"
        text += (" DEFERRABLE" if constraint.deferrable else "") + (" INITIALLY DEFERRED" if constraint.deferred else "")
        return text + behind

    def view_definition(self, number: int) -> str | None:
        """pg_get_viewdef."""
        found = self.catalog.objects.get(number)
        return f" {found.query.text};" if isinstance(found, records.View) else None

    def serial_sequence(self, table: str, column: str) -> str | None:
        """pg_get_serial_sequence."""
        number = self.find_relation(table)
        record = self.catalog.objects.get(number or 0)
        if not isinstance(record, records.Table):
            return None
        own = next((each for each in record.columns if each.name == column and not each.dropped), None)
        for sequence, found in self.catalog.objects.items():
            if own is not None and isinstance(found, records.Sequence) and (found.table, found.column) == (number, own.id):
                return f"{quote_ident(self.catalog.schema_of(sequence))}.{quote_ident(found.name)}"
        return None

    def comment(self, number: int, column: int) -> str | None:
        """obj_description and col_description."""
        found = self.catalog.objects.get(number)
        if column and isinstance(found, records.Table | records.View):
            return next((each.comment or None for each in found.columns if each.id == column), None)
        if found is None:
            constraint = self.constraint(number)
            return None if constraint is None else constraint[1].comment or None
        return found.comment or None

    def function(self, oid: int, what: str) -> str | None:
        """pg_get_function_arguments and its like."""
        entry = procedures.BY_OID.get(oid)
        if entry is None:
            return None
        if what == "definition":
            return procedures.definition(oid)
        return procedures.result(entry) if what == "result" else procedures.arguments(entry)

    def size(self, number: int) -> int:
        """Bytes of a relation; no more is known than that it is there."""
        del number
        return 0
