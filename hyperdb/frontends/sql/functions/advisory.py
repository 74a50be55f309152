"""Advisory locks as functions (documentation, 9.27.10): twenty names of one thing.

Invariant: which lock, how strong, for how long and whether to wait is all in the name and the number of arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hyperdb.frontends.sql.catalog.kinds import BOOL, INT4, INT8, VOID
from hyperdb.frontends.sql.functions.model import Function

_KEYS = ((INT8,), (INT4, INT4))


def functions() -> Iterator[Function]:
    """The table."""
    for key in _KEYS:
        for shared in ("", "_shared"):
            for passing in ("", "xact_"):
                for try_ in ("", "try_"):
                    name = f"{try_}advisory_{passing}lock{shared}"
                    yield _take(key, exclusive=not shared, passing=bool(passing), wait=not try_, name=name)
            yield _give_back(key, exclusive=not shared, name=f"advisory_unlock{shared}")
    yield Function("pg_advisory_unlock_all", (), VOID, _give_all_back, env=True, volatile=True)


def _take(key: tuple[int, ...], *, exclusive: bool, passing: bool, wait: bool, name: str) -> Function:
    def run(env: Any, *numbers: int) -> bool | str:
        taken: bool = env.session.advisory.take(numbers, exclusive=exclusive, passing=passing, wait=wait)
        return "" if wait else taken

    return Function(f"pg_{name}", key, VOID if wait else BOOL, run, env=True, volatile=True)


def _give_back(key: tuple[int, ...], *, exclusive: bool, name: str) -> Function:
    def run(env: Any, *numbers: int) -> bool:
        found: bool = env.session.advisory.give_back(numbers, exclusive=exclusive)
        return found

    return Function(f"pg_{name}", key, BOOL, run, env=True, volatile=True)


def _give_all_back(env: Any) -> str:
    env.session.advisory.give_all_back()
    return ""
