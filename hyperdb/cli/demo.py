"""The demo: this machine's packages, and who depends on whom.

Theory: dpkg's status file is a list of paragraphs of `Field: value` lines (deb-control(5)); elsewhere the Python
environment's own distributions are read. A package is a hash, what it depends on a set, and so is who needs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from hyperdb.cli.target import Target, target
from hyperdb.errors import CommandError

STATUS = Path("/var/lib/dpkg/status")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")


@dataclass(frozen=True)
class Package:
    """An installed package."""

    name: str
    version: str
    summary: str
    needs: tuple[str, ...]


def _names(field: str) -> tuple[str, ...]:
    """Names in a Depends field: the first of each list of alternatives, without version and architecture."""
    found = (_NAME.match(part.strip()) for part in field.split(","))
    return tuple(dict.fromkeys(match.group() for match in found if match))


def read_status(path: Path) -> Iterator[Package]:
    """Installed packages of a dpkg status file."""
    for paragraph in path.read_text(errors="replace").split("\n\n"):
        fields: dict[str, str] = {}
        for line in paragraph.splitlines():
            name, colon, value = line.partition(":")
            if colon and not line.startswith((" ", "\t")):
                fields[name] = value.strip()
        if "Package" in fields and fields.get("Status", "").endswith(" installed"):
            needs = _names(", ".join(fields[key] for key in ("Pre-Depends", "Depends") if fields.get(key)))
            yield Package(fields["Package"], fields.get("Version", ""), fields.get("Description", ""), needs)


def read_distributions() -> Iterator[Package]:
    """Distributions of this Python environment."""
    for found in metadata.distributions():
        needs = tuple(dict.fromkeys(match.group() for text in found.requires or () if (match := _NAME.match(text))))
        yield Package(found.name, found.version, str(found.metadata.json.get("summary", "")), needs)


def _do(database: Target, *words: str) -> bytes:
    reply = database.command(0, [word.encode() for word in words])
    if reply.startswith(b"-"):
        raise CommandError(reply[1:].strip().decode())
    return reply


def load(database: Target, packages: list[Package]) -> int:
    """Writes packages and dependencies; how many dependencies."""
    count = 0
    for package in track(packages, "loading packages"):
        _do(database, "HSET", f"package:{package.name}", "version", package.version, "summary", package.summary)
        _do(database, "SADD", "packages", package.name)
        if package.needs:
            _do(database, "SADD", f"needs:{package.name}", *package.needs)
        for needed in package.needs:
            _do(database, "SADD", f"needed-by:{needed}", package.name)
            _do(database, "ZINCRBY", "most-needed", "1", needed)
            count += 1
    return count


def demo(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The database's directory; made if it is not there.")],
    source: Annotated[Path, typer.Option(help="A dpkg status file.")] = STATUS,
) -> None:
    """Load this machine's packages and their dependencies, then show them."""
    packages = list(read_status(source) if source.exists() else read_distributions())
    if not packages:
        packages = list(read_distributions())
    with target(directory, create=True) as database:
        _do(database, "DEL", "most-needed")
        count = load(database, packages)
        most = _do(database, "ZREVRANGE", "most-needed", "0", "4").split(b"\r\n")[2::2]
    names = [name.decode() for name in most if name]
    print(f"{len(packages)} packages, {count} dependencies")
    print(f"most needed: {', '.join(names)}")
    print("In Python:")
    print(f"    db = hyperdb.open({str(directory)!r}); app = db.app('redis/0')")
    print(f"    app.hash('package:{names[0] if names else 'bash'}').to_dict()")
    print("    app.sorted_set('most-needed').range(0, 9, reverse=True)")
    print(f"With redis-cli, while `hyperdb serve {directory}` runs:")
    print(f"    redis-cli SMEMBERS needed-by:{names[0] if names else 'libc6'}")
    print("    redis-cli ZREVRANGE most-needed 0 9 WITHSCORES")
