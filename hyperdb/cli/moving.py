"""Moving data from Redis and back: `hyperdb import redis`, `hyperdb export redis`.

Theory: docs/resp.md, Moving from Redis. What is done is a report, so a running server does it in its own process, and a closed
directory is opened for it. Invariant: an import that is refused has written nothing; the summary says what was counted and what
was not compared.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from hyperdb.cli.files import Dir
from hyperdb.cli.output import AsJson, print_facts, print_json
from hyperdb.cli.target import Running, target
from hyperdb.errors import InvalidError

import_verbs = typer.Typer(help="Bring data in from elsewhere.", no_args_is_help=True)
export_verbs = typer.Typer(help="Take data out.", no_args_is_help=True)

_STANDARD = "-"
_BASE = "the file is the base of an append-only log: the commands in the log's other files are not in it"
_PHASES = {
    "verify": "verifying the file",
    "write": "writing keys",
    "copy": "copying keys",
    "compare": "comparing keys",
    "export": "writing the file",
}

From = Annotated[
    str | None,
    typer.Option("--from", metavar="URL", help="A running Redis: redis://[user:password@]host:port[/db], rediss://, unix://."),
]
Rdb = Annotated[str | None, typer.Option("--rdb", metavar="FILE", help="A file of RDB; - is the standard input.")]
Compare = Annotated[
    bool | None,
    typer.Option(
        "--compare/--no-compare",
        help="Compare all keys afterwards: with --rdb that is done anyhow, with --from what has changed is copied again.",
    ),
]
Match = Annotated[str | None, typer.Option("--match", metavar="PATTERN", help="Only keys that match, as KEYS takes it.")]
NoFunctions = Annotated[bool, typer.Option("--skip-functions", help="Leave libraries of functions out.")]


@contextmanager
def _bars() -> Iterator[Callable[..., None]]:
    """Bars on the error output, one for each phase."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def heard(done: int, total: int, phase: str = "") -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(_PHASES.get(phase, phase), total=total)
            bars.update(tasks[phase], completed=done, total=total)

        yield heard


