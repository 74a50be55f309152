"""Text, names, bytes, UUIDs and bit strings, as text and as binary.

Invariant: no text holds a NUL; the wire has checked that before a reader here is called, except for binary values, which are
checked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

from hyperdb.errors import SqlError
from hyperdb.frontends.sql.types.faults import bad_binary, bad_text, short_binary
from hyperdb.frontends.sql.types.model import Style

NAME_BYTES = 63
_GROUPS = re.compile(r"\{?(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}\}?\Z")
_SPACES = b" \t\n\v\f\r"


def read_text(text: str, _style: Style) -> str:
    """As it is."""
    return text


def write_text(value: str, _style: Style) -> str:
    """As it is."""
    return value


def receive_text(data: bytes) -> str:
    """UTF-8 without NUL.

    Raises:
        SqlError: 22021.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        bad = " ".join(f"0x{byte:02x}" for byte in data[error.start : max(error.end, error.start + 1)])
        raise SqlError("22021", f'invalid byte sequence for encoding "UTF8": {bad}') from None
    if "\0" in text:
        raise SqlError("22021", 'invalid byte sequence for encoding "UTF8": 0x00')
    return text


def cut_name(text: str) -> str:
    """The first 63 bytes, at the end of a character."""
    raw = text.encode()
    return text if len(raw) <= NAME_BYTES else raw[:NAME_BYTES].decode(errors="ignore")


def read_name(text: str, _style: Style) -> str:
    """A name, cut."""
    return cut_name(text)


def receive_name(data: bytes) -> str:
    """A name, which must not be too long."""
    if len(data) > NAME_BYTES:
        raise SqlError("42622", "identifier too long")
    return receive_text(data)


_OCTAL_CHAR = re.compile(r"\\[0-7]{3}")


def read_char(text: str, _style: Style) -> str:
    """The first byte of "char"; none is NUL, and a backslash with three octal digits is one byte."""
    if _OCTAL_CHAR.fullmatch(text):
        return chr(int(text[1:], 8) & 0xFF)
    return chr(text.encode()[0]) if text else "\0"


def write_char(value: str, _style: Style) -> str:
    """One character; NUL is none, and a byte beyond ASCII is shown in octal digits."""
    return "" if value == "\0" else value if value.isascii() else f"\\{ord(value):03o}"


def receive_char(data: bytes) -> str:
    """One byte."""
    if len(data) != 1:
        raise bad_binary('"char"') if data else SqlError("08P01", "no data left in message")
    return data.decode("latin-1")


def send_char(value: str) -> bytes:
    """One byte."""
    return value.encode("latin-1", "replace")[:1] or b"\0"


# Bytes.


def read_bytea(text: str, _style: Style) -> bytes:
    """`\\x` and hexadecimal digits, or the escape format."""
    if text.startswith("\\x"):
        return _from_hex(text[2:])
    if "\\" not in text:
        return text.encode()
    return _from_escapes(text.encode())


def _from_hex(digits: str) -> bytes:
    packed = digits.translate({ord(space): None for space in " \t\n\r"})
    try:
        return bytes.fromhex(packed)
    except ValueError:
        wrong = re.search("[^0-9a-fA-F]", packed)
        if wrong is not None:
            raise SqlError("22023", f'invalid hexadecimal digit: "{wrong[0]}"') from None
        raise SqlError("22023", "invalid hexadecimal data: odd number of digits") from None


_ESCAPED = re.compile(rb"\\(\\|[0-3][0-7]{2}|)", re.DOTALL)


def _from_escapes(raw: bytes) -> bytes:
    def unescaped(match: re.Match[bytes]) -> bytes:
        spelled = match[1]
        if not spelled:
            raise SqlError("22P02", "invalid input syntax for type bytea")
        return spelled if spelled == b"\\" else bytes([int(spelled, 8)])

    return _ESCAPED.sub(unescaped, raw)


def write_bytea(value: bytes, style: Style) -> str:
    """As `bytea_output` says."""
    if style.bytea_output == "hex":
        return "\\x" + value.hex()
    return "".join("\\\\" if byte == 0x5C else chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}" for byte in value)


def same(data: bytes) -> bytes:
    """Bytes as they are."""
    return bytes(data)


# UUIDs.


def read_uuid(text: str, _style: Style) -> UUID:
    """32 hexadecimal digits, hyphens after any group of four, braces around."""
    if not _GROUPS.match(text) or text.startswith("{") != text.endswith("}"):
        raise bad_text("uuid", text)
    return UUID(text)


def write_uuid(value: UUID, _style: Style) -> str:
    """The standard form."""
    return str(value)


def receive_uuid(data: bytes) -> UUID:
    """16 bytes."""
    if len(data) != 16:
        raise bad_binary("uuid") if len(data) > 16 else short_binary()
    return UUID(bytes=data)


def send_uuid(value: UUID) -> bytes:
    """16 bytes."""
    return value.bytes


# Bit strings.


def read_bits(text: str, _style: Style) -> str:
    """Digits 0 and 1, after an optional b; hexadecimal ones after an x."""
    if text[:1] in ("x", "X"):
        wrong = re.search("[^0-9a-fA-F]", text[1:])
        if wrong is not None:
            raise SqlError("22P02", f'"{wrong[0]}" is not a valid hexadecimal digit')
        return "".join(f"{int(digit, 16):04b}" for digit in text[1:])
    bits = text[1:] if text[:1] in ("b", "B") else text
    wrong = re.search("[^01]", bits)
    if wrong is not None:
        raise SqlError("22P02", f'"{wrong[0]}" is not a valid binary digit')
    return bits


def bits_receiver(kind: str) -> Callable[[bytes], str]:
    """The binary reader of bit strings: their number, then bytes, the first bit highest."""

    def receive(data: bytes) -> str:
        if len(data) < 4:
            raise short_binary()
        number = int.from_bytes(data[:4], "big", signed=True)
        if number < 0:
            raise SqlError("22P03", "invalid length in external bit string")
        size = (number + 7) // 8
        if len(data) != 4 + size:
            raise bad_binary(kind) if len(data) > 4 + size else short_binary()
        return "".join(f"{byte:08b}" for byte in data[4:])[:number]

    return receive


def send_bits(value: str) -> bytes:
    """The reverse."""
    size = (len(value) + 7) // 8
    return len(value).to_bytes(4, "big") + int(value.ljust(size * 8, "0") or "0", 2).to_bytes(size, "big")
