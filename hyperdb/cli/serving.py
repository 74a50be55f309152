"""The command line's frame, and the verb that serves.

Theory: who starts a server waits for its first answer, and loading takes most of that time: so this verb needs nothing of the
others' (`hyperdb.cli.commands`), which are loaded when one of them is called. Invariant: both ways end in one application.
"""

from __future__ import annotations

import gc
import logging
import math
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

import hyperdb
from hyperdb.cli.giving_back import GivingBack
from hyperdb.errors import InvalidError
from hyperdb.values import Publishing, RespDebug, RespTls, parse_address, parse_timeouts

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


def _assigned(text: str) -> tuple[str, str]:
    """A value of `--sql-set`."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidError(f"--sql-set takes NAME=VALUE, not '{text}'")
    return name, value


def _log_to_standard_error() -> None:
    """What operators have asked to be told of SQL's sessions, beside what should not have happened."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("hyperdb.sql.log").setLevel(logging.INFO)


def _resp_tls(resp: str, port: int | None, client_ca: Path | None, *, required: bool) -> RespTls | None:
    """Where Redis's clients encrypt."""
    if port is None:
        if client_ca is not None:
            raise InvalidError("--tls-ca goes with --resp-tls-port")
        return None
    host = "127.0.0.1" if resp == _OFF else resp.rpartition(":")[0]
    return RespTls(f"{host}:{port}", client_ca, required)


def _debug(text: str) -> RespDebug:
    """Who may use DEBUG."""
    match text:
        case "no" | "local" | "yes":
            return text
        case _:
            raise InvalidError(f"--resp-debug is 'no', 'local' or 'yes', not '{text}'")


@application.callback()
def _verbs() -> None:
    """One verb alone would be the whole command line."""


