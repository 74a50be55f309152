"""The extended protocol: Parse, Bind, Describe, Execute, Close, Sync.

Theory: PostgreSQL's documentation, "Extended Query". Each message has its answer; after an error everything up to the next Sync
is passed over. A portal lives until it is closed or its transaction ends, so it survives a Sync inside a block. Invariant: Sync
is answered by exactly one ReadyForQuery whatever went before.
"""

from __future__ import annotations

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.contract import Action, Status
from hyperdb.frontends.sql.conversation import copying
from hyperdb.frontends.sql.conversation.portals import UNNAMED, Held, Portal, Whole, described
from hyperdb.frontends.sql.conversation.rows import read_values, send_rows
from hyperdb.frontends.sql.conversation.simple import undo
from hyperdb.frontends.sql.conversation.steps import Shared, Turn, call
from hyperdb.frontends.sql.protocol import encode, messages


def parse(shared: Shared, held: Held, event: messages.Parse) -> Turn[None]:
    """Prepares a statement."""
    session = shared.opened
    held.make_room(session, event.statement, event.text)
    prepared = yield from call(session.prepare, event.text, event.parameter_oids)
    held.keep_statement(session, event.statement, prepared, event.text)
    shared.remarks()
    shared.out.append(encode.PARSE_COMPLETE)


def bind(shared: Shared, held: Held, event: messages.Bind) -> None:
    """Makes a portal of a statement and values."""
    session = shared.opened
    statement = held.statement(session, event.statement)
    expected = statement.prepared.parameters
    if len(event.values) != len(expected):
        shown = f'bind message supplies {len(event.values)} parameters, but prepared statement "{event.statement}"'
        raise SqlError("08P01", f"{shown} requires {len(expected)}")
    values = read_values(session, expected, event.values, event.formats)
    if event.portal != UNNAMED and session.cursor(event.portal) is not None:
        raise SqlError("42P03", f'cursor "{event.portal}" already exists')
    columns = statement.prepared.columns
    if columns is not None and len(event.result_formats) > 1 and len(event.result_formats) != len(columns):
        shown = f"bind message has {len(event.result_formats)} result formats but query has {len(columns)} columns"
        raise SqlError("08P01", shown)
    size = sum(len(value) for value in event.values if value is not None)
    held.bind(event.portal, lambda: Portal(statement, values, event.result_formats, size), size)
    shared.out.append(encode.BIND_COMPLETE)


def describe(shared: Shared, held: Held, event: messages.Describe) -> Turn[None]:
    """Tells the parameters and columns of a statement, or the columns of a portal or a cursor."""
    session = shared.opened
    if not event.is_portal:
        statement = held.statement(session, event.name)
        shared.out.append(encode.parameter_description(statement.prepared.parameters))
        shared.out.append(statement.description(session, ()))
        return
    portal = held.portal(event.name)
    if portal is not None:
        prepared = portal.statement.prepared
        copies = prepared.action in (Action.COPY_IN, Action.COPY_OUT)
        shared.out.append(encode.NO_DATA if copies else portal.statement.description(session, portal.formats))
        return
    columns = yield from call(session.cursor, event.name)
    if columns is None:
        raise _no_portal(event.name)
    shared.out.append(described(session, columns, ()))


def _no_portal(name: str) -> SqlError:
    return SqlError("34000", f'portal "{name}" does not exist')


def _cannot_run(name: str) -> SqlError:
    return SqlError("55000", f'portal "{name}" cannot be run')


def execute(shared: Shared, held: Held, event: messages.Execute) -> Turn[None]:
    """Runs a portal, or goes on with it."""
    session = shared.opened
    portal = held.portal(event.portal)
    if portal is None:
        raise _no_portal(event.portal)
    if portal.failed and session.status is Status.FAILED:
        raise SqlError("25P02", "current transaction is aborted, commands ignored until end of transaction block")
    if portal.failed:
        raise _cannot_run(event.portal)
    prepared = portal.statement.prepared
    if prepared.action is Action.EMPTY:
        shared.out.append(encode.EMPTY_QUERY)
        return
    before = session.status
    if portal.over:
        if prepared.columns is None:
            raise _cannot_run(event.portal)
        shared.out.append(encode.command_complete("SELECT 0"))
        return
    try:
        if prepared.action is Action.RUN:
            yield from _run(shared, portal, event.most_rows)
        else:
            yield from _copy(shared, portal)
    except Exception:
        portal.fail()
        raise
    if before is not Status.IDLE:
        # A block has ended; the portals of an implicit transaction live until Sync.
        held.settle(session)


