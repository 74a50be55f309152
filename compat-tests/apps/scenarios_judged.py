"""Scenarios of an application's libraries, run one after the other by name: what became of each, and a total.

Invariant: one that fails does not keep the others from running.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence

SHOWN_LINES = 12


def judge(names: Sequence[str], run: Callable[[str], subprocess.CompletedProcess[str]]) -> int:
    """Prints what became of each, with the last lines of what a wrong one said; 1 if any was wrong."""
    failed = []
    for name in names:
        done = run(name)
        print(f"{name}: {'right' if done.returncode == 0 else 'WRONG'}", flush=True)
        if done.returncode:
            failed.append(name)
            print("\n".join(done.stderr.splitlines()[-SHOWN_LINES:]), flush=True)
    print(f"{len(names) - len(failed)} of {len(names)} scenarios right")
    return 1 if failed else 0
