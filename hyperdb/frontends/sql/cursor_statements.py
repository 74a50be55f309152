"""DECLARE, FETCH, MOVE, CLOSE: from words to cursors.

Invariant: as for other statements that are read word by word, every word means something or is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.contract import Action, Column, Status
from hyperdb.frontends.sql.cursors import EVERY, Cursor, Declared
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import Query, SqlOutcome, SqlPrepared, Statement, Utility, done

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_WHOLE = {"next": ("forward", 1), "prior": ("backward", 1), "first": ("absolute", 1), "last": ("absolute", -1)}


def declare(session: SqlSession, text: Statement, given: tuple[int, ...]) -> SqlPrepared:
    """DECLARE made ready: its query is bound now, as its parameters are the statement's.

    Raises:
        SqlError: 42601, 42P11, and whatever the query has.
    """
    session.proofs.refuse("what a cursor gives")
    found = Words(text)
    found.expect("declare")
    name = found.name()
    scroll: bool | None = None
    binary = insensitive = False
    while not found.take("cursor"):
        if found.take("binary"):
            binary = True
        elif found.take("insensitive"):
            insensitive = True
        elif found.take("asensitive"):
            pass
        elif found.take("no", "scroll"):
            if scroll:
                raise SqlError("42P11", "cannot specify both SCROLL and NO SCROLL")
            scroll = False
        elif found.take("scroll"):
            if scroll is False:
                raise SqlError("42P11", "cannot specify both SCROLL and NO SCROLL")
            scroll = True
        else:
            raise found.error()
    hold = found.take("with", "hold")
    if not hold:
        found.take("without", "hold")
    found.expect("for")
    if found.peek() not in ("select", "values", "with", "table", "("):
        raise found.error()
    query = session.prepare_keyed(found.rest(), given)
    body = query.body
    assert isinstance(body, Query)
    if insensitive and not body.reads:
        message = "DECLARE INSENSITIVE CURSOR ... FOR UPDATE is not valid"
        raise SqlError("42P11", message, detail="Insensitive cursors must be READ ONLY.")
    declared = Declared(name, str(text), scroll, binary, hold)

    def run(session: SqlSession, values: Sequence[Any]) -> SqlOutcome:
        if not hold and session.status is Status.IDLE:
            raise SqlError("25P01", "DECLARE CURSOR can only be used in transaction blocks")
        session.cursors.declare(declared, query, values)
        return done("DECLARE CURSOR")

    return SqlPrepared(text, Action.RUN, query.parameters, None, Utility(run), given)


def _direction(found: Words) -> tuple[str, int]:
    """What FETCH and MOVE may say before the name."""
    word = found.peek()
    if not found.peek(1):
        return "forward", 1
    if word in _WHOLE and found.take(word):
        return _WHOLE[word]
    if word in ("absolute", "relative") and found.take(word):
        return word, _count(found)
    if word in ("forward", "backward"):
        found.take(word)
        if found.take("all"):
            return word, EVERY
        following = found.peek()
        numbered = following in ("-", "+") or following[:1].isdigit()
        return word, _count(found) if numbered else 1
    if found.take("all"):
        return "forward", EVERY
    if word in ("-", "+") or word[:1].isdigit():
        return "forward", _count(found)
    return "forward", 1


def _count(found: Words) -> int:
    text = found.value()
    if not text.lstrip("-").isdigit():
        raise found.error()
    return int(text)


def _moved(cursor: Cursor, way: str, count: int) -> list[tuple[Any, ...]]:
    ways: dict[str, Callable[[int], list[tuple[Any, ...]]]] = {
        "forward": cursor.forward,
        "backward": cursor.backward,
        "absolute": cursor.absolute,
        "relative": cursor.relative,
    }
    return ways[way](count)


Made = tuple[Utility, Sequence[Column] | None]


def _fetch(found: Words) -> Made:
    word = found.peek()
    found.take(word)
    way, count = _direction(found)
    _ = found.take("from") or found.take("in")
    name = found.name()
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        cursor = session.cursors.find(name)
        if word == "move":
            stays = count == 0 and way != "absolute"
            return done(f"MOVE {int(cursor.row is not None) if stays else len(_moved(cursor, way, count))}")
        session.proofs.refuse("what a cursor gives")
        rows = _moved(cursor, way, count)
        return SqlOutcome(cursor.columns, cursor.shown(rows), f"FETCH {len(rows)}", binary=cursor.declared.binary)

    return Utility(run, cursor=name if word == "fetch" else None), None


def _close(found: Words) -> Made:
    found.expect("close")
    every = found.peek() == "all" and not found.peek(1)
    name = found.name()
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        if every:
            session.cursors.close_all()
            return done("CLOSE CURSOR ALL")
        session.cursors.close(name)
        return done("CLOSE CURSOR")

    return Utility(run), None


MAKERS = {"fetch": _fetch, "move": _fetch, "close": _close}
