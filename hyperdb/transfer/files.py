"""Files of RDB: imported into the numbered databases, exported from one moment of them.

Theory: an import is verified, written and compared natively (native/resp/src/transfer); each of its commits says how far it has
come, so that a second call goes on where the first was cut off. An export is written beside its name, synced, and renamed.
Invariant: a file under the name asked for is whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hyperdb import _native
from hyperdb.errors import InvalidError

if TYPE_CHECKING:
    from hyperdb.database import Database

Policy = Literal["refuse", "skip", "replace"]
Progress = Callable[..., object]
"""Hears how much is done, of how much, and which phase it is."""
Json = dict[str, Any]

POLICIES = ("refuse", "skip", "replace")
EDITIONS = {"7.0": 10, "7.2": 11}
"""For which Redis a file can be written, and the version of its format."""
DATABASES = 16


def policy_of(arguments: Json) -> str:
    """What to do with keys that are there already.

    Raises:
        InvalidError: it is none of the three.
    """
    policy = arguments.get("policy", "refuse")
    if policy not in POLICIES:
        raise InvalidError(f"policy is one of {', '.join(POLICIES)}, not {policy!r}")
    return str(policy)


def sizes(database: Database) -> dict[int, int]:
    """Keys of each numbered database that has any. A command would make those that are not there yet."""
    with database.snapshot() as snapshot:
        found = {number: snapshot.app(f"redis/{number}").count() for number in range(DATABASES)}
    return {number: count for number, count in found.items() if count}


def _heard(progress: Progress) -> Callable[[str, int, int], object]:
    return lambda phase, done, total: progress(done, total, phase)


def import_file(database: Database, arguments: Json, progress: Progress) -> Json:
    """Imports the file `path`.

    Raises:
        RdbError: it is damaged or holds what has no form here; nothing was written.
        InvalidError: keys of it are there already (policy `refuse`) or cannot be; nothing was written.
    """
    pattern = arguments.get("match")
    before = sizes(database)
    done = _native.import_rdb(
        database.native,
        Path(str(arguments["path"])),
        _heard(progress),
        policy=policy_of(arguments),
        pattern=None if pattern is None else str(pattern).encode(),
        pass_modules=bool(arguments.get("skip_modules")),
        pass_functions=bool(arguments.get("skip_functions")),
        restart=bool(arguments.get("restart")),
        compare=bool(arguments.get("compare", True)),
        dry=bool(arguments.get("dry")),
    )
    columns = ("db", "keys", "expiring", "expired", "unmatched")
    compared = done.pop("compared")
    done["databases"] = [dict(zip(columns, row, strict=True)) for row in done["databases"]]
    done["facts"] = dict(done["facts"])
    done["compared"] = None if compared is None else compared[0]
    done["different"] = None if compared is None else compared[1]
    done["differing"] = [{"db": number, "key": key} for number, key in done["differing"]]
    return {**done, "before": sum(before.values()), "after": sum(sizes(database).values())}


def export_file(database: Database, arguments: Json, progress: Progress) -> Json:
    """Exports one moment into the file `path`, which must not exist unless `replace`, for a Redis of version `redis` or later.

    Raises:
        InvalidError: the file exists, or cannot be written; or no file is written for that Redis.
    """
    redis = str(arguments.get("redis", "7.2"))
    if redis not in EDITIONS:
        raise InvalidError(f"files are written for Redis {' and '.join(EDITIONS)}, not for {redis}")
    path = Path(str(arguments["path"]))
    replace = bool(arguments.get("replace"))
    if path.exists() and not replace:
        raise InvalidError(f"{path} exists already")
    if not path.parent.is_dir():
        raise InvalidError(f"there is no directory {path.parent}")
    pattern = arguments.get("match")
    beside = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.partial")
    try:
        done = _native.export_rdb(
            database.native,
            beside,
            _heard(progress),
            pattern=None if pattern is None else str(pattern).encode(),
            pass_functions=bool(arguments.get("skip_functions")),
            redis=redis,
        )
        _give_name(beside, path, replace=replace)
    finally:
        beside.unlink(missing_ok=True)
    done["databases"] = [{"db": number, "keys": keys} for number, keys in done["databases"]]
    return {**done, "version": EDITIONS[redis]}


def _give_name(beside: Path, path: Path, *, replace: bool) -> None:
    """Gives a file its name, for good."""
    try:
        if replace:
            beside.replace(path)
        else:
            # Fails where a file has come to be meanwhile.
            os.link(beside, path)
    except FileExistsError as error:
        raise InvalidError(f"{path} exists already") from error
    except OSError as error:
        raise InvalidError(f"{path} cannot be written: {error.strerror}") from error
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
