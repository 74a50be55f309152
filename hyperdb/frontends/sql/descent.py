"""Deep descents in several threads, as the interpreter's limit of frames is one of each thread and its height nobody's to change.

Theory: `sys.setrecursionlimit` is for all threads of the process, and this library is a guest in it. A function that descends
into what a client has sent is marked `descends`; after some levels its next call is made in a thread of its own, whose stack
is empty, while this one waits: one of them runs at a time, so nothing is shared that was not. Invariant: between two marked
calls there are fewer frames than `_LEVELS` of them leave room for; the limit and the stacks of other threads stay as they are.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from hyperdb.errors import SqlError

P = ParamSpec("P")
T = TypeVar("T")
_LEVELS = 20
"""Marked calls in one thread: the grammar takes some 25 frames from one to the next, of the usual 1,000."""
_here = threading.local()


def descends(body: Callable[P, T]) -> Callable[P, T]:
    """Marks a function that calls itself, by way of others perhaps, as often as its input nests."""

    @wraps(body)
    def descend(*args: P.args, **kwargs: P.kwargs) -> T:
        level = getattr(_here, "level", 0) + 1
        if level > _LEVELS:
            return afresh(lambda: body(*args, **kwargs))
        _here.level = level
        try:
            return body(*args, **kwargs)
        finally:
            _here.level = level - 1

    return descend


def afresh(body: Callable[[], T]) -> T:
    """Calls it on an empty stack.

    Raises:
        SqlError: 54001 where the system has no more threads.
    """
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(body())
        except BaseException as error:  # whoever waits raises it
            failed.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="hyperdb-descent", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise SqlError("54001", "stack depth limit exceeded", detail="No thread could be started for it.") from error
    try:
        thread.join()
    finally:
        # Also when this thread is interrupted: both may hold what they share.
        thread.join()
    if failed:
        raise failed[0]
    return found[0]
