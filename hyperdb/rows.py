"""Redis's commands on rows: a table made WITH (resp_prefix = 'user:') answers HGETALL user:42.

Theory: a row is to Redis's clients a hash under prefix and key, its other columns the fields, as SQL writes them; a null is a
field that is not there. Each command is statements of SQL in one transaction, so types, constraints, indexes, locks, isolation
and privileges are SQL's, and nothing of them is written a second time. Which keys are rows is known natively, which hands such
commands over. Invariant: a key has one spelling: `user:042` is no row of an integer key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperdb.errors import HyperDBError, SqlError
from hyperdb.frontends.resp import table as commands
from hyperdb.frontends.resp.answers import OK, Answer, Failure, Simple
from hyperdb.frontends.sql.catalog import kinds
from hyperdb.frontends.sql.contract import Opening
from hyperdb.frontends.sql.embedded.running import type_named
from hyperdb.frontends.sql.functions.texts import quote_ident
from hyperdb.graph.catalog import records

if TYPE_CHECKING:
    from hyperdb.frontends.sql.backend import SqlBackend
    from hyperdb.frontends.sql.catalog.relations import Catalog, Relation
    from hyperdb.frontends.sql.session import SqlSession

_LOCK_TIMEOUT = "5s"
_RETRIES = 16
_LOST = frozenset({"40001", "40P01"})
_INTEGERS = frozenset({kinds.INT2, kinds.INT4, kinds.INT8})
_LIMIT = 1 << 63
_WRONG_TYPE = Failure("WRONGTYPE Operation against a key holding the wrong kind of value")
_OTHER_TYPES = frozenset({"string", "list", "set", "sorted-set", "bitmap", "geo", "hyperloglog", "stream"})
_NOT_TEXT = Failure("ERR a text of a table holds UTF-8 without zero bytes")
_ARITY = "ERR wrong number of arguments for '{}' command"


class _Refused(Exception):
    """The command's answer is an error."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


@dataclass(frozen=True)
class _Column:
    """A field: a column of the table."""

    name: str
    oid: int


