"""A database with a schema, for tests below the session: statements of definition run in transactions of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import hyperdb
from hyperdb.errors import CqlError
from hyperdb.frontends.cql import define
from hyperdb.frontends.cql.parse.parser import Grammar, Statement
from hyperdb.frontends.cql.protocol.responses import SchemaChange
from hyperdb.frontends.cql.schema.cache import Schemas
from hyperdb.frontends.cql.schema.model import Builtin, Schema
from hyperdb.graph.catalog.tables import Tables, TableTransaction
from hyperdb.graph.transaction import TransactionOptions

T = TypeVar("T")


class CqlBench:
    """Runs definitions and looks at what they made."""

    def __init__(self, database: hyperdb.Database, grammar: Grammar, builtin: Builtin | None = None) -> None:
        self.tables = Tables(database.native)
        self.grammar = grammar
        self.schemas = Schemas(builtin or Builtin(), grammar)
        self.keyspace: str | None = None
        self.role = ""
        self.warnings: list[str] = []
        self.now = 1_700_000_000_000_000
        self.ids = 0

    def _id(self) -> UUID:
        self.ids += 1
        return UUID(int=self.ids)

    def within(self, body: Callable[[TableTransaction, Schema], T]) -> T:
        """Runs `body` in a transaction, which is committed if it returns."""
        transaction = self.tables.begin(TransactionOptions("read committed"))
        try:
            schema = self.schemas.of(transaction, transaction.open())
            found = body(transaction, schema)
            transaction.close(True)
        except BaseException:
            transaction.rollback()
            raise
        transaction.commit()
        return found

    def schema(self) -> Schema:
        return self.within(lambda _transaction, schema: schema)

    def run(self, text: str) -> SchemaChange | None:
        return self.run_statement(self.grammar.parse(text))

    def run_statement(self, statement: Statement) -> SchemaChange | None:
        def body(transaction: TableTransaction, schema: Schema) -> SchemaChange | None:
            context = define.Context(transaction, schema, self.keyspace, self.role, self.now, self.warnings, self._id)
            return define.run(context, statement)  # type: ignore[arg-type]

        return self.within(body)

    def refused(self, text: str) -> tuple[int, str]:
        """Code and message with which a statement is refused."""
        try:
            self.run(text)
        except CqlError as error:
            return error.code, error.message
        raise AssertionError(f"was not refused: {text}")
