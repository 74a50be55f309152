"""The public resp-compatibility cases (a JSON list of command sequences and replies) on HyperDB and on Redis, case by case.

They are run by their own runner, as it is. The repository has no tags: one commit of
github.com/tair-opensource/resp-compatibility is cloned, or `RESP_COMPATIBILITY_DIR` (or `--sources`) names a checkout of it.
Run: `python compat-tests/resp/resp_compatibility.py [--only hyperdb|redis] [--version 7.2.0]`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "apps"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
import suites
from environments import environment

SUITE = suites.Suite(
    "resp-compatibility",
    "https://github.com/tair-opensource/resp-compatibility",
    "ed92742275c71141e554230e68b108ea4a91b805",
)
PACKAGES = ("redis==5.0.8", "pyyaml==6.0.2")
CASE = re.compile(r"^test: (.*) (passed|failed)$", re.MULTILINE)
LONGEST = 600.0


def run(server: servers.Server, folder: Path, version: str) -> suites.Outcomes:
    """What became of each case up to a version; of those with one name, by their order."""
    python = environment(SUITE.name, *PACKAGES)
    command = [str(python), "resp_compatibility.py", "--host", "127.0.0.1", "--port", str(server.port)]
    command += ["--testfile", "cts.json", "--specific-version", version, "--show-failed"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONGEST, check=False)
    (SUITE.work / f"{server.name}.log").write_text(said.stdout + said.stderr)
    found: suites.Outcomes = {}
    for name, outcome in CASE.findall(said.stdout):
        found[suites.unused(name, found)] = outcome
    if not found:
        raise suites.SuiteMissing(f"the runner of resp-compatibility did not run on {server.name}:\n{said.stderr}")
    return found


def main() -> int:
    """0 when each case that passes on Redis passes here."""
    parser = suites.arguments(__doc__)
    parser.add_argument("--version", default="7.2.0", help="the cases up to this version of Redis")
    chosen = parser.parse_args()
    folder = suites.sources(SUITE, chosen.sources)
    return suites.beside(SUITE, chosen, lambda server: run(server, folder, chosen.version))


if __name__ == "__main__":
    raise SystemExit(suites.command(main))
