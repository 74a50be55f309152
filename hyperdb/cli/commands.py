"""The verbs of the command line besides `serve`, one function each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

import hyperdb
from hyperdb.cli import encrypted, epochs, keys, moving, proofs
from hyperdb.cli.demo import demo
from hyperdb.cli.files import Dir
from hyperdb.cli.output import AsJson, print_json, print_table
from hyperdb.cli.serving import application
from hyperdb.cli.shell import shell
from hyperdb.cli.target import target
from hyperdb.errors import CorruptError, HyperDBError, InvalidError


@application.command()
def check(directory: Dir, as_json: AsJson = False) -> None:
    """Verify checksums, that tables agree with their indexes and constraints, and the newest frame's root from the data alone."""
    console = Console(stderr=True)
    columns = ("checking", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with target(directory) as database, Progress(*columns, console=console) as bar:
        task = bar.add_task("check", total=None)
        report = database.report("check", lambda done, total: bar.update(task, completed=done, total=total))
    found, recomputed = report["problems"], report["recomputed"]
    if as_json:
        print_json(report)
        raise typer.Exit(1 if found else 0)
    for line in found:
        print(line)
    if found:
        print(f"{len(found)} problems. Restore a backup: hyperdb restore BACKUP {directory}.restored")
        raise typer.Exit(1)
    if recomputed is None:
        print("no problem found; no frame is sealed yet, so no root was recomputed")
        return
    print(f"frame {recomputed['frame']}: root {recomputed['root']} recomputed from the data ({recomputed['leaves']} entries)")
    print("no problem found")


@application.command()
def backup(directory: Dir, dest: Annotated[Path, typer.Argument(help="A directory that does not exist yet.")]) -> None:
    """Write a consistent copy, while others go on writing."""
    if dest.exists():
        raise InvalidError(f"{dest} exists already")
    with target(directory) as database:
        commit = database.backup(dest)
    print(f"{dest} holds commit {commit}")


@application.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `hyperdb backup` wrote.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A directory that does not exist yet.")],
) -> None:
    """Make a database of a backup, and verify it."""
    if not source.is_dir():
        raise InvalidError(f"{source} is no backup")
    if directory.exists():
        raise InvalidError(f"{directory} exists already")
    # Under another name until it is whole: a restore that was interrupted leaves nothing that looks like a database.
    staging = directory.with_name(f"{directory.name}.restoring")
    if staging.exists():
        raise InvalidError(f"{staging} exists already: an earlier restore was interrupted; remove it")
    shutil.copytree(source, staging)
    try:
        with hyperdb.open(staging, create=False, frames=None) as database:
            found = database.check()
    except HyperDBError as error:
        shutil.rmtree(staging)
        if isinstance(error, CorruptError):
            raise
        raise InvalidError(f"{source} is no backup: {error}") from error
    staging.rename(directory)
    for line in found:
        print(line)
    if found:
        print(f"{len(found)} problems in the backup: {directory} is as damaged")
        raise typer.Exit(1)
    print(f"{directory} is restored and verified")


@application.command()
def stats(directory: Dir, as_json: AsJson = False) -> None:
    """Show counters and gauges."""
    with target(directory) as database:
        sections: dict[str, dict[str, Any]] = database.stats()
    if as_json:
        print_json(sections)
        return
    rows = [(section, name, value) for section, names in sections.items() for name, value in names.items()]
    print_table(("section", "name", "value"), rows)


for verb in (proofs.root, proofs.frames, proofs.seal, proofs.prove, proofs.verify, proofs.shards, keys.attest, epochs.audit):
    application.command()(verb)
application.command("attest-import")(keys.attest_import)
for of_files in (encrypted.encrypt, encrypted.verify, encrypted.decrypt, encrypted.share):
    keys.key_verbs.command()(of_files)
application.add_typer(keys.key_verbs, name="key")
application.add_typer(moving.import_verbs, name="import")
application.add_typer(moving.export_verbs, name="export")
application.command()(demo)
application.command()(shell)
