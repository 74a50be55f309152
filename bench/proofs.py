"""Proofs over hashed, integer and text keys: bytes beside the payload, milliseconds to prove and to verify, and what is asked.

Prints the table of bench/RESULTS.md. `python bench/proofs.py [--thousand N] [--parts]`; needs the Rust toolchain. *Beside the
payload* is the bundle without header, anchor, queries, keys and values; *cpu* is the processor time of all threads. `--parts`
says what the bytes of each bundle are, as `hyperdb prove --json` does, and needs the package.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

NATIVE = Path(__file__).resolve().parent.parent / "native"
ONE, MANY = ("3", "1.5"), ("15", "100")
# Asked: bytes, milliseconds to prove, milliseconds to verify on two cores.
ASKED = {
    "hashed, 1 key": ("300", *ONE),
    "hashed, absent": ("300", *ONE),
    "hashed, 1,000 keys": ("100,000", *MANY),
    "hashed, count of an aligned prefix": ("600", "", ""),
    "hashed, count of a range": ("10,000", "", ""),
    "integer, 1 key": ("300", *ONE),
    "integer, zero": ("300", *ONE),
    "integer, a zero byte": ("300", *ONE),
    "integer, absent": ("300", *ONE),
    "integer, 1,000 keys": ("", *MANY),
    "integer, count of the table": ("600", "", ""),
    "integer, count of a range": ("10,000", "", ""),
    "text, 1 key": ("600", *ONE),
    "text, absent": ("600", *ONE),
    "text, 1,000 keys": ("", *MANY),
    "text, count of the table": ("600", "", ""),
    "text, count of a range": ("10,000", "", ""),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thousand", type=int, default=1000, help="leaves of each tree, in thousands")
    parser.add_argument("--parts", action="store_true", help="bytes of each bundle by what they are")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(options.thousand, Path(folder))
        if options.parts:
            print_parts(Path(folder))


def measure(thousand: int, folder: Path) -> None:
    """Prints the table; a bundle of each kind stays in the folder."""
    before = os.getloadavg()[0]
    command = ["cargo", "run", "-q", "--release", "-p", "hyperdb-verkle", "--example", "proofs", "--", str(thousand), str(folder)]
    text = subprocess.run(command, cwd=NATIVE, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{thousand},000 leaves in each tree; load {before:.1f} before, {os.getloadavg()[0]:.1f} after\n")
    print("| proof | bytes beside payload (asked) | bundle | prove ms, cpu (asked) | verify ms, cpu (asked) |")
    print("|---|---|---|---|---|")
    for line in text.splitlines()[1:]:
        name, beside, whole, *times = line.split("\t")
        size, prove, verify = (f" ({asked})" if asked else "" for asked in ASKED.get(name, ("", "", "")))
        proving, checking = ", ".join(times[:2]), ", ".join(times[2:])
        print(f"| {name} | {int(beside):,}{size} | {int(whole):,} | {proving}{prove} | {checking}{verify} |")


def print_parts(folder: Path) -> None:
    from hyperdb.cli.pruned import read

    ledgers = {path.name: read(path.read_bytes()).parts for path in sorted(folder.iterdir())}
    names = sorted({name for parts in ledgers.values() for name in parts})
    print("\n| proof | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for proof, parts in ledgers.items():
        print(f"| {proof} | " + " | ".join(f"{parts.get(name, 0):,}" for name in names) + " |")


if __name__ == "__main__":
    main()
