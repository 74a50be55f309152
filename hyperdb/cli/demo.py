"""The demo: this machine's packages, and who depends on whom.

Theory: dpkg's status file is a list of paragraphs of `Field: value` lines (deb-control(5)); elsewhere the Python
environment's own distributions are read. A package is a vertex, its dependencies are a hyperedge whose members refer to the
packages needed; who needs a package is then what it is incident to, which nobody has to store.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from hyperdb.cli.target import Target, target

STATUS = Path("/var/lib/dpkg/status")
NEEDS = "needs:"
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


def load(database: Target, packages: list[Package]) -> int:
    """Writes packages and dependencies; how many dependencies."""
    known = {package.name for package in packages}
    needed = Counter(name for package in packages for name in package.needs)
    # What is needed under a name that no package has (a virtual package, an alternative) is a vertex as well.
    missing = [Package(name, "", "not installed under this name", ()) for name in needed if name not in known]
    for package in track([*packages, *missing], "packages    "):
        text = json.dumps({"version": package.version, "summary": package.summary})
        database.add_vertex(0, f"package:{package.name}", text)
    for package in track(packages, "dependencies"):
        if package.needs:
            database.add_hyperedge(0, f"{NEEDS}{package.name}", {name: f"package:{name}" for name in package.needs})
    return needed.total()


def most_needed(packages: list[Package], count: int) -> list[str]:
    """Names of the packages that most others need, most needed first."""
    needed = Counter(name for package in packages for name in package.needs)
    return [name for name, _ in needed.most_common(count)]


def demo(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The database's directory; made if it is not there.")],
    source: Annotated[Path, typer.Option(help="A dpkg status file.")] = STATUS,
) -> None:
    """Load this machine's packages and their dependencies, then show them."""
    packages = list(read_status(source) if source.exists() else read_distributions())
    if not packages:
        packages = list(read_distributions())
    with target(directory, create=True) as database:
        count = load(database, packages)
        most = most_needed(packages, 5)
        shown = most[0] if most else packages[0].name
        needed_by = [edge.removeprefix(NEEDS) for edge in database.incident(0, f"package:{shown}")]
    print(f"{len(packages)} packages, {count} dependencies")
    print(f"most needed: {', '.join(most)}")
    print(f"who needs {shown}: {len(needed_by)} packages: {', '.join(needed_by[:8])}{' ...' if len(needed_by) > 8 else ''}")
    print("In Python:")
    print(f"    db = hyperdb.open({str(directory)!r}); app = db.app('redis/0')")
    print(f"    list(app.incident('package:{shown}'))                   # who needs it")
    print(f"    list(app.hyperedge('{NEEDS}{packages[0].name}').members())       # what a package needs")
    print(f"With redis-cli, while `hyperdb serve {directory}` runs:")
    print(f"    redis-cli GET package:{shown}")
