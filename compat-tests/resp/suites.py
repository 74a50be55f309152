"""Other people's client suites: where their sources come from, and the comparison of HyperDB with Redis, test by test.

Theory: the peer is the oracle; a test counts against HyperDB only if it fails here and not on the Redis of this machine.
Invariant: such a failure has a line in reasons.tsv (suite, pattern of names, reason) or is a finding; so is a line that explains
nothing any more. No source of a suite is kept here: a pinned tag is cloned, or the folder of a checkout is given.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers
from explained import explain

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
PEERS = ("hyperdb", "redis")
DURABILITY = ("--sync", "everysec")
REASONS = Path(__file__).with_name("reasons.tsv")
PRELOAD = Path(__file__).with_name("preload")

Outcomes = dict[str, str]


class SuiteMissing(RuntimeError):
    """The sources of a suite, or a tool that it needs, are not there; says where one gets them."""


@dataclass(frozen=True)
class Suite:
    """Somebody else's tests: where they are published, and the version that was explained."""

    name: str
    repository: str
    tag: str

    @property
    def variable(self) -> str:
        """The environment variable that names the folder of a checkout."""
        return f"{self.name.upper().replace('-', '_')}_DIR"

    @property
    def work(self) -> Path:
        """Where it is built and run."""
        return servers.ROOT / "build" / "compat" / self.name


def needed(program: str, where: str) -> str:
    """The path of a program.

    Raises:
        SuiteMissing: when it is not installed; with `where` one gets it.
    """
    found = shutil.which(program)
    if found is None:
        raise SuiteMissing(f"{program} is not installed ({where})")
    return found


def redis_version() -> str:
    """`MAJOR.MINOR` of the Redis that is the peer: a suite that is told it leaves out what came later."""
    return servers.peer_version().rpartition(".")[0]


def given(suite: Suite, named: Path | None) -> Path | None:
    """The folder of the suite's sources that was named, by an option or in its variable.

    Raises:
        SuiteMissing: when there is no such folder.
    """
    folder = named or (Path(os.environ[suite.variable]) if suite.variable in os.environ else None)
    if folder is not None and not folder.is_dir():
        raise SuiteMissing(f"{folder} is no folder: {suite.variable} names a checkout of {suite.repository} at {suite.tag}")
    return folder.resolve() if folder is not None else None


def sources(suite: Suite, named: Path | None) -> Path:
    """The folder of the suite's sources: the one that was named, or a clone of its tag (or commit), which is kept.

    Raises:
        SuiteMissing: when there is none and the repository cannot be cloned.
    """
    folder = given(suite, named)
    if folder is not None:
        return folder
    clone = suite.work / "clone"
    mark = suite.work / "clone.tag"
    if not mark.exists() or mark.read_text() != suite.tag:
        git = needed("git", "Debian: git")
        shutil.rmtree(clone, ignore_errors=True)
        clone.mkdir(parents=True)
        for words in (
            ["init", "--quiet"],
            ["fetch", "--quiet", "--depth", "1", suite.repository, suite.tag],
            ["-c", "advice.detachedHead=false", "checkout", "--quiet", "FETCH_HEAD"],
        ):
            if subprocess.run([git, *words], cwd=clone).returncode != 0:
                raise SuiteMissing(
                    f"the tests of {suite.name} are not here, and cannot be fetched: set {suite.variable} to a checkout of "
                    f"{suite.repository} at {suite.tag}"
                )
        mark.write_text(suite.tag)
    return clone


def copied(suite: Suite, folder: Path, *names: str) -> Path:
    """A fresh copy of the named parts of the sources, for what a run builds and writes there."""
    target = suite.work / "source"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in names:
        place = folder / name
        if place.is_dir():
            shutil.copytree(place, target / name, symlinks=True, ignore=shutil.ignore_patterns("node_modules", "dist", ".git"))
        else:
            shutil.copy(place, target / name)
    return target


def npm(suite: Suite, packages: Mapping[str, str]) -> Path:
    """`node_modules` with these packages at these versions; installed when the list has changed.

    Raises:
        SuiteMissing: when npm is not installed.
    """
    program = needed("npm", "Node 20 or newer")
    folder = suite.work / "npm"
    wanted = json.dumps({"private": True, "dependencies": dict(packages)}, indent=1)
    manifest = folder / "package.json"
    if not manifest.exists() or manifest.read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "wanted.json").write_text(wanted)
        manifest.write_text(wanted)
        command = [program, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        if subprocess.run(command, cwd=folder).returncode != 0:
            manifest.unlink()
            raise SuiteMissing(f"npm could not install the packages that {suite.name} needs")
    return folder / "node_modules"


def junit_outcomes(*reports: Path) -> Outcomes:
    """What became of each test of JUnit reports, by class and name; a name that comes twice gets the number of the occurrence."""
    found: Outcomes = {}
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):
            outcome = FAILED if case.find("failure") is not None or case.find("error") is not None else PASSED
            name = unused(f"{case.get('classname')}: {case.get('name')}", found)
            found[name] = SKIPPED if case.find("skipped") is not None else outcome
    return found