@application.command()
def serve(
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The directory; not with --remote.")] = None,
    resp: Annotated[str, typer.Option(help="HOST:PORT for Redis clients, or 'off'.")] = "127.0.0.1:6379",
    resp_tls_port: Annotated[
        int | None, typer.Option(help="Port for Redis clients with TLS, on the host of --resp.", min=0, max=65_535)
    ] = None,
    resp_debug: Annotated[
        str, typer.Option(help="Who may use Redis's DEBUG: 'no', 'local' (clients on this machine), 'yes'.")
    ] = "no",
    cql: Annotated[str, typer.Option(help="HOST:PORT for Cassandra's clients, or 'off'.")] = _OFF,
    cql_timeouts: Annotated[
        str,
        typer.Option(
            help="Seconds that requests of Cassandra's clients may take; each is 10 unless given: read=5,range=10,write=2"
        ),
    ] = "",
    sql: Annotated[str, typer.Option(help="HOST:PORT for PostgreSQL's clients, or 'off'.")] = _OFF,
    http: Annotated[str, typer.Option(help="HOST:PORT of the oblivious service, or 'off'.")] = _OFF,
    publish: Annotated[list[str] | None, typer.Option(help="App that it publishes, whole, to whoever asks; repeatable.")] = None,
    epochs: Annotated[float, typer.Option(help="Seconds from one published epoch to the next.")] = 3600.0,
    work: Annotated[int, typer.Option(help="Bits of the puzzle that pays for 256 private reads; 0: none.")] = 16,
    retained: Annotated[int, typer.Option(help="MB of superseded data that published epochs may keep.")] = 256,
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
    sql_tls_only: Annotated[bool, typer.Option("--sql-tls-only", help="SQL clients that do not encrypt are refused.")] = False,
    sql_set: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE that SQL sessions begin with, such as log_statement=ddl; repeatable.")
    ] = None,
    tls_ca: Annotated[
        Path | None, typer.Option(help="Who signs Redis clients' certificates (PEM): who connects to --resp-tls-port shows one.")
    ] = None,
    tls_auth_clients: Annotated[bool, typer.Option(help="With --tls-ca: whether a certificate must be shown.")] = True,
    remote: Annotated[str | None, typer.Option(help="URL of a store that publishes: serve it here, read obliviously.")] = None,
    key: Annotated[str | None, typer.Option(help="With --remote: the store's public key, in hexadecimal digits.")] = None,
    privacy: Annotated[str, typer.Option(help="With --remote: none, bucket(K), cover(c, K), pir or full.")] = "pir",
    state: Annotated[Path | None, typer.Option(help="With --remote: directory for hints and what was seen.")] = None,
    ca: Annotated[Path | None, typer.Option(help="With --remote: certificates (PEM) to check the server's by.")] = None,
    owner: Annotated[str | None, typer.Option(help="With --remote: the owner's public key, who must have signed.")] = None,
    pin: Annotated[
        list[str] | None, typer.Option(help="With --remote: APP=DIGEST, the one epoch of an app that is read; repeatable.")
    ] = None,
    refresh: Annotated[float, typer.Option(help="With --remote: seconds after which a newer epoch is looked for.")] = 60.0,
    follow: Annotated[str, typer.Option(help="With --remote: seconds after which changes are downloaded, or 'off'.")] = "1",
) -> None:
    """Serve a database, or what another machine publishes, until SIGTERM, SIGINT or SHUTDOWN."""
    if remote is not None:
        from hyperdb.cli.remote import serve_remote

        serve_remote(
            remote,
            key,
            privacy,
            resp=resp,
            sql=sql,
            cql=cql,
            state=state,
            ca=ca,
            owner=owner,
            refresh=refresh,
            follow=follow,
            directory=directory,
            pins=tuple(pin or ()),
        )
        return
    if directory is None:
        raise InvalidError("serve what? Name a directory, or --remote URL")
    if sync not in ("always", "everysec"):
        raise InvalidError(f"--sync is 'always' or 'everysec', not '{sync}'")
    debug = _debug(resp_debug)
    for address in (resp, sql, cql, http):
        if address != _OFF:
            parse_address(address)
    timeouts = parse_timeouts(cql_timeouts)
    if (tls_cert is None) != (tls_key is None):
        raise InvalidError("--tls-cert and --tls-key go together")
    if sql_tls_only and tls_cert is None:
        raise InvalidError("--sql-tls-only needs --tls-cert and --tls-key")
    sql_settings = dict(_assigned(each) for each in sql_set or ())
    _log_to_standard_error()
    resp_tls = _resp_tls(resp, resp_tls_port, tls_ca, required=tls_auth_clients)
    if resp_tls is not None and tls_cert is None:
        raise InvalidError("--resp-tls-port needs --tls-cert and --tls-key")
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.disable()
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
        publishing = Publishing(tuple(publish or ()), epochs, work, window / 1000, retained=retained << 20)
        with database.serve(
            resp=listen["resp"],
            resp_tls=resp_tls,
            resp_debug=debug,
            sql=listen["sql"],
            cql=listen["cql"],
            cql_timeouts=timeouts,
            http=listen["http"],
            publish=publishing,
            tls=tls,
            sql_settings=sql_settings,
            sql_demands_tls=sql_tls_only,
            password=requirepass,
        ) as serving:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: serving.request_shutdown())
            listening = {name: getattr(serving, f"{name}_address") for name in (*listen, "resp_tls")}
            shown = " ".join(f"{name}={at[0]}:{at[1]}" for name, at in listening.items() if at is not None)
            if (at := listening["resp"]) is not None:
                print(f"redis-cli     redis-cli -h {at[0]} -p {at[1]}")
                print(f"redis-py      redis.Redis('{at[0]}', {at[1]})")
            if (at := listening["resp_tls"]) is not None:
                print(f"redis-cli     redis-cli -h {at[0]} -p {at[1]} --tls --cacert {tls_cert}")
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
            # What is loaded by now stays: neither loading nor serving waits for anybody who looks through it again.
            gc.freeze()
            gc.enable()
            # In steps, since a signal's handler runs only between them.
            giving_back = GivingBack()
            while not serving.wait(0.2):
                giving_back.look()
        print("stopping", flush=True)
