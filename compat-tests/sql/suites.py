"""What runs of other people's suites share: the two servers, environments, sources, and the comparison of what passed.

Theory: what PostgreSQL passes on this machine is the measure. A test that it passes and HyperDB does not needs a line in
reasons.tsv (suite, pattern of names, reason); one without a line is a finding, and so is a line that explains nothing any more.
Suites are fetched (a release from the package index, or a tag of the project's repository) and run where they lie. All of it goes
with the run, unless a folder is named that keeps it (`--home`): environments, sources, reports and what the suites said; a second
run in it makes only what is not there.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster import cluster

import hyperdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from explained import explain
from servers import free_port

REASONS = Path(__file__).with_name("reasons.tsv")


@dataclass(frozen=True)
class Peer:
    """A server to which clients connect without a password."""

    name: str
    port: int
    database: str
    host: str = "127.0.0.1"
    user: str = "postgres"

    @property
    def url(self) -> str:
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which libpq and its imitators find it."""
        return {"PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": self.user, "PGDATABASE": self.database}


@contextmanager
def postgresql(prepare: str = "", options: str = "") -> Iterator[Peer]:
    """PostgreSQL on a new directory, after the statements `prepare`."""
    port = free_port()
    with cluster(f"-c fsync=off -c listen_addresses=127.0.0.1 -c port={port} {options}") as (socket, run):
        if prepare:
            run("psql", "-h", socket, "-p", str(port), "-d", "postgres", "-qAt", "-v", "ON_ERROR_STOP=1", text=prepare)
        yield Peer("PostgreSQL", port, "postgres")


@contextmanager
def hyperdb_server(prepare: str = "") -> Iterator[Peer]:
    """HyperDB in this process, on a database in memory, after the statements `prepare`."""
    with hyperdb.open(":memory:", frames=None) as database:
        if prepare:
            database.sql(prepare)
        serving = database.serve(sql="127.0.0.1:0", control=False)
        assert serving.sql_address is not None
        yield Peer("HyperDB", serving.sql_address[1], "hyperdb")


def arguments(description: str) -> argparse.Namespace:
    """The command line of a suite: where a source or an environment is that need not be made again."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--home", type=Path, help="a folder in which environment, source, reports and logs are kept")
    parser.add_argument("--source", type=Path, help="a folder with the suite's source, instead of fetching it")
    parser.add_argument("--python", type=Path, help="a Python that has what the suite needs, instead of a new environment")
    parser.add_argument("--only", choices=("PostgreSQL", "HyperDB"), help="run one server, and print its failures")
    parser.add_argument("rest", nargs="*", help="what to run of the suite, by its own names")
    return parser.parse_args()


def environment(home: Path, *pins: str) -> Path:
    """An environment with `pins`, a new one unless `home` has it; its Python."""
    python, held = home / "env/bin/python", home / "env/pins.txt"
    wanted = "\n".join((sys.version, *pins))
    if not held.exists() or held.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home / "env")], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *pins], check=True)
        held.write_text(wanted)
    return python


def release(python: Path, home: Path, pin: str) -> Path:
    """The source distribution of a release, unpacked; `python` needs what its metadata are made with."""
    into = home / f"{pin}-release"
    if not into.exists():
        fetched = fresh(home / "fetched")
        fetch = ["pip", "download", "-q", "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "-d", str(fetched), pin]
        subprocess.run([python, "-m", *fetch], check=True)
        (archive,) = fetched.iterdir()
        shutil.unpack_archive(archive, fetched / "unpacked")
        (folder,) = (fetched / "unpacked").iterdir()
        folder.rename(into)
        shutil.rmtree(fetched)
    return into


def repository(home: Path, url: str, tag: str) -> Path:
    """A project's repository at a tag."""
    into = home / f"repository-{tag}"
    if not into.exists():
        subprocess.run(["git", "clone", "-q", "--depth", "1", "--branch", tag, url, str(into)], check=True)
    return into


def pytest(
    python: Path, folder: Path, asked: list[str], report: Path, chosen: argparse.Namespace, env: Mapping[str, str] | None = None
) -> dict[str, bool]:
    """Runs pytest in `folder`; its words are shown only if one server was chosen."""
    options = ["-q", "--tb=short", "--timeout=30", "-o", f"cache_dir={report.parent / 'cache'}", f"--junitxml={report}"]
    out = None if chosen.only else subprocess.DEVNULL
    subprocess.run([python, "-m", "pytest", *asked, *options], cwd=folder, check=False, stdout=out, stderr=out, env=env)
    return outcomes(report)


def outcomes(report: Path, name: Callable[[str, str], str] = lambda owner, test: f"{owner}.{test}") -> dict[str, bool]:
    """The tests of a JUnit report that ran, and whether each passed."""
    found: dict[str, bool] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("skipped") is None:
            called = name(case.get("classname", ""), case.get("name", ""))
            found[called] = found.get(called, True) and case.find("failure") is None and case.find("error") is None
    return found


def compare(suite: str, theirs: Mapping[str, bool], ours: Mapping[str, bool], whole: bool = True) -> bool:
    """Prints what passed where and why not; false if a failure has no reason, or a reason no failure."""
    wanted = {name for name, good in theirs.items() if good}
    told = explain(REASONS, suite, (name for name in wanted if not ours.get(name, False)), whole=whole)
    for name in told.findings:
        if name not in ours:
            print(f"did not run: {name}")
    missed = told.failed
    share = 1 - missed / max(1, len(wanted))
    print(f"{suite}: PostgreSQL passes {len(wanted)}, HyperDB {len(wanted) - missed} of these ({share:.2%})")
    return bool(wanted) and told.is_whole


def beside(
    suite: str, chosen: argparse.Namespace, run: Callable[[Peer], dict[str, bool]], prepare: str = "", options: str = ""
) -> None:
    """Runs a suite on PostgreSQL and on HyperDB and compares; the exit status of the process."""
    found: dict[str, dict[str, bool]] = {}
    for name, start in (("PostgreSQL", lambda: postgresql(prepare, options)), ("HyperDB", lambda: hyperdb_server(prepare))):
        if chosen.only in (None, name):
            with start() as peer:
                found[name] = run(peer)
    if chosen.only is not None:
        failed = sorted(name for name, good in found[chosen.only].items() if not good)
        print(
            "\n".join(
                [*failed, f"{suite} on {chosen.only}: {len(found[chosen.only]) - len(failed)} passed, {len(failed)} failed"]
            )
        )
        sys.exit(1 if failed else 0)
    sys.exit(0 if compare(suite, found["PostgreSQL"], found["HyperDB"], whole=not chosen.rest) else 1)


def fresh(folder: Path) -> Path:
    """The folder, made anew: what an earlier run left there is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@contextmanager
def scratch(suite: str, kept: Path | None) -> Iterator[Path]:
    """A directory that goes with the run, or the suite's own in the folder that is kept."""
    if kept is None:
        with tempfile.TemporaryDirectory(prefix=f"hyperdb-{suite}-") as home:
            yield Path(home)
        return
    home_kept = kept.resolve() / suite
    home_kept.mkdir(parents=True, exist_ok=True)
    yield home_kept
