"""Why tests of other people's suites do not pass here: a reasons.tsv (suites, pattern of names, reason) beside what failed.

Theory: most of such a suite passes; what does not was refused on purpose, or needs what is not here, and is explained by a line.
Invariant: a failure without a line is a finding, and so is a line that explains nothing any more.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path


@dataclass(frozen=True)
class Explained:
    """Failures and their reasons."""

    findings: list[str]
    """Those without one."""
    counted: int
    """Those with one."""
    idle: list[str]
    """Patterns that explain nothing, if all of the suite was run."""

    @property
    def is_whole(self) -> bool:
        """Whether every failure has a reason and every reason a failure."""
        return not self.findings and not self.idle

    @property
    def failed(self) -> int:
        """All of them."""
        return self.counted + len(self.findings)


def reasons(table: Path, suite: str) -> dict[str, str]:
    """Patterns of a suite's names, and why such tests do not pass."""
    with table.open(newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row[1]: row[2] for row in rows if row and suite in row[0].split(",")}


def explain(table: Path, suite: str, failed: Iterable[str], *, whole: bool) -> Explained:
    """Prints why tests failed, and which have no reason.

    Args:
        whole: whether all of the suite was run, so that a reason that explains nothing is one too many.
    """
    known = reasons(table, suite)
    hits: Counter[str] = Counter()
    findings = []
    for name in sorted(failed):
        pattern = next((pattern for pattern in known if fnmatchcase(name, pattern)), None)
        if pattern is None:
            findings.append(name)
        else:
            hits[pattern] += 1
    for reason in sorted(set(known.values())):
        number = sum(hits[pattern] for pattern, why in known.items() if why == reason)
        if number:
            print(f"{number:5} {reason}")
    for name in findings:
        print(f"no reason: {name}")
    idle = [pattern for pattern in known if whole and not hits[pattern]]
    for pattern in idle:
        print(f"explains nothing: {pattern}")
    return Explained(findings, hits.total(), idle)
