"""What became of the tests of other people's suites: counts, and why some do not pass here (explained.py).

Theory: one node answers, so what needs three, or programs on the nodes, fails; so does what was refused on purpose. Invariant: a
failure without a line is a finding, and so is a line that explains nothing any more.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explained import explain

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
_TABLE = Path(__file__).with_name("reasons.tsv")


def judge(suite: str, found: Mapping[str, str], *, whole: bool) -> bool:
    """Prints the counts, and why what failed did; whether nothing is left to explain.

    Args:
        found: names and what became of them.
        whole: whether all of the suite was run, so that a reason that explains nothing is one too many.
    """
    told = explain(_TABLE, suite, (name for name, what in found.items() if what == FAILED), whole=whole)
    every = Counter(found.values())
    unexplained = f"({len(told.findings)} without a reason)"
    print(f"{suite}: {every[PASSED]} passed, {every[FAILED]} failed {unexplained}, {every[SKIPPED]} skipped")
    return bool(every[PASSED]) and told.is_whole
