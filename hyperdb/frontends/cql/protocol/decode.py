"""Bodies of requests to dataclasses.

Theory: a table gives each opcode its reader; query parameters are one layout whose flags say what follows. Invariant: a body
that is not as the specification says is a `CqlError`, after which the connection can go on.
"""

from __future__ import annotations

from collections.abc import Callable

from hyperdb.frontends.cql.codes import BatchKind, Consistency, EventKind
from hyperdb.frontends.cql.protocol import requests
from hyperdb.frontends.cql.protocol.opcodes import Opcode
from hyperdb.frontends.cql.protocol.reader import Reader, broken
from hyperdb.frontends.cql.protocol.versions import V4, V5

# Flags of query parameters (specification of version 5, section 4.1.4).
_VALUES, _SKIP_METADATA, _PAGE_SIZE, _PAGING_STATE = 0x01, 0x02, 0x04, 0x08
_SERIAL, _TIMESTAMP, _NAMES, _KEYSPACE, _NOW = 0x10, 0x20, 0x40, 0x80, 0x100
_PREPARE_KEYSPACE = 0x01
_LEAST_LONG = -(1 << 63)
_SMALLEST_VALUE, _SMALLEST_ITEM = 4, 5
_REPLIES = frozenset(
    {
        Opcode.ERROR,
        Opcode.READY,
        Opcode.AUTHENTICATE,
        Opcode.SUPPORTED,
        Opcode.RESULT,
        Opcode.EVENT,
        Opcode.AUTH_CHALLENGE,
        Opcode.AUTH_SUCCESS,
    }
)


def _values(reader: Reader, version: int) -> tuple[requests.Value, ...]:
    # Unset came with version 4; before, every negative length is null.
    read = reader.value if version >= V4 else reader.blob
    return tuple([read() for _ in range(reader.count(_SMALLEST_VALUE))])


def _named_values(reader: Reader, version: int) -> tuple[tuple[str, ...], tuple[requests.Value, ...]]:
    names, values = [], []
    for _ in range(reader.count(_SMALLEST_VALUE + 2)):
        names.append(reader.text())
        values.append(reader.value() if version >= V4 else reader.blob())
    return tuple(names), tuple(values)


def _options(reader: Reader, version: int, flags: int) -> tuple[Consistency | None, int | None, str | None, int | None]:
    """What follows the values, in queries and batches alike: serial consistency, timestamp, keyspace, the present time."""
    serial = reader.consistency() if flags & _SERIAL else None
    timestamp = None
    if flags & _TIMESTAMP:
        timestamp = reader.int64()
        if timestamp == _LEAST_LONG:
            raise broken(f"Out of bound timestamp, must be in [{_LEAST_LONG + 1}, {-_LEAST_LONG - 1}] (got {timestamp})")
    if version < V5:
        return serial, timestamp, None, None
    keyspace = reader.text() if flags & _KEYSPACE else None
    return serial, timestamp, keyspace, reader.int32() if flags & _NOW else None


def _flags(reader: Reader, version: int) -> int:
    return reader.uint32() if version >= V5 else reader.byte()


def _parameters(reader: Reader, version: int) -> requests.Parameters:
    consistency = reader.consistency()
    flags = _flags(reader, version)
    names: tuple[str, ...] | None = None
    values: tuple[requests.Value, ...] = ()
    if flags & _VALUES:
        if flags & _NAMES:
            names, values = _named_values(reader, version)
        else:
            values = _values(reader, version)
    page_size = reader.int32() if flags & _PAGE_SIZE else None
    paging_state = reader.blob() if flags & _PAGING_STATE else None
    skip = bool(flags & _SKIP_METADATA)
    if flags < _SERIAL:
        return requests.Parameters(consistency, values, names, skip, page_size, paging_state)
    serial, timestamp, keyspace, now = _options(reader, version, flags)
    return requests.Parameters(consistency, values, names, skip, page_size, paging_state, serial, timestamp, keyspace, now)


def _startup(reader: Reader, _version: int) -> requests.Body:
    # Names of options are upper case, but old clients send others.
    return requests.Startup({name.upper(): value for name, value in reader.text_map().items()})


def _query(reader: Reader, version: int) -> requests.Body:
    return requests.Query(reader.long_text(), _parameters(reader, version))


def _prepare(reader: Reader, version: int) -> requests.Body:
    text = reader.long_text()
    if version < V5:
        return requests.Prepare(text)
    flags = reader.uint32()
    return requests.Prepare(text, reader.text() if flags & _PREPARE_KEYSPACE else None)


def _execute(reader: Reader, version: int) -> requests.Body:
    statement = reader.short_bytes()
    known = reader.short_bytes() if version >= V5 else None
    return requests.Execute(statement, known, _parameters(reader, version))


def _batch(reader: Reader, version: int) -> requests.Body:
    number = reader.byte()
    if number > BatchKind.COUNTER:
        raise broken(f"Invalid batch type {number}")
    items = []
    for _ in range(reader.count(_SMALLEST_ITEM)):
        kind = reader.byte()
        if kind > 1:
            raise broken("Invalid query kind in BATCH messages. Must be 0 or 1 but got " + str(kind))
        statement = reader.short_bytes() if kind else reader.long_text()
        items.append(requests.BatchItem(statement, _values(reader, version)))
    consistency = reader.consistency()
    flags = _flags(reader, version)
    if flags & _NAMES:
        # Where the names would stand cannot be known before the flags (CASSANDRA-10246).
        raise broken("Named values are not supported in BATCH messages")
    if flags & (_VALUES | _PAGE_SIZE | _PAGING_STATE):
        raise broken(f"Flags that a BATCH message cannot have: 0x{flags:02x}")
    serial, timestamp, keyspace, now = _options(reader, version, flags)
    parameters = requests.Parameters(
        consistency, serial_consistency=serial, timestamp=timestamp, keyspace=keyspace, now_in_seconds=now
    )
    return requests.Batch(BatchKind(number), tuple(items), parameters)


def _register(reader: Reader, _version: int) -> requests.Body:
    names = reader.texts()
    try:
        return requests.Register(frozenset({EventKind(name.upper()) for name in names}))
    except ValueError as error:
        raise broken(f"Invalid value for an event type: {error.args[0].split()[0]}") from None


_READERS: dict[int, Callable[[Reader, int], requests.Body]] = {
    Opcode.STARTUP: _startup,
    Opcode.OPTIONS: lambda _reader, _version: requests.Options(),
    Opcode.QUERY: _query,
    Opcode.PREPARE: _prepare,
    Opcode.EXECUTE: _execute,
    Opcode.BATCH: _batch,
    Opcode.REGISTER: _register,
    Opcode.AUTH_RESPONSE: lambda reader, _version: requests.AuthResponse(reader.blob()),
}


def body(opcode: int, reader: Reader, version: int) -> requests.Body:
    """The body of a request, of which `reader` stands at the begin.

    Raises:
        CqlError: protocol, for a body that is not as it should be, or an opcode that no request has.
    """
    read = _READERS.get(opcode)
    if read is None:
        if opcode in _REPLIES:
            name = Opcode(opcode).name
            raise broken(f"Wrong protocol direction (expected REQUEST, got RESPONSE) for opcode {opcode} ({name})")
        raise broken(f"Unknown opcode {opcode}")
    # Bytes behind a body are let pass, as Cassandra does: drivers exist that send some.
    return read(reader, version)
