"""Numbers of the native protocol that other parts than the wire name too: kinds of errors, consistency levels, batches, events.

The source is the specification of the protocol (native_protocol_v4.spec and _v5.spec), sections 3, 4.1 and 9. Invariant: nothing
here depends on a version of the protocol.
"""

from __future__ import annotations

from enum import Enum, IntEnum


class ErrorCode(IntEnum):
    """What went wrong, as an ERROR says it."""

    SERVER = 0x0000
    PROTOCOL = 0x000A
    BAD_CREDENTIALS = 0x0100
    UNAVAILABLE = 0x1000
    OVERLOADED = 0x1001
    IS_BOOTSTRAPPING = 0x1002
    TRUNCATE = 0x1003
    WRITE_TIMEOUT = 0x1100
    READ_TIMEOUT = 0x1200
    READ_FAILURE = 0x1300
    FUNCTION_FAILURE = 0x1400
    WRITE_FAILURE = 0x1500
    CDC_WRITE_FAILURE = 0x1600
    CAS_WRITE_UNKNOWN = 0x1700
    SYNTAX = 0x2000
    UNAUTHORIZED = 0x2100
    INVALID = 0x2200
    CONFIG = 0x2300
    ALREADY_EXISTS = 0x2400
    UNPREPARED = 0x2500


class Consistency(IntEnum):
    """How many replicas must have answered."""

    ANY = 0x0000
    ONE = 0x0001
    TWO = 0x0002
    THREE = 0x0003
    QUORUM = 0x0004
    ALL = 0x0005
    LOCAL_QUORUM = 0x0006
    EACH_QUORUM = 0x0007
    SERIAL = 0x0008
    LOCAL_SERIAL = 0x0009
    LOCAL_ONE = 0x000A


class BatchKind(IntEnum):
    """How far the statements of a batch belong together."""

    LOGGED = 0
    UNLOGGED = 1
    COUNTER = 2


class EventKind(Enum):
    """What a client may ask to be told of."""

    TOPOLOGY = "TOPOLOGY_CHANGE"
    STATUS = "STATUS_CHANGE"
    SCHEMA = "SCHEMA_CHANGE"
