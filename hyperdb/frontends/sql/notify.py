"""LISTEN, NOTIFY, UNLISTEN: words from committed transactions to whoever listens.

Theory: PostgreSQL's documentation, NOTIFY. What a transaction says is kept until it commits, the same thing once, and then goes
to every session that listens, its own one too; LISTEN and UNLISTEN take effect at the commit as well. Invariant: a listener
hears what was committed after its LISTEN was, in the order of the commits, and nothing of what was rolled back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.contract import Column, Notification
from hyperdb.frontends.sql.parse.words import Words
from hyperdb.frontends.sql.statement import SqlOutcome, Utility, done

if TYPE_CHECKING:
    from hyperdb.frontends.sql.session import SqlSession

_LONGEST_CHANNEL = 63
_LONGEST_PAYLOAD = 7_999
_MOST_WAITING = 100_000
"""Notifications that may wait for one session; a listener that never asks for them is not to fill the memory."""


class Hub:
    """Who listens to what, of all sessions of a backend. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, set[News]] = {}

    def change(self, news: News, begins: Sequence[str], ends: Sequence[str]) -> None:
        """A session begins and ends to listen."""
        with self._lock:
            for channel in begins:
                self._listeners.setdefault(channel, set()).add(news)
            for channel in ends:
                listeners = self._listeners.get(channel, set())
                listeners.discard(news)
                if not listeners:
                    self._listeners.pop(channel, None)

    def tell(self, said: Sequence[Notification], own: News) -> None:
        """Tells the listeners, and wakes those that are not the one who says it."""
        with self._lock:
            heard: set[News] = set()
            for each in said:
                for news in self._listeners.get(each.channel, ()):
                    if len(news.waiting) < _MOST_WAITING:
                        news.waiting.append(each)
                        heard.add(news)
        for news in heard:
            if news is not own:
                news.wake()

    def take(self, news: News) -> list[Notification]:
        """What waits for a session, which is then no longer kept."""
        with self._lock:
            found, news.waiting = news.waiting, []
        return found


@dataclass(frozen=True, slots=True)
class _Deed:
    """What a transaction has done so far; `depth`: how many savepoints stood then."""

    word: str
    channel: str
    payload: str
    depth: int


class News:
    """One session's share: what it listens to, what it has said in its transaction, what waits for it."""

    def __init__(self, session: SqlSession, hub: Hub, wake: Callable[[], None]) -> None:
        self._session = session
        self._hub = hub
        self.wake = wake
        self.waiting: list[Notification] = []
        self.channels: list[str] = []
        self._deeds: list[_Deed] = []
        self._said: set[tuple[str, str]] = set()

    def do(self, word: str, channel: str, payload: str = "") -> None:
        """Listen, unlisten (all channels, if none is named) or notify, once the transaction commits.

        Raises:
            SqlError: 22023 for a channel or payload that is empty or too long.
        """
        if not channel and word == "notify":
            raise SqlError("22023", "channel name cannot be empty")
        if len(channel.encode()) > _LONGEST_CHANNEL:
            raise SqlError("22023", "channel name too long")
        if len(payload.encode()) > _LONGEST_PAYLOAD:
            raise SqlError("22023", "payload string too long")
        self._session.begin()
        if word == "notify":
            if (channel, payload) in self._said:
                return
            self._said.add((channel, payload))
        self._deeds.append(_Deed(word, channel, payload, len(self._session.savepoints)))

    def roll_back(self, place: int) -> None:
        """ROLLBACK TO the savepoint of that place."""
        self._deeds = [each for each in self._deeds if each.depth <= place]
        self._said = {(each.channel, each.payload) for each in self._deeds if each.word == "notify"}

    def release(self, place: int) -> None:
        """RELEASE of the savepoint of that place."""
        self._deeds = [replace(each, depth=min(each.depth, place)) for each in self._deeds]

    def end(self, *, committed: bool) -> None:
        """The transaction has ended."""
        if not self._deeds:
            return
        deeds, self._deeds = self._deeds, []
        self._said = set()
        if not committed:
            return
        before, after = set(self.channels), list(self.channels)
        for each in deeds:
            if each.word == "listen" and each.channel not in after:
                after.append(each.channel)
            elif each.word == "unlisten":
                after = [channel for channel in after if each.channel and channel != each.channel]
        self.channels = after
        self._hub.change(self, [channel for channel in after if channel not in before], sorted(before - set(after)))
        number = self._session.process_id
        said = [Notification(number, each.channel, each.payload) for each in deeds if each.word == "notify"]
        if said:
            self._hub.tell(said, self)

    @property
    def is_pending(self) -> bool:
        """Whether the end of the transaction says or changes anything."""
        return bool(self._deeds)

    def take(self) -> Sequence[Notification]:
        """What waits for the session."""
        return self._hub.take(self) if self.waiting else ()

    def close(self) -> None:
        """The session is over."""
        self._hub.change(self, (), self.channels)
        self.channels = []


Made = tuple[Utility, Sequence[Column] | None]


def _statement(found: Words) -> Made:
    word = found.peek()
    found.take(word)
    every = word == "unlisten" and found.take("*")
    channel = "" if every else found.name()
    payload = found.value() if word == "notify" and found.take(",") else ""
    found.end()

    def run(session: SqlSession, _values: Sequence[Any]) -> SqlOutcome:
        session.news.do(word, channel, payload)
        return done(word.upper())

    return Utility(run), None


MAKERS = {"listen": _statement, "notify": _statement, "unlisten": _statement}
