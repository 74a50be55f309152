"""What every server on an event loop needs of it.

Invariant: nothing here knows a protocol.
"""

from __future__ import annotations

import asyncio
import ipaddress


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it can be had."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def is_loopback(host: str) -> bool:
    """Whether an address, perhaps with a zone behind `%`, is this machine's own."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
