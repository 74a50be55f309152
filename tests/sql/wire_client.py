"""The client's side of a conversation in tests: messages by hand, answers cut into (type, body)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from fake_session import Backend

from hyperdb.frontends.sql.contract import WouldWait
from hyperdb.frontends.sql.conversation import Bounds, Conversation, Role, Terms

STARTUP = struct.pack(">II", 8 + len(b"user\0postgres\0\0"), 3 << 16) + b"user\0postgres\0\0"
SYNC, FLUSH, TERMINATE, COPY_DONE = b"S\0\0\0\4", b"H\0\0\0\4", b"X\0\0\0\4", b"c\0\0\0\4"


def message(kind: str, body: bytes = b"") -> bytes:
    return kind.encode() + struct.pack(">I", len(body) + 4) + body


def query(text: str) -> bytes:
    return message("Q", text.encode() + b"\0")


def parse(text: str, name: str = "", oids: Sequence[int] = ()) -> bytes:
    return message("P", name.encode() + b"\0" + text.encode() + b"\0" + struct.pack(f">H{len(oids)}I", len(oids), *oids))


def bind(
    values: Sequence[bytes | None] = (),
    *,
    portal: str = "",
    name: str = "",
    formats: Sequence[int] = (),
    results: Sequence[int] = (),
) -> bytes:
    body = portal.encode() + b"\0" + name.encode() + b"\0" + struct.pack(f">H{len(formats)}h", len(formats), *formats)
    body += struct.pack(">H", len(values))
    for value in values:
        body += b"\xff\xff\xff\xff" if value is None else struct.pack(">I", len(value)) + value
    return message("B", body + struct.pack(f">H{len(results)}h", len(results), *results))


def describe(kind: str, name: str = "") -> bytes:
    return message("D", kind.encode() + name.encode() + b"\0")


def execute(portal: str = "", most: int = 0) -> bytes:
    return message("E", portal.encode() + b"\0" + struct.pack(">i", most))


def close(kind: str, name: str = "") -> bytes:
    return message("C", kind.encode() + name.encode() + b"\0")


def cut(data: bytes) -> list[tuple[str, bytes]]:
    """Answers as (type, body); a lone S or N of a negotiation is not one of them."""
    found = []
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at + 1)
        assert at + 1 + length <= len(data)
        found.append((chr(data[at]), data[at + 5 : at + 1 + length]))
        at += 1 + length
    return found


def fields(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse."""
    return {part[:1].decode(): part[1:].decode() for part in body.rstrip(b"\0").split(b"\0")}


class Client:
    """A client and the conversation that answers it; waits are done at once unless `waits` is false."""

    def __init__(self, *, role: Role | None = None, bounds: Bounds | None = None, waits: bool = True, **terms: Any) -> None:
        self.backend = Backend()
        self.waits = waits
        self.secrets: list[bytes] = []
        role = role or Role("hyperdb", None)
        names = ("postgres", "hyperdb")
        self.conversation = Conversation(
            Terms(
                backend=self.backend,
                find_role=lambda name: role if name in names else None,
                random=lambda number: bytes(range(1, number + 1)),
                process_id=42,
                decoy_secret=b"decoy",
                began=self.secrets.append,
                bounds=bounds or Bounds(),
                **{"is_local": True, **terms},
            )
        )

    @property
    def session(self) -> Any:
        return self.backend.opened[-1]

    def raw(self, data: bytes) -> bytes:
        """What comes back for some bytes."""
        conversation = self.conversation
        conversation.receive(data)
        out = conversation.take_output()
        while not conversation.ended:
            if conversation.is_paused:
                conversation.go_on()
            elif conversation.waiting is not None and self.waits:
                resolve(conversation, conversation.waiting)
            else:
                break
            out += conversation.take_output()
        return out

    def say(self, *data: bytes) -> list[tuple[str, bytes]]:
        return cut(self.raw(b"".join(data)))

    def kinds(self, *data: bytes) -> str:
        """The types of the answers, in a row."""
        return "".join(kind for kind, _ in self.say(*data))

    def begin(self) -> Client:
        assert self.say(STARTUP)[-1] == ("Z", b"I")
        return self


def resolve(conversation: Conversation, wait: WouldWait) -> None:
    try:
        result = wait.resume()
    except Exception as error:
        conversation.refused(error)
    else:
        conversation.resolved(result)
