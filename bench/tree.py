"""The commitment tree: updates a second by frame size, with every kernel that the processor has, taking turns on one tree.

Prints the table of bench/RESULTS.md. `python bench/tree.py [--million N]`; needs the Rust toolchain. Rates are of the
processor time of one thread, so that what else runs counts only by the caches that it takes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
from pathlib import Path

NATIVE = Path(__file__).resolve().parent.parent / "native"
LINE = re.compile(
    r"frames of +(?P<size>\d+), (?P<kernel>\w+): +(?P<rate>\d+) updates/s of processor time "
    r"\((?P<clock>\d+) on the clock\), (?P<branches>[\d.]+) branches and (?P<bytes>\d+) bytes"
)


def example(name: str, *arguments: str) -> str:
    """What an example of native/verkle prints."""
    command = ["cargo", "run", "-q", "--release", "-p", "hyperdb-verkle", "--example", name, "--", *arguments]
    return subprocess.run(command, cwd=NATIVE, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--million", type=int, default=1, help="leaves, in millions")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    print(example("updates"))
    text = example("tree", str(options.million))
    print(text.splitlines()[0], f"(load {before:.1f} before, {os.getloadavg()[0]:.1f} after)\n")
    print("| frame | kernel | updates/s | on the clock | branches an update | bytes written an update |")
    print("|---|---|---|---|---|---|")
    for found in LINE.finditer(text):
        size, rate, clock, written = (int(found[name]) for name in ("size", "rate", "clock", "bytes"))
        print(f"| {size:,} | {found['kernel']} | {rate:,} | {clock:,} | {found['branches']} | {written:,} |")


if __name__ == "__main__":
    main()