def unused(name: str, found: Outcomes) -> str:
    """The name, numbered if it was found before."""
    again, number = name, 1
    while again in found:
        number += 1
        again = f"{name} #{number}"
    return again


def mocha_outcomes(report: Path, root: Path) -> Outcomes:
    """What became of each test of mocha's JSON report, by file and title.

    A title that a file has twice gets the number of the occurrence; a hook that failed is a failure under its own title.
    """
    read = json.loads(report.read_text())
    found: Outcomes = {}
    for kind, outcome in (("passes", PASSED), ("pending", SKIPPED), ("failures", FAILED)):
        for test in read[kind]:
            name = f"{Path(test['file']).relative_to(root)}: {test['fullTitle']}" if test.get("file") else test["fullTitle"]
            found[unused(name, found)] = outcome
    return found


def counted(outcomes: Outcomes) -> str:
    """How many of each kind."""
    kinds = Counter(outcomes.values())
    return ", ".join(f"{kinds[kind]} {kind}" for kind in (PASSED, FAILED, SKIPPED))


def judge(suite: str, ours: Outcomes, theirs: Outcomes, *, whole: bool) -> bool:
    """Prints the counts and what differs; whether every difference has a reason and every reason a difference.

    Args:
        ours: what became of the tests on HyperDB.
        theirs: the same on Redis.
        whole: whether all of the suite was run, so that a reason that explains nothing is one too many.
    """
    failed = (name for name, what in ours.items() if what == FAILED and theirs.get(name) != FAILED)
    told = explain(REASONS, suite, failed, whole=whole)
    gone = sorted(name for name, what in theirs.items() if what == PASSED and name not in ours)
    better = sum(1 for name, what in ours.items() if what == PASSED and theirs.get(name) == FAILED)
    for name in gone:
        print(f"did not run: {name}")
    print(f"{suite} on redis {servers.peer_version()}: {counted(theirs)}")
    print(
        f"{suite} on hyperdb: {counted(ours)}; {told.failed} fail that Redis passes "
        f"({len(told.findings)} without a reason), {better} pass that Redis fails"
    )
    return bool(ours) and told.is_whole and not gone


def arguments(text: str | None) -> argparse.ArgumentParser:
    """The options that all of these commands have."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--sources", type=Path, help="the folder of a checkout of the suite's repository")
    parser.add_argument("--only", choices=PEERS, help="run on one server, and list what fails there")
    parser.add_argument("rest", nargs="*", help="only these of the suite's test files")
    return parser


def beside(
    suite: Suite,
    chosen: argparse.Namespace,
    run: Callable[[servers.Server], Outcomes],
    options: Mapping[str, tuple[str, ...]] | None = None,
    port: int | None = None,
) -> int:
    """Runs a suite on both servers and compares; the exit status of the process.

    Args:
        options: what the servers are started with, by the peer's name.
        port: where both listen, one after the other, if the suite cannot be told; else each on a free one.
    """
    found: dict[str, Outcomes] = {}
    suite.work.mkdir(parents=True, exist_ok=True)
    for name in PEERS:
        if chosen.only in (None, name):
            words = (options or {}).get(name, ())
            peer = servers.redis(*words, port=port) if name == "redis" else servers.hyperdb(*DURABILITY, *words, port=port)
            with peer as server:
                found[name] = run(server)
    return concluded(suite, chosen, found)


def concluded(suite: Suite, chosen: argparse.Namespace, found: Mapping[str, Outcomes]) -> int:
    """Prints what was found on one server or on both; the exit status of the process."""
    suite.work.mkdir(parents=True, exist_ok=True)
    for name, outcomes in found.items():
        (suite.work / f"{name}.outcomes.json").write_text(json.dumps(outcomes, indent=0, sort_keys=True))
    if chosen.only is not None:
        outcomes = found[chosen.only]
        for name in sorted(name for name, what in outcomes.items() if what == FAILED):
            print(f"failed: {name}")
        print(f"{suite.name} on {chosen.only}: {counted(outcomes)}")
        return 1 if FAILED in outcomes.values() else 0
    return 0 if judge(suite.name, found["hyperdb"], found["redis"], whole=not chosen.rest) else 1


def command(main: Callable[[], int]) -> int:
    """The exit status of `main`; 2 with a word on stderr when something that it needs is not there."""
    try:
        return main()
    except (SuiteMissing, servers.ServerFailed, subprocess.TimeoutExpired) as failure:
        print(failure, file=sys.stderr)
        return 2