def _run(shared: Shared, portal: Portal, most_rows: int) -> Turn[None]:
    session = shared.opened
    resumed = portal.started
    if not resumed:
        portal.started = True
        portal.outcome = yield from call(session.execute, portal.statement.prepared, portal.values)
    outcome = portal.outcome
    assert outcome is not None
    sent, more = yield from send_rows(shared, outcome, portal.formats, most_rows)
    portal.passed += sent
    shared.remarks()
    if more:
        shared.out.append(encode.PORTAL_SUSPENDED)
        return
    tag = outcome.tag
    portal.over = True
    portal.close()
    # The tag counts the rows of this Execute, not those that earlier ones have fetched.
    shared.out.append(encode.command_complete(f"SELECT {sent}" if resumed and tag.startswith("SELECT ") else tag))


def _copy(shared: Shared, portal: Portal) -> Turn[None]:
    portal.started = portal.over = True
    prepared = portal.statement.prepared
    session = shared.opened
    if prepared.action is Action.COPY_IN:
        tag = yield from copying.receive(shared, (yield from call(session.copy_in, prepared)))
    else:
        tag = yield from copying.send(shared, (yield from call(session.copy_out, prepared)))
    shared.remarks()
    shared.out.append(encode.command_complete(tag))


def whole(shared: Shared, held: Held, event: Whole) -> Turn[None]:
    """A pipeline of one statement, from Bind to Sync. Its portal is not kept: nobody goes on with one that is through."""
    session = shared.opened
    statement = event.statement
    prepared = statement.prepared
    held.close_portal(UNNAMED)
    try:
        values = read_values(session, prepared.parameters, event.values, event.formats)
        shared.out.append(encode.BIND_COMPLETE)
        if event.is_described:
            shared.out.append(statement.description(session, event.results))
        outcome = yield from call(session.execute, prepared, values)
        try:
            yield from send_rows(shared, outcome, event.results, 0)
            shared.remarks()
            shared.out.append(encode.command_complete(outcome.tag))
        finally:
            outcome.close()
    except Exception as error:  # whatever it is, the client gets an answer and the server logs a defect
        yield from failed(shared, held, error)
    yield from sync(shared, held)


def refused(shared: Shared, held: Held, error: Exception) -> Turn[None]:
    """A query or pipeline that failed before it came here, up to its ReadyForQuery."""
    yield from failed(shared, held, error)
    shared.ready()


def close(shared: Shared, held: Held, event: messages.Close) -> None:
    """Forgets a statement or a portal."""
    if event.is_portal:
        held.close_portal(event.name)
        # Cursors are portals by other means.
        shared.opened.close_cursor(event.name)
    else:
        held.close_statement(shared.opened, event.name)
    shared.out.append(encode.CLOSE_COMPLETE)


def sync(shared: Shared, held: Held) -> Turn[None]:
    """The end of a pipeline: commits what it did outside of a block, and says that the next one may come."""
    session = shared.opened
    try:
        yield from call(session.sync, False)
    except Exception as error:  # whatever it is, the client gets an answer and the server logs a defect
        shared.report(error)
    held.settle(session)
    shared.ready()


def failed(shared: Shared, held: Held, error: Exception) -> Turn[None]:
    """An error in a message of the extended protocol: the rest of the pipeline is passed over, and its work is taken back."""
    session = shared.opened
    shared.remarks()
    shared.report(error)
    held.fail_portals()
    session.fail()
    yield from undo(shared)
    held.settle(session)
