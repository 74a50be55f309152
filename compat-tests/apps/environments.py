"""Environments of Python and Node, and source distributions, for the applications: made once and kept under build/compat."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import servers

HOME = servers.ROOT / "build" / "compat"


def environment(name: str, *packages: str) -> Path:
    """The Python of a virtual environment that has these packages."""
    folder = HOME / name
    python = folder / "venv" / "bin" / "python"
    installed = folder / "installed"
    wanted = "\n".join(packages)
    if not installed.exists() or installed.read_text() != wanted:
        venv.create(folder / "venv", with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
        installed.write_text(wanted)
    return python


def source(name: str, python: Path, release: str) -> Path:
    """The unpacked source distribution of a release such as `Django==5.2`, for the tests that come with it."""
    folder = HOME / name / "source"
    if not folder.exists():
        fetched = HOME / name / "fetched"
        pip = [str(python), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        # Of the release alone: pip reads its name by what builds it, and that comes ready-made.
        alone = ["--no-binary", release.partition("==")[0]]
        subprocess.run([*pip, *alone, "-d", str(fetched), release], check=True)
        with tarfile.open(next(fetched.glob("*.tar.gz"))) as archive:
            archive.extractall(fetched, filter="data")
        next(path for path in fetched.iterdir() if path.is_dir()).rename(folder)
    return folder


def node_modules(name: str, application: Path) -> Path:
    """A copy of a Node application with the packages that its package.json names.

    Raises:
        servers.ServerFailed: when Node is not installed.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise servers.ServerFailed("node and npm are not installed (Node 20 or newer)")
    folder = HOME / name
    installed = folder / "installed"
    folder.mkdir(parents=True, exist_ok=True)
    for path in application.iterdir():
        shutil.copy(path, folder / path.name)
    wanted = (application / "package.json").read_text()
    if not installed.exists() or installed.read_text() != wanted:
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
        installed.write_text(wanted)
    return folder
