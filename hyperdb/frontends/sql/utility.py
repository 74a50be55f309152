"""Statements that are no queries and change no catalog: transactions, settings, prepared statements.

Theory: they are read from their words, not by the grammar of queries. One that is not recognised here is left to that
grammar. Invariant: every word of a recognised statement means something, or the statement is refused (42601, 0A000).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql import cursor_statements, notify
from hyperdb.frontends.sql.access import statements
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.contract import Action, Column, Notice, Status
from hyperdb.frontends.sql.deferral import set_constraints
from hyperdb.frontends.sql.locking import lock
from hyperdb.frontends.sql.parse.words import Words, first_word
from hyperdb.frontends.sql.settings import TABLE
from hyperdb.frontends.sql.statement import SqlOutcome, SqlPrepared, Statement, Utility, done
from hyperdb.frontends.sql.vacuum import vacuum

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

Run = Callable[["SqlSession", Sequence[Any]], SqlOutcome]


def utility(text: Statement, given: tuple[int, ...]) -> SqlPrepared | None:
    """The statement, if it is one of these."""
    first = first_word(text)
    maker = _MAKERS.get(first)
    if first in ("create", "alter", "drop"):
        found = Words(text)
        maker = statements.BY_TWO.get((first, found.peek(1)))
    if maker is None:
        return None
    made = maker(Words(text))
    if made is None:
        return None
    body, columns = made
    return SqlPrepared(text, Action.RUN, (), columns, body, given)


Made = tuple[Utility, Sequence[Column] | None]


def _steering(run: Run) -> Made:
    return Utility(run, steers=True), None


_LEVELS = ("serializable", "repeatable read", "read committed", "read uncommitted")


def _modes(found: Words) -> dict[str, Any]:
    """ISOLATION LEVEL, READ ONLY and so on."""
    modes: dict[str, Any] = {}
    while found.peek():
        if found.take("isolation", "level"):
            level = next((each for each in _LEVELS if found.take(*each.split())), None)
            if level is None:
                raise found.error()
            modes["isolation"] = level
        elif found.take("read", "only"):
            modes["read_only"] = True
        elif found.take("read", "write"):
            modes["read_only"] = False
        elif found.take("not", "deferrable"):
            modes["deferrable"] = False
        elif found.take("deferrable"):
            modes["deferrable"] = True
        else:
            raise found.error()
        found.take(",")
    return modes


def _begin(found: Words) -> Made:
    if found.take("start"):
        found.expect("transaction")
    else:
        found.expect("begin")
        _ = found.take("work") or found.take("transaction")
    tag = "START TRANSACTION" if found.text.split(None, 1)[0].lower() == "start" else "BEGIN"
    modes = _modes(found)

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        if session.status is Status.FAILED:
            raise SqlError("25P02", "current transaction is aborted, commands ignored until end of transaction block")
        if session.status is Status.ACTIVE:
            session.notice(Notice("there is already a transaction in progress", "25001", "WARNING"))
            return done(tag)
        if session.transaction is not None and session.has_looked:
            # What came before in the same text or pipeline is part of the block.
            if modes:
                raise SqlError("25001", "SET TRANSACTION ISOLATION LEVEL must be called before any query")
        elif session.transaction is not None:
            session.end(commit=True)
        session.begin(**modes)
        session.status = Status.ACTIVE
        return done(tag)

    return _steering(run)


def _end(found: Words) -> Made | None:
    word = found.peek()
    commits = word in ("commit", "end")
    found.take(word)
    if found.peek() == "prepared":
        raise SqlError("0A000", "two-phase commit is not supported")
    _ = found.take("work") or found.take("transaction")
    if not commits and word == "rollback" and found.take("to"):
        return _rollback_to(found)
    chain = found.take("and", "chain")
    if not chain:
        found.take("and", "no", "chain")
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        if session.status is Status.IDLE:
            if chain:
                raise SqlError("25P01", f"{word.upper()} AND CHAIN can only be used in transaction blocks")
            session.notice(Notice("there is no transaction in progress", "25P01", "WARNING"))
            if session.transaction is not None:
                # What went before in the same text or pipeline is an implicit transaction, which this ends.
                session.end(commit=commits)
            return done("COMMIT" if commits else "ROLLBACK")
        kept = commits and session.status is Status.ACTIVE
        level = session.settings.value("transaction_isolation")
        reads = session.settings.value("transaction_read_only") == "on"
        defers = session.settings.value("transaction_deferrable") == "on"
        session.end(commit=kept)
        if chain:
            session.begin(isolation=level, read_only=reads, deferrable=defers)
            session.status = Status.ACTIVE
        return done("COMMIT" if kept else "ROLLBACK")

    return _steering(run)


def _savepoint_number(session: SqlSession, name: str) -> int:
    for place in range(len(session.savepoints) - 1, -1, -1):
        if session.savepoints[place][0] == name:
            return place
    raise SqlError("3B001", f'savepoint "{name}" does not exist')


def _in_block(session: SqlSession, what: str) -> Any:
    if session.status is Status.IDLE or session.transaction is None:
        raise SqlError("25P01", f"{what} can only be used in transaction blocks")
    session.streams.detach()
    return session.transaction


def _savepoint(found: Words) -> Made:
    found.expect("savepoint")
    name = found.name()
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        transaction = _in_block(session, "SAVEPOINT")
        session.savepoints.append((name, transaction.savepoint()))
        session.settings.mark()
        return done("SAVEPOINT")

    return Utility(run), None


def _release(found: Words) -> Made:
    found.expect("release")
    found.take("savepoint")
    name = found.name()
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        transaction = _in_block(session, "RELEASE SAVEPOINT")
        place = _savepoint_number(session, name)
        transaction.release(session.savepoints[place][1])
        del session.savepoints[place:]
        session.cursors.release(place)
        session.news.release(place)
        session.advisory.release(place)
        session.settings.release(place)
        return done("RELEASE")

    return Utility(run), None


def _rollback_to(found: Words) -> Made:
    found.take("savepoint")
    name = found.name()
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        transaction = _in_block(session, "ROLLBACK TO SAVEPOINT")
        place = _savepoint_number(session, name)
        transaction.rollback_to(session.savepoints[place][1])
        del session.savepoints[place + 1 :]
        session.cursors.roll_back(place)
        session.news.roll_back(place)
        session.advisory.roll_back(place)
        session.status = Status.ACTIVE
        session.restore_settings(place)
        return done("ROLLBACK")

    return _steering(run)


def _set(found: Words) -> Made:
    found.expect("set")
    local = found.take("local")
    if not local:
        found.take("session")
    if found.take("transaction"):
        return _set_transaction(_modes(found))
    if found.take("characteristics", "as", "transaction"):
        modes = _modes(found)
        return _set_all([(f"default_transaction_{name}", _mode_text(value)) for name, value in modes.items()], local)
    if found.take("time", "zone"):
        name, values = "timezone", [_unquoted(found)]
    elif found.take("names"):
        name, values = "client_encoding", [_unquoted(found)]
    else:
        if found.take("constraints"):
            return set_constraints(found)
        if found.take("role"):
            return _set_role(found, local=local)
        if found.peek() == "authorization":
            raise SqlError("0A000", f"SET {found.peek().upper()} is not supported")
        name = found.name()
        while found.take("."):
            name += "." + found.name()
        if not found.take("to"):
            found.expect("=")
        # Schemas stay quoted: the setting is a list of names.
        read = found.value if name == "search_path" else lambda: _unquoted(found)
        values = [read()]
        while found.take(","):
            values.append(read())
    found.end()
    if name == "transaction_isolation":
        if values[0].lower() not in _LEVELS:
            raise SqlError("22023", f'invalid value for parameter "{name}": "{values[0]}"')
        return _set_transaction({"isolation": values[0].lower()})
    if name == "transaction_read_only":
        return _set_transaction({"read_only": values[0].lower() in ("on", "true", "yes", "1")})
    if name == "transaction_deferrable":
        return _set_transaction({"deferrable": values[0].lower() in ("on", "true", "yes", "1")})
    value = None if len(values) == 1 and values[0].lower() in ("default", "local") else ", ".join(values)
    return _set_all([(name, value)], local)


def _unquoted(found: Words) -> str:
    """A value; a name may be in double quotes."""
    text = found.value()
    return text[1:-1].replace('""', '"') if text.startswith('"') and len(text) > 1 else text


def _set_role(found: Words, *, local: bool) -> Made:
    name = _unquoted(found)
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        session.set("role", name, local=local)
        return done("SET")

    return Utility(run), None


def _mode_text(value: Any) -> str:
    return value if isinstance(value, str) else "on" if value else "off"


def _set_all(pairs: list[tuple[str, str | None]], local: bool) -> Made:
    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        if local and session.status is Status.IDLE:
            session.notice(Notice("SET LOCAL can only be used in transaction blocks", "25P01", "WARNING"))
        for name, value in pairs:
            session.set(name, value, local=local)
        return done("SET")

    return Utility(run), None


def _set_transaction(modes: dict[str, Any]) -> Made:
    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        if session.status is Status.IDLE:
            session.notice(Notice("SET TRANSACTION can only be used in transaction blocks", "25P01", "WARNING"))
            return done("SET")
        if session.has_looked:
            raise SqlError("25001", "SET TRANSACTION ISOLATION LEVEL must be called before any query")
        level = modes.get("isolation", session.settings.value("transaction_isolation"))
        reads = modes.get("read_only", session.settings.value("transaction_read_only") == "on")
        defers = session.settings.value("transaction_deferrable") == "on"
        session.end(commit=False)
        session.begin(isolation=level, read_only=reads, deferrable=modes.get("deferrable", defers))
        session.status = Status.ACTIVE
        return done("SET")

    return Utility(run), None


def _reset(found: Words) -> Made:
    found.expect("reset")
    if found.take("all"):
        found.end()

        def reset(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
            session.settings.reset_all()
            session.set("application_name", session.settings.value("application_name"))
            return done("RESET")

        return Utility(reset), None
    name = "timezone" if found.take("time", "zone") else found.name()
    while found.take("."):
        name += "." + found.name()
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        session.set(name, None)
        return done("RESET")

    return Utility(run), None


def _show(found: Words) -> Made:
    found.expect("show")
    if found.take("all"):
        columns = tuple(Column(name, kinds.TEXT) for name in ("name", "setting", "description"))

        def show(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
            return SqlOutcome(columns, session.settings.all(), "SHOW")

        return Utility(show), columns
    if found.take("transaction", "isolation", "level"):
        name = "transaction_isolation"
    elif found.take("time", "zone"):
        name = "TimeZone"
    else:
        name = found.name()
        while found.take("."):
            name += "." + found.name()
    found.end()
    shown = TABLE[name.lower()].name if name.lower() in TABLE else name
    column = (Column(shown, kinds.TEXT),)

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        return SqlOutcome(column, [(session.settings.get(name),)], "SHOW")

    return Utility(run), column


def _prepare(found: Words) -> Made:
    found.expect("prepare")
    if found.peek() == "transaction":
        raise SqlError("0A000", "two-phase commit is not supported")
    name = found.name()
    typed = found.inside() if found.peek() == "(" else []
    found.expect("as")
    text = found.rest()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        if name in session.prepared:
            raise SqlError("42P05", f'prepared statement "{name}" already exists')
        session.prepared[name] = session.prepare_now(text, [session.facade.relation_oid(kinds.REGTYPE, each) for each in typed])
        session.names.said[name] = str(found.said)
        return done("PREPARE")

    return Utility(run), None


def _execute(found: Words) -> Made:
    found.expect("execute")
    name = found.name()
    arguments = found.inside() if found.peek() == "(" else []
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        prepared = session.prepared.get(name)
        if not isinstance(prepared, SqlPrepared):
            raise SqlError("26000", f'prepared statement "{name}" does not exist')
        if len(arguments) != len(prepared.parameters):
            message = f'wrong number of parameters for prepared statement "{name}"'
            raise SqlError("42601", message, detail=f"Expected {len(prepared.parameters)} parameters but got {len(arguments)}.")
        values: Sequence[Any] = ()
        if arguments:
            named = [session.facade.describe.format_type(oid, -1) for oid in prepared.parameters]
            casts = ", ".join(f"CAST({text} AS {kind})" for text, kind in zip(arguments, named, strict=True))
            values = session.run(session.prepare_now(f"SELECT {casts}", ()), ()).found[0]
        return session.run(prepared, values)

    # What comes back is known only once somebody has prepared it.
    return Utility(run, executed=name), None


def _deallocate(found: Words) -> Made:
    found.expect("deallocate")
    found.take("prepare")
    every = found.take("all")
    name = "" if every else found.name()
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        if every:
            session.prepared.clear()
            return done("DEALLOCATE ALL")
        if name not in session.prepared:
            raise SqlError("26000", f'prepared statement "{name}" does not exist')
        del session.prepared[name]
        return done("DEALLOCATE")

    return Utility(run), None


def _discard(found: Words) -> Made:
    found.expect("discard")
    what = found.name()
    found.end()
    if what not in ("all", "plans", "sequences", "temp", "temporary"):
        raise found.error()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        if what in ("temp", "temporary"):
            session.temporaries.drop()
        if what == "all":
            if session.status is not Status.IDLE:
                raise SqlError("25001", "DISCARD ALL cannot run inside a transaction block")
            session.settings.reset_all()
            session.prepared.clear()
            session.cursors.close_all()
            session.temporaries.drop()
            session.news.do("unlisten", "")
            session.advisory.give_all_back()
            session.set("application_name", session.settings.value("application_name"))
        return done(f"DISCARD {what.upper()}")

    return Utility(run), None


def _refused(found: Words) -> Made:
    raise SqlError("0A000", f"{found.peek().upper()} is not supported", position=found.text.offset + 1)


_MAKERS: dict[str, Callable[[Words], Made | None]] = {
    "begin": _begin,
    "start": _begin,
    "commit": _end,
    "end": _end,
    "rollback": _end,
    "abort": _end,
    "savepoint": _savepoint,
    "release": _release,
    "set": _set,
    "reset": _reset,
    "show": _show,
    "prepare": _prepare,
    "execute": _execute,
    "deallocate": _deallocate,
    "discard": _discard,
    "vacuum": vacuum,
    "lock": lock,
    **cursor_statements.MAKERS,
    **notify.MAKERS,
    **statements.MAKERS,
}
for _word in (
    "do",
    "call",
    "load",
    "checkpoint",
    "cluster",
    "reindex",
    "security",
    "reassign",
    "import",
):
    _MAKERS[_word] = _refused
