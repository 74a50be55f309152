"""The simple protocol: one text, any number of statements, one implicit transaction.

Theory: PostgreSQL's documentation, "Simple Query" and "Multiple Statements in a Simple Query". All statements are split before
one runs; the first error ends the text and takes the implicit transaction back. Invariant: the implicit transaction commits
before the tag of the last statement is sent, so that a tag is never followed by an error of the commit.
"""

from __future__ import annotations

from hyperdb.frontends.sql.contract import Action, Prepared
from hyperdb.frontends.sql.conversation import copying
from hyperdb.frontends.sql.conversation.portals import UNNAMED, Held, described
from hyperdb.frontends.sql.conversation.rows import BINARY, send_rows
from hyperdb.frontends.sql.conversation.steps import Shared, Turn, call
from hyperdb.frontends.sql.protocol import encode


def query(shared: Shared, held: Held, text: str) -> Turn[None]:
    """Answers a Query message, up to ReadyForQuery."""
    session = shared.opened
    held.close_statement(session, UNNAMED)
    held.close_portal(UNNAMED)
    failed = False
    try:
        texts = yield from call(session.statements, text)
        for place, one in enumerate(texts):
            yield from _statement(shared, one, is_last=place == len(texts) - 1)
        if not texts:
            shared.out.append(encode.EMPTY_QUERY)
            yield from call(session.sync, False)
    except Exception as error:  # whatever it is, the client gets an answer and the server logs a defect
        failed = True
        shared.remarks()
        shared.report(error)
    if failed:
        held.fail_portals()
        session.fail()
        yield from undo(shared)
    held.settle(session)
    shared.ready()


def undo(shared: Shared) -> Turn[None]:
    """Takes back the implicit transaction after an error that has been reported."""
    try:
        yield from call(shared.opened.sync, True)
    except Exception as error:  # there is one answer to a query, and it has been given
        shared.defect = error


def _statement(shared: Shared, text: str, *, is_last: bool) -> Turn[None]:
    session = shared.opened
    prepared = yield from call(session.prepare, text, ())
    if prepared.action is Action.EMPTY:
        if is_last:
            yield from call(session.sync, False)
        shared.out.append(encode.EMPTY_QUERY)
        return
    if prepared.action is Action.COPY_IN:
        tag = yield from copying.receive(shared, (yield from call(session.copy_in, prepared)))
    elif prepared.action is Action.COPY_OUT:
        tag = yield from copying.send(shared, (yield from call(session.copy_out, prepared)))
    else:
        tag = yield from _run(shared, prepared)
    if is_last:
        yield from call(session.sync, False)
    shared.remarks()
    shared.out.append(encode.command_complete(tag))


def _run(shared: Shared, prepared: Prepared) -> Turn[str]:
    """Executes a statement and sends all its rows; the command tag."""
    session = shared.opened
    outcome = yield from call(session.execute, prepared, ())
    try:
        formats = (BINARY,) if outcome.binary else ()
        if outcome.columns is not None:
            shared.out.append(described(session, outcome.columns, formats))
        yield from send_rows(shared, outcome, formats, 0)
        return outcome.tag
    finally:
        outcome.close()
