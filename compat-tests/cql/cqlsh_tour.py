"""cqlsh reads tour.cql on a fresh server; what it shows is compared with what was recorded (tour.txt).

    python compat-tests/cql/cqlsh_tour.py [--cqlsh PATH] [--record]

Theory: cqlsh is the stock client whose output people know, so what it prints is the test: values of every type, DESCRIBE, COPY
both ways, pages, errors. What differs from run to run (rates of COPY, ports, folders) is masked. Invariant: nothing else is.
"""

from __future__ import annotations

import argparse
import difflib
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import hyperdb

HERE = Path(__file__).parent
CQLSH = "cqlsh==6.2.2"
_PROGRESS = r"(?:^(?:.*\r)?Processed:.*\n|^Using \d+ child processes\n|^\n)+(?=Processed|^\d+ rows (?:exp|imp)orted)"
_MASKS = (
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"in (?:\d+ day.* and )?\d+\.\d+ seconds"), "in SECONDS"),
    (re.compile(_PROGRESS, re.MULTILINE), "\n"),
)


def masked(text: str, directory: Path) -> str:
    """The output without what differs from run to run."""
    text = text.replace(str(directory), "DIRECTORY")
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def shown(cqlsh: Path) -> str:
    """What cqlsh shows of the tour."""
    with (
        tempfile.TemporaryDirectory(prefix="cqlsh-tour-") as scratch,
        hyperdb.open(":memory:", frames=None) as database,
        database.serve(cql="127.0.0.1:0", control=False) as serving,
    ):
        assert serving.cql_address is not None
        host, port = serving.cql_address
        script = Path(scratch) / "tour.cql"
        script.write_text((HERE / "tour.cql").read_text().replace("{directory}", scratch))
        words = [str(cqlsh), host, str(port), "--connect-timeout", "60", "--request-timeout", "60", "-f", str(script)]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return masked(done.stdout, Path(scratch))


def main() -> int:
    """Runs it; 0 if all is as recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cqlsh", type=Path, help="the program, instead of a new environment with it")
    parser.add_argument("--record", action="store_true", help="write tour.txt instead of comparing with it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cqlsh-") as scratch:
        cqlsh = given.cqlsh
        if cqlsh is None:
            venv.create(scratch, with_pip=True)
            subprocess.run([f"{scratch}/bin/pip", "install", "--quiet", CQLSH], check=True)
            cqlsh = Path(scratch) / "bin/cqlsh"
        found = shown(cqlsh)
    recorded = HERE / "tour.txt"
    if given.record:
        recorded.write_text(found)
        return 0
    difference = list(
        difflib.unified_diff(recorded.read_text().splitlines(), found.splitlines(), "recorded", "shown", lineterm="")
    )
    print("\n".join(difference) or "cqlsh: the tour is as recorded")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
