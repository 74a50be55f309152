"""Node's libraries that live on Redis, run for real: Socket.IO of two processes, Bull and Bee-Queue, Express sessions.

Each scenario of `node_app` asserts what the library promises: rooms and broadcasts by Socket.IO's adapters (pub/sub, sharded,
streams), jobs, retries, delays and workers that die, sessions and their ends. Run:
`python compat-tests/apps/node_libraries.py [--peer] [SCENARIO ...]` (Node 20, npm).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import scenarios_judged
import servers
from environments import node_modules

FOLDER = Path(__file__).resolve().parent / "node_app"
LONGEST = 300.0


def main() -> int:
    """0 when every scenario ended well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    parser.add_argument("scenarios", nargs="*")
    options = parser.parse_args()
    folder = node_modules("node-libraries", FOLDER)
    listed = subprocess.run(["node", "scenarios.mjs"], cwd=folder, check=True, capture_output=True, text=True)

    def run(name: str) -> subprocess.CompletedProcess[str]:
        # Each on a server of its own: what one leaves behind is nothing to the next.
        with servers.redis() if options.peer else servers.hyperdb() as server:
            command = ["node", "scenarios.mjs", name, str(server.port)]
            return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONGEST, check=False)

    return scenarios_judged.judge(options.scenarios or listed.stdout.split(), run)


if __name__ == "__main__":
    raise SystemExit(servers.status(main))
