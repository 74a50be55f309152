"""Bodies of ERROR (specification, section 9): the code, the text, and what each code has besides.

Theory: a table gives each code its fields, by the names that `CqlError.extra` has them under. What a version does not know is
told as the nearest thing that it does, as Cassandra does. Invariant: any `CqlError` has a body; a field that is not given has a
default.

Fields: `consistency` (Consistency); `required`, `alive`, `received`, `block_for`, `contentions` (int); `write_type` (SIMPLE,
BATCH, UNLOGGED_BATCH, COUNTER, BATCH_LOG, CAS, VIEW, CDC); `data_present` (bool); `failures` (address of a node to the number
of its reason); `keyspace`, `table`, `function` (str); `argument_types` (list of str); `id` (bytes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import Consistency, ErrorCode
from hyperdb.frontends.cql.protocol import writer
from hyperdb.frontends.cql.protocol.versions import V4, V5

_WARNINGS = "warnings"
# Name in `extra`, what stands for it where it is not given, and its bytes.
_Field = tuple[str, Any, Callable[[Any], bytes]]

_CONSISTENCY: _Field = ("consistency", Consistency.ONE, writer.SHORT)
_RECEIVED: _Field = ("received", 0, writer.INT)
_BLOCK_FOR: _Field = ("block_for", 1, writer.INT)
_WRITE_TYPE: _Field = ("write_type", "SIMPLE", writer.text)
_DATA_PRESENT: _Field = ("data_present", False, writer.byte)
_KEYSPACE: _Field = ("keyspace", "", writer.text)
_COUNT_OF_FAILURES: _Field = ("failures", {}, lambda failures: writer.INT(len(failures)))
_REASONS: _Field = ("failures", {}, writer.reasons)
_CONTENTIONS: _Field = ("contentions", 0, writer.SHORT)

_FIELDS: dict[int, tuple[_Field, ...]] = {
    ErrorCode.UNAVAILABLE: (_CONSISTENCY, ("required", 1, writer.INT), ("alive", 0, writer.INT)),
    ErrorCode.WRITE_TIMEOUT: (_CONSISTENCY, _RECEIVED, _BLOCK_FOR, _WRITE_TYPE),
    ErrorCode.READ_TIMEOUT: (_CONSISTENCY, _RECEIVED, _BLOCK_FOR, _DATA_PRESENT),
    ErrorCode.READ_FAILURE: (_CONSISTENCY, _RECEIVED, _BLOCK_FOR, _REASONS, _DATA_PRESENT),
    ErrorCode.FUNCTION_FAILURE: (_KEYSPACE, ("function", "", writer.text), ("argument_types", (), writer.texts)),
    ErrorCode.WRITE_FAILURE: (_CONSISTENCY, _RECEIVED, _BLOCK_FOR, _REASONS, _WRITE_TYPE),
    ErrorCode.CAS_WRITE_UNKNOWN: (_CONSISTENCY, _RECEIVED, _BLOCK_FOR),
    ErrorCode.ALREADY_EXISTS: (_KEYSPACE, ("table", "", writer.text)),
    ErrorCode.UNPREPARED: (("id", b"", writer.short_bytes),),
}
# In version 4 the number of failures stands for the reasons.
_OLD_FIELDS = {
    code: tuple(_COUNT_OF_FAILURES if each is _REASONS else each for each in _FIELDS[code])
    for code in (ErrorCode.READ_FAILURE, ErrorCode.WRITE_FAILURE)
}
# As what an error is told to versions that do not have its code.
_BEFORE_V4 = {
    ErrorCode.READ_FAILURE: ErrorCode.READ_TIMEOUT,
    ErrorCode.WRITE_FAILURE: ErrorCode.WRITE_TIMEOUT,
    ErrorCode.FUNCTION_FAILURE: ErrorCode.INVALID,
}
_BEFORE_V5 = {ErrorCode.CAS_WRITE_UNKNOWN: ErrorCode.WRITE_TIMEOUT, ErrorCode.CDC_WRITE_FAILURE: ErrorCode.WRITE_FAILURE}


def warned(error: CqlError, warnings: Sequence[str]) -> CqlError:
    """An error with the warnings that came before it."""
    return CqlError(error.code, error.message, {**error.extra, _WARNINGS: tuple(warnings)}) if warnings else error


def warnings_of(error: CqlError) -> Sequence[str]:
    """The warnings that come with an error."""
    found = error.extra.get(_WARNINGS, ())
    return found if isinstance(found, tuple) else ()


def body(error: CqlError, version: int) -> bytes:
    """The body of the ERROR that tells `error`."""
    code, extra = error.code, dict(error.extra)
    if version < V5 and code in _BEFORE_V5:
        extra.setdefault("write_type", "CAS" if code == ErrorCode.CAS_WRITE_UNKNOWN else "CDC")
        code = _BEFORE_V5[ErrorCode(code)]
    if version < V4:
        code = _BEFORE_V4.get(ErrorCode(code), code) if code in _BEFORE_V4 else code
    fields = _FIELDS.get(code, ())
    if version < V5:
        fields = _OLD_FIELDS.get(ErrorCode(code), fields) if fields else fields
    elif code == ErrorCode.WRITE_TIMEOUT and extra.get("write_type") == "CAS":
        fields = (*fields, _CONTENTIONS)
    parts = [writer.UNSIGNED_INT(code), writer.text(error.message)]
    parts += [write(extra.get(name, default)) for name, default, write in fields]
    return b"".join(parts)
