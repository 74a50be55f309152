"""A recorded session of redis-cli: the same lines, the same output as Redis 7.2 gave.

`redis_cli/session.redis` is what is typed; `session.out` what redis-cli printed with Redis 7.2.6, both in RESP2 and RESP3.
`redis-cli --rdb` is tried too. Run: `python compat-tests/resp/redis_cli.py`; `--record` writes the outputs anew from the
Redis that servers.py finds.
"""

from __future__ import annotations

import argparse
import difflib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
import suites

FOLDER = Path(__file__).resolve().parent / "redis_cli"
PROTOCOLS = {"2": "session.out", "3": "session.resp3.out"}


def played(server: servers.Server, protocol: str) -> str:
    """Each line typed, with what redis-cli printed for it."""
    lines = [line for line in (FOLDER / "session.redis").read_text().splitlines() if line]
    command = [servers.peer_tool("redis-cli"), f"-{protocol}", "-p", str(server.port), "--no-raw"]
    output = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60)
    return output.stdout


def dumps_a_file(server: servers.Server) -> bool:
    """Whether `redis-cli --rdb` gets a file that redis-check-rdb finds whole."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dump.rdb"
        client = [servers.peer_tool("redis-cli"), "-p", str(server.port)]
        subprocess.run([*client, "SET", "key", "value"], capture_output=True, check=True, timeout=60)
        asked = subprocess.run([*client, "--rdb", str(file)], capture_output=True, timeout=60)
        if asked.returncode != 0:
            print(f"redis-cli --rdb: {asked.stderr.decode(errors='replace')}")
            return False
        checked = subprocess.run([servers.peer_tool("redis-check-rdb"), str(file)], capture_output=True, text=True, timeout=60)
        found = re.search(r"RDB looks OK.*?(\d+) keys read", checked.stdout, re.DOTALL)
        print(f"redis-cli --rdb: {found.group(1)} keys, and redis-check-rdb finds them whole" if found else checked.stdout)
        return found is not None and int(found.group(1)) > 0


def main() -> int:
    """0 when every line printed what it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    if options.record:
        with servers.redis() as server:
            for protocol, name in PROTOCOLS.items():
                (FOLDER / name).write_text(played(server, protocol))
        return 0
    different = 0
    with servers.hyperdb("--sync", "everysec") as server:
        for protocol, name in PROTOCOLS.items():
            expected, got = (FOLDER / name).read_text(), played(server, protocol)
            diff = list(difflib.unified_diff(expected.splitlines(), got.splitlines(), "redis", "hyperdb", lineterm=""))
            print("\n".join(diff) or f"RESP{protocol}: {len(got.splitlines())} lines as Redis prints them")
            different += bool(diff)
        different += not dumps_a_file(server)
    return 1 if different else 0


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
