"""Files that people name on the command line: what cannot be read or written is one line, and none is read without end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperdb.errors import InvalidError

Dir = Annotated[Path, typer.Argument(metavar="DIR", help="The database's directory.")]


def read_bounded(path: Path, most: int, what: str) -> bytes:
    """A file of at most `most` bytes; of a longer one, one byte more, so that the reader can tell.

    Raises:
        InvalidError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise InvalidError(f"{what} {path} cannot be read: {error.strerror}") from error


def write(path: Path, data: bytes) -> None:
    """Writes a file, over one that is there.

    Raises:
        InvalidError: it cannot be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InvalidError(f"{path} cannot be written: {error.strerror}") from error
