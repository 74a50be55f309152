"""What the documentation tells people to type, typed: the README's proof and everything in docs/proofs.md."""

from __future__ import annotations

import ast
import io
import re
import shlex
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import hyperdb
from hyperdb.cli import main

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^( *)```(python|console)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of each block of code, without its indentation."""
    found = _BLOCK.finditer(text)
    return [(match[2], "\n".join(line.removeprefix(match[1]) for line in match[3].splitlines())) for match in found]


def typed(line: str, names: dict[str, str]) -> None:
    """A line of a console: it must end well, without a word on standard error."""
    for name, value in names.items():
        line = line.replace(f"${name}", value)
    out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    with mock.patch.multiple(sys, argv=shlex.split(line), stdout=out, stderr=err), pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code or 0, err.getvalue()) == (0, ""), line


def test_the_readmes_proof(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "README.md").read_text()
    section = text[text.index("## What a proof shows") :]
    language, code = blocks(section)[0]
    assert language == "python"
    exec(compile(code, "README.md", "exec"), {})
    fields, nobody = capsys.readouterr().out.splitlines()
    # In the order of their hashes, which every store has of its own.
    assert (ast.literal_eval(fields), nobody) == ({b"name": b"Ada", b"born": b"1815"}, "Absent")


def test_the_page_about_proofs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    found = blocks((ROOT / "docs/proofs.md").read_text())
    assert {language for language, _ in found} == {"python", "console"} and len(found) == 5
    names: dict[str, Any] = {}
    for language, code in found:
        if language == "python":
            exec(compile(code, "docs/proofs.md", "exec"), names)
            continue
        for line in code.splitlines():
            variables: dict[str, str] = {}
            if "$ROOT" in line:
                with hyperdb.open("data", frames=None) as db:
                    newest = db.frames.newest()
                    assert newest is not None
                    variables["ROOT"] = newest.root.hex()
                    variables["FIRST"] = db.frames.get(1).root.hex()
            if "$OWNER" in line:
                variables["OWNER"] = hyperdb._native.public_key_of(bytes.fromhex(Path("owner.key").read_text())).hex()
            typed(line.removeprefix("$ "), variables)
    assert (tmp_path / "proof.svg").read_text().startswith("<svg")
