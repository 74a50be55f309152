"""The demo: this machine's packages, who depends on whom, and a proof of one package's dependencies.

Theory: dpkg's status file is a list of paragraphs of `Field: value` lines (deb-control(5)); elsewhere the Python
environment's own distributions are read. A package is a vertex, its dependencies are a hyperedge whose members refer to the
packages needed; who needs a package is then what it is incident to, which nobody has to store. Two tables of SQL say the same.
The proof is checked against the root alone by the pure verifier, which knows nothing of the engine.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from hyperdb.cli.sql_meta import literal
from hyperdb.cli.target import Target, target
from hyperdb.commitment.verify import Complete, Root, verify
from hyperdb.errors import SqlError

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


_MOST_ROWS = 500
TABLES = """
CREATE TABLE IF NOT EXISTS packages (name text PRIMARY KEY, version text NOT NULL, summary text NOT NULL);
CREATE TABLE IF NOT EXISTS dependencies (package text REFERENCES packages, needs text, PRIMARY KEY (package, needs));
CREATE INDEX IF NOT EXISTS dependencies_needs ON dependencies (needs)
"""
ASKED = "SELECT needs, count(*) FROM dependencies GROUP BY needs ORDER BY count(*) DESC, needs LIMIT 5"


def load_tables(database: Target, packages: list[Package]) -> None:
    """The same as tables of SQL, in one transaction.

    Raises:
        SqlError: tables of these names are something else.
    """
    unique = {package.name: package for package in packages}.values()
    rows: dict[str, list[tuple[str, ...]]] = {
        "packages": [(each.name, each.version, each.summary) for each in unique],
        "dependencies": [(each.name, name) for each in unique for name in each.needs],
    }
    texts = [TABLES, "BEGIN; TRUNCATE dependencies, packages"]
    for table, values in rows.items():
        shown = [f"({', '.join(map(literal, row))})" for row in values]
        parts = (shown[at : at + _MOST_ROWS] for at in range(0, len(shown), _MOST_ROWS))
        texts += [f"INSERT INTO {table} VALUES {', '.join(part)}" for part in parts]  # noqa: S608 - values are quoted
    for text in track([*texts, "COMMIT"], "tables      "):
        for page in database.sql(text):
            if page.error is not None:
                raise SqlError("XX000", page.error.removeprefix("ERROR:").strip())


def most_needed(packages: list[Package], count: int) -> list[str]:
    """Names of the packages that most others need, most needed first."""
    needed = Counter(name for package in packages for name in package.needs)
    return [name for name, _ in needed.most_common(count)]


@dataclass(frozen=True)
class Proved:
    """The dependencies of one package, proved complete."""

    package: str
    names: tuple[str, ...]
    """As the proof shows them."""
    root: str
    frame: int
    bundle_bytes: int
    """What the verifier was given beside the root."""
    verify_ms: float
    """In pure Python."""


def prove_needs(database: Target, package: Package, clock: Callable[[], float] = time.perf_counter) -> Proved:
    """Seals a frame, proves all members of a package's hyperedge, and verifies that in pure Python.

    Raises:
        VerificationError: the proof does not show it.
    """
    # The pairing takes a tenth of a second to load, which is no part of verifying.
    import_module("hyperdb.commitment.verify.pairing")
    key = base64.b64encode(f"{NEEDS}{package.name}".encode()).decode()
    made = database.report("prove", app="redis/0", keys=[key], form="rows", seal=True)
    bundle = base64.b64decode(made["bundle"])
    began = clock()
    verified = verify(bundle, trusted=Root(bytes.fromhex(made["root"])), app="redis/0")
    millis = (clock() - began) * 1000
    (answer,) = verified.answers
    names = tuple(row.name.decode() for row in answer.rows) if isinstance(answer, Complete) else ()
    return Proved(package.name, names, made["root"], made["frame"], len(bundle), millis)


def _print_proved(proved: Proved) -> None:
    print(f"Proved in {proved.bundle_bytes} bytes, verified in pure Python in {proved.verify_ms:.0f} ms: {proved.package} needs")
    print(f"    {', '.join(proved.names)}")
    print(f"under frame {proved.frame}, root {proved.root}")
    print(
        "What this shows: whoever has that root can tell, without this database, that nothing was left out of the list or added."
    )


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
        load_tables(database, packages)
        most = most_needed(packages, 5)
        shown = most[0] if most else packages[0].name
        dependent = [package for package in packages if package.needs]
        proved = prove_needs(database, max(dependent, key=lambda package: len(package.needs))) if dependent else None
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
    print(f"With psql, while `hyperdb serve {directory} --sql 127.0.0.1:5432` runs:")
    print(f'    psql -h 127.0.0.1 -U postgres hyperdb -c "{ASKED}"')
    print(f"With cqlsh, while `hyperdb serve {directory} --cql 127.0.0.1:9042` runs:")
    print(f"    cqlsh -e \"SELECT needs FROM public.dependencies WHERE package = '{packages[0].name}'\"")  # noqa: S608 - shown, not run
    print(f"Without a server: hyperdb shell --sql {directory}")
    if proved is None:
        print("No package needs another one, so there is nothing to prove.")
    else:
        _print_proved(proved)
