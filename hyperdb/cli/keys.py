"""Keys of owners and recipients: made and shown here, used to attest and to decrypt, never sent anywhere.

Theory: an owner who need not trust the store recomputes an app's root on an own copy of the data and signs it
(docs/commitment.md, Attestation of an owner); a recipient opens what was encrypted to the same kind of key
(docs/encryption.md). The secret is 57 random bytes, the seed of an Ed448 key, as hex in a file of mode 0600, or behind a
passphrase.
Invariant: a secret is read by the process that uses it, which owns the copy; a directory that a server owns is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from pathlib import Path
from typing import Annotated

import typer

import hyperdb
from hyperdb import _native
from hyperdb.cli.files import Dir, read_bounded, write
from hyperdb.cli.output import AsJson, print_facts, print_json
from hyperdb.cli.target import target
from hyperdb.encryption import SecretKey
from hyperdb.encryption.key_files import MOST_KEY_FILE, Protected, plain, protected, read_key
from hyperdb.errors import InvalidError, LockedError, NotFoundError
from hyperdb.oblivious.audit import audit
from hyperdb.oblivious.epochs import Source
from hyperdb.oblivious.manifest import MOST_BYTES, read_manifest

PUBLIC_BYTES = 57
_OWNER_ONLY = 0o600
_LONGEST_KEY_FILE = 1024
_LONGEST_ATTESTATION = 1 << 16

_FROM_ENVIRONMENT = "HYPERDB_KEY_PASSPHRASE"

key_verbs = typer.Typer(help="Keys, and files encrypted to them.", no_args_is_help=True)
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


def _passphrase(path: Path, confirm: bool = False) -> str:
    """From the environment, or asked for on the terminal."""
    given = os.environ.get(_FROM_ENVIRONMENT)
    return (
        given if given is not None else str(typer.prompt(f"Passphrase of {path}", hide_input=True, confirmation_prompt=confirm))
    )


def _stored_key(path: Path) -> SecretKey | Protected:
    try:
        return read_key(read_bounded(path, MOST_KEY_FILE, "secret key"))
    except InvalidError as error:
        raise InvalidError(f"{path}: {error}") from error


def secret_key(path: Path) -> SecretKey:
    """The secret key of a file; for its passphrase, if it has one, the environment or the terminal is asked."""
    stored = _stored_key(path)
    return stored if isinstance(stored, SecretKey) else stored.unlock(_passphrase(path))


@key_verbs.command("new")
def new(
    path: KeyFile,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help=f"Protects it by a passphrase, asked for or from {_FROM_ENVIRONMENT}.")
    ] = False,
) -> None:
    """Make a secret key and print its public key; an existing file is never overwritten."""
    key = SecretKey.generate()
    text = protected(key, _passphrase(path, confirm=True)) if passphrase else plain(key)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY)
    except FileExistsError as error:
        raise InvalidError(f"{path} exists already: a key is never overwritten") from error
    except OSError as error:
        raise InvalidError(f"{path} cannot be made: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    print(key.public)


@key_verbs.command("show")
def show(path: KeyFile) -> None:
    """Print the public key of a secret key."""
    print(_stored_key(path).public)


def attest(
    directory: Dir,
    app: Annotated[str, typer.Option(help="The app to recompute and sign.")],
    key: Annotated[Path, typer.Option(help="The owner's secret key (`hyperdb key new`).")],
    frame: Annotated[int | None, typer.Option(min=1, help="Which frame; default the newest.")] = None,
    out: Annotated[Path | None, typer.Option(help="Writes the attestation to this new file.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="An epoch's manifest: recomputed too, and signed with the root.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute an app's root from the data of this copy, and sign it with the owner's key."""
    told = None if manifest is None else read_manifest(read_bounded(manifest, MOST_BYTES, "manifest"))
    if told is not None and (told.app != app.encode() or frame not in (None, told.frame.number)):
        raise InvalidError(f"{manifest} is of {told.app.decode(errors='replace')} at frame {told.frame.number}")
    seed = secret_key(key).seed
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
        if told is None:
            number, signed = database.frames.attest(app, seed, frame)
        else:
            found = audit(Source.of(database.native), told)
            if found:
                raise InvalidError(f"{manifest} is not what this copy gives: {'; '.join(found)}")
            number, signed = database.frames.attest(app, seed, told.frame.number, manifest=told.digest())
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
