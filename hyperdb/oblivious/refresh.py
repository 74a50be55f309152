"""A hint from the one of the epoch before, and the columns that changed between them.

Theory: a hint is the matrix times the public one, so a column that changes adds its difference times a row that everybody can
expand. In the rows of bytes that hold no proof (`stable`) few columns change from epoch to epoch, and their old and new bytes
are less than the hint's rows; the rows behind are new in each epoch and are fetched. Invariant: what comes out is checked
against the manifest's digest like any hint, so nothing here is trusted; sizes are checked first.

Bytes: u32 LE stable rows, u32 LE how many columns; each: u32 LE its number, its old bytes, its new ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from hyperdb.commitment.verify import VerificationError
from hyperdb.oblivious.pir import DIMENSION, NUMBER_BYTES, Change, Hint, Place
from hyperdb.oblivious.stack import Stack

_U32 = 4
_ROW = NUMBER_BYTES * DIMENSION


def most_bytes(rows: int) -> int:
    """More than so many bytes of changes are not worth it: the rows of the hint are as many."""
    return _ROW * rows


def changes(now: Stack, before: Stack, changed: Sequence[int]) -> bytes:
    """The columns that changed, for clients who have the hint of the epoch before; nothing if that is no less than a hint.

    Args:
        changed: columns whose stable bytes differ.
    """
    upper, older = now.parts[0].matrix, before.parts[0].matrix
    size = 2 * _U32 + len(changed) * (_U32 + 2 * upper.rows)
    if older.rows != upper.rows or older.columns > upper.columns or size >= most_bytes(upper.rows):
        return b""
    none = bytes(upper.rows)
    found = [upper.rows.to_bytes(_U32, "little"), len(changed).to_bytes(_U32, "little")]
    for number in changed:
        old = older.column(number) if number < older.columns else none
        found += [number.to_bytes(_U32, "little"), old, upper.column(number)]
    return b"".join(found)


def stable_rows(data: bytes, rows: int) -> int:
    """Of how many rows of a hint of so many changes tell; the others are to be fetched.

    Raises:
        VerificationError: it is none.
    """
    stable = int.from_bytes(data[:_U32], "little")
    if len(data) < 2 * _U32 or stable > rows:
        raise VerificationError("format", "no changes of a hint's columns")
    return stable


def refreshed(place: Place, before: bytes, data: bytes, columns: int, lower: bytes) -> bytes:
    """The hint after changes, with the rows behind the stable ones as they were fetched.

    Args:
        place: which matrix.
        before: the hint of the epoch before.
        data: what changed.
        columns: how many columns the matrix has now.
        lower: the new rows.

    Raises:
        VerificationError: sizes do not fit together.
    """
    stable = stable_rows(data, len(before) // _ROW)
    count, each = int.from_bytes(data[_U32 : 2 * _U32], "little"), _U32 + 2 * stable
    if len(data) != 2 * _U32 + count * each:
        raise VerificationError("format", "changes of another length than they say")
    found: list[Change] = []
    for at in range(2 * _U32, len(data), each):
        number = int.from_bytes(data[at : at + _U32], "little")
        if number >= columns:
            raise VerificationError("format", "a change of a column that there is not")
        old = at + _U32
        found.append((number, data[old : old + stable], data[old + stable : old + 2 * stable]))
    hint = Hint.read(place, stable, before[: stable * _ROW])
    return bytes(hint.replaced(found)) + lower
