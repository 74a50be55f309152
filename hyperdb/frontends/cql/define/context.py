"""What definitions share: the statement's transaction, the schema that it sees, names, the store's refusals in Cassandra's words.

Invariant: the schema is read anew after it was changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from hyperdb.errors import SqlError
from hyperdb.frontends.cql.parse.terms import Name
from hyperdb.frontends.cql.protocol.responses import SchemaChange
from hyperdb.frontends.cql.schema.faults import table_exists, unauthorized
from hyperdb.frontends.cql.schema.model import NO_KEYSPACE, Schema, Served
from hyperdb.frontends.cql.types.catalog import write
from hyperdb.frontends.cql.types.faults import invalid
from hyperdb.frontends.cql.types.model import Type, Udt
from hyperdb.graph.catalog import records
from hyperdb.graph.catalog.tables import TableTransaction
from hyperdb.roles import ALIASES

_VALID = re.compile(r"\w{1,48}", re.ASCII)
_DUPLICATES = ("42P07", "42P06", "42710")


@dataclass
class Context:
    """One definition's statement."""

    transaction: TableTransaction
    """With a statement that is open."""
    schema: Schema
    keyspace: str | None = None
    """In use."""
    role: str = ""
    now: int = 0
    """Microseconds since 1970."""
    warnings: list[str] = field(default_factory=list)
    make_id: Callable[[], UUID] = uuid4
    is_changed: bool = False
    """Whether a record was replaced."""

    def keyspace_of(self, name: Name) -> str:
        """The keyspace that a name is in.

        Raises:
            CqlError: invalid: none is said, and none in use.
        """
        found = self.keyspace if name.keyspace is None else name.keyspace
        if found is None:
            raise invalid(NO_KEYSPACE)
        return found

    def changeable(self, keyspace: str) -> None:
        """Refuses to change what is the system's.

        Raises:
            CqlError: unauthorized: it is.
        """
        is_systems = keyspace in self.schema.keyspaces and keyspace not in self.schema.apps
        if is_systems or keyspace in self.schema.virtual:
            raise unauthorized(f"{keyspace} keyspace is not user-modifiable.")

    def existing_table(self, keyspace: str, name: str, *, if_exists: bool) -> Served | None:
        """The table that is to be changed; None: there is none, and that is no error.

        Raises:
            CqlError: invalid: it is the system's, CQL cannot say it, or there is none.
        """
        self.changeable(keyspace)
        found = self.schema.find(keyspace, name)
        if found is not None:
            return found
        if (keyspace, name) in self.schema.unseen:
            self.schema.table(keyspace, name)
        if if_exists:
            return None
        raise invalid(f"Table '{keyspace}.{name}' doesn't exist")

    def app(self, keyspace: str) -> int:
        """The number of a keyspace's app.

        Raises:
            CqlError: invalid: there is no such keyspace, or it is the system's.
        """
        self.changeable(keyspace)
        found = self.schema.apps.get(keyspace)
        if found is None:
            raise invalid(f"Keyspace '{keyspace}' doesn't exist")
        return found

    def kind(self, kind: Type) -> bytes:
        """A type as the catalog has it."""
        return write(kind, self.type_number)

    def type_number(self, kind: Udt) -> int:
        """The number of a user type's object."""
        return self.schema.type_numbers[kind.keyspace, kind.name]

    def create(self, record: records.Object) -> int:
        """Makes an object, which is owned by who makes it; its number."""
        number = self.transaction.reserve()
        if self.role and self.role not in ALIASES and not isinstance(record, records.Index):
            record = replace(record, owner=self.role)
        with translated(record.name):
            self.transaction.create(number, records.encode(record))
        return number

    def alter(self, number: int, record: records.Object) -> None:
        """Replaces an object's record, if it is another."""
        if records.encode(self.locked(number)) == records.encode(record):
            return
        self.is_changed = True
        with translated(record.name):
            self.transaction.alter(number, records.encode(record))

    def locked(self, number: int) -> records.Object:
        """An object's record as it is now, locked against everybody."""
        with translated():
            data = self.transaction.lock_object(number, "access exclusive")
        return records.decode(data)

    def locked_table(self, number: int) -> records.Table:
        """A table's record, locked against everybody."""
        found = self.locked(number)
        assert isinstance(found, records.Table)
        return found

    def drop(self, number: int) -> None:
        """Drops an object with its parts."""
        with translated():
            self.transaction.drop(number)


@contextmanager
def translated(name: str = "") -> Iterator[None]:
    """The store's refusals as errors of CQL; `name` is of what was to be made."""
    try:
        yield
    except SqlError as error:
        if error.sqlstate in _DUPLICATES:
            raise table_exists("", name) from error
        raise invalid(error.message) from error


def is_name(text: str) -> bool:
    """Whether keyspaces, tables, indexes and views may be called so."""
    return _VALID.fullmatch(text) is not None


def change(what: str, target: str, keyspace: str, name: str | None = None) -> SchemaChange:
    """What a definition did."""
    return SchemaChange(what, target, keyspace, name)
