"""Scripts that never end, take all memory, descend without end, or reach for what is not theirs: none of them hurts the server.

Each line of `script_attacks.lua` is one. It ends by itself, or SCRIPT KILL ends it; meanwhile another client is answered, BUSY at
least; the server's memory stays bounded; and it serves after all of them. A real Redis does not come through all of these: it is
not asked. Run: `python compat-tests/resp/script_attacks.py [--port PORT --pid PID] [--most-mib N]`.
"""

from __future__ import annotations

import argparse
import contextlib
import select
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

SCRIPTS = Path(__file__).with_suffix(".lua")
#: A script gets so long to end by itself, and then so long to be heard to end.
ALONE, HEARD = 3.0, 30.0
#: What a script may take: its own bound, and values of 200 MiB on their way through several hands.
MOST_MIB = 1000


def resident(pid: int) -> int:
    """MiB of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) >> 10
    raise ProcessLookupError(pid)


def request(*words: bytes) -> bytes:
    """A command as RESP."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def first_line(port: int, *words: bytes) -> bytes:
    """The first line of a reply to a client that comes new."""
    with socket.create_connection(("127.0.0.1", port), timeout=HEARD) as client:
        client.sendall(request(*words))
        received = b""
        while b"\r\n" not in received:
            part = client.recv(4096)
            if not part:
                raise ConnectionError("the server closed the connection")
            received += part
    return received.split(b"\r\n")[0]


def attack(port: int, pid: int, script: bytes) -> tuple[str, int]:
    """What became of a script, and the most memory that was seen.

    Raises:
        OSError: the server did not answer, or is gone.
        TimeoutError: it answered others, but the script could not be ended.
    """
    most = resident(pid)
    with socket.create_connection(("127.0.0.1", port), timeout=HEARD) as client:
        client.sendall(request(b"EVAL", script, b"0"))
        began, killed = time.monotonic(), False
        while not select.select([client], [], [], 0.05)[0]:
            most = max(most, resident(pid))
            passed = time.monotonic() - began
            if passed > ALONE and not killed:
                # Before the server calls itself busy there is nothing to kill.
                killed = first_line(port, b"SCRIPT", b"KILL") == b"+OK"
            if passed > ALONE + HEARD:
                raise TimeoutError("it went on")
        reply = client.recv(200)
    if not reply:
        raise ConnectionError("the server closed the connection")
    return ("killed: " if killed else "ended: ") + reply.split(b"\r\n")[0].decode(errors="replace")[:100], most


def main() -> int:
    """0 when the server came through."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="of a server that runs already")
    parser.add_argument("--pid", type=int, help="its process")
    parser.add_argument("--most-mib", type=int, default=MOST_MIB)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        port, pid = options.port, options.pid
        if port is None:
            server = stack.enter_context(servers.hyperdb("--sync", "everysec"))
            port, pid = server.port, server.process.pid
        first_line(port, b"CONFIG", b"SET", b"busy-reply-threshold", b"500")
        scripts = SCRIPTS.read_bytes().splitlines()
        wrong = 0
        for script in scripts:
            before = resident(pid)
            try:
                told, most = attack(port, pid, script)
            except (OSError, TimeoutError) as error:
                told, most = f"WRONG: {error!r}", before
                wrong += 1
            if most - before > options.most_mib:
                told, wrong = f"WRONG: took {most - before} MiB; {told}", wrong + 1
            if first_line(port, b"PING") != b"+PONG":
                raise SystemExit(f"the server does not answer after {script!r}")
            print(f"{script.decode('latin-1')[:70]:70}  +{most - before:3} MiB  {told}", flush=True)
    print(f"{len(scripts)} scripts, {wrong} of them hurt")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
