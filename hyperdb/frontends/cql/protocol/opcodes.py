"""Opcodes, and the flags of an envelope's header (specification, sections 2.2 and 2.4)."""

from __future__ import annotations

from enum import IntEnum


class Opcode(IntEnum):
    """What a body is."""

    ERROR = 0x00
    STARTUP = 0x01
    READY = 0x02
    AUTHENTICATE = 0x03
    OPTIONS = 0x05
    SUPPORTED = 0x06
    QUERY = 0x07
    RESULT = 0x08
    PREPARE = 0x09
    EXECUTE = 0x0A
    REGISTER = 0x0B
    EVENT = 0x0C
    BATCH = 0x0D
    AUTH_CHALLENGE = 0x0E
    AUTH_RESPONSE = 0x0F
    AUTH_SUCCESS = 0x10


class Flag:
    """Bits of a header. Plain numbers: they are looked at for every envelope."""

    COMPRESSED = 0x01
    TRACING = 0x02
    PAYLOAD = 0x04
    WARNING = 0x08
    BETA = 0x10
