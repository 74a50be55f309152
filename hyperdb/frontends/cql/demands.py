"""What a request asks for beside its statement: consistency; and what is not known any more.

Invariant: what this server does not do is refused here, never passed over.
"""

from __future__ import annotations

from hyperdb.errors import CqlError
from hyperdb.frontends.cql.codes import Consistency, ErrorCode
from hyperdb.frontends.cql.protocol.requests import Parameters
from hyperdb.frontends.cql.types.faults import invalid

_SERIAL = frozenset({Consistency.SERIAL, Consistency.LOCAL_SERIAL})
_REPLICAS = {Consistency.TWO: 2, Consistency.THREE: 3}
PROVE = "hyperdb.prove"
"""The payload's word for a proof."""


def unprepared(number: bytes) -> CqlError:
    """A prepared statement that is not known."""
    return CqlError(
        ErrorCode.UNPREPARED,
        f"Prepared query with ID {number.hex()} not found (either the query was not prepared on this host (maybe the host has "
        "been restarted?) or you have prepared too many queries and it has been evicted from the internal cache)",
        {"id": number},
    )


def check_replicas(level: Consistency) -> None:
    """Refuses what asks for several copies by their number; whatever else is asked for, the one that there is is enough.

    Raises:
        CqlError: unavailable.
    """
    required = _REPLICAS.get(level)
    if required is not None:
        extra = {"consistency": level, "required": required, "alive": 1}
        raise CqlError(ErrorCode.UNAVAILABLE, f"Cannot achieve consistency level {level.name}", extra)


def check_read_consistency(level: Consistency) -> None:
    """Which consistency a SELECT may ask for.

    Raises:
        CqlError: invalid, unavailable.
    """
    if level is Consistency.ANY:
        raise invalid("ANY ConsistencyLevel is only supported for writes")
    check_replicas(level)


def check_consistency(parameters: Parameters, *, is_conditional: bool) -> None:
    """Which consistency a change may ask for.

    Raises:
        CqlError: invalid, unavailable.
    """
    check_replicas(parameters.consistency)
    if not is_conditional and parameters.consistency in _SERIAL:
        raise invalid("You must use conditional updates for serializable writes")
    if parameters.serial_consistency is not None and parameters.serial_consistency not in _SERIAL:
        raise invalid("Invalid consistency for conditional update. Must be one of SERIAL or LOCAL_SERIAL")
