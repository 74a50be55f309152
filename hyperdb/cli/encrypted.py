"""Files encrypted, verified, decrypted and shared: `hyperdb key encrypt | verify | decrypt | share`.

Theory: docs/encryption.md. What is written has its name only once it is whole: it is written beside, and renamed.
Invariant: nothing is overwritten; a plaintext is there under its name only if all of it authenticated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from hyperdb import encryption
from hyperdb.cli.keys import public_key, secret_key
from hyperdb.cli.output import AsJson, print_facts, print_json
from hyperdb.encryption import BlindingKey, Place, PublicKey
from hyperdb.errors import HyperDBError, InvalidError

Source = Annotated[Path, typer.Argument(metavar="SOURCE", help="The file to read.")]
Target = Annotated[Path, typer.Argument(metavar="TARGET", help="The file to write; it must not exist.")]
To = Annotated[list[str], typer.Option(help="A recipient's Ed448 public key, hexadecimal or in a file; may be repeated.")]
KeyOption = Annotated[Path, typer.Option(help="The secret key's file (`hyperdb key new`).")]


def _recipients(names: Sequence[str]) -> list[PublicKey]:
    return [PublicKey(public_key(name, "recipient's public key")) for name in names]


@contextmanager
def _reading(path: Path, mode: str = "rb") -> Iterator[tuple[BinaryIO, int]]:
    """A file and its size."""
    try:
        file: BinaryIO = path.open(mode)  # type: ignore[assignment]
    except OSError as error:
        raise InvalidError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        yield file, size


@contextmanager
def _writing(path: Path) -> Iterator[BinaryIO]:
    """A new file, readable by its owner alone, that has its name when all was written."""
    if path.exists():
        raise InvalidError(f"{path} exists already")
    beside = path.with_name(f"{path.name}.part")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InvalidError(f"{beside} cannot be made: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], object]]:
    columns = (what, BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.update(task, advance=count)


def encrypt(
    source: Source,
    target: Target,
    to: To,
    app: Annotated[str, typer.Option(help="The app that it is for.")] = "",
    id: Annotated[list[str] | None, typer.Option(help="A component of its key; may be repeated.")] = None,  # noqa: A002
    blind_with: Annotated[Path | None, typer.Option(help="A secret key; hides the components by what follows from it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Encrypt a file so that everybody can check, without a key, that the recipients can open it."""
    components = id or []
    if blind_with is not None:
        if not components:
            raise InvalidError("--blind-with hides --id, and there is none")
        key = BlindingKey.of(secret_key(blind_with), app).blind(*components)
    elif len(components) > 1:
        raise InvalidError("several --id are hidden one by one: --blind-with says by which key")
    else:
        key = "".join(components).encode()
    recipients = _recipients(to)
    with _reading(source) as (file, size), _writing(target) as sink, _progress("encrypt", size) as progress:
        header = encryption.encrypt_file(file, size, sink, Place(app, key), recipients, progress=progress)
    shown = {"app": app, "key": key.hex(), "length": header.length, "recipients": [str(each) for each in recipients]}
    _tell(shown, as_json)


def _tell(shown: dict[str, object], as_json: bool) -> None:
    if as_json:
        print_json(shown)
        return
    facts = {name: "\n".join(map(str, value)) if isinstance(value, list) else value for name, value in shown.items()}
    print_facts(list(facts.items()))


def verify(
    source: Source,
    to: Annotated[list[str] | None, typer.Option(help="To whom it must be encrypted; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check without any key that an encrypted file's recipients can recover its key, and say who they are."""
    required = _recipients(to or [])
    with _reading(source) as (file, size), _progress("verify", size) as progress:
        header, recipients = encryption.verify_file(file, required=required, progress=progress)
    place = header.place
    shown = {
        "verified": "each recipient can recover the object's key; that its body opens under that key is not shown",
        "app": place.app,
        "key": place.key.hex(),
        "length": header.length,
        "recipients": [str(each) for each in recipients],
    }
    _tell(shown, as_json)


def decrypt(source: Source, target: Target, key: KeyOption) -> None:
    """Decrypt a file; nothing is left of it unless all of it is what was encrypted."""
    secret = secret_key(key)
    with _reading(source) as (file, size), _writing(target) as sink, _progress("decrypt", size) as progress:
        header = encryption.decrypt_file(file, sink, secret, progress=progress)
    print(f"{target} holds {header.length} bytes")


def share(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="An encrypted file; a capsule is added to it.")],
    key: KeyOption,
    to: Annotated[str, typer.Option(help="The new recipient's Ed448 public key, hexadecimal or in a file.")],
) -> None:
    """Let one more recipient open an encrypted file; what is encrypted stays as it is."""
    secret, (recipient,) = secret_key(key), _recipients([to])
    with _reading(source, "r+b") as (file, size):
        try:
            encryption.share_file(file, secret, recipient)
        except HyperDBError:
            raise
        except OSError as error:
            file.truncate(size)
            raise InvalidError(f"{source} cannot be written: {error.strerror}") from error
    print(f"{source} is encrypted to {recipient}, too")
