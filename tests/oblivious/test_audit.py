"""Whoever has a copy of a store finds out what is wrong with an epoch of it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

import hyperdb
from hyperdb import Database
from hyperdb.cli import main
from hyperdb.errors import CancelledError, NotSealedError
from hyperdb.oblivious.audit import audit
from hyperdb.oblivious.epochs import Source, build, rebuild

from .conftest import APP, fill


def test_an_honest_epoch_passes_on_a_copy(tmp_path: Path) -> None:
    with hyperdb.open(tmp_path / "store", frames=None) as db:
        fill(db)
        db.seal()
        source = Source.of(db.native)
        first = build(source, APP)
        fill(db, count=60, seed=3)
        db.app(APP).remove("large")
        db.seal()
        second = rebuild(source, first, threads=2)
        db.backup(tmp_path / "copy")
    with hyperdb.open(tmp_path / "copy", create=False, frames=None) as copy:
        for epoch in (first, second):
            assert audit(Source.of(copy.native), epoch.manifest, threads=2) == ()


def test_whatever_a_store_lies_about_is_named(db: Database, source: Source) -> None:
    manifest = build(source, APP).manifest
    pages, overflow = manifest.pages, manifest.overflow
    for other, told in (
        (replace(manifest, elements=manifest.elements - 1), "elements"),
        (replace(manifest, pages=replace(pages, hint=bytes(32))), "the hint of pages"),
        (replace(manifest, pages=replace(pages, data=bytes(32))), "pages holds other bytes"),
        (replace(manifest, overflow=replace(overflow, hint=bytes(32))), "the hint of overflow"),
        (replace(manifest, head=replace(manifest.head, signature=bytes(171))), "what pages begin with"),
        (replace(manifest, fences=manifest.fences[:1], columns=manifest.columns[:1]), "do not fit into these intervals"),
    ):
        found = audit(source, other)
        assert any(told in text for text in found), (told, found)


def test_a_copy_from_before_the_epoch_says_so(db: Database, source: Source) -> None:
    db.app(APP).put("later", b"")
    db.seal()
    manifest = build(source, APP).manifest
    with hyperdb.open(":memory:", frames=None) as other:
        fill(other)
        other.seal()
        with pytest.raises(NotSealedError):
            audit(Source.of(other.native), manifest)
        other.app(APP).put("later", b"")
        other.seal()
        assert audit(Source.of(other.native), manifest) == (f"frame {manifest.frame.number} has another root in this copy",)


def test_audit_and_attest_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with hyperdb.open(tmp_path / "store", frames=None) as db:
        fill(db, count=20)
        db.seal()
        manifest = build(Source.of(db.native), APP).manifest
    true, false = tmp_path / "manifest", tmp_path / "other"
    true.write_bytes(bytes(manifest))
    false.write_bytes(bytes(replace(manifest, elements=manifest.elements + 1)))
    key, signed = tmp_path / "key", tmp_path / "signed"
    for words, status, said in (
        (("audit", "store", true), 0, "the epoch is what this copy gives"),
        (("audit", "store", false), 1, f"the frame has {manifest.elements} elements"),
        (("audit", "store", key), 1, "key"),
        (("key", "new", key), 0, ""),
        (("attest", "store", "--app", APP, "--key", key, "--manifest", false), 1, "is not what this copy gives"),
        (("attest", "store", "--app", "other", "--key", key, "--manifest", true), 1, f"is of {APP} at frame"),
        (("attest", "store", "--app", APP, "--key", key, "--manifest", true, "--out", signed), 0, "attested"),
    ):
        given = [str(tmp_path / word) if word == "store" else str(word) for word in words]
        with mock.patch.object(sys, "argv", ["hyperdb", *given]), pytest.raises(SystemExit) as ended:
            main()
        out = "".join(capsys.readouterr())
        assert (ended.value.code or 0) == status, (given, out)
        assert said in out.replace("\n", " ") or said in out, (given, out)
    record = bytes.fromhex(json.loads(signed.read_text())["attestation"])
    assert record[32:64] == manifest.digest()


def test_laying_out_can_be_given_up(db: Database, source: Source) -> None:
    for number in range(2000):
        db.app(APP).put(f"more:{number}", bytes(200))
    db.seal()
    with pytest.raises(CancelledError):
        build(source, APP, go_on=lambda _pages: False)

    def fails(_pages: int) -> bool:
        raise KeyError("progress")

    with pytest.raises(KeyError, match="progress"):
        build(source, APP, threads=2, go_on=fails)
