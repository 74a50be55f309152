"""COPY's statement, and rows out as values; the wire writes their formats. Rows in are `copy_in`'s.

Invariant: options mean what PostgreSQL's documentation of COPY says, or are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.contract import Action, CopyOptions, Form
from hyperdb.frontends.sql.functions.texts import quote_ident
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, SqlPrepared, Statement
from hyperdb.frontends.sql.types import charsets
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.catalog.relations import Catalog
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
    where = ""
    if found.take("where"):
        if out:
            raise SqlError("42601", "WHERE clause not allowed with COPY TO", position=text.offset + 1)
        where = found.rest()
    if not out and query is not None:
        raise SqlError("42601", "COPY (query) FROM is not possible", position=text.offset + 1)
    if query is None:
        names = _without_generated(session, table, names)
    shown = ", ".join(quote_ident(name) for name in names) or "*"
    select = session.prepare_now(query if query is not None else f"SELECT {shown} FROM {table}", given)  # noqa: S608 - names are quoted
    columns = select.columns or ()
    options = _placed(given_options, wanted, [column.name for column in columns])
    action = Action.COPY_OUT if out else Action.COPY_IN
    extra = {"select": select, "table": table, "names": names, "options": options, "where": where}
    return SqlPrepared(text, action, select.parameters, columns, select.body, given, select.version, select.path, extra)


def _without_generated(session: SqlSession, table: str, names: list[str]) -> list[str]:
    """The columns that are copied: generated ones are computed anew where they go to; none where all are.

    Raises:
        SqlError: 42P10 if a generated one is named.
    """

    def generated(catalog: Catalog) -> tuple[set[str], list[str]]:
        number = session.facade.describe.find_relation(table)
        found = catalog.objects.get(number or 0)
        if not isinstance(found, records.Table):
            return set(), []
        columns = catalog.relation(number or 0).columns
        computed = {each.name for each in columns if each.record is not None and each.record.generation == records.STORED}
        return computed, [each.name for each in columns if each.name not in computed]

    computed, others = session.look(generated)
    for name in names:
        if name in computed:
            detail = "Generated columns cannot be used in COPY."
            raise SqlError("42P10", f'column "{name}" is a generated column', detail=detail)
    return names or (others if computed else [])


def _options(found: Words) -> tuple[dict[str, Any], dict[str, list[str] | None]]:
    """The options of both syntaxes; lists of columns by name apart (None: all)."""
    options: dict[str, Any] = {}
    wanted: dict[str, list[str] | None] = {}
    found.take("with")
    if found.peek() == "(":
        for each in found.inside():
            _option(Words(each), options, wanted)
    while found.peek() and found.peek() != "where":
        _option(found, options, wanted)
    return options, wanted


def _option(found: Words, options: dict[str, Any], wanted: dict[str, list[str] | None]) -> None:
    word = found.name()
    if word in ("csv", "binary"):
        options["format"] = word
    elif word == "format":
        options["format"] = found.value().lower() if found.peek()[:1] in ("'", "e'") else found.name()
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
    encoding = options.pop("encoding", None)
    if encoding is not None:
        options["charset"] = _charset(encoding)
    for name, found in wanted.items():
        places = range(len(columns)) if found is None else [columns.index(each) for each in found if each in columns]
        options[name] = frozenset(places)
    if form == "csv":
        options = {"delimiter": ",", "null": "", **options}
        options.setdefault("escape", options.get("quote", '"'))
    return CopyOptions(form, **options)


def _charset(name: str) -> charsets.Charset:
    found = charsets.find(name)
    if found is None:
        raise SqlError("22023", 'argument to option "encoding" must be a valid encoding name')
    if not found.codec:
        raise SqlError("0A000", f"conversion between {found.name} and UTF8 is not supported")
    return found


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

    def encoded(self, limit: int, form: Form) -> tuple[bytes, int, bool] | None:
        """See `contract.Outcome`."""
        return self._outcome.encoded(limit, form)

    @property
    def tag(self) -> str:
        """See `contract.Outcome`."""
        return f"COPY {self._outcome.count}"

    def close(self) -> None:
        """See `contract.Outcome`."""
        self._outcome.close()
