"""The verb around epochs: `audit`.

Theory: whoever has a copy of a store recomputes an epoch from it, so the store's word for its layout and hints is not needed.
Invariant: what differs is a line each, and exit status 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import hyperdb
from hyperdb.cli.files import Dir, read_bounded
from hyperdb.cli.output import AsJson, print_facts, print_json
from hyperdb.errors import LockedError, NotFoundError
from hyperdb.oblivious.audit import audit as recomputed
from hyperdb.oblivious.epochs import Source
from hyperdb.oblivious.manifest import MOST_BYTES, read_manifest

_THREADS = 2


def audit(
    directory: Dir,
    path: Annotated[Path, typer.Argument(metavar="MANIFEST", help="The epoch's manifest, as the service publishes it.")],
    as_json: AsJson = False,
) -> None:
    """Recompute an epoch, hints too, from a copy of its store; say what differs."""
    manifest = read_manifest(read_bounded(path, MOST_BYTES, "manifest"))
    if not directory.is_dir():
        raise NotFoundError(f"there is no database in {directory}")
    try:
        database = hyperdb.open(directory, create=False, frames=None)
    except LockedError as error:
        raise LockedError(f"a server owns {directory}: audit a copy, which `hyperdb backup {directory} COPY` makes") from error
    with database:
        found = recomputed(Source.of(database.native), manifest, threads=_THREADS)
    app, number = manifest.app.decode(errors="replace"), manifest.frame.number
    if as_json:
        print_json({"app": app, "frame": number, "manifest": manifest.digest().hex(), "problems": list(found)})
    else:
        print_facts(
            [("epoch", f"{app} at frame {number}"), ("manifest", manifest.digest().hex()), ("pages", len(manifest.fences))]
        )
        for line in found:
            print(line)
        print(f"{len(found)} problems" if found else "the epoch is what this copy gives")
    if found:
        raise typer.Exit(1)