class _Row:
    """One row, by its key of Redis, in the transaction of one command."""

    def __init__(self, session: SqlSession, relation: Relation, suffix: str) -> None:
        self._session = session
        key = next(column for column in relation.columns if column.number == relation.table.key[0].column)
        self._key = _Column(key.name, key.kind.oid)
        self.fields = {
            column.name: _Column(column.name, column.kind.oid) for column in relation.columns if column.name != key.name
        }
        self._from = f"{quote_ident(relation.schema)}.{quote_ident(relation.name)}"
        self._suffix = suffix

    def value(self) -> Any:
        """The key's value; None if this is no way to write one."""
        try:
            found = self._read(self._key, self._suffix)
        except SqlError:
            return None
        return found if self._shown(self._key, found) == self._suffix else None

    def get(self, *, lock: bool = False) -> dict[str, bytes] | None:
        """The fields that are not null; None if there is no such row."""
        key = self.value()
        if key is None:
            return None
        names = ", ".join(map(quote_ident, self.fields)) or "1"
        text = f"SELECT {names} FROM {self._from} WHERE {quote_ident(self._key.name)} = $1" + (" FOR UPDATE" if lock else "")  # noqa: S608
        rows = self.run(text, [(self._key, key)])
        if not rows:
            return None
        pairs = zip(self.fields.values(), rows[0], strict=False)
        return {column.name: self._shown_bytes(column, value) for column, value in pairs if value is not None}

    def set(self, values: dict[str, bytes | None]) -> dict[str, bytes] | None:
        """Changes or adds the row; what it was before."""
        key = self.value()
        if key is None:
            raise _Refused(Failure(f"ERR '{self._suffix}' is no key of {self._from}"))
        for name in values:
            if name not in self.fields:
                raise _Refused(Failure(f"ERR {self._from} has no column '{name}'"))
        given = [(self.fields[name], self._of_bytes(self.fields[name], value)) for name, value in values.items()]
        columns = [quote_ident(column.name) for column, _ in given]
        while True:
            before = self.get(lock=True)
            if before is not None:
                if given:
                    sets = ", ".join(f"{column} = ${place}" for place, column in enumerate(columns, 2))
                    text = f"UPDATE {self._from} SET {sets} WHERE {quote_ident(self._key.name)} = $1"  # noqa: S608
                    self.run(text, [(self._key, key), *given])
                return before
            names = ", ".join([quote_ident(self._key.name), *columns])
            places = ", ".join(f"${place}" for place in range(1, len(given) + 2))
            meets = f"ON CONFLICT ({quote_ident(self._key.name)}) DO NOTHING RETURNING 1"
            text = f"INSERT INTO {self._from} ({names}) VALUES ({places}) {meets}"  # noqa: S608
            if self.run(text, [(self._key, key), *given]):
                return None

    def remove(self) -> bool:
        """Removes the row; whether it was there."""
        key = self.value()
        if key is None:
            return False
        text = f"DELETE FROM {self._from} WHERE {quote_ident(self._key.name)} = $1 RETURNING 1"  # noqa: S608
        return bool(self.run(text, [(self._key, key)]))

    def run(self, text: str, values: Sequence[tuple[_Column, Any]]) -> list[Sequence[Any]]:
        """One statement."""
        prepared = self._session.prepare(text, tuple(column.oid for column, _ in values))
        outcome = self._session.execute(prepared, [value for _, value in values])
        return list(outcome.everything()) if outcome.columns is not None else []

    def _read(self, column: _Column, text: str) -> Any:
        return type_named(self._session, column.oid).read_text(text, self._session.style)

    def _of_bytes(self, column: _Column, value: bytes | None) -> Any:
        if value is None or column.oid == kinds.BYTEA:
            return value
        return self._read(column, _text(value))

    def _shown(self, column: _Column, value: Any) -> str:
        return type_named(self._session, column.oid).write_text(value, self._session.style)

    def _shown_bytes(self, column: _Column, value: Any) -> bytes:
        return value if column.oid == kinds.BYTEA else self._shown(column, value).encode()


def _text(value: bytes) -> str:
    try:
        found = value.decode()
    except UnicodeDecodeError:
        raise _Refused(_NOT_TEXT) from None
    if "\0" in found:
        raise _Refused(_NOT_TEXT)
    return found


Args = Sequence[bytes]


def _hgetall(row: _Row, _args: Args) -> Answer:
    return row.get() or {}


def _hget(row: _Row, args: Args) -> Answer:
    return (row.get() or {}).get(_text(args[2]))


def _hmget(row: _Row, args: Args) -> Answer:
    found = row.get() or {}
    return [found.get(_text(name)) for name in args[2:]]


def _hset(row: _Row, args: Args) -> Answer:
    if len(args) % 2:
        raise _Refused(Failure(_ARITY.format(args[0].decode("latin-1").lower())))
    values: dict[str, bytes | None] = {_text(args[at]): args[at + 1] for at in range(2, len(args), 2)}
    before = row.set(values) or {}
    return len(values.keys() - before.keys())


def _hmset(row: _Row, args: Args) -> Answer:
    _hset(row, args)
    return OK


def _hsetnx(row: _Row, args: Args) -> Answer:
    name = _text(args[2])
    if name in (row.get(lock=True) or {}):
        return 0
    row.set({name: args[3]})
    return 1


def _hdel(row: _Row, args: Args) -> Answer:
    found = row.get(lock=True)
    gone = [name for name in dict.fromkeys(map(_text, args[2:])) if name in (found or {})]
    if gone:
        row.set(dict.fromkeys(gone))
    return len(gone)


