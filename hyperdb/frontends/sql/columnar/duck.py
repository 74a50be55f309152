"""DuckDB as the analytic engine.

Theory: one instance in memory, without files, network or extensions; a query has a connection of its own, on which its relations
are registered: scans, or views of copies. Its settings make NULLs sort as PostgreSQL's do and integers divide as integers. Memory
is its share of the one budget; what does not fit is spilled into the store's directory, and fails with 53200 where that is not
possible. Invariant: nothing but copies outlives a query, and its text
reaches nothing but its relations.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from hyperdb.errors import NotColumnarError, SqlError
from hyperdb.frontends.sql.columnar.copies import Copies, Copy, column
from hyperdb.frontends.sql.columnar.engine import Relation
from hyperdb.frontends.sql.columnar.ready import Bound, Key, Ready
from hyperdb.frontends.sql.columnar.scans import RelationDataset, Scans, version_of
from hyperdb.frontends.sql.columnar.values import python_rows

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "default_null_order": "nulls_last_on_asc_first_on_desc",
    "integer_division": "true",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "arrow_lossless_conversion": "true",
}
_BATCH_ROWS = 1 << 14
_PAGE_ROWS = 1 << 10
"""Rows whose values become objects at once: other threads of the interpreter wait for as long."""
_COPIES = 0.5
"""The part of the memory that copies of tables may take."""

# The first words of DuckDB's messages, what else they say, and the SQLSTATE; None: the query is for rows.
_FAULTS: tuple[tuple[str, str, str | None], ...] = (
    ("Out of Range Error", "", "22003"),
    ("Conversion Error", "out of range|Could not cast value|Overflow", "22003"),
    ("Conversion Error", "", "22P02"),
    ("Invalid Input Error", "Division by zero", "22012"),
    ("Invalid Input Error", "More than one row returned by a subquery", "21000"),
    ("Invalid Input Error", "", "22023"),
    ("Out of Memory Error", "", "53200"),
    ("IO Error", "No space left", "53100"),
    ("INTERRUPT Error", "", "57014"),
    ("Permission Error", "", "42501"),
    ("Parser Error|Binder Error|Catalog Error|Not implemented Error", "", None),
)
_TEXTS = {
    "22012": "division by zero",
    "21000": "more than one row returned by a subquery used as an expression",
    "53100": "could not write to a temporary file: no space left on device",
    "53200": "out of memory",
    "57014": "canceling statement due to user request",
}
_MACRO = re.compile(r"CREATE MACRO (\w+)")
_OWN = re.compile(r"Invalid Input Error: ([0-9A-Z]{5})\|(.*)", re.DOTALL)


def fault(text: str) -> SqlError | NotColumnarError:
    """DuckDB's message as an error of ours; `error('SQLSTATE|message')` in the text of a query is taken at its word."""
    own = _OWN.match(text)
    if own:
        return SqlError(own[1], own[2])
    detail = text.split("\n", 1)[0].split(": ", 1)[-1]
    for kinds, says, state in _FAULTS:
        if re.match(kinds, text) and re.search(says, text):
            return NotColumnarError(detail) if state is None else SqlError(state, _TEXTS.get(state, detail))
    return SqlError("XX000", detail)


