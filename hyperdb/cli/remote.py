"""`hyperdb serve --remote`: a store on another machine, served on this one and read obliviously.

Invariant: it listens on this machine alone, since whoever can ask it learns what the store must not.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from hyperdb.commitment.verify import OwnerKey
from hyperdb.errors import InvalidError
from hyperdb.remote import Remote
from hyperdb.remote.bars import Bars
from hyperdb.values import parse_address

_OFF = "off"
_KEY_BYTES = 57
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


def serve_remote(
    url: str,
    key: str | None,
    privacy: str,
    *,
    resp: str,
    sql: str,
    cql: str,
    state: Path | None,
    ca: Path | None,
    owner: str | None,
    refresh: float,
    follow: str,
    directory: Path | None,
    pins: Sequence[str] = (),
) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises:
        InvalidError: an option is missing or does not go with --remote.
    """
    if directory is not None:
        raise InvalidError("--remote serves another machine's data, and not a directory's")
    if (key is None) == (owner is None):
        raise InvalidError(
            "--remote needs either --key, the store's public key, as `hyperdb serve --http` and `hyperdb root` print it, "
            "or --owner, that of the app's owner, as `hyperdb key show` prints it"
        )
    listen = {name: address for name, address in (("resp", resp), ("sql", sql), ("cql", cql)) if address != _OFF}
    for address in listen.values():
        if parse_address(address)[0] not in _LOCAL:
            raise InvalidError(f"{address}: a remote store is served on this machine alone: who asks here is not hidden")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    epochs = dict(_pin(text) for text in pins)
    pinned = OwnerKey(_key(owner)) if owner is not None else str(key)
    seconds = None if follow == _OFF else _seconds(follow)
    with (
        Remote(
            url,
            key=pinned,
            privacy=privacy,
            state=state,
            ca=ca,
            refresh=refresh,
            follow=seconds,
            epochs=epochs,
            progress=Bars().show,
        ) as remote,
        remote.serve(resp=listen.get("resp"), sql=listen.get("sql"), cql=listen.get("cql")) as serving,
    ):
        if (at := serving.resp_address) is not None:
            print(f"redis-cli     redis-cli -h {at[0]} -p {at[1]}")
        if (at := serving.sql_address) is not None:
            print(f"psql          psql -h {at[0]} -p {at[1]} -U postgres hyperdb")
        if (at := serving.cql_address) is not None:
            print(f"cqlsh         cqlsh {at[0]} {at[1]}")
        print(f"privacy       {remote.privacy}; HYPER.PRIVACY, SET hyperdb.privacy and the payload hyperdb.privacy change it")
        for name in remote.apps():
            print(f"{name:<13} {remote.store.app(name).standing}")
            print(f"{'':<13} epoch {remote.store.app(name).epoch}")
        found = {"resp": serving.resp_address, "sql": serving.sql_address, "cql": serving.cql_address}
        print("ready", *(f"{name}={each[0]}:{each[1]}" for name, each in found.items() if each is not None), flush=True)
        # In steps, since a signal's handler runs only between them.
        while not stopping.wait(0.2):
            pass
    print("stopping", flush=True)


def _pin(text: str) -> tuple[str, str]:
    app, separator, epoch = text.rpartition("=")
    if not separator:
        raise InvalidError(f"--pin is APP=DIGEST, not '{text}'")
    return app, epoch


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InvalidError(f"--owner: a key is {2 * _KEY_BYTES} hexadecimal digits")
    return key


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidError(f"--follow is a number of seconds or 'off', not '{text}'") from None
