"""`hyperdb.prove`: a SELECT on the newest frame, with the bundle that shows that the partitions it read are complete.

Theory: partitions lie by token, so the partitions that a SELECT names, a range of tokens, or all of a table are ranges of member
keys, and a range is proved complete by its leaves (docs/commitment.md). The client checks the bundle with `hyperdb.verify`, finds
the rows of its partition in it and applies what else its statement says. Invariant: the rows of the reply are those of the frame
that the bundle is of.
"""

from __future__ import annotations

from collections.abc import Sequence

from hyperdb.commitment.frames import Frames
from hyperdb.commitment.verify import Bounds, Frame, Rows
from hyperdb.errors import NotProvableError
from hyperdb.frontends.cql.bind.frame import Frame as Execution
from hyperdb.frontends.cql.bind.select import SelectPlan
from hyperdb.frontends.cql.bind.selection import token_of
from hyperdb.frontends.cql.types.faults import invalid

PROOF, NUMBER = "hyperdb.proof", "hyperdb.frame"
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


def newest(frames: Frames) -> Frame:
    """The frame that proofs are of.

    Raises:
        CqlError: invalid: there is none yet.
    """
    found = frames.newest()
    if found is None:
        raise invalid("hyperdb.prove: no frame was sealed yet")
    return found


def _form(token: int) -> bytes:
    """What member keys of a token's partitions begin with."""
    return (token - _LEAST).to_bytes(8, "big")


def _between(low: int, high: int) -> Bounds:
    """Partitions whose tokens lie between two, both included."""
    return Bounds(_form(low), b"" if high == _MOST else _form(high + 1))


def ranges(plan: SelectPlan, execution: Execution) -> Sequence[Bounds]:
    """The ranges of member keys in which all lies that a SELECT reads."""
    where = plan.where
    if where.keys is not None:
        tokens = sorted({token_of(plan.served, key) for key in where.keys(execution)})
        return [_between(token, token) for token in tokens]
    if where.tokens is None:
        return [Bounds()]
    found = where.tokens(execution)
    if found.is_empty:
        return []
    low = _LEAST if found.above is None else found.above + 1
    return [_between(low, _MOST if found.up_to is None else found.up_to)]


def prove(plan: SelectPlan, execution: Execution, frames: Frames, frame: Frame) -> bytes:
    """The bundle for what a SELECT reads.

    Raises:
        CqlError: invalid: it cannot be proved.
    """
    served = plan.served
    if served.source is not None:
        raise invalid(f"hyperdb.prove: rows of {served.keyspace}.{served.name} are not committed as those of tables made in CQL")
    collection = b"\0" + served.number.to_bytes(8, "big")
    queries = [Rows(collection, bounds) for bounds in ranges(plan, execution)]
    try:
        return frames.prove(served.keyspace, *queries, frame=frame.number)
    except NotProvableError as error:
        raise invalid(f"hyperdb.prove: {error}") from error
