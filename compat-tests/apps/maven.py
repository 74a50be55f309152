"""Java applications built with Maven: a copy under build/compat, compiled when its sources have changed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

QUIET = ("-B", "-q")


def program(name: str) -> str:
    """The path of `java` or `mvn`.

    Raises:
        servers.ServerFailed: when it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise servers.ServerFailed(f"{name} is not installed (Debian: openjdk-17-jdk-headless, maven)")
    return found


def packaged(folder: Path, name: str) -> Path:
    """The `target` folder of the project in `folder`, packaged.

    Raises:
        servers.ServerFailed: when Maven is not installed.
        subprocess.CalledProcessError: when it could not be built.
    """
    work = servers.ROOT / "build" / "compat" / name
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0{path.read_text()}\0".encode())
    made = work / "made"
    if not made.exists() or made.read_text() != digest.hexdigest():
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(folder, work / "source")
        subprocess.run([program("mvn"), *QUIET, "package"], cwd=work / "source", check=True)
        made.write_text(digest.hexdigest())
    return work / "source" / "target"
