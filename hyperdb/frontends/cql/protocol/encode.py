"""Responses and events to bodies.

Theory: a table gives each class its opcode and its writer. Metadata of columns says their table once where all have the same.
Invariant: a body is what the specification says for the version, whatever the response has that the version does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hyperdb.frontends.cql.protocol import errors, responses, writer
from hyperdb.frontends.cql.protocol.opcodes import Flag, Opcode
from hyperdb.frontends.cql.protocol.versions import V4, V5
from hyperdb.frontends.cql.types.option import option

_VOID, _ROWS, _SET_KEYSPACE, _PREPARED, _SCHEMA_CHANGE = (writer.INT(kind) for kind in range(1, 6))
_GLOBAL_TABLE, _MORE_PAGES, _NO_METADATA, _METADATA_CHANGED = 0x01, 0x02, 0x04, 0x08


def specifications(columns: Sequence[responses.Column], version: int) -> tuple[int, bytes]:
    """The flag that says whether the table is told once (0: it is not), and what follows the counts."""
    first = columns[0]
    if all(column.table == first.table and column.keyspace == first.keyspace for column in columns):
        parts = [writer.text(first.keyspace), writer.text(first.table)]
        for column in columns:
            parts += (writer.text(column.name), option(column.type, version))
        return _GLOBAL_TABLE, b"".join(parts)
    parts = []
    for column in columns:
        parts += (writer.text(column.keyspace), writer.text(column.table), writer.text(column.name), option(column.type, version))
    return 0, b"".join(parts)


def _metadata(
    columns: Sequence[responses.Column], version: int, *, paging_state: bytes | None, skip: bool, new_id: bytes | None
) -> bytes:
    flags, more, described = 0, b"", b""
    if paging_state is not None:
        flags |= _MORE_PAGES
        more = writer.counted(paging_state)
    if version >= V5 and new_id is not None:
        flags |= _METADATA_CHANGED
        more += writer.short_bytes(new_id)
        skip = False
    if skip or not columns:
        flags |= _NO_METADATA
    else:
        flag, described = specifications(columns, version)
        flags |= flag
    return writer.INT(flags) + writer.INT(len(columns)) + more + described


def _rows(result: responses.Rows, version: int) -> bytes:
    skip = result.skip_metadata
    metadata = _metadata(result.columns, version, paging_state=result.paging_state, skip=skip, new_id=result.new_metadata_id)
    rows = result.rows
    if isinstance(rows, responses.Encoded):
        return b"".join((_ROWS, metadata, writer.INT(rows.count), rows.data))
    return b"".join((_ROWS, metadata, writer.INT(len(rows)), *map(writer.row, rows)))


def _prepared(result: responses.Prepared, version: int) -> bytes:
    parts = [_PREPARED, writer.short_bytes(result.id)]
    if version >= V5:
        parts.append(writer.short_bytes(result.result_metadata_id))
    flags, described = specifications(result.markers, version) if result.markers else (0, b"")
    parts += (writer.INT(flags), writer.INT(len(result.markers)))
    if version >= V4:
        parts.append(writer.INT(len(result.partition_key)))
        parts += [writer.SHORT(place) for place in result.partition_key]
    parts += (described, _metadata(result.columns or (), version, paging_state=None, skip=False, new_id=None))
    return b"".join(parts)


def _schema_change(result: responses.SchemaChange, _version: int) -> bytes:
    parts = [result.change, result.target, result.keyspace]
    if result.name is not None:
        parts.append(result.name)
    tail = writer.texts(result.arguments) if result.target in ("FUNCTION", "AGGREGATE") else b""
    return b"".join([*map(writer.text, parts), tail])


def _schema_result(result: responses.SchemaChange, version: int) -> bytes:
    return _SCHEMA_CHANGE + _schema_change(result, version)


_WRITERS: dict[type[responses.Response], tuple[Opcode, Callable[[Any, int], bytes]]] = {
    responses.Error: (Opcode.ERROR, lambda it, version: errors.body(it.error, version)),
    responses.Ready: (Opcode.READY, lambda _it, _version: b""),
    responses.Authenticate: (Opcode.AUTHENTICATE, lambda it, _version: writer.text(it.authenticator)),
    responses.AuthChallenge: (Opcode.AUTH_CHALLENGE, lambda it, _version: writer.counted(it.token)),
    responses.AuthSuccess: (Opcode.AUTH_SUCCESS, lambda it, _version: writer.counted(it.token)),
    responses.Supported: (Opcode.SUPPORTED, lambda it, _version: writer.text_multimap(it.options)),
    responses.Void: (Opcode.RESULT, lambda _it, _version: _VOID),
    responses.Rows: (Opcode.RESULT, _rows),
    responses.SetKeyspace: (Opcode.RESULT, lambda it, _version: _SET_KEYSPACE + writer.text(it.keyspace)),
    responses.Prepared: (Opcode.RESULT, _prepared),
    responses.SchemaChange: (Opcode.RESULT, _schema_result),
}
_EVENTS: dict[type[responses.Event], tuple[str, Callable[[Any, int], bytes]]] = {
    responses.SchemaChange: ("SCHEMA_CHANGE", _schema_change),
    responses.StatusChange: ("STATUS_CHANGE", lambda it, _version: writer.text(it.change) + writer.address(it.address)),
    responses.TopologyChange: ("TOPOLOGY_CHANGE", lambda it, _version: writer.text(it.change) + writer.address(it.address)),
}


def reply(it: responses.Reply, version: int) -> tuple[int, int, bytes]:
    """Opcode, flags and body of a reply. What version 3 does not know (warnings, custom payloads) is left out there."""
    opcode, write = _WRITERS[type(it.response)]
    body = write(it.response, version)
    if not (it.tracing or it.warnings or it.payload):
        return opcode, 0, body
    flags, parts = 0, []
    if it.tracing is not None:
        flags |= Flag.TRACING
        parts.append(it.tracing.bytes)
    if version >= V4 and it.warnings:
        flags |= Flag.WARNING
        parts.append(writer.texts(it.warnings))
    if version >= V4 and it.payload:
        flags |= Flag.PAYLOAD
        parts.append(writer.bytes_map(it.payload))
    return opcode, flags, b"".join([*parts, body])


def event(it: responses.Event, version: int) -> bytes:
    """The body of an EVENT."""
    kind, write = _EVENTS[type(it)]
    return writer.text(kind) + write(it, version)
