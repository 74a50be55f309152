"""COPY: rows in and out as values; the wire reads and writes its formats.

Invariant: what is copied in is one statement: all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hyperdb.errors import RowChangedError, SqlError
from hyperdb.frontends.sql.access.privileges import INSERT
from hyperdb.frontends.sql.access.rights import Need
from hyperdb.frontends.sql.catalog.relations import Relation, RelationColumn
from hyperdb.frontends.sql.contract import Action, Column, CopyOptions, WouldWait
from hyperdb.frontends.sql.conversation.copying import Rows
from hyperdb.frontends.sql.execute.compile import Compiler
from hyperdb.frontends.sql.execute.environment import Environment
from hyperdb.frontends.sql.execute.rows import Executor
from hyperdb.frontends.sql.functions.texts import quote_ident
from hyperdb.frontends.sql.lane.compile import LaneCompiler
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, SqlPrepared, Statement
from hyperdb.graph.catalog.lanes import CopyForm

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_BOOLEANS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


def copy(session: SqlSession, text: Statement, given: tuple[int, ...]) -> SqlPrepared:
    """COPY made ready.

    Raises:
        SqlError: 42601, 0A000, 42P01, 42703.
    """
    found = Words(text)
    found.expect("copy")
    query: str | None = None
    names: list[str] = []
    table = ""
    if found.peek() == "(":
        query = ", ".join(found.inside())
    else:
        parts = [found.name()]
        while found.take("."):
            parts.append(found.name())
        table = ".".join(quote_ident(part) for part in parts)
        if found.peek() == "(":
            names = [Words(each).name() for each in found.inside()]
    out = not found.take("from")
    if out:
        found.expect("to")
    if not found.take("stdin" if not out else "stdout"):
        raise SqlError("0A000", "COPY reads from STDIN and writes to STDOUT only")
    given_options, wanted = _options(found)
    if not out and query is not None:
        raise SqlError("42601", "COPY (query) FROM is not possible", position=text.offset + 1)
    shown = ", ".join(quote_ident(name) for name in names) or "*"
    select = session.prepare(query if query is not None else f"SELECT {shown} FROM {table}", given)  # noqa: S608 - names are quoted
    columns = select.columns or ()
    options = _placed(given_options, wanted, [column.name for column in columns])
    action = Action.COPY_OUT if out else Action.COPY_IN
    extra = {"select": select, "table": table, "names": names, "options": options}
    return SqlPrepared(text, action, select.parameters, columns, select.body, given, select.version, select.path, extra)


def _options(found: Words) -> tuple[dict[str, Any], dict[str, list[str] | None]]:
    """The options of both syntaxes; lists of columns by name apart (None: all)."""
    options: dict[str, Any] = {}
    wanted: dict[str, list[str] | None] = {}
    found.take("with")
    if found.peek() == "(":
        for each in found.inside():
            _option(Words(each), options, wanted)
    while found.peek():
        _option(found, options, wanted)
    return options, wanted


def _option(found: Words, options: dict[str, Any], wanted: dict[str, list[str] | None]) -> None:
    word = found.name()
    if word in ("csv", "binary"):
        options["format"] = word
    elif word == "format":
        options["format"] = found.name()
    elif word == "header":
        following = found.peek()
        if following == "match":
            options["header"] = options["match_header"] = True
        else:
            options["header"] = _BOOLEANS.get(following, True)
        if following in _BOOLEANS or following == "match":
            found.value()
    elif word in ("delimiter", "delimiters", "null", "quote", "escape", "encoding"):
        found.take("as")
        options[word.removesuffix("s")] = found.value()
    elif word in ("force_quote", "force_not_null", "force_null"):
        wanted[word] = None if found.take("*") else [Words(each).name() for each in found.inside()]
    elif word == "freeze":
        # What it asks for, rows that need no later work, is how rows are stored anyway.
        if found.peek() in _BOOLEANS:
            found.value()
    else:
        raise SqlError("42601", f'option "{word}" not recognized')


def _placed(options: dict[str, Any], wanted: dict[str, list[str] | None], columns: list[str]) -> CopyOptions:
    """With defaults by format, and columns by place."""
    form = options.pop("format", "text")
    if form not in ("text", "csv", "binary"):
        raise SqlError("22023", f'COPY format "{form}" not recognized')
    encoding = options.pop("encoding", "UTF8")
    if encoding.upper().replace("-", "") != "UTF8":
        raise SqlError("0A000", "COPY is in UTF8 only")
    for name, found in wanted.items():
        places = range(len(columns)) if found is None else [columns.index(each) for each in found if each in columns]
        options[name] = frozenset(places)
    if form == "csv":
        options = {"delimiter": ",", "null": "", **options}
        options.setdefault("escape", options.get("quote", '"'))
    return CopyOptions(form, **options)


def copy_out(session: SqlSession, prepared: SqlPrepared) -> CopyRowsOut:
    """COPY ... TO in execution."""
    outcome = session.run(prepared.extra["select"], ())
    return CopyRowsOut(outcome, prepared.extra["options"])


class CopyRowsOut:
    """See `contract.CopyOut`."""

    binary = False

    def __init__(self, outcome: SqlOutcome, options: CopyOptions) -> None:
        self._outcome = outcome
        self.columns = outcome.columns
        self.options = options

    def rows(self, limit: int) -> tuple[Sequence[Any], bool]:
        """See `contract.Outcome`."""
        return self._outcome.rows(limit)

    def encoded(self, limit: int, formats: Sequence[int]) -> tuple[bytes, int, bool] | None:
        """See `contract.Outcome`."""
        return self._outcome.encoded(limit, formats)

    @property
    def tag(self) -> str:
        """See `contract.Outcome`."""
        return f"COPY {self._outcome.count}"

    def close(self) -> None:
        """See `contract.Outcome`."""
        self._outcome.close()


class CopyRows:
    """COPY ... FROM in execution. See `contract.CopyIn`.

    What comes is kept until all of it is there, since the statement may have to begin again. Lines of the text format are kept
    as they are and read natively, up to the first that is not plain; from there on they are read in the ordinary way.
    """

    def __init__(self, session: SqlSession, prepared: SqlPrepared) -> None:
        self._session = session
        self.columns: Sequence[Column] = prepared.columns or ()
        self.options: CopyOptions = prepared.extra["options"]
        self._prepared = prepared
        self._rows: list[Sequence[Any]] = []
        self._pieces: list[bytes] = []
        self._count = 0
        self._is_plain = True
        """Whether nothing was met yet that native reading does not do."""
        is_text = self.options.format == "text" and not self.options.header
        self.takes_bytes = is_text and len(self.options.delimiter.encode()) == 1

    def add(self, rows: Sequence[Sequence[Any]], first_line: int) -> None:
        """See `contract.CopyIn`."""
        del first_line
        self._rows.extend(rows)

    def load(self, data: bytes) -> None:
        """See `contract.CopyIn`."""
        self._pieces.append(data)

    def finish(self) -> str:
        """See `contract.CopyIn`."""
        if not self._session.may_wait:
            raise WouldWait(self._finish)
        return self._finish()

    def _finish(self) -> str:
        self._session.whole_statement(self._load if self.takes_bytes else lambda env: self._store(env, self._rows))
        count = self._count
        self.abort()
        return f"COPY {count}"

    def abort(self) -> None:
        """See `contract.CopyIn`."""
        self._rows, self._pieces = [], []

    def _load(self, env: Environment) -> None:
        """The lines that were kept."""
        data = b"".join(self._pieces)
        count = taken = 0
        form = self._form(env) if self._is_plain and self._session.lane.has_common_settings() else None
        if form is not None:
            count, taken, violated = self._session.backend.lanes.load(
                env.transaction.statements, form, data, env.transaction_time
            )
            if violated is not None or (taken and b"\r" in data[taken:]):
                # Begun again, and in the ordinary way, which tells what is wrong; how lines end goes by all of them.
                self._is_plain = False
                raise RowChangedError("a row of a COPY cannot be added")
        rows = Rows(self._session, self.columns, self.options)
        rest = [*rows.feed(data[taken:]), *rows.finish()]
        self._store(env, rest)
        self._count = count + len(rest)

    def _form(self, env: Environment) -> CopyForm | None:
        """How lines are read natively; None: they are not."""
        relation, columns = self._targets(env)
        given = {column.slot for column in columns}
        by_slot = {column.slot: column for column in relation.columns}
        defaults = self._session.binder(env.catalog).writes
        others = [(slot, defaults.default(by_slot.get(slot))) for slot in range(relation.width) if slot not in given]
        writes, layout = env.writes(relation), env.session.layout(relation, env)
        found = LaneCompiler(self._session.backend.lanes, env.catalog, ()).copy_form(
            writes, layout, columns, others, self.options
        )
        if found is not None:
            env.transaction.claim(layout)
            env.claimed.add(relation.oid)
        return found

    def _targets(self, env: Environment) -> tuple[Relation, list[RelationColumn]]:
        """The table and the columns, which the role may fill."""
        extra = self._prepared.extra
        relation = env.catalog.relation(env.session.describe.find_relation(extra["table"]) or 0)
        columns = _targets(relation, extra["names"])
        self._session.rights.check(env.catalog, [Need(relation.oid, INSERT, column.number) for column in columns])
        return relation, columns

    def _store(self, env: Environment, rows: Sequence[Sequence[Any]]) -> None:
        self._count = len(rows)
        relation, columns = self._targets(env)
        executor = Executor(env.catalog.labels)
        binder = self._session.binder(env.catalog)
        compiler = Compiler(env.catalog.labels, lambda _plan: lambda _env: ())
        by_slot = {column.slot: column for column in relation.columns}
        given = {column.slot: place for place, column in enumerate(columns)}
        defaults = {
            slot: compiler.compile(binder.writes.default(by_slot.get(slot)))
            for slot in range(relation.width)
            if slot not in given
        }
        modifier = executor.modifier
        written = modifier.written(env.writes(relation))
        sized = [(column.slot, column.kind) for column in columns]
        made = []
        for row in rows:
            slots = [row[given[slot]] if slot in given else defaults[slot](row, env) for slot in range(relation.width)]
            for slot, kind in sized:
                if kind.modifier >= 0 or kind.oid in env.catalog.domains:
                    slots[slot] = env.session.assigned(kind, slots[slot], env)
            made.append(written.complete(tuple(slots), env))
        modifier.insert_rows(written, made, env)


def _targets(relation: Relation, names: Sequence[str]) -> list[RelationColumn]:
    if not names:
        return list(relation.columns)
    found = []
    for name in names:
        column = relation.column(name)
        if column is None:
            raise SqlError("42703", f'column "{name}" of relation "{relation.name}" does not exist')
        found.append(column)
    return found
