"""Runs the public resp-compatibility cases (a JSON list of command sequences and replies) against HyperDB.

The case file is not ours and not kept here: give the folder of a checkout in `RESP_COMPATIBILITY_DIR`. It is
run by its own runner, as it is.
Run: `RESP_COMPATIBILITY_DIR=... python compat-tests/resp/resp_compatibility.py [--version 7.2.0] [--peer]`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

WORK = servers.ROOT / "build" / "compat" / "resp-compatibility"


def prepare() -> Path:
    """A virtual environment with what the suite's runner imports."""
    python = WORK / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(WORK / "venv", with_pip=True)
        packages = ["redis==5.0.8", "pyyaml", "dataclasses"]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def main() -> int:
    """Prints the suite's own report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", default="7.2.0", help="run the cases up to this version of Redis")
    parser.add_argument("--peer", action="store_true", help="run against redis-server instead")
    options = parser.parse_args()
    folder = os.environ.get("RESP_COMPATIBILITY_DIR")
    if folder is None or not (Path(folder) / "cts.json").exists():
        print("RESP_COMPATIBILITY_DIR must name a checkout of the suite (the folder with cts.json)", file=sys.stderr)
        return 2
    cases = json.loads((Path(folder) / "cts.json").read_text())
    print(f"{len(cases)} cases in the file")
    WORK.mkdir(parents=True, exist_ok=True)
    python = prepare()
    with servers.redis() if options.peer else servers.hyperdb("--sync", "everysec") as server:
        suite = [str(python), "resp_compatibility.py", "--host", "127.0.0.1", "--port", str(server.port)]
        suite += ["--testfile", "cts.json", "--specific-version", options.version, "--show-failed"]
        return subprocess.run(suite, cwd=folder).returncode


if __name__ == "__main__":
    raise SystemExit(main())
