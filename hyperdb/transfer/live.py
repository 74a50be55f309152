"""Importing from a running Redis: SCAN, then DUMP and the expiry of each key, written by their payloads.

Theory: SCAN gives every key that is there from its start to its end, whatever else happens; a key is copied as it is when it is
read. When a page of SCAN is written, the cursor behind it is kept in the system's app, under the run of the source: so an import
that was cut off goes on at that page, and copying a key again does no harm. A key that changes
afterwards is found by reading all of them again (`compare`), and copied again. Invariant: the source is only read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hyperdb import _native
from hyperdb.errors import InvalidError, SourceError
from hyperdb.graph.transaction import now_ms
from hyperdb.transfer.files import DATABASES, Json, Progress, policy_of, sizes
from hyperdb.transfer.source import Address, Reply, Source, parse_url
from hyperdb.transfer.users import Users

if TYPE_CHECKING:
    from hyperdb.database import Database

_RECORD = "hyperdb/import/redis/"
_PAGE = 1000
"""Keys asked of one SCAN."""
_CHUNK_BYTES = 8 << 20
"""About how many bytes of payloads are on their way at once."""
_PAGES_AHEAD = 16
"""Pages that may wait for the disk; they become durable in their order, each with the cursor behind it."""
_FIRST_CHUNK = 32
_NAMED = 8
"""Keys that a summary names."""
_CLOSE_MS = 5000
"""Expiries that were told as what is left of them agree if they are so close."""
_EXACT_EXPIRY = 7
"""Since this version there is PEXPIRETIME, and FUNCTION."""

Item = tuple[bytes, int | None, bytes]


@dataclass
class _Counts:
    """What became of the keys."""

    written: int = 0
    replaced: int = 0
    kept: int = 0
    expired: int = 0
    gone: int = 0
    refused: int = 0


@dataclass
class _State:
    """How far it has come."""

    db: int = -1
    cursor: int = 0
    counts: _Counts = field(default_factory=_Counts)

    def dump(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def load(raw: bytes | None) -> _State | None:
        if not raw:
            return None
        read = json.loads(raw)
        return _State(int(read["db"]), int(read["cursor"]), _Counts(**read["counts"]))


def _facts(source: Source, section: str) -> dict[str, str]:
    reply = source.ask("INFO", section)
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else ""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _source_sizes(source: Source) -> dict[int, int]:
    found = {}
    for name, text in _facts(source, "keyspace").items():
        number, words = name.removeprefix("db"), dict(part.split("=", 1) for part in text.split(",") if "=" in part)
        if number.isdigit() and words.get("keys", "").isdigit():
            found[int(number)] = int(words["keys"])
    return found


def _writes(source: Source) -> tuple[str, int] | None:
    """A count of the source's writes, and since when it counts; None if it does not say."""
    facts = _facts(source, "persistence")
    count, since = facts.get("rdb_changes_since_last_save", ""), facts.get("rdb_last_save_time")
    return (since, int(count)) if since is not None and count.isdigit() else None


