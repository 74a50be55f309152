"""The verbs of the command line, one function each."""

from __future__ import annotations

import math
import shutil
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

import hyperdb
from hyperdb.cli import keys, proofs
from hyperdb.cli.demo import demo
from hyperdb.cli.keys import Dir
from hyperdb.cli.output import AsJson, print_json, print_table
from hyperdb.cli.remote import serve_remote
from hyperdb.cli.shell import shell
from hyperdb.cli.target import target
from hyperdb.errors import CorruptError, HyperDBError, InvalidError
from hyperdb.values import Publishing, parse_address

application = typer.Typer(help="HyperDB: an embedded hypergraph database.", no_args_is_help=True, pretty_exceptions_enable=False)
_OFF = "off"
_SWITCH_SECONDS = 0.0005
"""How long the threads of a server compute before one that waits for the interpreter has its turn: those that turn long results
into rows would hold up the loop of all SQL clients by five milliseconds each time otherwise."""


def _seconds(frames: str) -> float | None:
    """The value of `--frames`."""
    if frames == _OFF:
        return None
    try:
        seconds = float(frames)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise InvalidError(f"--frames is a number of seconds above 0 or 'off', not '{frames}'")
    return seconds


@application.command()
def serve(
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The directory; not with --remote.")] = None,
    resp: Annotated[str, typer.Option(help="HOST:PORT for Redis clients, or 'off'.")] = "127.0.0.1:6379",
    cql: Annotated[str, typer.Option(help="HOST:PORT for Cassandra's clients, or 'off'.")] = _OFF,
    sql: Annotated[str, typer.Option(help="HOST:PORT for PostgreSQL's clients, or 'off'.")] = _OFF,
    http: Annotated[str, typer.Option(help="HOST:PORT of the oblivious service, or 'off'.")] = _OFF,
    publish: Annotated[list[str] | None, typer.Option(help="App that it publishes, whole, to whoever asks; repeatable.")] = None,
    epochs: Annotated[float, typer.Option(help="Seconds from one published epoch to the next.")] = 3600.0,
    work: Annotated[int, typer.Option(help="Bits of the puzzle that pays for 256 private reads; 0: none.")] = 16,
    window: Annotated[float, typer.Option(help="Milliseconds that a private read waits for others to share its pass.")] = 0.0,
    sync: Annotated[str, typer.Option(help="'always': durable before it is acknowledged; 'everysec'.")] = "always",
    memory: Annotated[str | None, typer.Option(help="Budget such as 512m; default a quarter of the RAM.")] = None,
    frames: Annotated[str, typer.Option(help="Seconds from one sealed frame to the next, or 'off'.")] = "1",
    frames_count: Annotated[int | None, typer.Option(help="Also seals a frame after so many commits.", min=1)] = None,
    requirepass: Annotated[
        str | None, typer.Option(envvar="HYPERDB_PASSWORD", help="Sets the bootstrap role's password.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain (PEM) with which SQL clients may encrypt.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    remote: Annotated[str | None, typer.Option(help="URL of a store that publishes: serve it here, read obliviously.")] = None,
    key: Annotated[str | None, typer.Option(help="With --remote: the store's public key, in hexadecimal digits.")] = None,
    privacy: Annotated[str, typer.Option(help="With --remote: none, bucket(K), cover(c, K), pir or full.")] = "pir",
    state: Annotated[Path | None, typer.Option(help="With --remote: directory for hints and what was seen.")] = None,
    ca: Annotated[Path | None, typer.Option(help="With --remote: certificates (PEM) to check the server's by.")] = None,
) -> None:
    """Serve a database, or what another machine publishes, until SIGTERM, SIGINT or SHUTDOWN."""
    if remote is not None:
        serve_remote(remote, key, privacy, resp=resp, sql=sql, cql=cql, state=state, ca=ca, directory=directory)
        return
    if directory is None:
        raise InvalidError("serve what? Name a directory, or --remote URL")
    if sync not in ("always", "everysec"):
        raise InvalidError(f"--sync is 'always' or 'everysec', not '{sync}'")
    for address in (resp, sql, cql, http):
        if address != _OFF:
            parse_address(address)
    if (tls_cert is None) != (tls_key is None):
        raise InvalidError("--tls-cert and --tls-key go together")
    sys.setswitchinterval(_SWITCH_SECONDS)
    with hyperdb.open(
        directory,
        sync="always" if sync == "always" else "everysec",
        memory=memory,
        frames=_seconds(frames),
        frames_count=frames_count,
    ) as database:
        tls = (tls_cert, tls_key) if tls_cert is not None and tls_key is not None else None
        asked = (("resp", resp), ("sql", sql), ("cql", cql), ("http", http))
        listen = {name: None if address == _OFF else address for name, address in asked}
        publishing = Publishing(tuple(publish or ()), epochs, work, window / 1000)
        with database.serve(
            resp=listen["resp"],
            sql=listen["sql"],
            cql=listen["cql"],
            http=listen["http"],
            publish=publishing,
            tls=tls,
            password=requirepass,
        ) as serving:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: serving.request_shutdown())
            listening = {name: getattr(serving, f"{name}_address") for name in listen}
            shown = " ".join(f"{name}={at[0]}:{at[1]}" for name, at in listening.items() if at is not None)
            if (at := listening["resp"]) is not None:
                print(f"redis-cli     redis-cli -h {at[0]} -p {at[1]}")
                print(f"redis-py      redis.Redis('{at[0]}', {at[1]})")
            if (at := listening["sql"]) is not None:
                print(f"psql          psql -h {at[0]} -p {at[1]} -U postgres hyperdb")
                print(f"psycopg       psycopg.connect('postgresql://postgres@{at[0]}:{at[1]}/hyperdb')")
            if (at := listening["cql"]) is not None:
                print(f"cqlsh         cqlsh {at[0]} {at[1]}")
                print(f"driver        cassandra.cluster.Cluster(['{at[0]}'], port={at[1]})")
            if (at := listening["http"]) is not None:
                print(f"oblivious     hyperdb.connect('{'https' if tls else 'http'}://{at[0]}:{at[1]}', privacy='pir',")
                print(f"                              key='{database.frames.public_key.hex()}')")
            print(f"shell         hyperdb shell {directory}")
            print(f"Python        hyperdb.open('{directory}'), when this server is stopped")
            print(f"ready {shown or 'without listeners'}", flush=True)
            # In steps, since a signal's handler runs only between them.
            while not serving.wait(0.2):
                pass
        print("stopping", flush=True)


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


for verb in (proofs.root, proofs.frames, proofs.seal, proofs.prove, proofs.verify, proofs.shards, keys.attest):
    application.command()(verb)
application.command("attest-import")(keys.attest_import)
application.add_typer(keys.key_verbs, name="key")
application.command()(demo)
application.command()(shell)
