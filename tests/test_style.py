"""The house's style, as far as a machine can see it: short files, headers that say why a file exists, no junk drawers.

Theory: what a person would have to repeat in every review is written here once. Invariant: the lists of exceptions are empty.
"""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 550
JUNK_DRAWERS = {"utils", "util", "helpers", "misc", "common"}


def _tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    return sorted(path for path in paths if path.suffix in suffixes and path.exists())


SOURCES = _tracked(".py", ".rs", ".pyi")


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_sources_are_found() -> None:
    assert len(SOURCES) > 50


@pytest.mark.parametrize("path", SOURCES, ids=_shown)
def test_file_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", SOURCES, ids=_shown)
def test_name_says_what_is_inside(path: Path) -> None:
    assert path.stem not in JUNK_DRAWERS


@pytest.mark.parametrize("path", [path for path in SOURCES if path.suffix == ".rs"], ids=_shown)
def test_rust_module_has_a_header(path: Path) -> None:
    assert path.read_text().startswith("//! ")


@pytest.mark.parametrize("path", [path for path in SOURCES if path.suffix == ".py"], ids=_shown)
def test_python_module_has_a_header(path: Path) -> None:
    text = path.read_text()
    assert not text or ast.get_docstring(ast.parse(text))