class _Import:
    """One import from one source."""

    def __init__(self, database: Database, source: Source, arguments: Json, progress: Progress) -> None:
        self._database = database
        self._source = source
        self._progress = progress
        self._policy = policy_of(arguments)
        match = arguments.get("match")
        self._match = None if match is None else str(match)
        server = _facts(source, "server")
        self.version = server.get("redis_version", "0")
        if server.get("redis_mode") == "cluster":
            raise InvalidError(
                "the source is a node of a cluster, which holds a part of the keys: "
                "import the files that its nodes save, one after the other (--rdb)"
            )
        self._exact = int(self.version.split(".")[0] or 0) >= _EXACT_EXPIRY
        asked = json.dumps([server.get("run_id", ""), self._match, source.address.db, self._policy])
        self._record = (_RECORD + hashlib.sha256(asked.encode()).hexdigest()[:32]).encode()
        self.state = _State()
        self.resumed = False
        self.named: list[Json] = []
        self._pages_ahead = 0
        self.done = 0
        self.total = 0

    def databases(self) -> dict[int, int]:
        """Keys of the source's databases that are asked for.

        Raises:
            InvalidError: one of them has no place here.
        """
        found = _source_sizes(self._source)
        one = self._source.address.db
        if one is not None:
            found = {one: found.get(one, 0)}
        beyond = [number for number in found if number >= DATABASES]
        if beyond:
            raise InvalidError(f"the source has keys in database {beyond[0]}: there are 0 to {DATABASES - 1} here")
        return dict(sorted(found.items()))

    def begin(self, found: dict[int, int], *, restart: bool) -> None:
        """Goes on where an import was cut off; else refuses databases that hold something, if that is the policy.

        Raises:
            InvalidError: one of them does.
        """
        kept = None if restart else _State.load(self._database.system_get(self._record))
        self.total = sum(found.values())
        if kept is not None:
            self.state, self.resumed = kept, True
            self.done = sum(count for number, count in found.items() if number < kept.db)
            return
        if self._policy != "refuse":
            return
        taken = {number: count for number, count in sizes(self._database).items() if number in found}
        if taken:
            number, count = next(iter(taken.items()))
            raise InvalidError(
                f"database {number} holds {count} keys already: say whether to replace or to skip those that are there"
            )

    def start(self) -> None:
        """Keeps that it has begun: whoever is cut off in its first page goes on too."""
        if not self.resumed:
            _native.restore_payloads(self._database.native, 0, [], note=(self._record, self.state.dump()), wait=False)

    def copy(self, found: dict[int, int]) -> None:
        """Copies all keys."""
        policy = "skip" if self._policy == "refuse" else self._policy
        for number in found:
            if number < self.state.db:
                continue
            if number > self.state.db:
                self.state.db, self.state.cursor = number, 0
            self._source.ask("SELECT", number)
            for keys, cursor in self._pages(self.state.cursor):
                self._write(number, keys, policy, cursor)
                self._advance(len(keys), "copy")
            self.state.cursor = 0
        _native.restore_payloads(self._database.native, 0, [], note=(self._record, b""))

    def _advance(self, keys: int, phase: str) -> None:
        self.done += keys
        self._progress(min(self.done, self.total), self.total, phase)

    def _pages(self, cursor: int) -> Iterator[tuple[list[bytes], int]]:
        """Pages of keys of the selected database, each with the cursor behind it."""
        pattern: list[str] = [] if self._match is None else ["MATCH", self._match]
        while True:
            reply = self._source.ask("SCAN", cursor, *pattern, "COUNT", _PAGE)
            match reply:
                case [bytes() as behind, list() as keys] if behind.isdigit():
                    cursor = int(behind)
                    yield [key for key in keys if isinstance(key, bytes)], cursor
                case _:
                    raise SourceError("SCAN gave no page of keys")
            if cursor == 0:
                return

    def _chunks(self, keys: Sequence[bytes]) -> Iterator[list[Item]]:
        """Keys with their expiries and payloads, not too many bytes at once."""
        expiry = "PEXPIRETIME" if self._exact else "PTTL"
        size, at = _FIRST_CHUNK, 0
        while at < len(keys):
            chunk = keys[at : at + size]
            replies = self._source.ask_all([words for key in chunk for words in ((expiry, key), ("DUMP", key))])
            now = 0 if self._exact else now_ms()
            items = []
            for key, left, payload in zip(chunk, replies[::2], replies[1::2], strict=True):
                for reply in (left, payload):
                    if isinstance(reply, SourceError):
                        raise reply
                if isinstance(payload, bytes) and isinstance(left, int):
                    items.append((key, None if left < 0 else now + left, payload))
            self.state.counts.gone += len(chunk) - len(items)
            yield items
            at += len(chunk)
            mean = sum(len(item[2]) for item in items) // max(len(items), 1) + 64
            size = max(1, min(_PAGE, _CHUNK_BYTES // mean))

    def _write(self, number: int, keys: Sequence[bytes], policy: str, cursor: int) -> None:
        """Writes a page of keys, and then where the next one begins."""
        for items in self._chunks(keys):
            self._restore(number, items, policy)
        self.state.cursor = cursor
        # A cursor of 0 is the end of the database: the next one begins.
        behind = _State(number + (cursor == 0), cursor, self.state.counts)
        self._pages_ahead = (self._pages_ahead + 1) % _PAGES_AHEAD
        wait = self._pages_ahead == 0
        _native.restore_payloads(self._database.native, number, [], note=(self._record, behind.dump()), wait=wait)

    def _restore(self, number: int, items: list[Item], policy: str) -> None:
        written, replaced, kept, expired, refused = _native.restore_payloads(
            self._database.native, number, items, policy=policy, wait=False
        )
        counts = self.state.counts
        counts.written += written
        counts.replaced += replaced
        counts.kept += kept
        counts.expired += expired
        counts.refused += len(refused)
        self._name(number, [items[place][0] for place in refused], "no form here")

    def _name(self, number: int, keys: Sequence[bytes], why: str) -> None:
        for key in keys[: _NAMED - len(self.named)]:
            self.named.append({"db": number, "key": key.decode("utf-8", "replace"), "why": why})

    def compare(self, found: dict[int, int], *, prune: bool) -> Json:
        """Reads all keys again, copies those that differ, and looks for those that are gone at the source."""
        self.done, compared, changed, vanished = 0, 0, 0, 0
        for number in found:
            self._source.ask("SELECT", number)
            for keys, _ in self._pages(0):
                for items in self._chunks(keys):
                    differing = self._differing(number, items)
                    compared += len(items)
                    changed += len(differing)
                    self._name(number, [key for key, _, _ in differing], "changed meanwhile, copied again")
                    _native.restore_payloads(self._database.native, number, differing, policy="replace")
                self._advance(len(keys), "compare")
            if self._policy == "refuse":
                # Only then all that is here came from there.
                vanished += self._vanished(number, prune=prune)
        return {"compared": compared, "changed": changed, "vanished": vanished, "pruned": prune}

    def _differing(self, number: int, items: list[Item]) -> list[Item]:
        if not self._exact:
            items = [(key, self._agreed(number, key, expiry), payload) for key, expiry, payload in items]
        return [items[place] for place in _native.differing_payloads(self._database.native, number, items)]

    def _agreed(self, number: int, key: bytes, expiry: int | None) -> int | None:
        """The expiry that a key has here, if that is about what the source says."""
        if expiry is None:
            return None
        reply = self._database.execute_raw(number, [b"PEXPIRETIME", key])
        here = int(reply[1:]) if reply.startswith(b":") else -1
        return here if abs(here - expiry) < _CLOSE_MS else expiry

    def _vanished(self, number: int, *, prune: bool) -> int:
        """How many keys are here and not at the source any more; `prune` removes them."""
        found = 0
        for keys in self._own(number):
            replies = self._source.ask_all([("EXISTS", key) for key in keys])
            gone = [key for key, reply in zip(keys, replies, strict=True) if reply == 0]
            found += len(gone)
            self._name(number, gone, "removed at the source meanwhile")
            if prune and gone:
                self._database.execute_raw(number, [b"DEL", *gone])
        return found

    def _own(self, number: int) -> Iterator[list[bytes]]:
        """Keys of a database here, page by page."""
        cursor = b"0"
        while True:
            words: list[bytes | str] = ["SCAN", cursor.decode(), "COUNT", str(_PAGE)]
            if self._match is not None:
                words += ["MATCH", self._match]
            reply = self._database.execute(f"redis/{number}", *words)
            match reply:
                case [bytes() as cursor, list() as keys]:
                    yield [key for key in keys if isinstance(key, bytes)]
                case _:
                    raise InvalidError("SCAN gave no page of keys")
            if cursor == b"0":
                return

    def functions(self) -> int:
        """Copies the libraries of functions; how many."""
        if not self._exact:
            return 0
        try:
            payload = self._source.ask("FUNCTION", "DUMP")
        except SourceError as error:
            if "unknown" in str(error).lower():
                return 0
            raise
        if not isinstance(payload, bytes):
            raise SourceError("FUNCTION DUMP gave no payload")
        policy = "skip" if self.resumed and self._policy == "refuse" else self._policy
        return _native.restore_functions(self._database.native, payload, policy=policy)


def import_server(database: Database, arguments: Json, progress: Progress) -> Json:
    """Imports from the Redis at `url`.

    Raises:
        SourceError: it cannot be reached, or refuses. What was written stays; the next import goes on there.
        InvalidError: a database holds keys already (policy `refuse`); nothing was written.
    """
    address = parse_url(str(arguments["url"]))
    ca = arguments.get("ca")
    with Source(address, None if ca is None else Path(str(ca))) as source:
        return _run(database, source, address, arguments, progress)


def _run(database: Database, source: Source, address: Address, arguments: Json, progress: Callable[..., object]) -> Json:
    one = _Import(database, source, arguments, progress)
    found = one.databases()
    before = _writes(source)
    users = Users(database, source, arguments) if arguments.get("users") else None
    one.begin(found, restart=bool(arguments.get("restart")))
    if users is not None:
        users.check()
    one.start()
    libraries = 0 if arguments.get("skip_functions") else one.functions()
    one.copy(found)
    # Behind the keys: who logs in finds them.
    report: Json = {} if users is None else {"users": users.write()}
    if arguments.get("compare"):
        report |= one.compare(found, prune=bool(arguments.get("prune")))
    after = _writes(source)
    now = one.databases()
    here = sizes(database)
    counted = [{"db": number, "source": now.get(number, 0), "here": here.get(number, 0)} for number in found]
    same_count = before is not None and after is not None and before[0] == after[0]
    return {
        **report,
        "source": address.shown(),
        "version": one.version,
        "databases": counted,
        **asdict(one.state.counts),
        "libraries": libraries,
        "resumed": one.resumed,
        "source_writes": after[1] - before[1] if same_count and before is not None and after is not None else None,
        "named": one.named,
    }


__all__ = ["Reply", "import_server"]
