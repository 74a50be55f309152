"""Functions about sessions, statistics and the words of the language, as tools for people ask for them.

Invariant: what is not counted is null, or 0 where PostgreSQL's own counters begin at 0; nothing is made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from hyperdb.frontends.sql.catalog.kinds import BOOL, INT4, INT8, OID, TEXT
from hyperdb.frontends.sql.functions.model import Function

_WORDS = resources.files("hyperdb.frontends.sql.catalog").joinpath("keywords15.txt")
_CODES = {
    "U": "unreserved",
    "C": "unreserved (cannot be function or type name)",
    "T": "reserved (can be function or type name)",
    "R": "reserved",
}
_KEYWORD = (("word", TEXT), ("catcode", TEXT), ("barelabel", BOOL), ("catdesc", TEXT), ("baredesc", TEXT))
_SETTING = (("name", TEXT), ("setting", TEXT), ("short_desc", TEXT))


@cache
def keywords() -> list[tuple[str, str, bool, str, str]]:
    """pg_get_keywords, as in PostgreSQL 15."""
    found = []
    for line in _WORDS.read_text().splitlines():
        head, _, words = line.partition(": ")
        code, bare = head.split()
        described = "can be bare label" if bare == "1" else "requires AS"
        found += [(word, code, bare == "1", _CODES[code], described) for word in words.split()]
    return sorted(found)


def functions() -> Iterator[Function]:
    """The table."""
    yield Function("pg_get_keywords", (), TEXT, keywords, rows=True, columns=_KEYWORD)
    yield Function("pg_show_all_settings", (), TEXT, lambda env: env.session.settings(), env=True, rows=True, columns=_SETTING)
    yield Function("pg_stat_get_numscans", (OID,), INT8, lambda _oid: 0)
    yield Function("pg_is_wal_replay_paused", (), BOOL, lambda: False)
    yield Function("inet_server_port", (), INT4, lambda: None)
    yield Function("inet_client_port", (), INT4, lambda: None)
    yield Function("inet_client_addr", (), TEXT, lambda: None)
    yield _signal("pg_cancel_backend", (INT4,), ends=False)
    yield _signal("pg_terminate_backend", (INT4,), ends=True)
    yield _signal("pg_terminate_backend", (INT4, INT8), ends=True)


def _signal(name: str, arguments: tuple[int, ...], *, ends: bool) -> Function:
    def run(env: Any, process_id: int, _wait: int = 0) -> bool:
        found: bool = env.session.signal(process_id, ends=ends)
        return found

    return Function(name, arguments, BOOL, run, env=True, volatile=True)