def _hincrby(row: _Row, args: Args) -> Answer:
    name = _text(args[2])
    column = row.fields.get(name)
    if column is not None and column.oid not in _INTEGERS:
        raise _Refused(Failure("ERR hash value is not an integer"))
    try:
        by = int(args[3])
    except ValueError:
        raise _Refused(Failure("ERR value is not an integer or out of range")) from None
    found = int((row.get(lock=True) or {}).get(name, b"0")) + by
    if not -_LIMIT <= found < _LIMIT:
        raise _Refused(Failure("ERR increment or decrement would overflow"))
    row.set({name: str(found).encode()})
    return found


_ON_ONE: dict[str, Callable[[_Row, Args], Answer]] = {
    "hgetall": _hgetall,
    "hget": _hget,
    "hmget": _hmget,
    "hkeys": lambda row, _args: [name.encode() for name in row.get() or {}],
    "hvals": lambda row, _args: list((row.get() or {}).values()),
    "hlen": lambda row, _args: len(row.get() or {}),
    "hexists": lambda row, args: int(_text(args[2]) in (row.get() or {})),
    "hstrlen": lambda row, args: len((row.get() or {}).get(_text(args[2]), b"")),
    "hset": _hset,
    "hmset": _hmset,
    "hsetnx": _hsetnx,
    "hdel": _hdel,
    "hincrby": _hincrby,
    "type": lambda row, _args: Simple("none" if row.get() is None else "hash"),
    "ttl": lambda row, _args: -2 if row.get() is None else -1,
    "pttl": lambda row, _args: -2 if row.get() is None else -1,
}
"""Commands on one key."""
_ON_MANY: dict[str, Callable[[_Row], bool]] = {
    "del": _Row.remove,
    "unlink": _Row.remove,
    "exists": lambda row: row.get() is not None,
}
"""Commands that count keys."""


class RowCommands:
    """Runs them for clients of a server."""

    def __init__(self, backend: SqlBackend) -> None:
        self._backend = backend

    def call(self, role: str, args: Args) -> Answer:
        """Runs one command, all of whose keys are rows."""
        name = args[0].decode("latin-1").lower()
        for _ in range(_RETRIES):
            session = self._backend.open(Opening(role, "hyperdb", {"lock_timeout": _LOCK_TIMEOUT}))
            try:
                return self._run(session, name, args)
            except _Refused as refused:
                return refused.failure
            except SqlError as error:
                if error.sqlstate not in _LOST:
                    return Failure(_class(error) + error.message.replace("\n", " "))
            except HyperDBError as error:
                return Failure(f"ERR {error}".replace("\n", " "))
            finally:
                session.close()
        return Failure("ERR the row changes all the time: try again")

    def _run(self, session: SqlSession, name: str, args: Args) -> Answer:
        if name in _ON_ONE:
            session.execute(session.prepare("BEGIN", ()), ())
            answer = _ON_ONE[name](self._row(session, args[1]), args)
        elif name in _ON_MANY:
            session.execute(session.prepare("BEGIN", ()), ())
            answer = sum(_ON_MANY[name](self._row(session, key)) for key in args[1:])
        else:
            known = commands.commands().get(name)
            if known is not None and known.group in _OTHER_TYPES:
                return _WRONG_TYPE
            return Failure(f"ERR '{name}' is not there for rows of tables")
        session.execute(session.prepare("COMMIT", ()), ())
        return answer

    def _row(self, session: SqlSession, key: bytes) -> _Row:
        text = _text(key)
        relation = session.look(lambda catalog: answering(catalog, text))
        if relation is None:
            raise _Refused(Failure("ERR the table behind this key has just changed: try again"))
        return _Row(session, relation, text.removeprefix(relation.table.resp_prefix))


def _class(error: SqlError) -> str:
    return "NOPERM " if error.sqlstate == "42501" else "ERR "


def answering(catalog: Catalog, key: str) -> Relation | None:
    """The table whose rows a key of Redis names."""
    for number, found in catalog.objects.items():
        if isinstance(found, records.Table) and found.resp_prefix and key.startswith(found.resp_prefix):
            return catalog.relation(number)
    return None
