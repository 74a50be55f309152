"""Owners' keys: made and shown here, used to attest, never sent anywhere.

Theory: an owner who need not trust the store recomputes an app's root on an own copy of the data and signs it
(docs/commitment.md, Attestation of an owner). The secret is 57 random bytes, the seed of an Ed448 key, as hex in a file of mode
0600. Invariant: a secret is read by the process that signs, which owns the copy; a directory that a server owns is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

import hyperdb
from hyperdb import _native
from hyperdb.cli.files import Dir, read_bounded, write
from hyperdb.cli.output import AsJson, print_facts, print_json
from hyperdb.cli.target import target
from hyperdb.errors import InvalidError, LockedError, NotFoundError

SEED_BYTES = 57
PUBLIC_BYTES = 57
_OWNER_ONLY = 0o600
_LONGEST_KEY_FILE = 1024
_LONGEST_ATTESTATION = 1 << 16

key_verbs = typer.Typer(help="Owners' keys.", no_args_is_help=True)
KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The secret key's file.")]


def _read_hex(path: Path, size: int, what: str) -> bytes:
    text = read_bounded(path, _LONGEST_KEY_FILE, what)
    try:
        key = binascii.unhexlify(text.strip())
    except ValueError as error:
        raise InvalidError(f"{path} is no {what}: {2 * size} hexadecimal digits are needed") from error
    if len(key) != size:
        raise InvalidError(f"{path} is no {what}: it has {len(key)} bytes, not {size}")
    return key


def public_key(text: str, what: str) -> bytes:
    """A public key given as hex or as the file that holds it."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return _read_hex(Path(text), PUBLIC_BYTES, what)
    if len(key) != PUBLIC_BYTES:
        raise InvalidError(f"a {what} has {PUBLIC_BYTES} bytes, not {len(key)}")
    return key


@key_verbs.command("new")
def new(path: KeyFile) -> None:
    """Make a secret key and print its public key; an existing file is never overwritten."""
    seed = secrets.token_bytes(SEED_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY)
    except FileExistsError as error:
        raise InvalidError(f"{path} exists already: a key is never overwritten") from error
    except OSError as error:
        raise InvalidError(f"{path} cannot be made: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(seed.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    print(_native.public_key_of(seed).hex())


@key_verbs.command("show")
def show(path: KeyFile) -> None:
    """Print the public key of a secret key."""
    print(_native.public_key_of(_read_hex(path, SEED_BYTES, "secret key")).hex())


def attest(
    directory: Dir,
    app: Annotated[str, typer.Option(help="The app to recompute and sign.")],
    key: Annotated[Path, typer.Option(help="The owner's secret key (`hyperdb key new`).")],
    frame: Annotated[int | None, typer.Option(min=1, help="Which frame; default the newest.")] = None,
    out: Annotated[Path | None, typer.Option(help="Writes the attestation to this new file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute an app's root from the data of this copy, and sign it with the owner's key."""
    seed = _read_hex(key, SEED_BYTES, "secret key")
    if not directory.is_dir():
        raise NotFoundError(f"there is no database in {directory}")
    if out is not None and out.exists():
        raise InvalidError(f"{out} exists already")
    try:
        database = hyperdb.open(directory, create=False, frames=None)
    except LockedError as error:
        raise LockedError(
            f"a server owns {directory}, and an owner's key is handed to none. Take a copy: `hyperdb backup {directory} COPY`; "
            f"attest on it: `hyperdb attest COPY --app {app} --key {key} --out FILE`; "
            f"hand that over: `hyperdb attest-import {directory} FILE`"
        ) from error
    with database:
        number, signed = database.frames.attest(app, seed, frame)
    made = {"app": app, "frame": number, "attestation": signed.hex()}
    if out is not None:
        write(out, f"{json.dumps(made)}\n".encode())
    if as_json:
        print_json(made)
        return
    owner = _native.public_key_of(seed).hex()
    print_facts([("attested", f"{app} at frame {number}"), ("by", owner), ("kept in", directory), ("written to", out)])


def attest_import(
    directory: Dir,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="What `hyperdb attest --out` wrote.")],
    as_json: AsJson = False,
) -> None:
    """Hand an owner's attestation to a store: its proofs of that app at that frame then carry it."""
    wrong = InvalidError(f"{path} is no attestation")
    try:
        made = json.loads(read_bounded(path, _LONGEST_ATTESTATION, "attestation"))
        app, number, signed = str(made["app"]), int(made["frame"]), bytes.fromhex(made["attestation"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, InvalidError):
            raise
        raise wrong from error
    with target(directory) as database:
        kept = database.report("keep_attestation", app=app, frame=number, attestation=base64.b64encode(signed).decode())
    if as_json:
        print_json(kept)
    else:
        print(f"{directory} keeps the attestation of {app} at frame {number}")