@contextmanager
def _spooled() -> Iterator[Path]:
    """What comes in at the standard input, as a file: it is read more than once."""
    with tempfile.NamedTemporaryFile(prefix="hyperdb-", suffix=".rdb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield Path(file.name)


def _policy(replace: bool, skip: bool) -> str:
    if replace and skip:
        raise InvalidError("--replace and --skip exclude each other")
    return "replace" if replace else "skip" if skip else "refuse"


@import_verbs.command("redis")
def import_redis(
    directory: Dir,
    source: From = None,
    rdb: Rdb = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace keys that are there.")] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Keep keys that are there.")] = False,
    match: Match = None,
    compare: Compare = None,
    prune: Annotated[bool, typer.Option("--prune", help="With --compare: remove keys that the source has no more.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew where an import was cut off.")] = False,
    check: Annotated[bool, typer.Option("--check", help="With --rdb: verify the file, and write nothing.")] = False,
    skip_modules: Annotated[bool, typer.Option("--skip-modules", help="Leave values of modules out, else refused.")] = False,
    skip_functions: NoFunctions = False,
    users: Annotated[
        bool, typer.Option("--users", help="With --from: bring ACL's users too; their passwords open RESP alone.")
    ] = False,
    ca: Annotated[Path | None, typer.Option("--ca", metavar="FILE", help="Who signed the certificate of rediss://.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import the keys of a running Redis, or of a file that it saved."""
    if (source is None) == (rdb is None):
        raise InvalidError("say where from: --from URL or --rdb FILE")
    if prune and not (source is not None and compare):
        raise InvalidError("--prune goes with --from and --compare")
    if users and source is None:
        raise InvalidError("--users goes with --from: a file has no users")
    if check and rdb is None:
        raise InvalidError("--check goes with --rdb")
    arguments: dict[str, Any] = {
        "policy": _policy(replace, skip),
        "match": match,
        "restart": restart,
        "skip_functions": skip_functions,
    }
    if source is not None:
        arguments |= {"url": source, "compare": bool(compare), "prune": prune, "users": users}
        arguments["ca"] = None if ca is None else str(ca.resolve())
        report, running = _asked(directory, "import_redis", arguments)
        failed = _tell_server(report, as_json=as_json)
    else:
        arguments |= {"compare": compare is not False, "skip_modules": skip_modules, "dry": check}
        spool = _spooled() if rdb == _STANDARD else nullcontext(Path(str(rdb)))
        with spool as path:
            report, running = _asked(directory, "import_rdb", {**arguments, "path": str(path.resolve())})
        failed = _tell_file(report, check=check, running=running, as_json=as_json)
    if failed:
        raise typer.Exit(1)


def _asked(directory: Path, name: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    with target(directory, create=True) as database, _bars() as heard:
        return database.report(name, heard, **arguments), isinstance(database, Running)


def _keys(number: int) -> str:
    return f"{number:,} key{'' if number == 1 else 's'}"


def _tell_file(report: dict[str, Any], *, check: bool, running: bool, as_json: bool) -> bool:
    """Prints what an import of a file did; whether something is not as it should be."""
    different = report["different"]
    failed = bool(different) and not running
    if as_json:
        print_json(report)
        return failed
    written = report["facts"].get("redis-ver")
    rows: list[tuple[str, Any]] = [
        ("file", f"version {report['version']}, {report['size']:,} bytes" + (f", of Redis {written}" if written else "")),
        *((f"database {row['db']}", f"{_keys(row['keys'])}, {row['expiring']:,} with an expiry") for row in report["databases"]),
    ]
    if check:
        print_facts([*rows, ("checked", "nothing is wrong, and nothing was written")])
        return False
    rows += [
        ("went on at", None if report["resumed_at"] is None else f"byte {report['resumed_at']:,}, where an import was cut off"),
        ("written", f"{_keys(report['written'])}, {report['replaced']:,} of them replaced others"),
        ("kept", f"{_keys(report['kept'])} that were there" if report["kept"] else None),
        ("left out", f"{_keys(report['expired'])} whose time was over" if report["expired"] else None),
        ("modules", f"{_keys(report['foreign'])} left out" if report["foreign"] else None),
        ("empty", f"{_keys(report['empty'])} that hold nothing left out, as Redis does" if report["empty"] else None),
        ("functions", f"{report['libraries']} libraries" if report["libraries"] else None),
        ("log", _BASE if report["facts"].get("aof-base") == "1" else None),
        ("store", f"{_keys(report['before'])} before, {report['after']:,} after"),
    ]
    if report["compared"] is not None:
        rows.append(("compared", f"{_keys(report['compared'])}, {different:,} of them differ from the file"))
        rows += [("differs", f"{row['key']} in database {row['db']}") for row in report["differing"]]
    print_facts(rows)
    return failed


def _tell_server(report: dict[str, Any], *, as_json: bool) -> bool:
    """Prints what an import from a server did; whether something is not as it should be."""
    users = report.get("users")
    failed = bool(report["refused"]) or bool(users and users["refused"])
    if as_json:
        print_json(report)
        return failed
    writes = report["source_writes"]
    compared = "compared" in report
    rows: list[tuple[str, Any]] = [
        ("source", f"{report['source']}, Redis {report['version']}"),
        ("went on", "where an import was cut off" if report["resumed"] else None),
        ("written", f"{_keys(report['written'])}, {report['replaced']:,} of them replaced others"),
        ("kept", f"{_keys(report['kept'])} that were there" if report["kept"] else None),
        ("left out", f"{_keys(report['expired'])} whose time was over" if report["expired"] else None),
        ("gone", f"{_keys(report['gone'])} that went before they were read" if report["gone"] else None),
        ("refused", f"{_keys(report['refused'])} that have no form here: they were not imported" if report["refused"] else None),
        ("functions", f"{report['libraries']} libraries" if report["libraries"] else None),
        *(
            (f"database {row['db']}", f"{_keys(row['source'])} at the source, {row['here']:,} here")
            for row in report["databases"]
        ),
    ]
    if users is not None:
        rows.append(("users", f"{users['written']} are roles now: their passwords open RESP, SQL and CQL once given there"))
        rows.append(("users kept", users["kept"] or None))
        rows += [("user", f"{row['user']}: not imported: {row['why']}") for row in users["refused"]]
    if compared:
        rows.append(("compared", f"{_keys(report['compared'])}, {report['changed']:,} had changed and were copied again"))
        rows.append(("vanished", f"{report['vanished']:,} went at the source, {'removed' if report['pruned'] else 'still'} here"))
    elif writes is None:
        rows.append(("meanwhile", "the source does not say whether it was written to; --compare finds what changed"))
    else:
        rows.append(
            ("meanwhile", f"{writes:,} changes at the source" + ("; --compare finds them" if writes else ": all is as copied"))
        )
    rows += [("key", f"{row['key']} in database {row['db']}: {row['why']}") for row in report["named"]]
    print_facts(rows)
    return failed


@export_verbs.command("redis")
def export_redis(
    directory: Dir,
    rdb: Annotated[Path, typer.Option("--rdb", metavar="FILE", help="The file to write.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace the file if it is there.")] = False,
    match: Match = None,
    skip_functions: NoFunctions = False,
    redis: Annotated[
        str, typer.Option("--for", metavar="VERSION", help="The oldest Redis that is to load it: 7.2 or 7.0.")
    ] = "7.2",
    as_json: AsJson = False,
) -> None:
    """Write one moment of the numbered databases as a file that Redis loads."""
    arguments = {"path": str(rdb.resolve()), "replace": replace, "match": match, "skip_functions": skip_functions, "redis": redis}
    with target(directory) as database, _bars() as heard:
        report = database.report("export_rdb", heard, **arguments)
    if as_json:
        print_json(report)
        return
    print_facts(
        [
            ("file", f"{rdb}, {report['size']:,} bytes, version {report['version']}"),
            ("moment", f"commit {report['commit']}"),
            *((f"database {row['db']}", _keys(row["keys"])) for row in report["databases"]),
            ("functions", f"{report['libraries']} libraries" if report["libraries"] else None),
            ("left out", f"{report['passed']:,} hyperedges, for which Redis has no form" if report["passed"] else None),
        ]
    )
