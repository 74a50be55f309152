"""The parser of cql.lark: a text in, a statement out.

Theory: LALR(1) reads each lexeme once, and the builders make nodes on the way, so time is linear in the text. The table lies
beside the grammar; where it was made of another one, lark makes it again. Invariant: nothing but `CqlError` (syntax) comes out
for a text that is wrong.
"""

from __future__ import annotations

import threading
from functools import cached_property
from importlib import resources
from typing import Any

from hyperdb.frontends.cql.parse.build_data import _DataBuilder
from hyperdb.frontends.cql.parse.build_definitions import _DefinitionBuilder
from hyperdb.frontends.cql.parse.build_permissions import _PermissionBuilder
from hyperdb.frontends.cql.parse.build_terms import _TermBuilder
from hyperdb.frontends.cql.parse.definitions import DefinitionStatement
from hyperdb.frontends.cql.parse.faults import Fault
from hyperdb.frontends.cql.parse.machine import Machine, Unexpected
from hyperdb.frontends.cql.parse.permissions import PermissionStatement
from hyperdb.frontends.cql.parse.statements import DataStatement
from hyperdb.frontends.cql.parse.syntax import told, unexpected
from hyperdb.frontends.cql.parse.table import Table, read

Statement = DataStatement | DefinitionStatement | PermissionStatement
MOST_CHARACTERS = 16 * 1024 * 1024


class Builder(_TermBuilder, _DataBuilder, _DefinitionBuilder, _PermissionBuilder):
    """All that the grammar's rules make."""


def grammar() -> str:
    """The text of cql.lark."""
    return resources.files("hyperdb.frontends.cql.grammar").joinpath("cql.lark").read_text(encoding="utf-8")


def table() -> Table:
    """The grammar's table."""
    text = grammar()
    kept = resources.files("hyperdb.frontends.cql.grammar").joinpath("cql.table")
    found = read(kept.read_text(encoding="utf-8"), text) if kept.is_file() else None
    if found is None:
        from hyperdb.frontends.cql.parse import making

        found = making.made(text)
    return found


class Grammar:
    """A parser that is made when it is first asked for."""

    def __init__(self) -> None:
        self._making = threading.Lock()

    @cached_property
    def machine(self) -> Machine:
        """The table, with its builders."""
        with self._making:
            return Machine(table(), Builder())

    def parse(self, text: str) -> Statement:
        """The statement that a text is.

        Raises:
            CqlError: syntax; the message has line and column as Cassandra's has.
        """
        try:
            if len(text) > MOST_CHARACTERS:
                raise Fault(0, f"statement is longer than {MOST_CHARACTERS} characters")
            found: Any = self.machine.run(text)
        except Fault as fault:
            raise told(self.machine.lexer, text, fault) from None
        except Unexpected as error:
            raise unexpected(self.machine.lexer, text, error) from None
        return found  # type: ignore[no-any-return]
