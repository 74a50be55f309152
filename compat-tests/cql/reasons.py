"""Why tests of other people's suites do not pass here: reasons.tsv (suites, pattern of names, reason) beside what became of them.

Theory: one node answers, so what needs three, or programs on the nodes, fails; so does what was refused on purpose. Invariant: a
failure without a line is a finding, and so is a line that explains nothing any more.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
_TABLE = Path(__file__).with_name("reasons.tsv")


def reasons(suite: str) -> dict[str, str]:
    """Patterns of a suite's names, and why such tests do not pass."""
    with _TABLE.open(newline="") as rows:
        read = csv.reader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {pattern: reason for suites, pattern, reason in read if suite in suites.split(",")}


def judge(suite: str, found: Mapping[str, str], *, whole: bool) -> bool:
    """Prints the counts, and why what failed did; whether nothing is left to explain.

    Args:
        found: names and what became of them.
        whole: whether all of the suite was run, so that a reason that explains nothing is one too many.
    """
    known = reasons(suite)
    counts: Counter[str] = Counter()
    unexplained = []
    for name, what in sorted(found.items()):
        if what != FAILED:
            continue
        pattern = next((pattern for pattern in known if fnmatchcase(name, pattern)), None)
        if pattern is None:
            unexplained.append(name)
        else:
            counts[pattern] += 1
    for reason in sorted(set(known.values())):
        number = sum(counts[pattern] for pattern, why in known.items() if why == reason)
        if number:
            print(f"{number:5} {reason}")
    for name in unexplained:
        print(f"no reason: {name}")
    idle = [pattern for pattern in known if whole and not counts[pattern]]
    for pattern in idle:
        print(f"explains nothing: {pattern}")
    every = Counter(found.values())
    print(
        f"{suite}: {every[PASSED]} passed, {every[FAILED]} failed ({len(unexplained)} without a reason), {every[SKIPPED]} skipped"
    )
    return bool(every[PASSED]) and not unexplained and not idle
