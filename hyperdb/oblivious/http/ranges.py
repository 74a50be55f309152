"""One range of bytes of something large (RFC 9110, section 14), so that downloads can be resumed.

Invariant: what is refused is refused before anything is read; what is sent has the length that was announced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

_CHUNK = 1 << 18
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True)
class Large:
    """Bytes that can be read from any place, and never change under their name."""

    size: int
    read: Callable[[int, int], bytes]
    """From a place up to another."""
    etag: str


def of_bytes(data: bytes, etag: str) -> Large:
    """Bytes in memory."""
    return Large(len(data), lambda start, end: data[start:end], etag)


def _wanted(text: str, size: int) -> tuple[int, int] | None:
    """The first byte and the one behind the last; None if nothing of it is there."""
    found = _RANGE.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return (max(size - int(last), 0), size) if int(last) and size else None
    start, end = int(first), min(int(last) + 1, size) if last else size
    return (start, end) if start < end else None


def serve(request: Request, large: Large) -> Response:
    """The response to a GET: whole, one range, or 416."""
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{large.etag}"', "Cache-Control": "public, max-age=31536000, immutable"}
    asked = request.headers.get("range")
    if asked is not None and request.headers.get("if-range", headers["ETag"]) == headers["ETag"] and "," not in asked:
        found = _wanted(asked, large.size)
        if found is None:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{large.size}"})
        start, end = found
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{large.size}"
        status = 206
    else:
        start, end, status = 0, large.size, 200
    headers["Content-Length"] = str(end - start)
    body = _pieces(large, start, end)
    return StreamingResponse(body, status, headers, "application/octet-stream")


def _pieces(large: Large, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _CHUNK):
        yield large.read(at, min(at + _CHUNK, end))