class DuckQuery:
    """A query on a connection of its own. Over copies alone it is kept in `ready` when it has come to its end."""

    def __init__(
        self,
        engine: duckdb.DuckDBPyConnection,
        text: str,
        relations: Sequence[Relation],
        parameters: Sequence[object],
        copies: Copies,
        ready: Ready,
        *,
        slow: bool,
    ):
        self._copies = copies
        self._ready = ready
        self._scans = Scans()
        self._read: list[Copy] = []
        self._key: Key | None = None
        self._bound: Bound | None = None
        self._ended = False
        try:
            found = [(relation, self._copy_of(relation)) for relation in relations]
            if not parameters and len(self._read) == len(relations):
                self._key = (text, tuple((relation.name, copy.name, relation.columns) for relation, copy in found if copy))
                self._bound = ready.take(self._key)
            if self._bound is None:
                connection = engine.cursor()
                self._bound = Bound(connection, text, slow=slow)
                for relation, copy in found:
                    _name(connection, relation, copy, self._scans)
                self._bound.relation = connection.sql(text, params=list(parameters) or None)
                if self._bound.relation is None:
                    raise NotColumnarError("a statement without a result")
        except duckdb.Error as error:
            self.close()
            raise fault(str(error)) from error
        except BaseException:
            self.close()
            raise

    def _copy_of(self, relation: Relation) -> Copy | None:
        """The relation's copy, which is read from now on; None: it is scanned."""
        version = None if relation.identity is None else version_of(relation)
        copy = None if version is None else self._copies.find(relation, version, relation.rows)
        if copy is not None:
            self._read.append(copy)
        return copy

    @property
    def copied(self) -> int:
        """How many of its relations are copies."""
        return len(self._read)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The result in columns."""
        bound = self._bound
        assert bound is not None
        rows = 0
        try:
            for batch in bound.result().to_arrow_reader(_BATCH_ROWS):
                rows += batch.num_rows
                yield batch
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            self._scans.check()
            raise fault(str(error)) from error
        self._ended = True
        bound.rows = rows

    def rows(self) -> Iterator[list[tuple[Any, ...]]]:
        """The result in rows, a batch at a time."""
        for batch in self.batches():
            for at in range(0, batch.num_rows, _PAGE_ROWS):
                yield list(python_rows(batch.slice(at, _PAGE_ROWS)))

    def cancel(self) -> None:
        """Ends it."""
        self._scans.cancel()
        bound = self._bound
        if bound is not None:
            bound.connection.interrupt()

    def close(self) -> None:
        """Gives back what it holds."""
        self._scans.cancel()
        bound, self._bound = self._bound, None
        if bound is not None and self._key is not None and self._ended:
            self._ready.put(self._key, bound)
        elif bound is not None:
            bound.connection.close()
        read, self._read = self._read, []
        for copy in read:
            self._copies.release(copy)


def _name(connection: duckdb.DuckDBPyConnection, relation: Relation, copy: Copy | None, scans: Scans) -> None:
    """Makes a relation known to a connection: as a copy, or as a scan."""
    if copy is None:
        connection.register(relation.name, RelationDataset(relation, scans))
        return
    columns = ", ".join(f"{column(number)} AS {name}" for number, name in relation.columns)
    connection.execute(f"CREATE TEMP VIEW {relation.name} AS SELECT {columns} FROM {copy.name}")  # noqa: S608 - own names


class DuckEngine:
    """An instance of DuckDB with `memory` bytes and `threads`; `macros` are statements that make functions for queries.

    What a query cannot hold goes to files in `spill` until it ends; None: nowhere.
    """

    def __init__(self, *, memory: int, threads: int, macros: Sequence[str] = (), spill: Path | None = None) -> None:
        settings = {**_SETTINGS, "memory_limit": f"{memory}B", "threads": str(threads)}
        settings["temp_directory"] = "" if spill is None else str(spill)
        self._spill = spill
        self._forget_spilled()
        self._connection = duckdb.connect(":memory:", config=settings)
        self._connection.execute("SET TimeZone = 'UTC'")
        # Only now, for it does not let the directory be set.
        self._connection.execute("SET enable_external_access = false")
        for macro in macros:
            self._connection.execute(macro)
        self._macros = [found[1] for macro in macros if (found := _MACRO.match(macro))]
        self._connection.execute("SET lock_configuration = true")
        self._copies = Copies(int(memory * _COPIES), self._copy, self._drop)
        self._ready = Ready()

    def query(self, text: str, relations: Sequence[Relation], parameters: Sequence[object] = ()) -> DuckQuery:
        """Binds a query.

        Raises:
            NotColumnarError: DuckDB or Arrow cannot say it; run it on rows.
        """
        slow = any(name in text for name in self._macros)
        return DuckQuery(self._connection, text, relations, parameters, self._copies, self._ready, slow=slow)

    def _copy(self, copy: Copy, relation: Relation) -> int:
        """Fills a copy; its bytes, as far as they can be told."""
        connection = self._connection.cursor()
        scans = Scans()
        numbers = sorted(copy.columns)
        whole = replace(relation, columns=tuple((number, column(number)) for number in numbers), key=None)
        try:
            connection.register("scanned", RelationDataset(whole, scans))
            before = self._table_bytes(connection)
            connection.execute(f"CREATE TABLE {copy.name} AS SELECT * FROM scanned")  # noqa: S608 - own names
            return max(self._table_bytes(connection) - before, 0)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            scans.check()
            raise fault(str(error)) from error
        finally:
            connection.close()

    def _table_bytes(self, connection: duckdb.DuckDBPyConnection) -> int:
        found = connection.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag = 'IN_MEMORY_TABLE'").fetchone()
        return int(found[0] or 0) if found else 0

    def _drop(self, copy: Copy) -> None:
        self._ready.forget(copy.name)
        connection = self._connection.cursor()
        try:
            connection.execute(f"DROP TABLE IF EXISTS {copy.name}")
        finally:
            connection.close()

    def close(self) -> None:
        """Ends it."""
        self._ready.close()
        self._connection.close()
        self._forget_spilled()

    def _forget_spilled(self) -> None:
        """Removes what a query, or a process that was killed, has left."""
        if self._spill is not None:
            shutil.rmtree(self._spill, ignore_errors=True)
